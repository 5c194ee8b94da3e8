//! A file system in memory that fails the way disks do, the same way for the same seed.
//!
//! What is written is seen at once by who reads, but it is only kept over [`SimFs::crash`] if it was synced. What was not
//! synced is lost or kept sector by sector, in any order; names that were not synced are lost or kept one by one.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Access, Vfs, VfsFile};

/// A disk writes a sector whole or not at all.
const SECTOR_BYTES: usize = 512;

/// What goes wrong, and when. Numbers count operations from 1; `None` never happens.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// The machine stops at this operation: it and all later ones fail until [`SimFs::crash`].
    pub crash_at: Option<u64>,
    /// This write fails with EIO; a part of it may have been done.
    pub write_error_at: Option<u64>,
    /// This sync fails with EIO: what it should have made durable is lost or not, and no later sync says which.
    pub sync_error_at: Option<u64>,
    /// So many of 256 writes take only a part of what they were given.
    pub short_writes: u8,
    /// Bytes that all files together may have.
    pub capacity: Option<u64>,
    /// Syncs say that all is well and do nothing: the control that a test of durability must find.
    pub sync_lies: bool,
}

/// The file system. Clones are the same one.
#[derive(Clone)]
pub struct SimFs {
    disk: Arc<Mutex<Disk>>,
}

struct Disk {
    random: Random,
    faults: Faults,
    /// Handles of an earlier life do nothing any more.
    life: u64,
    stopped: bool,
    operations: u64,
    writes: u64,
    syncs: u64,
    files: Vec<FileData>,
    /// What is seen.
    names: BTreeMap<PathBuf, usize>,
    /// What is durable.
    kept_names: BTreeMap<PathBuf, usize>,
    /// Changes of names that are not durable, in their order.
    changes: Vec<(PathBuf, Change)>,
    directories: Vec<PathBuf>,
    locks: Vec<PathBuf>,
}

#[derive(Clone)]
enum Change {
    Create(usize),
    Remove,
    Rename(PathBuf),
}

#[derive(Default)]
struct FileData {
    /// What is seen.
    bytes: Vec<u8>,
    /// What is durable.
    kept: Vec<u8>,
    /// Sectors written since the last sync, with all that stood in them in between.
    dirty: BTreeMap<usize, Vec<[u8; SECTOR_BYTES]>>,
}

impl SimFs {
    #[must_use]
    pub fn new(seed: u64) -> SimFs {
        SimFs {
            disk: Arc::new(Mutex::new(Disk {
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
            })),
        }
    }

    /// Changes what goes wrong from now on. Operations are counted from the beginning: see [`SimFs::operations`].
    pub fn set_faults(&self, change: impl FnOnce(&mut Faults)) {
        change(&mut self.disk().faults);
    }

    /// Operations so far that change something or make it durable.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.disk().operations
    }

    #[must_use]
    pub fn writes(&self) -> u64 {
        self.disk().writes
    }

    #[must_use]
    pub fn syncs(&self) -> u64 {
        self.disk().syncs
    }

    /// Bytes that all files have now.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.disk().used()
    }

    /// The power goes and comes back: of what was not synced, some is lost. Open files are of no use afterwards, locks
    /// are free, and the faults that were set are over, but for a lying sync and the capacity.
    pub fn crash(&self) {
        self.disk().crash();
    }

    /// The process ends, the machine does not: what was written stays, and is as durable as before.
    pub fn kill(&self) {
        let mut disk = self.disk();
        disk.life += 1;
        disk.stopped = false;
        disk.faults.crash_at = None;
        disk.locks.clear();
    }

    /// Turns one bit of what is kept.
    pub fn flip(&self, path: &Path, offset: u64, bit: u8) {
        let mut disk = self.disk();
        let Some(index) = disk.names.get(path).copied() else {
            return;
        };
        if let Some(file) = disk.files.get_mut(index) {
            let at = offset as usize;
            for bytes in [&mut file.bytes, &mut file.kept] {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << (bit % 8);
                }
            }
        }
    }

    /// What is in a file.
    #[must_use]
    pub fn contents(&self, path: &Path) -> Option<Vec<u8>> {
        let disk = self.disk();
        let index = *disk.names.get(path)?;
        disk.files.get(index).map(|file| file.bytes.clone())
    }

    /// Puts a file there, durably, as a person would who restores a copy.
    pub fn place(&self, path: &Path, bytes: &[u8]) {
        let mut disk = self.disk();
        let index = disk.files.len();
        disk.files.push(FileData {
            bytes: bytes.to_vec(),
            kept: bytes.to_vec(),
            dirty: BTreeMap::new(),
        });
        disk.names.insert(path.to_path_buf(), index);
        disk.kept_names.insert(path.to_path_buf(), index);
    }

    /// Takes a file away, durably.
    pub fn take(&self, path: &Path) {
        let mut disk = self.disk();
        disk.names.remove(path);
        disk.kept_names.remove(path);
    }

    /// The files in their order.
    #[must_use]
    pub fn paths(&self) -> Vec<PathBuf> {
        self.disk().names.keys().cloned().collect()
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for SimFs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let disk = self.disk();
        f.debug_struct("SimFs")
            .field("operations", &disk.operations)
            .field("faults", &disk.faults)
            .finish_non_exhaustive()
    }
}

