//! The model of this machine, wherever it is, or why there is none.

use crate::models::{Manifest, ModelStore, Role, StoreError};
use crate::{
    Adapter, Capability, LanguageModel, ModelError, ModelInfo, OnDeviceConfig, OnDeviceModel, PackedFolder, Request,
    ResponseStream, SnapshotFolder, ToolAdapter,
};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What snapshots of prompts may take on the disk, unless configured.
const SNAPSHOT_BYTES: u64 = 512_000_000;

/// Which model to use, and where things are. What is left out is as for the `reinette` program: the environment's
/// `REINETTE_MODEL` and `REINETTE_MODELS`, then the user's own data and cache folders.
#[derive(Clone, Debug, Default)]
pub struct SystemModelConfig {
    /// The model's name, or the path of a GGUF file.
    pub model: Option<String>,
    /// The folder of models.
    pub models: Option<PathBuf>,
    /// The folder of what may be deleted at any time.
    pub cache: Option<PathBuf>,
    /// The longest conversation, in tokens.
    pub context_tokens: Option<usize>,
    /// Threads to compute with.
    pub threads: Option<usize>,
}

/// Whether there is a model on this machine.
#[derive(Debug)]
pub enum Availability {
    /// There is: this file.
    Available(PathBuf),
    /// There is not.
    Unavailable(Unavailable),
}

/// Why there is no model, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unavailable {
    /// Nowhere to look.
    #[error("there is no folder of models: set HOME or REINETTE_MODELS, or name one in `SystemModelConfig::models`")]
    NoFolder,
    /// The default model was never fetched.
    #[error(
        "the model `{name}` is not on this machine: run `reinette models add {name}`, which brings {} MB, or \
         `ModelStore::fetch`", size_bytes / 1_000_000
    )]
    NotFetched {
        /// The model.
        name: String,
        /// What fetching it would bring.
        size_bytes: u64,
    },
    /// The model that was asked for is none that is known.
    #[error("{source}{}", source.hint().map(|hint| format!("; {hint}")).unwrap_or_default())]
    Unknown {
        /// What the store says.
        source: Box<StoreError>,
    },
    /// The file is there and cannot be used.
    #[error("the model {} cannot be used: {source}; `reinette models verify` tells whether the file is damaged", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: ModelError,
    },
}

/// The model of this machine: what the user has fetched, found where the `reinette` program keeps it.
///
/// Clones share one model; what they ask at the same time is answered together.
///
/// ```no_run
/// use reinette::{Session, SystemModel};
///
/// # futures_lite::future::block_on(async {
/// let model = SystemModel::default().await?;
/// let session = Session::new(&model).instructions("You plan trips.");
/// println!("{}", session.respond("Three days in Lyon with a child").await?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct SystemModel {
    model: Arc<OnDeviceModel>,
    version: Option<String>,
}

impl SystemModel {
    /// Gets the machine's model ready, on a thread of its own.
    ///
    /// # Errors
    /// Why there is none, and what to do about it.
    pub async fn default() -> Result<Self, Unavailable> {
        Self::load(SystemModelConfig::default()).await
    }

    /// As [`default`](Self::default), configured.
    ///
    /// # Errors
    /// Why there is none, and what to do about it.
    pub async fn load(config: SystemModelConfig) -> Result<Self, Unavailable> {
        let (sender, loaded) = async_channel::bounded(1);
        std::thread::spawn(move || sender.try_send(Self::load_blocking(&config)));
        // The thread sends whatever comes of it, unless it panics.
        loaded.recv().await.unwrap_or(Err(Unavailable::Unusable {
            path: PathBuf::new(),
            source: ModelError::Engine("loading broke down; please report it".into()),
        }))
    }

