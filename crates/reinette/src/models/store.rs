//! The folder of models.

use super::fetch::{self, FetchSettings, Progress};
use super::lock::StoreLock;
use super::manifest::is_plain_name;
use super::{FetchError, KnownModel, Manifest, Sha256Digest, StoreError};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

/// The folder, inside the folder of models, of what is not whole yet.
const PARTIAL_FOLDER: &str = ".partial";

/// The first bytes of every GGUF file.
const GGUF_MAGIC: [u8; 4] = *b"GGUF";

/// A folder of GGUF files: those that the manifest knows, and any others that the user added.
///
/// ```no_run
/// # use std::sync::atomic::AtomicBool;
/// use reinette::models::{Manifest, ModelStore, Role};
///
/// let store = ModelStore::open("models");
/// let model = Manifest::builtin().with_role(Role::Embedded).expect("the manifest names a default");
/// let path = store.fetch(model, &mut |_progress| {}, &AtomicBool::new(false))?;
/// # Ok::<(), reinette::models::FetchError>(())
/// ```
#[derive(Clone, Debug)]
pub struct ModelStore {
    folder: PathBuf,
    manifest: Manifest,
    settings: FetchSettings,
}

/// A model of a [`ModelStore`].
#[derive(Clone, Debug, PartialEq)]
pub struct StoredModel {
    /// What the user calls it.
    pub name: String,
    /// Its file.
    pub path: PathBuf,
    /// The size of its file.
    pub size_bytes: u64,
    /// What the manifest says about it.
    pub known: Option<KnownModel>,
}

/// What [`ModelStore::verify`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verification {
    /// The file is the one that the manifest names.
    Intact {
        /// Its digest.
        sha256: Sha256Digest,
    },
    /// The file is not the one that the manifest names.
    Damaged {
        /// The digest in the manifest.
        expected: Sha256Digest,
        /// The digest of the file.
        found: Sha256Digest,
    },
    /// The manifest does not know the file, so nothing says what its digest should be.
    Unknown {
        /// Its digest.
        found: Sha256Digest,
    },
}

