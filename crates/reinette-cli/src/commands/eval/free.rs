//! `reinette eval free`: what the whole assistant makes of requests as people type and say them.

use super::rates::rate_row;
use super::split::SplitArgument;
use crate::context::Context;
use crate::conversation;
use crate::interrupt::{self, Interrupted};
use crate::printer::{OutputFormat, Record};
use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum};
use reinette_assistant::eval::free::{self, Figures, Share, Trial, TurnTrial, Verdict};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

/// Where a checkout has the evaluation.
const FOLDER: &str = "evals/free";

/// Measure the whole assistant in filled homes: what it does, what it says and what it claims
///
/// Each request is answered in a temporary copy of its home, with its clock standing still; nothing of yours is read or
/// changed.
#[derive(Args, Debug)]
pub(super) struct Free {
    /// Which part of the requests to try
    #[arg(long, value_enum, default_value_t)]
    split: SplitArgument,

    /// Try only requests of this kind: task, own, missing, cannot, talk, fact or writing
    #[arg(long)]
    kind: Option<String>,

    /// Try only requests in this language
    #[arg(long, value_enum)]
    language: Option<LanguageArgument>,

    /// Try only the first so many
    #[arg(long, value_name = "COUNT")]
    limit: Option<usize>,

    /// Try only the request with this id
    #[arg(long, value_name = "ID")]
    only: Option<String>,

    /// Show what was said and done where it was not right
    #[arg(long)]
    show: bool,

    /// The folder of the requests and homes; evals/free of the checkout if not given
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
}

#[derive(ValueEnum, Debug, Clone, Copy)]
enum LanguageArgument {
    /// English
    En,
    /// French
    Fr,
}

impl LanguageArgument {
    fn code(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Fr => "fr",
        }
    }
}

/// A turn that was not right.
#[derive(Serialize)]
struct Miss<'a> {
    id: &'a str,
    /// The number of the turn, in a dialogue.
    turn: Option<usize>,
    trial: &'a TurnTrial,
}

impl Record for Miss<'_> {
    const TYPE: &'static str = "miss";

    fn to_text(&self) -> String {
        let turn = self.turn.map(|turn| format!("/{turn}")).unwrap_or_default();
        format!("✗ {}{turn} {}", self.id, self.trial.text)
    }

    fn further_lines(&self) -> Vec<String> {
        let TurnTrial { said, changes, judgement, is_false_claim, .. } = self.trial;
        let said = said.lines().filter(|line| !line.trim().is_empty()).map(|line| format!("     said: {line}"));
        let changes = changes.iter().map(|change| format!("     {change}"));
        let claim = is_false_claim.then(|| "     claims a deed, and no file changed".to_owned());
        let reason = judgement.reason.as_ref().map(|reason| format!("     end {}: {reason}", judgement.end));
        said.chain(changes).chain(claim).chain(reason).collect()
    }
}

/// The figures of a run.
#[derive(Serialize)]
struct Report {
    model: String,
    #[serde(flatten)]
    figures: Figures,
}

impl Record for Report {
    const TYPE: &'static str = "figures";

    fn to_text(&self) -> String {
        self.model.clone()
    }

    fn further_lines(&self) -> Vec<String> {
        let figures = &self.figures;
        let rows = |title: &str, groups: &std::collections::BTreeMap<String, Share>| {
            let rows: Vec<String> = groups.iter().map(|(name, share)| row(&format!("  {name}"), share)).collect();
            [title.to_owned()].into_iter().chain(rows).collect::<Vec<_>>()
        };
        let claims = match figures.false_claims.as_slice() {
            [] => "0".to_owned(),
            ids => format!("{}: {}", ids.len(), ids.join(", ")),
        };
        let mut lines = vec![row("single requests", &figures.singles)];
        lines.extend(figures.kinds.iter().map(|(name, share)| row(&format!("  {name}"), share)));
        lines.extend([row("dialogues, turns", &figures.dialogue_turns), row("dialogues, whole", &figures.dialogues)]);
        lines.extend(rows("all turns by language", &figures.languages));
        lines.extend(rows("all turns by register", &figures.registers));
        lines.push(format!("{:<34} {claims}", "false claims"));
        lines.push(format!(
            "{:<34} {:.1} s (median), {:.1} s (95th percentile) of {} turns",
            "time per turn", figures.median_seconds, figures.slow_seconds, figures.turns
        ));
        lines
    }
}

/// A share in one line, with what it leaves to be judged.
fn row(name: &str, share: &Share) -> String {
    let left = match share.to_judge {
        0 => String::new(),
        count => format!(", {count} to judge"),
    };
    if share.rate.of == 0 { format!("{name:<34}     –  (0 of 0){left}") } else { rate_row(name, &share.rate) + &left }
}

pub(super) fn run(context: &Context, arguments: &Free) -> Result<()> {
    let folder = folder(arguments.folder.as_deref())?;
    let mut items = free::read_items(&folder)?;
    let split = arguments.split.split();
    items.retain(|item| {
        let about = &item.about;
        about.split == split
            && arguments.kind.as_ref().is_none_or(|kind| *kind == about.kind)
            && arguments.language.is_none_or(|language| language.code() == about.language)
            && arguments.only.as_ref().is_none_or(|id| *id == about.id)
    });
    items.truncate(arguments.limit.unwrap_or(usize::MAX));
    if items.is_empty() {
        bail!("{} has no such request", folder.display());
    }
    let model = conversation::load_model(context)?;
    let interrupted = interrupt::flag();
    let is_stopped = || interrupted.load(Ordering::Relaxed);
    let bar = context.printer.count_bar(items.iter().map(|item| item.turns.len() as u64).sum());
    let mut trials: Vec<Trial> = Vec::new();
    for item in &items {
        let Some(trial) = free::try_item(item, &folder, &model, &is_stopped)? else { break };
        bar.inc(trial.turns.len() as u64);
        context.printer.print_for_programs("trial", &trial)?;
        trials.push(trial);
    }
    bar.finish_and_clear();
    if context.printer.format() == OutputFormat::Text && arguments.show {
        trials.iter().flat_map(misses).try_for_each(|miss| context.printer.print(&miss))?;
    }
    if !trials.is_empty() {
        context.printer.print(&Report { model: model.info().name, figures: Figures::of(&trials) })?;
    }
    if is_stopped() {
        bail!(Interrupted);
    }
    Ok(())
}

fn misses(trial: &Trial) -> impl Iterator<Item = Miss<'_>> {
    let is_missed = |turn: &&TurnTrial| turn.judgement.verdict == Verdict::Wrong || turn.is_false_claim;
    let numbered = (1..).zip(&trial.turns).filter(move |(_, turn)| is_missed(turn));
    numbered.map(|(number, turn)| Miss { id: &trial.about.id, turn: trial.is_dialogue.then_some(number), trial: turn })
}

/// The folder of the evaluation: that given, or that of the checkout in which the program is run.
fn folder(given: Option<&Path>) -> Result<PathBuf> {
    if let Some(folder) = given {
        return Ok(folder.to_path_buf());
    }
    let here = std::env::current_dir().context("the current folder cannot be found")?;
    let found = here.ancestors().map(|folder| folder.join(FOLDER)).find(|folder| folder.join("homes").is_dir());
    found.with_context(|| {
        format!("{} is in no checkout of Reinette with {FOLDER}: run it there, or give --folder DIR", here.display())
    })
}
