//! `reinette models`: what models there are, and changes to that.

use crate::context::Context;
use crate::fetching;
use crate::printer::Record;
use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};
use indicatif::DecimalBytes;
use reinette::models::{KnownModel, Role, StoredModel, Verification};
use reinette::{FileState, OnDeviceModel, VerifiedFile as CacheFile};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// List, add, remove and verify models
#[derive(Args, Debug)]
pub(crate) struct Models {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the models on this machine, and those that can be fetched
    List,
    /// Fetch a known model, or add a copy of a GGUF file
    Add {
        /// The name of a known model, or the path of a GGUF file
        #[arg(value_name = "NAME|FILE")]
        what: String,
        /// What to call the model of a file; the file's own name unless given
        #[arg(long)]
        name: Option<String>,
    },
    /// Delete models from this machine
    Remove {
        /// Names that `models list` shows
        #[arg(required = true)]
        names: Vec<String>,
    },
    /// Compare models, adapters and what is kept for the next start, byte by byte, with what they should be
    Verify {
        /// Names that `models list` shows, or paths of adapters; unless given, all models on this machine, the adapter of
        /// `--adapter`, and the cache
        #[arg(value_name = "NAME|ADAPTER")]
        names: Vec<String>,
    },
}

pub(crate) fn run(context: &Context, arguments: Models) -> Result<()> {
    match arguments.action {
        Action::List => list(context),
        Action::Add { what, name } => add(context, &what, name.as_deref()),
        Action::Remove { names } => remove(context, &names),
        Action::Verify { names } => verify(context, &names),
    }
}

/// A line of `models list`.
#[derive(Serialize)]
struct ListedModel {
    name: String,
    installed: bool,
    size_bytes: u64,
    role: Option<Role>,
    description: Option<String>,
    good_at: Option<String>,
    licence: Option<String>,
    context_tokens: Option<usize>,
    path: Option<PathBuf>,
}

impl ListedModel {
    fn stored(model: StoredModel) -> Self {
        let listed = model.known.map(|known| Self::known(&known));
        let listed = listed.unwrap_or_else(|| Self::unknown(model.name));
        Self { installed: true, size_bytes: model.size_bytes, path: Some(model.path), ..listed }
    }

    fn known(model: &KnownModel) -> Self {
        Self {
            name: model.name.clone(),
            installed: false,
            size_bytes: model.size_bytes,
            role: Some(model.role),
            description: Some(model.description.clone()),
            good_at: Some(model.good_at.clone()),
            licence: Some(model.licence.clone()),
            context_tokens: Some(model.context_tokens),
            path: None,
        }
    }

    fn unknown(name: String) -> Self {
        Self {
            name,
            installed: true,
            size_bytes: 0,
            role: None,
            description: None,
            good_at: None,
            licence: None,
            context_tokens: None,
            path: None,
        }
    }
}

impl Record for ListedModel {
    const TYPE: &'static str = "model";

    fn to_text(&self) -> String {
        let state = if self.installed { "here" } else { "not fetched" };
        let role = match self.role {
            Some(Role::Embedded) => "the default",
            Some(Role::Light) => "the smallest",
            Some(Role::Standard) => "the standard model",
            Some(Role::Tests) => "for tests only",
            None => "yours",
        };
        let size = DecimalBytes(self.size_bytes).to_string();
        format!("{:<20} {size:>9}  {state:<11}  {role}", self.name)
    }

    fn further_lines(&self) -> Vec<String> {
        match (&self.description, &self.licence, &self.good_at) {
            (Some(description), Some(licence), Some(good_at)) => {
                vec![format!("    {description}, {licence}: {good_at}")]
            }
            _ => Vec::new(),
        }
    }
}

fn list(context: &Context) -> Result<()> {
    let stored = context.store.list()?;
    let missing = |model: &&KnownModel| !stored.iter().any(|stored| stored.name == model.name);
    let known: Vec<ListedModel> =
        context.store.manifest().models().iter().filter(missing).map(ListedModel::known).collect();
    for model in stored.into_iter().map(ListedModel::stored).chain(known) {
        context.printer.print(&model)?;
    }
    Ok(())
}

/// What `models add` and `models remove` did.
#[derive(Serialize)]
struct Change {
    name: String,
    #[serde(skip)]
    verb: &'static str,
    path: Option<PathBuf>,
}

impl Record for Change {
    const TYPE: &'static str = "model_changed";
    const IS_REPORT: bool = true;

    fn to_text(&self) -> String {
        let Self { name, verb, path } = self;
        path.as_ref().map_or_else(|| format!("{verb} {name}"), |path| format!("{verb} {name}: {}", path.display()))
    }
}

fn add(context: &Context, what: &str, name: Option<&str>) -> Result<()> {
    let (name, path) = match context.store.manifest().model(what) {
        Some(_) if name.is_some() => bail!("a known model keeps its name: --name is for files"),
        Some(model) => (what.to_owned(), fetching::fetch(context, model)?),
        None => {
            let model = context.store.add_file(Path::new(what), name)?;
            (model.name, model.path)
        }
    };
    context.printer.print(&Change { name, verb: "Added", path: Some(path) })
}

