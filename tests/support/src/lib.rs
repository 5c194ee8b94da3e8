//! What tests of several crates share: canonical messages and helpers.
