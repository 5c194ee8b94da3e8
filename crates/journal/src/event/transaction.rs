//! The life of a transaction as far as the terminal is concerned: begun, answered, refused or taken back.

use super::limits::{
    APPROVAL_CODE_BYTES_MAX, CAUSE_BYTES_MAX, CURRENCY_BYTES_MAX, MASKED_PAN_BYTES_MAX,
    MERCHANT_BYTES_MAX, MTI_BYTES_MAX, NAME_BYTES_MAX, PROCESSING_CODE_BYTES_MAX,
    RESPONSE_CODE_BYTES_MAX, RRN_BYTES_MAX, TERMINAL_BYTES_MAX,
};
use super::read::Reader;
use super::{CardToken, EventError, Sealed, UnixMicros, write};

/// A financial message is about to leave. What a restart finds without an [`Outcome`] or a [`Withdrawn`] is in doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Intent<'a> {
    /// The transaction, named by whoever writes. Never used twice.
    pub tx: u64,
    pub at: UnixMicros,
    /// Where it goes.
    pub link: &'a str,
    /// Where it came from.
    pub listener: &'a str,
    pub mti: &'a str,
    pub terminal: &'a str,
    pub merchant: &'a str,
    /// The trace number that the terminal gave.
    pub terminal_stan: u32,
    /// The trace number that the bank sees.
    pub link_stan: u32,
    pub rrn: &'a str,
    /// In the smallest unit of the currency.
    pub amount: Option<u64>,
    pub currency: &'a str,
    pub processing_code: &'a str,
    /// Empty if the message names no card.
    pub masked_pan: &'a str,
    pub card: CardToken,
    /// A hash of what makes a repeat a repeat, by which duplicates are found.
    pub key: [u8; 16],
    /// What a reversal would say.
    pub body: Sealed<'a>,
}

impl<'a> Intent<'a> {
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        write::u64(out, self.tx);
        write::i64(out, self.at.0);
        write::text(out, self.link, NAME_BYTES_MAX);
        write::text(out, self.listener, NAME_BYTES_MAX);
        write::text(out, self.mti, MTI_BYTES_MAX);
        write::text(out, self.terminal, TERMINAL_BYTES_MAX);
        write::text(out, self.merchant, MERCHANT_BYTES_MAX);
        write::u32(out, self.terminal_stan);
        write::u32(out, self.link_stan);
        write::text(out, self.rrn, RRN_BYTES_MAX);
        write::option_u64(out, self.amount);
        write::text(out, self.currency, CURRENCY_BYTES_MAX);
        write::text(out, self.processing_code, PROCESSING_CODE_BYTES_MAX);
        write::masked_pan(out, self.masked_pan, MASKED_PAN_BYTES_MAX);
        out.extend_from_slice(&self.card.0);
        out.extend_from_slice(&self.key);
        write::sealed(out, self.body);
    }

    pub(super) fn decode(reader: &mut Reader<'a>) -> Result<Self, EventError> {
        Ok(Intent {
            tx: reader.u64("tx")?,
            at: reader.at()?,
            link: reader.text("link", NAME_BYTES_MAX)?,
            listener: reader.text("listener", NAME_BYTES_MAX)?,
            mti: reader.text("mti", MTI_BYTES_MAX)?,
            terminal: reader.text("terminal", TERMINAL_BYTES_MAX)?,
            merchant: reader.text("merchant", MERCHANT_BYTES_MAX)?,
            terminal_stan: reader.u32("terminal_stan")?,
            link_stan: reader.u32("link_stan")?,
            rrn: reader.text("rrn", RRN_BYTES_MAX)?,
            amount: reader.option_u64("amount")?,
            currency: reader.text("currency", CURRENCY_BYTES_MAX)?,
            processing_code: reader.text("processing_code", PROCESSING_CODE_BYTES_MAX)?,
            masked_pan: reader.text("masked_pan", MASKED_PAN_BYTES_MAX)?,
            card: reader.card()?,
            key: reader.array("key")?,
            body: reader.sealed("body")?,
        })
    }
}

/// The bank answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome<'a> {
    pub tx: u64,
    pub at: UnixMicros,
    pub approved: bool,
    pub response_code: &'a str,
    pub approval_code: &'a str,
    /// What the terminal is told, so that a repeat is told the same.
    pub answer: Sealed<'a>,
}

impl<'a> Outcome<'a> {
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        write::u64(out, self.tx);
        write::i64(out, self.at.0);
        out.push(u8::from(self.approved));
        write::text(out, self.response_code, RESPONSE_CODE_BYTES_MAX);
        write::text(out, self.approval_code, APPROVAL_CODE_BYTES_MAX);
        write::sealed(out, self.answer);
    }

    pub(super) fn decode(reader: &mut Reader<'a>) -> Result<Self, EventError> {
        Ok(Outcome {
            tx: reader.u64("tx")?,
            at: reader.at()?,
            approved: reader.bool("approved")?,
            response_code: reader.text("response_code", RESPONSE_CODE_BYTES_MAX)?,
            approval_code: reader.text("approval_code", APPROVAL_CODE_BYTES_MAX)?,
            answer: reader.sealed("answer")?,
        })
    }
}

/// The switch itself told the terminal no. If the bank may think otherwise there is an [`super::Obligation`] too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Declined<'a> {
    pub tx: u64,
    pub at: UnixMicros,
    pub cause: &'a str,
}

impl<'a> Declined<'a> {
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        write::u64(out, self.tx);
        write::i64(out, self.at.0);
        write::text(out, self.cause, CAUSE_BYTES_MAX);
    }

    pub(super) fn decode(reader: &mut Reader<'a>) -> Result<Self, EventError> {
        Ok(Declined {
            tx: reader.u64("tx")?,
            at: reader.at()?,
            cause: reader.text("cause", CAUSE_BYTES_MAX)?,
        })
    }
}

/// A terminal took back what had not come. Should it come after all, it is not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unseen<'a> {
    pub at: UnixMicros,
    pub link: &'a str,
    pub terminal: &'a str,
    /// The trace number of what is taken back, as the terminal gave it.
    pub terminal_stan: u32,
    pub rrn: &'a str,
    /// A hash of the terminal's name for it.
    pub key: [u8; 16],
}

impl<'a> Unseen<'a> {
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        write::i64(out, self.at.0);
        write::text(out, self.link, NAME_BYTES_MAX);
        write::text(out, self.terminal, TERMINAL_BYTES_MAX);
        write::u32(out, self.terminal_stan);
        write::text(out, self.rrn, RRN_BYTES_MAX);
        out.extend_from_slice(&self.key);
    }

    pub(super) fn decode(reader: &mut Reader<'a>) -> Result<Self, EventError> {
        Ok(Unseen {
            at: reader.at()?,
            link: reader.text("link", NAME_BYTES_MAX)?,
            terminal: reader.text("terminal", TERMINAL_BYTES_MAX)?,
            terminal_stan: reader.u32("terminal_stan")?,
            rrn: reader.text("rrn", RRN_BYTES_MAX)?,
            key: reader.array("key")?,
        })
    }
}

/// It was never sent: nothing is in doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Withdrawn {
    pub tx: u64,
    pub at: UnixMicros,
}

impl Withdrawn {
    pub(super) fn encode(self, out: &mut Vec<u8>) {
        write::u64(out, self.tx);
        write::i64(out, self.at.0);
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, EventError> {
        Ok(Withdrawn {
            tx: reader.u64("tx")?,
            at: reader.at()?,
        })
    }
}
