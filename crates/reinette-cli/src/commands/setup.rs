//! `reinette setup`: everything that the first request needs, brought here before it.

use crate::context::Context;
use crate::fetching;
use crate::printer::Record;
use anyhow::{Context as _, Result};
use clap::Args;
use reinette::models::Role;
use serde::Serialize;
use std::path::PathBuf;

/// Fetch the default model, so that the first request need not wait for it
#[derive(Args, Debug)]
pub(crate) struct Setup {
    /// Fetch the standard model (1.1 GB) instead: larger and slower, it needs no training for a new tool
    #[arg(long)]
    standard: bool,
}

#[derive(Serialize)]
struct Ready {
    path: PathBuf,
}

impl Record for Ready {
    const TYPE: &'static str = "model_ready";

    fn to_text(&self) -> String {
        self.path.display().to_string()
    }
}

pub(crate) fn run(context: &Context, arguments: &Setup) -> Result<()> {
    let path = if arguments.standard {
        let standard = context.store.manifest().with_role(Role::Standard);
        fetching::fetch(context, standard.context("the list of models names no standard model")?)?
    } else {
        fetching::model_file(context)?
    };
    context.printer.print(&Ready { path })
}
