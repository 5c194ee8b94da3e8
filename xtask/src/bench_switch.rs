//! CPU per transaction of the switch against a bare relay, in the same run.
//!
//! For each number of connections: a bank and a load generator, first with the
//! relay between them, then with the switch, each a process of its own. The
//! figure is the process's own CPU time over the measured window divided by the
//! transactions that the generator counted as answered, which holds on a busy
//! machine; throughput is shown for orientation only.
//!
//! The switch transcodes (`iso87-bcd` from terminals, `iso87-ascii` to the
//! bank); the relay moves `iso87-bcd` and parses nothing. The switch runs twice:
//! with `durability = "relaxed"`, and with `"commit"`, where what each terminal is
//! told waits for the disk. Both are held against a probe of the disk's own sync.
//! Two links share the load, since the trace numbers of one last for 100,000
//! transactions a second.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};

/// Clock ticks of `/proc/PID/stat` in a second: USER_HZ, 100 on Linux.
const TICKS_PER_SECOND: f64 = 100.0;
const START_TIMEOUT: Duration = Duration::from_secs(20);
/// What the project sets itself: durable against relaxed throughput at the numbers of connections where it matters.
const DURABLE_MIN: f64 = 0.7;
const DURABLE_CONNECTIONS: [usize; 2] = [64, 512];
/// Syncs of the probe.
const PROBES: usize = 2_000;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Terminal connections of each run.
    #[arg(long, value_delimiter = ',', default_value = "64,512,5000")]
    connections: Vec<usize>,
    /// Seconds under load per run.
    #[arg(long, default_value_t = 8)]
    seconds: u64,
    /// Threads of the relay and of the switch.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Exit with 1 if durable throughput is below 70 % of relaxed.
    #[arg(long)]
    gate: bool,
}

#[derive(Debug, Clone, Copy)]
struct Figures {
    cpu_microseconds: f64,
    transactions_per_second: f64,
}

pub(crate) fn run(root: &Path, args: &Args) -> anyhow::Result<()> {
    crate::cargo(
        root,
        &[
            "build",
            "--release",
            "-p",
            "pointsman",
            "-p",
            "pointsman-test-relay",
        ],
    )?;
    let bench = Bench::new(root, args)?;
    println!(
        "closed loop, {} s a run, {} threads; CPU µs per transaction (thousand transactions per second)",
        args.seconds, args.threads
    );
    println!(
        "{:>12} {:>14} {:>14} {:>14} {:>9} {:>17} {:>16}",
        "connections",
        "bare relay",
        "relaxed",
        "commit",
        "× relay",
        "commit : relaxed",
        "disk sync p50"
    );
    let mut met = true;
    for &connections in &args.connections {
        let relay = bench.relay(connections)?;
        let relaxed = bench.switch(connections, "relaxed")?;
        let probe = bench.probe()?;
        let commit = bench.switch(connections, "commit")?;
        let durable = commit.transactions_per_second / relaxed.transactions_per_second;
        if DURABLE_CONNECTIONS.contains(&connections) {
            met &= durable >= DURABLE_MIN;
        }
        println!(
            "{connections:>12} {:>14} {:>14} {:>14} {:>9.2} {durable:>17.2} {:>13} µs",
            relay.show(),
            relaxed.show(),
            commit.show(),
            relaxed.cpu_microseconds / relay.cpu_microseconds,
            probe.as_micros(),
        );
    }
    println!(
        "durable throughput at 64 and 512 connections at least {DURABLE_MIN} of relaxed: {}",
        if met { "met" } else { "NOT met" }
    );
    ensure!(met || !args.gate, "durable throughput is too low");
    Ok(())
}

impl Figures {
    fn show(&self) -> String {
        format!(
            "{:.1} ({:.0})",
            self.cpu_microseconds,
            self.transactions_per_second / 1_000.0
        )
    }
}

struct Bench {
    binaries: PathBuf,
    scratch: PathBuf,
    seconds: u64,
    threads: usize,
}

impl Bench {
    fn new(root: &Path, args: &Args) -> anyhow::Result<Self> {
        let target =
            std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
        let scratch = target.join("bench-switch");
        fs::create_dir_all(&scratch)?;
        Ok(Self {
            binaries: target.join("release"),
            scratch,
            seconds: args.seconds,
            threads: args.threads,
        })
    }

    fn relay(&self, connections: usize) -> anyhow::Result<Figures> {
        let (bank, front) = (free_address()?, free_address()?);
        let _bank = self.bank(bank, "binary-2", "iso87-bcd")?;
        let threads = self.threads.to_string();
        let relay = Process::start(
            Command::new(self.binaries.join("pointsman-bench-relay"))
                .args(["--listen", &front.to_string()])
                .args(["--connect", &bank.to_string()])
                .args(["--threads", &threads]),
            front,
            &self.scratch.join("relay.log"),
        )?;
        self.measure(&relay, front, connections)
    }

    /// The middle time of a sync of 4 KiB in a file that is there already: what a commit costs at least.
    fn probe(&self) -> anyhow::Result<Duration> {
        use std::os::unix::fs::FileExt;
        let path = self.scratch.join("probe");
        fs::write(&path, vec![0; 1024 * 1024])?;
        let file = fs::File::options().write(true).open(&path)?;
        file.sync_all()?;
        let mut times = Vec::with_capacity(PROBES);
        for n in 0..PROBES {
            let start = Instant::now();
            file.write_all_at(&[n as u8; 4_096], (n as u64 * 4_096) % (1024 * 1024))?;
            file.sync_data()?;
            times.push(start.elapsed());
        }
        fs::remove_file(&path)?;
        times.sort_unstable();
        times.get(PROBES / 2).copied().context("no probe")
    }

