//! What bytes may be: which dialect reads them, behind which transport, ranked by how far and how well they fit.
//!
//! Where messages start and end is not this crate's business: the ways that a transport may have put them are given as
//! data, as [`Transport`]s. Each is tried with each dialect, and what was found is told as evidence: how many bytes fit,
//! which message types they make, whether card numbers pass their check digit and dates are dates.
//! ```
//! use pointsman_iso8583::{Dialect, detect::{Transport, detect}};
//!
//! let bytes = b"\x00\x3a02006020000000800000\
//!     164111111111111111000000000042TERM0001";
//! let dialects: Vec<_> = Dialect::builtin_names().iter().filter_map(|name| Dialect::builtin(name)).collect();
//! let transports = [Transport::whole(bytes.len()), Transport::after(2, bytes.len())];
//! let found = detect(bytes, &transports, &dialects);
//! assert_eq!(
//!     found[0].reason(),
//!     "after 2 bytes, then iso87-ascii: all 60 bytes fit, MTI 0200, 4 fields; as they should be: 2 3",
//! );
//! ```

use std::cmp::Reverse;
use std::ops::Range;
use std::sync::Arc;

use crate::dialect::Dialect;
use crate::error::DecodeError;
use crate::field_set::FieldSet;
use crate::mti::Mti;
use crate::number_list::number_list;
use crate::view::View;

mod evidence;

use evidence::Evidence;

/// Messages of one transport that are looked at: more of them tell nothing new.
const MESSAGES_MAX: usize = 64;
/// Different message types that are named.
const MTIS_MAX: usize = 4;

/// One way in which a transport may have put messages into bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transport {
    /// What to call it; empty if there is nothing around the message.
    pub name: String,
    /// Where the whole messages are, ascending.
    pub messages: Vec<Range<usize>>,
    /// Where a last message is that the bytes end in, without its missing rest.
    pub cut: Option<Range<usize>>,
    /// Bytes up to which the transport understands them, the cut message left out.
    pub read: usize,
}

impl Transport {
    /// All bytes are one message.
    #[must_use]
    pub fn whole(length: usize) -> Transport {
        Transport {
            name: String::new(),
            messages: std::iter::once(0..length).collect(),
            cut: None,
            read: length,
        }
    }

    /// One message behind so many bytes of something else.
    #[must_use]
    pub fn after(skipped: usize, length: usize) -> Transport {
        Transport {
            name: format!("after {skipped} bytes"),
            messages: std::iter::once(skipped.min(length)..length).collect(),
            cut: None,
            read: length,
        }
    }

    /// With another name.
    #[must_use]
    pub fn named(self, name: impl Into<String>) -> Transport {
        Transport {
            name: name.into(),
            ..self
        }
    }
}

/// A transport and a dialect that read at least the beginning of a message, with the evidence for them.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Candidate {
    /// The transport's place among those given.
    pub transport: usize,
    /// The transport's name.
    pub transport_name: String,
    /// The dialect.
    pub dialect: Arc<Dialect>,
    /// Messages that were looked at, one that is cut included.
    pub messages: usize,
    /// Those of them that decode to their last byte.
    pub decoded: usize,
    /// Is the last message cut, by the end of the bytes?
    pub is_cut: bool,
    /// Bytes that were looked at.
    pub bytes: usize,
    /// Those of them that are part of the transport or of an element that could be read.
    pub fitting: usize,
    /// Fields that could be read, of all messages together.
    pub fields: usize,
    /// The first different message types.
    pub mtis: Vec<Mti>,
    /// Fields whose values could be checked and are as they should be in all messages.
    pub plausible: FieldSet,
    /// Fields whose values fit but are not as they should be: a card number's check digit, a 13th month.
    pub implausible: FieldSet,
    /// Are the message types of the version of ISO 8583 that the dialect is of?
    pub version_agrees: bool,
    /// The first message that does not decode: where it begins, and what is wrong there.
    pub error: Option<(usize, DecodeError)>,
}

impl Candidate {
    /// Does every message decode, to the last byte? One that is cut need only decode as far as it goes.
    #[must_use]
    pub fn fits_all(&self) -> bool {
        let whole = self.messages - usize::from(self.is_cut);
        self.fitting == self.bytes && whole > 0 && self.decoded >= whole && self.error.is_none()
    }

