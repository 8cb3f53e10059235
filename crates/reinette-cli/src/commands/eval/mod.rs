//! `reinette eval`: how often the model understands.

mod free;
mod rates;
mod split;

use crate::context::Context;
use crate::conversation;
use crate::interrupt::{self, Interrupted};
use crate::printer::{OutputFormat, Record};
use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};
use rates::rate_row;
use reinette_assistant::eval::{self, Rate, Trial};
use serde::Serialize;
use split::SplitArgument;
use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::atomic::Ordering;

/// The requests that README's figures are of; evals/README.md describes them.
const BUILT_IN: &str = include_str!("../../../../../evals/requests.jsonl");

/// Measure how often the model understands: requests with the calls that are right for them
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Eval {
    #[command(subcommand)]
    other: Option<Other>,

    /// A file of requests, one JSON object a line; those that come with Reinette if not given
    file: Option<PathBuf>,

    /// Which part of the requests to try
    #[arg(long, value_enum, default_value_t)]
    split: SplitArgument,

    /// Try only the first so many
    #[arg(long, value_name = "COUNT")]
    limit: Option<usize>,
}

/// Evaluations of another kind.
#[derive(Subcommand, Debug)]
enum Other {
    Free(free::Free),
}

/// A request that was not understood.
#[derive(Serialize)]
struct Mistake<'a>(&'a Trial);

impl Record for Mistake<'_> {
    const TYPE: &'static str = "trial";

    fn to_text(&self) -> String {
        format!("✗ {} {}", self.0.id, self.0.text)
    }

    fn further_lines(&self) -> Vec<String> {
        vec![format!("     {}", self.0.verdict.reason.as_deref().unwrap_or_default())]
    }
}

/// The figures of a run.
#[derive(Serialize)]
struct Figures {
    model: String,
    tool_choice: Rate,
    arguments: Rate,
    no_tool: Rate,
    whole_call: Rate,
    whole_call_english: Rate,
    whole_call_french: Rate,
    median_milliseconds: f64,
    slowest_milliseconds: f64,
}

impl Figures {
    /// Of at least one trial.
    fn of(model: String, trials: &[Trial]) -> Self {
        let all = |_: &Trial| true;
        let whole = |trial: &Trial| trial.verdict.all_right;
        let tools = |trial: &Trial| trial.verdict.tools_right;
        let mut times: Vec<f64> = trials.iter().map(|trial| trial.milliseconds).collect();
        times.sort_by(f64::total_cmp);
        Self {
            model,
            tool_choice: Rate::of_trials(trials, all, tools),
            arguments: Rate::of_trials(trials, |trial| trial.needs_tool && tools(trial), whole),
            no_tool: Rate::of_trials(trials, |trial| !trial.needs_tool, tools),
            whole_call: Rate::of_trials(trials, all, whole),
            whole_call_english: Rate::of_trials(trials, |trial| trial.language == "en", whole),
            whole_call_french: Rate::of_trials(trials, |trial| trial.language == "fr", whole),
            median_milliseconds: times[times.len() / 2],
            slowest_milliseconds: times[times.len() - 1],
        }
    }
}

impl Record for Figures {
    const TYPE: &'static str = "figures";

    fn to_text(&self) -> String {
        self.model.clone()
    }

    fn further_lines(&self) -> Vec<String> {
        vec![
            rate_row("tools right", &self.tool_choice),
            rate_row("arguments right, where tools are", &self.arguments),
            rate_row("no tool, where none is needed", &self.no_tool),
            rate_row("whole request right", &self.whole_call),
            rate_row("  English", &self.whole_call_english),
            rate_row("  French", &self.whole_call_french),
            format!(
                "{:<34} {:.0} ms (median), {:.0} ms (slowest)",
                "time per request", self.median_milliseconds, self.slowest_milliseconds
            ),
        ]
    }
}

pub(crate) fn run(context: &Context, arguments: &Eval) -> Result<()> {
    if let Some(Other::Free(free)) = &arguments.other {
        return free::run(context, free);
    }
    let (file, lines) = match &arguments.file {
        Some(path) => {
            let file = path.display().to_string();
            let lines = std::fs::read_to_string(path).with_context(|| format!("cannot read {file}"))?;
            (file, Cow::Owned(lines))
        }
        None => ("the built-in file of requests".to_owned(), Cow::Borrowed(BUILT_IN)),
    };
    let split = arguments.split.split();
    let mut cases = eval::read_cases(&lines).with_context(|| format!("{file} cannot be used"))?;
    cases.retain(|case| case.split == split);
    cases.truncate(arguments.limit.unwrap_or(usize::MAX));
    if cases.is_empty() {
        bail!("{file} has no request to try");
    }
    let model = conversation::load_model(context)?;
    let interrupted = interrupt::flag();
    let bar = context.printer.count_bar(cases.len() as u64);
    let mut trials = Vec::new();
    for case in &cases {
        if interrupted.load(Ordering::Relaxed) {
            bail!(Interrupted);
        }
        let trial = eval::try_case(case, &model)?;
        bar.inc(1);
        context.printer.print_for_programs(Mistake::TYPE, &trial)?;
        trials.push(trial);
    }
    bar.finish_and_clear();
    if context.printer.format() == OutputFormat::Text {
        let wrong = trials.iter().filter(|trial| !trial.verdict.all_right);
        wrong.map(Mistake).try_for_each(|mistake| context.printer.print(&mistake))?;
    }
    context.printer.print(&Figures::of(model.info().name, &trials))?;
    Ok(())
}
