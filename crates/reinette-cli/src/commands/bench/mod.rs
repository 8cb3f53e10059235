//! `reinette bench`: how fast a model is on this machine, alone or beside another program.
//!
//! - [`comparison`]: what a comparison found, and how people read it; [`chart`]: as a picture.
//! - [`rounds`]: both sides in turn; [`contender`]: what each measures, and our side; [`llama_cpp`]: the other one.
//! - [`workload`]: what both are given to answer; [`probe`]: our processes that do one thing.
//! - [`process`], [`server`]: programs that are watched and asked; [`competing`]: what keeps the machine busy meanwhile.

mod chart;
mod comparison;
mod competing;
mod contender;
mod llama_cpp;
mod probe;
mod process;
mod rounds;
mod server;
mod workload;

use crate::context::{Context, cores};
use crate::measure::{self, Figure, Plan, Spread};
use crate::printer::Record;
use crate::{fetching, interrupt};
use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};
use comparison::{Comparison, Heading};
use contender::{Measurement, Ours};
use llama_cpp::LlamaCpp;
use probe::Probe;
use rounds::Rounds;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use workload::AssistantRequest;

/// More than the records of any comparison.
const MAX_RECORDS_BYTES: u64 = 16 << 20;

/// Measure how fast the model reads and answers on this machine, and what it takes
#[derive(Args, Debug)]
pub(crate) struct Bench {
    /// Prompt lengths to read, with commas between them
    #[arg(long, value_name = "TOKENS", default_value = "512,2048")]
    prefill: Lengths,

    /// Depths at which to answer, with commas between them
    #[arg(long, value_name = "TOKENS", default_value = "0,2048")]
    depth: Lengths,

    /// How often to measure; the median is told, with the lowest and the highest
    #[arg(long, short = 'n', value_name = "COUNT", default_value_t = 5)]
    repetitions: usize,

    /// Measure another program in turn on the same file, and an assistant's request with tools: with one thread and with
    /// as many as there are cores, unless --threads says a number. The program is built from a package on first need
    #[arg(long, value_enum, value_name = "PROGRAM")]
    against: Option<Peer>,

    /// Measure nothing, and show the comparisons that --json wrote to FILE
    #[arg(long, value_name = "FILE", conflicts_with = "against")]
    from: Option<PathBuf>,

    /// Draw the comparison as an SVG picture into FILE
    #[arg(long, value_name = "FILE")]
    chart: Option<PathBuf>,

    /// What one process of a comparison does
    #[arg(long, hide = true)]
    probe: Option<Probe>,
}

/// The other programs that there are to compare with.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum Peer {
    /// llama.cpp, with the best of its builds, settings and types of about the same size and quality
    #[value(name = "llama.cpp")]
    LlamaCpp,
}

/// Numbers of tokens; empty text is none.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Lengths(Vec<usize>);

impl FromStr for Lengths {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.split(',').filter(|length| !length.is_empty()).map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

impl Record for Figure {
    const TYPE: &'static str = "figure";

    fn to_text(&self) -> String {
        let row = |name: String, unit: &str, spread: &Spread| {
            format!("{name:<28} {:9.1} {unit:<9} ({:.1} – {:.1})", spread.median, spread.low, spread.high)
        };
        match self {
            Self::Load { milliseconds } => row("load".to_owned(), "ms", milliseconds),
            Self::FirstToken { prompt_tokens, milliseconds } => {
                row(format!("first token after {prompt_tokens}"), "ms", milliseconds)
            }
            Self::Prefill { prompt_tokens, tokens_per_second } => {
                row(format!("prefill {prompt_tokens}"), "tokens/s", tokens_per_second)
            }
            Self::Decode { depth_tokens, tokens_per_second } => {
                row(format!("decode at depth {depth_tokens}"), "tokens/s", tokens_per_second)
            }
            Self::PeakMemory { mebibytes } => format!("{:<28} {mebibytes:9.1} MiB", "peak memory"),
            Self::Bandwidth { gigabytes_per_second, decode_share, .. } => format!(
                "{:<28} {gigabytes_per_second:9.1} GB/s      decode at depth 0 takes weights at {:.0}% of it",
                "memory bandwidth",
                100.0 * decode_share
            ),
        }
    }
}

pub(crate) fn run(context: &Context, arguments: &Bench) -> Result<()> {
    if let Some(file) = &arguments.from {
        return show(context, &read(file)?, arguments.chart.as_deref());
    }
    let path = fetching::model_file(context)?;
    if arguments.against.is_some() {
        let comparison = compare(context, arguments, &path)?;
        return show(context, &[comparison], arguments.chart.as_deref());
    }
    let threads = context.n_threads();
    if let Some(probe) = arguments.probe {
        return probe::run(context, &path, threads, probe);
    }
    context.printer.note(&format!("{} on {threads} threads", path.display()));
    let plan = Plan {
        prefill_tokens: arguments.prefill.0.clone(),
        depths: arguments.depth.0.clone(),
        repetitions: arguments.repetitions,
        threads,
        kv_type: context.kv_type,
        packed: context.packed_to_keep().cloned(),
    };
    let mut written = Ok(());
    measure::measure(&path, &plan, &mut |figure| {
        if written.is_ok() {
            written = context.printer.print(figure);
        }
    })?;
    written
}

/// Measures ours and llama.cpp in turn.
fn compare(context: &Context, arguments: &Bench, model: &Path) -> Result<Comparison> {
    let printer = context.printer;
    // From here on Ctrl-C ends the program that is being measured, too.
    interrupt::flag();
    let cache =
        context.cache.as_ref().context("there is nowhere to build it: set HOME, or name a folder with --home")?;
    let model = model.canonicalize().with_context(|| format!("cannot find {}", model.display()))?;
    let mut threads = context.threads.map_or_else(|| vec![1, cores()], |threads| vec![threads]);
    threads.dedup();
    let heading = Heading {
        model: model.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        peer: llama_cpp::NAME.to_owned(),
        rounds: arguments.repetitions.max(1),
    };
    let mut rounds = Rounds::new(heading, &arguments.prefill.0, &arguments.depth.0, threads);
    let request = AssistantRequest::new();
    let prompts = match request.prompts(&model) {
        Ok(prompts) => {
            rounds.measurements.push(Measurement::Assistant);
            prompts
        }
        Err(error) => {
            printer.warn(&format!("the assistant's request is left out: {error:#}"));
            Vec::new()
        }
    };
    let mut peer = LlamaCpp::new(printer, &cache.join("peers"), &model, request, prompts)?;
    let mut ours = Ours::new(&model, cache.join(format!("bench-{}", std::process::id())))?;
    let files = peer.files().to_vec();
    rounds.run(printer, &mut ours, &mut peer, files)
}

/// Reads comparisons that were written before.
fn read(file: &Path) -> Result<Vec<Comparison>> {
    let mut lines = String::new();
    let opened = File::open(file).with_context(|| format!("cannot open {}", file.display()))?;
    opened
        .take(MAX_RECORDS_BYTES)
        .read_to_string(&mut lines)
        .with_context(|| format!("cannot read {}", file.display()))?;
    Comparison::read(&lines).with_context(|| format!("{} cannot be shown", file.display()))
}

/// Prints comparisons for people, and draws them if that is asked for. Programs have got their records by now.
fn show(context: &Context, comparisons: &[Comparison], chart: Option<&Path>) -> Result<()> {
    for comparison in comparisons {
        context.printer.print_piece(&format!("{}\n", comparison.to_text()))?;
    }
    if let Some(file) = chart {
        fs::write(file, chart::draw(comparisons)).with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}