    /// What was found and why it is likely, in one line without card data.
    #[must_use]
    pub fn reason(&self) -> String {
        let lead = match self.transport_name.as_str() {
            "" => String::new(),
            name => format!("{name}, then "),
        };
        let mtis: Vec<&str> = self.mtis.iter().map(Mti::as_str).collect();
        let messages = match self.messages {
            1 => String::new(),
            count => format!("{count} messages, "),
        };
        let plural = if self.bytes == 1 { "byte" } else { "bytes" };
        let fit = if self.fits_all() {
            format!("all {} {plural} fit", self.bytes)
        } else {
            format!("{} of {} {plural} fit", self.fitting, self.bytes)
        };
        let fields = match self.fields {
            1 => "1 field".to_owned(),
            count => format!("{count} fields"),
        };
        let mut text = format!(
            "{lead}{}: {messages}{fit}, MTI {}, {fields}",
            self.dialect.name(),
            mtis.join(" "),
        );
        if self.is_cut {
            text.push_str("; the last message is cut");
        }
        if !self.plausible.is_empty() {
            text.push_str("; as they should be: ");
            text.push_str(&number_list(self.plausible.iter()));
        }
        if !self.implausible.is_empty() {
            text.push_str("; doubtful: ");
            text.push_str(&number_list(self.implausible.iter()));
        }
        if !self.version_agrees {
            text.push_str("; the MTI is of another version of ISO 8583");
        }
        if let Some((_, error)) = &self.error {
            text.push_str("; ");
            text.push_str(&error.explain(&self.dialect).message);
        }
        text
    }

    /// What ranks higher comes first: all fits, then how much, then how well, then how little has to be assumed.
    fn rank(&self) -> impl Ord + use<> {
        let trust = self.plausible.len().cast_signed() - 2 * self.implausible.len().cast_signed();
        // Of two that fit all, more bytes are no argument.
        let fitting = if self.fits_all() {
            usize::MAX
        } else {
            self.fitting
        };
        (
            Reverse(fitting),
            Reverse(self.version_agrees),
            Reverse(trust),
            Reverse(self.fields),
            self.transport,
        )
    }
}

/// Tries every transport with every dialect. What reads nothing that makes sense is left out; the best comes first, and
/// of equals the one whose dialect was given first.
#[must_use]
pub fn detect(bytes: &[u8], transports: &[Transport], dialects: &[Arc<Dialect>]) -> Vec<Candidate> {
    let mut found: Vec<Candidate> = transports
        .iter()
        .enumerate()
        .flat_map(|(place, transport)| {
            dialects
                .iter()
                .filter_map(move |dialect| candidate(bytes, place, transport, dialect))
        })
        .collect();
    // Stable: equals stay in the order of the dialects.
    found.sort_by_key(Candidate::rank);
    found
}

fn candidate(
    bytes: &[u8],
    place: usize,
    transport: &Transport,
    dialect: &Arc<Dialect>,
) -> Option<Candidate> {
    let looked_at = transport.messages.len().min(MESSAGES_MAX);
    let is_all = looked_at == transport.messages.len();
    let cut = transport.cut.as_ref().filter(|_| is_all);
    let last = transport.messages.get(..looked_at).and_then(<[_]>::last);
    // Where only the first messages are looked at, the bytes behind them are no argument against.
    let end = if is_all {
        bytes.len()
    } else {
        last.map_or(0, |range| range.end)
    };
    let mut candidate = Candidate {
        transport: place,
        transport_name: transport.name.clone(),
        dialect: dialect.clone(),
        messages: looked_at + usize::from(cut.is_some()),
        decoded: 0,
        is_cut: cut.is_some(),
        bytes: end,
        fitting: transport.read.min(end),
        fields: 0,
        mtis: Vec::new(),
        plausible: FieldSet::EMPTY,
        implausible: FieldSet::EMPTY,
        version_agrees: true,
        error: None,
    };
    for range in transport.messages.iter().take(looked_at) {
        let unread = candidate.look(bytes, range, Extent::Whole);
        candidate.fitting = candidate.fitting.saturating_sub(unread);
    }
    if let Some(range) = cut {
        let unread = candidate.look(bytes, range, Extent::Cut);
        let length = end.saturating_sub(transport.read);
        candidate.fitting += length.saturating_sub(unread);
    }
    candidate.plausible = candidate.plausible.difference(candidate.implausible);
    (candidate.fields > 0).then_some(candidate)
}

/// How much of a message is there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    Whole,
    Cut,
}

