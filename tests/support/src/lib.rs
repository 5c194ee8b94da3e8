//! What tests of several crates share: canonical messages and helpers.
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "test code: a wrong fixture must stop the test"
)]

pub mod agree;
pub mod canonical;
