//! The traits of `serde`, for what is no card data: message types, numbers, codes, sets of fields, and errors in words.
//!
//! [`Pan`](crate::Pan), [`Track2`](crate::Track2) and whole messages have none on purpose: what is written without a
//! thought ends up in a log. The module [`json`](crate::json) writes messages, and masks them unless asked not to.
//! ```
//! use pointsman_iso8583::{AmountMinor, FieldSet, Mti};
//!
//! let seen = ("0200".parse::<Mti>()?, FieldSet::of(&[2, 4, 11]), AmountMinor::new(1999));
//! let line = serde_json::to_string(&seen)?;
//! assert_eq!(line, r#"["0200",[2,4,11],1999]"#);
//! assert_eq!(serde_json::from_str::<(Mti, FieldSet, Option<AmountMinor>)>(&line)?, seen);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use core::fmt;
use core::marker::PhantomData;
use core::str::FromStr;

use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeStruct, Serializer};

use crate::error::{DecodeError, EncodeError, Explained};
use crate::field_set::FieldSet;
use crate::mti::Mti;
use crate::values::{AmountMinor, Reason, ResponseCode, Stan};

/// Four digits, as text.
impl Serialize for Mti {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Mti {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Text::new("four digits"))
    }
}

/// Two to four letters or digits, as text.
impl Serialize for ResponseCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for ResponseCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Text::new("two to four letters or digits"))
    }
}

/// A number, 1 to 999999.
impl Serialize for Stan {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(self.get())
    }
}

impl<'de> Deserialize<'de> for Stan {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = u32::deserialize(deserializer)?;
        Stan::new(number).ok_or_else(|| D::Error::custom("a STAN is a number from 1 to 999999"))
    }
}

/// A number of minor units.
impl Serialize for AmountMinor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.get())
    }
}

impl<'de> Deserialize<'de> for AmountMinor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = u64::deserialize(deserializer)?;
        AmountMinor::new(number)
            .ok_or_else(|| D::Error::custom("an amount has at most twelve digits"))
    }
}

/// The name that it has in dialects.
impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.key())
    }
}

/// The numbers in ascending order.
impl Serialize for FieldSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for FieldSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Numbers)
    }
}

/// Place and words.
impl Serialize for DecodeError {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        place(serializer, self.offset, self.field, &self.kind)
    }
}

/// Place and words.
impl Serialize for EncodeError {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        place(serializer, self.offset, self.field, &self.kind)
    }
}

fn place<S: Serializer>(
    serializer: S,
    offset: usize,
    field: u8,
    kind: &impl fmt::Display,
) -> Result<S::Ok, S::Error> {
    let mut object = serializer.serialize_struct("Error", 3)?;
    object.serialize_field("offset", &offset)?;
    object.serialize_field("field", &field)?;
    object.serialize_field("message", &format_args!("{kind}"))?;
    object.end()
}

/// The same keys as in the error objects of the module `json`.
impl Serialize for Explained {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Explained", 6)?;
        object.serialize_field("offset", &self.offset)?;
        object.serialize_field("field", &self.field)?;
        object.serialize_field("name", &self.name)?;
        object.serialize_field("expected", &self.expected)?;
        object.serialize_field("found", &self.found)?;
        object.serialize_field("message", &self.message)?;
        object.end()
    }
}

/// Reads what can be parsed from text.
struct Text<T> {
    expected: &'static str,
    value: PhantomData<T>,
}

impl<T> Text<T> {
    fn new(expected: &'static str) -> Text<T> {
        Text {
            expected,
            value: PhantomData,
        }
    }
}

impl<T: FromStr> Visitor<'_> for Text<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        // The text is not repeated: it may be anything, a card number too.
        text.parse()
            .map_err(|_| E::custom(format_args!("expected {}", self.expected)))
    }
}

/// Reads field numbers.
struct Numbers;

impl<'de> Visitor<'de> for Numbers {
    type Value = FieldSet;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("field numbers")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut numbers: A) -> Result<FieldSet, A::Error> {
        let mut set = FieldSet::EMPTY;
        while let Some(number) = numbers.next_element::<u8>()? {
            let with = set.with(number);
            if !with.contains(number) {
                return Err(A::Error::custom(format_args!(
                    "no field has number {number}"
                )));
            }
            set = with;
        }
        Ok(set)
    }
}

#[cfg(all(test, feature = "json"))]
mod tests {
    use super::*;

    fn read<T: for<'de> Deserialize<'de>>(text: &str) -> Result<T, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_written_is_read() {
        let code = ResponseCode::APPROVED;
        let values = (
            Mti::literal(b"0210"),
            code,
            Stan::new(42),
            AmountMinor::new(0),
        );
        let line = serde_json::to_string(&values).unwrap();
        assert_eq!(line, r#"["0210","00",42,0]"#);
        assert_eq!(read(&line), Ok(values));
        let fields = FieldSet::of(&[1, 2, 64, 65, 128]);
        assert_eq!(read(&serde_json::to_string(&fields).unwrap()), Ok(fields));
        let reason = serde_json::to_string(&Reason::LinkDown).unwrap();
        assert_eq!(reason, r#""link_down""#);
    }

    #[test]
    fn what_is_none_is_refused_without_being_repeated() {
        let card = r#""4111111111111111""#;
        let error = read::<Mti>(card).unwrap_err();
        assert!(error.starts_with("expected four digits"), "{error}");
        assert!(!error.contains("4111"), "{error}");
        assert!(read::<ResponseCode>(card).is_err_and(|error| !error.contains("4111")));
        assert!(read::<Stan>("0").is_err() && read::<Stan>("1000000").is_err());
        assert!(read::<AmountMinor>("1000000000000").is_err());
        assert!(read::<FieldSet>("[2, 0]").is_err_and(|error| error.contains("number 0")));
    }

    #[test]
    fn an_error_says_where() {
        let dialect = crate::Dialect::builtin("iso87-ascii").unwrap();
        let error = dialect.view(b"02x0").unwrap_err();
        assert_eq!(
            serde_json::to_string(&error).unwrap(),
            r#"{"offset":2,"field":0,"message":"0x78 is not a digit"}"#
        );
        let explained = error.explain(&dialect);
        let object = serde_json::to_string(&explained).unwrap();
        assert_eq!(
            format!("{{\"error\":{object}}}"),
            crate::json::error_line(&explained)
        );
    }
}
