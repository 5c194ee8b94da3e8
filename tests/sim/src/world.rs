//! The world: terminals, connections, links and banks, and the one queue of what is going to happen to them.

mod ending;
mod links;
mod terminals;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use pointsman_engine::{
    Answer, Backoff, Cooling, Instant, Link, LinkId, LinkLeg, LinkProfile, LinkState,
    ListenerProfile, PlantedBug, PresencePolicy, Session,
};
use pointsman_iso8583::Dialect;
use pointsman_routing::{RoutingTable, Rule};

use crate::bank::Bank;
use crate::checks::Violation;
use crate::plan::{Ending, Faults, Plan};
use crate::queue::Queue;
use crate::random::Random;
use crate::switch::{Conn, Issued, LinkDriver, Wire};
use crate::terminal::{Terminal, Transaction};
use crate::trace::Trace;

/// How to run a seed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Give every session and link this bug.
    pub bug: Option<PlantedBug>,
    /// Write down what happens.
    pub trace: bool,
}

/// What came of a run.
#[derive(Debug)]
pub struct Report {
    pub seed: u64,
    /// The first thing that should not have happened.
    pub violation: Option<Violation>,
    /// Of everything that happened: two runs of a seed agree in it.
    pub hash: u64,
    pub steps: u64,
    /// Messages of terminals that a session took.
    pub transactions: u64,
    pub approved: u64,
    pub declined_by_bank: u64,
    pub declined_by_switch: u64,
    /// How often the switch declined, by the labels of the causes.
    pub causes: Tally,
    /// How often what happened: events of links and sessions, records, reasons of unmatched answers, by their labels.
    pub events: Tally,
    /// Virtual time that passed.
    pub simulated: Duration,
    pub lines: Vec<String>,
}

/// A run that takes more steps than this does not come to an end.
const STEPS_MAX: u64 = 3_000_000;

#[derive(Debug)]
pub(crate) enum Event {
    /// A terminal has thought long enough.
    Act {
        terminal: usize,
        again: bool,
    },
    /// A terminal's message is at the switch.
    Up {
        conn: usize,
        transaction: usize,
    },
    /// An answer is at the terminal.
    Down {
        conn: usize,
        transaction: usize,
    },
    /// The switch sees that the terminal has gone.
    Gone {
        conn: usize,
    },
    /// The terminal sees that the switch has closed.
    Closed {
        conn: usize,
    },
    /// The link's task takes a request out of its queue.
    Take {
        link: usize,
    },
    /// An answer is in the session's mailbox.
    Mail {
        conn: usize,
        answer: Answer,
    },
    Connected {
        link: usize,
        epoch: u64,
    },
    ConnectFailed {
        link: usize,
        epoch: u64,
    },
    Disconnected {
        link: usize,
        epoch: u64,
    },
    ToBank {
        link: usize,
        epoch: u64,
        issued: Instant,
        message: Bytes,
    },
    ToLink {
        link: usize,
        epoch: Option<u64>,
        forged: bool,
        message: Bytes,
    },
    Timer {
        link: usize,
        at: Instant,
    },
    Durable {
        link: usize,
        mark: u64,
    },
    /// A fault of a connection, a task or a host is due.
    Trouble {
        link: usize,
    },
    HostSignsOn {
        link: usize,
        epoch: u64,
    },
    /// The request should have been answered by now.
    Overdue {
        transaction: usize,
    },
    /// The terminals stop, and the faults with them; or the switch is drained.
    LoadEnds,
    /// The terminals stop.
    Silence,
    Probe {
        link: usize,
    },
    Rest,
    Drain,
    End,
}

pub(crate) struct World {
    plan: Plan,
    options: Options,
    random: Random,
    now: Instant,
    queue: Queue<Event>,
    /// What may go wrong now.
    faults: Faults,
    listeners: Vec<Arc<ListenerProfile>>,
    links: Vec<LinkDriver>,
    banks: Vec<Bank>,
    conns: Vec<Conn>,
    /// The current connection of each one in the plan.
    current: Vec<Option<usize>>,
    terminals: Vec<Terminal>,
    transactions: Vec<Transaction>,
    issued: Vec<Issued>,
    nonces: u64,
    loading: bool,
    draining: bool,
    /// Links whose probe has been approved.
    recovered: Vec<bool>,
    recover_until: Instant,
    ended: bool,
    violation: Option<Violation>,
    trace: Trace,
    report: Counts,
}

#[derive(Debug, Default)]
struct Counts {
    transactions: u64,
    approved: u64,
    declined_by_bank: u64,
    declined_by_switch: u64,
    causes: Tally,
    events: Tally,
}

/// Counts by label.
pub type Tally = BTreeMap<&'static str, u64>;

