//! The life of one transaction, told in order.

use std::collections::BTreeMap;

use pointsman_iso8583::explain;
use pointsman_journal::event::{Event, How, Intent, Obligation, UnixMicros};
use pointsman_journal::sqlite::{AuditRow, ObligationRow, ObservationRow, Reader, TransactionRow};
use serde_json::{Value, json};

use super::words::{
    WITHDRAWN, answered, asked, attempted, became, did, observed, owes, plain, told_no,
};

/// Odd answers and things that people did to one transaction: more are not told.
const NOTES_MAX: usize = 1_000;

/// What is known of a transaction.
#[derive(Clone, Debug, Default)]
pub(crate) struct Life {
    tx: u64,
    head: Head,
    /// `open`, `approved`, `declined`, `failed`, `withdrawn`; empty if only what is owed is known.
    state: String,
    /// What is or was owed, and its state.
    owed: BTreeMap<String, String>,
    moments: Vec<(UnixMicros, String)>,
}

/// What stays the same over a life.
#[derive(Clone, Debug, Default)]
struct Head {
    mti: String,
    link: String,
    terminal: String,
    merchant: String,
    stan: u32,
    link_stan: u32,
    rrn: String,
    amount: Option<u64>,
    currency: String,
    card: String,
}

impl Head {
    fn of_intent(intent: &Intent<'_>) -> Head {
        Head {
            mti: intent.mti.to_owned(),
            link: intent.link.to_owned(),
            terminal: intent.terminal.to_owned(),
            merchant: intent.merchant.to_owned(),
            stan: intent.terminal_stan,
            link_stan: intent.link_stan,
            rrn: intent.rrn.to_owned(),
            amount: intent.amount,
            currency: intent.currency.to_owned(),
            card: intent.masked_pan.to_owned(),
        }
    }

    fn of_obligation(owed: &Obligation<'_>) -> Head {
        Head {
            mti: owed.mti.to_owned(),
            link: owed.link.to_owned(),
            terminal: owed.terminal.to_owned(),
            merchant: String::new(),
            stan: owed.terminal_stan,
            link_stan: owed.link_stan,
            rrn: owed.rrn.to_owned(),
            amount: owed.amount,
            currency: owed.currency.to_owned(),
            card: owed.masked_pan.to_owned(),
        }
    }

    fn of_row(row: &TransactionRow) -> Head {
        Head {
            mti: row.mti.clone(),
            link: row.link.clone(),
            terminal: row.terminal.clone(),
            merchant: row.merchant.clone(),
            stan: row.terminal_stan,
            link_stan: row.link_stan,
            rrn: row.rrn.clone(),
            amount: row.amount,
            currency: row.currency.clone(),
            card: row.masked_pan.clone(),
        }
    }

    fn of_obligation_row(row: &ObligationRow) -> Head {
        Head {
            mti: row.mti.clone(),
            link: row.link.clone(),
            terminal: row.terminal.clone(),
            merchant: String::new(),
            stan: row.terminal_stan,
            link_stan: row.link_stan,
            rrn: row.rrn.clone(),
            amount: row.amount,
            currency: row.currency.clone(),
            card: row.masked_pan.clone(),
        }
    }
}

impl Life {
    pub(crate) fn new(tx: u64) -> Life {
        Life {
            tx,
            ..Life::default()
        }
    }

    /// What the tables know of it.
    pub(crate) fn from_tables(reader: &Reader, tx: u64) -> rusqlite::Result<Life> {
        use pointsman_journal::sqlite::{Filter, ObligationFilter};
        let mut life = Life::new(tx);
        let filter = Filter {
            tx: Some(tx),
            ..Filter::default()
        };
        let owed_filter = ObligationFilter {
            tx: Some(tx),
            ..ObligationFilter::default()
        };
        let row = reader.transactions(&filter, 1)?.pop();
        let owed = reader.obligations(&owed_filter, NOTES_MAX)?;
        if let Some(row) = &row {
            life.asked_row(row);
        }
        // What is owed is written down before the terminal hears of it.
        for owed in &owed {
            life.owes_row(owed);
        }
        if let Some(row) = &row {
            life.finished_row(row);
        }
        for owed in &owed {
            life.obligation_row(owed);
        }
        for row in reader.observations(Some(tx), NOTES_MAX)? {
            life.observation_row(&row);
        }
        for row in reader.audit(Some(tx), NOTES_MAX)? {
            life.audit_row(&row);
        }
        // Rows come by table. What happened at one moment stays in the order in which it was put in.
        life.moments.sort_by_key(|(at, _)| *at);
        Ok(life)
    }

