//! A server's tool as one of ours.

use super::server::Server;
use super::{answer, names, schema};
use crate::access::Access;
use crate::error::{McpError, quote};
use crate::{runtime, text};
use reinette::{
    Action, CommitFuture, Effect, Invocation, Preparation, Prepared, Risk, Schema, Tool, ToolAnswer, ToolDefinition,
    ToolError,
};
use rmcp::model::ToolAnnotations;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::time::Duration;

/// The most of a description that a model is shown.
const MAX_DESCRIPTION_BYTES: usize = 2 << 10;

/// The most of one argument, and of all, that a summary repeats.
const MAX_ARGUMENT_CHARACTERS: usize = 120;
const MAX_SUMMARY_CHARACTERS: usize = 600;

/// A tool as its server lists it, before all have names.
pub(crate) struct Listed {
    server: Arc<Server>,
    name: String,
    title: String,
    description: String,
    parameters: Schema,
    answers: Option<Value>,
    access: Access,
}

/// A tool of a server.
pub struct McpTool {
    listed: Arc<Listed>,
    definition: ToolDefinition,
}

/// The tools of a server, and why others of them cannot be used.
///
/// # Errors
/// The server cannot be used.
pub(crate) async fn listed(server: Arc<Server>) -> Result<(Vec<Listed>, Vec<McpError>), McpError> {
    let (mut tools, mut errors) = (Vec::new(), Vec::new());
    for tool in server.tools().await? {
        match Listed::read(&server, tool) {
            Ok(tool) => tools.push(tool),
            Err(error) => errors.push(error),
        }
    }
    Ok((tools, errors))
}

impl Listed {
    /// Reads what a server says of a tool.
    ///
    /// # Errors
    /// It says it in a way that cannot be used.
    fn read(server: &Arc<Server>, tool: rmcp::model::Tool) -> Result<Self, McpError> {
        let parameters = schema::arguments(&tool.input_schema).map_err(|reason| {
            let name = quote(&tool.name);
            McpError::lied(&server.name, format!("has a tool `{name}` that cannot be called: {reason}"))
        })?;
        let annotations = tool.annotations.unwrap_or_default();
        let title = tool.title.or_else(|| annotations.title.clone()).unwrap_or_else(|| tool.name.to_string());
        let description = tool.description.as_deref().filter(|description| !description.trim().is_empty());
        Ok(Self {
            server: server.clone(),
            description: text::bounded(description.unwrap_or(&title), MAX_DESCRIPTION_BYTES),
            title: text::bounded(&title, MAX_ARGUMENT_CHARACTERS),
            name: tool.name.into_owned(),
            parameters,
            answers: tool.output_schema.map(|schema| Value::Object((*schema).clone())),
            access: Access::of(&annotations),
        })
    }

    pub(crate) fn original(&self) -> names::Original<'_> {
        names::Original { server: &self.server.name, tool: &self.name }
    }

    pub(crate) fn named(self, name: String) -> McpTool {
        let definition = ToolDefinition {
            name,
            description: self.description.clone(),
            parameters: self.parameters.clone(),
            examples: Vec::new(),
        };
        McpTool { listed: Arc::new(self), definition }
    }

    async fn call(self: Arc<Self>, arguments: Map<String, Value>) -> Result<ToolAnswer, ToolError> {
        let answered = async {
            let tool = self.clone();
            let task = runtime::spawn(&self.server.name, async move { tool.server.call(&tool.name, arguments).await });
            let result = task.await??;
            let is_error = result.is_error.unwrap_or_default();
            if let (Some(schema), false) = (&self.answers, is_error) {
                let mismatch = match &result.structured_content {
                    Some(data) => schema::mismatch(schema, data),
                    None => Some("there is no data".to_owned()),
                };
                if let Some(reason) = mismatch {
                    let (name, reason) = (quote(&self.name), quote(&reason));
                    let what = format!("answered `{name}` with something else than it announces ({reason})");
                    return Err(McpError::lied(&self.server.name, what));
                }
            }
            Ok(answer::answer(result))
        };
        answered.await.map_err(|error: McpError| ToolError::new(error.to_string()))
    }

    /// What a call would do, for whoever allows it.
    fn summary(&self, arguments: &Map<String, Value>) -> String {
        let given = arguments.iter().map(|(name, value)| {
            let value = value.as_str().map_or_else(|| value.to_string(), |text| format!("“{text}”"));
            format!("{name}: {}", shortened(&value, MAX_ARGUMENT_CHARACTERS))
        });
        let given = shortened(&given.collect::<Vec<_>>().join(", "), MAX_SUMMARY_CHARACTERS);
        let given = if given.is_empty() { given } else { format!(" ({given})") };
        let words = format!("{} of the MCP server `{}`{given}", self.title, self.server.name);
        text::harmless(&words).replace('\n', " ")
    }
}

/// The arguments that are longer than a summary repeats, whole.
fn preview(arguments: &Map<String, Value>) -> Vec<String> {
    let long = arguments.iter().filter_map(|(name, value)| {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let is_long = value.contains('\n') || value.chars().nth(MAX_ARGUMENT_CHARACTERS).is_some();
        is_long.then(|| format!("{name}: {}", text::bounded(&value, text::MAX_TEXT_BYTES)))
    });
    long.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()).collect()
}

fn shortened(words: &str, limit: usize) -> String {
    match words.char_indices().nth(limit) {
        Some((end, _)) => format!("{}…", &words[..end]),
        None => words.to_owned(),
    }
}

impl Access {
    /// A tool that does not say that it only reads may do anything; one that does not say that it stays at home may send.
    fn of(annotations: &ToolAnnotations) -> Self {
        match (annotations.read_only_hint, annotations.open_world_hint) {
            (Some(true), _) => Self::Reads,
            (_, Some(false)) => Self::Acts(Risk::Changes),
            _ => Self::Acts(Risk::Sends),
        }
    }
}

impl McpTool {
    /// The server that it is of.
    pub fn server(&self) -> &str {
        &self.listed.server.name
    }

    /// What its server calls it.
    pub fn original_name(&self) -> &str {
        &self.listed.name
    }

    /// Whether its server says that calling it changes nothing.
    pub fn only_reads(&self) -> bool {
        self.listed.access == Access::Reads
    }
}

impl Tool for McpTool {
    fn definition(&self) -> ToolDefinition {
        self.definition.clone()
    }

    fn prepare(&self, invocation: Invocation) -> Preparation {
        let (listed, arguments) = (self.listed.clone(), invocation.arguments);
        Box::pin(async move {
            match listed.access {
                Access::Reads => listed.call(arguments).await.map(Prepared::Answer),
                Access::Acts(risk) => Ok(Prepared::Effect(Effect {
                    summary: listed.summary(&arguments),
                    risk,
                    preview: preview(&arguments),
                    data: json!({"server": listed.server.name, "tool": listed.name, "arguments": arguments}),
                    action: Box::new(Call { listed, arguments }),
                })),
            }
        })
    }

    fn timeout(&self) -> Option<Duration> {
        Some(self.listed.server.longest_call())
    }
}

/// A call that changes something: made when it is committed.
struct Call {
    listed: Arc<Listed>,
    arguments: Map<String, Value>,
}

impl Action for Call {
    fn commit(self: Box<Self>) -> CommitFuture {
        Box::pin(self.listed.call(self.arguments))
    }
}
