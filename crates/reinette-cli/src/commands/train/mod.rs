//! `reinette train`: an adapter from examples.

mod data;
mod export;
mod invent;
mod teach;

use crate::context::Context;
use crate::fetching;
use crate::interrupt::{self, Interrupted};
use crate::printer::{Printer, Record};
use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};
use reinette_train::{Config, Event, Outcome, Run, SourceConfig, StepMetrics};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// People are told of the first step and then about as often as this.
const SECONDS_BETWEEN_NOTES: u64 = 10;

/// Train an adapter for the model from examples, on this machine
///
/// Takes JSON Lines: conversations, requests with the calls of tools that are right for them, completions, or plain text;
/// also OpenAI's, ShareGPT's and Alpaca's files.
/// Ctrl-C saves and stops; `--resume` goes on as if nothing had happened. The result is a folder for `--adapter`.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Train {
    #[command(subcommand)]
    command: Option<TrainCommand>,

    /// Files of examples
    #[arg(required_unless_present = "resume", conflicts_with = "resume")]
    files: Vec<PathBuf>,

    /// Keep everything of the run in DIR; by default named after the first file
    #[arg(long, short, value_name = "DIR", conflicts_with = "resume")]
    output: Option<PathBuf>,

    /// Begin with this configuration instead of the default one: a config.json of another run
    #[arg(long, value_name = "FILE", conflicts_with = "resume")]
    config: Option<PathBuf>,

    /// Change a part of the configuration, such as optimizer.learning_rate=3e-4; may be given several times
    #[arg(long, value_name = "PATH=VALUE", conflicts_with = "resume")]
    set: Vec<String>,

    /// Go on with the run in DIR from its last checkpoint
    #[arg(long, value_name = "DIR")]
    resume: Option<PathBuf>,
}

#[derive(Subcommand, Debug)]
enum TrainCommand {
    Data(data::Data),
    Export(export::Export),
    Invent(invent::Invent),
    Teach(teach::Teach),
}

/// The adapter that was made.
#[derive(Serialize)]
struct Made {
    adapter: PathBuf,
}

impl Record for Made {
    const TYPE: &'static str = "adapter";

    fn to_text(&self) -> String {
        self.adapter.display().to_string()
    }
}

pub(crate) fn run(context: &Context, arguments: &Train) -> Result<()> {
    match &arguments.command {
        Some(TrainCommand::Data(arguments)) => return data::run(context, arguments),
        Some(TrainCommand::Export(arguments)) => return export::run(context, arguments),
        Some(TrainCommand::Invent(arguments)) => return invent::run(context, arguments),
        Some(TrainCommand::Teach(arguments)) => return teach::run(context, arguments),
        None => {}
    }
    let threads = context.n_threads();
    let (mut run, folder) = match &arguments.resume {
        Some(folder) => (Run::resume(folder, threads)?, folder.clone()),
        None => begin(context, arguments, threads)?,
    };
    let stop = interrupt::flag();
    let mut progress = Progress::new(context.printer);
    match run.train(stop, &mut |event| progress.tell(event))? {
        Outcome::Finished(adapter) => {
            context.printer.note(&format!("report: {}", folder.join("report.html").display()));
            context.printer.print(&Made { adapter })
        }
        Outcome::Stopped(step) => {
            let folder = folder.display();
            context.printer.note(&format!("saved after step {step}; go on with: reinette train --resume {folder}"));
            bail!(Interrupted)
        }
    }
}

fn begin(context: &Context, arguments: &Train, threads: usize) -> Result<(Run, PathBuf)> {
    let mut config = match &arguments.config {
        Some(path) => {
            let text = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
            serde_json::from_slice(&text).with_context(|| format!("{} is no configuration", path.display()))?
        }
        None => Config::default(),
    };
    config.data.train = arguments.files.iter().map(|path| SourceConfig { path: path.clone(), weight: 1.0 }).collect();
    if context.model.is_some() || config.model.base.as_os_str().is_empty() {
        config.model.base = fetching::model_file(context)?;
    }
    if let Some(adapter) = &context.adapter {
        config.model.adapter.start = Some(adapter.clone());
    }
    for assignment in &arguments.set {
        config.set(assignment)?;
    }
    let folder = arguments.output.clone().unwrap_or_else(|| default_folder(&arguments.files[0]));
    Ok((Run::begin(config, &folder, threads)?, folder))
}

/// `runs/NAME` for `…/NAME.jsonl`.
fn default_folder(file: &Path) -> PathBuf {
    Path::new("runs").join(file.file_stem().unwrap_or_default())
}

/// Tells how training goes: programs everything, people now and then.
struct Progress {
    printer: Printer,
    steps: usize,
    /// When training began or went on, and after which step.
    start: (Instant, usize),
    told: Option<Instant>,
}

impl Progress {
    fn new(printer: Printer) -> Self {
        Self { printer, steps: 0, start: (Instant::now(), 0), told: None }
    }

    fn tell(&mut self, event: &Event) {
        // A reader that went away is no reason to stop training.
        let _ = self.printer.print_for_programs("training", event);
        match event {
            Event::Started { step, steps, examples, validation_examples, parameters } => {
                self.steps = *steps;
                self.start = (Instant::now(), *step);
                self.printer.note(&format!(
                    "{examples} examples, {validation_examples} to validate; {:.2} million parameters; steps {} to {steps}",
                    *parameters as f64 / 1e6,
                    step + 1
                ));
            }
            Event::Step(metrics) => self.tell_step(metrics),
            Event::Validation(metrics) => self.printer.note(&format!(
                "step {}: validation loss {:.4}, whole answers right {:.1}%",
                metrics.step,
                metrics.loss,
                100.0 * metrics.answers_right
            )),
            Event::Saved { step } => self.printer.note(&format!("step {step}: saved")),
            _ => {}
        }
    }

    fn tell_step(&mut self, metrics: &StepMetrics) {
        let is_due = self.told.is_none_or(|told| told.elapsed() >= Duration::from_secs(SECONDS_BETWEEN_NOTES));
        if !is_due && metrics.step != self.steps {
            return;
        }
        self.told = Some(Instant::now());
        let (start, first) = self.start;
        let per_step = start.elapsed().as_secs_f64() / (metrics.step - first) as f64;
        let left = per_step * self.steps.saturating_sub(metrics.step) as f64;
        self.printer.note(&format!(
            "step {} of {}: loss {:.4}, {:.0} tokens/s, {:.0} min left",
            metrics.step,
            self.steps,
            metrics.loss,
            metrics.tokens_per_second,
            (left / 60.0).ceil()
        ));
    }
}
