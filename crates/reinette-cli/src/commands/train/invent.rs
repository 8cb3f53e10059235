//! `reinette train invent`: tools, requests for them and their calls, which a larger model writes.

use super::data::MadeFile;
use crate::context::Context;
use crate::fetching;
use crate::interrupt::{self, Interrupted};
use crate::printer::Record;
use anyhow::{Context as _, Result, bail};
use clap::Args;
use indicatif::ProgressBar;
use reinette::{
    Entry, Event, GenerationOptions, LanguageModel, ModelError, OnDeviceConfig, OnDeviceModel, Request, Sampling,
    Schema, SchemaDisplay, Transcript,
};
use reinette_data::generator::{Dropped, InventedRecord, Inventor, Question, Taken, Topics, Turn};
use serde::Serialize;
use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Tokens of an answer of the teacher, at most.
const MAX_TOKENS: usize = 700;
/// Tokens of a conversation with it, at most.
const CONTEXT_TOKENS: usize = 3072;
/// Tools that are asked for at the same time: as many as a model answers together.
const TOGETHER: usize = 8;

/// Let a larger model invent tools, what users say to have them called, and the calls
///
/// Each line of FILE is a tool with its requests, written as soon as it is there: a run that was interrupted goes on where it
/// was. What does not hold together is dropped: values that the words do not say, words that no value has, and requests or
/// tools that models are judged by. `reinette train data --unseen --invented FILE` makes examples of them.
#[derive(Args, Debug)]
pub(crate) struct Invent {
    /// Write the records into FILE, behind those that it has
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,

    /// The model that invents: a name that `reinette models list` shows, or a GGUF file
    #[arg(long, value_name = "NAME|FILE")]
    teacher: String,

    /// Good requests to have in the end
    #[arg(long, value_name = "COUNT", default_value_t = 3000)]
    count: usize,

    /// Invent others
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// Keep none of the requests, and no tool of a name, in FILE, such as those that models are judged by; may be given
    /// several times
    #[arg(long, value_name = "FILE")]
    exclude: Vec<PathBuf>,
}

/// What was dropped in a run.
#[derive(Serialize)]
struct Sifted {
    kept: usize,
    tools: usize,
    unfaithful: usize,
    taken: usize,
    odd: usize,
}

impl Record for Sifted {
    const TYPE: &'static str = "sifted";

    fn to_text(&self) -> String {
        let Self { kept, tools, unfaithful, taken, odd } = self;
        format!(
            "{kept} requests kept; dropped: {tools} tools, {unfaithful} requests whose values and words differ, {taken} that \
             are taken, {odd} that nobody would say"
        )
    }
}

/// What the threads of a run share.
struct Run<'a> {
    inventor: Inventor<'a>,
    model: OnDeviceModel,
    known: HashSet<u64>,
    next: AtomicU64,
    is_enough: AtomicBool,
    made: Mutex<Made>,
    bar: ProgressBar,
    count: usize,
}

/// What there is.
struct Made {
    file: File,
    requests: usize,
    dropped: Dropped,
}

