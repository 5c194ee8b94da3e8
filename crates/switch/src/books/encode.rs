//! From the engine's records to events. What holds card data is sealed on the way.

use pointsman_engine::{
    Due, Intent, LinkEvent, ObligationKind, Record, Reference, Settlement, TransactionId,
};
use pointsman_iso8583::{Dialect, Stan, TextBuffer, View};
use pointsman_journal::event::{
    self, Attempt, CardToken, Declined, Event, How, Obligation, Observation, Observed, Outcome,
    Sealed, Settled, UnixMicros, Unseen, Withdrawn,
};
use pointsman_journal::seal::{Part, Place};
use pointsman_journal::{AppendError, Lsn};

use super::{Shared, decode};

/// Buffers that are used again for every record of a link.
#[derive(Default)]
pub(super) struct Scratch {
    sealed: Vec<u8>,
    text: TextBuffer,
}

pub(super) type Appended = Result<Lsn, AppendError>;
pub(super) type Append<'a> = dyn FnMut(&Event<'_>) -> Appended + 'a;

/// Whose records they are.
pub(super) struct Whose<'a> {
    pub(super) shared: &'a Shared,
    pub(super) link: &'a str,
    pub(super) dialect: &'a Dialect,
}

impl Whose<'_> {
    /// Hands the events of a record to `append`: one, and what the tables want to know besides.
    pub(super) fn events(
        &self,
        record: &Record,
        scratch: &mut Scratch,
        append: &mut Append<'_>,
    ) -> Appended {
        let at = UnixMicros::now();
        match record {
            Record::Intent(intent) => self.intent(at, intent, scratch, append),
            Record::Due(due) => self.due(at, due, scratch, append),
            Record::Outcome {
                transaction,
                response_code,
                approved,
                answer,
                ..
            } => {
                self.seal(*transaction, Part::Answer, answer.expose(), scratch);
                let view = self.dialect.view(answer.expose()).ok();
                let approval_code = view.and_then(|view| view.text(38, &mut scratch.text));
                append(&Event::Outcome(Outcome {
                    tx: transaction.get(),
                    at,
                    approved: *approved,
                    response_code: response_code.as_ref().map_or("", |code| code.as_str()),
                    approval_code: approval_code.unwrap_or_default(),
                    answer: sealed(&scratch.sealed),
                }))
            }
            Record::Attempt {
                transaction,
                kind: of,
                stan,
                count,
            } => append(&Event::Attempt(Attempt {
                tx: transaction.get(),
                kind: kind(*of),
                at,
                stan: stan.get(),
                count: *count,
            })),
            Record::Settled {
                transaction,
                kind: of,
                how,
            } => {
                let mut reason = String::new();
                append(&Event::Settled(Settled {
                    tx: transaction.get(),
                    kind: kind(*of),
                    at,
                    how: settlement(how, &mut reason),
                }))
            }
            Record::Withdrawn { transaction, .. } => append(&Event::Withdrawn(Withdrawn {
                tx: transaction.get(),
                at,
            })),
            Record::ReversedUnseen { reference, trace } => append(&Event::Unseen(Unseen {
                at,
                link: self.link,
                terminal: trace.terminal(),
                terminal_stan: trace.stan().map_or(0, Stan::get),
                rrn: trace.rrn(),
                key: key(Some(*reference)),
            })),
        }
    }

    fn intent(
        &self,
        at: UnixMicros,
        intent: &Intent,
        scratch: &mut Scratch,
        append: &mut Append<'_>,
    ) -> Appended {
        let transaction = intent.transaction;
        self.seal(transaction, Part::Intent, intent.reversal.expose(), scratch);
        let view = self.dialect.view(intent.reversal.expose()).ok();
        let view = view.as_ref();
        let (mut merchant, mut currency, mut code) = <(Word<15>, Word<3>, Word<6>)>::default();
        merchant.take(view, 42, &mut scratch.text);
        currency.take(view, 49, &mut scratch.text);
        code.take(view, 3, &mut scratch.text);
        let pan = intent.pan.as_ref();
        append(&Event::Intent(event::Intent {
            tx: transaction.get(),
            at,
            link: self.link,
            listener: "",
            mti: intent.mti.as_str(),
            terminal: intent.trace.terminal(),
            merchant: merchant.as_str(),
            terminal_stan: intent.trace.stan().map_or(0, Stan::get),
            link_stan: intent.stan.get(),
            rrn: intent.trace.rrn(),
            amount: view
                .and_then(|view| view.amount())
                .map(|amount| amount.get()),
            currency: currency.as_str(),
            processing_code: code.as_str(),
            masked_pan: pan.map(|pan| pan.masked()).as_deref().unwrap_or_default(),
            card: pan.map_or(CardToken::NONE, |pan| {
                self.shared.keys.card_token(pan.expose())
            }),
            key: key(intent.reference),
            body: sealed(&scratch.sealed),
        }))
    }

    fn due(
        &self,
        at: UnixMicros,
        due: &Due,
        scratch: &mut Scratch,
        append: &mut Append<'_>,
    ) -> Appended {
        let (tx, of) = (due.transaction.get(), kind(due.kind));
        let part = Part::Obligation(of);
        self.seal(due.transaction, part, due.message.expose(), scratch);
        let view = self.dialect.view(due.message.expose()).ok();
        let view = view.as_ref();
        let mut currency = Word::<3>::default();
        currency.take(view, 49, &mut scratch.text);
        let pan = view.and_then(View::pan);
        let owed = append(&Event::Obligation(Obligation {
            tx,
            kind: of,
            at,
            link: self.link,
            link_stan: due.trace.link_stan().map_or(0, Stan::get),
            cause: match (due.cause, due.stood_in) {
                (Some(cause), _) => cause.label(),
                (None, Some(_)) => decode::STOOD_IN,
                (None, None) => "",
            },
            mti: view.map(View::mti).as_ref().map_or("", |mti| mti.as_str()),
            terminal: due.trace.terminal(),
            terminal_stan: due.trace.stan().map_or(0, Stan::get),
            rrn: due.trace.rrn(),
            amount: view
                .and_then(|view| view.amount())
                .map(|amount| amount.get()),
            currency: currency.as_str(),
            masked_pan: pan
                .as_ref()
                .map(|pan| pan.masked())
                .as_deref()
                .unwrap_or_default(),
            card: pan.as_ref().map_or(CardToken::NONE, |pan| {
                self.shared.keys.card_token(pan.expose())
            }),
            key: key(due.reference),
            own_stan: due.stan.map(Stan::get),
            body: sealed(&scratch.sealed),
        }))?;
        match due.cause {
            // What the terminal was told, or will be, for the tables.
            Some(cause) => append(&Event::Declined(Declined {
                tx,
                at,
                cause: cause.label(),
            })),
            None => Ok(owed),
        }
    }

    /// Leaves the sealed message in the scratch; nothing if it is longer than the journal keeps, which no message of a
    /// card is: a repeat is then declined instead of answered, and a reversal was refused when it was made.
    fn seal(&self, transaction: TransactionId, part: Part, clear: &[u8], scratch: &mut Scratch) {
        scratch.sealed.clear();
        let place = Place {
            tx: transaction.get(),
            part,
        };
        if let Err(error) = self.shared.sealer.seal(place, clear, &mut scratch.sealed) {
            tracing::error!(link = self.link, %transaction, %error, "a message cannot be kept");
        }
    }
}

