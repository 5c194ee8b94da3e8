//! The world: terminals, connections, links and banks, and the one queue of what is going to happen to them.

mod crash;
mod ending;
mod links;
mod terminals;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use pointsman_engine::{
    Answer, Backoff, Cause, Cooling, Instant, Link, LinkId, LinkLeg, LinkProfile, ListenerProfile,
    ObligationKind, PlantedBug, PresencePolicy, Session, Ticket, TransactionIds, Undo,
};
use pointsman_iso8583::Dialect;
use pointsman_routing::{RoutingTable, Rule};

use crate::bank::Bank;
use crate::checks::Violation;
use crate::disk::Disk;
use crate::log::Log;
use crate::plan::{ConnectionPlan, Ending, Faults, Plan};
use crate::queue::Queue;
use crate::random::Random;
use crate::switch::{Conn, Issued, LinkDriver, ReplyTo};
use crate::terminal::{Deal, Message, Terminal};
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
    pub crashes: u64,
    /// Originals that were taken back at their bank.
    pub reversals: u64,
    /// Advices that were booked.
    pub advices: u64,
    /// Late approvals that a crash took the news of away: no switch could know.
    pub excused: u64,
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
    /// A terminal goes on with what it has to bring to an end.
    GoOn {
        deal: usize,
    },
    /// A terminal has waited long enough for an answer.
    Waited {
        message: usize,
    },
    /// A terminal's message is at the switch.
    Up {
        conn: usize,
        message: usize,
    },
    /// An answer is at the terminal.
    Down {
        conn: usize,
        message: usize,
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
        life: u32,
    },
    /// An answer is in the session's mailbox.
    Mail {
        conn: usize,
        answer: Answer,
    },
    /// An approval that could not be told is back at its link.
    Undo {
        link: usize,
        life: u32,
        undo: Box<Undo>,
        told: Option<(ReplyTo, Ticket, Cause)>,
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
    /// A bank takes up a request that lay about.
    TakeUp {
        link: usize,
        nonce: u64,
    },
    Timer {
        link: usize,
        at: Instant,
    },
    /// The log is synced up to here.
    Synced {
        life: u32,
        end: usize,
    },
    /// The link's task hears of it.
    Durable {
        link: usize,
        life: u32,
    },
    /// A fault of a connection, a task or a host is due.
    Trouble {
        link: usize,
    },
    /// A fault of the switch or its disk is due.
    SwitchTrouble,
    /// There is room on the disk again.
    SpaceBack {
        life: u32,
    },
    Crash {
        life: u32,
    },
    Restart,
    HostSignsOn {
        link: usize,
        epoch: u64,
    },
    /// The request should have been answered by now.
    Overdue {
        message: usize,
    },
    /// The terminals stop, and the faults with them; or the switch is drained.
    LoadEnds,
    /// The terminals stop.
    Silence,
    Probe {
        link: usize,
    },
    /// Has everything come to an end?
    Settle,
    Rest,
    Drain,
    /// The drained switch has ended.
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
    log: Log,
    /// In some seeds the real log has the records, on a disk that fails.
    disk: Option<Disk>,
    /// Is the switch there?
    alive: bool,
    /// Counts its lives.
    life: u32,
    /// Seconds by which the wall clock is off.
    clock_off: i64,
    /// Does the disk take anything new?
    recording: bool,
    conns: Vec<Conn>,
    /// Where terminals connect, and the current connection there.
    slots: Vec<(ConnectionPlan, Option<usize>)>,
    terminals: Vec<Terminal>,
    messages: Vec<Message>,
    deals: Vec<Deal>,
    issued: Vec<Issued>,
    /// By reference and kind, under which number the bank was told and how often.
    told_banks: BTreeMap<(u64, ObligationKind), (u32, u32)>,
    /// By reference, with what a link declined last.
    refused: BTreeMap<u64, Cause>,
    nonces: u64,
    loading: bool,
    draining: bool,
    /// The life in which that began.
    drained_life: u32,
    /// The faults are over.
    healing: bool,
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
    crashes: u64,
    reversals: u64,
    advices: u64,
    excused: u64,
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
        crashes: world.report.crashes,
        reversals: world.report.reversals,
        advices: world.report.advices,
        excused: world.report.excused,
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
                transactions: TransactionIds::new(1, link as u16),
                store_forward: plan.store_forward,
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
            .map(|(number, slot)| Terminal::new(number, slot))
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
            clock_off: 0,
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

    fn start(&mut self) {
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

    fn happen(&mut self, event: Event) {
        match event {
            Event::Act { terminal, again } => self.act(terminal, again),
            Event::GoOn { deal } => self.go_on(deal),
            Event::Waited { message } => self.waited(message),
            Event::Up { conn, message } => self.up(conn, message),
            Event::Down { conn, message } => self.down(conn, message),
            Event::Gone { conn } => self.gone(conn),
            Event::Closed { conn } => self.closed(conn),
            Event::Mail { conn, answer } => self.mail(conn, answer),
            Event::TakeUp { link, nonce } => self.take_up(link, nonce),
            Event::Synced { life, end } => self.synced(life, end),
            Event::SwitchTrouble => self.switch_trouble(),
            Event::SpaceBack { life } => self.space_back(life),
            Event::Crash { life } => self.crash(life),
            Event::Restart => self.restart(),
            Event::Overdue { message } => self.overdue(message),
            Event::Settle => self.settle(),
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
            Event::Take { link, .. }
            | Event::Connected { link, .. }
            | Event::ConnectFailed { link, .. }
            | Event::Disconnected { link, .. }
            | Event::ToLink { link, .. }
            | Event::Timer { link, .. }
            | Event::Undo { link, .. }
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

    fn stall_max(&self) -> Duration {
        let millis = if self.plan.faults.link_stalls > 0 {
            crate::plan::STALL_MS_MAX
        } else {
            0
        };
        Duration::from_millis(millis)
    }
}
