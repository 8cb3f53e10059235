//! `reinette man`: the manual, as man pages.

use crate::printer;
use anyhow::{Context as _, Result};
use clap::{Args, Command};
use clap_mangen::Man as Page;
use std::fs;
use std::path::PathBuf;

/// Print the man page, or write one for every command
#[derive(Args, Debug)]
pub(crate) struct Man {
    /// Write the pages of all commands into this folder instead, which is created
    folder: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Man, command: Command) -> Result<()> {
    let Some(folder) = &arguments.folder else {
        let mut page = Vec::new();
        Page::new(command).render(&mut page)?;
        return printer::write_raw(&page);
    };
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    clap_mangen::generate_to(command, folder).with_context(|| format!("cannot write to {}", folder.display()))
}