    /// As [`load`](Self::load), without async: works on this thread.
    ///
    /// # Errors
    /// Why there is none, and what to do about it.
    pub fn load_blocking(config: &SystemModelConfig) -> Result<Self, Unavailable> {
        let path = config.find()?;
        // A known file has its digest in the manifest; its size is checked here, all of it was when it was fetched.
        let file = path.file_name().and_then(|name| name.to_str());
        let known = Manifest::builtin().models().iter().find(|known| Some(known.file.as_str()) == file);
        let mut on_device = OnDeviceConfig::new(&path);
        on_device.adapter = known.filter(|known| known.role == Role::Light).map(|_| ToolAdapter::offered());
        if let Some(cache) = config.cache.clone().or_else(|| crate::folders::cache_folder(None)) {
            on_device.snapshots = Some(SnapshotFolder::new(cache.join("prefixes"), SNAPSHOT_BYTES));
            on_device.packed = Some(PackedFolder::new(cache.join("packed")));
        }
        on_device.context_tokens = config.context_tokens.unwrap_or(on_device.context_tokens);
        on_device.threads = config.threads.unwrap_or(on_device.threads);
        let model =
            OnDeviceModel::load(&on_device).map_err(|source| Unavailable::Unusable { path: path.clone(), source })?;
        Ok(Self { model: Arc::new(model), version: known.map(|known| known.sha256.to_string()) })
    }

    /// Loads an adapter for single requests: see [`OnDeviceModel::load_adapter`].
    ///
    /// # Errors
    /// [`ModelError::Adapter`] if it is damaged, or was made for another model.
    pub fn load_adapter(&self, path: impl AsRef<Path>) -> Result<Adapter, ModelError> {
        self.model.load_adapter(path)
    }

    /// Whether there is a model, without loading it.
    pub fn availability(config: &SystemModelConfig) -> Availability {
        match config.find() {
            Ok(path) => Availability::Available(path),
            Err(reason) => Availability::Unavailable(reason),
        }
    }
}

impl SystemModelConfig {
    /// The model's file.
    fn find(&self) -> Result<PathBuf, Unavailable> {
        let environment = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let shared = || Some(crate::folders::data_folder()?.join("models"));
        let folder = self.models.clone().or_else(|| environment("REINETTE_MODELS").map(PathBuf::from)).or_else(shared);
        let store = ModelStore::open(folder.ok_or(Unavailable::NoFolder)?);
        let asked = self.model.clone().or_else(|| environment("REINETTE_MODEL")?.into_string().ok());
        let Some(name) = asked else { return default_of(&store) };
        store.resolve(&name).map_err(|source| match source {
            StoreError::NotFetched { name } => not_fetched(&store, &name),
            source => Unavailable::Unknown { source: Box::new(source) },
        })
    }
}

/// The model that nobody asked for by name: the default one, else the larger, else whatever there is.
fn default_of(store: &ModelStore) -> Result<PathBuf, Unavailable> {
    let mut known =
        [Role::Embedded, Role::Standard, Role::Light].into_iter().filter_map(|role| store.manifest().with_role(role));
    let here = known.find_map(|model| store.path(&model.name));
    let any = || store.list().ok()?.into_iter().find(|stored| stored.known.is_none()).map(|stored| stored.path);
    let name = || store.manifest().with_role(Role::Embedded).map(|model| model.name.clone()).unwrap_or_default();
    here.or_else(any).ok_or_else(|| not_fetched(store, &name()))
}

fn not_fetched(store: &ModelStore, name: &str) -> Unavailable {
    let size_bytes = store.manifest().model(name).map_or(0, |model| model.size_bytes);
    Unavailable::NotFetched { name: name.to_owned(), size_bytes }
}

impl LanguageModel for SystemModel {
    fn info(&self) -> ModelInfo {
        self.model.info()
    }

    fn respond(&self, request: Request) -> ResponseStream {
        self.model.respond(request)
    }

    fn supports(&self, capability: Capability) -> bool {
        self.model.supports(capability)
    }

    fn token_count(&self, request: &Request) -> Result<usize, ModelError> {
        self.model.token_count(request)
    }

    fn version(&self) -> Option<String> {
        self.version.clone()
    }

    fn has_learned(&self, tool: &str) -> bool {
        self.model.has_learned(tool)
    }

    fn prewarm(&self, request: Request) -> ResponseStream {
        self.model.prewarm(request)
    }
}
