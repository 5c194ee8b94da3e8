//! A file system in memory that fails the way disks do, the same way for the same seed.
//!
//! What is written is seen at once by who reads, but it is only kept over [`SimFs::crash`] if it was synced. What was not
//! synced is lost or kept sector by sector, in any order; names that were not synced are lost or kept one by one.

mod disk;
mod file;
mod random;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use self::disk::{Change, Disk, FileData, apply};
use self::file::SimFile;
use super::{Access, Vfs, VfsFile};

#[cfg(test)]
pub(crate) use random::Random;

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

impl SimFs {
    #[must_use]
    pub fn new(seed: u64) -> SimFs {
        SimFs {
            disk: Arc::new(Mutex::new(Disk::new(seed))),
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

    /// The same, and nothing survives that was not synced.
    pub fn crash_hard(&self) {
        self.disk().crash_hard();
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
        disk.files.push(FileData::kept(bytes));
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

fn stopped() -> io::Error {
    io::Error::other("the simulated machine has stopped")
}
