//! `pointsman journal stats DIR`

use std::collections::{BTreeMap, HashSet};
use std::ops::ControlFlow;
use std::path::PathBuf;

use pointsman_journal::event::UnixMicros;
use pointsman_journal::sqlite::{FILE_NAME, Reader};
use pointsman_journal::{Event, Lsn};
use serde_json::{Value, json};

use super::verify::kept;
use crate::console::Console;
use crate::exit::{Exit, Failure};
use crate::journal::{Waiting, end_of, look, tables_failure};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 counted, 65 the journal is damaged: what is before that is counted, 66 there is none."
)]
pub(crate) struct Args {
    /// The journal's directory, or a copy of it
    #[arg(value_name = "DIR")]
    directory: PathBuf,

    /// One JSON object
    #[arg(long)]
    json: bool,
}

/// What is counted while the journal is read. Only what is not finished is remembered.
#[derive(Debug, Default)]
struct Counts {
    by_kind: BTreeMap<&'static str, u64>,
    outcomes: BTreeMap<&'static str, u64>,
    open: HashSet<u64>,
    waiting: Waiting,
    first: Option<UnixMicros>,
    last: Option<UnixMicros>,
}

impl Counts {
    fn count(&mut self, kind: u8, payload: &[u8]) {
        let Ok(event) = Event::decode(kind, payload) else {
            *self.by_kind.entry("unreadable").or_default() += 1;
            return;
        };
        *self.by_kind.entry(event.label()).or_default() += 1;
        self.first.get_or_insert(event.at());
        self.last = Some(event.at());
        self.waiting.tell(&event);
        let tx = event.tx().unwrap_or_default();
        let outcome = match event {
            Event::Intent(_) => {
                self.open.insert(tx);
                return;
            }
            Event::Outcome(outcome) if outcome.approved => "approved",
            Event::Outcome(_) => "declined",
            Event::Declined(_) => "failed",
            Event::Withdrawn(_) => "withdrawn",
            _ => return,
        };
        // The first that is said about it counts; what comes later is another record and not another transaction.
        if self.open.remove(&tx) {
            *self.outcomes.entry(outcome).or_default() += 1;
        }
    }
}

pub(crate) fn run(args: &Args, console: &Console) -> Result<Exit, Failure> {
    let mut counts = Counts::default();
    let looked = look(&args.directory, Lsn::ZERO, &mut |record| {
        counts.count(record.kind, record.payload);
        ControlFlow::Continue(())
    })?;
    let mut owed: BTreeMap<(String, String), BTreeMap<String, u64>> = BTreeMap::new();
    for row in counts.waiting.into_rows() {
        let by_state = owed.entry((row.link, row.kind)).or_default();
        *by_state.entry(row.state).or_default() += 1;
    }
    let seconds = match (counts.first, counts.last) {
        (Some(first), Some(last)) if last.0 > first.0 => (last.0 - first.0) as f64 / 1e6,
        _ => 0.0,
    };
    let rate = match seconds > 0.0 {
        true => looked.records as f64 / seconds,
        false => 0.0,
    };
    let applied = applied(args)?;
    let last = looked.next.get().saturating_sub(1);
    let segment_bytes: u64 = looked.segments.iter().map(|segment| segment.bytes).sum();
    let used_bytes: u64 = looked
        .segments
        .iter()
        .map(|segment| segment.used_bytes)
        .sum();
    let open = u64::try_from(counts.open.len()).unwrap_or(u64::MAX);
    if args.json {
        let owed: Vec<Value> = owed
            .iter()
            .map(|((link, kind), states)| json!({ "link": link, "kind": kind, "states": states }))
            .collect();
        let object = json!({
            "kept": kept(looked.kept),
            "opened": looked.epoch,
            "records": looked.records,
            "first_lsn": looked.first.get(),
            "last_lsn": last,
            "payload_bytes": looked.payload_bytes,
            "segments": looked.segments.len(),
            "segment_bytes": segment_bytes,
            "used_bytes": used_bytes,
            "tables_lsn": applied.map(Lsn::get),
            "first_at": counts.first.map(|at| at.to_string()),
            "last_at": counts.last.map(|at| at.to_string()),
            "records_per_second": rate,
            "events": counts.by_kind,
            "transactions": counts.outcomes,
            "in_doubt": open,
            "obligations": owed,
        });
        console.print(&format!("{object}\n"))?;
        return end_of(&looked);
    }
    let mut text = format!("{}: {}\n", args.directory.display(), kept(looked.kept));
    let mut line = |name: &str, value: String| {
        text.push_str(&format!("  {name:<14}{value}\n"));
    };
    line(
        "records",
        format!(
            "{}, {} to {last}, {} of payload",
            looked.records,
            looked.first,
            bytes(looked.payload_bytes)
        ),
    );
    if !looked.segments.is_empty() {
        line(
            "segments",
            format!(
                "{}, {} of {} used",
                looked.segments.len(),
                bytes(used_bytes),
                bytes(segment_bytes)
            ),
        );
    }
    if let Some(applied) = applied {
        let behind = last.saturating_sub(applied.get());
        line("tables", format!("up to {applied}, {behind} behind"));
    }
    if let (Some(first), Some(last)) = (counts.first, counts.last) {
        line("from", first.to_string());
        line("to", last.to_string());
        line("rate", format!("{rate:.1} records a second"));
    }
    let listed = |counts: &BTreeMap<&'static str, u64>| {
        let list: Vec<_> = counts
            .iter()
            .map(|(name, count)| format!("{count} {name}"))
            .collect();
        list.join(", ")
    };
    line("events", listed(&counts.by_kind));
    line("transactions", listed(&counts.outcomes));
    line("in doubt", open.to_string());
    if owed.is_empty() {
        line("owed", "nothing".to_owned());
    }
    for ((link, kind), states) in &owed {
        let states: Vec<_> = states
            .iter()
            .map(|(state, count)| format!("{count} {}", state.replace('_', "-")))
            .collect();
        line("owed", format!("{kind} to {link}: {}", states.join(", ")));
    }
    console.print(&text)?;
    end_of(&looked)
}

/// How far the tables are, if there are any.
fn applied(args: &Args) -> Result<Option<Lsn>, Failure> {
    if !args.directory.join(FILE_NAME).exists() {
        return Ok(None);
    }
    let reader = Reader::open(&args.directory).map_err(|error| tables_failure(&error))?;
    match reader.applied() {
        Ok(applied) => Ok(Some(applied)),
        Err(error) => Err(tables_failure(&reader.failed()(error))),
    }
}

fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut unit = "bytes";
    for larger in UNITS {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = larger;
    }
    match unit {
        "bytes" => format!("{bytes} bytes"),
        unit => format!("{value:.1} {unit}"),
    }
}