impl ModelStore {
    /// The store in `folder`, with the manifest of the program. The folder is created when something is written.
    pub fn open(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), manifest: Manifest::builtin().clone(), settings: FetchSettings::default() }
    }

    /// The same store with another manifest.
    #[must_use]
    pub fn with_manifest(self, manifest: Manifest) -> Self {
        Self { manifest, ..self }
    }

    /// The same store, fetching in another way.
    #[must_use]
    pub fn with_settings(self, settings: FetchSettings) -> Self {
        Self { settings, ..self }
    }

    /// The models it knows by name.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The file of the model called `name`, if it is on this machine. A known model counts only at its full size.
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        let known = self.manifest.model(name);
        let path = match known {
            Some(model) => self.folder.join(&model.file),
            None if is_plain_name(name) => self.folder.join(format!("{name}.gguf")),
            None => return None,
        };
        let metadata = fs::metadata(&path).ok().filter(fs::Metadata::is_file)?;
        known.is_none_or(|model| model.size_bytes == metadata.len()).then_some(path)
    }

    /// Every model of the folder, by name. A folder that does not exist has none.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn list(&self) -> Result<Vec<StoredModel>, StoreError> {
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(StoreError::io("read", &self.folder))?,
        };
        let mut models = Vec::new();
        for entry in entries {
            let path = entry.map_err(StoreError::io("read", &self.folder))?.path();
            models.extend(self.stored_model(&path));
        }
        models.sort_by(|left, right| left.name.cmp(&right.name));
        Ok(models)
    }

    fn stored_model(&self, path: &Path) -> Option<StoredModel> {
        let file = path.file_name()?.to_str()?;
        let stem = file.strip_suffix(".gguf").filter(|stem| is_plain_name(stem))?;
        let known = self.manifest.models().iter().find(|model| model.file == file).cloned();
        let name = known.as_ref().map_or(stem, |model| &model.name).to_owned();
        let size_bytes = fs::metadata(path).ok().filter(fs::Metadata::is_file)?.len();
        Some(StoredModel { name, path: path.to_owned(), size_bytes, known })
    }

    /// The file that the user means by the name of a model or the path of a file.
    ///
    /// # Errors
    /// [`StoreError::NotFetched`] for a known model that is not here yet, [`StoreError::UnknownModel`] for anything else
    /// that is neither a model nor a file.
    pub fn resolve(&self, name_or_path: &str) -> Result<PathBuf, StoreError> {
        if let Some(path) = self.path(name_or_path) {
            return Ok(path);
        }
        if self.manifest.model(name_or_path).is_some() {
            return Err(StoreError::NotFetched { name: name_or_path.to_owned() });
        }
        let path = Path::new(name_or_path);
        if path.is_file() { Ok(path.to_owned()) } else { Err(self.unknown(name_or_path)) }
    }

    fn unknown(&self, name: &str) -> StoreError {
        let mut available: Vec<String> = self.manifest.models().iter().map(|model| model.name.clone()).collect();
        for stored in self.list().unwrap_or_default() {
            if !available.contains(&stored.name) {
                available.push(stored.name);
            }
        }
        StoreError::UnknownModel { name: name.to_owned(), available }
    }

    /// Brings a known model to this machine, unless it is here already. What was fetched by an earlier call that was
    /// interrupted is not fetched again. A second process that fetches at the same time waits for the first.
    ///
    /// `report` is called with every [`Progress`]; `cancelled` is looked at several times a second.
    ///
    /// # Errors
    /// [`FetchError::Sources`] when no source delivers the right bytes, [`FetchError::Store`] when the folder cannot be
    /// written or the disk is full, [`FetchError::Cancelled`] when `cancelled` was set.
    pub fn fetch(
        &self,
        model: &KnownModel,
        report: &mut dyn FnMut(Progress),
        cancelled: &AtomicBool,
    ) -> Result<PathBuf, FetchError> {
        let target = self.folder.join(&model.file);
        if is_whole(&target, model) {
            return Ok(target);
        }
        fs::create_dir_all(&self.folder).map_err(StoreError::io("create", &self.folder))?;
        let _lock = fetch::wait_for_lock(&self.folder, report, cancelled)?;
        // Another process may have fetched it in the meantime.
        if is_whole(&target, model) {
            return Ok(target);
        }
        let partial = self.partial_folder(&model.file);
        fs::create_dir_all(&partial).map_err(StoreError::io("create", &partial))?;
        let hub = self.settings.hub.as_deref().unwrap_or(self.manifest.hub());
        let whole = fetch::Fetch::new(model, &partial, hub, &self.settings, cancelled).run(report)?;
        self.place(&whole, &target)?;
        self.clear_partial(&model.file)?;
        Ok(target)
    }

    /// Adds a copy of the GGUF file at `source`, called `name`, or after its file when `name` is `None`.
    ///
    /// # Errors
    /// It is not a GGUF file, the name is taken or unusable, or the copy cannot be written.
    pub fn add_file(&self, source: &Path, name: Option<&str>) -> Result<StoredModel, StoreError> {
        let name = match name {
            Some(name) => name.to_owned(),
            None => source.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
        };
        if !is_plain_name(&name) {
            return Err(StoreError::UnusableName { name });
        }
        let own_file = format!("{name}.gguf");
        let known = self.manifest.models().iter().find(|model| model.name == name || model.file == own_file);
        let file_name = known.map_or(own_file, |model| model.file.clone());
        let target = self.folder.join(&file_name);
        if target.exists() {
            return Err(StoreError::AlreadyThere { name, path: target });
        }
        let size_bytes = check_gguf(source)?;
        let partial = self.partial_folder(&file_name);
        fs::create_dir_all(&partial).map_err(StoreError::io("create", &partial))?;
        let _lock = self.lock_or_busy()?;
        fetch::require_space(&self.folder, size_bytes)?;
        let copy = partial.join("whole");
        let placed = copy_checked(source, &copy, known).and_then(|()| self.place(&copy, &target));
        self.clear_partial(&file_name)?;
        placed?;
        self.stored_model(&target).ok_or(StoreError::UnknownModel { name, available: Vec::new() })
    }

    /// Deletes the model called `name`, and what there is of an unfinished fetch of it.
    ///
    /// # Errors
    /// There is no such model here, or it cannot be deleted.
    pub fn remove(&self, name: &str) -> Result<(), StoreError> {
        let known = self.manifest.model(name);
        let Some(file) = known.map(|model| model.file.clone()).or_else(|| self.own_file(name)) else {
            return Err(self.unknown(name));
        };
        let target = self.folder.join(&file);
        let partial = self.partial_folder(&file);
        if !target.exists() && !partial.exists() {
            return Err(match known {
                Some(_) => StoreError::NotFetched { name: name.to_owned() },
                None => self.unknown(name),
            });
        }
        let _lock = self.lock_or_busy()?;
        if target.exists() {
            fs::remove_file(&target).map_err(StoreError::io("delete", &target))?;
        }
        self.clear_partial(&file)
    }

    fn own_file(&self, name: &str) -> Option<String> {
        self.path(name).is_some().then(|| format!("{name}.gguf"))
    }

    /// Reads the whole file of the model called `name` and compares its digest with the manifest's.
    ///
    /// # Errors
    /// There is no such model here, or it cannot be read.
    pub fn verify(&self, name: &str) -> Result<Verification, StoreError> {
        let known = self.manifest.model(name);
        let path = match known {
            // Not `path`, which does not see a known model of the wrong size: exactly that is to be found here.
            Some(model) if self.folder.join(&model.file).is_file() => self.folder.join(&model.file),
            Some(_) => return Err(StoreError::NotFetched { name: name.to_owned() }),
            None => self.path(name).ok_or_else(|| self.unknown(name))?,
        };
        let found = Sha256Digest::of_file(&path).map_err(StoreError::io("read", &path))?;
        Ok(match known.map(|model| model.sha256) {
            Some(expected) if expected == found => Verification::Intact { sha256: found },
            Some(expected) => Verification::Damaged { expected, found },
            None => Verification::Unknown { found },
        })
    }

    fn partial_folder(&self, file: &str) -> PathBuf {
        self.folder.join(PARTIAL_FOLDER).join(file)
    }

    fn lock_or_busy(&self) -> Result<StoreLock, StoreError> {
        StoreLock::try_take(&self.folder)?.ok_or_else(|| StoreError::Busy { folder: self.folder.clone() })
    }

    /// Makes a whole file a model: on the disk first, visible second, so that a power cut leaves one or the other.
    fn place(&self, whole: &Path, target: &Path) -> Result<(), StoreError> {
        let sync = |path: &Path| File::open(path).and_then(|file| file.sync_all());
        sync(whole).map_err(StoreError::io("write", whole))?;
        fs::rename(whole, target).map_err(StoreError::io("write", target))?;
        // A folder can be flushed only where it can be opened like a file.
        if cfg!(unix) { sync(&self.folder).map_err(StoreError::io("write", &self.folder)) } else { Ok(()) }
    }

    fn clear_partial(&self, file: &str) -> Result<(), StoreError> {
        let partial = self.partial_folder(file);
        if partial.exists() {
            fs::remove_dir_all(&partial).map_err(StoreError::io("delete", &partial))?;
        }
        // Stays when another model is half fetched: it is not empty then.
        let _ = fs::remove_dir(self.folder.join(PARTIAL_FOLDER));
        Ok(())
    }
}

