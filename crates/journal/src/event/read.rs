//! How bytes become the fields of an event again. Nothing is believed: every length is held to its limit before it is
//! used, and what is left over is an error.

use super::EventError;
use super::limits::SEALED_BYTES_MAX;
use super::{CardToken, Sealed, UnixMicros};

pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Reader { rest: bytes }
    }

    fn bytes(&mut self, field: &'static str, length: usize) -> Result<&'a [u8], EventError> {
        match self.rest.split_at_checked(length) {
            Some((bytes, rest)) => {
                self.rest = rest;
                Ok(bytes)
            }
            None => Err(EventError::Truncated { field }),
        }
    }

    pub(super) fn array<const N: usize>(
        &mut self,
        field: &'static str,
    ) -> Result<[u8; N], EventError> {
        match self.rest.split_first_chunk() {
            Some((bytes, rest)) => {
                self.rest = rest;
                Ok(*bytes)
            }
            None => Err(EventError::Truncated { field }),
        }
    }

    pub(super) fn u8(&mut self, field: &'static str) -> Result<u8, EventError> {
        self.array::<1>(field).map(|[byte]| byte)
    }

    pub(super) fn u32(&mut self, field: &'static str) -> Result<u32, EventError> {
        self.array(field).map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self, field: &'static str) -> Result<u64, EventError> {
        self.array(field).map(u64::from_le_bytes)
    }

    pub(super) fn at(&mut self) -> Result<UnixMicros, EventError> {
        self.array("at")
            .map(|bytes| UnixMicros(i64::from_le_bytes(bytes)))
    }

    pub(super) fn card(&mut self) -> Result<CardToken, EventError> {
        self.array("card").map(CardToken)
    }

    pub(super) fn bool(&mut self, field: &'static str) -> Result<bool, EventError> {
        match self.u8(field)? {
            0 => Ok(false),
            1 => Ok(true),
            value => Err(EventError::Value { field, value }),
        }
    }

    pub(super) fn option_u32(&mut self, field: &'static str) -> Result<Option<u32>, EventError> {
        match self.bool(field)? {
            true => self.u32(field).map(Some),
            false => Ok(None),
        }
    }

    pub(super) fn option_u64(&mut self, field: &'static str) -> Result<Option<u64>, EventError> {
        match self.bool(field)? {
            true => self.u64(field).map(Some),
            false => Ok(None),
        }
    }

    pub(super) fn text(
        &mut self,
        field: &'static str,
        bytes_max: usize,
    ) -> Result<&'a str, EventError> {
        let length = usize::from(self.u8(field)?);
        if length > bytes_max {
            return Err(EventError::TooLong {
                field,
                length,
                bytes_max,
            });
        }
        std::str::from_utf8(self.bytes(field, length)?).map_err(|_| EventError::NotText { field })
    }

    pub(super) fn sealed(&mut self, field: &'static str) -> Result<Sealed<'a>, EventError> {
        let length = usize::try_from(self.u32(field)?).unwrap_or(usize::MAX);
        if length > SEALED_BYTES_MAX {
            return Err(EventError::TooLong {
                field,
                length,
                bytes_max: SEALED_BYTES_MAX,
            });
        }
        self.bytes(field, length).map(Sealed)
    }

    /// The event has been read: nothing may be left.
    pub(super) fn finish(self) -> Result<(), EventError> {
        match self.rest.len() {
            0 => Ok(()),
            count => Err(EventError::Trailing { count }),
        }
    }
}
