//! What every command works with.

use crate::arguments::GlobalArguments;
use crate::folders::Folders;
use crate::printer::Printer;
use anyhow::Result;
use reinette::models::{FetchSettings, ModelStore};

/// What every command works with: the options of all commands, resolved.
pub(crate) struct Context {
    /// The one place that writes.
    pub(crate) printer: Printer,
    /// The models of this machine.
    pub(crate) store: ModelStore,
    /// The model that the user asked for by `--model`.
    pub(crate) model: Option<String>,
}

impl Context {
    pub(crate) fn new(printer: Printer, arguments: GlobalArguments) -> Result<Self> {
        let folders = Folders::resolve(arguments.home, arguments.models)?;
        let settings = FetchSettings { hub: arguments.hub, ..FetchSettings::default() };
        let store = ModelStore::open(folders.models).with_settings(settings);
        Ok(Self { printer, store, model: arguments.model })
    }
}
