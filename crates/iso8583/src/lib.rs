#![doc = include_str!("../README.md")]
//!
//! # What is where
//! - [`Dialect`], [`Field`]: the rules, from TOML; [`Dialect::parse`] says everything that is wrong at once.
//! - [`View`]: a message in place. [`Outline`]: only its structure. [`Dialect::partial`] reads what stands before an error.
//! - [`Builder`], [`Transcoder`], [`StanSlot`]: writing, into a buffer that is reused.
//! - [`Mti`], [`Stan`], [`Pan`], [`Track2`], [`AmountMinor`], [`ResponseCode`], [`Reason`]: values that can only be parsed.
//! - [`mod@layout`], [`Parts`], [`Part`]: what stands inside of fields.
//! - [`MessageRules`], [`View::check_presence`]: what messages of a type must have, must not have and give back.
//! - [`tlv`], [`emv`]: what stands in field 55, whether it may, and what its bits say.
//! - [`explain`], [`json`], [`mask`], [`mod@detect`]: for people and tools. [`mod@reference`]: the slow, obvious decoder
//!   that the fast one is held to.
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]
#![warn(missing_docs)]
// Masking a message as it came, and a few helpers, serve only what is made for people.
#![cfg_attr(not(feature = "explain"), allow(dead_code, unused_imports))]

mod bitmaps;
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
pub mod layout;
mod load;
pub mod mask;
mod mti;
mod number_list;
mod outline;
mod output;
mod partial;
mod places;
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
pub use dialect::{Dialect, DialectError, DialectSource, MESSAGE_BYTES_MAX};
pub use error::{DecodeError, DecodeErrorKind, EncodeError, EncodeErrorKind, Explained};
pub use field::{
    BitmapEncoding, CodePage, Content, Counts, Encoding, Field, Fill, Filler, Length, PadSide,
    PrefixEncoding, Sensitive, TertiaryBitmap, TextEncoding,
};
pub use field_set::FieldSet;
pub use header::{HEADER_BYTES_MAX, Header, HeaderKind};
pub use layout::{Layout, LayoutError, LayoutErrorKind, LayoutFault, Part, PartTag, Parts};
pub use load::{DIALECT_BYTES_MAX, LoadError};
pub use mti::{Mti, MtiClass, NotAnMti};
pub use outline::Outline;
pub use partial::PartialView;
pub use presence::{
    Condition, ConditionalRule, Demand, MessageRules, RuleSet, Test, Violation, ViolationKind,
    Violations,
};
pub use stan_slot::StanSlot;
pub use text::TextBuffer;
pub use transcode::{Edit, TranscodeError, Transcoder, Written};
pub use values::{AmountMinor, NotAResponseCode, Reason, ResponseCode, Stan};
pub use view::View;
