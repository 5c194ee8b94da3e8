//! The simulated disk as a file system that any process can use: one flat directory.
//!
//! The kernel hands on what processes do, without a cache of its own for what is written. What reaches the disk and was not
//! synced is lost when the power goes.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use fuser::{
    BsdFileFlags, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation,
    INodeNo, LockOwner, OpenFlags, RenameFlags, ReplyAttr, ReplyCreate, ReplyData, ReplyDirectory,
    ReplyEmpty, ReplyEntry, ReplyWrite, Request, TimeOrNow, WriteFlags,
};
use pointsman_journal::vfs::{Access, SimFs, Vfs, VfsFile};

/// Where the files are on the simulated disk.
pub(crate) const ROOT: &str = "/";

/// Nobody changes files but through the mount: the kernel may remember.
const KNOWN_FOR: Duration = Duration::from_secs(3600);

pub(crate) struct Disk {
    fs: SimFs,
    files: Mutex<Files>,
}

#[derive(Default)]
struct Files {
    names: BTreeMap<String, u64>,
    /// Also those that are still open and have no name any more.
    open: BTreeMap<u64, Arc<dyn VfsFile>>,
    last: u64,
}

impl Files {
    fn add(&mut self, name: &str, file: Arc<dyn VfsFile>) -> u64 {
        self.last += 1;
        self.names.insert(name.to_owned(), self.last);
        self.open.insert(self.last, file);
        self.last
    }
}

impl Disk {
    pub(crate) fn new(fs: SimFs) -> io::Result<Disk> {
        let mut files = Files {
            last: INodeNo::ROOT.0,
            ..Files::default()
        };
        for name in fs.list(Path::new(ROOT))? {
            let file = fs.open(&Path::new(ROOT).join(&name), Access::ReadWrite)?;
            files.add(&name, file);
        }
        Ok(Disk {
            fs,
            files: Mutex::new(files),
        })
    }

    fn files(&self) -> MutexGuard<'_, Files> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn file(&self, number: INodeNo) -> Result<Arc<dyn VfsFile>, Errno> {
        self.files()
            .open
            .get(&number.0)
            .cloned()
            .ok_or(Errno::ENOENT)
    }

    fn attributes(&self, number: INodeNo) -> Result<FileAttr, Errno> {
        if number == INodeNo::ROOT {
            return Ok(attributes(number, FileType::Directory, 0));
        }
        let size = self.file(number)?.size().map_err(errno)?;
        Ok(attributes(number, FileType::RegularFile, size))
    }

    fn find(&self, name: &OsStr) -> Result<FileAttr, Errno> {
        let name = name.to_str().ok_or(Errno::EINVAL)?;
        let number = *self.files().names.get(name).ok_or(Errno::ENOENT)?;
        self.attributes(INodeNo(number))
    }

    fn make(&self, name: &OsStr) -> Result<FileAttr, Errno> {
        let name = name.to_str().ok_or(Errno::EINVAL)?;
        let file = self.fs.create(&Path::new(ROOT).join(name)).map_err(errno)?;
        let number = self.files().add(name, file);
        self.attributes(INodeNo(number))
    }

    /// Only to nothing, which is a new file.
    fn truncate(&self, number: INodeNo, size: u64) -> Result<(), Errno> {
        if self.file(number)?.size().map_err(errno)? == size {
            return Ok(());
        }
        if size != 0 {
            return Err(Errno::EOPNOTSUPP);
        }
        let mut files = self.files();
        let name = files
            .names
            .iter()
            .find(|(_, other)| **other == number.0)
            .map(|(name, _)| name.clone())
            .ok_or(Errno::ENOENT)?;
        let file = self.fs.create(&Path::new(ROOT).join(name)).map_err(errno)?;
        files.open.insert(number.0, file);
        Ok(())
    }

    fn remove(&self, name: &OsStr) -> Result<(), Errno> {
        let name = name.to_str().ok_or(Errno::EINVAL)?;
        self.fs.remove(&Path::new(ROOT).join(name)).map_err(errno)?;
        self.files().names.remove(name);
        Ok(())
    }

    fn move_file(&self, from: &OsStr, to: &OsStr) -> Result<(), Errno> {
        let from = from.to_str().ok_or(Errno::EINVAL)?;
        let to = to.to_str().ok_or(Errno::EINVAL)?;
        let root = Path::new(ROOT);
        self.fs
            .rename(&root.join(from), &root.join(to))
            .map_err(errno)?;
        let mut files = self.files();
        if let Some(number) = files.names.remove(from) {
            files.names.insert(to.to_owned(), number);
        }
        Ok(())
    }
}

