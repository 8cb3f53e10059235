//! llama.cpp as the other side: built for this machine from a package, measured by its own programs.
//!
//! The package is the source that `llama-cpp-python` carries, because pip reaches it wherever models can be fetched. What
//! is measured is not the Python library but llama.cpp's `llama-bench`, `llama-completion` and `llama-server`, which a
//! switch of its build adds. Of flash attention on and off, the first round finds out what is better for each
//! measurement; all rounds count that one.

use super::comparison::{Process, Row};
use super::contender::{Contender, Measurement, Outcome, parse};
use super::probe::SHORT_CONTEXT_TOKENS;
use super::process::{self, Watched};
use super::server::Server;
use super::workload::{AssistantRequest, SHORT_PROMPT};
use crate::measure::DECODE_TOKENS;
use crate::printer::Printer;
use anyhow::{Context as _, Result, bail};
use reinette::models::FetchSettings;
use serde::Deserialize;
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Beside as many busy threads a token may take it ten seconds, because its threads wait for each other in a loop: 128
/// tokens took more than ten minutes.
const BUSY_DECODE_TOKENS: usize = 4;

/// The package, of one version, so that figures of two days can be compared.
const PACKAGE: &str = "llama-cpp-python==0.3.36";
/// The name of its folder in the cache.
const FOLDER: &str = "llama-cpp-python-0.3.36";
/// How the other side is called.
pub(super) const NAME: &str = "llama.cpp (llama-cpp-python 0.3.36)";

/// How it is built: for the processor of this machine, with the programs that are run here, without the server's web page,
/// which would be downloaded, and runnable from any folder.
const BUILD_SETTINGS: [&str; 7] = [
    "cmake.define.GGML_NATIVE=ON",
    "cmake.define.LLAMA_BUILD_TOOLS=ON",
    "cmake.define.LLAMA_BUILD_SERVER=ON",
    "cmake.define.LLAMA_USE_PREBUILT_UI=OFF",
    "cmake.define.LLAVA_BUILD=OFF",
    "cmake.define.CMAKE_BUILD_RPATH_USE_ORIGIN=ON",
    "build.targets=llama;llama-bench;llama-completion;llama-server",
];

/// Whether attention is computed in one fused step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FlashAttention {
    On,
    Off,
}

impl FlashAttention {
    fn as_argument(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::Off => "off",
        }
    }
}

/// llama.cpp, built.
pub(super) struct LlamaCpp {
    programs: PathBuf,
    model: PathBuf,
    request: AssistantRequest,
    prompts: Vec<Vec<u32>>,
    better: HashMap<(Measurement, usize), FlashAttention>,
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
    /// If there is no Python with pip, pip fails, or the user stops it.
    pub(super) fn new(
        printer: Printer,
        peers: &Path,
        model: &Path,
        request: AssistantRequest,
        prompts: Vec<Vec<u32>>,
    ) -> Result<Self> {
        let folder = peers.join(FOLDER);
        if !folder.exists() {
            printer.note(&format!("Building {NAME} once; that takes a quarter of an hour on two cores"));
            build(&folder)?;
        }
        let programs = folder.join("build/bin");
        Ok(Self { programs, model: model.to_owned(), request, prompts, better: HashMap::new() })
    }

    /// What is better for `measurement`, if that was found out; a load beside it does not change what is.
    fn decided(&self, measurement: Measurement, threads: usize) -> Option<FlashAttention> {
        let decides = |of: Measurement| match measurement {
            Measurement::BusyDecode => matches!(of, Measurement::Decode { depth_tokens: 0, .. }),
            _ => of == measurement,
        };
        let mut found = self.better.iter().filter(|((of, of_threads), _)| decides(*of) && *of_threads == threads);
        found.next().map(|(_, flash)| *flash)
    }

    fn with_flash(&self, measurement: Measurement, threads: usize, flash: FlashAttention) -> Result<Outcome> {
        let (row, test) = match measurement {
            Measurement::Prefill { prompt_tokens } => {
                (Row::Prefill { prompt_tokens }, [("-p", prompt_tokens), ("-n", 0), ("-d", 0)])
            }
            Measurement::Decode { depth_tokens, .. } => {
                (Row::Decode { depth_tokens }, [("-p", 0), ("-n", DECODE_TOKENS), ("-d", depth_tokens)])
            }
            Measurement::BusyDecode => (Row::BusyDecode, [("-p", 0), ("-n", BUSY_DECODE_TOKENS), ("-d", 0)]),
            Measurement::Start => return self.complete(threads, flash),
            Measurement::Assistant => return self.assist(threads, flash),
        };
        let mut command = self.program("llama-bench", threads, flash);
        command.args(["-o", "jsonl", "-r", "1"]);
        command.args(test.into_iter().flat_map(|(name, tokens)| [name.to_owned(), tokens.to_string()]));
        let watched = watch(&mut command)?;
        let line: BenchLine = parse(watched.output.first().context("llama-bench printed no figure")?)?;
        let mut figures = vec![(row, line.avg_ts)];
        let memory = watched.peak_mebibytes.filter(|_| measurement.tells_memory());
        figures.extend(memory.map(|mebibytes| (Row::PeakMemory, mebibytes)));
        Ok(Outcome { figures, ..Outcome::default() })
    }

