//! What the journal's engines and tables must agree about: the same events give the same records and the same tables,
//! whatever path they take and wherever it is cut off.
#![allow(
    clippy::unwrap_used,
    reason = "test code: a wrong fixture must stop the test"
)]

mod conformance;
mod dump;
mod history;
mod killed;
mod look;
mod model;
mod projection;
mod queries;
mod store;
