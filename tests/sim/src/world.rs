//! The world: terminals, connections, links and banks, and the one queue of what is going to happen to them.

mod answers;
mod banks;
mod crash;
mod ending;
mod event;
mod links;
mod sending;
mod sessions;
mod setup;
mod terminals;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use pointsman_engine::{Cause, Instant, ListenerProfile, ObligationKind, PlantedBug};

use self::event::Event;
use crate::bank::Bank;
use crate::checks::Violation;
use crate::disk::Disk;
use crate::log::Log;
use crate::plan::{ConnectionPlan, Faults, Plan};
use crate::queue::Queue;
use crate::random::Random;
use crate::risk::Risk;
use crate::switch::{Conn, Issued, LinkDriver};
use crate::terminal::{Deal, Message, Terminal};
use crate::trace::Trace;

/// How to run a seed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// The world as it was before there were wider ones: what a seed that is kept once meant.
    pub plain: bool,
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
    /// Receipts that the switch gave by itself, and whose banks were told.
    pub stood_in: u64,
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
    /// The same when this life began: a life does not see that its clock is set.
    clock_off_of_life: i64,
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
    /// What was approved without the banks.
    risk: Risk,
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
    stood_in: u64,
    excused: u64,
    causes: Tally,
    events: Tally,
}

/// Counts by label.
pub type Tally = BTreeMap<&'static str, u64>;

/// Runs a seed to its end, or to the first violation.
#[must_use]
pub fn run(seed: u64, options: Options) -> Report {
    let mut world = World::new(
        if options.plain {
            Plan::plain(seed)
        } else {
            Plan::new(seed)
        },
        options,
    );
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
        stood_in: world.report.stood_in,
        excused: world.report.excused,
        causes: world.report.causes,
        events: world.report.events,
        simulated: world.now.since(Instant::ZERO),
        lines: world.trace.into_lines(),
    }
}

impl World {
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

    fn stall_max(&self) -> Duration {
        let millis = if self.plan.faults.link_stalls > 0 {
            crate::plan::STALL_MS_MAX
        } else {
            0
        };
        Duration::from_millis(millis)
    }
}