/// What a person should find although nothing depends on it.
pub(super) fn observed<'a>(
    link: &'a str,
    event: &'a LinkEvent,
    detail: &'a mut String,
) -> Option<Event<'a>> {
    use std::fmt::Write;
    let (what, stan, code) = match event {
        LinkEvent::Late {
            stan,
            response_code,
            trace,
            ..
        } => {
            let _ = write!(detail, "{trace}");
            (Observation::Late, Some(*stan), response_code.as_ref())
        }
        LinkEvent::Unmatched {
            mti,
            stan,
            why,
            nearest,
        } => {
            let _ = write!(detail, "{mti}: {}", why.label());
            if let Some(trace) = nearest {
                let _ = write!(detail, ", nearest to {trace}");
            }
            (Observation::Unmatched, *stan, None)
        }
        LinkEvent::Mismatched { stan, field, trace } => {
            let _ = write!(detail, "field {field} differs, {trace}");
            (Observation::Mismatched, Some(*stan), None)
        }
        LinkEvent::Undecodable { error, .. } => {
            let _ = write!(detail, "{error}");
            (Observation::Undecodable, None, None)
        }
        _ => return None,
    };
    Some(Event::Observed(Observed {
        at: UnixMicros::now(),
        link,
        what,
        mti: "",
        stan: stan.map(Stan::get),
        response_code: code.map_or("", |code| code.as_str()),
        tx: None,
        detail,
    }))
}

pub(super) fn kind(kind: ObligationKind) -> event::ObligationKind {
    match kind {
        ObligationKind::Reversal => event::ObligationKind::Reversal,
        ObligationKind::Completion => event::ObligationKind::Completion,
        ObligationKind::Advice => event::ObligationKind::Advice,
    }
}

fn settlement<'a>(how: &'a Settlement, reason: &'a mut String) -> How<'a> {
    match how {
        Settlement::Acknowledged(code) => How::Acknowledged {
            response_code: code.as_str(),
        },
        Settlement::Refused(code) => {
            *reason = format!("refused with {code}");
            How::DeadLetter { reason }
        }
        Settlement::Expired => How::Expired,
        Settlement::Unwritable => How::DeadLetter {
            reason: "cannot be written in the link's dialect",
        },
        Settlement::Dropped => How::Dropped { by: "operator" },
        Settlement::Reopened => How::Retried { by: "operator" },
    }
}

fn key(reference: Option<Reference>) -> [u8; 16] {
    let mut key = [0; 16];
    if let Some(Reference { name, content }) = reference {
        let halves = name.to_be_bytes().into_iter().chain(content.to_be_bytes());
        key.iter_mut()
            .zip(halves)
            .for_each(|(place, byte)| *place = byte);
    }
    key
}

fn sealed(bytes: &[u8]) -> Sealed<'_> {
    Sealed::new(bytes).unwrap_or(Sealed::NONE)
}

/// A short value of a field, without an allocation.
struct Word<const MAX: usize> {
    length: usize,
    bytes: [u8; MAX],
}

impl<const MAX: usize> Default for Word<MAX> {
    fn default() -> Self {
        Word {
            length: 0,
            bytes: [0; MAX],
        }
    }
}

impl<const MAX: usize> Word<MAX> {
    fn take(&mut self, view: Option<&View<'_>>, field: u8, text: &mut TextBuffer) {
        let value = view
            .and_then(|view| view.text(field, text))
            .unwrap_or_default();
        for (place, byte) in self.bytes.iter_mut().zip(value.trim_end().bytes()) {
            *place = byte;
            self.length += 1;
        }
    }

    fn as_str(&self) -> &str {
        let bytes = self.bytes.get(..self.length).unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default()
    }
}
