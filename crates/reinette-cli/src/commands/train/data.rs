//! `reinette train data`: requests with the calls that are right for them, from grammars.

use crate::context::Context;
use crate::interrupt::{self, Interrupted};
use crate::printer::Record;
use anyhow::{Context as _, Result, bail};
use clap::Args;
use reinette_data::generator::{
    Catalogue, ConversationTools, Example, GrammarSource, InventedRecord, InventedTools, MixedTools, Part, Product,
    Requests, Taken, UnseenTools, examples_to_show, read_conversations,
};
use serde::Serialize;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

/// Make requests, and the calls that are right for them, to train an adapter on
///
/// Writes train.jsonl and validation.jsonl, whose requests are made of other templates. The same seed gives the same files.
#[derive(Args, Debug)]
pub(crate) struct Data {
    /// Write the files into DIR
    #[arg(long, short, value_name = "DIR")]
    output: PathBuf,

    /// The grammar of a product: a folder with tools.json, mix.toml, and LANGUAGE.grammar and LANGUAGE.templates;
    /// Reinette's own if left out
    #[arg(long, value_name = "DIR", conflicts_with = "unseen")]
    grammar: Option<PathBuf>,

    /// Make requests for tools that the model has never seen: each has the definitions of some in its prompt
    #[arg(long)]
    unseen: bool,

    /// With --unseen, also use the sentences of the Python package home-assistant-intents: its folder
    /// `home_assistant_intents`
    #[arg(long, value_name = "DIR", requires = "unseen")]
    home_assistant: Option<PathBuf>,

    /// With --unseen, also offer the tools that are written by hand, and those of FILE, which `reinette train invent` made
    /// or which you wrote (its name ends in .inventions); may be given several times
    #[arg(long, value_name = "FILE", requires = "unseen")]
    invented: Vec<PathBuf>,

    /// Of sets of tools, those that are invented ones
    #[arg(long, value_name = "SHARE", default_value_t = 0.55, requires = "invented")]
    invented_share: f64,

    /// Requests to train on
    #[arg(long, value_name = "COUNT", default_value_t = 20_000)]
    count: usize,

    /// Requests to validate on
    #[arg(long, value_name = "COUNT", default_value_t = 400)]
    validation: usize,

    /// Draw other requests
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// Make none of the requests in FILE, such as those that models are judged by; may be given several times
    #[arg(long, value_name = "FILE")]
    exclude: Vec<PathBuf>,

    /// Also write examples for models that have not learned the tools: one request of each template
    #[arg(long, value_name = "FILE", conflicts_with = "unseen")]
    examples: Option<PathBuf>,

    /// Among those, requests written by hand; may be given several times
    #[arg(long, value_name = "FILE", requires = "examples")]
    written: Vec<PathBuf>,

    /// Also write conversations.jsonl, from conversations written by hand: those of FILE; may be given several times
    #[arg(long, value_name = "FILE", requires = "conversation_tools")]
    conversations: Vec<PathBuf>,

    /// The tools that these call: a line each, its name and those of its arguments
    #[arg(long, value_name = "FILE", requires = "conversations")]
    conversation_tools: Option<PathBuf>,
}

/// A file that was made.
#[derive(Serialize)]
pub(super) struct MadeFile {
    pub(super) file: PathBuf,
    pub(super) examples: usize,
}

impl Record for MadeFile {
    const TYPE: &'static str = "file";

    fn to_text(&self) -> String {
        format!("{}  {} examples", self.file.display(), self.examples)
    }
}

pub(crate) fn run(context: &Context, arguments: &Data) -> Result<()> {
    let mut taken = Taken::default();
    for file in &arguments.exclude {
        taken.exclude(file)?;
    }
    fs::create_dir_all(&arguments.output)
        .with_context(|| format!("cannot make the folder {}", arguments.output.display()))?;
    let parts = [
        (Part::Training, "train.jsonl", arguments.count),
        (Part::Validation, "validation.jsonl", arguments.validation),
    ];
    if arguments.unseen {
        let catalogue = Catalogue::new(arguments.home_assistant.as_deref())?;
        let mut records = InventedRecord::own()?;
        for file in &arguments.invented {
            records.extend(InventedRecord::read_file(file)?);
        }
        for (part, name, count) in parts {
            let requests = UnseenTools::new(&catalogue, part, arguments.seed, taken.clone());
            let invented = InventedTools::new(&records, part, arguments.seed, taken.clone());
            let share = if arguments.invented.is_empty() { 0.0 } else { arguments.invented_share };
            let requests = MixedTools::new(requests, invented, share, arguments.seed);
            write(context, &arguments.output.join(name), requests, count)?;
        }
        return Ok(());
    }
    if let Some(tools) = &arguments.conversation_tools {
        write_conversations(context, arguments, tools, &taken)?;
    }
    let source = arguments.grammar.clone().map_or(GrammarSource::Everyday, GrammarSource::Folder);
    let product = Product::read(&source)?;
    for (part, name, count) in parts {
        let requests = Requests::new(&product, part, arguments.seed, taken.clone());
        let drawn = write(context, &arguments.output.join(name), requests, count)?;
        if let (Part::Training, Some(file)) = (part, &arguments.examples) {
            let lines = examples_to_show(&product, &drawn, &arguments.written, &taken)?;
            fs::write(file, &lines).with_context(|| format!("cannot write {}", file.display()))?;
            context.printer.print(&MadeFile { file: file.clone(), examples: lines.lines().count() })?;
        }
    }
    Ok(())
}

/// Writes what was written by hand.
fn write_conversations(context: &Context, arguments: &Data, tools: &Path, taken: &Taken) -> Result<()> {
    let read = |path: &Path| fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()));
    let tools = ConversationTools::parse(&read(tools)?);
    let mut examples = Vec::new();
    for file in &arguments.conversations {
        let name = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy();
        examples.extend(read_conversations(&name, &read(file)?, &tools, taken)?);
    }
    let count = examples.len();
    write(context, &arguments.output.join("conversations.jsonl"), examples.into_iter(), count)?;
    Ok(())
}

/// Writes so many examples, one a line. The file is there when it is whole.
fn write(
    context: &Context,
    path: &Path,
    requests: impl Iterator<Item = Example>,
    count: usize,
) -> Result<Vec<Example>> {
    let unfinished = path.with_extension("unfinished");
    let cannot_write = || format!("cannot write {}", path.display());
    let mut file = BufWriter::new(File::create(&unfinished).with_context(cannot_write)?);
    let interrupted = interrupt::flag();
    let bar = context.printer.count_bar(count as u64);
    let mut drawn = Vec::new();
    for example in requests.take(count) {
        if interrupted.load(Ordering::Relaxed) {
            // What is left of it says nothing.
            let _ = fs::remove_file(&unfinished);
            bail!(Interrupted);
        }
        writeln!(file, "{}", serde_json::to_string(&example)?).with_context(cannot_write)?;
        bar.inc(1);
        drawn.push(example);
    }
    bar.finish_and_clear();
    file.flush().with_context(cannot_write)?;
    fs::rename(&unfinished, path).with_context(cannot_write)?;
    if drawn.len() < count {
        let found = drawn.len();
        context.printer.warn(&format!("no more than {found} requests were found that are new and none too long"));
    }
    context.printer.print(&MadeFile { file: path.to_owned(), examples: drawn.len() })?;
    Ok(drawn)
}
