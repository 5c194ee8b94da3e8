//! The life of a transaction as state machines, without I/O, clock, thread or randomness.
