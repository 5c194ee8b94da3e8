//! What is going to happen.

use bytes::Bytes;
use pointsman_engine::{Answer, Cause, Instant, Ticket, Undo};

use crate::switch::ReplyTo;

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
