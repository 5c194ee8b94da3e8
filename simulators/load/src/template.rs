//! Requests built once and stamped for each send: the whole frame is copied, then a few digits are written over.

use bytes::BytesMut;
use pointsman_framing::{FrameCodec, FrameError, Tpdu};
use pointsman_iso8583::{Builder, Dialect, EncodeError, Mti, View};
use pointsman_sim_common::{Context, Stamp, ValueError, field_value};

/// A request of the mix as it goes to the wire, with the places where each copy differs.
#[derive(Debug)]
pub(crate) struct Template {
    frame: Vec<u8>,
    pub(crate) response_mti: Option<Mti>,
    stan: Digits,
    amount: Option<Digits>,
    retrieval_reference: Option<Digits>,
    transmission: Option<Digits>,
    time: Option<Digits>,
    date: Option<Digits>,
    /// Where field 41 is in the frame.
    terminal: Option<std::ops::Range<usize>>,
    /// Field 42 as it is on the wire, to compare answers with.
    acceptor: Option<Box<[u8]>>,
}

/// What of a request changes with each copy.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stamped<'a> {
    pub(crate) stan: u32,
    pub(crate) amount: u64,
    /// Field 41 as it is on the wire.
    pub(crate) terminal: &'a [u8],
}

/// Why a request of the mix cannot be built.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TemplateError {
    #[error(transparent)]
    Value(#[from] ValueError),
    #[error("{0}")]
    Encode(String),
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error("a request needs field 11: it is what tells answers apart")]
    NoStan,
}

impl Template {
    /// `fields` are in ascending order, in the words of [`field_value`].
    pub(crate) fn build(
        dialect: &Dialect,
        codec: &FrameCodec,
        mti: Mti,
        fields: &[(u8, String)],
        context: &Context,
    ) -> Result<Self, TemplateError> {
        let explain = |error: EncodeError| TemplateError::Encode(error.explain(dialect).message);
        let mut message = BytesMut::new();
        let mut builder = Builder::new(dialect, &mut message, mti);
        for (number, written) in fields {
            let text = field_value(dialect, *number, written, context)?;
            builder.text(*number, &text).map_err(explain)?;
        }
        builder.finish().map_err(explain)?;
        let mut frame = BytesMut::new();
        codec.write(Some(Tpdu::DEFAULT), &message, &mut frame)?;
        let start = frame.len() - message.len();

        let view = dialect
            .view(&message)
            .map_err(|error| TemplateError::Encode(error.explain(dialect).message))?;
        let digits = |number, count| Digits::find(dialect, &view, number, count, start);
        Ok(Template {
            response_mti: mti.response(),
            stan: digits(11, 6).ok_or(TemplateError::NoStan)?,
            amount: digits(4, 12),
            retrieval_reference: digits(37, 12),
            transmission: digits(7, 10),
            time: digits(12, 6),
            date: digits(13, 4),
            terminal: view
                .wire_range(41)
                .map(|range| range.start + start..range.end + start),
            acceptor: view.wire(42).map(Into::into),
            frame: frame.to_vec(),
        })
    }

    /// Brings the time in it up to date. Once a second is enough.
    pub(crate) fn set_moment(&mut self, stamp: &Stamp) {
        let pairs = [
            (self.transmission, stamp.transmission()),
            (self.time, stamp.time()),
            (self.date, stamp.date()),
        ];
        for (digits, text) in pairs {
            if let (Some(digits), Ok(number)) = (digits, text.parse()) {
                digits.write(number, &mut self.frame);
            }
        }
        if let (Some(digits), Ok(number)) = (
            self.retrieval_reference,
            stamp.retrieval_reference(0).parse(),
        ) {
            digits.write(number, &mut self.frame);
        }
    }

    /// Appends a copy to `out`.
    pub(crate) fn stamp(&self, stamped: &Stamped<'_>, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&self.frame);
        let frame = out.get_mut(start..).unwrap_or_default();
        self.stan.write(stamped.stan.into(), frame);
        if let Some(amount) = self.amount {
            amount.write(stamped.amount, frame);
        }
        if let Some(reference) = self.retrieval_reference {
            // Moment first, STAN last: only the last six digits differ within an hour.
            reference.last(6).write(stamped.stan.into(), frame);
        }
        if let Some(range) = &self.terminal
            && let Some(place) = frame.get_mut(range.clone())
            && place.len() == stamped.terminal.len()
        {
            place.copy_from_slice(stamped.terminal);
        }
    }

