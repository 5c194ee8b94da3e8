//! The walk over the parts of a value, one after the other.

use core::fmt;
use core::ops::Range;

use super::ber::Ber;
use super::bitmapped::Bits;
use super::cells::{Cells, Form};
use super::choice;
use super::error::{LayoutError, LayoutErrorKind as Kind};
use super::part::{Part, PartTag};
use super::positional::Sequence;
use super::tokens::Tokens;
use super::{LAYOUT_DEPTH_MAX, Layout, LayoutKind, PartDefinition};
use crate::dialect::Dialect;
use crate::error::DecodeErrorKind;
use crate::field::Sensitive;
use crate::tlv;

/// Around a walk: what all parts of it have in common.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'a> {
    pub(crate) dialect: &'a Dialect,
    pub(crate) field: u8,
    pub(crate) depth: usize,
    /// What the parts around it hide.
    pub(crate) sensitive: Option<Sensitive>,
}

impl<'a> Scope<'a> {
    pub(crate) fn error(&self, part: Option<PartTag>, offset: usize, kind: Kind) -> LayoutError {
        LayoutError {
            field: self.field,
            offset,
            part,
            kind,
        }
    }

    /// The part that a definition makes of these cells.
    pub(crate) fn part(
        &self,
        tag: PartTag,
        definition: Option<&'a PartDefinition>,
        element: Range<usize>,
        cells: Cells<'a>,
    ) -> Part<'a> {
        Part {
            scope: *self,
            tag,
            definition,
            element,
            cells,
            template: None,
            has_emv_name: false,
            sensitive: definition
                .and_then(|definition| definition.sensitive)
                .or(self.sensitive),
        }
    }
}

/// A position in a value.
#[derive(Clone, Copy)]
pub(crate) struct Cursor<'a> {
    pub(crate) scope: Scope<'a>,
    /// What is left.
    pub(crate) rest: Cells<'a>,
}

impl<'a> Cursor<'a> {
    pub(crate) fn offset(&self) -> usize {
        self.rest.offset_of(0)
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.rest.count() == 0
    }

    /// The next cells, or the error that they are not there.
    pub(crate) fn take(&mut self, count: usize, part: PartTag) -> Result<Cells<'a>, LayoutError> {
        match self.rest.split(count) {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(taken)
            }
            None => {
                let kind = DecodeErrorKind::Truncated {
                    needed: count,
                    available: self.rest.count(),
                };
                Err(self.error(part, Kind::Value(kind)))
            }
        }
    }

    pub(crate) fn error(&self, part: PartTag, kind: Kind) -> LayoutError {
        self.scope.error(Some(part), self.offset(), kind)
    }
}

/// The parts of a value, in the order in which they stand; after an error there are no more.
#[derive(Clone)]
pub struct Parts<'a> {
    cursor: Cursor<'a>,
    layout: &'a Layout,
    state: State,
    is_over: bool,
}

/// Where a walk is, besides its position.
#[derive(Clone)]
enum State {
    Positional(Sequence),
    /// What leads, then the tags.
    Tagged(Sequence),
    Ber,
    Bitmapped(Option<Bits>),
    Tokens(Option<Tokens>),
}

impl<'a> Parts<'a> {
    pub(crate) fn new(scope: Scope<'a>, layout: &'a Layout, cells: Cells<'a>) -> Parts<'a> {
        let text = Form::Text(choice::charset(scope.dialect));
        let (cells, state) = match &layout.kind {
            LayoutKind::Positional { .. } => (cells, State::Positional(Sequence::default())),
            LayoutKind::Tagged { .. } => (cells, State::Tagged(Sequence::default())),
            LayoutKind::Bitmapped { .. } => (cells, State::Bitmapped(None)),
            // Bytes in a text value are hex.
            LayoutKind::BerTlv { .. } => (
                match cells.form {
                    Form::Text(charset) => cells.of_hex(charset).unwrap_or(cells),
                    Form::Digits | Form::Bytes => cells.taken_as(Form::Bytes),
                },
                State::Ber,
            ),
            LayoutKind::Base24Tokens { .. } => (
                match cells.form {
                    Form::Bytes => cells.taken_as(text),
                    Form::Text(_) | Form::Digits => cells,
                },
                State::Tokens(None),
            ),
        };
        Parts {
            cursor: Cursor { scope, rest: cells },
            layout,
            state,
            is_over: false,
        }
    }

    /// The layout that they are read by.
    #[must_use]
    pub fn layout(&self) -> &'a Layout {
        self.layout
    }

    fn step(&mut self) -> Result<Option<Part<'a>>, LayoutError> {
        let Parts {
            cursor,
            layout,
            state,
            ..
        } = self;
        let layout: &'a Layout = layout;
        if cursor.scope.depth >= LAYOUT_DEPTH_MAX + tlv::DEPTH_MAX {
            return Err(cursor.scope.error(None, cursor.offset(), Kind::TooDeep));
        }
        match (&layout.kind, state) {
            (LayoutKind::Positional { parts }, State::Positional(sequence)) => {
                match sequence.next(parts, cursor)? {
                    Some(part) => Ok(Some(part)),
                    None => no_more(cursor),
                }
            }
            (
                LayoutKind::Tagged {
                    leading,
                    tag,
                    length,
                    counts,
                    tags,
                },
                State::Tagged(sequence),
            ) => match sequence.next(leading, cursor)? {
                Some(part) => Ok(Some(part)),
                None => super::tagged::next(cursor, *tag, *length, *counts, tags),
            },
            (LayoutKind::BerTlv { emv_names, tags }, State::Ber) => Ber {
                layout,
                tags,
                emv_names: *emv_names,
            }
            .next(cursor),
            (
                LayoutKind::Bitmapped {
                    bitmap,
                    bytes,
                    parts,
                },
                State::Bitmapped(bits),
            ) => {
                let bits = match bits {
                    Some(bits) => bits,
                    None => bits.insert(Bits::read(cursor, *bitmap, *bytes, parts)?),
                };
                match bits.next(cursor, parts)? {
                    Some(part) => Ok(Some(part)),
                    None => no_more(cursor),
                }
            }
            (
                LayoutKind::Base24Tokens {
                    count_includes_header,
                    tags,
                },
                State::Tokens(tokens),
            ) => {
                let tokens = match tokens {
                    Some(tokens) => tokens,
                    None => tokens.insert(Tokens::read(cursor, *count_includes_header)?),
                };
                tokens.next(cursor, tags)
            }
            // A state is made for its layout.
            _ => Ok(None),
        }
    }
}

fn no_more<'a>(cursor: &Cursor<'a>) -> Result<Option<Part<'a>>, LayoutError> {
    match cursor.rest.count() {
        0 => Ok(None),
        count => {
            let kind = Kind::LeftOver { count };
            Err(cursor.scope.error(None, cursor.offset(), kind))
        }
    }
}

impl<'a> Iterator for Parts<'a> {
    type Item = Result<Part<'a>, LayoutError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let item = self.step().transpose();
        self.is_over = !matches!(item, Some(Ok(_)));
        item
    }
}

/// Parts may be card data: shows where the walk is.
impl fmt::Debug for Parts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts")
            .field("field", &self.cursor.scope.field)
            .field("layout", &self.layout.name)
            .field("offset", &self.cursor.offset())
            .finish_non_exhaustive()
    }
}
