//! How often the right thing is understood: requests with the calls that are right for them, and what the assistant makes of
//! them with a model.
//!
//! The requests and the rule of scoring are described in `evals/README.md`. [`free`] lets the whole assistant act.

pub mod free;
mod score;

pub use score::{Expected, Verdict};

use crate::assistant::is_only_learned;
use crate::{Assistant, AssistantError, Confirm, Home, HomeError};
use reinette::{LanguageModel, ToolCall, TurnEvent};
use reinette_time::Clock;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Instant;

/// The moment at which every request is said.
const NOW: &str = "2026-03-11T10:15:00+01:00[Europe/Paris]";

/// Which requests a run looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// Those to work with.
    Work,
    /// Those to look at only for the final figure.
    HeldOut,
}

/// A request and the calls that are right for it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// Tells requests apart.
    pub id: String,
    /// Which part it belongs to.
    pub split: Split,
    /// `en` or `fr`.
    pub language: String,
    /// `single`, `several`, `correction` or `none`.
    pub kind: String,
    /// The words.
    pub text: String,
    /// The right calls; none if no tool is needed.
    pub calls: Vec<Expected>,
}

/// Why requests cannot be evaluated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvalError {
    /// A line is not a request.
    #[error("line {line} is not a request: {source}")]
    Line {
        /// Its number, from 1.
        line: usize,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// The moment of the requests is in a zone that this machine does not know.
    #[error("the time zone of the requests is not known here: {0}")]
    Zone(#[from] jiff::Error),
    /// There is no room for a home to try in.
    #[error("cannot make a temporary folder: {0}")]
    Folder(std::io::Error),
    /// The home to try in cannot be used.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// The assistant failed.
    #[error(transparent)]
    Assistant(#[from] AssistantError),
}

/// What a model made of one request.
#[derive(Clone, Debug, Serialize)]
pub struct Trial {
    /// The request's id.
    pub id: String,
    /// `en` or `fr`.
    pub language: String,
    /// `single`, `several`, `correction` or `none`.
    pub kind: String,
    /// The words.
    pub text: String,
    /// Whether a tool is needed.
    pub needs_tool: bool,
    /// The calls that the model made.
    pub calls: Vec<ToolCall>,
    /// How right they are.
    pub verdict: Verdict,
    /// Milliseconds from the request to the calls, or to the first word where there is no call.
    pub milliseconds: f64,
}

/// Reads requests, one JSON object a line.
///
/// # Errors
/// If a line is not a request.
pub fn read_cases(lines: &str) -> Result<Vec<Case>, EvalError> {
    let numbered = lines.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    numbered
        .map(|(index, line)| serde_json::from_str(line).map_err(|source| EvalError::Line { line: index + 1, source }))
        .collect()
}

/// Lets the assistant choose calls for one request, in an empty home, and judges them. Nothing is carried out.
///
/// # Errors
/// If the model fails, or no temporary home can be made.
pub fn try_case(case: &Case, model: &Arc<dyn LanguageModel>) -> Result<Trial, EvalError> {
    let clock = Clock { now: NOW.parse()? };
    let folder = tempfile::tempdir().map_err(EvalError::Folder)?;
    let mut assistant = Assistant::open(Home::open(Some(folder.path()))?, || NOW.parse().unwrap_or_default())?;
    let started = Instant::now();
    let mut asking = assistant.ask(&case.text, model, Confirm::Ask)?;
    let mut calls = Vec::new();
    while let Some(event) = asking.next_blocking() {
        match event? {
            TurnEvent::ToolCalls { calls: made } => {
                // To say that there is no app for it needs none.
                calls.extend(made.into_iter().filter(|call| !is_only_learned(&call.name)));
                break;
            }
            // The first word of an answer tells that no call follows.
            TurnEvent::Text { .. } => break,
            _ => {}
        }
    }
    let milliseconds = started.elapsed().as_secs_f64() * 1000.0;
    Ok(Trial {
        id: case.id.clone(),
        language: case.language.clone(),
        kind: case.kind.clone(),
        text: case.text.clone(),
        needs_tool: !case.calls.is_empty(),
        verdict: score::judge(&case.calls, &calls, &clock),
        calls,
        milliseconds,
    })
}

/// A share of requests, with the interval in which the true rate lies with 95% confidence.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Rate {
    /// How many were right.
    pub right: usize,
    /// Of how many.
    pub of: usize,
    /// The lower end of the interval.
    pub low: f64,
    /// The upper end of the interval.
    pub high: f64,
}

impl Rate {
    /// The Wilson score interval, which holds for few requests and for rates near 0 and 1 too.
    ///
    /// Paper: Probable Inference, the Law of Succession, and Statistical Inference, JASA 22 (1927).
    pub fn new(right: usize, of: usize) -> Self {
        if of == 0 {
            return Self { right, of, low: 0.0, high: 1.0 };
        }
        let (n, p, z) = (of as f64, right as f64 / of as f64, 1.959_964);
        let centre = (p + z * z / (2.0 * n)) / (1.0 + z * z / n);
        let half = z / (1.0 + z * z / n) * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
        Self { right, of, low: (centre - half).max(0.0), high: (centre + half).min(1.0) }
    }

    /// The share that is right, from 0 to 1.
    pub fn share(&self) -> f64 {
        self.right as f64 / self.of.max(1) as f64
    }

    /// How many of the trials that count are right.
    pub fn of_trials(trials: &[Trial], counts: impl Fn(&Trial) -> bool, right: impl Fn(&Trial) -> bool) -> Self {
        let counted = trials.iter().filter(|trial| counts(trial));
        let (right, of) = counted.fold((0, 0), |(n, of), trial| (n + usize::from(right(trial)), of + 1));
        Self::new(right, of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_those_of_the_literature() {
        // Newcombe (1998), Table I: 81/263 and 0/20.
        let rate = Rate::new(81, 263);
        assert!((rate.low - 0.2553).abs() < 1e-4 && (rate.high - 0.3662).abs() < 1e-4, "{rate:?}");
        let none = Rate::new(0, 20);
        assert!(none.low.abs() < 1e-9 && (none.high - 0.1611).abs() < 1e-4, "{none:?}");
    }

    #[test]
    fn a_wrong_line_is_named() {
        let error = read_cases("\n{\"id\": 3}").unwrap_err();
        assert!(matches!(error, EvalError::Line { line: 2, .. }), "{error}");
    }

    #[test]
    fn all_requests_of_the_project_are_read() {
        let cases = read_cases(include_str!("../../../../evals/requests.jsonl")).unwrap();
        assert_eq!(cases.len(), 300);
        let held_out = |case: &&Case| case.split == Split::HeldOut;
        assert_eq!(cases.iter().filter(held_out).count(), 100);
    }
}
