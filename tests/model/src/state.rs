//! What there is in the world of the model.

/// Everything at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct State {
    pub terminal: Terminal,
    pub switch: Switch,
    /// What is on record and survives a crash.
    pub durable: Vec<Record>,
    pub bank: Bank,
    /// One connection each way: messages keep their order.
    pub to_bank: Vec<Message>,
    pub to_switch: Vec<Message>,
    /// Faults that may still happen.
    pub crashes: u8,
    pub cuts: u8,
    pub silences: u8,
    pub repeats: u8,
}

/// What the terminal knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Terminal {
    /// It has not asked yet.
    Idle,
    /// It has asked and waits.
    Waiting,
    /// The receipt says yes.
    Approved,
    /// The receipt says no.
    Declined,
    /// It has heard nothing, and takes back whatever there may be, until it is told that this is done.
    TakingBack,
    TakenBack,
}

/// What the switch holds in memory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Switch {
    /// It has crashed and not started again.
    pub down: bool,
    /// Handed to the journal and not yet durable, in this order.
    pub pending: Vec<Record>,
    /// A request that waits for its answer.
    pub open: bool,
    /// Decided, and held back until everything in `pending` is durable.
    pub held: Vec<Promise>,
    /// The reversal is owed to the bank.
    pub owed: bool,
    /// How often it may have been sent.
    pub sent: u8,
    /// What a repeat of the terminal is answered with.
    pub fate: Option<Fate>,
}

/// What may go out once its record is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Promise {
    SendRequest,
    TellApproved,
    TellDeclined,
    TellTakenBack,
    SendReversal,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fate {
    Approved,
    Declined,
    /// Reversed, or taken back before it came.
    Undone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Record {
    Intent,
    OutcomeApproved,
    OutcomeDeclined,
    Due,
    Settled,
    TakenBackUnseen,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Message {
    Request,
    Reversal,
    Approval,
    Decline,
    Acknowledgement,
}

/// What the bank holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Bank {
    /// Requests that it has booked: more than one is a customer who pays twice.
    pub booked: u8,
    pub reversed: bool,
    pub declined: bool,
}

impl Bank {
    /// Does it hold the customer's money?
    #[must_use]
    pub fn holds(&self) -> bool {
        self.booked > 0 && !self.reversed
    }
}
