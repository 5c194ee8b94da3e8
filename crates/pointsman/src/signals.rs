//! SIGTERM and SIGINT, as events that can be awaited; and the signals that must not end a switch.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::exit::{Exit, Failure};

/// Signals whose default is to end the process at once, with transactions in flight. The end of the operator's terminal
/// (SIGHUP) is no reason to stop, and the others are what operators of other switches send by habit.
pub(crate) fn ignore_others() -> Result<(), Failure> {
    for (kind, name) in [
        (SignalKind::hangup(), "SIGHUP"),
        (SignalKind::user_defined1(), "SIGUSR1"),
        (SignalKind::user_defined2(), "SIGUSR2"),
    ] {
        let mut received = signal(kind).map_err(|error| {
            Failure::new(
                Exit::Software,
                format!("cannot listen for signals: {error}"),
                "report this",
            )
        })?;
        tokio::spawn(async move {
            while received.recv().await.is_some() {
                tracing::warn!(signal = name, "ignored; SIGTERM drains and ends the switch");
            }
        });
    }
    Ok(())
}

/// Both mean the same: the first asks for a drain, the second for an end.
#[derive(Debug)]
pub(crate) struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    pub(crate) fn listen() -> Result<Self, Failure> {
        let listen = |kind| {
            signal(kind).map_err(|error| {
                Failure::new(
                    Exit::Software,
                    format!("cannot listen for signals: {error}"),
                    "report this",
                )
            })
        };
        Ok(StopSignals {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }

    /// The name of the next one.
    pub(crate) async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
