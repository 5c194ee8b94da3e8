//! What may happen next.

use stateright::{Model, Property};

use crate::state::{Bank, Fate, Message, Promise, Record, State, Switch, Terminal};

/// How often things may go wrong in one life of the model.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub crashes: u8,
    /// The connection to the bank breaks, and what is on it is lost.
    pub cuts: u8,
    /// The terminal gives up on an answer.
    pub silences: u8,
    /// The terminal asks again.
    pub repeats: u8,
}

/// A rule of the protocol that is broken on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// The request leaves before its record is durable.
    IntentNotAwaited,
    /// The terminal hears of an approval before that is durable.
    OutcomeNotAwaited,
    /// The terminal is declined before the reversal is durable.
    ReversalNotAwaited,
    /// A restart does not reverse what is in doubt.
    DoubtForgotten,
    /// A restart does not send what was owed.
    DebtForgotten,
    /// A repeat is sent to the bank like a new request.
    RepeatSent,
    /// A reversal that was lost with its connection is not sent again.
    ReversalSentOnce,
    /// A reversal of the terminal is answered and not made.
    TerminalReversalIgnored,
    /// A request that its reversal overtook is sent even so.
    UnseenReversalForgotten,
    /// An answer after the decline is given to the terminal.
    LateApprovalTold,
}

impl Mistake {
    pub const ALL: [Mistake; 10] = [
        Mistake::IntentNotAwaited,
        Mistake::OutcomeNotAwaited,
        Mistake::ReversalNotAwaited,
        Mistake::DoubtForgotten,
        Mistake::DebtForgotten,
        Mistake::RepeatSent,
        Mistake::ReversalSentOnce,
        Mistake::TerminalReversalIgnored,
        Mistake::UnseenReversalForgotten,
        Mistake::LateApprovalTold,
    ];
}

/// The protocol, right or with a mistake.
#[derive(Clone, Copy, Debug)]
pub struct Protocol {
    pub limits: Limits,
    pub mistake: Option<Mistake>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// The terminal's request reaches the switch.
    Ask,
    /// The terminal asks again, over whatever connection.
    Repeat,
    /// The terminal gives up on its answer.
    GiveUp,
    /// The terminal's reversal reaches the switch.
    TakeBack,
    /// The terminal's request reaches the switch after the reversal of it: another connection, a slower network.
    AskLate,
    /// The oldest record that is not durable becomes so.
    Sync,
    /// The first thing that is held back and may go out does.
    Release,
    /// The oldest message on its way to the bank arrives, and the bank approves or acknowledges.
    BankTakes,
    /// The same, and it declines.
    BankDeclines,
    /// The oldest message on its way to the switch arrives.
    SwitchTakes,
    /// The switch gives up on the bank's answer.
    Timeout,
    /// The approval that is to be told cannot be written for the terminal.
    Unwritable,
    /// The switch sends what it owes again.
    Resend,
    Cut,
    /// The switch ends; so many of the records that were not durable are there even so.
    Crash(u8),
    Restart,
}

/// Copies of a reversal after which the model stops counting.
const SENT_MAX: u8 = 3;

impl Protocol {
    fn makes(&self, mistake: Mistake) -> bool {
        self.mistake == Some(mistake)
    }

    /// Is a held promise free to go? Everything that was recorded before it has to be durable.
    fn may_go(&self, switch: &Switch, promise: Promise) -> bool {
        let careless = match promise {
            Promise::SendRequest => self.makes(Mistake::IntentNotAwaited),
            Promise::TellApproved => self.makes(Mistake::OutcomeNotAwaited),
            Promise::TellDeclined => self.makes(Mistake::ReversalNotAwaited),
            Promise::TellTakenBack | Promise::SendReversal => false,
        };
        careless || switch.pending.is_empty()
    }

    fn ask(&self, state: &mut State, repeat: bool) {
        let switch = &mut state.switch;
        match switch.fate {
            None if switch.open && !(repeat && self.makes(Mistake::RepeatSent)) => {}
            Some(fate) if !(repeat && self.makes(Mistake::RepeatSent)) => {
                let sent_late =
                    fate == Fate::Undone && !repeat && self.makes(Mistake::UnseenReversalForgotten);
                if sent_late {
                    begin(switch);
                } else {
                    switch.held.push(match fate {
                        Fate::Approved => Promise::TellApproved,
                        Fate::Declined | Fate::Undone => Promise::TellDeclined,
                    });
                }
            }
            _ => begin(switch),
        }
    }

