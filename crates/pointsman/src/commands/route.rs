//! `pointsman route --config FILE --pan PAN`

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use pointsman_engine::LinkId;
use pointsman_routing::{BIN_DIGITS_MAX, Explanation, Match, Reason};
use serde_json::{Value, json};

use crate::cards;
use crate::config::{self, Config, LoadError, Loaded, Report};
use crate::console::Console;
use crate::exit::{Exit, Failure};

/// What `-` reads from standard input at most, bytes: a card number and the end of its line.
const STDIN_BYTES_MAX: u64 = 64;
/// Patterns that are listed for people; more are counted.
const PATTERNS_SHOWN_MAX: usize = 20;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 there is a route, 65 there is none, more digits decide, or PAN is not a card number, \
                  66 the configuration cannot be read, 78 it is invalid."
)]
pub(crate) struct Args {
    /// The configuration file
    #[arg(long, short, value_name = "FILE", env = "POINTSMAN_CONFIG")]
    config: PathBuf,

    /// A card number or its first digits, `-` to read it from standard input, or a test card such as `test:visa`
    #[arg(long, value_name = "PAN", allow_hyphen_values = true)]
    pan: String,

    /// Print one JSON object, also if something is wrong
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: Args, console: &Console) -> Result<Exit, Failure> {
    let (text, failure) = match decide(&args, console) {
        Ok(decision) => (
            if args.json {
                decision.to_json().to_string()
            } else {
                decision.to_text()
            },
            decision.failure(&args.config),
        ),
        Err(Problem { failure, report }) => {
            if let Some(report) = &report {
                console.tell(&report.render(&console.renderer()));
                console.tell("");
            }
            if !args.json {
                return Err(failure);
            }
            let mut error = json!({
                "message": cards::masked_in(&failure.message),
                "hint": cards::masked_in(&failure.hint),
            });
            if let Some(report) = report {
                error["diagnostics"] = report.to_json();
            }
            (json!({ "error": error }).to_string(), Some(failure))
        }
    };
    writeln!(io::stdout(), "{text}").map_err(|error| Failure::output(&error))?;
    failure.map_or(Ok(Exit::Ok), Err)
}

/// Why there is no decision.
struct Problem {
    failure: Failure,
    /// What is wrong with the configuration, if it is that.
    report: Option<Report>,
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        Problem {
            failure,
            report: None,
        }
    }
}