    fn switch(&self, connections: usize, durability: &str) -> anyhow::Result<Figures> {
        let (bank, front) = (free_address()?, free_address()?);
        let _bank = self.bank(bank, "ascii-4", "iso87-ascii")?;
        let config = self.scratch.join("switch.toml");
        // Each run begins with a journal of its own.
        let journal = self.scratch.join("journal");
        if journal.exists() {
            fs::remove_dir_all(&journal)?;
        }
        fs::write(&config, self.config(front, bank, durability))?;
        let switch = Process::start(
            Command::new(self.binaries.join("pointsman"))
                .args(["serve", "--config"])
                .arg(&config),
            front,
            &self.scratch.join("switch.log"),
        )?;
        self.measure(&switch, front, connections)
    }

    fn config(&self, front: SocketAddr, bank: SocketAddr, durability: &str) -> String {
        format!(
            r#"[switch]
threads = {threads}

[[listener]]
name = "pos"
bind = "{front}"
framing = "binary-2"
dialect = "iso87-bcd"

[[link]]
name = "one"
connect = ["{bank}"]
framing = "ascii-4"
dialect = "iso87-ascii"

[[link]]
name = "two"
connect = ["{bank}"]
framing = "ascii-4"
dialect = "iso87-ascii"

[[route]]
bin = ["4"]
link = "one"

[[route]]
bin = ["51-55"]
link = "two"

[journal]
durability = "{durability}"
"#,
            threads = self.threads,
        )
    }

    fn bank(&self, listen: SocketAddr, framing: &str, dialect: &str) -> anyhow::Result<Process> {
        Process::start(
            Command::new(self.binaries.join("pointsman"))
                .args([
                    "sim",
                    "bank",
                    "--no-ledger",
                    "--listen",
                    &listen.to_string(),
                ])
                .args(["--framing", framing, "--dialect", dialect]),
            listen,
            &self.scratch.join("bank.log"),
        )
    }

    /// One short run to warm up, then the measured one.
    fn measure(
        &self,
        process: &Process,
        front: SocketAddr,
        connections: usize,
    ) -> anyhow::Result<Figures> {
        self.load(front, connections, 1)?;
        let before = process.cpu_seconds()?;
        let report = self.load(front, connections, self.seconds)?;
        let cpu = process.cpu_seconds()? - before;
        let number = |key: &str| {
            report
                .get(key)
                .and_then(serde_json::Value::as_f64)
                .with_context(|| format!("the load report has no `{key}`"))
        };
        let (approved, seconds) = (number("approved")?, number("duration_seconds")?);
        for key in ["timeouts", "lost", "mismatched", "unexpected", "declined"] {
            ensure!(
                number(key)? == 0.0,
                "the load was not answered properly: {report}"
            );
        }
        ensure!(
            approved > 0.0 && seconds > 0.0,
            "nothing was measured: {report}"
        );
        Ok(Figures {
            cpu_microseconds: cpu * 1e6 / approved,
            transactions_per_second: approved / seconds,
        })
    }

    fn load(
        &self,
        to: SocketAddr,
        connections: usize,
        seconds: u64,
    ) -> anyhow::Result<serde_json::Value> {
        let output = Command::new(self.binaries.join("pointsman"))
            .args(["load", "--closed", "--json", "--to", &to.to_string()])
            .args(["--framing", "binary-2", "--dialect", "iso87-bcd"])
            .args(["--connections", &connections.to_string()])
            .args(["--duration", &format!("{seconds}s")])
            .stderr(Stdio::null())
            .output()?;
        serde_json::from_slice(&output.stdout)
            .with_context(|| format!("the load generator ended with {}", output.status))
    }
}

/// A process that ends with its owner.
struct Process {
    child: Child,
}

impl Process {
    /// Waits until `address` accepts connections. What the process says goes to
    /// `log`: a pipe that nobody reads would stop it.
    fn start(command: &mut Command, address: SocketAddr, log: &Path) -> anyhow::Result<Self> {
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(log)?)
            .spawn()
            .with_context(|| format!("{command:?}"))?;
        let mut process = Self { child };
        let start = Instant::now();
        while TcpStream::connect(address).is_err() {
            if let Some(status) = process.child.try_wait()? {
                let said = fs::read_to_string(log)?;
                bail!("{command:?} ended with {status}:\n{said}");
            }
            ensure!(
                start.elapsed() < START_TIMEOUT,
                "{command:?} does not listen on {address}"
            );
            std::thread::yield_now();
        }
        Ok(process)
    }

    /// User and system time so far, of all threads.
    fn cpu_seconds(&self) -> anyhow::Result<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The command's name may hold blanks; the numbers begin after its parenthesis.
        let numbers = stat.rsplit(')').next().unwrap_or_default();
        let ticks: f64 = numbers
            .split_whitespace()
            .skip(11)
            .take(2)
            .map(|ticks| ticks.parse::<f64>().unwrap_or(0.0))
            .sum();
        Ok(ticks / TICKS_PER_SECOND)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
