//! `pointsman chaos`: this program, killed again and again, between banks and terminals that keep their own books.

use std::path::PathBuf;

pub(crate) use pointsman_sim_chaos::Args;

use crate::exit::{Exit, Failure};

pub(crate) fn run(args: Args) -> Result<Exit, Failure> {
    // Where the system does not say what runs here, the path finds it.
    let itself = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("pointsman"));
    super::sim::drive(pointsman_sim_chaos::run(args, itself))
}
