//! Playing scenarios on any number of terminals.

mod result;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use pointsman_framing::FrameError;
use pointsman_iso8583::Dialect;
use pointsman_sim_common::{Card, Exit, Failure, Wire, human};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::expectation::{Expectation, Mismatch, compare};
use crate::request::Memory;
use crate::scenario::{Payload, Scenario, Step};
use crate::terminal::{Incoming, Terminal};

pub use result::{StepResult, Summary};

/// Results that wait to be shown. Terminals wait when it is full: they are not slowed down but by a slow screen.
const RESULTS_MAX: usize = 256;

/// Characters of field 41. ISO 8583-1:1987: ans 8.
const TERMINAL_CHARACTERS: usize = 8;

/// Terminals at once: more than a machine has ports towards one listener makes no sense.
const TERMINALS_MAX: usize = 60_000;

/// What is played, and by whom.
#[derive(Clone, Debug)]
pub struct PlayConfig {
    /// The listener.
    pub to: SocketAddr,
    /// How it speaks.
    pub wire: Wire,
    /// Played one after the other.
    pub scenarios: Vec<Scenario>,
    /// Terminals that play at the same time, each on a connection of its own.
    pub terminals: usize,
    /// How often each terminal plays all of it.
    pub rounds: u64,
    /// `auto` in field 41 is this and the number of the terminal, from one, eight characters together.
    pub terminal_prefix: String,
    /// `auto` in field 42.
    pub acceptor: String,
    /// The card where a step names none.
    pub card: Card,
    /// The first STAN of each terminal.
    pub stan: u32,
    /// How long connecting may take.
    pub connect_timeout: Duration,
}

impl PlayConfig {
    /// One terminal, one round.
    #[must_use]
    pub fn new(to: SocketAddr, wire: Wire, scenarios: Vec<Scenario>, card: Card) -> Self {
        PlayConfig {
            to,
            wire,
            scenarios,
            terminals: 1,
            rounds: 1,
            terminal_prefix: "TERM".to_owned(),
            acceptor: "MERCHANT".to_owned(),
            card,
            stan: 1,
            connect_timeout: Duration::from_secs(5),
        }
    }

    fn check(&self) -> Result<(), Failure> {
        let wrong = |message: String| Err(Failure::new(Exit::USAGE, message));
        if !(1..=TERMINALS_MAX).contains(&self.terminals) {
            return wrong(format!(
                "terminals: expected 1 to {TERMINALS_MAX}, found {}",
                self.terminals
            ));
        }
        if self.rounds == 0 {
            return wrong("repeat: expected 1 or more, found 0".to_owned());
        }
        let room = TERMINAL_CHARACTERS - self.terminals.to_string().len();
        if self.terminal_prefix.chars().count() > room {
            return wrong(format!(
                "terminal prefix: expected at most {room} characters, because the number of the terminal follows and \
                 both together are {TERMINAL_CHARACTERS}"
            ));
        }
        Ok(())
    }
}

/// Plays all scenarios on all terminals; tells each result as it comes.
///
/// # Errors
/// The configuration makes no sense, or a terminal's task failed, which would be a mistake of ours.
pub async fn play(config: PlayConfig, tell: impl FnMut(&StepResult)) -> Result<Summary, Failure> {
    play_until(config, std::future::pending(), tell).await
}

/// The same, but once `stop` is ready, the steps that are being played are left where they are.
///
/// # Errors
/// Those of [`play`].
pub async fn play_until(
    config: PlayConfig,
    stop: impl Future<Output = ()>,
    mut tell: impl FnMut(&StepResult),
) -> Result<Summary, Failure> {
    config.check()?;
    let config = Arc::new(config);
    let (results, mut inbox) = mpsc::channel(RESULTS_MAX);
    let mut terminals = JoinSet::new();
    for number in 1..=config.terminals {
        let player = Player {
            config: Arc::clone(&config),
            number,
            terminal: None,
            stan: config.stan,
        };
        drop(terminals.spawn(player.play(results.clone())));
    }
    drop(results);
    let mut summary = Summary::default();
    let mut stop = std::pin::pin!(stop);
    loop {
        let (result, reached) = tokio::select! {
            result = inbox.recv() => match result {
                Some(result) => result,
                None => break,
            },
            () = &mut stop, if !summary.interrupted => {
                summary.interrupted = true;
                terminals.abort_all();
                continue;
            }
        };
        summary.steps += 1;
        summary.failed += u64::from(!result.ok);
        summary.unreachable += u64::from(!reached);
        tell(&result);
    }
    while let Some(ended) = terminals.join_next().await {
        match ended {
            Err(error) if !error.is_cancelled() => {
                return Err(Failure::new(
                    Exit::IO,
                    format_args!("a terminal stopped: {error}"),
                ));
            }
            _ => {}
        }
    }
    Ok(summary)
}

