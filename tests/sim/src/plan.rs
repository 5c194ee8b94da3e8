//! What a seed decides before anything happens: who there is, what they speak, what their limits are, what goes wrong.
//!
//! Each kind of fault is in some seeds frequent, in some rare, in some absent (swarm testing: Groce and others, 2012): a
//! fault that is always there hides what only happens without it. One seed in ten has no faults at all, and there every
//! purchase must reach its bank.

mod wider;

use core::ops::RangeInclusive;
use core::time::Duration;

use pointsman_engine::{Backoff, StoreForwardProfile};

pub(crate) use self::wider::{Manners, PANS, StandInPlan, identify};
use crate::random::Random;

/// Everything that a seed decides beforehand.
#[derive(Clone, Debug)]
pub struct Plan {
    pub seed: u64,
    pub(crate) links: Vec<LinkPlan>,
    /// Dialects of the listeners.
    pub(crate) listeners: Vec<&'static str>,
    pub(crate) session_in_flight_max: usize,
    /// What the listeners' and the links' framings carry: often less than the longest messages.
    pub(crate) message_bytes_max: (usize, usize),
    /// Terminals by connection: more than one on a concentrator.
    pub(crate) connections: Vec<ConnectionPlan>,
    pub(crate) faults: Faults,
    /// How long the terminals buy.
    pub(crate) load: Duration,
    pub(crate) ending: Ending,
    /// Requests that fit the queue between sessions and a link.
    pub(crate) queue_max: usize,
    /// How long it takes to make durable what has been recorded meanwhile.
    pub(crate) journal_micros: RangeInclusive<u64>,
    /// How long the switch is gone after a crash.
    pub(crate) restart_ms: RangeInclusive<u64>,
    pub(crate) manners: Manners,
    /// When the wall clock comes to another day, if it soon does.
    pub(crate) seconds_to_midnight: Option<u64>,
}

#[derive(Clone, Debug)]
pub(crate) struct LinkPlan {
    pub(crate) dialect: &'static str,
    pub(crate) match_fields: Vec<u8>,
    pub(crate) timeout: Duration,
    pub(crate) sign_on: bool,
    pub(crate) echo: Option<Duration>,
    pub(crate) addresses: usize,
    pub(crate) in_flight_max: usize,
    pub(crate) stan_range: RangeInclusive<u32>,
    pub(crate) backoff: (Duration, Duration),
    pub(crate) cooling: (Duration, Duration),
    /// The bank answers with its own idea of fields 3, 7, 12, 13, 24, 25 and 42.
    pub(crate) own_ways: bool,
    /// It answers a reversal that finds nothing with 25.
    pub(crate) says_unknown: bool,
    pub(crate) store_forward: StoreForwardProfile,
    /// What it may approve when the bank cannot be asked.
    pub(crate) stand_in: Option<StandInPlan>,
}

#[derive(Clone, Debug)]
pub(crate) struct ConnectionPlan {
    pub(crate) listener: usize,
    pub(crate) terminals: usize,
    /// Requests that one terminal has open at a time.
    pub(crate) depth: usize,
    pub(crate) think_ms: RangeInclusive<u64>,
    /// How long its terminals wait for an answer.
    pub(crate) patience: Duration,
}

/// How a run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The faults stop, the links recover, everything comes to rest, then they are drained.
    Heal,
    /// Drained while terminals buy and faults go on.
    DrainUnderLoad,
}

