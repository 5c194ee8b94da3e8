//! Opening a log: what is there is found out first, then made durable, and only then written behind.

use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use super::engine::{LogEngine, Open, Preparing};
use super::error::{Damage, OpenError};
use super::format::head_seed;
use super::prepare::{self, Preparer};
use super::recovery::{self, Inventory, replay, settle, wipe};
use super::shared::{self, Prepared, Shared};
use super::state::{self, Found, State, StateFile};
use super::{LogOptions, Prepare, Recovered};
use crate::limits::{SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN};
use crate::vfs::{Access, Vfs};
use crate::{Lsn, RawRecord};

impl LogEngine {
    /// Opens the log in the directory, or begins one. Every record that is there is given to `visit`, in order; it stops
    /// the opening with `Break`.
    ///
    /// # Errors
    /// If the log is damaged, of another node, open elsewhere, or cannot be read or written.
    pub fn open(
        vfs: Arc<dyn Vfs>,
        directory: &Path,
        options: LogOptions,
        visit: &mut dyn FnMut(RawRecord<'_>) -> ControlFlow<()>,
    ) -> Result<LogEngine, OpenError> {
        if !(SEGMENT_BYTES_MIN..=SEGMENT_BYTES_MAX).contains(&options.segment_bytes) {
            return Err(OpenError::Options(
                "a segment has 4 KiB at least and 1 GiB at most",
            ));
        }
        vfs.create_directory(directory)
            .map_err(OpenError::io("make", directory))?;
        let lock_path = directory.join(LOCK_NAME);
        let lock = vfs.lock(&lock_path).map_err(|source| {
            if source.kind() == io::ErrorKind::WouldBlock {
                OpenError::Locked {
                    path: lock_path.clone(),
                }
            } else {
                OpenError::io("lock", &lock_path)(source)
            }
        })?;
        let (state, found) = open_state(&*vfs, directory)?;
        let inventory = Inventory::take(&*vfs, directory, found)?;
        if let Some(other) = inventory
            .begun
            .iter()
            .find(|begun| begun.header.node != options.node)
        {
            return Err(OpenError::OtherNode {
                path: shared::segment_path(directory, other.number),
                found: other.header.node,
                expected: options.node,
            });
        }
        let mut recovered = Recovered::default();
        let (tail, segments) = replay(&*vfs, directory, &inventory, &mut |record| {
            recovered.records += 1;
            visit(record)
        })?;

        // From here on something is changed. What was accepted becomes durable before anyone acts on it: it may have
        // been written and not synced. What stands behind it must never be taken for a record.
        if let Some((number, file)) = &tail.file {
            let path = shared::segment_path(directory, *number);
            recovered.wiped_bytes =
                wipe(&**file, tail.place.offset).map_err(OpenError::io("write", &path))?;
            settle(&**file, tail.unsure, tail.place.offset)
                .map_err(OpenError::io("sync", &path))?;
        }
        for path in &inventory.discarded {
            vfs.remove(path).map_err(OpenError::io("remove", path))?;
        }
        vfs.sync_directory(directory)
            .map_err(OpenError::io("sync", directory))?;
        let epoch = next_epoch(&inventory, found).ok_or_else(|| {
            let path = directory.join(state::STATE_NAME);
            recovery::fault(path, 0, 0, tail.place.lsn, Damage::State)
        })?;
        let shared = Shared::new(
            Arc::clone(&vfs),
            directory,
            options.node,
            options.segment_bytes,
            state,
        );
        shared
            .state()
            .write(State {
                epoch,
                first: inventory.state.first,
                begun: inventory.due() - 1,
                durable: tail.place.lsn.get(),
            })
            .map_err(OpenError::io("write", &directory.join(state::STATE_NAME)))?;
        recovered.first = segments
            .first()
            .map_or(tail.place.lsn, |segment| segment.first);
        recovered.next = tail.place.lsn;
        recovered.segments = segments.len();
        shared.segments().extend(segments);
        shared.set_end(tail.place.lsn);
        let open = match tail.file {
            Some((number, file)) => {
                let path = shared.path(number);
                Some(Open {
                    number,
                    bytes: file.size().map_err(OpenError::io("look at", &path))?,
                    file,
                    seed: head_seed(options.node, number),
                    fresh: false,
                })
            }
            None => None,
        };
        fill_room(&shared, &inventory)?;
        let shared = Arc::new(shared);
        let preparing = match options.prepare {
            Prepare::Inline => {
                let mut preparer = Preparer::new(Arc::clone(&shared));
                preparer.catch_up();
                Preparing::Inline(preparer)
            }
            Prepare::Background => {
                let preparer = Preparer::new(Arc::clone(&shared));
                let thread = std::thread::Builder::new()
                    .name("journal-prepare".to_owned())
                    .spawn(move || preparer.run())
                    .map_err(OpenError::io("start the thread that prepares", directory))?;
                Preparing::Background(Some(thread))
            }
        };
        Ok(LogEngine {
            shared,
            durability: options.durability,
            epoch,
            recovered,
            open,
            place: tail.place,
            unsynced: tail.place.lsn,
            buffer: Vec::new(),
            ahead: None,
            failed: false,
            preparing,
            _lock: lock,
        })
    }
}

const LOCK_NAME: &str = "lock";

fn open_state(vfs: &dyn Vfs, directory: &Path) -> Result<(StateFile, Found), OpenError> {
    let path = directory.join(state::STATE_NAME);
    let names = vfs
        .list(directory)
        .map_err(OpenError::io("list", directory))?;
    // Drafts of a former life.
    for name in [state::DRAFT_NAME, prepare::DRAFT_NAME] {
        if !names.iter().any(|there| there == name) {
            continue;
        }
        let draft = directory.join(name);
        vfs.remove(&draft)
            .map_err(OpenError::io("remove", &draft))?;
    }
    if !names.iter().any(|name| name == state::STATE_NAME) {
        if names
            .iter()
            .any(|name| shared::segment_number(name).is_some())
        {
            return Err(recovery::fault(path, 0, 0, Lsn::ZERO, Damage::State));
        }
        StateFile::create(vfs, directory).map_err(OpenError::io("make", &path))?;
    }
    StateFile::open(vfs, directory).map_err(OpenError::io("open", &path))
}

/// Higher than ever before, also if the last change of the state was lost.
fn next_epoch(inventory: &Inventory, found: Found) -> Option<u32> {
    let lost = u32::from(matches!(found, Found::Older(_)));
    inventory
        .begun
        .iter()
        .map(|begun| begun.header.epoch)
        .max()
        .unwrap_or_default()
        .max(inventory.state.epoch.checked_add(lost)?)
        .checked_add(1)
}

/// Takes over what was prepared in a former life.
fn fill_room(shared: &Shared, inventory: &Inventory) -> Result<(), OpenError> {
    let mut room = shared.room();
    room.next = inventory.due();
    room.recyclable.extend(inventory.recyclable.iter().cloned());
    for number in &inventory.prepared {
        let path = shared.path(*number);
        let file = shared
            .vfs
            .open(&path, Access::ReadWrite)
            .map_err(OpenError::io("open", &path))?;
        let bytes = file.size().map_err(OpenError::io("look at", &path))?;
        if bytes == shared.segment_bytes && *number == room.next {
            room.ready.push_back(Prepared {
                number: *number,
                file,
                bytes,
            });
            room.next = number + 1;
        } else {
            // From a time when segments had another size.
            shared
                .vfs
                .remove(&path)
                .map_err(OpenError::io("remove", &path))?;
        }
    }
    Ok(())
}
