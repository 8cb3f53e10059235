//! Where things are kept.

use anyhow::{Context as _, Result};
use std::env;
use std::path::PathBuf;

/// The folders of one user.
#[derive(Debug, PartialEq)]
pub(crate) struct Folders {
    /// Models; the same for every home, because they are large and hold nothing of the user's.
    pub(crate) models: PathBuf,
}

impl Folders {
    /// The folders that the options name, or those of the XDG base directory specification.
    pub(crate) fn resolve(_home: Option<PathBuf>, models: Option<PathBuf>) -> Result<Self> {
        let models = models.map_or_else(|| data_folder().map(|data| data.join("models")), Ok)?;
        Ok(Self { models })
    }
}

/// `$XDG_DATA_HOME/reinette`.
fn data_folder() -> Result<PathBuf> {
    // The specification: a path that is not absolute is to be ignored.
    let configured = env::var_os("XDG_DATA_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let base =
        configured.or_else(|| env::home_dir().filter(|home| home.is_absolute()).map(|home| home.join(".local/share")));
    Ok(base.context("there is no home folder: set HOME, or name folders with --home and --models")?.join("reinette"))
}
