//! `pointsman tx find DIR`

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use pointsman_journal::look::Looked;
use pointsman_journal::seal::{KeyReference, Keys};
use pointsman_journal::sqlite::{FILE_NAME, Filter, Reader};
use pointsman_journal::{Event, Lsn};

use crate::cards;
use crate::console::Console;
use crate::exit::{Exit, Failure};
use crate::journal::{Choice, Life, end_of, look, moment, tables_failure};

const LIMIT_MAX: u32 = 1_000;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "What is given must all be so. A card is found by its keyed hash: the key is that of the journal.\n\
                  Exit codes: 0 found, 1 none is like that, 65 the journal is damaged, 66 there is none, 78 the key is wrong."
)]
pub(crate) struct Args {
    /// The journal's directory, or a copy of it
    #[arg(value_name = "DIR")]
    directory: PathBuf,

    /// The trace number, the terminal's or the one that the bank saw
    #[arg(long, value_name = "NUMBER")]
    stan: Option<u32>,

    /// The terminal
    #[arg(long, value_name = "ID")]
    terminal: Option<String>,

    /// The retrieval reference number
    #[arg(long, value_name = "RRN")]
    rrn: Option<String>,

    /// The card number, or `test:visa` and the like
    #[arg(long, value_name = "PAN")]
    card: Option<String>,

    /// The number that the journal gave it
    #[arg(long, value_name = "NUMBER")]
    tx: Option<u64>,

    /// Where the journal's key is, for --card: file:PATH or env:NAME; else the one in the directory
    #[arg(long, value_name = "SOURCE")]
    key: Option<String>,

    /// Only what began since then: 2026-11-24, 2026-11-24T20:19:44Z, or 15m ago
    #[arg(long, value_name = "TIME")]
    since: Option<String>,

    /// At most so many transactions, the last ones
    #[arg(long, value_name = "NUMBER", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=i64::from(LIMIT_MAX)))]
    limit: u32,

    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: Args, console: &Console) -> Result<Exit, Failure> {
    let mut choice = Choice {
        filter: Filter {
            tx: args.tx,
            stan: args.stan,
            terminal: args.terminal,
            rrn: args.rrn,
            ..Filter::default()
        },
    };
    if let Some(card) = &args.card {
        let digits = cards::resolve(card)?;
        let keys = keys(args.key.as_deref(), &args.directory)?;
        choice.filter.cards = keys.card_tokens(&digits).collect();
    }
    if !choice.is_any() {
        return Err(Failure::usage(
            "nothing says which transaction is meant",
            "say one of --stan, --terminal, --rrn, --card or --tx",
        ));
    }
    if let Some(since) = &args.since {
        choice.filter.since = Some(moment("--since", since)?);
    }
    let limit = usize::try_from(args.limit).unwrap_or(usize::MAX);
    let (lives, looked) = lives(&args.directory, &choice, limit)?;
    let mut text = String::new();
    for (place, life) in lives.iter().enumerate() {
        if args.json {
            text.push_str(&format!("{}\n", life.json()));
        } else {
            if place > 0 {
                text.push('\n');
            }
            text.push_str(&life.text());
        }
    }
    console.print(&text)?;
    end_of(&looked)?;
    if lives.is_empty() {
        console.tell("no transaction is like that");
        return Ok(Exit::Other(1));
    }
    Ok(Exit::Ok)
}

/// The lives that are asked for, the last ones of them, the oldest first. What the tables know is asked of them, which
/// have indexes; what is newer is read from the journal.
pub(crate) fn lives(
    directory: &Path,
    choice: &Choice,
    limit: usize,
) -> Result<(Vec<Life>, Looked), Failure> {
    let mut lives: HashMap<u64, Life> = HashMap::new();
    let mut from = Lsn::ZERO;
    if directory.join(FILE_NAME).exists() {
        let reader = Reader::open(directory).map_err(|error| tables_failure(&error))?;
        let (found, applied) = from_tables(&reader, choice, limit)
            .map_err(|error| tables_failure(&reader.failed()(error)))?;
        from = applied.next();
        lives = found;
    }
    let looked = look(directory, from, &mut |record| {
        let Ok(event) = Event::decode(record.kind, record.payload) else {
            return ControlFlow::Continue(());
        };
        let Some(tx) = event.tx() else {
            return ControlFlow::Continue(());
        };
        if let Some(life) = lives.get_mut(&tx) {
            life.tell(&event);
        } else if choice.begins(&event) || choice.is_number(tx) {
            let mut life = Life::new(tx);
            life.tell(&event);
            lives.insert(tx, life);
            // Only the last ones are asked for: the oldest make room before there are many.
            if lives.len() > 2 * limit {
                keep_last(&mut lives, limit);
            }
        }
        ControlFlow::Continue(())
    })?;
    keep_last(&mut lives, limit);
    let mut lives: Vec<_> = lives.into_values().collect();
    lives.sort_by_key(Life::began);
    Ok((lives, looked))
}

fn from_tables(
    reader: &Reader,
    choice: &Choice,
    limit: usize,
) -> rusqlite::Result<(HashMap<u64, Life>, Lsn)> {
    reader.hold()?;
    let applied = reader.applied()?;
    let mut lives = HashMap::new();
    for tx in reader.find(&choice.filter, limit)? {
        lives.insert(tx, Life::from_tables(reader, tx)?);
    }
    Ok((lives, applied))
}

fn keep_last(lives: &mut HashMap<u64, Life>, limit: usize) {
    let mut began: Vec<_> = lives.iter().map(|(tx, life)| (life.began(), *tx)).collect();
    began.sort_unstable();
    let surplus = began.len().saturating_sub(limit);
    for (_, tx) in began.into_iter().take(surplus) {
        lives.remove(&tx);
    }
}

fn keys(reference: Option<&str>, directory: &Path) -> Result<Keys, Failure> {
    let failed = |error: pointsman_journal::seal::KeyError| {
        Failure::new(
            Exit::Config,
            error.to_string(),
            "say with --key where the key is that `[journal]` of the configuration names",
        )
    };
    let reference: Option<KeyReference> = reference.map(str::parse).transpose().map_err(failed)?;
    Keys::existing(reference.as_ref(), directory).map_err(failed)
}
