//! `pointsman send`: one message, its answer explained.

use pointsman_sim_terminal::send;

use crate::exit::{Exit, Failure};

pub(crate) fn run(args: send::Args) -> Result<Exit, Failure> {
    super::sim::drive(send::run(args))
}
