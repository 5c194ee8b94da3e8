//! One current-thread tokio runtime per core.
//!
//! Work stealing costs 30 to 80 % on this kind of work: a transaction that
//! stays where its socket is costs fewer wake-ups and no shared queue. So each
//! core has a runtime of its own, and a connection stays where it was put.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;

use tokio::runtime::{Builder, Handle};
use tokio::sync::watch;

/// How often a runtime looks at its sockets, in tasks run. Larger joins more
/// frames into one write, smaller answers a lone terminal sooner.
const EVENT_INTERVAL_TASKS: u32 = 61;

/// The worker threads of a switch. Dropping it ends them.
#[derive(Debug)]
pub(crate) struct Cores {
    workers: Vec<Worker>,
    stop: watch::Sender<bool>,
}

#[derive(Debug)]
struct Worker {
    handle: Handle,
    load: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

/// A place on a core for one connection. Dropping it gives the place back.
#[derive(Debug)]
pub(crate) struct Seat {
    load: Arc<AtomicUsize>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.load.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Cores {
    pub(crate) fn start(count: usize) -> io::Result<Self> {
        let (stop, stopped) = watch::channel(false);
        let mut workers = Vec::with_capacity(count);
        for index in 0..count {
            let runtime = Builder::new_current_thread()
                .enable_all()
                .event_interval(EVENT_INTERVAL_TASKS)
                .build()?;
            let handle = runtime.handle().clone();
            let mut stopped = stopped.clone();
            let thread = std::thread::Builder::new()
                .name(format!("core-{index}"))
                .spawn(move || {
                    // An error means that the sender is gone: stop as well.
                    let _ = runtime.block_on(stopped.wait_for(|stop| *stop));
                })?;
            workers.push(Worker {
                handle,
                load: Arc::new(AtomicUsize::new(0)),
                thread: Some(thread),
            });
        }
        Ok(Self { workers, stop })
    }

    /// The core with the fewest seats taken. Counting is relaxed: two
    /// connections that come at once may choose the same core, which is only a
    /// matter of balance.
    pub(crate) fn seat(&self) -> (Handle, Seat) {
        let worker = self
            .workers
            .iter()
            .min_by_key(|worker| worker.load.load(Ordering::Relaxed));
        match worker {
            Some(worker) => {
                worker.load.fetch_add(1, Ordering::Relaxed);
                let seat = Seat {
                    load: Arc::clone(&worker.load),
                };
                (worker.handle.clone(), seat)
            }
            // `SwitchSettings::threads` is a NonZeroUsize, so there is a worker.
            None => (
                Handle::current(),
                Seat {
                    load: Arc::new(AtomicUsize::new(1)),
                },
            ),
        }
    }

    /// The runtime of a core by its number, counted around: links are spread so.
    pub(crate) fn nth(&self, number: usize) -> Handle {
        match self.workers.get(number % self.workers.len().max(1)) {
            Some(worker) => worker.handle.clone(),
            None => Handle::current(),
        }
    }
}

impl Drop for Cores {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        for worker in &mut self.workers {
            if let Some(thread) = worker.thread.take() {
                // A panic in a task is caught by tokio; a panic of the loop
                // itself has already been printed by its thread.
                let _ = thread.join();
            }
        }
    }
}
