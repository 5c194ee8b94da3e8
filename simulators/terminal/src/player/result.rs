//! What became of steps.

use std::time::Duration;

use bytes::Bytes;
use pointsman_sim_common::{Exit, human};
use serde::Serialize;

use crate::expectation::Mismatch;

/// What became of a step.
#[derive(Clone, Debug, Serialize)]
pub struct StepResult {
    /// Which terminal, from one.
    pub terminal: usize,
    /// Which round, from one.
    pub round: u64,
    /// The scenario's name.
    pub scenario: String,
    /// The step's name.
    pub step: String,
    /// Whether all was as expected.
    pub ok: bool,
    /// The type of what was sent.
    pub sent: Option<String>,
    /// The type of the answer.
    pub answer: Option<String>,
    /// Field 39 of the answer.
    pub response_code: Option<String>,
    /// From sending to the answer, microseconds.
    pub latency_us: Option<u64>,
    /// What was not as expected.
    pub failures: Vec<Mismatch>,
    /// What else happened: late answers, requests of the other side.
    pub notes: Vec<String>,
    /// The request, for explaining.
    #[serde(skip)]
    pub request_bytes: Option<Bytes>,
    /// The answer, for explaining.
    #[serde(skip)]
    pub answer_bytes: Option<Bytes>,
}

/// What became of all steps.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Summary {
    /// Steps played.
    pub steps: u64,
    /// Steps with something that was not as expected.
    pub failed: u64,
    /// Steps that found nobody to talk to; they are among the failed ones.
    pub unreachable: u64,
    /// Whether it was stopped before the end.
    pub interrupted: bool,
}

impl Summary {
    /// How the command ends.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Summary {
                interrupted: true, ..
            } => Exit::INTERRUPTED,
            Summary { failed: 0, .. } => Exit::OK,
            Summary {
                steps, unreachable, ..
            } if steps == unreachable => Exit::UNAVAILABLE,
            _ => Exit::FAILED,
        }
    }
}

impl StepResult {
    /// One line, and one more for each failure and note.
    #[must_use]
    pub fn text(&self) -> String {
        let StepResult {
            terminal,
            round,
            step,
            sent,
            answer,
            response_code,
            latency_us,
            ..
        } = self;
        let mark = if self.ok { "ok  " } else { "FAIL" };
        let mut text = format!("{mark} terminal {terminal} round {round}  {step}:");
        if let Some(sent) = sent {
            text += &format!(" {sent}");
        }
        if let Some(answer) = answer {
            text += &format!(" → {answer}");
        }
        if let Some(code) = response_code {
            text += &format!(" code {code}");
        }
        if let Some(latency) = latency_us {
            text += &format!("  {}", human(Duration::from_micros(*latency)));
        }
        for failure in &self.failures {
            text += &format!("\n     {failure}");
        }
        for note in &self.notes {
            text += &format!("\n     note: {note}");
        }
        text
    }
}