    fn complete(&self, threads: usize, flash: FlashAttention) -> Result<Outcome> {
        let mut command = self.program("llama-completion", threads, flash);
        command.args(["-p", SHORT_PROMPT, "-n", "1", "-c", &SHORT_CONTEXT_TOKENS.to_string()]);
        // A warm-up would only come before the first token, and so would fitting the context to the memory.
        command.args(["--no-warmup", "-no-cnv", "--no-display-prompt", "--simple-io", "-fit", "off"]);
        let watched = watch(&mut command)?;
        let first = watched.output.first().context("llama-completion printed no token")?;
        let figures = vec![(Row::Start, first.after.as_secs_f64() * 1000.0)];
        Ok(Outcome { figures, ..Outcome::default() })
    }

    /// The server forgets what it read when it ends, so that a first process and a restarted one are the same.
    fn assist(&self, threads: usize, flash: FlashAttention) -> Result<Outcome> {
        let mut command = self.program("llama-server", threads, flash);
        command.args(["-c", "4096", "-np", "1", "--no-warmup", "-fit", "off"]);
        let mut server = Server::start(&mut command)?;
        let answers = self.prompts.iter().map(|prompt| server.ask(prompt, self.request.schema()));
        let answers: Vec<_> = answers.collect::<Result<_>>()?;
        let [(first, _), .., (warm, answer)] = answers.as_slice() else { bail!("there are no words to answer") };
        let first = first.since(server.started());
        let processes =
            [(Process::First, first.clone()), (Process::Restarted, first), (Process::Warm, warm.since_asked())];
        let figures = processes.iter().flat_map(|(process, timed)| timed.rows(*process)).collect();
        let prompt_tokens = self.prompts.last().map_or(0, Vec::len);
        Ok(Outcome { figures, bandwidth: None, answer: Some((prompt_tokens, answer.clone())) })
    }

    fn program(&self, name: &str, threads: usize, flash: FlashAttention) -> Command {
        let mut command = Command::new(self.programs.join(name));
        command.arg("-m").arg(&self.model).args(["-t", &threads.to_string(), "-fa", flash.as_argument()]);
        command
    }
}

impl Contender for LlamaCpp {
    fn measure(&mut self, measurement: Measurement, threads: usize) -> Result<Outcome> {
        if let Some(flash) = self.decided(measurement, threads) {
            return self.with_flash(measurement, threads, flash);
        }
        let on = self.with_flash(measurement, threads, FlashAttention::On)?;
        let off = self.with_flash(measurement, threads, FlashAttention::Off)?;
        let (flash, outcome) = if is_better(&on, &off) { (FlashAttention::On, on) } else { (FlashAttention::Off, off) };
        self.better.insert((measurement, threads), flash);
        Ok(outcome)
    }
}

/// Whether `one` is better than `other` on the whole; what memory they take does not decide.
fn is_better(one: &Outcome, other: &Outcome) -> bool {
    let pairs = one.figures.iter().zip(&other.figures).filter(|((row, _), _)| *row != Row::PeakMemory);
    pairs.map(|((row, one), (_, other))| row.ratio(*one, *other).ln()).sum::<f64>() >= 0.0
}

fn watch(command: &mut Command) -> Result<Watched> {
    let name = command.get_program().to_string_lossy().into_owned();
    process::watch(command)?
        .with_context(|| format!("{name} is missing; delete the folder {FOLDER}, and it is built again"))
}

/// Builds llama.cpp into `folder`, which is there once it is complete.
fn build(folder: &Path) -> Result<()> {
    let partial = folder.with_added_extension("partial");
    if partial.exists() {
        fs::remove_dir_all(&partial).with_context(|| format!("cannot delete {}", partial.display()))?;
    }
    fs::create_dir_all(&partial).with_context(|| format!("cannot make {}", partial.display()))?;
    pip_wheel(&partial).context("llama.cpp cannot be built from its package; it takes a C++ compiler, and pip")?;
    fs::rename(&partial, folder).with_context(|| format!("cannot rename {}", partial.display()))
}

/// Lets the first Python that there is build the package's wheel; what counts is the folder that it is built in.
fn pip_wheel(folder: &Path) -> Result<()> {
    for python in FetchSettings::default().pythons {
        let mut command = Command::new(&python);
        command.args(["-m", "pip", "--disable-pip-version-check", "--no-input", "wheel", "--quiet", "--no-deps"]);
        // A wheel of before may have been built without the programs.
        command.args(["--no-cache-dir", "--wheel-dir"]).arg(folder).arg(PACKAGE);
        command.arg("-C").arg(format!("build-dir={}", folder.join("build").display()));
        command.args(BUILD_SETTINGS.iter().flat_map(|setting| ["-C", setting]));
        match process::watch(&mut command) {
            Ok(None) => {}
            Err(error) if error.to_string().contains("No module named pip") => {}
            outcome => return outcome.map(|_| ()),
        }
    }
    bail!("there is no Python with pip; install Python 3, and pip with it")
}
