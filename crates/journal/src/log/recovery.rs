//! Finding out what a log holds, without changing it.

use std::collections::VecDeque;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::{Damage, Fault, OpenError};
use super::format::{Head, SEGMENT_HEADER_BYTES, SegmentHeader, VERSION};
use super::shared::{Segment, segment_number, segment_path};
use super::state::{Found, State};
use super::walk::{Place, Walk, first_place};
use crate::vfs::{Access, Vfs, VfsFile, read_full, write_full};
use crate::{Lsn, RawRecord};

/// The files of a log, sorted by what they are.
#[derive(Debug)]
pub(super) struct Inventory {
    pub(super) state: State,
    /// Begun, in order, without a gap.
    pub(super) begun: Vec<Begun>,
    /// Prepared, with the numbers that follow.
    pub(super) prepared: Vec<u64>,
    /// Released.
    pub(super) recyclable: VecDeque<PathBuf>,
    /// Never begun and of no use: with a number that does not follow, or with the beginning of a first write that was
    /// never promised to anybody.
    pub(super) discarded: Vec<PathBuf>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Begun {
    pub(super) number: u64,
    pub(super) header: SegmentHeader,
}

impl Begun {
    /// What is wrong, if this segment does not go on from where the one before it ended.
    pub(super) fn follows(&self, end: Place) -> Option<Damage> {
        let later = self.number;
        if self.header.first > end.lsn {
            Some(Damage::Ended { later })
        } else if self.header.first < end.lsn || self.header.previous != end.chain {
            Some(Damage::NotContinued { later })
        } else {
            None
        }
    }

    /// What is wrong with a file of so many bytes.
    pub(super) fn is_short(&self, found: u64) -> Option<Damage> {
        let expected = self.header.bytes;
        (found < expected).then_some(Damage::Short { found, expected })
    }
}

impl Inventory {
    /// Looks at the heads of all segments.
    pub(super) fn take(
        vfs: &dyn Vfs,
        directory: &Path,
        found: Found,
    ) -> Result<Inventory, OpenError> {
        let names = vfs
            .list(directory)
            .map_err(OpenError::io("list", directory))?;
        let mut numbers: Vec<u64> = names
            .iter()
            .filter_map(|name| segment_number(name))
            .collect();
        numbers.sort_unstable();
        let state = match found {
            Found::Sound(state) => state,
            // The last change may have been a release: what it released is gone, and nothing else.
            Found::Older(state) => State {
                first: numbers.first().copied().unwrap_or(1).max(state.first),
                ..state
            },
            Found::Missing | Found::Damaged => {
                return Err(fault(
                    directory.join(super::state::STATE_NAME),
                    0,
                    0,
                    Lsn::ZERO,
                    Damage::State,
                ));
            }
        };
        let mut inventory = Inventory {
            state,
            begun: Vec::new(),
            prepared: Vec::new(),
            recyclable: VecDeque::new(),
            discarded: Vec::new(),
        };
        // A commit in a segment is only promised after the state says that it has been begun.
        let promised = match found {
            Found::Sound(state) => state.begun,
            _ => u64::MAX,
        };
        let mut empty = Vec::new();
        for number in numbers {
            let path = segment_path(directory, number);
            if number < state.first {
                inventory.recyclable.push_back(path);
                continue;
            }
            let header = match inventory.read_head(vfs, &path, number)? {
                Ok(header) => header,
                Err(Damage::Missing) => {
                    empty.push(number);
                    continue;
                }
                Err(Damage::Head) if number > promised => {
                    inventory.discarded.push(path);
                    continue;
                }
                Err(damage) => return Err(fault(path, number, 0, Lsn::ZERO, damage)),
            };
            // The numbers of begun segments follow one another; an empty one in between has lost its head.
            let due = inventory.due();
            if number != due {
                return Err(inventory.missing(directory, due));
            }
            inventory.begun.push(Begun { number, header });
        }
        if inventory.due() <= state.begun {
            return Err(inventory.missing(directory, inventory.due()));
        }
        for number in empty {
            if number == inventory.due() + inventory.prepared.len() as u64 {
                inventory.prepared.push(number);
            } else {
                inventory.discarded.push(segment_path(directory, number));
            }
        }
        Ok(inventory)
    }

    /// The number that the next begun segment has.
    pub(super) fn due(&self) -> u64 {
        self.begun
            .last()
            .map_or(self.state.first, |last| last.number + 1)
    }

    fn missing(&self, directory: &Path, number: u64) -> OpenError {
        let lsn = self
            .begun
            .last()
            .map_or(Lsn::ZERO, |last| last.header.first);
        fault(
            segment_path(directory, number),
            number,
            0,
            lsn,
            Damage::Missing,
        )
    }

