//! Who kills the switch, and starts it again.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use pointsman_sim_common::{Exit, Failure};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use crate::counts::Counts;
use crate::dice::Dice;
use crate::metrics::Metrics;
use crate::switch::{Home, Life, Opened};

/// What the switch says of itself is lost with it: it is read so often.
const METRICS_EVERY: Duration = Duration::from_millis(500);

/// How many lives end so early that the journal may still be read, and what early means.
const EARLY: f64 = 0.1;
const EARLY_WITHIN: Duration = Duration::from_millis(300);

/// How many end in good order.
const IN_GOOD_ORDER: f64 = 0.08;

/// Keeps a switch alive while it is killed again and again.
#[derive(Debug)]
pub(crate) struct Keeper {
    pub(crate) home: Home,
    pub(crate) dice: Dice,
    /// From one kill to the next, on average.
    pub(crate) every: Duration,
    pub(crate) counts: Arc<Counts>,
    /// Where the terminals go.
    pub(crate) doors: watch::Sender<Option<Vec<SocketAddr>>>,
    /// Faults have stopped.
    pub(crate) calm: watch::Receiver<bool>,
}

/// What is left when faults have stopped.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) life: Life,
    pub(crate) opened: Opened,
    pub(crate) seen: Seen,
}

/// What was seen of all lives.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// From each start to listening.
    pub(crate) ready: Vec<Duration>,
    /// Late answers of banks.
    pub(crate) late: u64,
    /// Reversals that fell due, by cause. What fell due in the last half second of a life was not seen.
    pub(crate) reversals_due: BTreeMap<String, u64>,
    /// What should not have happened.
    pub(crate) problems: Vec<String>,
}

enum Ending {
    Kill,
    GoodOrder,
    /// It was not asked to.
    ByItself(String),
    /// It goes on: faults have stopped.
    None,
}

impl Keeper {
    /// Kills and starts until faults stop.
    ///
    /// # Errors
    /// The switch does not start, or cannot be killed.
    pub(crate) async fn run(mut self) -> Result<Kept, Failure> {
        let mut seen = Seen::default();
        loop {
            self.counts.starts.add();
            let mut life = self.home.start(self.counts.starts.get())?;
            let (early, late) = self.draw();
            let in_good_order = self.dice.chance(IN_GOOD_ORDER);
            let opened = tokio::select! {
                biased;
                () = self.doom(early) => None,
                opened = life.opened() => Some(opened?),
            };
            let Some(opened) = opened else {
                life.kill().await.map_err(cannot_end)?;
                self.counts.kills.add();
                self.counts.kills_in_recovery.add();
                continue;
            };
            // A slow machine still has time to do something between two kills.
            let doom = early.unwrap_or_else(|| Instant::now() + late);
            seen.ready.push(opened.after);
            self.doors.send_replace(Some(opened.doors.clone()));
            let mut metrics = Metrics::default();
            let ending = self
                .watch(&mut life, &opened, &mut metrics, Some(doom), in_good_order)
                .await;
            if !matches!(ending, Ending::None) {
                self.doors.send_replace(None);
                seen.add(&metrics);
            }
            match ending {
                Ending::None => return Ok(Kept { life, opened, seen }),
                Ending::Kill => {
                    life.kill().await.map_err(cannot_end)?;
                    self.counts.kills.add();
                }
                Ending::GoodOrder => {
                    self.counts.terminations.add();
                    match life
                        .terminate()
                        .await
                        .map_err(cannot_end)?
                        .map(|it| it.code())
                    {
                        Some(Some(0)) => {}
                        // Terminals hang up while it drains.
                        Some(Some(2)) => self.counts.terminations_unclean.add(),
                        Some(other) => seen.problems.push(format!(
                            "the switch ended a drain with {other:?} (life {})",
                            self.counts.starts.get()
                        )),
                        None => seen.problems.push(format!(
                            "the switch did not end after SIGTERM (life {})",
                            self.counts.starts.get()
                        )),
                    }
                }
                Ending::ByItself(status) => seen.problems.push(format!(
                    "the switch ended by itself: {status} (life {})",
                    self.counts.starts.get()
                )),
            }
        }
    }

    /// The moment when this life ends if that is to be early, and else how long after it listens.
    fn draw(&mut self) -> (Option<Instant>, Duration) {
        let early = self.dice.chance(EARLY);
        let within = self.dice.between(Duration::ZERO, EARLY_WITHIN);
        let late = self
            .dice
            .between(self.every.mul_f64(0.3), self.every.mul_f64(1.5));
        (early.then(|| Instant::now() + within), late)
    }

    /// Comes at that moment, unless there is none or faults have stopped by then.
    async fn doom(&self, at: Option<Instant>) {
        if let Some(at) = at {
            sleep_until(at).await;
            if !*self.calm.borrow() {
                return;
            }
        }
        std::future::pending().await
    }

    async fn watch(
        &self,
        life: &mut Life,
        opened: &Opened,
        metrics: &mut Metrics,
        doom: Option<Instant>,
        in_good_order: bool,
    ) -> Ending {
        let mut calm = self.calm.clone();
        let look = async {
            let mut rounds = interval(METRICS_EVERY);
            rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                rounds.tick().await;
                if let Some(read) = Metrics::read(opened.metrics).await {
                    *metrics = read;
                }
            }
        };
        tokio::select! {
            biased;
            _ = calm.wait_for(|calm| *calm) => Ending::None,
            () = self.doom(doom) => if in_good_order { Ending::GoodOrder } else { Ending::Kill },
            ended = life.ended() => Ending::ByItself(
                ended.map_or_else(|error| error.to_string(), |status| status.to_string()),
            ),
            () = look => Ending::None,
        }
    }
}

impl Seen {
    /// What a life counted.
    pub(crate) fn add(&mut self, metrics: &Metrics) {
        self.late += metrics.sum("pointsman_link_events_total", "event=\"late\"");
        for (labels, count) in metrics.series("pointsman_reversals_due_total") {
            let cause = labels
                .split_once("cause=\"")
                .and_then(|(_, rest)| rest.split_once('"'))
                .map_or(labels, |(cause, _)| cause);
            if count > 0.0 {
                *self.reversals_due.entry(cause.to_owned()).or_default() += count as u64;
            }
        }
    }
}

fn cannot_end(error: std::io::Error) -> Failure {
    Failure::new(
        Exit::IO,
        format_args!("the switch cannot be ended: {error}"),
    )
}
