//! Measures a model on this machine: how fast it reads, how fast it answers, what it takes.

mod bandwidth;

use anyhow::Context;
use reinette::{KvType, PackedFolder};
use reinette_engine::gguf::Gguf;
use reinette_engine::tokenizer::TokenId;
use reinette_engine::{BatchConfig, EndOfGeneration, GenerateRequest, Model, Sequence};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// Tokens decoded to measure decode speed: some seconds on a slow machine, a stable median on a fast one.
pub(crate) const DECODE_TOKENS: usize = 128;

/// What to measure.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Prompt lengths to read, in tokens.
    pub(crate) prefill_tokens: Vec<usize>,
    /// Depths at which to decode, in tokens before.
    pub(crate) depths: Vec<usize>,
    /// How often each is measured.
    pub(crate) repetitions: usize,
    /// Threads to compute with.
    pub(crate) threads: usize,
    /// How keys and values are stored.
    pub(crate) kv_type: KvType,
    /// Where rearranged weights are kept.
    pub(crate) packed: Option<PackedFolder>,
}

/// The middle of several measurements, with the lowest and the highest.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Spread {
    /// Of at least one measurement.
    pub(crate) fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        let median =
            if values.len() % 2 == 1 { values[middle] } else { f64::midpoint(values[middle - 1], values[middle]) };
        Self { median, low: values[0], high: values[values.len() - 1] }
    }
}

/// A figure of the model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "measured", rename_all = "snake_case")]
pub(crate) enum Figure {
    /// From the file's name to a model that can answer.
    Load { milliseconds: Spread },
    /// From a short question to the first token of the answer, with a model that is loaded.
    FirstToken { prompt_tokens: usize, milliseconds: Spread },
    /// Reading a prompt.
    Prefill { prompt_tokens: usize, tokens_per_second: Spread },
    /// Answering after so many tokens.
    Decode { depth_tokens: usize, tokens_per_second: Spread },
    /// The most memory that this process had at once.
    PeakMemory { mebibytes: f64 },
    /// What the threads together read from memory, and what a token takes of the weights: the bound of answering.
    Bandwidth { gigabytes_per_second: f64, gigabytes_per_token: f64, decode_share: f64 },
}

/// Measures; every figure is handed over as soon as it is known. Lengths beyond the model's context are left out.
pub(crate) fn measure(path: &Path, plan: &Plan, on_figure: &mut dyn FnMut(&Figure)) -> anyhow::Result<()> {
    let repetitions = 0..plan.repetitions.max(1);
    // The first load may have to rearrange the weights; it is not measured.
    drop(Model::load_with_cache(path, plan.packed.as_ref())?);
    let mut loads = Vec::new();
    for _ in repetitions.clone() {
        let started = Instant::now();
        drop(Model::load_with_cache(path, plan.packed.as_ref())?);
        loads.push(milliseconds(started));
    }
    on_figure(&Figure::Load { milliseconds: Spread::of(loads) });

    let model = Arc::new(Model::load_with_cache(path, plan.packed.as_ref())?);
    let longest = plan.prefill_tokens.iter().chain(&plan.depths).max().copied().unwrap_or(0);
    let config = BatchConfig::new(longest + DECODE_TOKENS + 1, plan.threads);
    let config = BatchConfig { kv_type: plan.kv_type, ..config };
    let mut sequence = Sequence::with_config(Arc::clone(&model), config)?;
    let fits = |tokens: &&usize| **tokens + DECODE_TOKENS < model.context_tokens();
    // No two prompts begin alike: what one has read would spare the next.
    let mut variants = 0..;
    let mut fresh = |sequence: &mut Sequence, tokens| answer(sequence, tokens, 1, variants.next().unwrap_or_default());
    // The first answer pages the weights in; it is not measured.
    fresh(&mut sequence, 16)?;

    let first = repetitions.clone().map(|_| Ok(fresh(&mut sequence, 16)?.0)).collect::<anyhow::Result<_>>()?;
    on_figure(&Figure::FirstToken { prompt_tokens: 16, milliseconds: Spread::of(first) });
    for tokens in plan.prefill_tokens.iter().filter(fits) {
        let speeds = repetitions.clone().map(|_| {
            let (first_ms, _) = fresh(&mut sequence, *tokens)?;
            Ok(*tokens as f64 / first_ms * 1000.0)
        });
        let tokens_per_second = Spread::of(speeds.collect::<anyhow::Result<_>>()?);
        on_figure(&Figure::Prefill { prompt_tokens: *tokens, tokens_per_second });
    }
    let mut shallow = None;
    for depth in plan.depths.iter().filter(fits) {
        let speeds = repetitions.clone().map(|_| {
            // The same prompt again is in the KV cache, but for its last token.
            let (first_ms, total_ms) = answer(&mut sequence, (*depth).max(1), DECODE_TOKENS, 0)?;
            Ok((DECODE_TOKENS - 1) as f64 / (total_ms - first_ms) * 1000.0)
        });
        let tokens_per_second = Spread::of(speeds.collect::<anyhow::Result<_>>()?);
        on_figure(&Figure::Decode { depth_tokens: *depth, tokens_per_second });
        shallow = shallow.or((*depth == 0).then_some(tokens_per_second.median));
    }
    if let Some(mebibytes) = peak_mebibytes(std::process::id()) {
        on_figure(&Figure::PeakMemory { mebibytes });
    }
    drop(sequence);
    if let (Some(tokens_per_second), Some(bytes_per_token)) = (shallow, bytes_per_token(path)?) {
        let gigabytes_per_token = bytes_per_token as f64 / 1e9;
        let gigabytes_per_second = bandwidth::read_bytes_per_second(bytes_per_token, plan.threads)? / 1e9;
        let decode_share = tokens_per_second * gigabytes_per_token / gigabytes_per_second;
        on_figure(&Figure::Bandwidth { gigabytes_per_second, gigabytes_per_token, decode_share });
    }
    Ok(())
}