/// Runs a seed to its end, or to the first violation.
#[must_use]
pub fn run(seed: u64, options: Options) -> Report {
    let mut world = World::new(Plan::new(seed), options);
    world.start();
    let mut steps = 0;
    while world.violation.is_none() && !world.ended {
        let Some((at, event)) = world.queue.pop() else {
            world.fail("nothing is going to happen any more".into());
            break;
        };
        steps += 1;
        if steps > STEPS_MAX {
            world.fail("it does not come to an end".into());
            break;
        }
        world.now = at;
        world.happen(event);
    }
    Report {
        seed,
        violation: world.violation.take(),
        hash: world.trace.hash(),
        steps,
        transactions: world.report.transactions,
        approved: world.report.approved,
        declined_by_bank: world.report.declined_by_bank,
        declined_by_switch: world.report.declined_by_switch,
        causes: world.report.causes,
        events: world.report.events,
        simulated: world.now.since(Instant::ZERO),
        lines: world.trace.into_lines(),
    }
}

impl World {
    fn new(plan: Plan, options: Options) -> World {
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
                ..LinkProfile::new(format!("link {link}").into(), dialect(plan.dialect))
            };
            let profile = Arc::new(profile);
            LinkDriver {
                plan: plan.clone(),
                link: match options.bug {
                    Some(bug) => Link::with_planted_bug(profile, Instant::ZERO, bug),
                    None => Link::new(profile, Instant::ZERO),
                },
                queue: VecDeque::new(),
                queue_at: Instant::ZERO,
                held: VecDeque::new(),
                held_answers: VecDeque::new(),
                refusals: 0,
                records: Vec::new(),
                durable: 0,
                durable_at: Instant::ZERO,
                epoch: 0,
                wire: Wire::None,
                to_bank: Instant::ZERO,
                stalled: Instant::ZERO,
                timer: None,
                by_stan: BTreeMap::new(),
                ended: None,
                drained: false,
                state: LinkState::Down,
            }
        });
        let links: Vec<LinkDriver> = links.collect();
        let terminals = plan
            .connections
            .iter()
            .enumerate()
            .flat_map(|(connection, plan)| (0..plan.terminals).map(move |_| connection))
            .enumerate()
            .map(|(number, connection)| Terminal::new(number, connection))
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
            conns: Vec::new(),
            current: vec![None; plan.connections.len()],
            terminals,
            transactions: Vec::new(),
            issued: Vec::new(),
            nonces: 0,
            loading: true,
            draining: false,
            recover_until: Instant::ZERO,
            ended: false,
            violation: None,
            trace: Trace::new(options.trace),
            report: Counts::default(),
            plan,
        }
    }

    fn start(&mut self) {
        for link in 0..self.links.len() {
            self.drain_link(link, None);
            self.plan_trouble(link);
        }
        for terminal in 0..self.terminals.len() {
            self.plan_act(terminal);
        }
        self.queue
            .push(Instant::ZERO + self.plan.load, Event::LoadEnds);
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Act { terminal, again } => self.act(terminal, again),
            Event::Up { conn, transaction } => self.up(conn, transaction),
            Event::Down { conn, transaction } => self.down(conn, transaction),
            Event::Gone { conn } => self.gone(conn),
            Event::Closed { conn } => self.closed(conn),
            Event::Mail { conn, answer } => self.mail(conn, answer),
            Event::Overdue { transaction } => self.overdue(transaction),
            Event::LoadEnds => self.load_ends(),
            Event::Silence => self.loading = false,
            Event::Probe { link } => self.probe(link),
            Event::Rest => self.rest(),
            Event::Drain => self.drain(),
            Event::End => self.end(),
            Event::ToBank {
                link,
                epoch,
                issued,
                message,
            } => {
                self.bank_gets(link, epoch, issued, &message);
            }
            Event::Trouble { link } => self.trouble(link),
            Event::HostSignsOn { link, epoch } => self.host_signs_on(link, epoch),
            Event::Take { link }
            | Event::Connected { link, .. }
            | Event::ConnectFailed { link, .. }
            | Event::Disconnected { link, .. }
            | Event::ToLink { link, .. }
            | Event::Timer { link, .. }
            | Event::Durable { link, .. } => {
                // What is for a task that does not run waits until it does.
                if self.links[link].stalled > self.now {
                    self.queue.push(self.links[link].stalled, event);
                } else {
                    self.link_task_gets(link, event);
                }
            }
        }
    }

    fn happened(&mut self, what: &'static str) {
        *self.report.events.entry(what).or_default() += 1;
    }

    fn fail(&mut self, what: String) {
        let now = self.now;
        self.trace.line(now, || format!("VIOLATION: {what}"));
        self.violation.get_or_insert(Violation { at: now, what });
    }

    fn check(&mut self, result: Result<(), String>, about: impl FnOnce() -> String) {
        if let Err(what) = result {
            self.fail(format!("{}: {what}", about()));
        }
    }

    /// A new connection of a terminal.
    fn open_conn(&mut self, listener: usize) -> usize {
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

    fn stall_max(&self) -> Duration {
        let millis = if self.plan.faults.link_stalls > 0 {
            crate::plan::STALL_MS_MAX
        } else {
            0
        };
        Duration::from_millis(millis)
    }

    fn journal_max(&self) -> Duration {
        Duration::from_micros(*self.plan.journal_micros.end())
    }
}