    fn answered(&self, state: &mut State, approved: bool) {
        let switch = &mut state.switch;
        if !switch.open {
            // Late, or to an earlier life: the reversal is owed or done already.
            if approved && self.makes(Mistake::LateApprovalTold) {
                switch.held.push(Promise::TellApproved);
            }
            return;
        }
        switch.open = false;
        let (record, fate, promise) = if approved {
            (
                Record::OutcomeApproved,
                Fate::Approved,
                Promise::TellApproved,
            )
        } else {
            (
                Record::OutcomeDeclined,
                Fate::Declined,
                Promise::TellDeclined,
            )
        };
        switch.pending.push(record);
        switch.fate = Some(fate);
        switch.held.push(promise);
    }

    /// The reversal is on record, and sent once that is durable.
    fn owe(&self, switch: &mut Switch) {
        switch.pending.push(Record::Due);
        switch.owed = true;
        switch.sent = 1;
        switch.held.push(Promise::SendReversal);
    }

    fn take_back(&self, state: &mut State) {
        let switch = &mut state.switch;
        match switch.fate {
            None if switch.open => {
                switch.open = false;
                switch.fate = Some(Fate::Undone);
                if !self.makes(Mistake::TerminalReversalIgnored) {
                    self.owe(switch);
                }
            }
            None => {
                switch.pending.push(Record::TakenBackUnseen);
                switch.fate = Some(Fate::Undone);
            }
            Some(Fate::Approved) => {
                switch.fate = Some(Fate::Undone);
                if !self.makes(Mistake::TerminalReversalIgnored) {
                    self.owe(switch);
                }
            }
            Some(Fate::Declined | Fate::Undone) => {}
        }
        switch.held.push(Promise::TellTakenBack);
    }

    fn release(&self, state: &mut State) -> bool {
        let place = state
            .switch
            .held
            .iter()
            .position(|promise| self.may_go(&state.switch, *promise));
        let Some(place) = place else {
            return false;
        };
        match state.switch.held.remove(place) {
            Promise::SendRequest => state.to_bank.push(Message::Request),
            Promise::SendReversal => state.to_bank.push(Message::Reversal),
            Promise::TellApproved => hear(&mut state.terminal, Terminal::Approved),
            Promise::TellDeclined => hear(&mut state.terminal, Terminal::Declined),
            Promise::TellTakenBack => {
                if state.terminal == Terminal::TakingBack {
                    state.terminal = Terminal::TakenBack;
                }
            }
        }
        true
    }

    fn restart(&self, state: &mut State) {
        let mut switch = Switch::default();
        let mut doubt = false;
        for record in &state.durable {
            match record {
                Record::Intent => doubt = true,
                Record::OutcomeApproved => {
                    doubt = false;
                    switch.fate = Some(Fate::Approved);
                }
                Record::OutcomeDeclined => {
                    doubt = false;
                    switch.fate = Some(Fate::Declined);
                }
                Record::Due => {
                    doubt = false;
                    switch.fate = Some(Fate::Undone);
                    switch.owed = true;
                }
                Record::Settled => switch.owed = false,
                Record::TakenBackUnseen => switch.fate = Some(Fate::Undone),
            }
        }
        if doubt {
            switch.fate = Some(Fate::Undone);
            if !self.makes(Mistake::DoubtForgotten) {
                self.owe(&mut switch);
            }
        } else if switch.owed {
            if self.makes(Mistake::DebtForgotten) {
                switch.owed = false;
            } else {
                switch.sent = 1;
                switch.held.push(Promise::SendReversal);
            }
        }
        state.switch = switch;
    }

    /// Nothing is left to do: no message on its way, nothing held back, nothing owed, and the terminal knows.
    fn is_at_rest(state: &State) -> bool {
        let switch = &state.switch;
        !switch.down
            && !switch.open
            && !switch.owed
            && switch.pending.is_empty()
            && switch.held.is_empty()
            && state.to_bank.is_empty()
            && state.to_switch.is_empty()
            && matches!(
                state.terminal,
                Terminal::Approved | Terminal::Declined | Terminal::TakenBack
            )
    }
}

