//! What the segments cannot say about themselves: which of them there must be, how far they go, and how often the log was
//! opened.
//!
//! A small file that never grows, so that a full disk does not hinder it: two slots that are written in turn, the sound one
//! with the higher sequence counts. Without it a missing first or last segment would look like a log that begins later or
//! ends earlier, and damage to the last batch like a batch that was being written.

use std::io;
use std::path::Path;
use std::sync::Arc;

use crc32c::crc32c;

use super::format::{put, read_u32, read_u64};
use crate::vfs::{Access, Vfs, VfsFile, read_full, write_full};

pub(super) const STATE_NAME: &str = "state";
pub(super) const DRAFT_NAME: &str = "state.tmp";

const MAGIC: [u8; 8] = *b"PMSTATE1";
const SLOT_BYTES: usize = 64;
const CRC_AT: usize = 60;
/// Far enough apart for no device to write both at once.
const SLOT_OFFSETS: [u64; 2] = [0, 4096];
const FILE_BYTES: usize = 8192;

/// What is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct State {
    /// How often the log was opened.
    pub(super) epoch: u32,
    /// Segments below this number have been released.
    pub(super) first: u64,
    /// The highest segment that surely has been begun, 0 for none.
    pub(super) begun: u64,
    /// Records below this place surely are durable.
    pub(super) durable: u64,
}

/// The file.
pub(super) struct StateFile {
    file: Arc<dyn VfsFile>,
    sequence: u64,
    state: State,
    /// The slot that counts is known to be on the disk.
    settled: bool,
}

/// What was found in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Both slots are sound, or one was never written.
    Sound(State),
    /// One slot is broken, so that this may be the state before the last change.
    Older(State),
    Missing,
    Damaged,
}

impl StateFile {
    /// Reads without changing anything.
    pub(super) fn look(vfs: &dyn Vfs, directory: &Path) -> io::Result<Found> {
        match vfs.open(&directory.join(STATE_NAME), Access::Read) {
            Ok(file) => Ok(read(&*file)?.1),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Found::Missing),
            Err(error) => Err(error),
        }
    }

    pub(super) fn open(vfs: &dyn Vfs, directory: &Path) -> io::Result<(StateFile, Found)> {
        let file = vfs.open(&directory.join(STATE_NAME), Access::ReadWrite)?;
        let (sequence, found) = read(&*file)?;
        let state = match found {
            Found::Sound(state) | Found::Older(state) => state,
            Found::Missing | Found::Damaged => State::default(),
        };
        let opened = StateFile {
            file,
            sequence,
            state,
            settled: false,
        };
        Ok((opened, found))
    }

    /// Makes the file of a new log.
    pub(super) fn create(vfs: &dyn Vfs, directory: &Path) -> io::Result<()> {
        let draft = directory.join(DRAFT_NAME);
        let state = State {
            epoch: 0,
            first: 1,
            begun: 0,
            durable: 1,
        };
        let mut bytes = vec![0; FILE_BYTES];
        put(&mut bytes, 0, &encode(&state, 1));
        let file = vfs.create(&draft)?;
        write_full(&*file, &bytes, 0)?;
        file.sync_data()?;
        vfs.rename(&draft, &directory.join(STATE_NAME))?;
        vfs.sync_directory(directory)
    }

    pub(super) fn state(&self) -> State {
        self.state
    }

    /// Makes the state durable.
    pub(super) fn write(&mut self, state: State) -> io::Result<()> {
        // The slot that counts may only be in the system's memory, after a sync of an earlier process had failed. Before
        // the other one is touched it must be on the disk, or both could be lost.
        if !self.settled {
            self.put(self.state, self.sequence)?;
            self.settled = true;
        }
        self.put(state, self.sequence + 1)?;
        self.sequence += 1;
        self.state = state;
        Ok(())
    }

    fn put(&self, state: State, sequence: u64) -> io::Result<()> {
        let offset = SLOT_OFFSETS[(sequence % 2) as usize ^ 1];
        write_full(&*self.file, &encode(&state, sequence), offset)?;
        self.file.sync_data()
    }
}

fn encode(state: &State, sequence: u64) -> [u8; SLOT_BYTES] {
    let mut bytes = [0; SLOT_BYTES];
    put(&mut bytes, 0, &MAGIC);
    put(&mut bytes, 8, &sequence.to_le_bytes());
    put(&mut bytes, 16, &state.first.to_le_bytes());
    put(&mut bytes, 24, &state.begun.to_le_bytes());
    put(&mut bytes, 32, &state.epoch.to_le_bytes());
    put(&mut bytes, 40, &state.durable.to_le_bytes());
    let crc = crc32c(bytes.get(..CRC_AT).unwrap_or_default());
    put(&mut bytes, CRC_AT, &crc.to_le_bytes());
    bytes
}

fn read(file: &dyn VfsFile) -> io::Result<(u64, Found)> {
    let mut best: Option<(u64, State)> = None;
    let mut broken = false;
    for offset in SLOT_OFFSETS {
        let mut bytes = [0; SLOT_BYTES];
        let complete = read_full(file, &mut bytes, offset)? == SLOT_BYTES;
        if complete && bytes.iter().all(|byte| *byte == 0) {
            continue;
        }
        let sound = complete
            && bytes.get(..8) == Some(&MAGIC[..])
            && crc32c(bytes.get(..CRC_AT).unwrap_or_default()) == read_u32(&bytes, CRC_AT)
            // Segments are numbered from 1, and there is no sequence after the last number.
            && read_u64(&bytes, 16) > 0
            && read_u64(&bytes, 8) < u64::MAX;
        if !sound {
            broken = true;
            continue;
        }
        let sequence = read_u64(&bytes, 8);
        if best.is_none_or(|(other, _)| other < sequence) {
            let state = State {
                epoch: read_u32(&bytes, 32),
                first: read_u64(&bytes, 16),
                begun: read_u64(&bytes, 24),
                durable: read_u64(&bytes, 40),
            };
            best = Some((sequence, state));
        }
    }
    Ok(match best {
        Some((sequence, state)) if broken => (sequence, Found::Older(state)),
        Some((sequence, state)) => (sequence, Found::Sound(state)),
        None => (0, Found::Damaged),
    })
}
