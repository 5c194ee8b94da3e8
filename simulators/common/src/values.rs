//! Field values as people write them: `auto`, `test:visa`, `10.00`, short texts that are padded.

use pointsman_iso8583::{Content, Dialect, Encoding, Field, Length, Mti, MtiClass};

use crate::{Card, Stamp, amount_minor};

/// What `auto` is made from.
#[derive(Clone, Debug)]
pub struct Context {
    /// The card of the message, for fields 2, 14 and 35.
    pub card: Card,
    /// Field 11.
    pub stan: u32,
    /// Fields 7, 12, 13 and 37.
    pub stamp: Stamp,
    /// Field 41.
    pub terminal: String,
    /// Field 42.
    pub acceptor: String,
    /// Field 90: what an earlier request was.
    pub original: Option<Original>,
}

/// The request that a reversal is about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Original {
    /// Its type.
    pub mti: Mti,
    /// Its field 11, six digits.
    pub stan: String,
    /// Its field 7.
    pub transmission: String,
    /// Its field 32.
    pub acquirer: String,
    /// Its field 33.
    pub forwarder: String,
}

impl Original {
    /// ISO 8583-1:1987 field 90: message type 4, STAN 6, transmission date and time 10, acquiring and forwarding
    /// institution 11 each, all with leading zeros.
    #[must_use]
    pub fn data_elements(&self) -> String {
        let Original {
            mti,
            stan,
            transmission,
            acquirer,
            forwarder,
        } = self;
        format!("{mti}{stan:0>6}{transmission:0>10}{acquirer:0>11}{forwarder:0>11}")
    }
}

/// A value that cannot be made.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ValueError {
    /// The dialect has no such field.
    #[error("field {number} is not defined in {dialect}")]
    Undefined {
        /// Which.
        number: u8,
        /// Where.
        dialect: String,
    },
    /// `auto` means nothing for this field.
    #[error(
        "field {number} ({name}) has no automatic value: fields 2, 7, 11, 12, 13, 14, 35, 37, 41, 42 and, after an earlier request, 90 do"
    )]
    NoAutomatic {
        /// Which.
        number: u8,
        /// Its name.
        name: String,
    },
    /// A test card that is not known, or an amount that is none.
    #[error("field {number} ({name}): {message}")]
    Wrong {
        /// Which.
        number: u8,
        /// Its name.
        name: String,
        /// What is wrong.
        message: String,
    },
}

/// Makes the text that a message carries in field `number` from what a person wrote:
///
/// - `auto`: see [`Context`];
/// - `test:visa` in fields 2, 14 and 35: the number, expiry or track of that card;
/// - `10.00` in fields 4, 5 and 6: minor units;
/// - `text:…`: what follows, as it is;
/// - digits of a fixed numeric field get leading zeros, text of a fixed text field gets blanks behind it;
/// - anything else as it is.
///
/// # Errors
/// See [`ValueError`]. Whether the text fits the field is for the encoder to say.
pub fn field_value(
    dialect: &Dialect,
    number: u8,
    written: &str,
    context: &Context,
) -> Result<String, ValueError> {
    let field = dialect.field(number).ok_or_else(|| ValueError::Undefined {
        number,
        dialect: dialect.name().to_owned(),
    })?;
    let wrong = |message: String| ValueError::Wrong {
        number,
        name: field.name.to_string(),
        message,
    };
    if let Some(literal) = written.strip_prefix("text:") {
        return Ok(literal.to_owned());
    }
    if written == "auto" {
        return automatic(number, context)
            .map(|text| padded(field, text))
            .ok_or_else(|| ValueError::NoAutomatic {
                number,
                name: field.name.to_string(),
            });
    }
    if let Some(card) = Card::from_value(written) {
        let card = card.map_err(|error| wrong(error.to_string()))?;
        return match number {
            2 => Ok(card.pan().to_owned()),
            14 => Ok(card.expiry().to_owned()),
            35 => Ok(card.track2()),
            _ => Err(wrong(
                "a test card has values for fields 2, 14 and 35 only".to_owned(),
            )),
        };
    }
    if matches!(number, 4..=6) && written.contains('.') {
        let amount = amount_minor(written).map_err(|error| wrong(error.to_string()))?;
        return Ok(padded(field, amount.to_string()));
    }
    Ok(padded(field, written.to_owned()))
}

