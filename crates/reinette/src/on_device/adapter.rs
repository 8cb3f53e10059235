//! Adapters as they are shipped, and as a model has loaded them.

use super::worker::engine;
use crate::{Adapter, LoadedAdapter, ModelError, Request, Schema, ToolDefinition};
use reinette_engine::Model;
use reinette_engine::template::ChatTemplate;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A LoRA adapter that taught a model to call certain tools without being told what they are, or any tools that it is told
/// of: the latter if its chat template speaks of `tools`. A template with turns of the role `tool` is shown the last turns of
/// the conversation, one without them the user's last words.
///
/// As a folder it is what PEFT writes (`adapter_config.json`, `adapter_model.safetensors`, `chat_template.jinja`) and
/// `tools.json`, a list of the tools learned by heart: `{"name": "set_timer", "arguments": ["duration"]}`.
#[derive(Clone, Debug)]
pub struct ToolAdapter {
    pub(crate) config: Cow<'static, str>,
    pub(crate) weights: Cow<'static, [u8]>,
    pub(crate) chat_template: Cow<'static, str>,
    pub(crate) tools: Vec<ToolDefinition>,
}

/// Why an adapter's folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ToolAdapterError {
    /// A file could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// `tools.json` is not as it should be.
    #[error("tools.json is not a list of tools with their arguments: {0}")]
    Tools(#[from] serde_json::Error),
}

/// A line of `tools.json`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LearnedTool {
    name: String,
    arguments: Vec<String>,
}

impl ToolAdapter {
    /// An adapter whose files are part of the program.
    ///
    /// # Errors
    /// If `tools` is not as described above.
    pub fn from_parts(
        config: &'static str,
        weights: &'static [u8],
        chat_template: &'static str,
        tools: &str,
    ) -> Result<Self, ToolAdapterError> {
        Ok(Self {
            config: config.into(),
            weights: weights.into(),
            chat_template: chat_template.into(),
            tools: learned_tools(tools)?,
        })
    }

    /// The adapter that taught the light model to call whatever tools are on offer; a part of the program. A
    /// [`SystemModel`](crate::SystemModel) has it where that model is the machine's.
    pub fn offered() -> Self {
        Self {
            config: include_str!("../../../../adapters/offered/adapter_config.json").into(),
            weights: include_bytes!("../../../../adapters/offered/adapter_model.safetensors").into(),
            chat_template: include_str!("../../../../adapters/offered/chat_template.jinja").into(),
            tools: Vec::new(),
        }
    }

    /// Reads an adapter's folder.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub fn read(folder: &Path) -> Result<Self, ToolAdapterError> {
        let text = |name: &str| {
            let path = folder.join(name);
            std::fs::read_to_string(&path).map_err(|source| ToolAdapterError::Read { path, source })
        };
        let path = folder.join("adapter_model.safetensors");
        Ok(Self {
            config: text("adapter_config.json")?.into(),
            weights: std::fs::read(&path).map_err(|source| ToolAdapterError::Read { path, source })?.into(),
            chat_template: text("chat_template.jinja")?.into(),
            tools: learned_tools(&text("tools.json")?)?,
        })
    }

    /// The tools that the model has learned by heart, in the order in which the adapter lists them.
    pub fn tools(&self) -> &[ToolDefinition] {
        &self.tools
    }
}

/// A LoRA adapter that an [`OnDeviceModel`](super::OnDeviceModel) has loaded: what is behind its [`Adapter`]s.
pub(super) struct LoraAdapter {
    name: String,
    weights: Arc<reinette_engine::Adapter>,
    tools: Option<LearnedTools>,
}

/// What a model that has an adapter knows of tools.
pub(super) struct LearnedTools {
    pub(super) template: ChatTemplate,
    pub(super) definitions: Vec<ToolDefinition>,
}

impl LearnedTools {
    /// Whether the model is shown the conversation, with what tools answered, instead of the user's last words alone.
    pub(super) fn reads_turns(&self) -> bool {
        self.template.tells_tools() || self.template.has_tool_role()
    }

