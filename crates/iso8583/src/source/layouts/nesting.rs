//! Which layouts are inside of which: what only that tells, found in one walk over all of them, however many ways lead
//! through them.

use std::collections::BTreeMap;
use std::ops::Range;

use super::super::raw::Raw;
use super::RawLayout;
use crate::dialect::DialectError;
use crate::field::{Content, Sensitive};
use crate::layout::{LAYOUT_DEPTH_MAX, Layout, LayoutId, LayoutKind, PartLength};

/// The layouts that one names, each with the first place where it does.
struct Names<'r> {
    name: &'r str,
    inner: Vec<(usize, Option<Range<usize>>)>,
}

/// How far the walk has come with a layout.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    Untouched,
    /// It is one of those that the walk is inside of.
    Entered,
    /// So many layouts deep, itself included.
    Left(usize),
}

/// The layouts by their places, each behind all that are inside of it. Those that are inside of themselves, and those that
/// nest too deep, are errors.
pub(super) fn order(raw: &Raw, errors: &mut Vec<DialectError>) -> Vec<usize> {
    let places: BTreeMap<&str, usize> = raw.layouts.keys().map(String::as_str).zip(0..).collect();
    let names: Vec<Names<'_>> = raw
        .layouts
        .iter()
        .map(|(name, layout)| Names {
            name,
            inner: inner(layout, &places),
        })
        .collect();
    let mut walk = Walk {
        progress: vec![Progress::Untouched; names.len()],
        order: Vec::with_capacity(names.len()),
        names: &names,
        errors,
    };
    for place in 0..names.len() {
        walk.from(place);
    }
    walk.order
}

fn inner(layout: &RawLayout, places: &BTreeMap<&str, usize>) -> Vec<(usize, Option<Range<usize>>)> {
    let mut inner: Vec<(usize, Option<Range<usize>>)> = layout
        .part_definitions()
        .filter_map(|part| part.layout.as_ref())
        .filter_map(|name| Some((*places.get(name.value.as_str())?, name.span.clone())))
        .collect();
    inner.sort_by_key(|(place, span)| (*place, span.as_ref().map(|span| span.start)));
    inner.dedup_by_key(|(place, _)| *place);
    inner
}

struct Walk<'w, 'r> {
    names: &'w [Names<'r>],
    progress: Vec<Progress>,
    order: Vec<usize>,
    errors: &'w mut Vec<DialectError>,
}

impl Walk<'_, '_> {
    /// Depth first, without recursion: a file may hold a chain of thousands.
    fn from(&mut self, place: usize) {
        if self.progress(place) != Progress::Untouched {
            return;
        }
        // Those that the walk is inside of, and how many of the layouts inside of each it has seen.
        let mut trail = vec![(place, 0)];
        self.set(place, Progress::Entered);
        while let Some((place, seen)) = trail.last_mut() {
            let place = *place;
            let edge = self.names.get(place).and_then(|at| at.inner.get(*seen));
            *seen += 1;
            let Some((inner, span)) = edge else {
                self.leave(place);
                trail.pop();
                continue;
            };
            match self.progress(*inner) {
                Progress::Untouched => {
                    self.set(*inner, Progress::Entered);
                    trail.push((*inner, 0));
                }
                Progress::Entered => self.note_circle(*inner, &trail, span.clone()),
                Progress::Left(_) => {}
            }
        }
    }

    fn progress(&self, place: usize) -> Progress {
        let progress = self.progress.get(place).copied();
        progress.unwrap_or(Progress::Untouched)
    }

    fn set(&mut self, place: usize, progress: Progress) {
        if let Some(at) = self.progress.get_mut(place) {
            *at = progress;
        }
    }