fn decide(args: &Args, console: &Console) -> Result<Decision, Problem> {
    let pan = match args.pan.as_str() {
        "-" => pan_from_stdin()?,
        text => text.to_owned(),
    };
    let pan = cards::resolve(&pan)?;
    match config::load(&args.config) {
        Ok(Loaded { config, warnings }) => {
            if !warnings.is_empty() {
                console.tell(&warnings.render(&console.renderer()));
            }
            Ok(Decision::of(config, &pan))
        }
        Err(LoadError::Invalid(report)) => Err(Problem {
            failure: LoadError::Invalid(report.clone()).into_failure(&args.config),
            report: Some(report),
        }),
        Err(unreadable) => Err(unreadable.into_failure(&args.config).into()),
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

/// Where a card goes, and why.
struct Decision {
    config: Config,
    /// As it may be shown.
    pan: String,
    /// What is known from the digits that are there.
    explanation: Explanation<LinkId>,
    /// Patterns that look at more digits than there are.
    longer: Vec<Match<LinkId>>,
    /// Where every card goes that begins so; `None` if more digits decide.
    decided: Option<Option<LinkId>>,
}

impl Decision {
    fn of(config: Config, pan: &str) -> Self {
        let routes = &config.switch.routes;
        let explanation = routes.explain(pan);
        let longer = routes.longer_patterns(pan);
        let known = explanation
            .matches
            .iter()
            .map(|one| one.place.pattern.digits());
        Decision {
            pan: cards::masked(pan, known.max().unwrap_or(0)),
            decided: routes.route_of_prefix(pan),
            longer,
            explanation,
            config,
        }
    }

    /// How the command fails if no link is the answer.
    fn failure(&self, config: &Path) -> Option<Failure> {
        let pan = &self.pan;
        match self.decided {
            Some(Some(_)) => None,
            Some(None) => Some(Failure::new(
                Exit::Data,
                format!("no route takes card {pan}"),
                format!(
                    "add a [[route]] for its BIN to {}, or one with `default = true`",
                    config.display()
                ),
            )),
            None => {
                let digits = self.longer.iter().map(|one| one.place.pattern.digits());
                Some(Failure::new(
                    Exit::Data,
                    format!("the digits {pan} do not decide where a card goes"),
                    format!(
                        "give the first {} digits, or the whole number",
                        digits.max().unwrap_or(BIN_DIGITS_MAX)
                    ),
                ))
            }
        }
    }

    fn link_name(&self, link: LinkId) -> &str {
        self.config
            .switch
            .links
            .get(usize::from(link.0))
            .map_or("", |link| &link.name)
    }

    /// Do the patterns that match say what the outcome is, or do only all those together that may yet match?
    fn is_explained(&self) -> bool {
        self.decided == Some(self.explanation.link())
    }

    /// One sentence for why the winner won.
    fn because(&self) -> String {
        match self.decided {
            None => "patterns with more digits lead elsewhere".to_owned(),
            Some(_) if !self.is_explained() => {
                "every card that begins so matches a pattern that leads there".to_owned()
            }
            Some(_) => reason(&self.explanation),
        }
    }

    fn reason_name(&self) -> &'static str {
        match self.decided {
            None => "more-digits-decide",
            Some(_) if !self.is_explained() => "all-that-begin-so",
            Some(_) => reason_name(self.explanation.reason()),
        }
    }

    fn to_text(&self) -> String {
        let pan = &self.pan;
        let mut text = match self.decided {
            Some(Some(link)) => format!("card {pan} goes to link `{}`", self.link_name(link)),
            Some(None) => format!("card {pan} has no route and is declined"),
            None => format!("card {pan}… goes to one link or another: more digits decide"),
        };
        text.push_str(&format!("\n  because {}", self.because()));
        let matches = &self.explanation.matches;
        self.list("matching patterns, the best first", matches, &mut text);
        let title = match self.decided {
            None => "patterns that more digits may match, the best first",
            Some(_) => "patterns that more digits may match, which changes nothing",
        };
        self.list(title, &self.longer, &mut text);
        match (self.explanation.default, self.decided) {
            (Some(link), _) => {
                text.push_str(&format!("\n  default route -> {}", self.link_name(link)));
            }
            (None, None) if matches.is_empty() => {
                text.push_str("\n  what matches none of them has no route and is declined");
            }
            (None, _) => {}
        }
        text
    }

    fn list(&self, title: &str, matches: &[Match<LinkId>], text: &mut String) {
        if matches.is_empty() {
            return;
        }
        text.push_str(&format!("\n  {title}:"));
        let shown = matches.iter().take(PATTERNS_SHOWN_MAX);
        let patterns: Vec<(String, &str)> = shown
            .map(|one| (one.place.pattern.to_string(), self.link_name(one.link)))
            .collect();
        let width = patterns.iter().map(|(pattern, _)| pattern.len()).max();
        let width = width.unwrap_or(0);
        for (pattern, link) in patterns {
            text.push_str(&format!("\n    {pattern:width$} -> {link}"));
        }
        let more = matches.len().saturating_sub(PATTERNS_SHOWN_MAX);
        if more > 0 {
            text.push_str(&format!("\n    … and {more} more"));
        }
    }

    fn to_json(&self) -> Value {
        let patterns = |matches: &[Match<LinkId>]| -> Value {
            matches
                .iter()
                .map(|one| {
                    json!({
                        "bin": one.place.pattern.to_string(),
                        "link": self.link_name(one.link),
                    })
                })
                .collect()
        };
        json!({
            "pan": self.pan,
            "link": self.decided.flatten().map(|link| self.link_name(link)),
            "reason": self.reason_name(),
            "because": self.because(),
            "matches": patterns(&self.explanation.matches),
            "longer": patterns(&self.longer),
            "default": self.explanation.default.map(|link| self.link_name(link)),
        })
    }
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
