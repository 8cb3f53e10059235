//! llama.cpp as the other side: built for this machine, measured by its own programs, as fast as its users make it.
//!
//! - [`build`]: its builds, from the source that a package of pip's carries, because pip reaches it wherever models can be
//!   fetched. What is measured is not that package's Python library but `llama-bench`, `llama-completion` and `llama-server`.
//! - [`files`]: the same model in the types for which its kernels are fastest.
//! - [`setting`]: how it is run.
//!
//! For each measurement the first round finds the best setting on the file that ours reads, one choice after the other
//! (flash attention, OpenBLAS, huge pages), and then the best of the other files. All rounds measure these two.

mod build;
mod files;
mod setting;

use super::comparison::{Chosen, File, Process, Row};
use super::contender::{Contender, Measurement, Outcome, parse};
use super::probe::SHORT_CONTEXT_TOKENS;
use super::server::Server;
use super::workload::{AssistantRequest, SHORT_PROMPT};
use crate::measure::DECODE_TOKENS;
use crate::printer::Printer;
use anyhow::{Context as _, Result, bail};
use build::{Builds, run};
use files::Files;
use reinette_engine::gguf::Gguf;
use serde::Deserialize;
use setting::{FlashAttention, Pages, Setting};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(super) use build::NAME;

/// Beside as many busy threads a token may take it ten seconds, because its threads wait for each other in a loop: 128
/// tokens took more than ten minutes.
const BUSY_DECODE_TOKENS: usize = 4;

/// llama.cpp, built, with the model's files.
pub(super) struct LlamaCpp {
    builds: Builds,
    files: Files,
    /// Where the server saves what it has read.
    slots: PathBuf,
    request: AssistantRequest,
    prompts: Vec<Vec<u32>>,
    has_sliding_window: bool,
    chosen: HashMap<(Measurement, usize), Best>,
}

/// The settings that were found to be best for a measurement.
#[derive(Clone, Copy)]
struct Best {
    /// On the file that ours reads.
    same_file: Setting,
    /// On any file.
    any_file: Setting,
}

/// What `llama-bench` prints of a test.
#[derive(Deserialize)]
struct BenchLine {
    /// Tokens per second.
    avg_ts: f64,
}

impl LlamaCpp {
    /// llama.cpp for `model`; built into the folder `peers` unless it is there. `prompts` are the tokens of `request`.
    ///
    /// # Errors
    /// If it cannot be built, the model's file cannot be read, or the user stops it.
    pub(super) fn new(
        printer: Printer,
        peers: &Path,
        model: &Path,
        request: AssistantRequest,
        prompts: Vec<Vec<u32>>,
    ) -> Result<Self> {
        let builds = Builds::new(printer, peers)?;
        let scratch = peers.join(format!("files-{}", std::process::id()));
        printer.note("Writing the model in the types for which llama.cpp is fastest, and measuring their perplexity");
        let files = Files::new(printer, &builds, model, scratch.clone())?;
        let gguf = Gguf::open(model)?;
        let has_sliding_window = gguf.metadata().iter().any(|(key, _)| key.ends_with(".attention.sliding_window"));
        Ok(Self { builds, files, slots: scratch, request, prompts, has_sliding_window, chosen: HashMap::new() })
    }

    /// What there is to say about the model's files.
    pub(super) fn files(&self) -> &[File] {
        &self.files.told
    }

    /// The best settings for `measurement`, if they were found; a load beside it does not change what is best.
    fn chosen(&self, measurement: Measurement, threads: usize) -> Option<Best> {
        let decides = |of: Measurement| match measurement {
            Measurement::BusyDecode => matches!(of, Measurement::Decode { depth_tokens: 0, .. }),
            _ => of == measurement,
        };
        let mut found = self.chosen.iter().filter(|((of, of_threads), _)| decides(*of) && *of_threads == threads);
        found.next().map(|(_, best)| *best)
    }

    /// Tries one choice after the other, each with what was better before.
    fn search(&mut self, measurement: Measurement, threads: usize) -> Result<Outcome> {
        let mut same = (Setting::PLAIN, self.with(measurement, threads, Setting::PLAIN)?);
        self.try_instead(measurement, threads, &mut same, |at| Setting { flash: FlashAttention::Off, ..at })?;
        for build in self.builds.available().into_iter().skip(1) {
            self.try_instead(measurement, threads, &mut same, |at| Setting { build, ..at })?;
        }
        self.try_instead(measurement, threads, &mut same, |at| Setting { pages: Pages::Huge, ..at })?;
        let mut any = same.clone();
        for file in 1..self.files.paths.len() {
            // Which kernels are faster depends on the type.
            for build in self.builds.available() {
                self.try_instead(measurement, threads, &mut any, |_| Setting { build, file, ..same.0 })?;
            }
        }
        self.chosen.insert((measurement, threads), Best { same_file: same.0, any_file: any.0 });
        Ok(self.both(same, any))
    }

    /// Measures with what `change` makes of the setting, and keeps it if that is better.
    fn try_instead(
        &self,
        measurement: Measurement,
        threads: usize,
        at: &mut (Setting, Outcome),
        change: impl Fn(Setting) -> Setting,
    ) -> Result<()> {
        let setting = change(at.0);
        let outcome = self.with(measurement, threads, setting)?;
        if is_better(&outcome, &at.1) {
            *at = (setting, outcome);
        }
        Ok(())
    }