/// A new request: on record first.
fn begin(switch: &mut Switch) {
    switch.pending.push(Record::Intent);
    switch.open = true;
    switch.held.push(Promise::SendRequest);
}

/// The terminal takes the first answer that comes while it waits.
fn hear(terminal: &mut Terminal, answer: Terminal) {
    if *terminal == Terminal::Waiting {
        *terminal = answer;
    }
}

impl Model for Protocol {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            terminal: Terminal::Idle,
            switch: Switch::default(),
            durable: Vec::new(),
            bank: Bank::default(),
            to_bank: Vec::new(),
            to_switch: Vec::new(),
            crashes: self.limits.crashes,
            cuts: self.limits.cuts,
            silences: self.limits.silences,
            repeats: self.limits.repeats,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        let switch = &state.switch;
        if switch.down {
            actions.push(Action::Restart);
            if state.terminal == Terminal::Waiting {
                actions.push(Action::GiveUp);
            }
            return;
        }
        match state.terminal {
            Terminal::Idle => {
                actions.push(Action::Ask);
                if state.silences > 0 {
                    actions.push(Action::GiveUp);
                }
            }
            Terminal::Waiting => {
                // Without an answer on its way it has to; with one it may.
                let nothing_comes =
                    !switch.open && switch.held.is_empty() && state.to_switch.is_empty();
                if state.silences > 0 || nothing_comes {
                    actions.push(Action::GiveUp);
                }
                if state.repeats > 0 {
                    actions.push(Action::Repeat);
                }
            }
            Terminal::TakingBack => {
                if !switch.held.contains(&Promise::TellTakenBack) {
                    actions.push(Action::TakeBack);
                }
            }
            Terminal::Approved | Terminal::Declined | Terminal::TakenBack => {}
        }
        if state.terminal == Terminal::TakenBack
            && switch.fate == Some(Fate::Undone)
            && state.repeats > 0
        {
            actions.push(Action::AskLate);
        }
        if !switch.pending.is_empty() {
            actions.push(Action::Sync);
        }
        if switch
            .held
            .iter()
            .any(|promise| self.may_go(switch, *promise))
        {
            actions.push(Action::Release);
        }
        if let Some(message) = state.to_bank.first() {
            actions.push(Action::BankTakes);
            if *message == Message::Request {
                actions.push(Action::BankDeclines);
            }
        }
        if !state.to_switch.is_empty() {
            actions.push(Action::SwitchTakes);
        }
        if switch.open && !switch.held.contains(&Promise::SendRequest) {
            actions.push(Action::Timeout);
        }
        if switch.held.contains(&Promise::TellApproved) && state.terminal == Terminal::Waiting {
            actions.push(Action::Unwritable);
        }
        let unsent = switch.owed
            && !switch.held.contains(&Promise::SendReversal)
            && !state.to_bank.contains(&Message::Reversal)
            && !state.to_switch.contains(&Message::Acknowledgement);
        if unsent && !self.makes(Mistake::ReversalSentOnce) {
            actions.push(Action::Resend);
        }
        if state.cuts > 0 && !(state.to_bank.is_empty() && state.to_switch.is_empty()) {
            actions.push(Action::Cut);
        }
        if state.crashes > 0 {
            for kept in 0..=switch.pending.len() {
                actions.push(Action::Crash(kept as u8));
            }
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        match action {
            Action::Ask => {
                state.terminal = Terminal::Waiting;
                self.ask(&mut state, false);
            }
            Action::AskLate => {
                state.repeats -= 1;
                self.ask(&mut state, false);
            }
            Action::Repeat => {
                state.repeats -= 1;
                self.ask(&mut state, true);
            }
            Action::GiveUp => {
                state.silences = state.silences.saturating_sub(1);
                state.terminal = Terminal::TakingBack;
            }
            Action::TakeBack => self.take_back(&mut state),
            Action::Sync => {
                let record = state.switch.pending.remove(0);
                state.durable.push(record);
            }
            Action::Release => {
                if !self.release(&mut state) {
                    return None;
                }
            }
            Action::BankTakes => match state.to_bank.remove(0) {
                Message::Request => {
                    state.bank.booked += 1;
                    state.to_switch.push(Message::Approval);
                }
                Message::Reversal => {
                    state.bank.reversed |= state.bank.booked > 0;
                    state.to_switch.push(Message::Acknowledgement);
                }
                Message::Approval | Message::Decline | Message::Acknowledgement => return None,
            },
            Action::BankDeclines => {
                state.to_bank.remove(0);
                state.bank.declined = true;
                state.to_switch.push(Message::Decline);
            }
            Action::SwitchTakes => match state.to_switch.remove(0) {
                Message::Approval => self.answered(&mut state, true),
                Message::Decline => self.answered(&mut state, false),
                Message::Acknowledgement => {
                    if state.switch.owed {
                        state.switch.owed = false;
                        state.switch.pending.push(Record::Settled);
                    }
                }
                Message::Request | Message::Reversal => return None,
            },
            Action::Timeout => {
                state.switch.open = false;
                state.switch.fate = Some(Fate::Undone);
                self.owe(&mut state.switch);
                state.switch.held.push(Promise::TellDeclined);
            }
            Action::Resend => {
                state.switch.sent = (state.switch.sent + 1).min(SENT_MAX);
                state.to_bank.push(Message::Reversal);
            }
            Action::Unwritable => {
                let switch = &mut state.switch;
                switch
                    .held
                    .retain(|promise| *promise != Promise::TellApproved);
                switch.held.push(Promise::TellDeclined);
                if switch.fate == Some(Fate::Approved) {
                    switch.fate = Some(Fate::Undone);
                    self.owe(switch);
                }
            }
            Action::Cut => {
                state.cuts -= 1;
                state.to_bank.clear();
                state.to_switch.clear();
                // What was sent is in doubt; what was held back has not been.
                if state.switch.open && !state.switch.held.contains(&Promise::SendRequest) {
                    state.switch.open = false;
                    state.switch.fate = Some(Fate::Undone);
                    self.owe(&mut state.switch);
                    state.switch.held.push(Promise::TellDeclined);
                }
            }
            Action::Crash(kept) => {
                state.crashes -= 1;
                let pending = std::mem::take(&mut state.switch.pending);
                state
                    .durable
                    .extend(pending.into_iter().take(usize::from(kept)));
                state.switch = Switch {
                    down: true,
                    ..Switch::default()
                };
                // Its connections end with it: the answers to it are lost, what it has sent may arrive.
                state.to_switch.clear();
            }
            Action::Restart => self.restart(&mut state),
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("terminal and bank agree at rest", |_, state: &State| {
                !Protocol::is_at_rest(state)
                    || match state.terminal {
                        Terminal::Approved => state.bank.holds(),
                        _ => !state.bank.holds(),
                    }
            }),
            Property::always("nobody pays twice", |_, state: &State| {
                state.bank.booked <= 1
            }),
            Property::always(
                "an approval is told only if the bank gave it",
                |_, state: &State| state.terminal != Terminal::Approved || state.bank.booked > 0,
            ),
            // Whatever is owed is paid, and whoever waits is told.
            Property::always(
                "it does not get stuck",
                |protocol: &Protocol, state: &State| {
                    let mut actions = Vec::new();
                    protocol.actions(state, &mut actions);
                    !actions.is_empty() || Protocol::is_at_rest(state)
                },
            ),
            // Without these the others could hold because nothing ever happens.
            Property::sometimes("a purchase succeeds", |_, state: &State| {
                Protocol::is_at_rest(state) && state.terminal == Terminal::Approved
            }),
            Property::sometimes("a purchase is declined", |_, state: &State| {
                Protocol::is_at_rest(state)
                    && state.terminal == Terminal::Declined
                    && state.bank.booked == 0
            }),
            Property::sometimes("a purchase is reversed", |_, state: &State| {
                Protocol::is_at_rest(state) && state.bank.booked > 0 && state.bank.reversed
            }),
        ]
    }

    fn within_boundary(&self, state: &State) -> bool {
        state.durable.len() <= DURABLE_MAX
    }
}

/// More records than any life within the limits needs.
const DURABLE_MAX: usize = 12;
