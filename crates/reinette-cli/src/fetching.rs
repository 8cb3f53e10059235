//! The model that a command needs, fetched on first need.

use crate::context::Context;
use crate::interrupt;
use crate::printer::Printer;
use anyhow::{Context as _, Result};
use indicatif::{DecimalBytes, ProgressBar};
use reinette::models::{KnownModel, Progress, Role};
use reinette_assistant::Tier;
use serde::Serialize;
use std::path::PathBuf;
use std::time::Instant;

/// Where no bar can be drawn, progress is told each time this share is done.
const STEP_PERCENT: u64 = 10;

/// How the model that the user asked for comes to know the tools.
pub(crate) fn tier(context: &Context) -> Result<Tier> {
    let manifest = context.store.manifest();
    let embedded = manifest.with_role(Role::Embedded).context("the list of models names no default")?;
    let name = context.model.as_ref().unwrap_or(&embedded.name);
    Ok(match manifest.model(name).map(|known| known.role) {
        Some(Role::Light) => Tier::Light,
        Some(Role::Embedded) => Tier::Embedded,
        _ => Tier::Standard,
    })
}

/// The file of the model that the user asked for, or else of the default one. A known model that is not here is fetched.
pub(crate) fn model_file(context: &Context) -> Result<PathBuf> {
    if let Some(name) = &context.model {
        return named_model(context, name);
    }
    let default = context.store.manifest().with_role(Role::Embedded);
    fetch(context, default.context("the list of models names no default")?)
}

/// The file of the model that the user calls so, fetched if it is known and not here.
pub(crate) fn named_model(context: &Context, name: &str) -> Result<PathBuf> {
    match context.store.manifest().model(name) {
        Some(known) => fetch(context, known),
        None => Ok(context.store.resolve(name)?),
    }
}

/// The file of a known model, fetched unless it is here.
pub(crate) fn fetch(context: &Context, model: &KnownModel) -> Result<PathBuf> {
    if let Some(path) = context.store.path(&model.name) {
        return Ok(path);
    }
    let printer = context.printer;
    let size = DecimalBytes(model.size_bytes);
    printer.note(&format!("Fetching {} once ({}, {size}, {})", model.name, model.description, model.licence));
    let start = Instant::now();
    let mut display = Display { printer, model, bar: None, next_percent: 0 };
    let outcome = context.store.fetch(model, &mut |progress| display.show(progress), interrupt::flag());
    display.finish();
    let path = outcome?;
    printer.note(&format!("  ready after {:.1} s: {}", start.elapsed().as_secs_f64(), path.display()));
    Ok(path)
}

/// What is shown of a fetch.
struct Display<'a> {
    printer: Printer,
    model: &'a KnownModel,
    bar: Option<ProgressBar>,
    next_percent: u64,
}

#[derive(Serialize)]
struct FetchProgress<'a> {
    model: &'a str,
    bytes: u64,
    total_bytes: u64,
}

impl Display<'_> {
    fn show(&mut self, progress: Progress) {
        match progress {
            Progress::Received { bytes, total_bytes } => self.received(bytes, total_bytes),
            Progress::Waiting => self.note("  another process is fetching into the same folder: waiting for it"),
            Progress::Trying { source_name } => self.note(&format!("  from {source_name}")),
            Progress::Retrying { reason, wait } => {
                self.warn(&format!("{reason}; trying again in {} s", wait.as_secs_f32()));
            }
            Progress::SourceFailed { source_name, reason } => self.warn(&format!("{source_name}: {reason}")),
            // Checking takes less than a second.
            _ => {}
        }
    }

    fn received(&mut self, bytes: u64, total_bytes: u64) {
        if self.bar.is_none() {
            self.bar = self.printer.byte_bar(total_bytes);
            if let Some(bar) = &self.bar {
                // What an earlier run brought says nothing about the speed of this one.
                bar.set_position(bytes);
                bar.reset_eta();
            }
        }
        if let Some(bar) = &self.bar {
            bar.set_position(bytes);
        }
        let percent = bytes * 100 / total_bytes.max(1);
        if percent < self.next_percent {
            return;
        }
        self.next_percent = percent - percent % STEP_PERCENT + STEP_PERCENT;
        let record = FetchProgress { model: &self.model.name, bytes, total_bytes };
        // Whether anybody reads the progress does not matter to the fetch.
        let _ = self.printer.print_for_programs("progress", &record);
        if self.bar.is_none() {
            self.printer.note(&format!("  {percent} % of {}", DecimalBytes(total_bytes)));
        }
    }

    fn note(&mut self, text: &str) {
        self.finish();
        self.printer.note(text);
    }

    fn warn(&mut self, text: &str) {
        self.finish();
        self.printer.warn(text);
    }

    fn finish(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}