    fn leave(&mut self, place: usize) {
        let edges = self.names.get(place).map_or(&[][..], |at| &at.inner);
        let deepest = edges
            .iter()
            .filter_map(|(inner, span)| match self.progress(*inner) {
                Progress::Left(depth) => Some((depth, span.clone())),
                _ => None,
            })
            .max_by_key(|(depth, _)| *depth);
        let (below, span) = deepest.unwrap_or_default();
        // What is around one that is too deep is too deep because of it: that one is said.
        if below == LAYOUT_DEPTH_MAX {
            let name = self.name(place);
            let message = format!("layout '{name}': layouts nest deeper than {LAYOUT_DEPTH_MAX}");
            self.errors.push(DialectError::new(span, message));
        }
        self.set(place, Progress::Left(below + 1));
        self.order.push(place);
    }

    fn note_circle(&mut self, place: usize, trail: &[(usize, usize)], span: Option<Range<usize>>) {
        let around = trail.iter().skip_while(|(on, _)| *on != place);
        let way: Vec<&str> = around.map(|(on, _)| self.name(*on)).collect();
        let name = self.name(place);
        let message = format!(
            "layout '{name}': it is inside of itself: {} > {name}",
            way.join(" > ")
        );
        self.errors.push(DialectError::new(span, message));
    }

    fn name(&self, place: usize) -> &str {
        self.names.get(place).map_or("", |at| at.name)
    }
}

/// What is known of a layout from itself and those inside of it.
#[derive(Clone, Copy, Default)]
pub(super) struct Nature {
    /// A part, or a part of it, hides something of its own. EMV's tags do.
    pub(super) hides: bool,
    /// It says itself where it ends.
    pub(super) is_closed: bool,
    /// Why it cannot be laid over packed digits.
    pub(super) misfit: Option<&'static str>,
}

/// The nature of each layout, those inside first.
pub(super) fn natures(list: &[Layout], order: &[usize]) -> Vec<Nature> {
    let mut natures = vec![Nature::default(); list.len()];
    for place in order {
        if let Some(layout) = list.get(*place) {
            let nature = Nature::of(layout, &natures);
            if let Some(at) = natures.get_mut(*place) {
                *at = nature;
            }
        }
    }
    natures
}

impl Nature {
    fn of(layout: &Layout, natures: &[Nature]) -> Nature {
        let inner = |id: Option<LayoutId>| natures.get(usize::from(id?.0)).copied();
        let is_emv = matches!(
            layout.kind,
            LayoutKind::BerTlv {
                emv_names: true,
                ..
            }
        );
        let hides = is_emv
            || layout.definitions().any(|part| {
                part.sensitive.is_some_and(|kind| kind != Sensitive::No)
                    || inner(part.layout).is_some_and(|inner| inner.hides)
            });
        let is_closed = matches!(layout.kind, LayoutKind::Positional { .. })
            && layout.definitions().all(|part| {
                let is_known = match part.content {
                    Some(_) => part.length != PartLength::Rest,
                    None => inner(part.layout).is_some_and(|inner| inner.is_closed),
                };
                let is_counted = part.repeat.is_none_or(|repeat| repeat.count.is_some());
                is_known && is_counted && !part.optional
            });
        let of_kind = match &layout.kind {
            LayoutKind::Positional { .. } => None,
            LayoutKind::Tagged { tag, length, .. } => [tag, length]
                .iter()
                .any(|key| key.content != Content::N)
                .then_some("its tags and lengths are not digits"),
            LayoutKind::BerTlv { .. } => Some("BER-TLV is bytes"),
            LayoutKind::Bitmapped { .. } => Some("a bitmap is bytes"),
            LayoutKind::Base24Tokens { .. } => Some("tokens are text"),
        };
        let misfit = of_kind.or_else(|| {
            layout.definitions().find_map(|part| match part.content {
                Some(content) if !matches!(content, Content::N | Content::Z) => {
                    Some("some of its parts are not digits")
                }
                _ => inner(part.layout)?.misfit,
            })
        });
        Nature {
            hides,
            is_closed,
            misfit,
        }
    }
}
