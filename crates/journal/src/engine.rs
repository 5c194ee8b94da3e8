//! What makes a batch durable.

use std::io;

use crate::{Batch, Lsn};

/// One way to keep records. Called from one thread only, one batch after the other.
///
/// The trait asks for nothing that only one engine can do: a batch is durable whole or the engine has failed, and what
/// an engine that failed did with the batch is unknown until it is opened again.
pub trait Engine: Send {
    /// The place that the next record gets.
    fn next(&self) -> Lsn;

    /// Makes the batch durable. It starts at [`Engine::next`].
    ///
    /// # Errors
    /// After an error nothing more is accepted: whether the batch is there is found out by opening the engine anew.
    fn commit(&mut self, batch: &Batch) -> Result<(), CommitError>;

    /// Whether there is room beyond what is kept for obligations.
    fn space(&self) -> Space;

    /// Called about once a second, between two batches: what is relaxed is synced, what is awaited is looked at.
    ///
    /// # Errors
    /// As [`Engine::commit`].
    fn tick(&mut self) -> Result<(), CommitError>;

    /// Makes durable what is not yet. Nothing is committed afterwards.
    ///
    /// # Errors
    /// As [`Engine::commit`].
    fn close(&mut self) -> Result<(), CommitError>;

    /// The longest payload that it takes, at most [`RECORD_BYTES_MAX`](crate::RECORD_BYTES_MAX).
    fn record_bytes_max(&self) -> usize;
}

/// When a batch counts as durable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// When it is synced: it survives whatever happens to the machine, as long as its disk does.
    #[default]
    Commit,
    /// When it is written: it survives the end of the process. It is synced once a second and at the end, so that a power
    /// cut or a crash of the operating system may lose what came in the second before.
    Relaxed,
}

/// Room on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Space {
    Plenty,
    /// What is left is kept for finishing what has begun: nothing new may start.
    Low,
}

#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// The batch may be durable or not.
    #[error("cannot write the journal: {0}")]
    Io(#[from] io::Error),
    /// Not even what is kept for obligations is left. Nothing of the batch is durable.
    #[error("the disk of the journal is full")]
    Full,
}
