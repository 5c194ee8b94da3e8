//! What is on the simulated disk, what is only seen, and what of it a crash leaves.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::Faults;
use super::random::Random;

/// A disk writes a sector whole or not at all.
pub(super) const SECTOR_BYTES: usize = 512;

pub(super) struct Disk {
    pub(super) random: Random,
    pub(super) faults: Faults,
    /// Handles of an earlier life do nothing any more.
    pub(super) life: u64,
    pub(super) stopped: bool,
    pub(super) operations: u64,
    pub(super) writes: u64,
    pub(super) syncs: u64,
    pub(super) files: Vec<FileData>,
    /// What is seen.
    pub(super) names: BTreeMap<PathBuf, usize>,
    /// What is durable.
    pub(super) kept_names: BTreeMap<PathBuf, usize>,
    /// Changes of names that are not durable, in their order.
    pub(super) changes: Vec<(PathBuf, Change)>,
    pub(super) directories: Vec<PathBuf>,
    pub(super) locks: Vec<PathBuf>,
}

#[derive(Clone)]
pub(super) enum Change {
    Create(usize),
    Remove,
    Rename(PathBuf),
}

#[derive(Default)]
pub(super) struct FileData {
    /// What is seen.
    pub(super) bytes: Vec<u8>,
    /// What is durable.
    pub(super) kept: Vec<u8>,
    /// Sectors written since the last sync, with all that stood in them in between.
    pub(super) dirty: BTreeMap<usize, Vec<[u8; SECTOR_BYTES]>>,
}

impl Disk {
    pub(super) fn new(seed: u64) -> Disk {
        Disk {
            random: Random(seed ^ 0x9E37_79B9_7F4A_7C15),
            faults: Faults::default(),
            life: 0,
            stopped: false,
            operations: 0,
            writes: 0,
            syncs: 0,
            files: Vec::new(),
            names: BTreeMap::new(),
            kept_names: BTreeMap::new(),
            changes: Vec::new(),
            directories: Vec::new(),
            locks: Vec::new(),
        }
    }

    /// Counts an operation that changes something. `false` means that the machine stopped before or in it.
    pub(super) fn step(&mut self) -> bool {
        if self.stopped {
            return false;
        }
        self.operations += 1;
        if self.faults.crash_at.is_some_and(|at| self.operations >= at) {
            self.stopped = true;
            return false;
        }
        true
    }

    pub(super) fn change(&mut self, path: &Path, change: Change) {
        apply(&mut self.names, path, &change);
        self.changes.push((path.to_path_buf(), change));
    }

    pub(super) fn used(&self) -> u64 {
        self.names
            .values()
            .filter_map(|index| self.files.get(*index))
            .map(|file| file.bytes.len() as u64)
            .sum()
    }

    /// What of it all survives: nothing, everything, or each by chance.
    pub(super) fn crash(&mut self) {
        let mood = self.random.below(4);
        self.crash_in(mood);
    }

    /// Nothing survives that was not synced.
    pub(super) fn crash_hard(&mut self) {
        self.crash_in(0);
    }

    fn crash_in(&mut self, mood: u64) {
        self.life += 1;
        self.stopped = false;
        self.locks.clear();
        self.faults = Faults {
            sync_lies: self.faults.sync_lies,
            capacity: self.faults.capacity,
            ..Faults::default()
        };
        for (path, change) in std::mem::take(&mut self.changes) {
            if survives(&mut self.random, mood) {
                apply(&mut self.kept_names, &path, &change);
            }
        }
        for file in &mut self.files {
            for (sector, versions) in std::mem::take(&mut file.dirty) {
                if !survives(&mut self.random, mood) {
                    continue;
                }
                let chosen = if mood == 1 {
                    versions.len() - 1
                } else {
                    self.random.below(versions.len() as u64) as usize
                };
                if let Some(version) = versions.get(chosen) {
                    keep(&mut file.kept, sector, version, file.bytes.len());
                }
            }
            file.bytes.clone_from(&file.kept);
        }
        self.names.clone_from(&self.kept_names);
    }
}

impl FileData {
    /// A file that is durable from the beginning.
    pub(super) fn kept(bytes: &[u8]) -> FileData {
        FileData {
            bytes: bytes.to_vec(),
            kept: bytes.to_vec(),
            dirty: BTreeMap::new(),
        }
    }
}

fn survives(random: &mut Random, mood: u64) -> bool {
    match mood {
        0 => false,
        1 => true,
        _ => random.below(2) == 0,
    }
}

pub(super) fn apply(names: &mut BTreeMap<PathBuf, usize>, path: &Path, change: &Change) {
    match change {
        Change::Create(index) => {
            names.insert(path.to_path_buf(), *index);
        }
        Change::Remove => {
            names.remove(path);
        }
        Change::Rename(to) => {
            if let Some(index) = names.remove(path) {
                names.insert(to.clone(), index);
            }
        }
    }
}

/// Puts a sector into what is durable.
pub(super) fn keep(kept: &mut Vec<u8>, sector: usize, version: &[u8; SECTOR_BYTES], size: usize) {
    let start = sector * SECTOR_BYTES;
    let end = (start + SECTOR_BYTES).min(size);
    if kept.len() < end {
        kept.resize(end, 0);
    }
    if let (Some(place), Some(bytes)) = (kept.get_mut(start..end), version.get(..end - start)) {
        place.copy_from_slice(bytes);
    }
}
