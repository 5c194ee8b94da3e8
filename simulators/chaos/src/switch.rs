//! The switch as a child process: one life after the other in the same directory.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use pointsman_sim_common::{Exit, Failure};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStderr, Command};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use crate::setup::LISTENERS;

/// How long a drain may take, beyond the `drain_timeout` of the configuration.
const END_PATIENCE: Duration = Duration::from_secs(15);

/// Where a switch lives, and what it is.
#[derive(Clone, Debug)]
pub(crate) struct Home {
    pub(crate) directory: PathBuf,
    pub(crate) program: PathBuf,
}

/// Where it listens, and how long that took.
#[derive(Clone, Debug)]
pub(crate) struct Opened {
    pub(crate) doors: Vec<SocketAddr>,
    pub(crate) metrics: SocketAddr,
    pub(crate) after: Duration,
}

/// A running switch. Killed when dropped.
#[derive(Debug)]
pub(crate) struct Life {
    child: Child,
    opened: oneshot::Receiver<Opened>,
    reading: JoinHandle<io::Result<()>>,
    log: PathBuf,
}

impl Home {
    pub(crate) fn journal(&self) -> PathBuf {
        self.directory.join("journal")
    }

    fn config(&self) -> PathBuf {
        self.directory.join("chaos.toml")
    }

    pub(crate) fn write_config(&self, text: &str) -> Result<(), Failure> {
        let path = self.config();
        std::fs::write(&path, text)
            .map_err(|error| cannot(format_args!("write {}", path.display()), &error))
    }

    /// Starts the switch where the last one ended.
    pub(crate) fn start(&self, number: u64) -> Result<Life, Failure> {
        let log = self.directory.join(format!("life-{number:04}.log"));
        let file = File::create(&log)
            .map_err(|error| cannot(format_args!("write {}", log.display()), &error))?;
        let started = Instant::now();
        let mut child = Command::new(&self.program)
            .args(["serve", "--log", "info", "--log-format", "json", "--config"])
            .arg(self.config())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| cannot(format_args!("start {}", self.program.display()), &error))?;
        let stderr = child
            .stderr
            .take()
            .ok_or_else(|| Failure::new(Exit::IO, "the log of the switch cannot be read"))?;
        let (tell, opened) = oneshot::channel();
        let reading = tokio::spawn(read(stderr, BufWriter::new(file), started, tell));
        Ok(Life {
            child,
            opened,
            reading,
            log,
        })
    }
}

impl Life {
    /// Waits until it listens everywhere.
    ///
    /// # Errors
    /// It has ended before.
    pub(crate) async fn opened(&mut self) -> Result<Opened, Failure> {
        match (&mut self.opened).await {
            Ok(opened) => Ok(opened),
            Err(_) => {
                let status = self.child.wait().await;
                let status = status.map_or_else(|error| error.to_string(), |it| it.to_string());
                Err(Failure::new(
                    Exit::FAILED,
                    format_args!(
                        "the switch does not start ({status}); its last words are in {}:\n{}",
                        self.log.display(),
                        self.last_words()
                    ),
                ))
            }
        }
    }

    fn last_words(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().rev().take(5).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }

    /// Waits until it ends by itself, which it should not.
    pub(crate) async fn ended(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// SIGKILL: nothing more is written, said or closed in good order.
    pub(crate) async fn kill(mut self) -> io::Result<()> {
        self.child.kill().await?;
        self.log_read().await
    }

    /// SIGTERM, and its status; none if it had to be killed.
    pub(crate) async fn terminate(mut self) -> io::Result<Option<ExitStatus>> {
        let id = self
            .child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .and_then(Pid::from_raw);
        if let Some(id) = id {
            kill_process(id, Signal::TERM)?;
        }
        let status = match timeout(END_PATIENCE, self.child.wait()).await {
            Ok(status) => Some(status?),
            Err(_) => {
                self.child.kill().await?;
                None
            }
        };
        self.log_read().await?;
        Ok(status)
    }

    async fn log_read(self) -> io::Result<()> {
        match self.reading.await {
            Ok(read) => read,
            Err(error) => Err(io::Error::other(error)),
        }
    }
}

/// Copies the log into its file, and tells where the switch listens as soon as it has said so.
async fn read(
    stderr: ChildStderr,
    mut file: BufWriter<File>,
    started: Instant,
    tell: oneshot::Sender<Opened>,
) -> io::Result<()> {
    let mut lines = BufReader::new(stderr).lines();
    let mut tell = Some(tell);
    let (mut doors, mut metrics) = (Vec::new(), None);
    while let Some(line) = lines.next_line().await? {
        writeln!(file, "{line}")?;
        if tell.is_none() {
            continue;
        }
        // What is said about the configuration comes as text, before the log.
        let Ok(event) = serde_json::from_str::<serde_json::Value>(&line) else {
            continue;
        };
        let text = |name: &str| event.get(name).and_then(serde_json::Value::as_str);
        let address = || text("address").and_then(|address| address.parse().ok());
        match text("message") {
            Some("listening") => doors.extend(address()),
            Some("metrics at /metrics") => metrics = address(),
            _ => {}
        }
        if doors.len() == LISTENERS.len()
            && let Some(metrics) = metrics
            && let Some(tell) = tell.take()
        {
            // Whoever does not wait any more has killed it.
            let _ = tell.send(Opened {
                doors: std::mem::take(&mut doors),
                metrics,
                after: started.elapsed(),
            });
        }
    }
    file.flush()
}

fn cannot(what: std::fmt::Arguments<'_>, error: &io::Error) -> Failure {
    Failure::new(Exit::CANNOT_CREATE, format_args!("cannot {what}: {error}"))
}
