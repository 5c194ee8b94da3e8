//! Where the master key comes from.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::event::KeyCheck;

const KEY_BYTES: usize = 32;
/// The current one and those before it.
const KEYS_MAX: usize = 8;
const FILE_BYTES_MAX: usize = 4096;
/// In the journal's directory, where no key is named.
const FILE_NAME: &str = "journal.key";
const FILE_NAME_NEW: &str = "journal.key.new";

/// 32 bytes that everything else is derived from.
pub(super) struct MasterKey {
    secret: Zeroizing<[u8; KEY_BYTES]>,
    pub(super) check: KeyCheck,
    /// Has taken in the key that card numbers are hashed with: each hash goes on from a copy, and derives nothing.
    pub(super) tokens: Hmac<Sha256>,
}

impl MasterKey {
    fn new(secret: Zeroizing<[u8; KEY_BYTES]>) -> MasterKey {
        let [a, b, c, d, ..] = *derive(&secret, None, b"pointsman journal: check value 1");
        let tokens = derive(&secret, None, b"pointsman journal: card token 1");
        MasterKey {
            secret,
            check: KeyCheck([a, b, c, d]),
            tokens: keyed(&tokens),
        }
    }

    pub(super) fn derive(&self, salt: Option<&[u8]>, info: &[u8]) -> Zeroizing<[u8; KEY_BYTES]> {
        derive(&self.secret, salt, info)
    }
}

#[expect(
    clippy::expect_used,
    reason = "RFC 5869 2.3: up to 255 times 32 bytes can be derived"
)]
fn derive(
    secret: &[u8; KEY_BYTES],
    salt: Option<&[u8]>,
    info: &[u8],
) -> Zeroizing<[u8; KEY_BYTES]> {
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    Hkdf::<Sha256>::new(salt, secret)
        .expand(info, key.as_mut_slice())
        .expect("invariant: 32 bytes are not more than 255 times 32");
    key
}

#[expect(clippy::expect_used, reason = "RFC 2104 2: keys of any length")]
fn keyed(key: &[u8; KEY_BYTES]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("invariant: HMAC takes a key of any length")
}

/// Where keys are: `file:PATH` or `env:NAME`. A key is never given itself, so that it stands in no configuration and no
/// list of processes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyReference {
    File(PathBuf),
    Env(String),
}

impl FromStr for KeyReference {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        match text.split_once(':') {
            Some(("file", path)) if !path.is_empty() => Ok(KeyReference::File(path.into())),
            Some(("env", name)) if !name.is_empty() && !name.contains(['=', '\0']) => {
                Ok(KeyReference::Env(name.to_owned()))
            }
            _ => Err(KeyError::Reference),
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Does not show what was given: it may be the key itself.
    #[error(
        "the journal's key is named as file:PATH or env:NAME, never given itself: put it into a file that only the \
         switch can read"
    )]
    Reference,
    #[error("cannot read the journal's key from {}: {error}", path.display())]
    Unreadable { path: PathBuf, error: io::Error },
    #[error("{} holds the journal's key and others may read it (mode {mode:04o}): chmod 600 {}", path.display(), path.display())]
    Exposed { path: PathBuf, mode: u32 },
    #[error("{} is no file that holds a key", path.display())]
    NotAFile { path: PathBuf },
    #[error(
        "the environment has no variable `{name}` with text in it: set it to the journal's key"
    )]
    NoVariable { name: String },
    #[error(
        "{from}: key {number} is not 32 bytes as 64 hex digits or as base64: make one with `openssl rand -hex 32`"
    )]
    Malformed { from: String, number: usize },
    #[error(
        "{from}: key {number} is one byte over and over, which is no secret: make one with `openssl rand -hex 32`"
    )]
    Weak { from: String, number: usize },
    #[error("{from} holds no key: make one with `openssl rand -hex 32`")]
    Empty { from: String },
    #[error("{from} holds more than {KEYS_MAX} keys or more than {FILE_BYTES_MAX} bytes")]
    TooMany { from: String },
    #[error(
        "{} is not there, but the directory holds a journal: put the key back that it was written with, or name it",
        path.display()
    )]
    Lost { path: PathBuf },
    #[error("cannot write the journal's new key to {}: {error}", path.display())]
    Unwritable { path: PathBuf, error: io::Error },
    #[error("the operating system has no random bytes: {0}")]
    Random(String),
}

pub(super) fn from_reference(reference: &KeyReference) -> Result<Vec<MasterKey>, KeyError> {
    match reference {
        KeyReference::File(path) => {
            let file = File::open(path).map_err(|error| unreadable(path, error))?;
            from_file(file, path)
        }
        KeyReference::Env(name) => {
            let text = std::env::var(name)
                .map(Zeroizing::new)
                .map_err(|_| KeyError::NoVariable { name: name.clone() })?;
            from_text(&text, || format!("the variable `{name}`"))
        }
    }
}

/// Where the directory has its own key.
pub(super) fn in_directory(directory: &Path) -> KeyReference {
    KeyReference::File(directory.join(FILE_NAME))
}