/// How often what goes wrong: in a thousand, of messages or of what the name says.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Faults {
    // What a bank does with a request.
    pub(crate) request_lost: u32,
    pub(crate) answer_lost: u32,
    pub(crate) answer_twice: u32,
    pub(crate) answer_at_the_deadline: u32,
    pub(crate) answer_late: u32,
    pub(crate) answer_slow: u32,
    pub(crate) wrong_terminal: u32,
    pub(crate) wrong_stan: u32,
    pub(crate) key_missing: u32,
    pub(crate) wrong_mti: u32,
    pub(crate) wrong_amount: u32,
    pub(crate) wrong_currency: u32,
    pub(crate) part_unnamed: u32,
    pub(crate) no_response_code: u32,
    /// The bank leaves out what it need not repeat.
    pub(crate) fields_omitted: u32,
    pub(crate) truncated: u32,
    pub(crate) trailing: u32,
    pub(crate) noise: u32,
    /// The bank takes the request up only after a while: its reversal may be there first.
    pub(crate) original_delayed: u32,
    /// Of declines: the bank approves a moment later.
    pub(crate) mind_changed: u32,
    // What a bank does with a reversal or an advice.
    pub(crate) stored_lost: u32,
    pub(crate) stored_unanswered: u32,
    pub(crate) stored_late: u32,
    /// Answered with 91, 96 and the like: again later.
    pub(crate) stored_put_off: u32,
    /// Answered with 30.
    pub(crate) stored_refused: u32,
    pub(crate) stored_twice: u32,
    // What a bank does about its connection.
    pub(crate) sign_on_refused: u32,
    pub(crate) management_unanswered: u32,
    pub(crate) connect_refused: u32,
    pub(crate) connect_hangs: u32,
    /// In a thousand seconds of each link.
    pub(crate) link_cuts: u32,
    pub(crate) link_silent: u32,
    pub(crate) host_signs_off: u32,
    pub(crate) host_asks: u32,
    /// The link's task does not run for a while; in a thousand seconds.
    pub(crate) link_stalls: u32,
    /// The bank cannot be reached for some seconds.
    pub(crate) outages: u32,
    // What terminals do; of their requests.
    pub(crate) terminal_leaves: u32,
    pub(crate) terminal_noise: u32,
    pub(crate) terminal_broken: u32,
    pub(crate) terminal_odd: u32,
    /// Of requests and answers that some framing cannot carry.
    pub(crate) too_long: u32,
    /// Terminals that hear nothing ask again before they reverse.
    pub(crate) terminal_repeats: u32,
    /// Messages that take as long as the terminal waits.
    pub(crate) terminal_slow: u32,
    // What happens to the switch.
    /// The bytes of an answer are not taken: the connection broke.
    pub(crate) write_fails: u32,
    /// In a thousand seconds.
    pub(crate) crashes: u32,
    /// Of records: between the appending and the sync, or soon after.
    pub(crate) crash_at_record: u32,
    /// Of restarts: again, before it is done.
    pub(crate) crash_again: u32,
    /// In a thousand seconds.
    pub(crate) clock_jumps: u32,
    pub(crate) space_low: u32,
    pub(crate) sync_fails: u32,
    /// Of answers that the journal is asked for.
    pub(crate) recall_fails: u32,
}

/// What a framing carries that cannot carry everything: more than a usual message has, less than field 55 makes of it.
pub(crate) const SHORT_BYTES_MAX: usize = 300;

/// The longest that a stalled task does not run.
pub(crate) const STALL_MS_MAX: u64 = 3_000;

/// The longest that a bank cannot be reached.
pub(crate) const OUTAGE_MS_MAX: u64 = 8_000;

impl Plan {
    #[must_use]
    pub fn new(seed: u64) -> Plan {
        let mut plan = Plan::plain(seed);
        plan.widen();
        plan
    }

    /// What the seed meant before there were wider worlds.
    #[must_use]
    pub fn plain(seed: u64) -> Plan {
        let mut random = Random::new(seed);
        let random = &mut random;
        let faults = Faults::random(random);
        let links: Vec<LinkPlan> = (0..random.between(2..=3))
            .map(|_| LinkPlan::random(random, &faults))
            .collect();
        // A bank that answers with somebody else's trace number can only be seen through if the terminals differ.
        let deep = faults.wrong_stan == 0;
        let listeners: Vec<&'static str> = (0..2)
            .map(|_| random.pick(&["iso87-bcd", "iso87-ascii", "iso87-ebcdic", "unionpay-pos"]))
            .collect();
        let connections = (0..random.between(2..=8))
            .map(|_| ConnectionPlan {
                listener: random.below(2) as usize,
                terminals: random.pick(&[1, 1, 1, 2, 8]),
                depth: if deep { random.pick(&[1, 1, 1, 4]) } else { 1 },
                think_ms: if random.permille(300) {
                    1..=20
                } else {
                    20..=500
                },
                patience: if faults.is_none() {
                    Duration::from_secs(20)
                } else {
                    random.millis(300..=4_000)
                },
            })
            .collect();
        let ending = if random.permille(300) {
            Ending::DrainUnderLoad
        } else {
            Ending::Heal
        };
        Plan {
            seed,
            links,
            listeners,
            session_in_flight_max: random.pick(&[2, 8, 64]),
            message_bytes_max: if faults.too_long == 0 {
                (usize::MAX, usize::MAX)
            } else {
                let short = SHORT_BYTES_MAX;
                random.pick(&[(short, short), (short, usize::MAX), (usize::MAX, short)])
            },
            connections,
            faults,
            load: if random.permille(50) {
                random.millis(30_000..=60_000)
            } else {
                random.millis(1_000..=12_000)
            },
            ending,
            queue_max: random.pick(&[2, 16, 256]),
            journal_micros: if random.permille(250) {
                0..=60_000
            } else {
                0..=2_000
            },
            restart_ms: if random.permille(500) {
                1..=20
            } else {
                10..=2_000
            },
            manners: Manners::default(),
            seconds_to_midnight: None,
        }
    }

