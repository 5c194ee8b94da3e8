//! What waits for the writer.

use std::collections::VecDeque;
use std::time::Instant;

use super::Stats;
use crate::limits::{
    BATCH_BYTES_FULL, BATCH_RECORDS_MAX, RECORD_OVERHEAD_BYTES, SPARE_BATCHES_MAX,
};
use crate::{Batch, Lsn};

/// Records that wait: batches that are full, then the open one. Memory is used again, so that nothing is allocated once
/// the batches have grown to what they need.
pub(super) struct Queue {
    pub(super) open: Batch,
    full: VecDeque<Batch>,
    spare: Vec<Batch>,
    pub(super) bytes: usize,
    /// The writer waits to be woken.
    pub(super) asleep: bool,
    pub(super) closing: bool,
    pub(super) stopped: bool,
    /// Why it stopped, if it was not closed.
    pub(super) failure: Option<String>,
    pub(super) stats: Stats,
    pub(super) commit_begun: Option<Instant>,
}

impl Queue {
    pub(super) fn new(next: Lsn) -> Queue {
        let mut open = Batch::default();
        open.restart(next);
        Queue {
            open,
            full: VecDeque::new(),
            spare: Vec::new(),
            bytes: 0,
            asleep: false,
            closing: false,
            stopped: false,
            failure: None,
            stats: Stats::default(),
            commit_begun: None,
        }
    }

    pub(super) fn has_records(&self) -> bool {
        !self.full.is_empty() || !self.open.is_empty()
    }

    /// Begins another batch if the open one has enough.
    pub(super) fn cut(&mut self) {
        if self.open.payload_bytes() > BATCH_BYTES_FULL || self.open.len() >= BATCH_RECORDS_MAX {
            let mut open = self.spare.pop().unwrap_or_default();
            open.restart(self.open.end());
            let full = std::mem::replace(&mut self.open, open);
            self.full.push_back(full);
        }
    }

    /// The next batch to write, in exchange for one that has been written.
    pub(super) fn take(&mut self, mut written: Batch) -> Batch {
        let batch = match self.full.pop_front() {
            Some(full) => {
                if self.spare.len() < SPARE_BATCHES_MAX {
                    self.spare.push(written);
                }
                full
            }
            None => {
                written.restart(self.open.end());
                std::mem::replace(&mut self.open, written)
            }
        };
        self.bytes = self
            .bytes
            .saturating_sub(batch.payload_bytes() + batch.len() * RECORD_OVERHEAD_BYTES);
        batch
    }
}
