//! What stands in a segment, byte by byte. Numbers are little-endian.
//!
//! ```text
//! segment   header (64 bytes), records one behind the other, then whatever was there before
//!
//! header     0  magic "PMSEGMNT"     8  version u32     12  node u32
//!           16  segment number u64  24  first LSN u64   32  boot epoch u32
//!           36  chain at the end of the segment before  40  bytes of the file u64
//!           48  zeros
//!           60  CRC32C of bytes 0..60: the seed of the chain
//!
//! record     0  CRC32C of (node, segment number, bytes 4..24)
//!            4  chain: CRC32C that goes on from the record before, over bytes 8..end
//!            8  LSN u64             16  how many records before this one were not yet synced when it was written, u32
//!           20  payload length, 3 bytes                 23  kind u8
//!           24  payload, then zeros to a multiple of 8
//! ```
//!
//! The chain makes a record valid only behind the very record it was written behind, in the very life of the segment. The
//! first CRC is for telling what broke: a sound head of a later record that was written after a sync proves that what is
//! broken before it had been durable.

use crc32c::{crc32c, crc32c_append};

use crate::limits::RECORD_BYTES_MAX;
use crate::{Lsn, RawRecord};

/// Raised when an older program could not read what a newer one writes.
pub(super) const VERSION: u32 = 1;
pub(super) const SEGMENT_HEADER_BYTES: usize = 64;
pub(super) const RECORD_HEADER_BYTES: usize = 24;
/// Records begin at multiples of it.
pub(super) const ALIGN_BYTES: usize = 8;

const SEGMENT_MAGIC: [u8; 8] = *b"PMSEGMNT";
const CRC_AT: usize = 60;

/// The head of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    pub(super) node: u32,
    pub(super) number: u64,
    pub(super) first: Lsn,
    pub(super) epoch: u32,
    /// The chain where the segment before ended; 0 before the first.
    pub(super) previous: u32,
    /// Of the file: one that is shorter has lost what stood behind.
    pub(super) bytes: u64,
}

/// What stands where a segment's head should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Head {
    /// Zeros: prepared, not begun.
    Empty,
    Sound(SegmentHeader),
    /// A later program's, with its version.
    Newer(u32),
    Damaged,
}

impl SegmentHeader {
    pub(super) fn encode(&self) -> [u8; SEGMENT_HEADER_BYTES] {
        let mut bytes = [0; SEGMENT_HEADER_BYTES];
        put(&mut bytes, 0, &SEGMENT_MAGIC);
        put(&mut bytes, 8, &VERSION.to_le_bytes());
        put(&mut bytes, 12, &self.node.to_le_bytes());
        put(&mut bytes, 16, &self.number.to_le_bytes());
        put(&mut bytes, 24, &self.first.get().to_le_bytes());
        put(&mut bytes, 32, &self.epoch.to_le_bytes());
        put(&mut bytes, 36, &self.previous.to_le_bytes());
        put(&mut bytes, 40, &self.bytes.to_le_bytes());
        let crc = self.chain_of(&bytes);
        put(&mut bytes, CRC_AT, &crc.to_le_bytes());
        bytes
    }

    /// The chain that the first record goes on from.
    pub(super) fn chain(&self) -> u32 {
        read_u32(&self.encode(), CRC_AT)
    }

    fn chain_of(&self, bytes: &[u8; SEGMENT_HEADER_BYTES]) -> u32 {
        crc32c(bytes.get(..CRC_AT).unwrap_or_default())
    }
}

impl Head {
    pub(super) fn decode(bytes: &[u8; SEGMENT_HEADER_BYTES]) -> Head {
        if bytes.iter().all(|byte| *byte == 0) {
            return Head::Empty;
        }
        if bytes.get(..8) != Some(&SEGMENT_MAGIC[..])
            || crc32c(bytes.get(..CRC_AT).unwrap_or_default()) != read_u32(bytes, CRC_AT)
        {
            return Head::Damaged;
        }
        let version = read_u32(bytes, 8);
        if version != VERSION {
            return Head::Newer(version);
        }
        Head::Sound(SegmentHeader {
            node: read_u32(bytes, 12),
            number: read_u64(bytes, 16),
            first: Lsn::new(read_u64(bytes, 24)),
            epoch: read_u32(bytes, 32),
            previous: read_u32(bytes, 36),
            bytes: read_u64(bytes, 40),
        })
    }
}

/// What a record of a payload takes.
pub(super) const fn record_bytes(payload: usize) -> usize {
    (RECORD_HEADER_BYTES + payload).next_multiple_of(ALIGN_BYTES)
}

