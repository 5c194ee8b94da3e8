//! One direction of a TCP connection, put together from its segments.
//!
//! RFC 9293 3.4: bytes have numbers, modulo 2^32. What comes again is dropped, what comes early waits. What never comes,
//! because the recording missed it, ends the stream; what follows begins another one, for its frames are out of step.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;

/// Bytes of one stream that may wait for an earlier segment: the largest window that peers commonly use.
const WAITING_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Bytes of all streams together.
const BYTES_MAX: usize = 256 * 1024 * 1024;
const STREAMS_MAX: usize = 100_000;
/// What keeping a segment costs beside its bytes, about: many short ones must not get around the limits.
const SEGMENT_BYTES: usize = 64;

/// What a packet says about a stream.
#[derive(Debug)]
pub(super) struct Segment<'a> {
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    pub(super) sequence: u32,
    /// It opens the connection; its sequence number counts as one byte.
    pub(super) is_first: bool,
    pub(super) payload: &'a [u8],
    /// The number of the packet.
    pub(super) packet: u64,
}

/// What one side said, without gaps.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) from: SocketAddr,
    pub(crate) to: SocketAddr,
    pub(crate) bytes: Vec<u8>,
    /// Where bytes end, and the packet with which they were there; both ascending.
    arrivals: Vec<(usize, u64)>,
    /// Bytes that the recording missed before this stream.
    pub(crate) missed: u32,
}

impl Stream {
    /// The packet with which everything before `end` was there.
    pub(crate) fn packet_at(&self, end: usize) -> u64 {
        let place = self.arrivals.partition_point(|(up_to, _)| *up_to < end);
        let arrival = self.arrivals.get(place).or(self.arrivals.last());
        arrival.map_or(0, |(_, packet)| *packet)
    }
}

/// All of a capture.
#[derive(Debug, Default)]
pub(super) struct Streams {
    all: Vec<Stream>,
    open: HashMap<(SocketAddr, SocketAddr), Open>,
    bytes: usize,
}

/// A stream that goes on.
#[derive(Debug)]
struct Open {
    /// Its place among all.
    stream: usize,
    next: u32,
    /// What came early, with its packet, by its place in the numbering of `position`.
    waiting: BTreeMap<u64, (Vec<u8>, u64)>,
    waiting_bytes: usize,
    /// Bytes before `next`; it does not begin again as sequence numbers do.
    position: u64,
}

impl Streams {
    pub(super) fn is_full(&self) -> bool {
        self.bytes > BYTES_MAX || self.all.len() > STREAMS_MAX
    }

    pub(super) fn take(&mut self, segment: &Segment<'_>) {
        let key = (segment.from, segment.to);
        if segment.is_first {
            // An address that is used again, or the same packet again.
            if let Some(open) = self.open.remove(&key) {
                self.close(open);
            }
            let next = segment.sequence.wrapping_add(1);
            self.begin(key, next, 0);
            self.add(key, next, segment);
        } else if !segment.payload.is_empty() {
            if !self.open.contains_key(&key) {
                // The recording began in the middle of the connection.
                self.begin(key, segment.sequence, 0);
            }
            self.add(key, segment.sequence, segment);
        }
    }

    fn begin(&mut self, key: (SocketAddr, SocketAddr), next: u32, missed: u32) {
        let open = Open {
            stream: self.all.len(),
            next,
            waiting: BTreeMap::new(),
            waiting_bytes: 0,
            position: 0,
        };
        self.all.push(Stream {
            from: key.0,
            to: key.1,
            bytes: Vec::new(),
            arrivals: Vec::new(),
            missed,
        });
        self.open.insert(key, open);
    }

