//! Starting and stopping a bank.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use pointsman_iso8583::EncodeError;
use pointsman_sim_common::Wire;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};
use tokio::task::{JoinHandle, JoinSet};

use crate::connection::{Shared, serve};
use crate::event::Watch;
use crate::host::{Host, HostConfig};
use crate::ledger::{self, Ledger};
use crate::rule::{Rule, RuleError, rule_from_flag};
use crate::stats::{Counters, Stats};

/// Connections that may wait to be accepted. Load tests open thousands at once.
const BACKLOG: u32 = 4096;

/// How long a stopping bank waits for answers on their way to a peer that does not read.
const STOP_GRACE: Duration = Duration::from_secs(2);

/// How long accepting pauses when the system refuses, most often for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What a bank is.
#[derive(Debug)]
pub struct BankConfig {
    /// Where it listens. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// How it speaks.
    pub wire: Wire,
    /// What it does with which request; what no rule takes is approved.
    pub rules: Vec<Rule>,
    /// Whether it keeps a ledger, and how much of it.
    pub ledger: LedgerConfig,
    /// Requests before a sign-on (0800/001) are refused.
    pub sign_on_required: bool,
    /// Threads of its own to serve connections on. 0: the runtime that starts it.
    pub threads: usize,
    /// What rules with a `share` draw from: the same seed draws the same.
    pub seed: u64,
    /// Who is told what happens.
    pub watch: Watch,
}

/// How much of a ledger.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LedgerConfig {
    /// None: nothing is booked, no repeat is recognised, reversals are believed.
    Off,
    /// In memory, and in a file if one is named.
    On {
        /// About so many entries are kept in memory; the oldest are forgotten.
        entries_max: usize,
        /// One JSON object a line, appended.
        file: Option<PathBuf>,
    },
}

impl Default for LedgerConfig {
    fn default() -> Self {
        LedgerConfig::On {
            entries_max: ledger::ENTRIES_MAX,
            file: None,
        }
    }
}

impl BankConfig {
    /// A bank that approves everything.
    #[must_use]
    pub fn new(listen: SocketAddr, wire: Wire) -> Self {
        BankConfig {
            listen,
            wire,
            rules: Vec::new(),
            ledger: LedgerConfig::default(),
            sign_on_required: false,
            threads: 0,
            seed: 0,
            watch: Watch::default(),
        }
    }

    /// A bank on a free port of this machine, with rules as `--rule` takes them.
    ///
    /// # Errors
    /// If one of them is no rule.
    pub fn local(wire: Wire, rules: &[&str]) -> Result<Self, RuleError> {
        let rules = rules.iter().map(|rule| rule_from_flag(rule));
        Ok(BankConfig {
            rules: rules.collect::<Result<_, _>>()?,
            ..BankConfig::new((Ipv4Addr::LOCALHOST, 0).into(), wire)
        })
    }
}

/// Why a bank cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// The ledger's file cannot be opened.
    #[error("cannot write the ledger to {}: {source}", path.display())]
    LedgerFile {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Rules set fields to what the dialect cannot write.
    #[error("{}", unwritable(rules, dialect))]
    Rules {
        /// Which, by number or line, and what is wrong.
        rules: Vec<(String, EncodeError)>,
        /// In which dialect.
        dialect: Arc<pointsman_iso8583::Dialect>,
    },
    /// A thread or its runtime cannot be made.
    #[error("cannot start a thread: {0}")]
    Thread(io::Error),
}

fn unwritable(rules: &[(String, EncodeError)], dialect: &pointsman_iso8583::Dialect) -> String {
    let lines: Vec<_> = rules
        .iter()
        .map(|(rule, error)| format!("{rule}: {}", error.explain(dialect).message))
        .collect();
    lines.join("\n")
}

/// A bank host.
#[derive(Debug)]
pub struct Bank;

impl Bank {
    /// Listens and serves until the handle is shut down or dropped.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start(config: BankConfig) -> Result<BankHandle, StartError> {
        let BankConfig {
            listen,
            wire,
            rules,
            ledger,
            sign_on_required,
            threads,
            seed,
            watch,
        } = config;
        let ledger = match ledger {
            LedgerConfig::Off => None,
            LedgerConfig::On { entries_max, file } => {
                let opened = Ledger::new(entries_max, file.as_deref());
                let failed = |source| StartError::LedgerFile {
                    path: file.clone().unwrap_or_default(),
                    source,
                };
                Some(opened.map_err(failed)?)
            }
        };
        let host = Host::new(HostConfig {
            dialect: Arc::clone(&wire.dialect),
            codec: wire.codec(),
            rules,
            ledger: ledger.clone(),
            watch,
            sign_on_required,
            seed,
        })
        .map_err(|rules| StartError::Rules {
            rules,
            dialect: Arc::clone(&wire.dialect),
        })?;
        let listener = bind(listen).map_err(|source| StartError::Listen {
            address: listen,
            source,
        })?;
        let address = listener.local_addr().map_err(|source| StartError::Listen {
            address: listen,
            source,
        })?;
        let workers = (0..threads)
            .map(Worker::start)
            .collect::<Result<Vec<_>, _>>()
            .map_err(StartError::Thread)?;

