//! Where the switch is in its life, as every task sees it.
//!
//! ```text
//! Running ─▶ FinishingSessions ─▶ FinishingLinks ─▶ Ended
//! ```

use tokio::sync::watch;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    Running,
    /// No new connections and no new requests; what is in flight is finished.
    FinishingSessions,
    /// No terminal is connected any more: links sign off and close.
    FinishingLinks,
    /// The drain timeout passed: stop where you are.
    Ended,
}

pub(crate) type PhaseSender = watch::Sender<Phase>;

/// A task's view of the phase. The sender lives as long as the switch; when it
/// is gone, so is the reason to go on.
#[derive(Debug, Clone)]
pub(crate) struct PhaseReceiver(watch::Receiver<Phase>);

pub(crate) fn channel() -> (PhaseSender, PhaseReceiver) {
    let (sender, receiver) = watch::channel(Phase::Running);
    (sender, PhaseReceiver(receiver))
}

impl PhaseReceiver {
    /// Waits until the phase is at least `phase`.
    pub(crate) async fn reached(&mut self, phase: Phase) {
        if self.0.wait_for(|now| *now >= phase).await.is_err() {
            // The switch was dropped without a drain.
        }
    }
}