    /// The first field of an answer that is not the request's, if there is one.
    pub(crate) fn mismatch(
        &self,
        answer: &View<'_>,
        stamped: &Stamped<'_>,
        partial: bool,
    ) -> Option<u8> {
        if Some(answer.mti()) != self.response_mti {
            return Some(0);
        }
        let differs =
            |number, sent: &[u8]| answer.wire(number).is_some_and(|received| received != sent);
        if self.terminal.is_some() && differs(41, stamped.terminal) {
            return Some(41);
        }
        if self
            .acceptor
            .as_deref()
            .is_some_and(|sent| differs(42, sent))
        {
            return Some(42);
        }
        // ISO 8583-1:1987 field 39: 10 approves a part, and field 4 says which.
        let amount = answer
            .amount()
            .filter(|_| !partial && self.amount.is_some());
        amount
            .filter(|amount| amount.get() != stamped.amount)
            .map(|_| 4)
    }

    /// How many of the fields that an answer should repeat are missing in it.
    pub(crate) fn missing(&self, answer: &View<'_>) -> u64 {
        let expected = [
            (4, self.amount.is_some()),
            (41, self.terminal.is_some()),
            (42, self.acceptor.is_some()),
        ];
        expected
            .into_iter()
            .filter(|(number, sent)| *sent && !answer.has(*number))
            .count() as u64
    }
}

/// The digits of a field within a frame.
#[derive(Clone, Copy, Debug)]
struct Digits {
    offset: usize,
    count: usize,
    /// The code of the digit 0 where each digit is a byte; `None` where two share one.
    zero: Option<u8>,
}

impl Digits {
    /// `None` if the message has no such field, or its digits are not one or two to the byte.
    fn find(
        dialect: &Dialect,
        view: &View<'_>,
        number: u8,
        count: usize,
        start: usize,
    ) -> Option<Self> {
        let range = view.wire_range(number)?;
        // Both ASCII and EBCDIC have their digits in a row, so that the code of 0 says all of them.
        let zero = match dialect.field(number)?.encoding {
            pointsman_iso8583::Encoding::Ascii => Some(b'0'),
            pointsman_iso8583::Encoding::Ebcdic(_) => Some(0xF0),
            pointsman_iso8583::Encoding::Bcd => None,
            _ => return None,
        };
        let bytes = if zero.is_some() { count } else { count / 2 };
        (range.len() == bytes).then_some(Digits {
            offset: start + range.start,
            count,
            zero,
        })
    }

    /// The last `count` digits of it.
    fn last(self, count: usize) -> Self {
        let skipped = self.count - count;
        let bytes = if self.zero.is_some() {
            skipped
        } else {
            skipped / 2
        };
        Digits {
            offset: self.offset + bytes,
            count,
            zero: self.zero,
        }
    }