impl Filesystem for Disk {
    fn lookup(&self, _: &Request, _: INodeNo, name: &OsStr, reply: ReplyEntry) {
        match self.find(name) {
            Ok(found) => reply.entry(&KNOWN_FOR, &found, Generation(0)),
            Err(error) => reply.error(error),
        }
    }

    fn getattr(&self, _: &Request, number: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        match self.attributes(number) {
            Ok(found) => reply.attr(&KNOWN_FOR, &found),
            Err(error) => reply.error(error),
        }
    }

    fn setattr(
        &self,
        _: &Request,
        number: INodeNo,
        _mode: Option<u32>,
        _uid: Option<u32>,
        _gid: Option<u32>,
        size: Option<u64>,
        _atime: Option<TimeOrNow>,
        _mtime: Option<TimeOrNow>,
        _ctime: Option<std::time::SystemTime>,
        _handle: Option<FileHandle>,
        _crtime: Option<std::time::SystemTime>,
        _chgtime: Option<std::time::SystemTime>,
        _bkuptime: Option<std::time::SystemTime>,
        _flags: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let done = match size {
            Some(size) => self.truncate(number, size),
            None => Ok(()),
        };
        match done.and_then(|()| self.attributes(number)) {
            Ok(found) => reply.attr(&KNOWN_FOR, &found),
            Err(error) => reply.error(error),
        }
    }

    fn create(
        &self,
        _: &Request,
        _: INodeNo,
        name: &OsStr,
        _mode: u32,
        _umask: u32,
        _flags: i32,
        reply: ReplyCreate,
    ) {
        match self.make(name) {
            Ok(made) => reply.created(
                &KNOWN_FOR,
                &made,
                Generation(0),
                FileHandle(0),
                FopenFlags::empty(),
            ),
            Err(error) => reply.error(error),
        }
    }

    fn read(
        &self,
        _: &Request,
        number: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let mut bytes = vec![0; size as usize];
        let read = self
            .file(number)
            .and_then(|file| file.read_at(&mut bytes, offset).map_err(errno));
        match read {
            Ok(count) => reply.data(bytes.get(..count).unwrap_or_default()),
            Err(error) => reply.error(error),
        }
    }

    fn write(
        &self,
        _: &Request,
        number: INodeNo,
        _: FileHandle,
        offset: u64,
        bytes: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let written = self
            .file(number)
            .and_then(|file| file.write_at(bytes, offset).map_err(errno));
        match written {
            Ok(count) => reply.written(count as u32),
            Err(error) => reply.error(error),
        }
    }

    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        reply.ok();
    }

    fn fsync(&self, _: &Request, number: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        let synced = self
            .file(number)
            .and_then(|file| file.sync_data().map_err(errno));
        answer(synced, reply);
    }

    fn fsyncdir(&self, _: &Request, _: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        answer(
            self.fs.sync_directory(Path::new(ROOT)).map_err(errno),
            reply,
        );
    }

    fn unlink(&self, _: &Request, _: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        answer(self.remove(name), reply);
    }

    fn rename(
        &self,
        _: &Request,
        _: INodeNo,
        from: &OsStr,
        _: INodeNo,
        to: &OsStr,
        _: RenameFlags,
        reply: ReplyEmpty,
    ) {
        answer(self.move_file(from, to), reply);
    }

    fn readdir(
        &self,
        _: &Request,
        _: INodeNo,
        _: FileHandle,
        offset: u64,
        mut reply: ReplyDirectory,
    ) {
        let files = self.files();
        for (at, (name, number)) in files.names.iter().enumerate().skip(offset as usize) {
            if reply.add(INodeNo(*number), at as u64 + 1, FileType::RegularFile, name) {
                break;
            }
        }
        reply.ok();
    }
}

fn answer(done: Result<(), Errno>, reply: ReplyEmpty) {
    match done {
        Ok(()) => reply.ok(),
        Err(error) => reply.error(error),
    }
}

fn errno(error: io::Error) -> Errno {
    match error.kind() {
        io::ErrorKind::NotFound => Errno::ENOENT,
        io::ErrorKind::StorageFull => Errno::ENOSPC,
        _ => Errno::EIO,
    }
}

fn attributes(number: INodeNo, kind: FileType, size: u64) -> FileAttr {
    FileAttr {
        ino: number,
        size,
        blocks: size.div_ceil(512),
        atime: UNIX_EPOCH,
        mtime: UNIX_EPOCH,
        ctime: UNIX_EPOCH,
        crtime: UNIX_EPOCH,
        kind,
        perm: if kind == FileType::Directory {
            0o700
        } else {
            0o600
        },
        nlink: 1,
        uid: 0,
        gid: 0,
        rdev: 0,
        blksize: 4096,
        flags: 0,
    }
}
