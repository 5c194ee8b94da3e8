//! Making a request from a step, and remembering what was said before.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use pointsman_iso8583::{Builder, Dialect, Mti, MtiClass, View};
use pointsman_sim_common::{Card, Context, Original, Stamp, ValueError, field_value, usual_fields};

/// What a terminal is, and what it and its partner have said.
#[derive(Debug)]
pub(crate) struct Memory {
    dialect: Arc<Dialect>,
    terminal: String,
    acceptor: String,
    card: Card,
    stan: u32,
    steps: Vec<Exchange>,
}

/// A step that was played.
#[derive(Debug)]
struct Exchange {
    name: String,
    sent: Option<Bytes>,
    answer: Option<Bytes>,
}

/// A value that cannot be made, or a message that cannot be written.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum ValueProblem {
    #[error(transparent)]
    Value(#[from] ValueError),
    #[error("{0}")]
    Encode(String),
    #[error("field {number}: `{written}`: {why}")]
    Reference {
        number: u8,
        written: String,
        why: String,
    },
}

impl Memory {
    pub(crate) fn new(
        dialect: Arc<Dialect>,
        terminal: String,
        acceptor: String,
        card: Card,
        stan: u32,
    ) -> Self {
        Memory {
            dialect,
            terminal,
            acceptor,
            card,
            stan,
            steps: Vec::new(),
        }
    }

    /// Makes the message of a step. Each has a STAN of its own.
    pub(crate) fn build(
        &mut self,
        mti: Mti,
        fields: &BTreeMap<u8, String>,
        fill: bool,
    ) -> Result<Bytes, ValueProblem> {
        let usual: &[_] = if fill { usual_fields(mti) } else { &[] };
        let mut all: BTreeMap<u8, &str> = usual
            .iter()
            .filter(|(number, _)| self.dialect.field(*number).is_some())
            // There is nothing to reverse before anything was sent.
            .filter(|(number, _)| *number != 90 || self.original(None).is_some())
            .copied()
            .collect();
        all.extend(
            fields
                .iter()
                .map(|(number, written)| (*number, written.as_str())),
        );
        // The card in field 2 is the one that fields 14 and 35 are about.
        let card = all.get(&2).and_then(|written| card_of(written));
        let card = card.unwrap_or_else(|| self.card.clone());
        let dialect = Arc::clone(&self.dialect);
        let explain = |error: pointsman_iso8583::EncodeError| {
            ValueProblem::Encode(error.explain(&dialect).message)
        };
        let mut out = BytesMut::new();
        let mut builder = Builder::new(&dialect, &mut out, mti);
        for (number, written) in all {
            builder
                .text(number, &self.value_for(number, written, &card)?)
                .map_err(explain)?;
        }
        builder.finish().map_err(explain)?;
        self.stan = if self.stan >= 999_999 {
            1
        } else {
            self.stan + 1
        };
        Ok(out.freeze())
    }

    /// The text of a field: what was said before, or see [`field_value`].
    pub(crate) fn value(&self, number: u8, written: &str) -> Result<String, ValueProblem> {
        self.value_for(number, written, &self.card)
    }

    fn value_for(&self, number: u8, written: &str, card: &Card) -> Result<String, ValueProblem> {
        let problem = |why: String| ValueProblem::Reference {
            number,
            written: written.to_owned(),
            why,
        };
        let reference = |rest: &str, answers: bool| {
            let (step, field) = rest
                .rsplit_once(':')
                .map_or((None, rest), |(step, field)| (Some(step), field));
            let field: u8 = field
                .parse()
                .map_err(|_| problem(format!("`{field}` is not the number of a field")))?;
            let exchange = match step {
                None => self.steps.last(),
                Some(name) => self
                    .steps
                    .iter()
                    .rev()
                    .find(|exchange| exchange.name == name),
            };
            let exchange =
                exchange.ok_or_else(|| problem("no such step was played before".to_owned()))?;
            let message = if answers {
                &exchange.answer
            } else {
                &exchange.sent
            };
            let text = message
                .as_ref()
                .and_then(|message| self.dialect.view(message).ok()?.to_text(field));
            text.ok_or_else(|| problem(format!("there was no field {field} in it")))
        };
        if let Some(rest) = written.strip_prefix("sent:") {
            return reference(rest, false);
        }
        if let Some(rest) = written.strip_prefix("answer:") {
            return reference(rest, true);
        }
        let of_step = written.strip_prefix("original:");
        let original = self.original(of_step);
        if of_step.is_some() && original.is_none() {
            return Err(problem("no such request was sent before".to_owned()));
        }
        let context = Context {
            card: card.clone(),
            stan: self.stan,
            stamp: Stamp::now(),
            terminal: self.terminal.clone(),
            acceptor: self.acceptor.clone(),
            original,
        };
        Ok(field_value(
            &self.dialect,
            number,
            if of_step.is_some() { "auto" } else { written },
            &context,
        )?)
    }

    /// The last authorization or financial request, or that of a named step.
    fn original(&self, step: Option<&str>) -> Option<Original> {
        self.steps
            .iter()
            .rev()
            .filter(|exchange| step.is_none_or(|step| exchange.name == step))
            .find_map(|exchange| {
                let view = self.dialect.view(exchange.sent.as_ref()?).ok()?;
                let about_money = matches!(
                    view.mti().class(),
                    MtiClass::Authorization | MtiClass::Financial
                );
                about_money.then(|| Original {
                    mti: view.mti(),
                    stan: view.to_text(11).unwrap_or_default(),
                    transmission: view.to_text(7).unwrap_or_default(),
                    acquirer: view.to_text(32).unwrap_or_default(),
                    forwarder: view.to_text(33).unwrap_or_default(),
                })
            })
    }

    /// The STAN of the next message.
    pub(crate) fn stan(&self) -> u32 {
        self.stan
    }

    pub(crate) fn remember(&mut self, name: &str, sent: Option<Bytes>, answer: Option<Bytes>) {
        self.steps.push(Exchange {
            name: name.to_owned(),
            sent,
            answer,
        });
    }

    /// The step that sent this STAN, if it was one before.
    pub(crate) fn step_of_stan(&self, stan: u32) -> Option<&str> {
        let sent_it = |exchange: &&Exchange| {
            let view = exchange
                .sent
                .as_ref()
                .and_then(|sent| self.dialect.view(sent).ok());
            view.and_then(|view: View<'_>| view.stan())
                .is_some_and(|sent| sent.get() == stan)
        };
        self.steps
            .iter()
            .rev()
            .find(sent_it)
            .map(|exchange| exchange.name.as_str())
    }
}

fn card_of(written: &str) -> Option<Card> {
    match Card::from_value(written) {
        Some(card) => card.ok(),
        None => Card::with_pan(written),
    }
}

/// A STAN that the run before did not have: tenths of a second of the day, so that it also grows.
pub(crate) fn moment_stan() -> u32 {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    u32::try_from(since.as_millis() / 100 % 864_000).unwrap_or(0) + 1
}
