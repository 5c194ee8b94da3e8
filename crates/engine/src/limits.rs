//! Every limit of the engine with its unit and where it comes from. What an operator may set has `DEFAULT` in its name.

use core::ops::RangeInclusive;
use core::time::Duration;

/// Requests of one terminal connection that may wait for their answer. One terminal needs one; a concentrator carries
/// some hundreds of terminals on a connection.
pub const SESSION_IN_FLIGHT_DEFAULT: usize = 1_024;

/// Requests of one terminal connection that were refused and whose repeats are told the same.
pub const SESSION_REFUSED_MAX: usize = SESSION_IN_FLIGHT_DEFAULT;

/// Requests that may wait for an answer of one link. At the usual 250 ms of a bank this is 65,000 a second; a bank that
/// hangs costs as many open requests before further ones are declined at once.
pub const LINK_IN_FLIGHT_DEFAULT: usize = 16_384;

/// Requests that a link has given up on and still remembers by their match key, so that their answers are known to be
/// late. Beyond it new requests are declined rather than one forgotten: 65,536 in two minutes is a bank that answers
/// nothing to 546 requests a second.
pub const LATE_REMEMBERED_MAX: usize = 65_536;

/// Requests that a bank declined and that a link still remembers with their reversals, while their numbers rest: should
/// the bank approve after all, it is undone. 131,072 in ten seconds are 13,107 declines a second, and 60 MB; beyond it new
/// requests are declined rather than one forgotten.
pub const DECLINED_REMEMBERED_MAX: usize = 131_072;

/// Numbers of field 11: six digits (ISO 8583-1:1987, field 11 is n6), of which 0 is not used.
pub const STAN_RANGE_DEFAULT: RangeInclusive<u32> = 1..=999_999;

/// How long a number rests after its request was answered. A second copy of an answer follows the first within a
/// retransmission, which is seconds; 999,999 numbers resting for ten seconds still carry 99,999 requests a second.
pub const STAN_COOLING_ANSWERED_DEFAULT: Duration = Duration::from_secs(10);

/// How long a number rests, and its request is remembered, after the switch gave up on the answer. Host systems are
/// known to answer from their queues a minute after an outage; two minutes double that.
pub const STAN_COOLING_UNANSWERED_DEFAULT: Duration = Duration::from_secs(120);

/// How long a link waits for an answer: below the 60 s after which a terminal gives up and the 25 to 30 s that are
/// usual between switch and host, above the 10 s that Visa gives a POS issuer.
pub const RESPONSE_TIMEOUT_DEFAULT: Duration = Duration::from_secs(15);

/// How long a connection attempt may take. A SYN that is dropped is repeated after 1, 3 and 7 seconds.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Echo requests in a row that may stay unanswered before the connection is given up: one lost answer is no outage.
pub const ECHO_MISSES_MAX: u32 = 2;

/// How long the answer to our sign-off is waited for: nothing depends on it, and somebody waits for the shutdown.
pub const SIGN_OFF_TIMEOUT_MAX: Duration = Duration::from_secs(3);

/// After the host signed us off: how long to wait for its sign-on before we sign on ourselves.
pub const SIGNED_OFF_RETRY: Duration = Duration::from_secs(30);

/// First and longest pause between two connection attempts. The pause doubles with each attempt and is jittered, so
/// that the links of many nodes do not come back in the same instant.
pub const BACKOFF_FIRST_DEFAULT: Duration = Duration::from_millis(500);
pub const BACKOFF_MAX_DEFAULT: Duration = Duration::from_secs(30);

/// Doublings of the first pause after which it no longer grows even without `BACKOFF_MAX`; keeps the shift in range.
pub(crate) const BACKOFF_DOUBLINGS_MAX: u32 = 20;

/// Obligations of one link that are sent and not answered. At the usual 50 ms of a bank 64 drain 1,280 a second.
pub const STORE_FORWARD_WINDOW_DEFAULT: usize = 64;

/// First and longest pause between two attempts of one obligation.
pub const STORE_FORWARD_PAUSE_FIRST_DEFAULT: Duration = Duration::from_secs(2);
pub const STORE_FORWARD_PAUSE_MAX_DEFAULT: Duration = Duration::from_secs(300);

/// An obligation that was not acknowledged for so long is a case for people: longer than a weekend with a holiday.
pub const STORE_FORWARD_EXPIRE_DEFAULT: Duration = Duration::from_secs(7 * 24 * 3_600);

/// Obligations of one link: an hour of a bank that answers nothing to 50 requests a second, at about 600 bytes each.
pub const STORE_FORWARD_ENTRIES_MAX: usize = 200_000;

/// Refusals by the bank after which an obligation becomes a dead letter.
pub const STORE_FORWARD_REFUSALS_MAX: u32 = 3;

/// Transactions of one link that can be repeated and reversed: a day of 23 a second, at about 64 bytes each.
pub const ORIGINALS_MAX_DEFAULT: usize = 2_000_000;

/// How long a request that was not sent is remembered: refused, so that its repeat is told the same; or reversed before
/// it came, so that it is kept out. Longer than any network holds a message back.
pub const UNSENT_REMEMBERED: Duration = Duration::from_secs(600);

/// An obligation for which no trace number is free tries again after this.
pub const STAN_AWAITED: Duration = Duration::from_secs(1);

/// Cards of one link that can be given stand-in approvals in one day: 24 MB. Further cards get none.
pub const STAND_IN_CARDS_MAX: usize = 500_000;

/// Terminals that may wait for the answer to one transaction: a terminal that repeats faster is declined.
pub(crate) const COPIES_MAX: usize = 8;

/// Bytes of a match key that are kept in the slot; longer keys take an allocation. 41 and 37 with their lengths fit
/// twice.
pub(crate) const KEY_INLINE_BYTES_MAX: usize = 40;

const _: () = assert!(
    *STAN_RANGE_DEFAULT.end() as usize
        > LINK_IN_FLIGHT_DEFAULT + LATE_REMEMBERED_MAX + DECLINED_REMEMBERED_MAX
);
const _: () = assert!(SESSION_IN_FLIGHT_DEFAULT <= LINK_IN_FLIGHT_DEFAULT);
const _: () = assert!(
    STAN_COOLING_UNANSWERED_DEFAULT.as_secs() > STAN_COOLING_ANSWERED_DEFAULT.as_secs()
        && STAN_COOLING_UNANSWERED_DEFAULT.as_secs() > RESPONSE_TIMEOUT_DEFAULT.as_secs()
);
// A held number for each obligation, and enough of them left for requests.
const _: () = assert!(*STAN_RANGE_DEFAULT.end() as usize > 2 * STORE_FORWARD_ENTRIES_MAX);
const _: () = assert!(BACKOFF_FIRST_DEFAULT.as_nanos() <= BACKOFF_MAX_DEFAULT.as_nanos());
const _: () = assert!(ECHO_MISSES_MAX >= 1);