fn remove(context: &Context, names: &[String]) -> Result<()> {
    for name in names {
        context.store.remove(name)?;
        context.printer.print(&Change { name: name.clone(), verb: "Removed", path: None })?;
    }
    Ok(())
}

/// A line of `models verify`.
#[derive(Serialize)]
struct Verified {
    name: String,
    state: &'static str,
    sha256: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected_sha256: Option<String>,
}

impl Record for Verified {
    const TYPE: &'static str = "model_verified";

    fn to_text(&self) -> String {
        format!("{:<20} {:<8} {}", self.name, self.state, self.sha256)
    }
}

/// A line of `models verify` for what is no model.
#[derive(Serialize)]
struct VerifiedFile {
    kind: &'static str,
    path: PathBuf,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl Record for VerifiedFile {
    const TYPE: &'static str = "file_verified";

    fn to_text(&self) -> String {
        let Self { kind, path, state, reason } = self;
        let reason = reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        format!("{kind:<20} {state:<8} {}{reason}", path.display())
    }
}

/// What `models verify` found damaged.
#[derive(Default)]
struct Damage {
    models: Vec<String>,
    adapters: Vec<String>,
    is_in_cache: bool,
}

impl Damage {
    /// What to do about it.
    fn remedies(self) -> Vec<String> {
        let Self { models, adapters, is_in_cache } = self;
        let again = "remove and fetch again with `reinette models remove` and `reinette models add`";
        let models = (!models.is_empty()).then(|| format!("damaged: {}; {again}", models.join(", ")));
        let adapters = (!adapters.is_empty())
            .then(|| format!("damaged adapters: {}; copy or train them again", adapters.join(", ")));
        let cache = "damaged files in the cache: nothing is computed with them; `reinette cache clear` deletes them";
        models.into_iter().chain(adapters).chain(is_in_cache.then(|| cache.to_owned())).collect()
    }
}

fn verify(context: &Context, names: &[String]) -> Result<()> {
    let mut damage = Damage::default();
    let adapters = names.iter().map(Path::new).filter(|path| is_adapter(path));
    for path in context.adapter.as_deref().filter(|_| names.is_empty()).into_iter().chain(adapters) {
        verify_adapter(context, path, &mut damage)?;
    }
    let stored = || Ok::<_, anyhow::Error>(context.store.list()?.into_iter().map(|model| model.name).collect());
    let models: Vec<String> = if names.is_empty() { stored()? } else { names.to_vec() };
    for name in models.into_iter().filter(|name| !is_adapter(Path::new(name))) {
        verify_model(context, name, &mut damage)?;
    }
    if names.is_empty() {
        verify_cache(context, &mut damage)?;
    }
    let remedies = damage.remedies();
    if remedies.is_empty() { Ok(()) } else { bail!("{}", remedies.join("\n")) }
}

/// Whether a name is the path of an adapter: models are known by names that are no paths.
fn is_adapter(path: &Path) -> bool {
    path.join("adapter_config.json").is_file() || (path.components().count() > 1 && path.is_file())
}

fn verify_model(context: &Context, name: String, damage: &mut Damage) -> Result<()> {
    let (state, sha256, expected) = match context.store.verify(&name)? {
        Verification::Intact { sha256 } => ("intact", sha256, None),
        Verification::Unknown { found } => ("unknown", found, None),
        Verification::Damaged { expected, found } => ("damaged", found, Some(expected)),
    };
    if expected.is_some() {
        damage.models.push(name.clone());
    }
    let expected_sha256 = expected.map(|digest| digest.to_string());
    context.printer.print(&Verified { name, state, sha256: sha256.to_string(), expected_sha256 })
}

fn verify_adapter(context: &Context, path: &Path, damage: &mut Damage) -> Result<()> {
    let reason = OnDeviceModel::verify_adapter(path).err().map(|error| error.to_string());
    let state = if reason.is_none() { "intact" } else { "damaged" };
    damage.adapters.extend(reason.is_some().then(|| path.display().to_string()));
    context.printer.print(&VerifiedFile { kind: "adapter", path: path.to_owned(), state, reason })
}

/// What is kept for the next start.
fn verify_cache(context: &Context, damage: &mut Damage) -> Result<()> {
    let unreadable = |path: &Path| format!("cannot read {}", path.display());
    let packed = context.packed.as_ref().map(|folder| folder.verify().with_context(|| unreadable(folder.path())));
    let read = context.snapshots.as_ref().map(|folder| folder.verify().with_context(|| unreadable(folder.path())));
    for (kind, files) in [("packed model", packed.transpose()?), ("snapshot", read.transpose()?)] {
        for CacheFile { path, state } in files.into_iter().flatten() {
            damage.is_in_cache |= state == FileState::Damaged;
            let state = match state {
                FileState::Intact => "intact",
                FileState::Damaged => "damaged",
                FileState::Outdated => "outdated",
            };
            context.printer.print(&VerifiedFile { kind, path, state, reason: None })?;
        }
    }
    Ok(())
}
