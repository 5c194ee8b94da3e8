//! What is written down so that a person can find out what happened: starts, odd answers, and what people did.

use super::limits::{
    DETAIL_BYTES_MAX, MTI_BYTES_MAX, NAME_BYTES_MAX, RESPONSE_CODE_BYTES_MAX, VERSION_BYTES_MAX,
    WHO_BYTES_MAX,
};
use super::read::Reader;
use super::{EventError, KeyCheck, UnixMicros, write};

/// The switch has started. The first record of each life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Boot<'a> {
    /// Goes up with each start.
    pub epoch: u32,
    pub at: UnixMicros,
    /// Of the program.
    pub version: &'a str,
    /// From which this life's data key is derived.
    pub salt: [u8; 16],
    /// Which master key it is derived from: a wrong one is found out before it is used.
    pub key: KeyCheck,
}

impl<'a> Boot<'a> {
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        write::u32(out, self.epoch);
        write::i64(out, self.at.0);
        write::text(out, self.version, VERSION_BYTES_MAX);
        out.extend_from_slice(&self.salt);
        out.extend_from_slice(&self.key.0);
    }

    pub(super) fn decode(reader: &mut Reader<'a>) -> Result<Self, EventError> {
        Ok(Boot {
            epoch: reader.u32("epoch")?,
            at: reader.at()?,
            version: reader.text("version", VERSION_BYTES_MAX)?,
            salt: reader.array("salt")?,
            key: KeyCheck(reader.array("key")?),
        })
    }
}

/// What was odd about an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Observation {
    /// It came after the terminal had been told something else.
    Late,
    /// Nothing waits for it.
    Unmatched,
    /// It does not say what the request asked for.
    Mismatched,
    /// It cannot be read.
    Undecodable,
}

impl Observation {
    pub const ALL: [Observation; 4] = [
        Observation::Late,
        Observation::Unmatched,
        Observation::Mismatched,
        Observation::Undecodable,
    ];

    /// Its name in tables and commands.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Observation::Late => "late",
            Observation::Unmatched => "unmatched",
            Observation::Mismatched => "mismatched",
            Observation::Undecodable => "undecodable",
        }
    }

    /// Its number in records, never given to another.
    const fn code(self) -> u8 {
        match self {
            Observation::Late => 1,
            Observation::Unmatched => 2,
            Observation::Mismatched => 3,
            Observation::Undecodable => 4,
        }
    }
}

/// A link said something that fits nothing, or no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observed<'a> {
    pub at: UnixMicros,
    pub link: &'a str,
    pub what: Observation,
    pub mti: &'a str,
    pub stan: Option<u32>,
    pub response_code: &'a str,
    /// The transaction that it belongs to, or the nearest candidate.
    pub tx: Option<u64>,
    pub detail: &'a str,
}

impl<'a> Observed<'a> {
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        write::i64(out, self.at.0);
        write::text(out, self.link, NAME_BYTES_MAX);
        out.push(self.what.code());
        write::text(out, self.mti, MTI_BYTES_MAX);
        write::option_u32(out, self.stan);
        write::text(out, self.response_code, RESPONSE_CODE_BYTES_MAX);
        write::option_u64(out, self.tx);
        write::free_text(out, self.detail, DETAIL_BYTES_MAX);
    }

    pub(super) fn decode(reader: &mut Reader<'a>) -> Result<Self, EventError> {
        Ok(Observed {
            at: reader.at()?,
            link: reader.text("link", NAME_BYTES_MAX)?,
            what: {
                let value = reader.u8("what")?;
                Observation::ALL
                    .into_iter()
                    .find(|what| what.code() == value)
                    .ok_or(EventError::Value {
                        field: "what",
                        value,
                    })?
            },
            mti: reader.text("mti", MTI_BYTES_MAX)?,
            stan: reader.option_u32("stan")?,
            response_code: reader.text("response_code", RESPONSE_CODE_BYTES_MAX)?,
            tx: reader.option_u64("tx")?,
            detail: reader.text("detail", DETAIL_BYTES_MAX)?,
        })
    }
}

/// A person did something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Audit<'a> {
    pub at: UnixMicros,
    pub who: &'a str,
    pub action: &'a str,
    pub tx: Option<u64>,
    pub detail: &'a str,
}

impl<'a> Audit<'a> {
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        write::i64(out, self.at.0);
        write::free_text(out, self.who, WHO_BYTES_MAX);
        write::free_text(out, self.action, WHO_BYTES_MAX);
        write::option_u64(out, self.tx);
        write::free_text(out, self.detail, DETAIL_BYTES_MAX);
    }

    pub(super) fn decode(reader: &mut Reader<'a>) -> Result<Self, EventError> {
        Ok(Audit {
            at: reader.at()?,
            who: reader.text("who", WHO_BYTES_MAX)?,
            action: reader.text("action", WHO_BYTES_MAX)?,
            tx: reader.option_u64("tx")?,
            detail: reader.text("detail", DETAIL_BYTES_MAX)?,
        })
    }
}