    /// Whether the bank had or has to be told something.
    pub(crate) fn owes_or_owed(&self) -> bool {
        !self.owed.is_empty()
    }

    /// The moment at which it began, or the first that is known.
    pub(crate) fn began(&self) -> UnixMicros {
        self.moments.first().map_or(UnixMicros(0), |(at, _)| *at)
    }

    fn say(&mut self, at: UnixMicros, text: String) {
        self.moments.push((at, text));
    }

    /// What happened next.
    pub(crate) fn tell(&mut self, event: &Event<'_>) {
        let at = event.at();
        match event {
            Event::Boot(_) | Event::Unseen(_) => {}
            Event::Intent(intent) => {
                self.head = Head::of_intent(intent);
                self.state = "open".to_owned();
                self.say(at, asked(intent.listener, intent.link, intent.link_stan));
            }
            Event::Outcome(outcome) => {
                if self.state == "open" {
                    self.state = if outcome.approved {
                        "approved".to_owned()
                    } else {
                        "declined".to_owned()
                    };
                }
                let text = answered(
                    &self.head.link,
                    if outcome.approved {
                        "approved it"
                    } else {
                        "declined it"
                    },
                    outcome.response_code,
                    outcome.approval_code,
                );
                self.say(at, text);
            }
            Event::Declined(declined) => {
                if self.state == "open" {
                    self.state = "failed".to_owned();
                }
                self.say(at, told_no(declined.cause));
            }
            Event::Withdrawn(_) => {
                if self.state == "open" || self.state == "failed" {
                    self.state = "withdrawn".to_owned();
                }
                self.say(at, WITHDRAWN.to_owned());
            }
            Event::Obligation(owed) => {
                if self.head.link.is_empty() {
                    self.head = Head::of_obligation(owed);
                }
                let kind = owed.kind.label();
                // What is owed already is not owed twice; what was settled may be owed again.
                let before = self.owed.insert(kind.to_owned(), "open".to_owned());
                if before.as_deref() != Some("open") {
                    self.say(at, owes(owed.link, kind, owed.cause));
                }
            }
            Event::Attempt(attempt) => {
                let text = attempted(attempt.kind.label(), attempt.count);
                self.say(at, text);
            }
            Event::Settled(settled) => {
                let kind = settled.kind.label();
                let (state, detail) = match settled.how {
                    How::Acknowledged { response_code } => ("acknowledged", response_code),
                    How::Refused { response_code } => ("refused", response_code),
                    How::Expired => ("expired", ""),
                    How::DeadLetter { reason } => ("dead_letter", reason),
                    How::Dropped { by } => ("dropped", by),
                    How::Retried { by } => ("open", by),
                };
                self.owed.insert(kind.to_owned(), state.to_owned());
                let text = became(&self.head.link, kind, state, detail);
                self.say(at, text);
            }
            Event::Observed(seen) => {
                let text = observed(
                    seen.link,
                    seen.what.label(),
                    seen.mti,
                    seen.response_code,
                    seen.detail,
                );
                self.say(at, text);
            }
            Event::Audit(audit) => self.say(at, did(audit.who, audit.action, audit.detail)),
        }
    }

    fn asked_row(&mut self, row: &TransactionRow) {
        self.head = Head::of_row(row);
        self.state.clone_from(&row.state);
        self.say(row.at, asked(&row.listener, &row.link, row.link_stan));
    }

    fn owes_row(&mut self, row: &ObligationRow) {
        if self.head.link.is_empty() {
            self.head = Head::of_obligation_row(row);
        }
        self.owed.insert(row.kind.clone(), row.state.clone());
        self.say(row.at, owes(&row.link, &row.kind, &row.cause));
    }

    fn finished_row(&mut self, row: &TransactionRow) {
        let finished = row.finished_at.unwrap_or(row.at);
        if !row.response_code.is_empty() {
            let how = match row.state.as_str() {
                "approved" => "approved it",
                "declined" => "declined it",
                // It came when the terminal had been told no, and may have been either.
                _ => "answered",
            };
            let text = answered(&row.link, how, &row.response_code, &row.approval_code);
            self.say(finished, text);
        }
        if !row.cause.is_empty() {
            self.say(finished, told_no(&row.cause));
        }
        if row.state == "withdrawn" {
            self.say(finished, WITHDRAWN.to_owned());
        }
    }

