//! An adapter as it is shipped: weights, prompt form and the tools it has learned.

use crate::{Schema, ToolDefinition};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::path::{Path, PathBuf};

/// A LoRA adapter that taught a model to call certain tools without being told what they are.
///
/// As a folder it is what PEFT writes (`adapter_config.json`, `adapter_model.safetensors`, `chat_template.jinja`) and
/// `tools.json`, a list of the learned tools: `{"name": "set_timer", "arguments": ["duration"]}`.
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

    /// The tools that the model has learned, in the order in which the adapter lists them.
    pub fn tools(&self) -> &[ToolDefinition] {
        &self.tools
    }
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
