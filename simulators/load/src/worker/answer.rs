//! Taking answers: finding their requests, checking that they are the right ones, counting.

use pointsman_framing::{FrameError, KeepAlive, Scan};
use pointsman_iso8583::{ResponseCode, View, mask};

use super::Worker;
use crate::connection::Connection;
use crate::in_flight::{Found, Open};
use crate::tally::{Problem, Tally};
use crate::template::{Stamped, Template};

impl Worker {
    /// Takes what a connection received.
    pub(super) fn receive(&self, index: usize, bytes: &[u8]) -> Result<(), FrameError> {
        let Some(cell) = self.connections.get(index) else {
            return Ok(());
        };
        let connection = &mut *cell.borrow_mut();
        // Most reads end with a frame: their bytes are looked at where they are.
        let mut kept = std::mem::take(&mut connection.input);
        let read = if kept.is_empty() {
            self.frames(connection, bytes)
        } else {
            kept.extend_from_slice(bytes);
            self.frames(connection, &kept)
        };
        let consumed = read?;
        if kept.is_empty() {
            kept.extend_from_slice(bytes.get(consumed..).unwrap_or_default());
        } else {
            kept.drain(..consumed);
        }
        connection.input = kept;
        Ok(())
    }

    /// Takes every whole frame; says how many bytes they are.
    fn frames(&self, connection: &mut Connection, bytes: &[u8]) -> Result<usize, FrameError> {
        let now = self.nanoseconds();
        let mut consumed = 0;
        loop {
            let rest = bytes.get(consumed..).unwrap_or_default();
            match self.codec.scan(rest)? {
                Scan::Incomplete { .. } => return Ok(consumed),
                Scan::KeepAlive { consumed: length } => {
                    self.tally.borrow_mut().keep_alives += 1;
                    // A peer that polls without reading would otherwise fill our memory.
                    if self.codec.framing().keep_alive == KeepAlive::Echo && !connection.blocked {
                        connection
                            .output
                            .extend_from_slice(rest.get(..length).unwrap_or_default());
                        connection.flush();
                    }
                    consumed += length;
                }
                Scan::Frame {
                    body,
                    consumed: length,
                    ..
                } => {
                    self.answer(connection, rest.get(body).unwrap_or_default(), now);
                    consumed += length;
                }
            }
        }
    }

    /// Takes one answer: finds its request, checks that it is the right one, counts.
    fn answer(&self, connection: &mut Connection, message: &[u8], now: u64) {
        let tally = &mut *self.tally.borrow_mut();
        let number = connection.terminal.number;
        let view = match self.dialect.view(message) {
            Ok(view) => view,
            Err(error) => {
                tally.undecodable += 1;
                let message = || error.explain(&self.dialect).message;
                tally.problem(|| Problem {
                    connection: number,
                    stan: None,
                    field: Some(error.field),
                    message: message(),
                });
                return;
            }
        };
        let stan = view.stan().map(|stan| stan.get());
        let found = stan.map_or(Found::Nothing, |stan| connection.in_flight.take(stan));
        let open = match found {
            Found::Request(open) => open,
            Found::TimedOut => {
                tally.late += 1;
                return;
            }
            Found::Nothing => {
                tally.unexpected += 1;
                let mti = view.mti();
                tally.problem(|| Problem {
                    connection: number,
                    stan,
                    field: None,
                    message: format!("{mti} to nothing that is open here"),
                });
                return;
            }
        };
        self.closed(1);
        self.last_answer.set(now);
        tally.answered += 1;
        Tally::record(&mut tally.latency, now.saturating_sub(open.due));
        Tally::record(&mut tally.service, now.saturating_sub(open.sent));

        let code = view.response_code();
        let Open {
            stan, item, amount, ..
        } = open;
        let stamped = Stamped {
            stan,
            amount,
            terminal: &connection.terminal.wire,
        };
        let partial = code.is_some_and(|code| code.as_str() == "10");
        let templates = self.templates.borrow();
        if let Some(template) = templates.get(item) {
            tally.echo_missing += template.missing(&view);
            if let Some(field) = template.mismatch(&view, &stamped, partial) {
                tally.mismatched += 1;
                tally.problem(|| mismatch(number, field, &view, &stamped, template));
            }
        }
        let approved = code.is_some_and(|code: ResponseCode| code.is_approval());
        if let Some(code) = code {
            tally.count_code(code, 1);
        }
        let approved_amount = view.amount().map_or(amount, |amount| amount.get());
        if approved {
            tally.approved += 1;
            tally.approved_amount += approved_amount;
        } else {
            tally.declined += 1;
        }
        if let Some(item) = tally.items.get_mut(item) {
            if approved {
                item.approved += 1;
                item.approved_amount += approved_amount;
            } else {
                item.declined += 1;
            }
        }
    }
}

/// What is wrong with an answer, without anything of the card.
fn mismatch(
    connection: usize,
    field: u8,
    view: &View<'_>,
    stamped: &Stamped<'_>,
    template: &Template,
) -> Problem {
    let message = match field {
        0 => {
            let expected = template
                .response_mti
                .map_or_else(String::new, |mti| mti.to_string());
            format!("message type: expected {expected}, found {}", view.mti())
        }
        4 => {
            let found = view
                .amount()
                .map_or_else(String::new, |amount| amount.to_string());
            format!(
                "field 4 (amount): expected {}, found {found}",
                stamped.amount
            )
        }
        // What a peer puts there is anybody's guess: it is shown like free text.
        _ => {
            let found = mask::free_text(&view.to_text(field).unwrap_or_default());
            format!("field {field}: not that of the request, found {found}")
        }
    };
    Problem {
        connection,
        stan: Some(stamped.stan),
        field: Some(field),
        message,
    }
}