/// What every token takes of the weights: all of them, but for a table of embeddings of which it takes one row. `None`
/// for a mixture of experts, where that depends on the token.
fn bytes_per_token(path: &Path) -> anyhow::Result<Option<usize>> {
    let gguf = Gguf::open(path)?;
    if gguf.tensors().any(|tensor| tensor.name.contains("_exps.")) {
        return Ok(None);
    }
    // A model without an output layer of its own uses the table as one.
    let has_output = gguf.tensor("output.weight").is_some();
    let read = gguf.tensors().filter(|tensor| !(has_output && tensor.name == "token_embd.weight"));
    Ok(Some(read.map(|tensor| tensor.bytes.len()).sum()))
}

/// Reads `prompt_tokens` tokens and generates `output_tokens`; gives the milliseconds to the first and to the last.
/// Prompts with another `variant` have no common beginning.
fn answer(
    sequence: &mut Sequence,
    prompt_tokens: usize,
    output_tokens: usize,
    variant: usize,
) -> anyhow::Result<(f64, f64)> {
    let vocab_size = sequence.model().tokenizer().vocab_size();
    let token = |position: usize| u32::try_from((variant * 31 + position * 7 + 1000) % vocab_size).map(TokenId);
    let prompt =
        (0..prompt_tokens).map(token).collect::<Result<Vec<_>, _>>().context("a vocabulary of over 4 billion")?;
    let request = GenerateRequest {
        end_of_generation: EndOfGeneration::Ignored,
        max_tokens: output_tokens,
        ..GenerateRequest::new(prompt)
    };
    let generated = sequence.generate(request, &mut |_| {})?;
    Ok((generated.first_token_ms, generated.total_ms))
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1000.0
}

/// The high-water mark of a process's resident memory, where the system tells it.
pub(crate) fn peak_mebibytes(process: u32) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::Spread;

    #[test]
    fn the_median_of_an_even_number_lies_between_the_two_in_the_middle() {
        assert_eq!(Spread::of(vec![4.0, 1.0, 2.0, 8.0]), Spread { median: 3.0, low: 1.0, high: 8.0 });
        assert_eq!(Spread::of(vec![5.0]), Spread { median: 5.0, low: 5.0, high: 5.0 });
    }
}