    fn read_head(
        &self,
        vfs: &dyn Vfs,
        path: &Path,
        number: u64,
    ) -> Result<Result<SegmentHeader, Damage>, OpenError> {
        let file = vfs
            .open(path, Access::Read)
            .map_err(OpenError::io("open", path))?;
        let mut bytes = [0; SEGMENT_HEADER_BYTES];
        let read = read_full(&*file, &mut bytes, 0).map_err(OpenError::io("read", path))?;
        if read < bytes.len() {
            return Ok(Err(Damage::Head));
        }
        Ok(match Head::decode(&bytes) {
            Head::Empty => Err(Damage::Missing),
            Head::Damaged => Err(Damage::Head),
            Head::Newer(found) => {
                return Err(OpenError::Newer {
                    path: path.to_path_buf(),
                    found,
                    expected: VERSION,
                });
            }
            Head::Sound(header) if header.number != number => Err(Damage::Number {
                found: header.number,
            }),
            Head::Sound(header) => match self.begun.last() {
                Some(other) if other.header.node != header.node => {
                    Err(Damage::Node { found: header.node })
                }
                _ => Ok(header),
            },
        })
    }
}

/// Where a log ends, and how to go on.
pub(super) struct Tail {
    pub(super) place: Place,
    /// In the last segment, from here on nobody knows what is durable.
    pub(super) unsure: u64,
    /// The last begun segment, if there is one.
    pub(super) file: Option<(u64, Arc<dyn VfsFile>)>,
}

/// Visits all records of the begun segments in order.
pub(super) fn replay(
    vfs: &dyn Vfs,
    directory: &Path,
    inventory: &Inventory,
    visit: &mut dyn FnMut(RawRecord<'_>) -> ControlFlow<()>,
) -> Result<(Tail, Vec<Segment>), OpenError> {
    let mut walk = Walk::new();
    let mut segments = Vec::with_capacity(inventory.begun.len());
    let mut tail = Tail {
        place: first_place(Lsn::new(1), 0),
        unsure: 0,
        file: None,
    };
    for (begun, next) in inventory.begun.iter().zip(
        inventory
            .begun
            .iter()
            .skip(1)
            .map(Some)
            .chain(std::iter::once(None)),
    ) {
        let header = &begun.header;
        let path = segment_path(directory, begun.number);
        let damaged = |offset, lsn, damage| fault(path.clone(), begun.number, offset, lsn, damage);
        let file = vfs
            .open(&path, Access::ReadWrite)
            .map_err(OpenError::io("open", &path))?;
        let found = file.size().map_err(OpenError::io("look at", &path))?;
        if let Some(damage) = begun.is_short(found) {
            return Err(damaged(found, Lsn::ZERO, damage));
        }
        let first = first_place(header.first, header.chain());
        walk.enter(header.node, header.number, first);
        let mut segment = Segment::new(begun.number, first);
        loop {
            segment.pass(walk.place());
            let record = walk.next(&*file).map_err(OpenError::io("read", &path))?;
            let Some(record) = record else { break };
            if visit(record).is_break() {
                return Err(OpenError::Refused { lsn: record.lsn });
            }
        }
        let end = walk.place();
        let durable = Lsn::new(inventory.state.durable);
        match next {
            Some(next) => {
                if let Some(damage) = next.follows(end) {
                    return Err(damaged(end.offset, end.lsn, damage));
                }
            }
            None => {
                let later = walk
                    .written_later(&*file)
                    .map_err(OpenError::io("read", &path))?;
                if let Some(later) = later {
                    return Err(damaged(end.offset, end.lsn, Damage::Record { later }));
                }
                if end.lsn < durable {
                    return Err(damaged(end.offset, end.lsn, Damage::Lost { durable }));
                }
            }
        }
        segments.push(segment);
        let group = walk.group();
        tail = Tail {
            place: end,
            // The first records of a segment are written together with its head.
            unsure: if group == first { 0 } else { group.offset },
            file: Some((begun.number, file)),
        };
    }
    Ok((tail, segments))
}

/// Makes durable what was accepted. Before an earlier process ended a sync may have failed, after which the system takes
/// what it has in memory for written although the disk does not have it: only what is written again is really synced.
pub(super) fn settle(file: &dyn VfsFile, from: u64, to: u64) -> io::Result<()> {
    const CHUNK_BYTES: u64 = 1024 * 1024;
    let mut offset = from;
    let mut bytes = Vec::new();
    while offset < to {
        let chunk = (to - offset).min(CHUNK_BYTES);
        bytes.resize(usize::try_from(chunk).unwrap_or(0), 0);
        if read_full(file, &mut bytes, offset)? < bytes.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        write_full(file, &bytes, offset)?;
        offset += chunk;
    }
    file.sync_data()
}

/// Writes zeros where something else stands from `offset` to the end, and says how many bytes were not zeros.
pub(super) fn wipe(file: &dyn VfsFile, mut offset: u64) -> io::Result<u64> {
    const CHUNK_BYTES: usize = 64 * 1024;
    let zeros = vec![0; CHUNK_BYTES];
    let mut bytes = vec![0; CHUNK_BYTES];
    let mut wiped = 0;
    loop {
        let read = read_full(file, &mut bytes, offset)?;
        let piece = bytes.get(..read).unwrap_or_default();
        if piece.is_empty() {
            return Ok(wiped);
        }
        if let Some(last) = piece.iter().rposition(|byte| *byte != 0) {
            let rest = zeros.get(..=last).unwrap_or_default();
            write_full(file, rest, offset)?;
            wiped += rest.len() as u64;
        }
        offset += read as u64;
    }
}

pub(super) fn fault(
    path: PathBuf,
    segment: u64,
    offset: u64,
    lsn: Lsn,
    damage: Damage,
) -> OpenError {
    OpenError::Damaged(Fault {
        path,
        segment,
        offset,
        lsn,
        damage,
    })
}
