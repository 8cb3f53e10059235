//! What every command works with.

use crate::global_arguments::GlobalArguments;
use crate::printer::Printer;
use anyhow::{Context as _, Result};
use reinette::models::{FetchSettings, ModelStore};
use reinette::{KvType, PackedFolder, SnapshotFolder, cache_folder, data_folder};
use reinette_assistant::Home;
use std::path::{Path, PathBuf};

const BYTES_PER_MEGABYTE: u64 = 1_000_000;

/// What every command works with: the options of all commands, resolved.
pub(crate) struct Context {
    /// The one place that writes.
    pub(crate) printer: Printer,
    /// The models of this machine; the same for every home, because they are large and hold nothing of the user's.
    pub(crate) store: ModelStore,
    /// The model that the user asked for by `--model`.
    pub(crate) model: Option<String>,
    /// The draft model that the user asked for by `--draft`.
    pub(crate) draft: Option<String>,
    /// The threads that the user asked for by `--threads`.
    pub(crate) threads: Option<usize>,
    /// How keys and values are stored.
    pub(crate) kv_type: KvType,
    /// The adapter that the user asked for by `--adapter`.
    pub(crate) adapter: Option<PathBuf>,
    /// What models have read, kept for the next start; `None` where there is nowhere to keep it.
    pub(crate) snapshots: Option<SnapshotFolder>,
    /// Weights rearranged for this processor; `None` where there is nowhere to keep them.
    pub(crate) packed: Option<PackedFolder>,
    /// What may be deleted at any time; `None` where there is nowhere to keep it.
    pub(crate) cache: Option<PathBuf>,
    home: Option<PathBuf>,
}

impl Context {
    pub(crate) fn new(printer: Printer, arguments: GlobalArguments) -> Result<Self> {
        let shared = || Some(data_folder()?.join("models"));
        let models = arguments.models.or_else(shared);
        let models = models.context("there is no home folder: set HOME, or name folders with --home and --models")?;
        let settings = FetchSettings { hub: arguments.hub, ..FetchSettings::default() };
        let store = ModelStore::open(models).with_settings(settings);
        let threads = arguments.threads.map(usize::from);
        let GlobalArguments { model, draft, adapter, home, cache_limit, kv_cache, .. } = arguments;
        let limit_bytes = u64::from(cache_limit) * BYTES_PER_MEGABYTE;
        let cache = cache_folder(home.as_deref());
        let snapshots = cache.as_ref().map(|cache| SnapshotFolder::new(cache.join("prefixes"), limit_bytes));
        let packed = cache.as_ref().map(|cache| PackedFolder::new(cache.join("packed")));
        let kv_type = kv_cache.into();
        Ok(Self { printer, store, model, draft, threads, kv_type, adapter, snapshots, packed, cache, home })
    }

    /// Where to keep rearranged weights, unless the user wants nothing to be kept.
    pub(crate) fn packed_to_keep(&self) -> Option<&PackedFolder> {
        let is_wanted = self.snapshots.as_ref().is_some_and(|snapshots| snapshots.limit_bytes() > 0);
        self.packed.as_ref().filter(|_| is_wanted)
    }

    /// The threads that the user asked for, or one a core.
    pub(crate) fn n_threads(&self) -> usize {
        self.threads.unwrap_or_else(cores)
    }

    /// The home that the user named.
    pub(crate) fn named_home(&self) -> Option<&Path> {
        self.home.as_deref()
    }

    /// The user's home, made if need be.
    pub(crate) fn home(&self) -> Result<Home> {
        Ok(Home::open(self.home.as_deref())?)
    }
}

/// The cores of this machine.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
