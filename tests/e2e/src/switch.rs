//! The switch as a process.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;

use anyhow::Context;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};

use crate::{PATIENCE, pointsman};

/// `pointsman serve` with a config of its own. Killed when dropped.
#[derive(Debug)]
pub struct SwitchProcess {
    child: Child,
    log: Lines<BufReader<ChildStderr>>,
    listeners: Vec<SocketAddr>,
    metrics: Option<SocketAddr>,
    /// Holds the config, and the journal beside it.
    home: Arc<TempDir>,
}

impl SwitchProcess {
    /// Starts it and waits until every listener is open. Listeners should bind
    /// port 0: the log says which port each one got.
    pub async fn start(name: &str, config: &str) -> anyhow::Result<Self> {
        let home = tempfile::Builder::new()
            .prefix(&format!("pointsman-e2e-{name}-"))
            .tempdir()?;
        Self::start_in(Arc::new(home), config).await
    }

    /// Starts it where another one ran before: it goes on with that one's journal.
    pub async fn start_in(home: Arc<TempDir>, config: &str) -> anyhow::Result<Self> {
        let path = home.path().join("pos.toml");
        std::fs::write(&path, config)?;
        let mut child = Command::new(pointsman())
            .args([
                "serve",
                "--log",
                "debug",
                "--log-format",
                "json",
                "--config",
            ])
            .arg(&path)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let stderr = child.stderr.take().context("stderr is piped")?;
        let mut process = Self {
            child,
            log: BufReader::new(stderr).lines(),
            listeners: Vec::new(),
            metrics: None,
            home,
        };
        let wanted = config.matches("[[listener]]").count();
        while process.listeners.len() < wanted {
            let line = process.next_line().await?;
            let address = || {
                line.get("address")
                    .and_then(serde_json::Value::as_str)
                    .and_then(|address| address.parse().ok())
            };
            match line.get("message").and_then(serde_json::Value::as_str) {
                Some("listening") => process.listeners.extend(address()),
                Some("metrics at /metrics") => process.metrics = address(),
                _ => {}
            }
        }
        Ok(process)
    }

    /// The n-th listener of the config.
    pub fn listener(&self, number: usize) -> anyhow::Result<SocketAddr> {
        self.listeners
            .get(number)
            .copied()
            .context("no such listener")
    }

    pub fn metrics(&self) -> anyhow::Result<SocketAddr> {
        self.metrics.context("the config has no [metrics]")
    }

    /// Where its journal is.
    pub fn journal(&self) -> PathBuf {
        self.home.path().join("journal")
    }

    /// What `/metrics` says.
    pub async fn metrics_text(&self) -> anyhow::Result<String> {
        let mut stream = tokio::net::TcpStream::connect(self.metrics()?).await?;
        stream
            .write_all(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
            .await?;
        let mut text = String::new();
        stream.read_to_string(&mut text).await?;
        Ok(text)
    }

    /// Reads the log until a line holds `text`, and returns it.
    pub async fn wait_for_log(&mut self, text: &str) -> anyhow::Result<serde_json::Value> {
        loop {
            let line = self
                .next_line()
                .await
                .with_context(|| format!("waiting for `{text}`"))?;
            if line.to_string().contains(text) {
                return Ok(line);
            }
        }
    }

    /// Ends it as a power cut of the process would, and gives its home for the next one.
    pub async fn kill(mut self) -> anyhow::Result<Arc<TempDir>> {
        self.child.kill().await?;
        Ok(self.home)
    }

    /// Asks for a drain, as an operator would.
    pub async fn terminate(&self) -> anyhow::Result<()> {
        self.signal("-TERM").await
    }

    /// Sends a signal, such as `-HUP`.
    pub async fn signal(&self, signal: &str) -> anyhow::Result<()> {
        let id = self.child.id().context("the switch has ended")?;
        let status = Command::new("kill")
            .args([signal, &id.to_string()])
            .status()
            .await?;
        anyhow::ensure!(status.success(), "kill: {status}");
        Ok(())
    }

    pub async fn wait(&mut self) -> anyhow::Result<ExitStatus> {
        // Its log must be read, or the switch would wait for a full pipe.
        let drain = async { while let Ok(Some(_)) = self.log.next_line().await {} };
        let (status, ()) =
            tokio::time::timeout(PATIENCE, async { tokio::join!(self.child.wait(), drain) })
                .await
                .context("the switch does not end")?;
        Ok(status?)
    }

    async fn next_line(&mut self) -> anyhow::Result<serde_json::Value> {
        loop {
            let line = tokio::time::timeout(PATIENCE, self.log.next_line())
                .await
                .context("the log is silent")??
                .context("the switch has ended")?;
            // Diagnostics about the config come as text, before the log.
            if let Ok(line) = serde_json::from_str(&line) {
                return Ok(line);
            }
        }
    }
}

/// # Panics
/// If the metrics lack the series.
#[track_caller]
pub fn assert_has(metrics: &str, series: &str) {
    assert!(metrics.contains(series), "{series} is not in:\n{metrics}");
}