fn automatic(number: u8, context: &Context) -> Option<String> {
    let Context {
        card,
        stan,
        stamp,
        terminal,
        acceptor,
        original,
    } = context;
    match number {
        2 => Some(card.pan().to_owned()),
        7 => Some(stamp.transmission()),
        11 => Some(format!("{stan:06}")),
        12 => Some(stamp.time()),
        13 => Some(stamp.date()),
        14 => Some(card.expiry().to_owned()),
        35 => Some(card.track2()),
        37 => Some(stamp.retrieval_reference(*stan)),
        41 => Some(terminal.clone()),
        42 => Some(acceptor.clone()),
        90 => original.as_ref().map(Original::data_elements),
        _ => None,
    }
}

/// Fixed fields have one length only: the customary filling saves typing it.
fn padded(field: &Field, text: String) -> String {
    let Length::Fixed(length) = field.length else {
        return text;
    };
    let width = usize::from(length);
    match field.content {
        Content::N if text.bytes().all(|byte| byte.is_ascii_digit()) => format!("{text:0>width$}"),
        Content::A | Content::An | Content::Ans if field.encoding != Encoding::Bcd => {
            format!("{text:<width$}")
        }
        _ => text,
    }
}

/// EMV data of a contactless purchase, 136 bytes of tags as terminals send them. The cryptogram is made up.
const ICC_DATA: &str = "9F2608A1B2C3D4E5F607189F2701809F10120110A00003220000000000000000000000FF9F3704DEADBEEF9F360200\
1C950500000080009A032611149C01009F02060000000010005F2A020978820220009F1A0202509F03060000000000009F3303E0B0C8\
9F34031E03009F3501229F1E0831323334353637388407A00000000310109F09020002";

