//! The limits of a configuration, with their units and reasons.

use std::time::Duration;

/// A million BINs of the longest kind, one a line, need 25 MB.
pub(crate) const FILE_BYTES_MAX: usize = 32 * 1024 * 1024;
/// A dialect has at most 127 fields of a line or two each.
pub(crate) const DIALECT_BYTES_MAX: usize = 256 * 1024;
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

/// Requests of one connection that wait for their answers. A terminal has one, a concentrator of thousands of terminals
/// has as many as its terminals are busy.
pub(crate) const LISTENER_IN_FLIGHT: usize = 256;
/// 5,000 connections, the size of a large installation, fit twice.
pub(crate) const LISTENER_CONNECTIONS: usize = 10_000;
/// At 15 s until the deadline this still lets 270 transactions a second pass a bank that has stopped to answer.
pub(crate) const LINK_IN_FLIGHT: usize = 4_096;
/// A link has 999,999 STANs (ISO 8583-1:1987, field 11 is n6), of which many are cooling after use.
pub(crate) const LINK_IN_FLIGHT_MAX: u64 = 100_000;
pub(crate) const LISTENER_IN_FLIGHT_MAX: u64 = 100_000;
pub(crate) const LISTENER_CONNECTIONS_MAX: u64 = 1_000_000;

/// Cardholders and terminals wait about this long; networks ask for 10 to 30 seconds.
pub(crate) const LINK_TIMEOUT: Duration = Duration::from_secs(15);
pub(crate) const LINK_TIMEOUT_MAX: Duration = Duration::from_secs(10 * 60);
/// After a day of silence an echo proves nothing any more.
pub(crate) const ECHO_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// Two transactions' deadlines at the default.
pub(crate) const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);
pub(crate) const DRAIN_TIMEOUT_MAX: Duration = Duration::from_secs(60 * 60);

/// Diagnostics that are printed; the rest is counted. Whoever has more than this has made one mistake many times.
pub(crate) const DIAGNOSTICS_SHOWN_MAX: usize = 100;