/// One terminal.
struct Player {
    config: Arc<PlayConfig>,
    number: usize,
    terminal: Option<Terminal>,
    stan: u32,
}

/// What came of sending, before it is compared with what was expected.
enum Outcome {
    Answer(Bytes),
    Timeout,
    Closed,
    Broken(FrameError),
    Undecodable { answer: Bytes, message: String },
}

impl Player {
    async fn play(mut self, results: mpsc::Sender<(StepResult, bool)>) {
        let config = Arc::clone(&self.config);
        let prefix = &config.terminal_prefix;
        let width = TERMINAL_CHARACTERS.saturating_sub(prefix.chars().count());
        let name = format!("{prefix}{:0width$}", self.number);
        for round in 1..=config.rounds {
            for scenario in &config.scenarios {
                let dialect = Arc::clone(&config.wire.dialect);
                let (acceptor, card) = (config.acceptor.clone(), config.card.clone());
                let mut memory = Memory::new(dialect, name.clone(), acceptor, card, self.stan);
                for step in &scenario.steps {
                    let mut result = StepResult {
                        terminal: self.number,
                        round,
                        scenario: scenario.name.clone(),
                        step: step.name.clone(),
                        ok: false,
                        sent: None,
                        answer: None,
                        response_code: None,
                        latency_us: None,
                        failures: Vec::new(),
                        notes: Vec::new(),
                        request_bytes: None,
                        answer_bytes: None,
                    };
                    let reached = self.step(step, &mut memory, &mut result).await;
                    result.ok = result.failures.is_empty();
                    if results.send((result, reached)).await.is_err() {
                        return;
                    }
                }
                self.stan = memory.stan();
            }
        }
    }

    /// Plays one step. Says whether there was somebody to play it with.
    async fn step(&mut self, step: &Step, memory: &mut Memory, result: &mut StepResult) -> bool {
        let config = Arc::clone(&self.config);
        let dialect = &config.wire.dialect;
        let message = match &step.payload {
            Payload::Message { mti, fields, fill } => match memory.build(*mti, fields, *fill) {
                Ok(message) => Some(message),
                Err(problem) => {
                    result.failures.push(Mismatch {
                        field: None,
                        name: "request".to_owned(),
                        expected: "a message that can be sent".to_owned(),
                        found: problem.to_string(),
                    });
                    return true;
                }
            },
            Payload::Raw(bytes) => Some(Bytes::copy_from_slice(bytes)),
            Payload::Bytes(_) | Payload::Nothing => None,
        };
        let sent = message
            .as_ref()
            .and_then(|message| dialect.view(message).ok());
        result.sent = sent.as_ref().map(|sent| sent.mti().to_string());
        result.request_bytes.clone_from(&message);

        if step.reconnect {
            self.terminal = None;
        }
        let terminal = match &mut self.terminal {
            Some(terminal) => terminal,
            None => {
                match Terminal::connect(config.to, &config.wire, config.connect_timeout).await {
                    Ok(terminal) => self.terminal.insert(terminal),
                    Err(error) => {
                        result.failures.push(Mismatch {
                            field: None,
                            name: "connection".to_owned(),
                            expected: format!("a listener at {}", config.to),
                            found: error.to_string(),
                        });
                        return false;
                    }
                }
            }
        };
        let started = Instant::now();
        let sending = match (&message, &step.payload) {
            (Some(message), _) => terminal.send(message).await,
            (None, Payload::Bytes(bytes)) => terminal.send_bytes(bytes).await,
            (None, _) => Ok(()),
        };
        let stan = sent
            .as_ref()
            .and_then(|sent| sent.stan())
            .map(|stan| stan.get());
        let outcome = match sending {
            Ok(()) => {
                receive(
                    terminal,
                    dialect,
                    stan,
                    started + step.timeout,
                    memory,
                    &mut result.notes,
                )
                .await
            }
            Err(error) if is_hang_up(&error) => Outcome::Closed,
            Err(error) => Outcome::Broken(error),
        };
        let latency = started.elapsed();
        if !matches!(outcome, Outcome::Answer(_) | Outcome::Timeout) {
            self.terminal = None;
        }

        match &outcome {
            Outcome::Answer(answer) | Outcome::Undecodable { answer, .. } => {
                result.latency_us = u64::try_from(latency.as_micros()).ok();
                result.answer_bytes = Some(answer.clone());
                if let Ok(view) = dialect.view(answer) {
                    result.answer = Some(view.mti().to_string());
                    result.response_code = view.to_text(39);
                }
            }
            Outcome::Timeout | Outcome::Closed | Outcome::Broken(_) => {}
        }
        judge(step, dialect, sent.as_ref(), &outcome, memory, result);
        memory.remember(&step.name, message.clone(), result.answer_bytes.clone());
        true
    }
}