    /// What was measured on the same file, and beside it what was on the best.
    fn both(&self, same: (Setting, Outcome), any: (Setting, Outcome)) -> Outcome {
        let told = |setting: Setting| format!("{}: {setting}", self.files.told[setting.file].name);
        let chosen =
            same.1.figures.first().map(|(row, _)| Chosen { row: *row, same_file: told(same.0), best: told(any.0) });
        Outcome { best_figures: any.1.figures, chosen, ..same.1 }
    }

    fn with(&self, measurement: Measurement, threads: usize, setting: Setting) -> Result<Outcome> {
        let (row, test) = match measurement {
            Measurement::Prefill { prompt_tokens } => {
                (Row::Prefill { prompt_tokens }, [("-p", prompt_tokens), ("-n", 0), ("-d", 0)])
            }
            Measurement::Decode { depth_tokens, .. } => {
                (Row::Decode { depth_tokens }, [("-p", 0), ("-n", DECODE_TOKENS), ("-d", depth_tokens)])
            }
            Measurement::BusyDecode => (Row::BusyDecode, [("-p", 0), ("-n", BUSY_DECODE_TOKENS), ("-d", 0)]),
            Measurement::Start => return self.complete(threads, setting),
            Measurement::Assistant => return self.assist(threads, setting),
        };
        let mut command = self.program("llama-bench", threads, setting);
        command.args(["-o", "jsonl", "-r", "1"]);
        command.args(test.into_iter().flat_map(|(name, tokens)| [name.to_owned(), tokens.to_string()]));
        let watched = run(&mut command)?;
        let line: BenchLine = parse(watched.output.first().context("llama-bench printed no figure")?)?;
        let mut figures = vec![(row, line.avg_ts)];
        let memory = watched.peak_mebibytes.filter(|_| measurement.tells_memory());
        figures.extend(memory.map(|mebibytes| (Row::PeakMemory, mebibytes)));
        Ok(Outcome { figures, ..Outcome::default() })
    }

    fn complete(&self, threads: usize, setting: Setting) -> Result<Outcome> {
        let mut command = self.program("llama-completion", threads, setting);
        command.args(["-p", SHORT_PROMPT, "-n", "1", "-c", &SHORT_CONTEXT_TOKENS.to_string()]);
        // A warm-up would only come before the first token, and so would fitting the context to the memory.
        command.args(["--no-warmup", "-no-cnv", "--no-display-prompt", "--simple-io", "-fit", "off"]);
        let watched = run(&mut command)?;
        let first = watched.output.first().context("llama-completion printed no token")?;
        let figures = vec![(Row::Start, first.after.as_secs_f64() * 1000.0)];
        Ok(Outcome { figures, ..Outcome::default() })
    }

    /// Has a new server answer all words, and another one that restores what a server saved the first.
    fn assist(&self, threads: usize, setting: Setting) -> Result<Outcome> {
        let mut server = self.server(threads, setting, Keeps::LastWindow)?;
        let mut answers = Vec::new();
        for prompt in &self.prompts {
            answers.push(server.ask(prompt, self.request.schema())?);
        }
        let [(first, _), .., (warm, answer)] = answers.as_slice() else { bail!("there are no words to answer") };
        let first = first.since(server.started());
        let prompt = &self.prompts[0];
        // Of a sliding window it keeps too little to go on from, unless it is told to keep all.
        if self.has_sliding_window {
            server = self.server(threads, setting, Keeps::Everything)?;
            server.ask(prompt, self.request.schema())?;
        }
        server.save_slot()?;
        drop(server);
        let mut server = self.server(threads, setting, Keeps::Everything)?;
        server.restore_slot()?;
        let restarted = server.ask(prompt, self.request.schema())?.0.since(server.started());
        let processes = [(Process::First, first), (Process::Restarted, restarted), (Process::Warm, warm.since_asked())];
        let figures = processes.iter().flat_map(|(process, timed)| timed.rows(*process)).collect();
        let prompt_tokens = self.prompts.last().map_or(0, Vec::len);
        Ok(Outcome { figures, answer: Some((prompt_tokens, answer.clone())), ..Outcome::default() })
    }

    fn server(&self, threads: usize, setting: Setting, keeps: Keeps) -> Result<Server> {
        let mut command = self.program("llama-server", threads, setting);
        command.args(["-c", "4096", "-np", "1", "--no-warmup", "-fit", "off", "--slot-save-path"]).arg(&self.slots);
        if self.has_sliding_window && keeps == Keeps::Everything {
            command.arg("--swa-full");
        }
        Server::start(&mut command)
    }

    fn program(&self, name: &str, threads: usize, setting: Setting) -> Command {
        let mut command = self.builds.program(setting.build, name);
        command.arg("-m").arg(&self.files.paths[setting.file]).args(["-t", &threads.to_string()]);
        setting.apply(&mut command);
        command
    }
}

/// What a server keeps of layers that attend to a window.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keeps {
    LastWindow,
    Everything,
}

impl Contender for LlamaCpp {
    fn measure(&mut self, measurement: Measurement, threads: usize) -> Result<Outcome> {
        let Some(Best { same_file, any_file }) = self.chosen(measurement, threads) else {
            return self.search(measurement, threads);
        };
        let same = self.with(measurement, threads, same_file)?;
        let any = if any_file == same_file { same.clone() } else { self.with(measurement, threads, any_file)? };
        Ok(self.both((same_file, same), (any_file, any)))
    }
}

/// Whether `one` is better than `other` on the whole; what memory they take does not decide.
fn is_better(one: &Outcome, other: &Outcome) -> bool {
    let pairs = one.figures.iter().zip(&other.figures).filter(|((row, _), _)| *row != Row::PeakMemory);
    pairs.map(|((row, one), (_, other))| row.ratio(*one, *other).ln()).sum::<f64>() > 0.0
}