        let (activity, _) = watch::channel(());
        let shared = Arc::new(Shared {
            host,
            counters: Counters::default(),
            activity,
        });
        let (stop, stopped) = watch::channel(false);
        let handles = workers.iter().map(|worker| worker.handle.clone()).collect();
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared), handles, stopped));
        Ok(BankHandle {
            address,
            ledger,
            shared,
            stop,
            accepting: Some(accepting),
            workers,
        })
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Accepts until told to stop, then waits for the connections to end.
async fn accept(
    listener: TcpListener,
    shared: Arc<Shared>,
    workers: Vec<Handle>,
    mut stop: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    let mut turn = workers.iter().cycle();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        let Ok((stream, peer)) = accepted else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        shared.counters.add(&Stats {
            connections_accepted: 1,
            ..Stats::default()
        });
        // Answers are joined into one write already: waiting for more to send would only delay them.
        let _ = stream.set_nodelay(true);
        let (shared, stop) = (Arc::clone(&shared), stop.clone());
        match turn.next() {
            None => drop(connections.spawn(serve(stream, peer, shared, stop))),
            Some(worker) => {
                let Ok(stream) = stream.into_std() else {
                    continue;
                };
                let serve = async move {
                    if let Ok(stream) = TcpStream::from_std(stream) {
                        serve(stream, peer, shared, stop).await;
                    }
                };
                drop(connections.spawn_on(serve, worker));
            }
        }
    }
    drop(listener);
    let ended = async { while connections.join_next().await.is_some() {} };
    // Those that are left are stuck in a write; dropping the set aborts them.
    let _ = tokio::time::timeout(STOP_GRACE, ended).await;
}

/// A thread with a runtime of its own.
#[derive(Debug)]
struct Worker {
    handle: Handle,
    /// Dropped to end it.
    end: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Worker {
    fn start(index: usize) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let handle = runtime.handle().clone();
        let (end, ended) = oneshot::channel::<()>();
        let run = move || {
            let _ = runtime.block_on(ended);
        };
        let thread = thread::Builder::new()
            .name(format!("bank-{index}"))
            .spawn(run)?;
        Ok(Worker {
            handle,
            end: Some(end),
            thread: Some(thread),
        })
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            // Its runtime has nothing left but to return; a panic in it has been reported by then.
            let _ = thread.join();
        }
    }
}

/// A running bank.
#[derive(Debug)]
pub struct BankHandle {
    address: SocketAddr,
    ledger: Option<Ledger>,
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    accepting: Option<JoinHandle<()>>,
    workers: Vec<Worker>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("stats", &self.counters.read())
            .finish_non_exhaustive()
    }
}

impl BankHandle {
    /// Where it listens.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// What it believes. `None` if it keeps no ledger.
    #[must_use]
    pub fn ledger(&self) -> Option<&Ledger> {
        self.ledger.as_ref()
    }

    /// What it did so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.shared.counters.read()
    }

    /// From now on no rule takes anything: what comes is approved. Answers that are held back are still sent.
    pub fn forget_rules(&self) {
        self.shared.host.forget_rules();
    }

    /// Waits until the counts are as wanted.
    pub async fn until(&self, mut wanted: impl FnMut(&Stats) -> bool) {
        let mut activity = self.shared.activity.subscribe();
        while !wanted(&self.stats()) {
            // The sender lives as long as this handle.
            let _ = activity.changed().await;
        }
    }

    /// Stops accepting, lets every connection finish the batch in its hands, closes. Answers that a rule holds back are
    /// not sent any more.
    pub async fn shutdown(mut self) -> Stats {
        self.stop.send_replace(true);
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.await;
        }
        self.workers.clear();
        self.stats()
    }
}

impl Drop for BankHandle {
    fn drop(&mut self) {
        if let Some(accepting) = self.accepting.take() {
            accepting.abort();
        }
    }
}
