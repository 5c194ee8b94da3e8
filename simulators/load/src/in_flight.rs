//! The requests of one connection that wait for their answers, by STAN.

/// A request that was sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Open {
    pub(crate) stan: u32,
    /// Which part of the mix it is.
    pub(crate) item: usize,
    pub(crate) amount: u64,
    /// When it was due, nanoseconds after the start.
    pub(crate) due: u64,
    /// When it was handed to the socket, nanoseconds after the start.
    pub(crate) sent: u64,
}

/// STANs of timed-out requests that are remembered, so that their answers are called late and not unexpected.
const TIMED_OUT_MAX: usize = 256;

/// A ring: STANs are given in order, so that the slot is the STAN modulo the size, and finding is one comparison.
#[derive(Debug)]
pub(crate) struct InFlight {
    slots: Box<[Option<Open>]>,
    open: usize,
    open_max: usize,
    stan_next: u32,
    timed_out: Vec<u32>,
}

/// What an answer's STAN belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Found {
    Request(Open),
    TimedOut,
    Nothing,
}

impl InFlight {
    pub(crate) fn new(open_max: usize) -> Self {
        InFlight {
            slots: vec![None; open_max.next_power_of_two()].into_boxed_slice(),
            open: 0,
            open_max,
            stan_next: 1,
            timed_out: Vec::new(),
        }
    }

    pub(crate) fn has_room(&self) -> bool {
        self.open < self.open_max
    }

    fn slot(&mut self, stan: u32) -> Option<&mut Option<Open>> {
        let place = stan as usize & (self.slots.len() - 1);
        self.slots.get_mut(place)
    }

    /// Takes the next STAN for a request. `None` without room.
    pub(crate) fn insert(&mut self, item: usize, amount: u64, due: u64, sent: u64) -> Option<u32> {
        if !self.has_room() {
            return None;
        }
        // There is room, so that one of the next `slots.len()` STANs has a free slot.
        loop {
            let stan = self.stan_next;
            self.stan_next = if stan == 999_999 { 1 } else { stan + 1 };
            let slot = self.slot(stan)?;
            if slot.is_none() {
                *slot = Some(Open {
                    stan,
                    item,
                    amount,
                    due,
                    sent,
                });
                self.open += 1;
                return Some(stan);
            }
        }
    }

    /// The request that an answer with this STAN belongs to, which is then no longer open.
    pub(crate) fn take(&mut self, stan: u32) -> Found {
        let Some(slot) = self.slot(stan) else {
            return Found::Nothing;
        };
        if let Some(open) = *slot
            && open.stan == stan
        {
            *slot = None;
            self.open -= 1;
            return Found::Request(open);
        }
        match self.timed_out.iter().position(|&late| late == stan) {
            Some(place) => {
                self.timed_out.swap_remove(place);
                Found::TimedOut
            }
            None => Found::Nothing,
        }
    }

    /// Gives up on what was sent before `moment`; says how many.
    pub(crate) fn expire(&mut self, moment: u64) -> usize {
        if self.open == 0 {
            return 0;
        }
        let mut expired = 0;
        for slot in &mut self.slots {
            if let Some(open) = *slot
                && open.sent < moment
            {
                *slot = None;
                expired += 1;
                if self.timed_out.len() == TIMED_OUT_MAX {
                    self.timed_out.remove(0);
                }
                self.timed_out.push(open.stan);
            }
        }
        self.open -= expired;
        expired
    }

    /// Gives up on everything; says how many.
    pub(crate) fn clear(&mut self) -> usize {
        self.slots.fill(None);
        self.timed_out.clear();
        std::mem::take(&mut self.open)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_find_their_requests_whatever_the_order() {
        let mut in_flight = InFlight::new(3);
        let stans: Vec<_> = (0..3)
            .map(|n| in_flight.insert(0, n, n, n).unwrap())
            .collect();
        assert_eq!(stans, [1, 2, 3]);
        assert_eq!(in_flight.insert(0, 9, 9, 9), None, "no room");
        assert!(matches!(
            in_flight.take(3),
            Found::Request(Open { amount: 2, .. })
        ));
        assert!(matches!(
            in_flight.take(1),
            Found::Request(Open { amount: 0, .. })
        ));
        assert_eq!(in_flight.take(1), Found::Nothing, "once only");
        assert_eq!(in_flight.take(77), Found::Nothing);
        assert_eq!(in_flight.open, 1);
    }

    #[test]
    fn a_stan_whose_place_is_taken_is_passed_over() {
        let mut in_flight = InFlight::new(2);
        assert_eq!(in_flight.insert(0, 0, 0, 0), Some(1));
        for expected in [2, 4, 6] {
            assert_eq!(
                in_flight.insert(0, 0, 0, 0),
                Some(expected),
                "odd ones are STAN 1's"
            );
            assert!(matches!(in_flight.take(expected), Found::Request(_)));
        }
    }

    #[test]
    fn stans_come_round_without_a_zero() {
        let mut in_flight = InFlight::new(1);
        let mut last = 0;
        for _ in 0..999_999 {
            last = in_flight.insert(0, 0, 0, 0).unwrap();
            in_flight.take(last);
        }
        assert_eq!(last, 999_999);
        assert_eq!(in_flight.insert(0, 0, 0, 0), Some(1));
    }

    #[test]
    fn an_answer_after_the_time_out_is_late_once() {
        let mut in_flight = InFlight::new(4);
        for sent in [10, 20, 30] {
            in_flight.insert(0, 0, 0, sent);
        }
        assert_eq!(in_flight.expire(30), 2);
        assert_eq!(
            (in_flight.take(1), in_flight.take(1)),
            (Found::TimedOut, Found::Nothing)
        );
        assert!(matches!(in_flight.take(3), Found::Request(_)));
        assert_eq!(in_flight.open, 0);
        for _ in 0..10 * TIMED_OUT_MAX {
            in_flight.insert(0, 0, 0, 0);
            in_flight.expire(1);
        }
        assert_eq!(
            in_flight.timed_out.len(),
            TIMED_OUT_MAX,
            "the memory has a limit"
        );
    }

    #[test]
    fn a_cut_connection_loses_all() {
        let mut in_flight = InFlight::new(4);
        in_flight.insert(0, 0, 0, 0);
        in_flight.insert(0, 0, 0, 0);
        assert_eq!(in_flight.clear(), 2);
        assert_eq!((in_flight.open, in_flight.take(1)), (0, Found::Nothing));
    }
}
