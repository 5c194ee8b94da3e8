//! The engine's time: nanoseconds since the switch started, from the monotonic
//! clock, so that a jump of the wall clock times nothing out.

use std::time::{Instant as Monotonic, SystemTime};

use pointsman_engine::{Instant, WallClock};

/// Copied into every task; all tasks of one switch share the same start.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    start: Monotonic,
    /// What the wall clock said then, in seconds since 1970.
    started: u64,
}

impl Clock {
    pub(crate) fn start() -> Self {
        let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Self {
            start: Monotonic::now(),
            started: unix.unwrap_or_default().as_secs(),
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

    /// The wall clock's time at `instant`, as if nobody had set it since the start.
    pub(crate) fn unix_seconds(&self, instant: Instant) -> u64 {
        self.started + instant.as_nanos() / 1_000_000_000
    }

    /// When `instant` will be, for tokio's timer.
    pub(crate) fn at(&self, instant: Instant) -> tokio::time::Instant {
        (self.start + std::time::Duration::from_nanos(instant.as_nanos())).into()
    }
}
