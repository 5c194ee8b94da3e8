//! When to stop.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// The times that SIGINT or SIGTERM came: the first asks for an end in good order, the second for one at once.
#[derive(Clone, Debug)]
pub struct StopSignals {
    count: watch::Receiver<usize>,
}

impl StopSignals {
    /// Resolves once that many have come since the signals were caught.
    pub fn times(&self, wanted: usize) -> impl Future<Output = ()> + use<> {
        let mut count = self.count.clone();
        async move {
            // The sender waits for signals as long as anybody waits for it.
            let _ = count.wait_for(|count| *count >= wanted).await;
        }
    }

    /// How many have come.
    #[must_use]
    pub fn count(&self) -> usize {
        *self.count.borrow()
    }
}

/// Catches SIGINT and SIGTERM from the call on, not from the first await.
///
/// # Errors
/// The system does not let us catch them.
pub fn stop_signals() -> io::Result<StopSignals> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let (counter, count) = watch::channel(0);
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                () = counter.closed() => return,
            }
            counter.send_modify(|count| *count += 1);
        }
    });
    Ok(StopSignals { count })
}

/// Resolves at the first SIGINT or SIGTERM. They are caught from the call on, not from the first await.
///
/// # Errors
/// The system does not let us catch them.
pub fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    Ok(stop_signals()?.times(1))
}
