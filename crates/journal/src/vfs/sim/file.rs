//! An open file of the simulated disk.

use std::io;

use super::disk::{Disk, FileData, SECTOR_BYTES, keep};
use super::{SimFs, stopped};
use crate::vfs::{Access, VfsFile};

pub(super) struct SimFile {
    pub(super) fs: SimFs,
    pub(super) index: usize,
    pub(super) life: u64,
    pub(super) access: Access,
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
