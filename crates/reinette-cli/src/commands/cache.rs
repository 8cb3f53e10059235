//! `reinette cache`: what is kept for the next start: what models have read, and their weights for this processor.

use crate::context::Context;
use crate::printer::Record;
use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use indicatif::DecimalBytes;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Show and delete what is kept for the next start: instructions that models have read, and rearranged weights
#[derive(Args, Debug)]
pub(crate) struct Cache {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show how much is kept, and where
    Show,
    /// Delete all of it; what is needed again is made again
    Clear,
}

/// What is kept.
#[derive(Serialize)]
struct Kept {
    snapshots: usize,
    size_bytes: u64,
    limit_bytes: u64,
    path: PathBuf,
    packed_models: usize,
    packed_bytes: u64,
    packed_path: PathBuf,
}

impl Record for Kept {
    const TYPE: &'static str = "cache";

    fn to_text(&self) -> String {
        let Self { snapshots, size_bytes, limit_bytes, path, .. } = self;
        let (size, limit) = (DecimalBytes(*size_bytes), DecimalBytes(*limit_bytes));
        format!("snapshots: {snapshots}, {size} of at most {limit}, in {}", path.display())
    }

    fn further_lines(&self) -> Vec<String> {
        let Self { packed_models, packed_bytes, packed_path, .. } = self;
        let packed = DecimalBytes(*packed_bytes);
        vec![format!("packed models: {packed_models}, {packed}, in {}", packed_path.display())]
    }
}

/// What was deleted.
#[derive(Serialize)]
struct Cleared {
    snapshots: usize,
    size_bytes: u64,
    packed_models: usize,
    packed_bytes: u64,
}

impl Record for Cleared {
    const TYPE: &'static str = "cache_cleared";
    const IS_REPORT: bool = true;

    fn to_text(&self) -> String {
        let Self { snapshots, size_bytes, packed_models, packed_bytes } = self;
        let (size, packed) = (DecimalBytes(*size_bytes), DecimalBytes(*packed_bytes));
        format!("Deleted snapshots: {snapshots}, {size}; packed models: {packed_models}, {packed}")
    }
}

pub(crate) fn run(context: &Context, arguments: &Cache) -> Result<()> {
    let folders = context.snapshots.as_ref().zip(context.packed.as_ref());
    let (snapshots, packed) = folders.context("there is no home folder: set HOME, or name a folder with --home")?;
    let unusable = |path: &Path| format!("cannot use {}", path.display());
    match arguments.action {
        Action::Show => {
            let read = snapshots.usage().with_context(|| unusable(snapshots.path()))?;
            let rearranged = packed.usage().with_context(|| unusable(packed.path()))?;
            context.printer.print(&Kept {
                snapshots: read.files,
                size_bytes: read.bytes,
                limit_bytes: snapshots.limit_bytes(),
                path: snapshots.path().to_owned(),
                packed_models: rearranged.files,
                packed_bytes: rearranged.bytes,
                packed_path: packed.path().to_owned(),
            })
        }
        Action::Clear => {
            let read = snapshots.clear().with_context(|| unusable(snapshots.path()))?;
            let rearranged = packed.clear().with_context(|| unusable(packed.path()))?;
            context.printer.print(&Cleared {
                snapshots: read.files,
                size_bytes: read.bytes,
                packed_models: rearranged.files,
                packed_bytes: rearranged.bytes,
            })
        }
    }
}
