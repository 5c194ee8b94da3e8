//! `pointsman load`: load at a constant rate, measured from the moment that each request was due.

use crate::exit::{Exit, Failure};

pub(crate) fn run(args: pointsman_sim_load::Args) -> Result<Exit, Failure> {
    super::sim::drive(pointsman_sim_load::run(args))
}
