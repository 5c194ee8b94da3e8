//! Seeded simulation of the engine under faults.
