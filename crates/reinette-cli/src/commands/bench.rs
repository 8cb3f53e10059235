//! `reinette bench`: how fast a model is on this machine.

use crate::context::Context;
use crate::fetching;
use crate::measure::{self, Figure, Plan, Spread};
use crate::printer::Record;
use anyhow::Result;
use clap::Args;

/// Measure how fast the model reads and answers on this machine, and what it takes
#[derive(Args, Debug)]
pub(crate) struct Bench {
    /// Prompt lengths to read
    #[arg(long, value_delimiter = ',', value_name = "TOKENS", default_values_t = [128, 512, 2048])]
    prefill: Vec<usize>,

    /// Depths at which to answer
    #[arg(long, value_delimiter = ',', value_name = "TOKENS", default_values_t = [0, 512, 2048])]
    depth: Vec<usize>,

    /// How often to measure; the median is told, with the lowest and the highest
    #[arg(long, short = 'n', value_name = "COUNT", default_value_t = 5)]
    repetitions: usize,
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
        }
    }
}

pub(crate) fn run(context: &Context, arguments: &Bench) -> Result<()> {
    let path = fetching::model_file(context)?;
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    let threads = context.threads.unwrap_or_else(cores);
    context.printer.note(&format!("{} on {threads} threads", path.display()));
    let plan = Plan {
        prefill_tokens: arguments.prefill.clone(),
        depths: arguments.depth.clone(),
        repetitions: arguments.repetitions,
        threads,
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