    fn write(self, number: u64, frame: &mut [u8]) {
        let bytes = if self.zero.is_some() {
            self.count
        } else {
            self.count / 2
        };
        let place = frame
            .get_mut(self.offset..self.offset + bytes)
            .unwrap_or_default();
        let mut rest = number;
        for byte in place.iter_mut().rev() {
            // The remainders are below 10 and 100.
            match self.zero {
                Some(zero) => {
                    *byte = zero + (rest % 10) as u8;
                    rest /= 10;
                }
                None => {
                    let pair = (rest % 100) as u8;
                    *byte = ((pair / 10) << 4) | (pair % 10);
                    rest /= 100;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use pointsman_framing::{Framing, Kind, Scan};
    use pointsman_sim_common::{Card, usual_fields};

    use super::*;

    fn context() -> Context {
        Context {
            card: Card::named("visa").unwrap(),
            stan: 1,
            stamp: Stamp::at(Duration::ZERO),
            terminal: "T0000000".to_owned(),
            acceptor: "MERCHANT".to_owned(),
            original: None,
        }
    }

    /// A stamped copy reads, in every dialect, as if it had been built with these values.
    #[test]
    fn stamped_copies_are_what_was_meant() {
        for name in Dialect::builtin_names() {
            let dialect = Dialect::builtin(name).unwrap();
            let codec = FrameCodec::new(Framing::new(Kind::Ascii4).with_tpdu(true));
            let mti = Mti::literal(b"0200");
            let fields: Vec<_> = usual_fields(mti)
                .iter()
                .filter(|(number, _)| dialect.field(*number).is_some())
                .map(|(number, text)| (*number, (*text).to_owned()))
                .collect();
            let mut template = Template::build(&dialect, &codec, mti, &fields, &context()).unwrap();
            template.set_moment(&Stamp::at(Duration::from_secs(1_700_000_000)));
            // The wire bytes of a terminal's name, from a message of its own.
            let mut message = BytesMut::new();
            let mut builder = Builder::new(&dialect, &mut message, mti);
            builder.text(41, "T1234567").unwrap();
            builder.finish().unwrap();
            let terminal = dialect.view(&message).unwrap().wire(41).unwrap().to_vec();

            let stamped = Stamped {
                stan: 123_456,
                amount: 98_765_432_109,
                terminal: &terminal,
            };
            let mut out = b"before".to_vec();
            template.stamp(&stamped, &mut out);
            let Scan::Frame { body, consumed, .. } = codec.scan(&out[6..]).unwrap() else {
                panic!("a frame")
            };
            assert_eq!(consumed + 6, out.len());
            let view = dialect.view(&out[6..][body]).unwrap();
            for (number, text) in [
                (2, "4111111111111111"),
                (4, "098765432109"),
                (7, "1114221320"),
                (11, "123456"),
                (12, "221320"),
                (13, "1114"),
                (37, "331822123456"),
                (41, "T1234567"),
            ] {
                if dialect.field(number).is_some() {
                    assert_eq!(
                        view.to_text(number).as_deref(),
                        Some(text),
                        "{name} field {number}"
                    );
                }
            }
        }
    }

    #[test]
    fn an_answer_is_compared_field_by_field() {
        let dialect = Dialect::builtin("iso87-bcd").unwrap();
        let codec = FrameCodec::new(Framing::new(Kind::Binary2));
        let fields = [(4, "1.00"), (11, "auto"), (41, "auto"), (42, "auto")]
            .map(|(n, text)| (n, text.to_owned()));
        let template =
            Template::build(&dialect, &codec, Mti::literal(b"0200"), &fields, &context()).unwrap();
        let stamped = Stamped {
            stan: 7,
            amount: 100,
            terminal: b"T0000000",
        };
        let check = |mti: &[u8; 4], fields: &[(u8, &str)]| {
            let mut out = BytesMut::new();
            let mut builder = Builder::new(&dialect, &mut out, Mti::literal(mti));
            for (number, text) in fields {
                builder.text(*number, text).unwrap();
            }
            builder.finish().unwrap();
            let view = dialect.view(&out).unwrap();
            let partial = view.to_text(39).as_deref() == Some("10");
            (
                template.mismatch(&view, &stamped, partial),
                template.missing(&view),
            )
        };
        let (own_terminal, own_acceptor) = ((41, "T0000000"), (42, "MERCHANT       "));
        assert_eq!(
            check(b"0210", &[(4, "000000000100"), own_terminal, own_acceptor]),
            (None, 0)
        );
        assert_eq!(
            check(b"0110", &[(4, "000000000100"), own_terminal, own_acceptor]),
            (Some(0), 0)
        );
        assert_eq!(
            check(b"0210", &[(4, "000000000101"), own_terminal, own_acceptor]),
            (Some(4), 0)
        );
        assert_eq!(
            check(
                b"0210",
                &[(4, "000000000050"), (39, "10"), own_terminal, own_acceptor]
            ),
            (None, 0)
        );
        assert_eq!(
            check(b"0210", &[(41, "T0000001"), own_acceptor]),
            (Some(41), 1)
        );
        assert_eq!(
            check(b"0210", &[own_terminal, (42, "MERCHANT2      ")]),
            (Some(42), 1)
        );
        assert_eq!(check(b"0210", &[(11, "000007")]), (None, 3));
    }
}
