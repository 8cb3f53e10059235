//! `reinette train teach`: examples with what a larger model makes of them.

use super::data::MadeFile;
use crate::context::Context;
use crate::fetching;
use crate::interrupt::{self, Interrupted};
use anyhow::{Context as _, Result, anyhow, bail};
use clap::Args;
use indicatif::ProgressBar;
use reinette::{Entry, Event, GenerationOptions, LanguageModel, OnDeviceConfig, OnDeviceModel, Request, Transcript};
use reinette_data::lines::Records;
use reinette_train::{Config, Teacher};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

/// Let a larger model teach: add to examples what it finds likely, or let it write their answers
///
/// Writes the examples anew, each with the tokens that the teacher finds likely in the place of each token of its answer;
/// `reinette train` learns from both (distillation.weight). Student and teacher must have one vocabulary for that; any model
/// can write answers instead, with --answers.
#[derive(Args, Debug)]
pub(crate) struct Teach {
    /// Files of examples
    #[arg(required = true)]
    files: Vec<PathBuf>,

    /// Write the examples into FILE
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,

    /// The model that teaches: a name that `reinette models list` shows, or a GGUF file
    #[arg(long, value_name = "NAME|FILE")]
    teacher: String,

    /// With this adapter
    #[arg(long, value_name = "DIR", conflicts_with = "answers")]
    teacher_adapter: Option<PathBuf>,

    /// Of each token, keep so many likely ones
    #[arg(long, value_name = "COUNT", default_value_t = 16, conflicts_with = "answers")]
    top: usize,

    /// Let the teacher write answers to the conversations instead of judging those that are there
    #[arg(long)]
    answers: bool,

    /// Change a part of the student's configuration, such as `data.chat_template=FILE`
    #[arg(long, value_name = "PATH=VALUE", conflicts_with = "answers")]
    set: Vec<String>,
}

/// Makes a line of another.
type Teaching = Box<dyn FnMut(&str) -> Result<String>>;

pub(crate) fn run(context: &Context, arguments: &Teach) -> Result<()> {
    let teacher = fetching::named_model(context, &arguments.teacher)?;
    let mut teach =
        if arguments.answers { answering(context, &teacher)? } else { judging(context, arguments, &teacher)? };
    let unfinished = arguments.output.with_extension("unfinished");
    let cannot_write = || format!("cannot write {}", arguments.output.display());
    let mut output = BufWriter::new(File::create(&unfinished).with_context(cannot_write)?);
    let mut write = |line: &str| writeln!(output, "{line}").with_context(cannot_write);
    let made =
        arguments.files.iter().map(|path| teach_file(context, path, &mut teach, &mut write)).sum::<Result<usize>>();
    let written = made.and_then(|examples| {
        output.flush().and_then(|()| fs::rename(&unfinished, &arguments.output)).with_context(cannot_write)?;
        Ok(examples)
    });
    if written.is_err() {
        // What is left of it says nothing.
        let _ = fs::remove_file(&unfinished);
    }
    context.printer.print(&MadeFile { file: arguments.output.clone(), examples: written? })
}

/// Teaches the lines of a file; gives how many there are.
fn teach_file(
    context: &Context,
    path: &Path,
    teach: &mut Teaching,
    write: &mut dyn FnMut(&str) -> Result<()>,
) -> Result<usize> {
    let cannot_read = || format!("cannot read {}", path.display());
    let bar = context.printer.byte_bar(fs::metadata(path).with_context(cannot_read)?.len());
    let mut n_examples = 0;
    for record in Records::open(path)? {
        if interrupt::flag().load(Ordering::Relaxed) {
            bail!(Interrupted);
        }
        let (number, line) = record?;
        let taught = teach(&line).with_context(|| format!("{}, line {number}", path.display()))?;
        write(&taught)?;
        n_examples += 1;
        if let Some(bar) = &bar {
            bar.inc(line.len() as u64);
        }
    }
    bar.iter().for_each(ProgressBar::finish_and_clear);
    Ok(n_examples)
}

/// Adds what the teacher finds likely.
fn judging(context: &Context, arguments: &Teach, teacher: &Path) -> Result<Teaching> {
    let mut config = Config::default();
    config.model.base = fetching::model_file(context)?;
    config.model.adapter.start.clone_from(&context.adapter);
    for assignment in &arguments.set {
        config.set(assignment)?;
    }
    let (adapter, n_threads) = (arguments.teacher_adapter.as_deref(), context.n_threads());
    let mut teacher = Teacher::load(&config, teacher, adapter, arguments.top, n_threads)?;
    Ok(Box::new(move |line| teacher.teach(line).map_err(|problem| anyhow!(problem))))
}

/// Lets the teacher answer.
fn answering(context: &Context, teacher: &Path) -> Result<Teaching> {
    let mut config = OnDeviceConfig::new(teacher);
    config.packed = context.packed_to_keep().cloned();
    config.threads = context.n_threads();
    let model = OnDeviceModel::load(&config)?;
    Ok(Box::new(move |line| {
        let mut fields: Value = serde_json::from_str(line).context("is not JSON")?;
        let turns = fields["messages"].as_array_mut().context("has no messages to answer")?;
        if turns.last().is_some_and(|turn| turn["role"] == "assistant") {
            turns.pop();
        }
        let entries = turns.iter().map(entry).collect::<Result<Vec<_>>>()?;
        if !matches!(entries.last(), Some(Entry::Prompt { .. })) {
            bail!("the last turn to answer has to be the user's");
        }
        let (transcript, options) = (Transcript { entries }, GenerationOptions::default());
        let mut answer = String::new();
        for event in model.respond(Request { transcript, options, ..Request::default() }) {
            if let Event::Text(text) = event? {
                answer.push_str(&text);
            }
        }
        turns.push(json!({ "role": "assistant", "content": answer }));
        Ok(json!({ "messages": turns }).to_string())
    }))
}

/// A turn as the framework has it.
fn entry(turn: &Value) -> Result<Entry> {
    let text = turn["content"].as_str().context("a turn has no content")?.to_owned();
    match turn["role"].as_str() {
        Some("system") => Ok(Entry::Instructions { text }),
        Some("user") => Ok(Entry::Prompt { text }),
        Some("assistant") => Ok(Entry::Response { text }),
        _ => bail!("a turn's role is {}: write system, user or assistant", turn["role"]),
    }
}