/// The key that the directory brings along, made if there is nothing in it yet.
pub(super) fn from_directory(directory: &Path) -> Result<Vec<MasterKey>, KeyError> {
    let path = directory.join(FILE_NAME);
    match File::open(&path) {
        Ok(file) => return from_file(file, &path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(unreadable(&path, error)),
    }
    if holds_a_journal(directory).map_err(|error| unreadable(&path, error))? {
        return Err(KeyError::Lost { path });
    }
    let mut secret = Zeroizing::new([0; KEY_BYTES]);
    random(secret.as_mut_slice())?;
    write_new(directory, &secret).map_err(|error| KeyError::Unwritable { path, error })?;
    Ok(vec![MasterKey::new(secret)])
}

/// A key that is made for a directory in which bodies are sealed already could open none of them.
fn holds_a_journal(directory: &Path) -> io::Result<bool> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let name = entry?.file_name();
        let name = name.to_string_lossy();
        // The lock is taken before anything is written, and a start that was cut off may have left the file below.
        if name != FILE_NAME_NEW && name != "lock" && !name.ends_with(".lock") {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Written under another name first: a file that was cut off would be no key.
fn write_new(directory: &Path, secret: &[u8; KEY_BYTES]) -> io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)?;
    let under_way = directory.join(FILE_NAME_NEW);
    let mut text = Zeroizing::new(String::with_capacity(KEY_BYTES * 2 + 1));
    for byte in secret {
        text.push(char::from_digit(u32::from(byte >> 4), 16).unwrap_or('0'));
        text.push(char::from_digit(u32::from(byte & 15), 16).unwrap_or('0'));
    }
    text.push('\n');
    let _ = fs::remove_file(&under_way);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&under_way)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&under_way, directory.join(FILE_NAME))?;
    File::open(directory)?.sync_all()
}

fn from_file(file: File, path: &Path) -> Result<Vec<MasterKey>, KeyError> {
    let metadata = file.metadata().map_err(|error| unreadable(path, error))?;
    if !metadata.is_file() {
        return Err(KeyError::NotAFile { path: path.into() });
    }
    if metadata.mode() & 0o077 != 0 {
        return Err(KeyError::Exposed {
            path: path.into(),
            mode: metadata.mode() & 0o7777,
        });
    }
    // As long as it will be, so that no smaller copy is left behind in memory.
    let mut text = Zeroizing::new(String::with_capacity(FILE_BYTES_MAX + 1));
    let limit = u64::try_from(FILE_BYTES_MAX + 1).unwrap_or(u64::MAX);
    file.take(limit)
        .read_to_string(&mut text)
        .map_err(|error| unreadable(path, error))?;
    if text.len() > FILE_BYTES_MAX {
        return Err(KeyError::TooMany {
            from: path.display().to_string(),
        });
    }
    from_text(&text, || path.display().to_string())
}

/// Keys, one in a line or between blanks or commas; lines that begin with `#` are skipped.
pub(super) fn from_text(text: &str, from: impl Fn() -> String) -> Result<Vec<MasterKey>, KeyError> {
    let words = text
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .flat_map(|line| line.split([' ', '\t', ',']))
        .map(str::trim)
        .filter(|word| !word.is_empty());
    let mut keys = Vec::new();
    for (place, word) in words.enumerate() {
        let number = place + 1;
        if number > KEYS_MAX {
            return Err(KeyError::TooMany { from: from() });
        }
        let Some(secret) = secret(word) else {
            return Err(KeyError::Malformed {
                from: from(),
                number,
            });
        };
        if secret.iter().all(|byte| Some(byte) == secret.first()) {
            return Err(KeyError::Weak {
                from: from(),
                number,
            });
        }
        keys.push(MasterKey::new(secret));
    }
    if keys.is_empty() {
        return Err(KeyError::Empty { from: from() });
    }
    Ok(keys)
}

fn secret(word: &str) -> Option<Zeroizing<[u8; KEY_BYTES]>> {
    let mut secret = Zeroizing::new([0; KEY_BYTES]);
    if word.len() == KEY_BYTES * 2 {
        for (byte, pair) in secret.iter_mut().zip(word.as_bytes().chunks_exact(2)) {
            for digit in pair {
                let value = char::from(*digit).to_digit(16)?;
                *byte = *byte << 4 | u8::try_from(value).ok()?;
            }
        }
        return Some(secret);
    }
    let engine = if word.ends_with('=') {
        STANDARD
    } else {
        STANDARD_NO_PAD
    };
    // The decoder wants room for whole groups of four characters, three bytes each.
    let mut decoded = Zeroizing::new([0; KEY_BYTES + 4]);
    let length = engine.decode_slice(word, decoded.as_mut_slice()).ok()?;
    if length != KEY_BYTES {
        return None;
    }
    for (byte, from) in secret.iter_mut().zip(decoded.iter()) {
        *byte = *from;
    }
    Some(secret)
}

pub(super) fn random(bytes: &mut [u8]) -> Result<(), KeyError> {
    getrandom::fill(bytes).map_err(|error| KeyError::Random(error.to_string()))
}

fn unreadable(path: &Path, error: io::Error) -> KeyError {
    KeyError::Unreadable {
        path: path.into(),
        error,
    }
}

#[cfg(test)]
mod tests;
