//! The few things that the log asks of a file system, so that a faulty one can stand in for the real one.

mod real;
#[cfg(any(test, feature = "sim"))]
mod sim;

use std::fmt::Debug;
use std::io;
use std::path::Path;
use std::sync::Arc;

pub use real::RealFs;
#[cfg(test)]
pub(crate) use sim::Random;
#[cfg(any(test, feature = "sim"))]
pub use sim::{Faults, SimFs};

/// A file system. What is not synced may be lost, in any order, when the power goes: contents by [`VfsFile::sync_data`],
/// names by [`Vfs::sync_directory`].
pub trait Vfs: Debug + Send + Sync {
    /// Makes the directory and those above it, durably, if they do not exist.
    ///
    /// # Errors
    /// What the file system says.
    fn create_directory(&self, directory: &Path) -> io::Result<()>;

    /// Names of the files in the directory, in no order.
    ///
    /// # Errors
    /// What the file system says.
    fn list(&self, directory: &Path) -> io::Result<Vec<String>>;

    /// Opens a file that exists.
    ///
    /// # Errors
    /// What the file system says.
    fn open(&self, path: &Path, access: Access) -> io::Result<Arc<dyn VfsFile>>;

    /// Makes a file, empty, also where one stood.
    ///
    /// # Errors
    /// What the file system says.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn VfsFile>>;

    /// Gives a file another name, atomically.
    ///
    /// # Errors
    /// What the file system says.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// What the file system says.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in the directory durable.
    ///
    /// # Errors
    /// What the file system says.
    fn sync_directory(&self, directory: &Path) -> io::Result<()>;

    /// Takes the lock that the file stands for; it is given back when the value is dropped or the process ends.
    ///
    /// # Errors
    /// `WouldBlock` if another holds it, or what the file system says.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send + Sync>>;
}

/// What a file is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Read,
    ReadWrite,
}

/// An open file, read and written at places.
pub trait VfsFile: Send + Sync {
    /// Bytes in it.
    ///
    /// # Errors
    /// What the file system says.
    fn size(&self) -> io::Result<u64>;

    /// Reads some bytes; 0 means the end.
    ///
    /// # Errors
    /// What the file system says.
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes some of the bytes and says how many.
    ///
    /// # Errors
    /// What the file system says.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize>;

    /// Makes contents and size durable.
    ///
    /// # Errors
    /// After an error nobody knows what is durable, and another sync would not tell: it must not be tried again.
    fn sync_data(&self) -> io::Result<()>;
}

/// Reads until the buffer is full or the file ends, and says how much.
pub(crate) fn read_full(file: &dyn VfsFile, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut done = 0;
    while let Some(rest) = bytes.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, offset + done as u64) {
            Ok(0) => break,
            Ok(read) => done += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// Writes all bytes; one call unless the file system takes fewer.
pub(crate) fn write_full(file: &dyn VfsFile, bytes: &[u8], offset: u64) -> io::Result<()> {
    let mut done = 0;
    while let Some(rest) = bytes.get(done..).filter(|rest| !rest.is_empty()) {
        match file.write_at(rest, offset + done as u64) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => done += written,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Whether the error says that there is no room, which may pass.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}
