//! `reinette cache`: what is kept of what models have read.

use crate::context::Context;
use crate::printer::Record;
use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use indicatif::DecimalBytes;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Show and delete what is kept of instructions that models have read
#[derive(Args, Debug)]
pub(crate) struct Cache {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show how much is kept, and where
    Show,
    /// Delete all of it; what is needed again is read again
    Clear,
}

/// What is kept.
#[derive(Serialize)]
struct Kept {
    snapshots: usize,
    size_bytes: u64,
    limit_bytes: u64,
    path: PathBuf,
}

impl Record for Kept {
    const TYPE: &'static str = "cache";

    fn to_text(&self) -> String {
        let Self { snapshots, size_bytes, limit_bytes, path } = self;
        let (size, limit) = (DecimalBytes(*size_bytes), DecimalBytes(*limit_bytes));
        format!("snapshots: {snapshots}, {size} of at most {limit}, in {}", path.display())
    }
}

/// What was deleted.
#[derive(Serialize)]
struct Cleared {
    snapshots: usize,
    size_bytes: u64,
}

impl Record for Cleared {
    const TYPE: &'static str = "cache_cleared";

    fn to_text(&self) -> String {
        format!("Deleted snapshots: {}, {}", self.snapshots, DecimalBytes(self.size_bytes))
    }
}

pub(crate) fn run(context: &Context, arguments: &Cache) -> Result<()> {
    let folder =
        context.snapshots.as_ref().context("there is no home folder: set HOME, or name a folder with --home")?;
    let unreadable = |path: &Path| format!("cannot use {}", path.display());
    match arguments.action {
        Action::Show => {
            let usage = folder.usage().with_context(|| unreadable(folder.path()))?;
            context.printer.print(&Kept {
                snapshots: usage.snapshots,
                size_bytes: usage.bytes,
                limit_bytes: folder.limit_bytes(),
                path: folder.path().to_owned(),
            })
        }
        Action::Clear => {
            let usage = folder.clear().with_context(|| unreadable(folder.path()))?;
            context.printer.print(&Cleared { snapshots: usage.snapshots, size_bytes: usage.bytes })
        }
    }
}