pub(crate) fn run(context: &Context, arguments: &Invent) -> Result<()> {
    let mut taken = Taken::default();
    for file in &arguments.exclude {
        taken.exclude(file)?;
    }
    let topics = Topics::own()?;
    let (file, known) = open(&arguments.output)?;
    let requests = known.iter().map(|record| record.requests.len()).sum();
    let mut config = OnDeviceConfig::new(fetching::named_model(context, &arguments.teacher)?);
    config.packed = context.packed_to_keep().cloned();
    config.threads = context.n_threads();
    config.context_tokens = CONTEXT_TOKENS;
    let run = Run {
        inventor: Inventor::new(&topics, &taken, arguments.seed)?,
        model: OnDeviceModel::load(&config)?,
        known: known.iter().map(|record| record.number).collect(),
        next: AtomicU64::new(0),
        is_enough: AtomicBool::new(requests >= arguments.count),
        made: Mutex::new(Made { file, requests, dropped: Dropped::default() }),
        bar: context.printer.count_bar(arguments.count as u64),
        count: arguments.count,
    };
    run.bar.set_position(requests as u64);
    if requests < arguments.count {
        // What all conversations begin with is read once.
        ask(&run.model, &run.inventor.beginning_only())?;
    }
    let results: Vec<Result<()>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..TOGETHER)
            .map(|_| scope.spawn(|| run.work().inspect_err(|_| run.is_enough.store(true, Ordering::Relaxed))))
            .collect();
        let ended = threads.into_iter().map(std::thread::ScopedJoinHandle::join);
        ended.map(|result| result.unwrap_or_else(|_| bail!("a thread failed"))).collect()
    });
    run.bar.finish_and_clear();
    let made = run.made.into_inner().unwrap_or_else(PoisonError::into_inner);
    let Dropped { kept, tools, unfaithful, taken, odd } = made.dropped;
    context.printer.print(&Sifted { kept, tools, unfaithful, taken, odd })?;
    results.into_iter().collect::<Result<()>>()?;
    if interrupt::flag().load(Ordering::Relaxed) {
        bail!(Interrupted);
    }
    context.printer.print(&MadeFile { file: arguments.output.clone(), examples: made.requests })
}

/// The file of records, to be written behind those that are whole, and these.
fn open(path: &Path) -> Result<(File, Vec<InventedRecord>)> {
    let cannot_write = || format!("cannot write {}", path.display());
    let mut file = OpenOptions::new().create(true).append(true).read(true).open(path).with_context(cannot_write)?;
    let mut text = Vec::new();
    file.read_to_end(&mut text).with_context(|| format!("cannot read {}", path.display()))?;
    // A run that was killed may have left half a line.
    let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    file.set_len(whole as u64).with_context(cannot_write)?;
    Ok((file, InventedRecord::read_file(path)?))
}

impl Run<'_> {
    /// Invents until there is enough.
    fn work(&self) -> Result<()> {
        let stopped = interrupt::flag();
        while !self.is_enough.load(Ordering::Relaxed) && !stopped.load(Ordering::Relaxed) {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if self.known.contains(&number) {
                continue;
            }
            let (record, dropped) = self.inventor.invent(number, |question| ask(&self.model, question))?;
            self.keep(record, dropped)?;
        }
        Ok(())
    }

    fn keep(&self, record: Option<InventedRecord>, dropped: Dropped) -> Result<()> {
        let mut made: MutexGuard<'_, Made> = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        made.dropped += dropped;
        if let Some(record) = record {
            let line = serde_json::to_string(&record)? + "\n";
            made.file.write_all(line.as_bytes()).context("cannot write a record")?;
            made.requests += record.requests.len();
            self.bar.set_position(made.requests as u64);
            self.is_enough.fetch_or(made.requests >= self.count, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// The teacher's answer to a question.
fn ask(model: &OnDeviceModel, question: &Question) -> Result<String, ModelError> {
    let entry = |turn: &Turn| match turn.clone() {
        Turn::Instructions(text) => Entry::Instructions { text },
        Turn::Asked(text) => Entry::Prompt { text },
        Turn::Teacher(text) => Entry::Response { text },
    };
    let (temperature, seed) = question.sampling;
    let sampling = Sampling::Random { temperature, top_k: 0, top_p: 0.95, min_p: 0.05, seed };
    let request = Request {
        transcript: Transcript { entries: question.turns.iter().map(entry).collect() },
        response_schema: Some(Schema::new(question.schema.clone())),
        options: GenerationOptions {
            sampling,
            max_tokens: MAX_TOKENS,
            schemas: SchemaDisplay::LeftOut,
            ..GenerationOptions::default()
        },
        ..Request::default()
    };
    let mut answer = String::new();
    for event in model.respond(request) {
        if let Event::Text(text) = event? {
            answer.push_str(&text);
        }
    }
    Ok(answer)
}
