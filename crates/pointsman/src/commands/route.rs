//! `pointsman route --config FILE --pan PAN`

use std::io::{self, Read, Write};
use std::path::PathBuf;

use pointsman_engine::LinkId;
use pointsman_routing::{Explanation, Reason};
use serde_json::json;

use crate::cards;
use crate::config::{self, Config};
use crate::console::Console;
use crate::exit::{Exit, Failure};

/// What `-` reads from standard input at most, bytes: a card number and the end of its line.
const STDIN_BYTES_MAX: u64 = 64;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 there is a route, 65 there is none or PAN is not a card number, 78 invalid configuration."
)]
pub(crate) struct Args {
    /// The configuration file
    #[arg(long, short, value_name = "FILE", env = "POINTSMAN_CONFIG")]
    config: PathBuf,

    /// A card number, `-` to read one from standard input, or a test card such as `test:visa`
    #[arg(long, value_name = "PAN", allow_hyphen_values = true)]
    pan: String,

    /// Print a JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: Args, console: &Console) -> Result<Exit, Failure> {
    let pan = match args.pan.as_str() {
        "-" => pan_from_stdin()?,
        text => text.to_owned(),
    };
    let pan = cards::resolve(&pan)?;
    let config = config::load_for(&args.config, console)?;
    let explanation = config.switch.routes.explain(&pan);
    let known = explanation
        .matches
        .iter()
        .map(|one| one.place.pattern.digits());
    let masked = cards::masked(&pan, known.max().unwrap_or(0));
    let text = if args.json {
        to_json(&config, &explanation, &masked)
    } else {
        to_text(&config, &explanation, &masked)
    };
    writeln!(io::stdout(), "{text}").map_err(|error| Failure::output(&error))?;
    match explanation.link() {
        Some(_) => Ok(Exit::Ok),
        None => Err(Failure::new(
            Exit::Data,
            format!("no route takes card {masked}"),
            format!(
                "add a [[route]] for its BIN to {}, or one with `default = true`",
                args.config.display()
            ),
        )),
    }
}

fn pan_from_stdin() -> Result<String, Failure> {
    let mut text = String::new();
    io::stdin()
        .take(STDIN_BYTES_MAX)
        .read_to_string(&mut text)
        .map_err(|error| Failure::stdin(&error))?;
    Ok(text.trim().to_owned())
}

fn link_name(config: &Config, link: LinkId) -> &str {
    config
        .switch
        .links
        .get(usize::from(link.0))
        .map_or("", |link| &link.name)
}

/// One sentence for why the winner won.
fn reason(explanation: &Explanation<LinkId>) -> String {
    let pattern = |index: usize| {
        explanation
            .matches
            .get(index)
            .map(|one| one.place.pattern.to_string())
            .unwrap_or_default()
    };
    let (first, second) = (pattern(0), pattern(1));
    match explanation.reason() {
        Reason::OnlyMatch => format!("{first} is the only pattern that matches"),
        Reason::MoreDigits => format!("{first} has more digits than {second}"),
        Reason::NarrowerRange => format!("{first} is narrower than {second}"),
        Reason::SameLink => format!("{first} and {second} lead to the same link"),
        Reason::Default => "no pattern matches; this is the default route".to_owned(),
        Reason::NoRoute => "no pattern matches, and there is no default route".to_owned(),
    }
}

fn reason_name(reason: Reason) -> &'static str {
    match reason {
        Reason::OnlyMatch => "only-match",
        Reason::MoreDigits => "more-digits",
        Reason::NarrowerRange => "narrower-range",
        Reason::SameLink => "same-link",
        Reason::Default => "default",
        Reason::NoRoute => "no-route",
    }
}

fn to_text(config: &Config, explanation: &Explanation<LinkId>, masked: &str) -> String {
    let decision = match explanation.link() {
        Some(link) => format!("card {masked} goes to link `{}`", link_name(config, link)),
        None => format!("card {masked} has no route and is declined"),
    };
    let mut text = format!("{decision}\n  because {}", reason(explanation));
    if !explanation.matches.is_empty() {
        text.push_str("\n  matching patterns, the best first:");
        let width = explanation
            .matches
            .iter()
            .map(|one| one.place.pattern.to_string().len())
            .max()
            .unwrap_or(0);
        for one in &explanation.matches {
            text.push_str(&format!(
                "\n    {:width$} -> {}",
                one.place.pattern.to_string(),
                link_name(config, one.link)
            ));
        }
    }
    if let Some(link) = explanation.default {
        text.push_str(&format!("\n  default route -> {}", link_name(config, link)));
    }
    text
}

fn to_json(config: &Config, explanation: &Explanation<LinkId>, masked: &str) -> String {
    json!({
        "pan": masked,
        "link": explanation.link().map(|link| link_name(config, link)),
        "reason": reason_name(explanation.reason()),
        "because": reason(explanation),
        "matches": explanation.matches.iter().map(|one| json!({
            "bin": one.place.pattern.to_string(),
            "link": link_name(config, one.link),
        })).collect::<Vec<_>>(),
        "default": explanation.default.map(|link| link_name(config, link)),
    })
    .to_string()
}
