//! The engine's time: nanoseconds since the switch started, from the monotonic
//! clock, so that a jump of the wall clock times nothing out.

use std::time::{Instant as Monotonic, SystemTime};

use pointsman_engine::{Instant, WallClock};

/// Copied into every task; all tasks of one switch share the same start.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    start: Monotonic,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self {
            start: Monotonic::now(),
        }
    }

    pub(crate) fn now(&self) -> Instant {
        Instant::from_nanos(u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    /// What the wall clock says at the engine's zero.
    pub(crate) fn wall_clock(&self) -> WallClock {
        let unix = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        WallClock::from_unix_seconds(unix.saturating_sub(self.start.elapsed()).as_secs())
    }

    /// When `instant` will be, for tokio's timer.
    pub(crate) fn at(&self, instant: Instant) -> tokio::time::Instant {
        (self.start + std::time::Duration::from_nanos(instant.as_nanos())).into()
    }
}