    pub(crate) fn is_faultless(&self) -> bool {
        self.faults.is_none()
    }
}

impl LinkPlan {
    fn random(random: &mut Random, faults: &Faults) -> LinkPlan {
        let timeout = random.millis(200..=1_500);
        let dialects = ["iso87-ascii", "iso87-mixed", "iso87-ebcdic", "iso87-bcd"];
        let keys: [&[u8]; 5] = [&[11, 41], &[11, 41], &[11, 41], &[7, 11, 41], &[37, 41]];
        let match_fields = random.choose(&keys).to_vec();
        let stans = match random.below(4) {
            0 => 999_999,
            1 => random.between(4..=12) as u32,
            _ => random.between(20..=400) as u32,
        };
        // A task that does not run does not see that a number is still hot: numbers must rest longer than that.
        let stall = Duration::from_millis(if faults.link_stalls > 0 {
            STALL_MS_MAX
        } else {
            0
        });
        let first = random.between(1..=u64::from(1_000_000 - stans)) as u32;
        LinkPlan {
            dialect: random.pick(&dialects),
            match_fields,
            timeout,
            sign_on: random.permille(800),
            echo: random.permille(700).then(|| random.millis(100..=2_000)),
            addresses: random.between(1..=3) as usize,
            in_flight_max: random.pick(&[1, 4, 16, 64, 1_024]),
            stan_range: first..=first + stans - 1,
            backoff: (random.millis(10..=200), random.millis(200..=3_000)),
            cooling: (
                random.millis(50..=1_000) + stall,
                timeout + random.millis(100..=4_000) + stall,
            ),
            own_ways: random.permille(500),
            says_unknown: random.permille(600),
            store_forward: StoreForwardProfile {
                window: random.pick(&[1, 4, 64]),
                backoff: Backoff {
                    first: random.millis(10..=300),
                    max: random.millis(300..=2_000),
                },
                expire: if random.permille(200) && !faults.is_none() {
                    random.millis(1_000..=10_000)
                } else {
                    Duration::from_secs(7 * 24 * 3_600)
                },
                entries_max: if random.permille(200) {
                    random.between(8..=64) as usize
                } else {
                    200_000
                },
            },
            stand_in: None,
        }
    }
}

impl Faults {
    fn random(random: &mut Random) -> Faults {
        if random.permille(100) {
            return Faults::default();
        }
        // Three in ten kinds are absent, the others between rare and frequent.
        let mut often = |max: u64| {
            if random.permille(400) {
                0
            } else {
                1 + random.below(max) as u32
            }
        };
        Faults {
            request_lost: often(60),
            answer_lost: often(60),
            answer_twice: often(150),
            answer_at_the_deadline: often(200),
            answer_late: often(100),
            answer_slow: often(300),
            wrong_terminal: often(100),
            wrong_stan: often(100),
            key_missing: often(40),
            wrong_mti: often(100),
            wrong_amount: often(60),
            wrong_currency: often(60),
            part_unnamed: often(60),
            no_response_code: often(40),
            fields_omitted: often(300),
            truncated: often(40),
            trailing: often(40),
            noise: often(40),
            sign_on_refused: often(400),
            management_unanswered: often(400),
            connect_refused: often(500),
            connect_hangs: often(200),
            link_cuts: often(1_500),
            link_silent: often(500),
            host_signs_off: often(500),
            host_asks: often(1_000),
            link_stalls: often(500),
            outages: 0,
            terminal_leaves: often(60),
            terminal_noise: often(20),
            terminal_broken: often(60),
            terminal_odd: often(200),
            too_long: often(60),
            original_delayed: often(60),
            stored_lost: often(200),
            stored_unanswered: often(200),
            stored_late: often(200),
            stored_put_off: often(300),
            stored_refused: often(200),
            stored_twice: often(200),
            terminal_repeats: often(700),
            terminal_slow: often(60),
            write_fails: often(60),
            crashes: often(400),
            crash_at_record: often(6),
            crash_again: often(400),
            clock_jumps: often(300),
            space_low: often(300),
            sync_fails: often(100),
            recall_fails: often(200),
            mind_changed: often(400),
        }
    }

    fn is_none(&self) -> bool {
        *self == Faults::default()
    }
}
