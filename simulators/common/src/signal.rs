//! When to stop.

use std::io;

use tokio::signal::unix::{SignalKind, signal};

/// Resolves at SIGINT or SIGTERM. The signals are caught from the call on, not from the first await.
///
/// # Errors
/// The system does not let us catch them.
pub fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}