/// Sending shows a closed connection as a broken pipe, or a reset.
fn is_hang_up(error: &FrameError) -> bool {
    use std::io::ErrorKind::{BrokenPipe, ConnectionReset};
    matches!(error, FrameError::Io(error) if matches!(error.kind(), BrokenPipe | ConnectionReset))
}

/// Waits for the answer to a STAN. Answers to earlier steps and requests of the other side are noted and passed over.
async fn receive(
    terminal: &mut Terminal,
    dialect: &Dialect,
    stan: Option<u32>,
    deadline: Instant,
    memory: &Memory,
    notes: &mut Vec<String>,
) -> Outcome {
    loop {
        let message = match terminal.receive(deadline).await {
            Ok(Incoming::Message(message)) => message,
            Ok(Incoming::Timeout) => return Outcome::Timeout,
            Ok(Incoming::Closed) => return Outcome::Closed,
            Err(error) => return Outcome::Broken(error),
        };
        let view = match dialect.view(&message) {
            Ok(view) => view,
            Err(error) => {
                let text = error.explain(dialect).message;
                return Outcome::Undecodable {
                    answer: message,
                    message: text,
                };
            }
        };
        let theirs = view.stan().map(|stan| stan.get());
        if view.mti().is_request() {
            notes.push(format!("{} came from the other side", view.mti()));
        } else if theirs != stan
            && let Some(step) = theirs.and_then(|stan| memory.step_of_stan(stan))
        {
            notes.push(format!("{} to `{step}` came late or twice", view.mti()));
        } else {
            return Outcome::Answer(message);
        }
    }
}

/// Compares what came with what was expected.
fn judge(
    step: &Step,
    dialect: &Dialect,
    sent: Option<&pointsman_iso8583::View<'_>>,
    outcome: &Outcome,
    memory: &Memory,
    result: &mut StepResult,
) {
    let within = human(step.timeout);
    let expected = match &step.expect {
        Expectation::Answer { .. } => format!("an answer within {within}"),
        Expectation::Timeout => format!("no answer within {within}"),
        Expectation::Closed => "the connection to be closed".to_owned(),
    };
    let found = match (outcome, &step.expect) {
        (Outcome::Timeout, Expectation::Timeout) | (Outcome::Closed, Expectation::Closed) => return,
        (Outcome::Answer(answer), Expectation::Answer { mti, fields }) => {
            let Ok(view) = dialect.view(answer) else {
                return;
            };
            match compare(*mti, fields, sent, &view, memory) {
                Ok(mismatches) => result.failures.extend(mismatches),
                Err(problem) => {
                    let expected = "expectations that make sense".to_owned();
                    let name = "scenario".to_owned();
                    result.failures.push(Mismatch {
                        field: None,
                        name,
                        expected,
                        found: problem.to_string(),
                    });
                }
            }
            return;
        }
        (Outcome::Answer(answer), _) => {
            let mti = dialect
                .view(answer)
                .map_or_else(|_| String::new(), |view| view.mti().to_string());
            match &result.response_code {
                Some(code) => format!("{mti} with code {code}"),
                None => mti,
            }
        }
        (Outcome::Timeout, _) => "none".to_owned(),
        (Outcome::Closed, _) => "the connection closed".to_owned(),
        (Outcome::Broken(error), _) => error.to_string(),
        (Outcome::Undecodable { message, .. }, _) => format!("one that cannot be read: {message}"),
    };
    result.failures.push(Mismatch::whole(&expected, &found));
}