impl Disk {
    /// Counts an operation that changes something. `false` means that the machine stopped before or in it.
    fn step(&mut self) -> bool {
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

    fn change(&mut self, path: &Path, change: Change) {
        apply(&mut self.names, path, &change);
        self.changes.push((path.to_path_buf(), change));
    }

    fn used(&self) -> u64 {
        self.names
            .values()
            .filter_map(|index| self.files.get(*index))
            .map(|file| file.bytes.len() as u64)
            .sum()
    }

    fn crash(&mut self) {
        self.life += 1;
        self.stopped = false;
        self.locks.clear();
        self.faults = Faults {
            sync_lies: self.faults.sync_lies,
            capacity: self.faults.capacity,
            ..Faults::default()
        };
        // What of it all survives: nothing, everything, or each by chance.
        let mood = self.random.below(4);
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

fn survives(random: &mut Random, mood: u64) -> bool {
    match mood {
        0 => false,
        1 => true,
        _ => random.below(2) == 0,
    }
}

fn apply(names: &mut BTreeMap<PathBuf, usize>, path: &Path, change: &Change) {
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
fn keep(kept: &mut Vec<u8>, sector: usize, version: &[u8; SECTOR_BYTES], size: usize) {
    let start = sector * SECTOR_BYTES;
    let end = (start + SECTOR_BYTES).min(size);
    if kept.len() < end {
        kept.resize(end, 0);
    }
    if let (Some(place), Some(bytes)) = (kept.get_mut(start..end), version.get(..end - start)) {
        place.copy_from_slice(bytes);
    }
}

struct SimFile {
    fs: SimFs,
    index: usize,
    life: u64,
    access: Access,
}

struct SimLock {
    fs: SimFs,
    path: PathBuf,
    life: u64,
}

impl Drop for SimLock {
    fn drop(&mut self) {
        let mut disk = self.fs.disk();
        if disk.life == self.life {
            disk.locks.retain(|path| *path != self.path);
        }
    }
}

impl Vfs for SimFs {
    fn create_directory(&self, directory: &Path) -> io::Result<()> {
        let mut disk = self.disk();
        if !disk.step() {
            return Err(stopped());
        }
        disk.directories.push(directory.to_path_buf());
        Ok(())
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        let disk = self.disk();
        if disk.stopped {
            return Err(stopped());
        }
        Ok(disk
            .names
            .keys()
            .filter(|path| path.parent() == Some(directory))
            .filter_map(|path| path.file_name()?.to_str().map(str::to_owned))
            .collect())
    }

    fn open(&self, path: &Path, access: Access) -> io::Result<Arc<dyn VfsFile>> {
        let disk = self.disk();
        if disk.stopped {
            return Err(stopped());
        }
        let index = *disk.names.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(Arc::new(SimFile {
            fs: self.clone(),
            index,
            life: disk.life,
            access,
        }))
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn VfsFile>> {
        let mut disk = self.disk();
        if !disk.step() {
            return Err(stopped());
        }
        let index = disk.files.len();
        disk.files.push(FileData::default());
        disk.change(path, Change::Create(index));
        Ok(Arc::new(SimFile {
            fs: self.clone(),
            index,
            life: disk.life,
            access: Access::ReadWrite,
        }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut disk = self.disk();
        if !disk.step() {
            return Err(stopped());
        }
        if !disk.names.contains_key(from) {
            return Err(io::ErrorKind::NotFound.into());
        }
        disk.change(from, Change::Rename(to.to_path_buf()));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut disk = self.disk();
        if !disk.step() {
            return Err(stopped());
        }
        if !disk.names.contains_key(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        disk.change(path, Change::Remove);
        Ok(())
    }

    fn sync_directory(&self, directory: &Path) -> io::Result<()> {
        let mut disk = self.disk();
        if !disk.step() {
            return Err(stopped());
        }
        if disk.faults.sync_lies {
            return Ok(());
        }
        let (here, elsewhere) = std::mem::take(&mut disk.changes)
            .into_iter()
            .partition(|(path, _)| path.parent() == Some(directory));
        disk.changes = elsewhere;
        let here: Vec<(PathBuf, Change)> = here;
        for (path, change) in here {
            apply(&mut disk.kept_names, &path, &change);
        }
        Ok(())
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send + Sync>> {
        let mut disk = self.disk();
        if disk.stopped {
            return Err(stopped());
        }
        if disk.locks.iter().any(|held| held == path) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        disk.locks.push(path.to_path_buf());
        Ok(Box::new(SimLock {
            fs: self.clone(),
            path: path.to_path_buf(),
            life: disk.life,
        }))
    }
}

impl VfsFile for SimFile {
    fn size(&self) -> io::Result<u64> {
        let disk = self.fs.disk();
        let file = self.alive(&disk)?;
        Ok(file.bytes.len() as u64)
    }

    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        let disk = self.fs.disk();
        let file = self.alive(&disk)?;
        let rest = file.bytes.get(offset as usize..).unwrap_or_default();
        let count = rest.len().min(bytes.len());
        if let (Some(place), Some(read)) = (bytes.get_mut(..count), rest.get(..count)) {
            place.copy_from_slice(read);
        }
        Ok(count)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let mut disk = self.fs.disk();
        self.alive(&disk)?;
        if self.access == Access::Read {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        disk.writes += 1;
        let mut count = bytes.len();
        if !disk.step() {
            // The machine stops while it writes.
            count = disk.random.below(count as u64 + 1) as usize;
            self.store(&mut disk, bytes.get(..count).unwrap_or_default(), offset);
            return Err(stopped());
        }
        if disk.faults.write_error_at == Some(disk.writes) {
            count = disk.random.below(count as u64 + 1) as usize;
            self.store(&mut disk, bytes.get(..count).unwrap_or_default(), offset);
            return Err(io::Error::from_raw_os_error(EIO));
        }
        if count > 1 && disk.random.below(256) < u64::from(disk.faults.short_writes) {
            count = 1 + disk.random.below(count as u64 - 1) as usize;
        }
        if let Some(capacity) = disk.faults.capacity {
            let size = disk
                .files
                .get(self.index)
                .map_or(0, |file| file.bytes.len());
            let free = capacity.saturating_sub(disk.used());
            let most = (size as u64 + free).saturating_sub(offset);
            if most == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            count = count.min(usize::try_from(most).unwrap_or(usize::MAX));
        }
        self.store(&mut disk, bytes.get(..count).unwrap_or_default(), offset);
        Ok(count)
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut disk = self.fs.disk();
        self.alive(&disk)?;
        disk.syncs += 1;
        if !disk.step() {
            return Err(stopped());
        }
        let Disk {
            random,
            faults,
            files,
            syncs,
            ..
        } = &mut *disk;
        if faults.sync_lies {
            return Ok(());
        }
        let failed = faults.sync_error_at == Some(*syncs);
        if let Some(file) = files.get_mut(self.index) {
            for (sector, versions) in std::mem::take(&mut file.dirty) {
                if failed && random.below(2) == 0 {
                    continue;
                }
                if let Some(version) = versions.last() {
                    keep(&mut file.kept, sector, version, file.bytes.len());
                }
            }
            if !failed && file.kept.len() < file.bytes.len() {
                file.kept.resize(file.bytes.len(), 0);
            }
        }
        if failed {
            return Err(io::Error::from_raw_os_error(EIO));
        }
        Ok(())
    }
}

impl SimFile {
    fn alive<'a>(&self, disk: &'a Disk) -> io::Result<&'a FileData> {
        if disk.stopped || disk.life != self.life {
            return Err(stopped());
        }
        disk.files
            .get(self.index)
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn store(&self, disk: &mut Disk, bytes: &[u8], offset: u64) {
        let Some(file) = disk.files.get_mut(self.index) else {
            return;
        };
        if bytes.is_empty() {
            return;
        }
        let start = offset as usize;
        let end = start + bytes.len();
        if file.bytes.len() < end {
            file.bytes.resize(end, 0);
        }
        if let Some(place) = file.bytes.get_mut(start..end) {
            place.copy_from_slice(bytes);
        }
        for sector in start / SECTOR_BYTES..=(end - 1) / SECTOR_BYTES {
            let from = sector * SECTOR_BYTES;
            let to = (from + SECTOR_BYTES).min(file.bytes.len());
            let mut version = [0; SECTOR_BYTES];
            if let (Some(place), Some(bytes)) =
                (version.get_mut(..to - from), file.bytes.get(from..to))
            {
                place.copy_from_slice(bytes);
            }
            file.dirty.entry(sector).or_default().push(version);
        }
    }
}

/// EIO on every Unix.
const EIO: i32 = 5;

fn stopped() -> io::Error {
    io::Error::other("the simulated machine has stopped")
}

/// Chance that can be repeated: SplitMix64.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut value = self.0;
        value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        value ^ (value >> 31)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        if limit == 0 { 0 } else { self.next() % limit }
    }
}
