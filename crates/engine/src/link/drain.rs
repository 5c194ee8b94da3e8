//! The end of a link: what is open is finished, nothing new is taken, the host is told.

use super::Link;
use super::network_management::NetworkManagementCode;
use super::output::LinkOutput;
use super::state::State;
use crate::planted::PlantedBug;
use crate::{Instant, limits};

impl<R> Link<R> {
    /// From now on requests are declined. Once the last open one is answered the link signs off and ends with
    /// [`LinkOutput::Drained`].
    pub fn handle_drain(&mut self, now: Instant) {
        self.advance(now);
        self.draining = true;
        if self.planted.has(PlantedBug::DrainDropsInFlight) {
            self.drop_in_flight();
        }
        self.settle();
    }

    /// After each input: what is due goes out; and if the link is draining, the next step towards the end. What is still
    /// due then stays on record.
    pub(super) fn settle(&mut self) {
        self.forward_stored();
        if !self.draining || self.in_flight.open() > 0 || self.store_forward.in_window() > 0 {
            return;
        }
        match self.state {
            State::Serving(_) if self.profile.sign_on => {
                let wait = self.profile.timeout.min(limits::SIGN_OFF_TIMEOUT_MAX);
                let skip = self.planted.has(PlantedBug::DrainSkipsSignOff);
                let code = NetworkManagementCode::SignOff;
                match if skip {
                    None
                } else {
                    self.transmit_own(code, wait)
                } {
                    Some(exchange) => self.enter(State::SigningOff(exchange)),
                    None => self.finish(),
                }
            }
            State::SigningOff(_) | State::Drained => {}
            State::Down { .. }
            | State::Connecting { .. }
            | State::SigningOn(_)
            | State::Serving(_)
            | State::SignedOff { .. } => self.finish(),
        }
    }

    /// The end of a drained link.
    pub(super) fn finish(&mut self) {
        if !matches!(self.state, State::Down { .. } | State::Drained) {
            self.outputs.push_back(LinkOutput::Disconnect);
        }
        self.in_flight.clear();
        self.stans.clear();
        self.enter(State::Drained);
        self.outputs.push_back(LinkOutput::Drained);
    }
}
