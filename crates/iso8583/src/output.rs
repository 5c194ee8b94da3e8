//! Where messages are written: the end of a buffer, reached through plain slices of the right length.
//!
//! Appending to a `BytesMut` piece by piece asks for its capacity at every piece and copies through a call. Here room is
//! made in few large steps; a piece is then a bounds check and a store.

use bytes::{BufMut, BytesMut};

use crate::charset;
use crate::field::{BitmapEncoding, TextEncoding};
use crate::mti::Mti;
use crate::swar::{self, Spelling};

/// Room that is made at least when there is none left.
const ROOM_BYTES_MIN: usize = 256;

/// What may be written behind the end, and does not count.
pub(crate) const LOOSE_BYTES: usize = 32;

/// One message in the making at the end of a buffer.
pub(crate) struct Output<'o> {
    buffer: &'o mut BytesMut,
    /// Where the message begins in the buffer.
    start: usize,
    /// Where it ends so far.
    end: usize,
}

impl<'o> Output<'o> {
    /// Begins a message that will probably not be longer than `expected`.
    #[inline]
    pub(crate) fn begin(buffer: &'o mut BytesMut, expected: usize) -> Output<'o> {
        let start = buffer.len();
        buffer.put_bytes(0, expected);
        Output {
            buffer,
            start,
            end: start,
        }
    }

    /// The next so many bytes of the message, to be filled by the caller.
    #[inline]
    pub(crate) fn room(&mut self, count: usize) -> &mut [u8] {
        let end = self.end + count;
        if end > self.buffer.len() {
            self.grow(count);
        }
        let place = self.buffer.get_mut(self.end..end).unwrap_or_default();
        self.end = end;
        place
    }

    /// As [`Output::room`], with some bytes more: what is written into those does not count, and is overwritten by what
    /// comes next.
    #[inline(always)]
    pub(crate) fn loose_room(&mut self, count: usize) -> &mut [u8] {
        let end = self.end + count;
        let loose_end = end + LOOSE_BYTES;
        if loose_end > self.buffer.len() {
            self.grow(count + LOOSE_BYTES);
        }
        let place = self.buffer.get_mut(self.end..).unwrap_or_default();
        self.end = end;
        place
    }

    #[cold]
    fn grow(&mut self, count: usize) {
        self.buffer.put_bytes(0, count.max(ROOM_BYTES_MIN));
    }

    /// Appends bytes as they are.
    #[inline]
    pub(crate) fn put(&mut self, bytes: &[u8]) {
        swar::copy(bytes, self.room(bytes.len()));
    }

    /// Appends a message type.
    #[inline]
    pub(crate) fn put_mti(&mut self, encoding: TextEncoding, mti: Mti) {
        let [a, b, c, d] = mti.digits();
        match encoding {
            TextEncoding::Ascii => self.put(&[a, b, c, d]),
            TextEncoding::Ebcdic => self.put(&[a | 0xF0, b | 0xF0, c | 0xF0, d | 0xF0]),
            TextEncoding::Bcd => self.put(&[a << 4 | (b & 0x0F), c << 4 | (d & 0x0F)]),
        }
    }

    /// Bytes of the message so far.
    #[inline]
    pub(crate) fn length(&self) -> usize {
        self.end - self.start
    }

    /// Takes back all but the first so many bytes of the message.
    #[inline]
    pub(crate) fn rewind(&mut self, length: usize) {
        self.end = self.end.min(self.start + length);
    }

    /// A part of what was written, by its place in the message.
    #[inline]
    pub(crate) fn written(&mut self, offset: usize, count: usize) -> &mut [u8] {
        let from = self.start + offset;
        self.buffer.get_mut(from..from + count).unwrap_or_default()
    }

    /// Writes one bitmap at its place; bit n−1 stands for the n-th field.
    #[inline]
    pub(crate) fn set_bitmap(&mut self, offset: usize, encoding: BitmapEncoding, bits: u64) {
        let wire = bits.reverse_bits().to_be_bytes();
        let place = self.written(offset, encoding.length());
        match encoding {
            BitmapEncoding::Binary => {
                if let Some(place) = place.first_chunk_mut() {
                    *place = wire;
                }
            }
            BitmapEncoding::HexText => {
                if let Some(place) = place.first_chunk_mut() {
                    *place = swar::unpack_group(&wire, Spelling::Hex);
                }
            }
            BitmapEncoding::EbcdicHex => {
                let text = swar::unpack_group(&wire, Spelling::Hex);
                swar::translate(&text, place, &charset::EBCDIC_FROM_LATIN1);
            }
        }
    }

    /// Moves everything from `offset` on by so many bytes up, to insert something there.
    pub(crate) fn insert_gap(&mut self, offset: usize, count: usize) {
        let from = self.start + offset;
        let end = self.end;
        self.room(count);
        self.buffer.copy_within(from..end, from + count);
    }

    /// Takes out so many bytes at `offset`.
    pub(crate) fn close_gap(&mut self, offset: usize, count: usize) {
        let from = self.start + offset;
        self.buffer.copy_within(from + count..self.end, from);
        self.end -= count;
    }

    /// The message is complete: the buffer ends with it.
    #[inline]
    pub(crate) fn keep(&mut self) -> core::ops::Range<usize> {
        self.buffer.truncate(self.end);
        self.start..self.end
    }

    /// The message is given up: the buffer is as it was.
    #[inline]
    pub(crate) fn give_up(&mut self) {
        self.end = self.start;
        self.buffer.truncate(self.start);
    }
}
