//! ISO 8583 codec: dialects as data, zero-copy views, builders, explanations.
//!
//! ISO 8583 is not one format. Counterparts differ in how they write digits, lengths, bitmaps and text, and in what their
//! fields hold. Here a [`Dialect`] is TOML, twelve are built in (see [`Dialect::builtin_names`] and
//! [`Dialect::pack_names`]), and your own extends one
//! of them with the lines that differ.
//!
//! # Five minutes
//! Read a message in place, ask it for fields, write its answer:
//! ```
//! use bytes::BytesMut;
//! use pointsman_iso8583::{Builder, Dialect, TextBuffer};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let dialect = Dialect::builtin("iso87-ascii").expect("it is built in");
//! let message = b"02006020000000800000\
//!     164111111111111111000000000042TERM0001";
//!
//! // Every byte is checked here, nothing is copied or allocated.
//! let view = dialect.view(message)?;
//! assert_eq!(view.mti().as_str(), "0200");
//! assert_eq!(view.fields().iter().collect::<Vec<_>>(), [2, 3, 11, 41]);
//! assert_eq!(view.stan().map(|stan| stan.get()), Some(42));
//! assert_eq!(view.text(41, &mut TextBuffer::new()), Some("TERM0001"));
//! // Card data does not show itself by accident.
//! assert_eq!(format!("{:?}", view.pan()), "Some(Pan(411111******1111))");
//!
//! let mut out = BytesMut::new();
//! let mti = view.mti().response().expect("0200 is a request");
//! let mut answer = Builder::new(&dialect, &mut out, mti);
//! answer.copy(&view, 3)?.copy(&view, 11)?.text(39, "00")?.copy(&view, 41)?;
//! let range = answer.finish()?;
//! assert_eq!(out[range], *b"0210202000000280000000000000004200TERM0001");
//! # Ok(())
//! # }
//! ```
//! What is wrong with a message is said with field and offset, never with its bytes:
//! ```
//! # use pointsman_iso8583::Dialect;
//! let dialect = Dialect::builtin("iso87-ascii").expect("it is built in");
//! let error = dialect.view(b"02000020000000000000000A42").err().expect("an A is not a digit");
//! assert_eq!((error.field, error.offset), (11, 23));
//! assert_eq!(
//!     error.explain(&dialect).message,
//!     "field 11 (System trace audit number) at offset 23: expected a digit, found 0x41 ('A')",
//! );
//! ```
//! A [`Transcoder`] writes a message of one dialect in another, with single fields changed on the way. Your own dialect
//! is a few lines (`pointsman dialects iso87-ascii` prints the whole table):
//! ```
//! # use pointsman_iso8583::{Dialect, Edit, Transcoder};
//! # use bytes::BytesMut;
//! # use std::sync::Arc;
//! let terminals = Dialect::builtin("iso87-ascii").expect("it is built in");
//! let bank = Arc::new(Dialect::parse(
//!     r#"
//!     name = "acme-bank"
//!     extends = "iso87-bcd"
//!     [fields]
//!     48 = { type = "b...255" }
//!     22 = { pad = "right" }
//!     "#,
//! ).expect("no error in it"));
//!
//! let to_bank = Transcoder::new(&terminals, &bank);
//! assert_eq!(to_bank.not_carried().iter().collect::<Vec<_>>(), [48], "text does not become bytes");
//!
//! let view = terminals.view(b"02000020040000000000000042051").expect("no error in it");
//! let mut out = BytesMut::new();
//! let edits = [Edit::Set(11, "000777")];
//! let written = to_bank.write(&view, view.mti(), &[], &edits, &mut out).expect("all is carried");
//! assert_eq!(&out[written.message], [0x02, 0x00, 0, 0x20, 0x04, 0, 0, 0, 0, 0, 0x00, 0x07, 0x77, 0x05, 0x10]);
//! ```
//!
//! # What is where
//! - [`Dialect`], [`Field`]: the rules, from TOML; [`Dialect::parse`] says everything that is wrong at once.
//! - [`View`]: a message in place. [`Outline`]: only its structure. [`Dialect::partial`] reads what stands before an error.
//! - [`Builder`], [`Transcoder`], [`StanSlot`]: writing, into a buffer that is reused.
//! - [`Mti`], [`Stan`], [`Pan`], [`Track2`], [`AmountMinor`], [`ResponseCode`], [`Reason`]: values that can only be parsed.
//! - [`tlv`], [`emv`]: what stands in field 55, whether it may, and what its bits say.
//! - [`explain`], [`json`], [`mask`], [`mod@detect`]: for people and tools. [`mod@reference`]: the slow, obvious decoder
//!   that the fast one is held to.
//!
//! # What it costs
//! `cargo bench -p pointsman-iso8583` prints it for every dialect. Reading a purchase of 18 fields, every byte checked,
//! takes about 36 ns packed and 46 ns printable, its structure alone 25 ns; rewriting it in another dialect about 110 ns
//! more. Neither reading nor writing into a buffer with room allocates.
//!
//! There is one module with `unsafe` code, for SSE2 on x86-64: it calls functions whose only condition is that the
//! processor has SSE2, and touches no pointer. Elsewhere the same is done in words of eight bytes.
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]
#![warn(missing_docs)]
// Masking a message as it came, and a few helpers, serve only what is made for people.
#![cfg_attr(not(feature = "explain"), allow(dead_code, unused_imports))]

mod build;
mod card;
mod charset;
mod check;
mod convert;
mod decode;
pub mod detect;
mod dialect;
pub mod emv;
mod encode;
mod error;
#[cfg(feature = "explain")]
pub mod explain;
mod field;
mod field_set;
mod header;
#[cfg(feature = "json")]
pub mod json;
pub mod mask;
mod mti;
mod number_list;
mod outline;
mod output;
mod partial;
mod plan;
mod presence;
#[cfg(feature = "explain")]
pub mod reference;
mod scan;
#[cfg(feature = "serde")]
mod serialize;
mod source;
#[cfg(target_arch = "x86_64")]
mod sse2;
mod stan_slot;
mod swar;
mod text;
pub mod tlv;
mod transcode;
mod values;
mod view;

pub use build::Builder;
pub use card::{Pan, Track2};
pub use dialect::{Dialect, DialectError, LoadError, MESSAGE_BYTES_MAX};
pub use error::{DecodeError, DecodeErrorKind, EncodeError, EncodeErrorKind, Explained};
pub use field::{
    BitmapEncoding, CodePage, Content, Counts, Encoding, Field, Fill, Filler, Length, PadSide,
    PrefixEncoding, Sensitive, TextEncoding,
};
pub use field_set::FieldSet;
pub use header::{HEADER_BYTES_MAX, Header, HeaderKind};
pub use mti::{Mti, MtiClass, NotAnMti};
pub use outline::Outline;
pub use partial::PartialView;
pub use presence::{
    Condition, ConditionalRule, Demand, MessageRules, Test, Violation, ViolationKind, Violations,
};
pub use stan_slot::StanSlot;
pub use text::TextBuffer;
pub use transcode::{Edit, TranscodeError, Transcoder, Written};
pub use values::{AmountMinor, NotAResponseCode, Reason, ResponseCode, Stan};
pub use view::View;