impl Candidate {
    /// Takes up what one message tells. Gives the count of its bytes that could not be read.
    fn look(&mut self, bytes: &[u8], range: &Range<usize>, extent: Extent) -> usize {
        let message = bytes.get(range.clone()).unwrap_or_default();
        let dialect = self.dialect.clone();
        let (partial, error) = dialect.partial(message);
        let makes_sense = |mti: &Mti| is_known(*mti);
        // What is cut ends in the middle of something, and behind whole messages nothing is wrong with that.
        let is_only_cut = extent == Extent::Cut
            && self.decoded > 0
            && error.is_some_and(|error| error.is_truncation());
        let Some((mti, view)) = partial.mti().filter(makes_sense).zip(partial.view()) else {
            if is_only_cut && partial.mti().is_none_or(is_known) {
                return 0;
            }
            self.note(range.start, error);
            return message.len();
        };
        let evidence = Evidence::of(&dialect, mti, view);
        self.plausible = self.plausible.union(evidence.plausible);
        self.implausible = self.implausible.union(evidence.implausible);
        self.version_agrees &= evidence.version_agrees;
        self.fields += view.fields().len();
        if !self.mtis.contains(&mti) && self.mtis.len() < MTIS_MAX {
            self.mtis.push(mti);
        }
        match error {
            None if view.fields().is_empty() => message.len(),
            None => {
                self.decoded += 1;
                0
            }
            Some(_) if is_only_cut => 0,
            Some(error) => {
                self.note(range.start, Some(error));
                // Bitmaps alone read anything.
                if view.fields().is_empty() {
                    message.len()
                } else {
                    message.len().saturating_sub(partial.end())
                }
            }
        }
    }

    fn note(&mut self, start: usize, error: Option<DecodeError>) {
        if self.error.is_none() {
            self.error = error.map(|error| (start, error));
        }
    }
}

/// ISO 8583-1: the first digit is the version (0 to 2, 8 national, 9 private), the second the class, 9 of which is
/// reserved, as is 0.
pub(crate) fn is_known(mti: Mti) -> bool {
    matches!(mti.digits(), [b'0'..=b'2' | b'8' | b'9', b'1'..=b'8', ..])
}

/// Do the values of a message speak for the dialect that it was read in? `None` if they say nothing.
pub(crate) fn verdict(dialect: &Dialect, view: &View<'_>) -> Option<bool> {
    let mut evidence = Evidence::of(dialect, view.mti(), view);
    // Zeros are a processing code, and what else is all zeros is many things.
    evidence.plausible.remove(3);
    if !evidence.implausible.is_empty() || !is_known(view.mti()) {
        return Some(false);
    }
    (!evidence.plausible.is_empty() && evidence.version_agrees).then_some(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn builtin() -> Vec<Arc<Dialect>> {
        let names = Dialect::builtin_names().iter();
        names.filter_map(|name| Dialect::builtin(name)).collect()
    }

    const ECHO: &[u8] = b"08008220000000000000040000000000000011241415000001233 01";

    fn echo() -> Vec<u8> {
        ECHO.iter().copied().filter(|byte| *byte != b' ').collect()
    }

    #[test]
    fn a_whole_message_beats_what_only_begins() {
        let echo = echo();
        let found = detect(&echo, &[Transport::whole(echo.len())], &builtin());
        let first = found.first().unwrap();
        assert!(first.fits_all());
        assert_eq!(
            first.reason(),
            "iso87-ascii: all 55 bytes fit, MTI 0800, 3 fields; as they should be: 7"
        );
        assert!(found.iter().skip(1).all(|other| !other.fits_all()));
    }

    #[test]
    fn a_cut_message_at_the_end_is_no_argument_against() {
        let echo = echo();
        let bytes = [&echo[..], &echo[..30]].concat();
        let transport = Transport {
            name: "two".into(),
            messages: std::iter::once(0..echo.len()).collect(),
            cut: Some(echo.len()..bytes.len()),
            read: echo.len(),
        };
        let found = detect(&bytes, &[transport], &builtin());
        let first = found.first().unwrap();
        assert!(first.fits_all() && first.is_cut, "{}", first.reason());
        assert!(first.reason().contains("the last message is cut"));
    }

    #[test]
    fn an_impossible_value_is_named() {
        let echo = String::from_utf8(echo())
            .unwrap()
            .replace("1124141500", "1324141500");
        let found = detect(echo.as_bytes(), &[Transport::whole(echo.len())], &builtin());
        assert!(
            found[0].reason().ends_with("; doubtful: 7"),
            "{}",
            found[0].reason()
        );
    }

    #[test]
    fn noise_is_nothing() {
        let transports = [Transport::whole(40), Transport::after(2, 40)];
        assert!(detect(&[0xFF; 40], &transports, &builtin()).is_empty());
        assert!(detect(b"", &[Transport::whole(0)], &builtin()).is_empty());
    }
}
