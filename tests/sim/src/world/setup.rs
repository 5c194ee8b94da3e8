//! Who there is in the beginning.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use pointsman_engine::{
    Backoff, Cooling, Instant, Link, LinkId, LinkLeg, LinkProfile, ListenerProfile, PresencePolicy,
    Session, TransactionIds, WallClock,
};
use pointsman_iso8583::Dialect;
use pointsman_routing::{RoutingTable, Rule};

use super::{Counts, Event, Options, World, crash};
use crate::bank::Bank;
use crate::disk::Disk;
use crate::log::Log;
use crate::plan::{Ending, Plan};
use crate::queue::Queue;
use crate::random::Random;
use crate::risk::Risk;
use crate::switch::{Conn, LinkDriver};
use crate::terminal::Terminal;
use crate::trace::Trace;

impl World {
    pub(super) fn new(plan: Plan, options: Options) -> World {
        let dialect = |name: &str| Dialect::builtin(name).expect("a built-in dialect");
        let bins: [&[&str]; 3] = [&["4"], &["510000-559999", "5"], &["6"]];
        let rules: Vec<Rule<LinkId>> = (0..plan.links.len())
            .map(|link| Rule {
                bins: bins[link]
                    .iter()
                    .map(|bin| bin.parse().expect("a BIN"))
                    .collect(),
                link: LinkId(link as u16),
            })
            .collect();
        let routes = Arc::new(RoutingTable::build(&rules, None).expect("no conflict"));
        let message_bytes_max = plan.message_bytes_max;
        let listeners = plan.listeners.iter().map(|name| {
            let legs = plan.links.iter().enumerate().map(|(link, plan)| {
                LinkLeg::new(
                    format!("link {link}").into(),
                    &dialect(name),
                    &dialect(plan.dialect),
                )
                .with_message_bytes_max(message_bytes_max.1)
            });
            Arc::new(ListenerProfile {
                name: (*name).into(),
                dialect: dialect(name),
                routes: Arc::clone(&routes),
                links: legs.collect(),
                in_flight_max: plan.session_in_flight_max,
                message_bytes_max: message_bytes_max.0,
                presence: PresencePolicy::Ignore,
            })
        });
        let listeners = listeners.collect();
        let clock_off = match plan.seconds_to_midnight {
            Some(seconds) => crash::seconds_to_midnight() - seconds as i64,
            None => 0,
        };
        let started_at = crash::clock_at_start(clock_off);
        let mut random = Random::new(plan.seed ^ 0x5EED);
        let links = plan.links.iter().enumerate().map(|(link, plan)| {
            let profile = LinkProfile {
                match_fields: plan.match_fields.clone(),
                timeout: plan.timeout,
                sign_on: plan.sign_on,
                echo: plan.echo,
                addresses: plan.addresses,
                in_flight_max: plan.in_flight_max,
                stan_range: plan.stan_range.clone(),
                backoff: Backoff {
                    first: plan.backoff.0,
                    max: plan.backoff.1,
                },
                cooling: Cooling {
                    answered: plan.cooling.0,
                    unanswered: plan.cooling.1,
                },
                seed: random.next(),
                stan_seed: Some(random.next()),
                transactions: TransactionIds::new(1, link as u16),
                store_forward: plan.store_forward,
                stand_in: plan
                    .stand_in
                    .as_ref()
                    .map(|stand_in| Arc::new(stand_in.profile(link))),
                wall_clock: WallClock::from_unix_seconds(started_at),
                ..LinkProfile::new(format!("link {link}").into(), dialect(plan.dialect))
            };
            let shared = Arc::new(profile.clone());
            let started = match options.bug {
                Some(bug) => Link::with_planted_bug(shared, Instant::ZERO, bug),
                None => Link::new(shared, Instant::ZERO),
            };
            LinkDriver::new(plan.clone(), profile, started)
        });
        let links: Vec<LinkDriver> = links.collect();
        let disk = random
            .permille(400)
            .then(|| Disk::new(random.next(), &mut random));
        let terminals = plan
            .connections
            .iter()
            .enumerate()
            .flat_map(|(slot, plan)| (0..plan.terminals).map(move |_| slot))
            .enumerate()
            .map(|(number, slot)| Terminal::new(number, slot, plan.manners))
            .collect();
        World {
            options,
            random,
            now: Instant::ZERO,
            queue: Queue::new(),
            faults: plan.faults.clone(),
            listeners,
            banks: plan.links.iter().cloned().map(Bank::new).collect(),
            recovered: vec![false; links.len()],
            links,
            log: Log::default(),
            disk,
            alive: true,
            life: 0,
            clock_off,
            clock_off_of_life: clock_off,
            recording: true,
            conns: Vec::new(),
            slots: plan
                .connections
                .iter()
                .map(|plan| (plan.clone(), None))
                .collect(),
            terminals,
            messages: Vec::new(),
            deals: Vec::new(),
            issued: Vec::new(),
            told_banks: BTreeMap::new(),
            risk: Risk::default(),
            refused: BTreeMap::new(),
            nonces: 0,
            loading: true,
            draining: false,
            drained_life: 0,
            healing: false,
            recover_until: Instant::ZERO,
            ended: false,
            violation: None,
            trace: Trace::new(options.trace),
            report: Counts::default(),
            plan,
        }
    }

    pub(super) fn start(&mut self) {
        for link in 0..self.links.len() {
            self.drain_link(link, None);
            self.plan_trouble(link);
        }
        for terminal in 0..self.terminals.len() {
            self.plan_act(terminal);
        }
        self.plan_switch_trouble();
        self.queue
            .push(Instant::ZERO + self.plan.load, Event::LoadEnds);
    }

    /// A new connection of a terminal.
    pub(super) fn open_conn(&mut self, listener: usize) -> usize {
        let profile = Arc::clone(&self.listeners[listener]);
        let mut session = match self.options.bug {
            Some(bug) => Session::with_planted_bug(profile, bug),
            None => Session::new(profile),
        };
        // A connection that was accepted in the last moment.
        if self.draining && self.plan.ending == Ending::DrainUnderLoad {
            session.handle_drain();
        }
        self.conns.push(Conn {
            listener,
            life: self.life,
            session,
            at_switch: true,
            closing: false,
            at_terminal: true,
            up: self.now,
            down: self.now,
            open: Vec::new(),
            tickets: HashMap::new(),
        });
        self.conns.len() - 1
    }
}
