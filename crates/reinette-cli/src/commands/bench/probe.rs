//! Our side of a comparison, as far as it takes a process of its own that does one thing.

use super::comparison::Answer;
use super::workload::{AssistantRequest, SHORT_PROMPT, WORDS};
use crate::context::Context;
use anyhow::Result;
use clap::ValueEnum;
use reinette::{Event, LanguageModel, OnDeviceConfig, OnDeviceModel};
use reinette_engine::tokenizer::SpecialTokens;
use reinette_engine::{EndOfGeneration, GenerateRequest, Model, Sequence};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// Enough for the short prompt and its first token.
pub(super) const SHORT_CONTEXT_TOKENS: usize = 256;

/// What a process does once, with the clock running outside of it.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Probe {
    /// Prints the first token after a short prompt
    Start,
    /// Answers the assistant's requests, one after the other
    Assistant,
}

/// A token that is there.
#[derive(Debug, Serialize)]
struct FirstToken {
    /// Since the start.
    milliseconds: f64,
}

/// An answer that is complete.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Finished {
    /// Since the request.
    pub(super) milliseconds: f64,
    /// From the first token that the model chose to the end: what the grammar forces is there before the prompt is read.
    pub(super) milliseconds_after_first: f64,
    pub(super) prompt_tokens: usize,
    #[serde(flatten)]
    pub(super) answer: Answer,
}

pub(super) fn run(context: &Context, model: &Path, threads: usize, probe: Probe) -> Result<()> {
    match probe {
        Probe::Start => start(context, model, threads),
        Probe::Assistant => assistant(context, model, threads),
    }
}

fn start(context: &Context, path: &Path, threads: usize) -> Result<()> {
    let started = Instant::now();
    let model = Arc::new(Model::load_with_cache(path, context.packed_to_keep())?);
    let prompt = model.tokenizer().encode(SHORT_PROMPT, SpecialTokens::AsText);
    let request =
        GenerateRequest { end_of_generation: EndOfGeneration::Ignored, max_tokens: 1, ..GenerateRequest::new(prompt) };
    Sequence::new(model, SHORT_CONTEXT_TOKENS, threads)?.generate(request, &mut |_| {})?;
    context.printer.print_for_programs("first_token", &FirstToken { milliseconds: milliseconds(started) })
}

fn assistant(context: &Context, path: &Path, threads: usize) -> Result<()> {
    let mut config = OnDeviceConfig::new(path);
    config.threads = threads;
    config.snapshots.clone_from(&context.snapshots);
    config.packed = context.packed_to_keep().cloned();
    let model = OnDeviceModel::load(&config)?;
    let request = AssistantRequest::new();
    for words in WORDS {
        let started = Instant::now();
        let mut text = String::new();
        for event in model.respond(request.request(words)) {
            match event? {
                Event::Text(piece) => text.push_str(&piece),
                Event::Finished(summary) => {
                    let finished = Finished {
                        milliseconds: milliseconds(started),
                        milliseconds_after_first: summary.total_ms - summary.first_token_ms,
                        prompt_tokens: summary.prompt_tokens,
                        answer: Answer { text: std::mem::take(&mut text), tokens: summary.output_tokens },
                    };
                    context.printer.print_for_programs("answer", &finished)?;
                }
                _ => {}
            }
        }
    }
    Ok(())
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1000.0
}
