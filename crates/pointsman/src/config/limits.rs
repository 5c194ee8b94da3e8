//! The limits of a configuration, with their units and reasons. What the engine has a default for is not repeated here.

use std::time::Duration;

use pointsman_engine::limits::{
    LATE_REMEMBERED_MAX, LINK_IN_FLIGHT_DEFAULT, SESSION_IN_FLIGHT_DEFAULT, STAN_RANGE_DEFAULT,
};

/// A million BINs of the longest kind, one a line, need 25 MB.
pub(crate) const FILE_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Names are metric labels and columns of log lines.
pub(crate) const NAME_BYTES_MAX: usize = 64;

pub(crate) const LISTENERS_MAX: usize = 1_024;
/// Far below what a link's number can hold; a switch with more of them is several switches.
pub(crate) const LINKS_MAX: usize = 4_096;
const _: () = assert!(LINKS_MAX <= u16::MAX as usize);
/// Addresses of one bank: its sites, and a spare for each.
pub(crate) const ADDRESSES_MAX: usize = 16;
/// The values of the match fields are compared for every answer; nobody needs more of them than this.
pub(crate) const MATCH_FIELDS_MAX: usize = 8;

/// One runtime for each core; no machine has more cores than this.
pub(crate) const THREADS_MAX: u64 = 1_024;

/// The shortest frame limit that still holds a network management message with a header and a few fields.
pub(crate) const FRAME_BYTES_MIN: u64 = 64;
/// The largest ISO 8583 message that the codec reads is 64 KiB; a frame adds a TPDU.
pub(crate) const FRAME_BYTES_MAX: u64 = 64 * 1024;

/// 5,000 connections, the size of a large installation, fit twice.
pub(crate) const LISTENER_CONNECTIONS: usize = 10_000;
pub(crate) const LISTENER_CONNECTIONS_MAX: u64 = 1_000_000;
pub(crate) const LISTENER_IN_FLIGHT_MAX: u64 = 100_000;
/// Each needs a number of field 11 (ISO 8583-1:1987: n6), and so does each that was given up on lately.
pub(crate) const LINK_IN_FLIGHT_MAX: u64 = 100_000;
const _: () = assert!(
    *STAN_RANGE_DEFAULT.end() as u64 > LINK_IN_FLIGHT_MAX + LATE_REMEMBERED_MAX as u64
        && LINK_IN_FLIGHT_MAX >= LINK_IN_FLIGHT_DEFAULT as u64
        && LISTENER_IN_FLIGHT_MAX >= SESSION_IN_FLIGHT_DEFAULT as u64
);

/// No cardholder waits so long.
pub(crate) const LINK_TIMEOUT_MAX: Duration = Duration::from_secs(10 * 60);
/// After a day of silence an echo proves nothing any more.
pub(crate) const ECHO_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// Twice the deadline of a request, if that is left as it is.
pub(crate) const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);
pub(crate) const DRAIN_TIMEOUT_MAX: Duration = Duration::from_secs(60 * 60);

/// Obligations in flight at a time; each waits for an answer like a request.
pub(crate) const SAF_WINDOW_MAX: u64 = 10_000;
/// A bank that is asked once an hour is not asked.
pub(crate) const SAF_PAUSE_MAX: Duration = Duration::from_secs(60 * 60);
/// Banks settle within a month; what they were not told by then is for people.
pub(crate) const SAF_EXPIRE_MAX: Duration = Duration::from_secs(31 * 24 * 60 * 60);
/// Stand-in rules of one configuration.
pub(crate) const STAND_INS_MAX: usize = 256;
/// Merchants, categories or entry modes of one rule: they are searched one by one.
pub(crate) const STAND_IN_VALUES_MAX: usize = 256;
/// In minor units: more than any shop's till, far below what an acquirer could not lose.
pub(crate) const STAND_IN_AMOUNT_MAX: u64 = 1_000_000_000;
pub(crate) const STAND_IN_COUNT_MAX: u64 = 1_000;
/// A list of stolen cards: half a million at 20 bytes a line.
pub(crate) const HOT_CARDS_BYTES_MAX: usize = 10 * 1024 * 1024;

/// A link remembers a day; what the tables know longer is for people.
pub(crate) const JOURNAL_KEEP_MAX: Duration = Duration::from_secs(31 * 24 * 60 * 60);
/// Of the journal: two segments at least, and a terabyte at most.
pub(crate) const JOURNAL_KEEP_BYTES_MIN: u64 = 128 << 20;
pub(crate) const JOURNAL_KEEP_BYTES_MAX: u64 = 1 << 40;
/// PCI DSS v4.0.1, 10.5.1 wants a year of audit trail; ten are an archive.
pub(crate) const TABLES_DAYS_MAX: u64 = 3_660;

/// Diagnostics that are printed; the rest is counted. Whoever has more than this has made one mistake many times.
pub(crate) const DIAGNOSTICS_SHOWN_MAX: usize = 100;