/// What the CRC of a record's head begins with: no head of another segment, or of an earlier life of this file, is sound.
pub(super) fn head_seed(node: u32, number: u64) -> u32 {
    crc32c_append(crc32c(&node.to_le_bytes()), &number.to_le_bytes())
}

/// Appends the record and gives the chain behind it.
pub(super) fn encode_record(
    record: &RawRecord<'_>,
    unsynced_before: u32,
    seed: u32,
    chain: u32,
    into: &mut Vec<u8>,
) -> u32 {
    let start = into.len();
    let length = record.payload.len() as u32;
    let mut head = [0; RECORD_HEADER_BYTES];
    put(&mut head, 8, &record.lsn.get().to_le_bytes());
    put(&mut head, 16, &unsynced_before.to_le_bytes());
    put(
        &mut head,
        20,
        &(length | u32::from(record.kind) << 24).to_le_bytes(),
    );
    into.extend_from_slice(&head);
    into.extend_from_slice(record.payload);
    into.resize(start + record_bytes(record.payload.len()), 0);
    let chain = crc32c_append(chain, into.get(start + 8..).unwrap_or_default());
    put(&mut head, 4, &chain.to_le_bytes());
    let sound = crc32c_append(seed, head.get(4..).unwrap_or_default());
    put(&mut head, 0, &sound.to_le_bytes());
    if let Some(place) = into.get_mut(start..start + RECORD_HEADER_BYTES) {
        place.copy_from_slice(&head);
    }
    chain
}

/// The head of a record whose own CRC is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RecordHead {
    pub(super) chain: u32,
    pub(super) lsn: Lsn,
    pub(super) unsynced_before: u32,
    pub(super) payload: usize,
    pub(super) kind: u8,
}

impl RecordHead {
    pub(super) fn decode(bytes: &[u8], seed: u32) -> Option<RecordHead> {
        let bytes = bytes.get(..RECORD_HEADER_BYTES)?;
        if crc32c_append(seed, bytes.get(4..)?) != read_u32(bytes, 0) {
            return None;
        }
        let tail = read_u32(bytes, 20);
        let head = RecordHead {
            chain: read_u32(bytes, 4),
            lsn: Lsn::new(read_u64(bytes, 8)),
            unsynced_before: read_u32(bytes, 16),
            payload: (tail & 0x00FF_FFFF) as usize,
            kind: (tail >> 24) as u8,
        };
        (head.payload <= RECORD_BYTES_MAX).then_some(head)
    }

    pub(super) fn record_bytes(&self) -> usize {
        record_bytes(self.payload)
    }

    /// The first record of those that were written together with this one, before any sync.
    pub(super) fn group(&self) -> Lsn {
        Lsn::new(
            self.lsn
                .get()
                .saturating_sub(u64::from(self.unsynced_before)),
        )
    }

    /// Whether the record, of which `bytes` are all, stands behind the one that left `chain`.
    pub(super) fn follows(&self, bytes: &[u8], chain: u32) -> bool {
        bytes
            .get(8..)
            .is_some_and(|covered| crc32c_append(chain, covered) == self.chain)
    }
}

/// The first sound head in `bytes` of a record that was written after what stood at `broken` had been synced.
///
/// Heads of records that were written together with the broken one prove nothing: sectors of one write reach the disk in
/// any order.
pub(super) fn written_later(bytes: &[u8], seed: u32, broken: Lsn) -> Option<Lsn> {
    (0..bytes.len())
        .step_by(ALIGN_BYTES)
        .filter_map(|at| bytes.get(at..at + RECORD_HEADER_BYTES))
        // Cheap first: nearly every place ends here.
        .filter(|head| read_u64(head, 8) > broken.get())
        .filter_map(|head| RecordHead::decode(head, seed))
        .find(|head| head.group() > broken)
        .map(|head| head.lsn)
}

pub(super) fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    if let Some(place) = bytes.get_mut(at..at + value.len()) {
        place.copy_from_slice(value);
    }
}

pub(super) fn read_u32(bytes: &[u8], at: usize) -> u32 {
    bytes
        .get(at..at + 4)
        .and_then(|bytes| bytes.try_into().ok())
        .map_or(0, u32::from_le_bytes)
}

pub(super) fn read_u64(bytes: &[u8], at: usize) -> u64 {
    bytes
        .get(at..at + 8)
        .and_then(|bytes| bytes.try_into().ok())
        .map_or(0, u64::from_le_bytes)
}
