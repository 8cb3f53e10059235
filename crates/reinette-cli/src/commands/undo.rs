//! `reinette undo`: takes back what the last request changed.

use crate::context::Context;
use crate::conversation;
use crate::printer::Record;
use anyhow::{Result, bail};
use clap::Args;
use reinette_assistant::journal::Line;
use serde::Serialize;

/// Take back what the last request changed; again, what the one before changed
#[derive(Args, Debug)]
pub(crate) struct Undo {}

/// A change that was taken back.
#[derive(Serialize)]
#[serde(transparent)]
struct Undone(Line);

impl Record for Undone {
    const TYPE: &'static str = "undone";
    const IS_REPORT: bool = true;

    fn to_text(&self) -> String {
        format!("↩ taken back: {}", self.0.effect)
    }
}

pub(crate) fn run(context: &Context, _arguments: &Undo) -> Result<()> {
    let lines = conversation::open(context)?.undo()?;
    if lines.is_empty() {
        bail!("there is nothing to take back");
    }
    for line in lines {
        context.printer.print(&Undone(line))?;
    }
    Ok(())
}
