//! What a run tells about itself: `metrics.jsonl`, one object a line.

use crate::TrainError;
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// Training begins, or goes on.
    Started {
        /// Steps that were made before.
        step: usize,
        /// Steps that there will be.
        steps: usize,
        /// Examples to learn from.
        examples: usize,
        /// Examples to validate with.
        validation_examples: usize,
        /// Numbers that are trained.
        parameters: usize,
    },
    /// A step was made.
    Step(StepMetrics),
    /// Validation examples were tried.
    Validation(ValidationMetrics),
    /// A checkpoint was written.
    Saved {
        /// The step after which.
        step: usize,
    },
}

/// The figures of a step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepMetrics {
    /// Its number, counted from 1.
    pub step: usize,
    /// Times that the data was seen, in part.
    pub epoch: usize,
    /// The mean cross-entropy of answers' tokens, in nats.
    pub loss: f64,
    /// The share of answers' tokens that were the likeliest.
    pub tokens_right: f64,
    /// Tokens that were read.
    pub tokens: usize,
    /// The same in a second, over this step.
    pub tokens_per_second: f64,
    /// The learning rate.
    pub learning_rate: f64,
    /// The length of the mean gradient before it was clipped.
    pub gradient_norm: f64,
    /// Seconds since training began, over all its parts.
    pub seconds: f64,
}

/// The figures of the validation examples.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ValidationMetrics {
    /// The step after which they were tried.
    pub step: usize,
    /// The mean cross-entropy of answers' tokens, in nats.
    pub loss: f64,
    /// The share of answers of which every token was the likeliest: greedy decoding would give exactly these.
    pub answers_right: f64,
}

/// `metrics.jsonl`, open to be written.
#[derive(Debug)]
pub(crate) struct MetricsFile {
    path: PathBuf,
    file: File,
}

impl MetricsFile {
    /// Opens the file of a run that has made so many steps: what is said of later ones is forgotten.
    pub(crate) fn open(run: &Path, step: usize) -> Result<Self, TrainError> {
        let path = run.join("metrics.jsonl");
        let kept: Vec<Event> = read(run).into_iter().filter(|event| is_before(event, step)).collect();
        let lines: String = kept.iter().map(line).collect();
        fs::write(&path, lines).map_err(TrainError::write(&path))?;
        let file = OpenOptions::new().append(true).open(&path).map_err(TrainError::write(&path))?;
        Ok(Self { path, file })
    }

    pub(crate) fn write(&mut self, event: &Event) -> Result<(), TrainError> {
        self.file.write_all(line(event).as_bytes()).map_err(TrainError::write(&self.path))
    }
}

/// What a run has told so far; lines that were cut short are left out.
pub(crate) fn read(run: &Path) -> Vec<Event> {
    let text = fs::read_to_string(run.join("metrics.jsonl")).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

fn is_before(event: &Event, step: usize) -> bool {
    match event {
        Event::Step(metrics) => metrics.step <= step,
        Event::Validation(metrics) => metrics.step <= step,
        Event::Saved { step: saved } => *saved <= step,
        Event::Started { step: started, .. } => *started < step,
    }
}

fn line(event: &Event) -> String {
    serde_json::to_string(event).expect("events are plain data") + "\n"
}