/// What a message of this type usually carries, in the words of [`field_value`], ascending. Fields that the dialect does
/// not define are for the caller to leave out.
#[must_use]
pub fn usual_fields(mti: Mti) -> &'static [(u8, &'static str)] {
    const PURCHASE: &[(u8, &str)] = &[
        (2, "auto"),
        (3, "000000"),
        (4, "10.00"),
        (7, "auto"),
        (11, "auto"),
        (12, "auto"),
        (13, "auto"),
        (14, "auto"),
        (18, "5411"),
        (22, "051"),
        (25, "00"),
        (35, "auto"),
        (37, "auto"),
        (41, "auto"),
        (42, "auto"),
        (49, "978"),
        (52, "3F1E5A7708C2D946"),
        (55, ICC_DATA),
    ];
    const REVERSAL: &[(u8, &str)] = &[
        (2, "auto"),
        (3, "000000"),
        (4, "10.00"),
        (7, "auto"),
        (11, "auto"),
        (12, "auto"),
        (13, "auto"),
        (22, "051"),
        (25, "00"),
        (37, "auto"),
        (41, "auto"),
        (42, "auto"),
        (49, "978"),
        (90, "auto"),
    ];
    const NETWORK: &[(u8, &str)] = &[(7, "auto"), (11, "auto"), (70, "301")];
    match mti.class() {
        MtiClass::Authorization | MtiClass::Financial => PURCHASE,
        MtiClass::Reversal => REVERSAL,
        MtiClass::NetworkManagement => NETWORK,
        _ => &[(7, "auto"), (11, "auto"), (41, "auto"), (42, "auto")],
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::BytesMut;
    use pointsman_iso8583::Builder;

    use super::*;

    fn context() -> Context {
        Context {
            card: Card::named("visa").unwrap(),
            stan: 42,
            stamp: Stamp::at(Duration::from_secs(1_700_000_000)),
            terminal: "TERM0001".to_owned(),
            acceptor: "MERCHANT".to_owned(),
            original: Some(Original {
                mti: Mti::literal(b"0200"),
                stan: "41".to_owned(),
                transmission: "1114221319".to_owned(),
                acquirer: "12345".to_owned(),
                forwarder: String::new(),
            }),
        }
    }

    fn value(number: u8, written: &str) -> Result<String, String> {
        let dialect = Dialect::builtin("iso87-ascii").unwrap();
        field_value(&dialect, number, written, &context()).map_err(|error| error.to_string())
    }

    #[test]
    fn values_become_text() {
        for (number, written, text) in [
            (2, "auto", "4111111111111111"),
            (2, "test:mastercard", "5555555555554444"),
            (2, "4012888888881881", "4012888888881881"),
            (3, "0", "000000"),
            (4, "10.00", "000000001000"),
            (4, "1000", "000000001000"),
            (7, "auto", "1114221320"),
            (11, "auto", "000042"),
            (11, "7", "000007"),
            (12, "auto", "221320"),
            (13, "auto", "1114"),
            (14, "test:visa", "3012"),
            (35, "auto", "4111111111111111=30122010000000000"),
            (37, "auto", "331822000042"),
            (41, "auto", "TERM0001"),
            (41, "T1", "T1      "),
            (42, "auto", "MERCHANT       "),
            (48, "short", "short"),
            (90, "auto", "020000004111142213190000001234500000000000"),
            (48, "text:auto", "auto"),
            (11, "text:7", "7"),
        ] {
            assert_eq!(
                value(number, written).as_deref(),
                Ok(text),
                "field {number} = {written}"
            );
        }
    }

    #[test]
    fn what_cannot_be_made_says_why() {
        assert!(
            value(39, "auto")
                .unwrap_err()
                .starts_with("field 39 (Response code) has no automatic value")
        );
        assert!(
            value(2, "test:viza")
                .unwrap_err()
                .contains("no such test card")
        );
        assert!(
            value(4, "1.0")
                .unwrap_err()
                .contains("`1.0` is not an amount")
        );
        assert!(
            value(41, "test:visa")
                .unwrap_err()
                .ends_with("fields 2, 14 and 35 only")
        );
        assert_eq!(
            value(1, "x").unwrap_err(),
            "field 1 is not defined in iso87-ascii"
        );
    }

    /// What is usual can be written in every dialect, as far as the dialect has it.
    #[test]
    fn usual_messages_can_be_written() {
        for name in Dialect::builtin_names() {
            let dialect = Dialect::builtin(name).unwrap();
            for mti in [
                "0100", "0200", "0220", "0320", "0400", "0420", "0500", "0800", "0820",
            ] {
                let mti: Mti = mti.parse().unwrap();
                let mut out = BytesMut::new();
                let mut builder = Builder::new(&dialect, &mut out, mti);
                for (number, written) in usual_fields(mti) {
                    if dialect.field(*number).is_some() {
                        let text = field_value(&dialect, *number, written, &context()).unwrap();
                        builder
                            .text(*number, &text)
                            .unwrap_or_else(|error| panic!("{name} {mti} {number}: {error:?}"));
                    }
                }
                builder.finish().unwrap();
                assert_eq!(dialect.view(&out).unwrap().mti(), mti);
            }
        }
    }

    #[test]
    fn the_icc_data_is_as_long_as_real_ones() {
        assert_eq!(ICC_DATA.len() / 2, 136);
        assert!(pointsman_iso8583::tlv::walk(&bytes_of(ICC_DATA)).all(|element| element.is_ok()));
    }

    fn bytes_of(hex: &str) -> Vec<u8> {
        hex.as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    }
}
