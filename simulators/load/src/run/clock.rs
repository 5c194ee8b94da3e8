//! The clock of an open loop.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::config::{LoadConfig, Pace};
use crate::pace::Schedule;

/// Threads are woken for due requests no more often than this: what is due within it is sent together.
const TICK_GAP: Duration = Duration::from_micros(100);

/// The longest sleep of the clock, so that it notices being stopped.
const TICK_SLEEP_MAX: Duration = Duration::from_millis(50);

/// Wakes the threads when requests of an open loop are due. A thread's own timers have a resolution of a millisecond,
/// which is more than many answers take.
pub(super) struct Clock {
    stop: Arc<AtomicBool>,
}

impl Clock {
    pub(super) fn start(
        config: &LoadConfig,
        started: Instant,
        ticks: Vec<Arc<Notify>>,
    ) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        if let Pace::Open { rate, ramp } = config.pace {
            let schedule = Schedule::new(rate, ramp);
            let (count, end) = (
                config.count.unwrap_or(u64::MAX),
                config.duration.unwrap_or(Duration::MAX),
            );
            let stopped = Arc::clone(&stop);
            let run = move || tick(&schedule, started, count, end, &ticks, &stopped);
            thread::Builder::new()
                .name("load-clock".to_owned())
                .spawn(run)?;
        }
        Ok(Clock { stop })
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn tick(
    schedule: &Schedule,
    started: Instant,
    count: u64,
    end: Duration,
    ticks: &[Arc<Notify>],
    stop: &AtomicBool,
) {
    let mut number = 0;
    let mut last = Duration::ZERO;
    while !stop.load(Ordering::Relaxed) {
        // After the last request there is still the end to be told, and before it what has been waiting for room.
        let due = if number < count {
            schedule.due(number).min(end)
        } else {
            end.min(last + TICK_SLEEP_MAX)
        };
        let wait = due.max(last + TICK_GAP).saturating_sub(started.elapsed());
        if wait > TICK_SLEEP_MAX {
            thread::sleep(TICK_SLEEP_MAX);
            continue;
        }
        thread::sleep(wait);
        last = started.elapsed();
        while number < count && schedule.due(number) <= last {
            number += 1;
        }
        ticks.iter().for_each(|tick| tick.notify_one());
    }
}
