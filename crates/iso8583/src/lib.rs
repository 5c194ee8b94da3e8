//! ISO 8583 codec: dialects as data, zero-copy views, builders, explanations.
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

mod build;
mod card;
mod charset;
mod convert;
mod decode;
mod dialect;
mod encode;
mod error;
pub mod explain;
mod field;
pub mod json;
pub mod mask;
mod mti;
mod output;
mod plan;
pub mod reference;
mod scan;
mod source;
mod swar;
mod text;
pub mod tlv;
mod transcode;
mod values;
mod view;

pub use build::Builder;
pub use card::{Pan, Track2};
pub use dialect::{Dialect, DialectError, HEADER_BYTES_MAX, Header, LoadError, MESSAGE_BYTES_MAX};
pub use error::{DecodeError, DecodeErrorKind, EncodeError, EncodeErrorKind, Explained};
pub use field::{
    BitmapEncoding, Content, Encoding, Field, FieldSet, Length, PadSide, PrefixEncoding, Sensitive,
    TextEncoding,
};
pub use mti::{Mti, MtiClass, NotAnMti};
pub use text::TextBuffer;
pub use transcode::{Edit, StanSlot, TranscodeError, Transcoder, Written};
pub use values::{AmountMinor, NotAResponseCode, Reason, ResponseCode, Stan};
pub use view::{PartialView, View};
