//! Reading a log that somebody else may be writing, or a copy of one: nothing is locked and nothing is changed.

use std::ops::ControlFlow;
use std::path::Path;

use super::error::{Damage, Fault, OpenError};
use super::recovery::{Begun, Inventory};
use super::shared::segment_path;
use super::state::StateFile;
use super::walk::{Walk, first_place};
use crate::vfs::{Access, Vfs};
use crate::{Lsn, RawRecord};

/// What a scan found.
#[derive(Clone, Debug)]
pub struct Scan {
    /// How often the log has been opened.
    pub epoch: u32,
    pub segments: Vec<ScanSegment>,
    pub records: u64,
    pub payload_bytes: u64,
    /// The first record and the place behind the last one.
    pub first: Lsn,
    pub next: Lsn,
    pub end: End,
}

/// A segment that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScanSegment {
    pub number: u64,
    pub first: Lsn,
    pub records: u64,
    /// Up to the end of the last record.
    pub used_bytes: u64,
    pub bytes: u64,
    /// Which opening of the log began it.
    pub epoch: u32,
}

/// How the reading ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// At the end of the log.
    Complete,
    /// The visitor broke off.
    BrokenOff,
    /// At the first fault: nothing behind it was read.
    Fault(Fault),
}

/// Reads every record of the log in the directory. Faults are part of what is found.
///
/// # Errors
/// If a file cannot be read, or is of a later version.
pub fn scan(
    vfs: &dyn Vfs,
    directory: &Path,
    visit: &mut dyn FnMut(RawRecord<'_>) -> ControlFlow<()>,
) -> Result<Scan, OpenError> {
    scan_from(vfs, directory, Lsn::ZERO, visit)
}

/// The same without the segments of which every record is before `from`: their heads alone are read.
///
/// # Errors
/// As [`scan`].
pub fn scan_from(
    vfs: &dyn Vfs,
    directory: &Path,
    from: Lsn,
    visit: &mut dyn FnMut(RawRecord<'_>) -> ControlFlow<()>,
) -> Result<Scan, OpenError> {
    let mut scan = Scan {
        epoch: 0,
        segments: Vec::new(),
        records: 0,
        payload_bytes: 0,
        first: Lsn::new(1),
        next: Lsn::new(1),
        end: End::Complete,
    };
    let inventory = match take_inventory(vfs, directory) {
        Ok(inventory) => inventory,
        Err(OpenError::Damaged(fault)) => {
            scan.end = End::Fault(fault);
            return Ok(scan);
        }
        Err(error) => return Err(error),
    };
    scan.epoch = inventory.state.epoch;
    if let Some(first) = inventory.begun.first() {
        scan.first = first.header.first;
        scan.next = first.header.first;
    }
    let durable = Lsn::new(inventory.state.durable);
    let mut walk = Walk::new();
    for (at, begun) in inventory.begun.iter().enumerate() {
        let next = inventory.begun.get(at + 1);
        if let Some(next) = next
            && next.header.first <= from
        {
            scan.first = next.header.first;
            scan.next = next.header.first;
            continue;
        }
        let end = scan_segment(
            vfs,
            directory,
            (begun, next, durable),
            &mut walk,
            &mut scan,
            visit,
        )?;
        if end != End::Complete {
            scan.end = end;
            break;
        }
    }
    Ok(scan)
}

/// The log may move on while its files are listed: what is gone a moment later was no fault.
fn take_inventory(vfs: &dyn Vfs, directory: &Path) -> Result<Inventory, OpenError> {
    const TRIES: usize = 5;
    let mut result = Err(OpenError::Options("no try was made"));
    for _ in 0..TRIES {
        let found = StateFile::look(vfs, directory).map_err(OpenError::io(
            "read",
            &directory.join(super::state::STATE_NAME),
        ))?;
        result = Inventory::take(vfs, directory, found);
        if result.is_ok() {
            break;
        }
    }
    result
}

fn scan_segment(
    vfs: &dyn Vfs,
    directory: &Path,
    (begun, next, durable): (&Begun, Option<&Begun>, Lsn),
    walk: &mut Walk,
    scan: &mut Scan,
    visit: &mut dyn FnMut(RawRecord<'_>) -> ControlFlow<()>,
) -> Result<End, OpenError> {
    let header = &begun.header;
    let path = segment_path(directory, begun.number);
    let fault = |offset, lsn, damage| {
        End::Fault(Fault {
            path: path.clone(),
            segment: begun.number,
            offset,
            lsn,
            damage,
        })
    };
    let file = match vfs.open(&path, Access::Read) {
        Ok(file) => file,
        // Released since the files were listed: what is behind it is read.
        Err(_) if is_released(vfs, directory, begun.number) => return Ok(End::Complete),
        Err(error) => return Err(OpenError::io("open", &path)(error)),
    };
    let found = file.size().map_err(OpenError::io("look at", &path))?;
    if let Some(damage) = begun.is_short(found) {
        return Ok(fault(found, scan.next, damage));
    }
    walk.enter(
        header.node,
        header.number,
        first_place(header.first, header.chain()),
    );
    let mut records = 0;
    let mut looked_at_twice = None;
    loop {
        let end = walk.place();
        match walk.next(&*file).map_err(OpenError::io("read", &path))? {
            Some(record) => {
                records += 1;
                scan.records += 1;
                scan.payload_bytes += record.payload.len() as u64;
                scan.next = record.lsn.next();
                if visit(record).is_break() {
                    scan.segments.push(summary(begun, records, walk, &*file));
                    return Ok(End::BrokenOff);
                }
                continue;
            }
            None => {
                let complete = match next {
                    Some(next) => next.follows(end).is_none(),
                    None if end.lsn < durable => false,
                    None => walk
                        .written_later(&*file)
                        .map_err(OpenError::io("read", &path))?
                        .is_none(),
                };
                // What is written later may have been written just now: the place is read once more before that is
                // called a fault.
                if !complete && looked_at_twice != Some(end) {
                    looked_at_twice = Some(end);
                    walk.refresh();
                    continue;
                }
                scan.segments.push(summary(begun, records, walk, &*file));
                if complete {
                    return Ok(End::Complete);
                }
                if is_released(vfs, directory, begun.number) {
                    return Ok(End::Complete);
                }
                let damage = match next.and_then(|next| next.follows(end)) {
                    Some(damage) => damage,
                    None => walk
                        .written_later(&*file)
                        .map_err(OpenError::io("read", &path))?
                        .map_or(Damage::Lost { durable }, |later| Damage::Record { later }),
                };
                return Ok(fault(end.offset, end.lsn, damage));
            }
        }
    }
}

fn is_released(vfs: &dyn Vfs, directory: &Path, number: u64) -> bool {
    use super::state::Found;
    matches!(
        StateFile::look(vfs, directory),
        Ok(Found::Sound(state) | Found::Older(state)) if state.first > number
    )
}

fn summary(
    begun: &Begun,
    records: u64,
    walk: &Walk,
    file: &dyn crate::vfs::VfsFile,
) -> ScanSegment {
    ScanSegment {
        number: begun.number,
        first: begun.header.first,
        records,
        used_bytes: walk.place().offset,
        bytes: file.size().unwrap_or_default(),
        epoch: begun.header.epoch,
    }
}