    fn obligation_row(&mut self, row: &ObligationRow) {
        if let Some(at) = row.attempted_at {
            self.say(at, attempted(&row.kind, row.attempts));
        }
        let detail = match row.response_code.is_empty() {
            true => &row.detail,
            false => &row.response_code,
        };
        let at = row.settled_at.or_else(|| {
            // Put back: nobody wrote down in the tables when.
            (!row.detail.is_empty()).then(|| row.attempted_at.unwrap_or(row.at))
        });
        if let Some(at) = at {
            let text = became(&row.link, &row.kind, &row.state, detail);
            self.say(at, text);
        }
    }

    fn observation_row(&mut self, row: &ObservationRow) {
        let text = observed(
            &row.link,
            &row.what,
            &row.mti,
            &row.response_code,
            &row.detail,
        );
        self.say(row.at, text);
    }

    fn audit_row(&mut self, row: &AuditRow) {
        self.say(row.at, did(&row.who, &row.action, &row.detail));
    }

    /// Where it stands.
    fn verdict(&self) -> String {
        let waiting = self.owed.iter().find_map(|(kind, state)| {
            let link = plain(&self.head.link);
            match state.as_str() {
                "open" => Some(format!(
                    "{link} still has to be told: a {kind} waits to be sent"
                )),
                "expired" | "dead_letter" => Some(format!(
                    "a person has to look: the {kind} for {link} is not settled"
                )),
                _ => None,
            }
        });
        let reversal = self.owed.get("reversal").map(String::as_str);
        let is_undone = matches!(reversal, Some("acknowledged" | "refused"));
        let stands = match (self.state.as_str(), is_undone) {
            ("open", false) => "in doubt: no answer is known",
            ("open" | "failed", true) => "not approved, and the bank has undone it",
            ("approved", false) => "approved",
            ("approved", true) => "approved, and undone again",
            ("declined", _) => "declined by the bank",
            ("failed", false) => "not approved",
            ("withdrawn", _) => "never sent",
            _ => "the request itself is not known",
        };
        match waiting {
            Some(waiting) => format!("{stands}; {waiting}"),
            None => stands.to_owned(),
        }
    }

    fn amount(&self) -> String {
        let head = &self.head;
        let known = head
            .amount
            .and_then(|amount| explain::amount(&head.currency, amount));
        match (known, head.amount) {
            (Some(amount), _) => amount,
            (None, Some(amount)) => format!("{amount} of currency {}", plain(&head.currency)),
            (None, None) => "no amount".to_owned(),
        }
    }

    /// For people.
    pub(crate) fn text(&self) -> String {
        let head = &self.head;
        let mut text = format!("transaction {}\n", self.tx);
        let mut about = vec![format!("{} {}", plain(&head.mti), self.amount())];
        let parts = [
            ("card", &head.card),
            ("terminal", &head.terminal),
            ("merchant", &head.merchant),
            ("RRN", &head.rrn),
        ];
        about.extend(
            parts
                .iter()
                .filter(|(_, value)| !value.is_empty())
                .map(|(name, value)| format!("{name} {}", plain(value))),
        );
        about.push(format!("STAN {}", head.stan));
        if head.link.is_empty() {
            // It began before what is known.
            about.clear();
        }
        if !about.is_empty() {
            text.push_str(&format!("  {}\n", about.join(", ")));
        }
        for (at, what) in &self.moments {
            text.push_str(&format!("  {at}  {what}\n"));
        }
        text.push_str(&format!("  => {}\n", self.verdict()));
        text
    }

    pub(crate) fn json(&self) -> Value {
        let head = &self.head;
        let moments: Vec<Value> = self
            .moments
            .iter()
            .map(|(at, what)| json!({ "at": at.to_string(), "what": what }))
            .collect();
        json!({
            "tx": self.tx,
            "state": self.state,
            "verdict": self.verdict(),
            "mti": head.mti,
            "terminal": head.terminal,
            "merchant": head.merchant,
            "stan": head.stan,
            "link": head.link,
            "link_stan": head.link_stan,
            "rrn": head.rrn,
            "amount": head.amount,
            "currency": head.currency,
            "masked_pan": head.card,
            "obligations": self.owed,
            "moments": moments,
        })
    }
}
