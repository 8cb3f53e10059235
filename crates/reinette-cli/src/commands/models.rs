//! `reinette models`: what models there are, and changes to that.

use crate::context::Context;
use crate::fetching;
use crate::printer::Record;
use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use indicatif::DecimalBytes;
use reinette::models::{KnownModel, Role, StoredModel, Verification};
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
    /// Compare models, byte by byte, with what they should be
    Verify {
        /// Names that `models list` shows; all models on this machine unless given
        names: Vec<String>,
    },
}

pub(crate) fn run(context: &Context, arguments: Models) -> Result<()> {
    match arguments.action {
        Action::List => list(context),
        Action::Add { what, name } => add(context, &what, name.as_deref()),
        Action::Remove { names } => remove(context, &names),
        Action::Verify { names } => verify(context, names),
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

fn verify(context: &Context, names: Vec<String>) -> Result<()> {
    let names =
        if names.is_empty() { context.store.list()?.into_iter().map(|model| model.name).collect() } else { names };
    let mut damaged = Vec::new();
    for name in names {
        let (state, sha256, expected) = match context.store.verify(&name)? {
            Verification::Intact { sha256 } => ("intact", sha256, None),
            Verification::Unknown { found } => ("unknown", found, None),
            Verification::Damaged { expected, found } => ("damaged", found, Some(expected)),
        };
        if expected.is_some() {
            damaged.push(name.clone());
        }
        let expected_sha256 = expected.map(|digest| digest.to_string());
        context.printer.print(&Verified { name, state, sha256: sha256.to_string(), expected_sha256 })?;
    }
    if damaged.is_empty() {
        return Ok(());
    }
    bail!(
        "damaged: {}; remove and fetch again with `reinette models remove` and `reinette models add`",
        damaged.join(", ")
    )
}