    fn add(&mut self, key: (SocketAddr, SocketAddr), sequence: u32, segment: &Segment<'_>) {
        let Some(open) = self.open.get_mut(&key) else {
            return;
        };
        // RFC 9293 3.4: the numbers are compared modulo 2^32; half of them lie ahead.
        let ahead = sequence.wrapping_sub(open.next).cast_signed();
        let place = if ahead >= 0 {
            open.position + u64::from(ahead.unsigned_abs())
        } else {
            // It begins before what is known: only its new end counts.
            let known = usize::try_from(ahead.unsigned_abs()).unwrap_or(usize::MAX);
            let Some(new) = segment.payload.get(known..).filter(|new| !new.is_empty()) else {
                return;
            };
            let place = open.position;
            return self.wait(key, place, new, segment.packet);
        };
        if !segment.payload.is_empty() {
            self.wait(key, place, segment.payload, segment.packet);
        }
    }

    /// Puts bytes to those that wait, and takes up all that no longer have to.
    fn wait(&mut self, key: (SocketAddr, SocketAddr), place: u64, bytes: &[u8], packet: u64) {
        let Some(open) = self.open.get_mut(&key) else {
            return;
        };
        // Even what is dropped counts, so that this is never less than what is kept.
        self.bytes += bytes.len() + SEGMENT_BYTES;
        let longer = open
            .waiting
            .get(&place)
            .is_none_or(|(waiting, _)| waiting.len() < bytes.len());
        if longer {
            let before = open.waiting.insert(place, (bytes.to_vec(), packet));
            open.waiting_bytes += bytes.len() + SEGMENT_BYTES;
            open.waiting_bytes -= before.map_or(0, |(before, _)| before.len() + SEGMENT_BYTES);
        }
        open.drain(&mut self.all);
        if open.waiting_bytes > WAITING_BYTES_MAX {
            self.skip_gap(key);
        }
    }

    /// What is missing will not come: the bytes behind it begin a stream of their own.
    fn skip_gap(&mut self, key: (SocketAddr, SocketAddr)) {
        let Some(mut open) = self.open.remove(&key) else {
            return;
        };
        let Some((first, _)) = open.waiting.first_key_value() else {
            return;
        };
        let missed = u32::try_from(first - open.position).unwrap_or(u32::MAX);
        self.begin(key, open.next.wrapping_add(missed), missed);
        if let Some(next) = self.open.get_mut(&key) {
            next.position = *first;
            next.waiting = std::mem::take(&mut open.waiting);
            next.waiting_bytes = open.waiting_bytes;
            next.drain(&mut self.all);
        }
    }

    /// The connection is over: what still waits, waits for what was missed.
    fn close(&mut self, open: Open) {
        let key = match self.all.get(open.stream) {
            Some(stream) if !open.waiting.is_empty() => (stream.from, stream.to),
            _ => return,
        };
        self.open.insert(key, open);
        while self
            .open
            .get(&key)
            .is_some_and(|open| !open.waiting.is_empty())
        {
            self.skip_gap(key);
        }
        self.open.remove(&key);
    }

    pub(super) fn finish(mut self) -> Vec<Stream> {
        let mut open: Vec<Open> = self.open.drain().map(|(_, open)| open).collect();
        open.sort_by_key(|open| open.stream);
        for open in open {
            self.close(open);
        }
        self.all.retain(|stream| !stream.bytes.is_empty());
        self.all
    }
}

