//! How much is how much: every limit of this crate's journal, with its reason.

/// Payload of one record. The longest that is written is a sealed message of at most a few KiB with its index data; more
/// is a mistake of the caller.
pub const RECORD_BYTES_MAX: usize = 256 * 1024;

/// Payloads of one batch: writing and syncing 1 MiB takes about as long as four small syncs, more would make those wait
/// who are in the next one.
pub const BATCH_BYTES_MAX: usize = 1024 * 1024;

/// Records of one batch.
pub const BATCH_RECORDS_MAX: usize = 1024;

/// An open batch is closed from here on, so that the next record always fits.
pub(crate) const BATCH_BYTES_FULL: usize = BATCH_BYTES_MAX - RECORD_BYTES_MAX;

/// What may wait for the disk. A healthy one takes 1 MiB in less than a millisecond, so that more than a few MiB never
/// wait; this much is reached when the disk has hung for seconds, and from then on refusing is the honest answer.
pub const QUEUE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Counted for each record on top of its payload, so that empty records do not wait without a limit.
pub(crate) const RECORD_OVERHEAD_BYTES: usize = 24;

/// Batches kept for later use: the open one's and the written one's successors; more are only needed after a stall.
pub(crate) const SPARE_BATCHES_MAX: usize = 4;

/// Default size of a segment of the log.
pub(crate) const SEGMENT_BYTES: u64 = 64 * 1024 * 1024;

/// The smallest segment that makes sense; production uses [`SEGMENT_BYTES`].
pub(crate) const SEGMENT_BYTES_MIN: u64 = 4 * 1024;

/// The largest: offsets and zero-filling at a start stay reasonable.
pub(crate) const SEGMENT_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// Segments that are kept for obligations when the disk is full: at 64 MiB each, about 200,000 records.
pub(crate) const SEGMENTS_RESERVED: usize = 2;

/// How often an idle journal looks after itself: syncs what is relaxed, and sees whether space is back.
pub(crate) const TICK_MS: u64 = 1_000;

const _: () = assert!(RECORD_BYTES_MAX < BATCH_BYTES_MAX);
const _: () = assert!(
    RECORD_BYTES_MAX < 1 << 24,
    "the length of a record has three bytes"
);
