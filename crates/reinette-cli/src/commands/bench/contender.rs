//! The two sides of a comparison: each measures the same things, in processes of its own.

use super::comparison::{Answer, Chosen, Part, Process, Row};
use super::probe::Finished;
use super::process::{self, Line, Watched};
use super::workload::WORDS;
use crate::measure::Figure;
use anyhow::{Context as _, Result, bail};
use serde::de::DeserializeOwned;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What is measured at one go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Measurement {
    Prefill {
        prompt_tokens: usize,
    },
    /// With the peak of memory, where it is the deepest.
    Decode {
        depth_tokens: usize,
        memory: Memory,
    },
    /// Decode at depth 0 beside as many busy threads.
    BusyDecode,
    Start,
    /// All rows of the assistant's request.
    Assistant,
}

/// Whether the peak of memory is a row of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Memory {
    Told,
    Untold,
}

/// What came of a measurement.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Outcome {
    pub(super) figures: Vec<(Row, f64)>,
    /// The same rows on the best of the model's files; only the peer has others.
    pub(super) best_figures: Vec<(Row, f64)>,
    /// How the peer was run.
    pub(super) chosen: Option<Chosen>,
    /// Gigabytes that this machine reads in a second, and that a token takes.
    pub(super) bandwidth: Option<(f64, f64)>,
    /// The tokens of the prompt and the answer, of a request to a warm process.
    pub(super) answer: Option<(usize, Answer)>,
}

/// A side of a comparison.
pub(super) trait Contender {
    fn measure(&mut self, measurement: Measurement, threads: usize) -> Result<Outcome>;
}

/// A request to an assistant, timed from outside or inside of the process that answers it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Timed {
    pub(super) first_token_ms: f64,
    pub(super) whole_answer_ms: f64,
}

impl Timed {
    pub(super) fn rows(&self, process: Process) -> [(Row, f64); 2] {
        let row = |part| Row::Assistant { process, part };
        [(row(Part::FirstToken), self.first_token_ms), (row(Part::WholeAnswer), self.whole_answer_ms)]
    }
}

/// Ourselves, in new processes with a home of their own, which is deleted in the end.
pub(super) struct Ours {
    program: PathBuf,
    model: PathBuf,
    home: PathBuf,
}

impl Ours {
    /// `folder` is made.
    pub(super) fn new(model: &Path, folder: PathBuf) -> Result<Self> {
        let program = std::env::current_exe().context("cannot tell where this program is")?;
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let ours = Self { program, model: model.to_owned(), home: folder };
        // The first start rearranges the weights; what is compared are the starts after it.
        ours.watch(&["--probe", "start"], 1)?;
        Ok(ours)
    }

    fn watch(&self, arguments: &[&str], threads: usize) -> Result<Watched> {
        let mut command = Command::new(&self.program);
        // Whatever the user keeps, a second start is one with a cache.
        command.args(["bench", "--json", "--quiet", "--cache-limit", "4096", "--home"]).arg(&self.home);
        command.arg("--model").arg(&self.model).args(["--threads", &threads.to_string()]).args(arguments);
        process::watch(&mut command)?.with_context(|| format!("{} is gone", self.program.display()))
    }

    fn figures(&self, prefill: &str, depth: &str, threads: usize) -> Result<Vec<Figure>> {
        let watched = self.watch(&["--repetitions", "1", "--prefill", prefill, "--depth", depth], threads)?;
        watched.output.iter().map(parse).collect()
    }

    fn assistant(&self, threads: usize) -> Result<Outcome> {
        let snapshots = self.home.join("cache/prefixes");
        if snapshots.exists() {
            fs::remove_dir_all(&snapshots).with_context(|| format!("cannot delete {}", snapshots.display()))?;
        }
        let (first, warm, answer) = self.conversation(threads)?;
        let (restarted, ..) = self.conversation(threads)?;
        let processes = [(Process::First, first), (Process::Restarted, restarted), (Process::Warm, warm)];
        let figures = processes.iter().flat_map(|(process, timed)| timed.rows(*process)).collect();
        Ok(Outcome { figures, answer: Some(answer), ..Outcome::default() })
    }

    /// The first request by the clock outside, the last one by the clock inside, and its answer.
    fn conversation(&self, threads: usize) -> Result<(Timed, Timed, (usize, Answer))> {
        let lines = self.watch(&["--probe", "assistant"], threads)?.output;
        let [first, .., last] = lines.as_slice() else { bail!("none of the requests were answered") };
        if lines.len() != WORDS.len() {
            bail!("{} of {} requests were answered", lines.len(), WORDS.len());
        }
        let timed = |whole_answer_ms: f64, finished: &Finished| Timed {
            first_token_ms: whole_answer_ms - finished.milliseconds_after_first,
            whole_answer_ms,
        };
        let first = timed(first.after.as_secs_f64() * 1000.0, &parse(first)?);
        let finished: Finished = parse(last)?;
        let warm = timed(finished.milliseconds, &finished);
        Ok((first, warm, (finished.prompt_tokens, finished.answer)))
    }
}

impl Drop for Ours {
    fn drop(&mut self) {
        // What is left of it lies in the cache, which may be deleted at any time.
        let _ = fs::remove_dir_all(&self.home);
    }
}

impl Contender for Ours {
    fn measure(&mut self, measurement: Measurement, threads: usize) -> Result<Outcome> {
        let mut outcome = Outcome::default();
        let figures = match measurement {
            Measurement::Prefill { prompt_tokens } => self.figures(&prompt_tokens.to_string(), "", threads)?,
            Measurement::Decode { depth_tokens, .. } => self.figures("", &depth_tokens.to_string(), threads)?,
            Measurement::BusyDecode => self.figures("", "0", threads)?,
            Measurement::Start => {
                let watched = self.watch(&["--probe", "start"], threads)?;
                let first = watched.output.first().context("no token came")?;
                outcome.figures.push((Row::Start, first.after.as_secs_f64() * 1000.0));
                return Ok(outcome);
            }
            Measurement::Assistant => return self.assistant(threads),
        };
        for figure in figures {
            match figure {
                Figure::Prefill { prompt_tokens, tokens_per_second } => {
                    outcome.figures.push((Row::Prefill { prompt_tokens }, tokens_per_second.median));
                }
                Figure::Decode { depth_tokens, tokens_per_second } => {
                    let busy = measurement == Measurement::BusyDecode;
                    let row = if busy { Row::BusyDecode } else { Row::Decode { depth_tokens } };
                    outcome.figures.push((row, tokens_per_second.median));
                }
                Figure::PeakMemory { mebibytes } if measurement.tells_memory() => {
                    outcome.figures.push((Row::PeakMemory, mebibytes));
                }
                Figure::Bandwidth { gigabytes_per_second, gigabytes_per_token, .. }
                    if measurement != Measurement::BusyDecode =>
                {
                    outcome.bandwidth = Some((gigabytes_per_second, gigabytes_per_token));
                }
                _ => {}
            }
        }
        Ok(outcome)
    }
}

impl Measurement {
    pub(super) fn tells_memory(self) -> bool {
        matches!(self, Self::Decode { memory: Memory::Told, .. })
    }
}

/// Reads a line that a measured program printed.
pub(super) fn parse<T: DeserializeOwned>(line: &Line) -> Result<T> {
    serde_json::from_str(&line.text).with_context(|| format!("the measured program printed `{}`", line.text))
}
