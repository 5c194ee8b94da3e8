//! How much room the disk has.

use std::io;
use std::path::Path;

/// Bytes that the file system of a directory still gives to this user.
///
/// # Errors
/// What the file system says.
pub fn free_bytes(directory: &Path) -> io::Result<u64> {
    let disk = rustix::fs::statvfs(directory)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}