    /// Whether a tool of this name is among them.
    pub(super) fn knows(&self, tool: &str) -> bool {
        self.definitions.iter().any(|definition| definition.name == tool)
    }
}

impl LoraAdapter {
    /// Loads a folder in PEFT's form or a GGUF file; a folder with `tools.json` is a [`ToolAdapter`].
    pub(super) fn load(path: &Path, model: &Model) -> Result<Self, ModelError> {
        let name = name_of(path);
        if path.join("tools.json").is_file() {
            let files = ToolAdapter::read(path).map_err(|error| unusable(&name, error))?;
            return Self::of_tools(&name, &files, model);
        }
        let weights = reinette_engine::Adapter::load(path, model).map_err(|error| unusable(&name, error))?;
        Ok(Self { name, weights: Arc::new(weights), tools: None })
    }

    /// What an adapter for tools is to this model.
    pub(super) fn of_tools(name: &str, files: &ToolAdapter, model: &Model) -> Result<Self, ModelError> {
        let weights = reinette_engine::Adapter::from_parts(files.config.as_bytes(), &files.weights, model);
        let weights = weights.map_err(|error| unusable(name, error))?;
        let template = ChatTemplate::from_source(&files.chat_template).map_err(engine)?;
        let tools = LearnedTools { template, definitions: files.tools.clone() };
        Ok(Self { name: name.to_owned(), weights: Arc::new(weights), tools: Some(tools) })
    }

    /// Checks all of an adapter's files that can be checked without its model.
    pub(super) fn verify(path: &Path) -> Result<(), ModelError> {
        reinette_engine::Adapter::verify(path).map_err(|error| unusable(&name_of(path), error))
    }

    /// The adapters of a request that was checked.
    pub(super) fn of(request: &Request) -> impl DoubleEndedIterator<Item = &Self> {
        request.options.adapters.iter().filter_map(Adapter::loaded)
    }

    /// What is behind `adapter`, which a request may have from anywhere.
    pub(super) fn behind(adapter: &Adapter) -> Result<&Self, ModelError> {
        adapter.loaded().ok_or_else(|| {
            let reason = "it was loaded by a model of another kind: load it with this one's `load_adapter`";
            unusable(adapter.name(), reason)
        })
    }

    pub(super) fn learned(&self) -> Option<&LearnedTools> {
        self.tools.as_ref()
    }

    pub(super) fn weights(&self) -> &Arc<reinette_engine::Adapter> {
        &self.weights
    }

    /// Refuses an adapter that another model has loaded.
    pub(super) fn check(&self, model: &Model) -> Result<(), ModelError> {
        if self.weights.is_of(model) {
            return Ok(());
        }
        let reason = "it was loaded by another model: load it with this one's `load_adapter`";
        Err(unusable(&self.name, reason))
    }
}

impl LoadedAdapter for LoraAdapter {
    fn name(&self) -> &str {
        &self.name
    }

    fn tools(&self) -> &[ToolDefinition] {
        self.learned().map_or(&[], |tools| &tools.definitions)
    }
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

fn unusable(name: &str, reason: impl fmt::Display) -> ModelError {
    ModelError::Adapter { name: name.to_owned(), reason: reason.to_string() }
}

/// The definitions of learned tools as far as the adapter alone tells: each argument is a span of the request.
fn learned_tools(json: &str) -> Result<Vec<ToolDefinition>, ToolAdapterError> {
    let tools: Vec<LearnedTool> = serde_json::from_str(json)?;
    let definition = |LearnedTool { name, arguments }| {
        let span = json!({"type": "string", Schema::SPAN: true});
        let properties: Map<String, Value> = arguments.iter().map(|name| (name.clone(), span.clone())).collect();
        let parameters = Schema::new(json!({
            "type": "object", "properties": properties, "required": arguments, "additionalProperties": false,
        }));
        ToolDefinition { name, description: String::new(), parameters, examples: Vec::new() }
    };
    Ok(tools.into_iter().map(definition).collect())
}
