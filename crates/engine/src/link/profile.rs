//! What an operator says about a link.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::RangeInclusive;
use core::time::Duration;

use pointsman_iso8583::Dialect;

use crate::{StandInProfile, TransactionIds, WallClock, limits};

/// One destination, all resolved.
#[derive(Clone, Debug)]
pub struct LinkProfile {
    pub name: Arc<str>,
    pub dialect: Arc<Dialect>,
    /// The fields by which an answer finds its request. With field 11 among them the link's own trace number decides;
    /// without it a second request with the same values is declined while the first is open or remembered.
    pub match_fields: Vec<u8>,
    /// How long an answer is waited for, from the request's arrival at the link.
    pub timeout: Duration,
    /// Does the host want a sign-on (0800/001) before anything else?
    pub sign_on: bool,
    /// Silence after which an echo (0800/301) is sent.
    pub echo: Option<Duration>,
    /// How many addresses there are to connect to, tried one after the other.
    pub addresses: usize,
    /// Requests that may wait for an answer.
    pub in_flight_max: usize,
    /// The trace numbers that the link may use.
    pub stan_range: RangeInclusive<u32>,
    /// Decides, with the time at which the link starts, where in the range it begins; without one, at its first number.
    /// Give each process another one, so that no late answer to the last one finds a request of this one.
    pub stan_seed: Option<u64>,
    pub backoff: Backoff,
    pub cooling: Cooling,
    /// Seed of the jitter.
    pub seed: u64,
    pub wall_clock: WallClock,
    /// The names of the link's transactions.
    pub transactions: TransactionIds,
    pub store_forward: StoreForwardProfile,
    /// What may be approved when the bank cannot be asked.
    pub stand_in: Option<Arc<StandInProfile>>,
    /// Transactions of the last day that terminals can repeat and reverse.
    pub originals_max: usize,
}

/// How the bank is told what it has to acknowledge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreForwardProfile {
    /// Sent and not answered at a time.
    pub window: usize,
    /// Between two attempts of one.
    pub backoff: Backoff,
    /// After that long it becomes a dead letter.
    pub expire: Duration,
    /// All that is not settled. A request that may need a reversal is declined when there is no room for one.
    pub entries_max: usize,
}

impl Default for StoreForwardProfile {
    fn default() -> Self {
        StoreForwardProfile {
            window: limits::STORE_FORWARD_WINDOW_DEFAULT,
            backoff: Backoff {
                first: limits::STORE_FORWARD_PAUSE_FIRST_DEFAULT,
                max: limits::STORE_FORWARD_PAUSE_MAX_DEFAULT,
            },
            expire: limits::STORE_FORWARD_EXPIRE_DEFAULT,
            entries_max: limits::STORE_FORWARD_ENTRIES_MAX,
        }
    }
}

/// The pause between connection attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// Before the second attempt; doubles with each further one.
    pub first: Duration,
    /// The longest.
    pub max: Duration,
}

/// How long a trace number rests before it is used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cooling {
    /// After its request was answered.
    pub answered: Duration,
    /// After the switch gave up on the answer; so long the request is remembered.
    pub unanswered: Duration,
}

impl LinkProfile {
    /// A link with the defaults of [`limits`]: matched by fields 11 and 41, with a sign-on, without echo.
    #[must_use]
    pub fn new(name: Arc<str>, dialect: Arc<Dialect>) -> Self {
        LinkProfile {
            name,
            dialect,
            match_fields: Vec::from([11, 41]),
            timeout: limits::RESPONSE_TIMEOUT_DEFAULT,
            sign_on: true,
            echo: None,
            addresses: 1,
            in_flight_max: limits::LINK_IN_FLIGHT_DEFAULT,
            stan_range: limits::STAN_RANGE_DEFAULT,
            stan_seed: None,
            backoff: Backoff {
                first: limits::BACKOFF_FIRST_DEFAULT,
                max: limits::BACKOFF_MAX_DEFAULT,
            },
            cooling: Cooling {
                answered: limits::STAN_COOLING_ANSWERED_DEFAULT,
                unanswered: limits::STAN_COOLING_UNANSWERED_DEFAULT,
            },
            seed: 0,
            wall_clock: WallClock::default(),
            transactions: TransactionIds::new(1, 0),
            store_forward: StoreForwardProfile::default(),
            stand_in: None,
            originals_max: limits::ORIGINALS_MAX_DEFAULT,
        }
    }
}