fn is_whole(path: &Path, model: &KnownModel) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.len() == model.size_bytes)
}

/// Copies a file that is to be the model `known`, if it is to be one that the manifest knows.
fn copy_checked(source: &Path, copy: &Path, known: Option<&KnownModel>) -> Result<(), StoreError> {
    fs::copy(source, copy).map_err(StoreError::io("copy the file to", copy))?;
    let Some(model) = known else { return Ok(()) };
    let found = Sha256Digest::of_file(copy).map_err(StoreError::io("read", copy))?;
    if found == model.sha256 {
        return Ok(());
    }
    let (name, expected) = (model.name.clone(), model.sha256);
    Err(StoreError::NotThatModel { path: source.to_owned(), name, expected, found })
}

/// The size of the GGUF file at `path`.
fn check_gguf(path: &Path) -> Result<u64, StoreError> {
    let mut file = File::open(path).map_err(StoreError::io("open", path))?;
    let metadata = file.metadata().map_err(StoreError::io("read", path))?;
    let mut magic = [0; 4];
    let is_gguf = metadata.is_file() && file.read_exact(&mut magic).is_ok() && magic == GGUF_MAGIC;
    if is_gguf { Ok(metadata.len()) } else { Err(StoreError::NotGguf { path: path.to_owned() }) }
}
