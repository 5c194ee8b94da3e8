//! What is made before anything is sent: requests, and the names of the terminals.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::BytesMut;
use pointsman_iso8583::{Builder, Dialect, EncodeError, Mti};
use pointsman_sim_common::{Card, Context, Exit, Failure, Stamp, field_value, usual_fields};

use crate::config::LoadConfig;
use crate::connection::Terminal;
use crate::template::Template;

fn context(config: &LoadConfig, card: Card, terminal: String) -> Context {
    let acceptor = config.acceptor.clone();
    Context {
        card,
        stan: 1,
        stamp: Stamp::now(),
        terminal,
        acceptor,
        original: None,
    }
}

/// The requests of the mix.
pub(super) fn templates(config: &LoadConfig) -> Result<Vec<Template>, Failure> {
    let dialect = &config.wire.dialect;
    config
        .mix
        .items()
        .iter()
        .map(|item| {
            let mut fields: BTreeMap<u8, String> = usual_fields(item.mti)
                .iter()
                .filter(|(number, _)| dialect.field(*number).is_some())
                .map(|(number, text)| (*number, (*text).to_owned()))
                .collect();
            for (number, value) in &item.fields {
                match value {
                    Some(text) => drop(fields.insert(*number, text.clone())),
                    None => drop(fields.remove(number)),
                }
            }
            let fields: Vec<_> = fields.into_iter().collect();
            let context = context(
                config,
                item.card.clone(),
                terminal_name(&config.terminal_prefix, 0),
            );
            Template::build(dialect, &config.wire.codec(), item.mti, &fields, &context)
                .map_err(|error| Failure::new(Exit::DATA, format_args!("{}: {error}", item.name)))
        })
        .collect()
}

/// Characters before the number in field 41, which leaves five digits for 60,000 connections.
pub(super) const TERMINAL_PREFIX_MAX: usize = 3;

/// Eight characters that no other connection has.
fn terminal_name(prefix: &str, number: usize) -> String {
    let width = 8_usize.saturating_sub(prefix.len());
    format!("{prefix}{number:0width$}")
}

/// The connections of one thread: every `threads`-th, with the wire form of its field 41.
pub(super) fn terminals(config: &LoadConfig, thread: usize) -> Result<Vec<Terminal>, Failure> {
    (thread..config.connections)
        .step_by(config.threads)
        .map(|number| {
            let name = terminal_name(&config.terminal_prefix, number);
            let wire = wire_form(&config.wire.dialect, 41, &name).map_err(|message| {
                Failure::new(Exit::DATA, format_args!("terminal {name}: {message}"))
            })?;
            Ok(Terminal { number, wire })
        })
        .collect()
}

/// How a text is written in a field.
fn wire_form(dialect: &Dialect, number: u8, text: &str) -> Result<Box<[u8]>, String> {
    if dialect.field(number).is_none() {
        return Ok(Box::default());
    }
    let mut message = BytesMut::new();
    let mut builder = Builder::new(dialect, &mut message, Mti::literal(b"0200"));
    let explain = |error: EncodeError| error.explain(dialect).message;
    let context = Context {
        card: Card::named("visa").map_err(|error| error.to_string())?,
        stan: 1,
        stamp: Stamp::at(Duration::ZERO),
        terminal: String::new(),
        acceptor: String::new(),
        original: None,
    };
    let text = field_value(dialect, number, text, &context).map_err(|error| error.to_string())?;
    builder.text(number, &text).map_err(explain)?;
    builder.finish().map_err(explain)?;
    let view = dialect
        .view(&message)
        .map_err(|error| error.explain(dialect).message)?;
    Ok(view.wire(number).unwrap_or_default().into())
}