impl Open {
    /// Appends what follows without a gap to its stream.
    fn drain(&mut self, all: &mut [Stream]) {
        let Some(stream) = all.get_mut(self.stream) else {
            return;
        };
        while let Some(entry) = self.waiting.first_entry()
            && *entry.key() <= self.position
        {
            let (place, (bytes, packet)) = entry.remove_entry();
            self.waiting_bytes -= bytes.len() + SEGMENT_BYTES;
            let known = usize::try_from(self.position - place).unwrap_or(usize::MAX);
            let Some(new) = bytes.get(known..).filter(|new| !new.is_empty()) else {
                continue;
            };
            stream.bytes.extend_from_slice(new);
            // What waited is there when what it waited for has come.
            let latest = stream.arrivals.last().map_or(0, |(_, latest)| *latest);
            stream
                .arrivals
                .push((stream.bytes.len(), packet.max(latest)));
            self.position += new.len() as u64;
            // A segment is shorter than 2^32 bytes.
            self.next = self
                .next
                .wrapping_add(u32::try_from(new.len()).unwrap_or(0));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Segments as sequence number and text; `^` opens the connection.
    fn check(segments: &[(u32, &str)], expected: &[(&str, u32)]) {
        let mut streams = Streams::default();
        for (packet, (sequence, text)) in (1..).zip(segments) {
            streams.take(&Segment {
                from: "10.0.0.1:4000".parse().unwrap(),
                to: "10.0.0.2:8583".parse().unwrap(),
                sequence: *sequence,
                is_first: text.starts_with('^'),
                payload: text.trim_start_matches('^').as_bytes(),
                packet,
            });
        }
        let found: Vec<(String, u32)> = streams
            .finish()
            .into_iter()
            .map(|stream| (String::from_utf8(stream.bytes).unwrap(), stream.missed))
            .collect();
        let expected: Vec<(String, u32)> = expected
            .iter()
            .map(|(text, missed)| ((*text).to_owned(), *missed))
            .collect();
        assert_eq!(found, expected, "{segments:?}");
    }

    #[test]
    fn in_order_and_out_of_it() {
        check(&[(9, "^"), (10, "ab"), (12, "cd")], &[("abcd", 0)]);
        check(&[(9, "^"), (12, "cd"), (10, "ab")], &[("abcd", 0)]);
        check(
            &[(9, "^"), (14, "ef"), (12, "cd"), (10, "ab")],
            &[("abcdef", 0)],
        );
        check(&[(9, "^x"), (11, "yz")], &[("xyz", 0)]);
    }

    #[test]
    fn again_and_overlapping() {
        check(
            &[(9, "^"), (10, "ab"), (10, "ab"), (9, "?"), (12, "cd")],
            &[("abcd", 0)],
        );
        check(&[(9, "^"), (10, "ab"), (11, "bcd")], &[("abcd", 0)]);
        check(
            &[(9, "^"), (12, "c"), (12, "cde"), (10, "ab")],
            &[("abcde", 0)],
        );
        check(
            &[(9, "^"), (12, "cdef"), (13, "d"), (10, "ab")],
            &[("abcdef", 0)],
        );
    }

    #[test]
    fn the_numbers_begin_again() {
        check(
            &[(u32::MAX - 1, "^"), (1, "cd"), (u32::MAX, "ab"), (3, "ef")],
            &[("abcdef", 0)],
        );
    }

    #[test]
    fn without_its_beginning_or_its_middle() {
        check(&[(500, "ab"), (502, "cd"), (490, "old")], &[("abcd", 0)]);
        check(
            &[(9, "^"), (10, "ab"), (15, "fg"), (17, "h")],
            &[("ab", 0), ("fgh", 3)],
        );
        check(
            &[(9, "^"), (10, "ab"), (15, "fg"), (20, "kl")],
            &[("ab", 0), ("fg", 3), ("kl", 3)],
        );
    }

    #[test]
    fn an_address_is_used_again() {
        check(
            &[(9, "^"), (10, "ab"), (900, "^"), (901, "cd")],
            &[("ab", 0), ("cd", 0)],
        );
    }

    #[test]
    fn the_packet_of_a_byte() {
        let stream = Stream {
            from: "10.0.0.1:1".parse().unwrap(),
            to: "10.0.0.2:2".parse().unwrap(),
            bytes: vec![0; 10],
            arrivals: vec![(4, 7), (10, 9)],
            missed: 0,
        };
        assert_eq!([1, 4, 5, 10].map(|end| stream.packet_at(end)), [7, 7, 9, 9]);
    }
}
