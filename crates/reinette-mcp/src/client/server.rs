//! One server of the configuration: connected when it is needed, and again when it ended.

use super::answer;
use super::connection::{Connection, Settings};
use crate::config::ServerConfig;
use crate::error::McpError;
use crate::text::{self, MAX_TEXT_BYTES};
use reinette::ToolAnswer;
use rmcp::model::{CallToolRequestParams, CallToolResult, GetPromptRequestParams, Prompt, Resource, Role};
use serde::Serialize;
use serde_json::{Map, Value};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// For how long a server that could not be used is not tried again: one turn asks for several things of it.
const REST: Duration = Duration::from_secs(5);

/// The most of a name, a title or a description that is kept.
const MAX_WORDS_BYTES: usize = 1 << 10;

/// A server.
pub(crate) struct Server {
    pub(crate) name: String,
    config: ServerConfig,
    settings: Settings,
    link: Mutex<Link>,
    /// The connection that the link has, for who cannot wait.
    current: RwLock<Option<Arc<Connection>>>,
}

enum Link {
    None,
    Broken { error: McpError, at: Instant },
    Open(Arc<Connection>),
}

/// Whether a server can be used, and what it offers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ServerState {
    /// Its name.
    pub name: String,
    /// How it is reached.
    pub address: String,
    /// The version of the protocol that was agreed on, if there is a connection.
    pub protocol: Option<String>,
    /// What its tools are called there.
    pub tools: Vec<String>,
    /// How many resources it has.
    pub resources: usize,
    /// How many prompts it has.
    pub prompts: usize,
    /// What is wrong with it.
    pub error: Option<String>,
}

/// A resource of a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ResourceInfo {
    /// The server.
    pub server: String,
    /// What [`Servers::read_resource`](super::Servers::read_resource) takes.
    pub uri: String,
    /// What people call it.
    pub title: String,
    /// What it is.
    pub description: Option<String>,
    /// Its kind, such as `text/plain`.
    pub mime_type: Option<String>,
}

/// A prompt of a server: words for a conversation to begin with, with places to fill in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PromptInfo {
    /// The server.
    pub server: String,
    /// What [`Servers::prompt`](super::Servers::prompt) takes.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// What it is for.
    pub description: Option<String>,
    /// The places to fill in.
    pub arguments: Vec<PromptArgument>,
}

/// A place to fill in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PromptArgument {
    /// Its name.
    pub name: String,
    /// What belongs there.
    pub description: Option<String>,
    /// Whether it has to be filled in.
    pub is_required: bool,
}

/// Words of a prompt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PromptMessage {
    /// Whose words they are.
    pub role: PromptRole,
    /// The words, bounded and harmless.
    pub text: String,
}

/// Whose words those of a prompt are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PromptRole {
    /// The user's.
    User,
    /// The model's.
    Assistant,
}

impl Server {
    pub(crate) fn new(name: &str, config: ServerConfig, settings: Settings) -> Self {
        let (link, current) = (Mutex::new(Link::None), RwLock::default());
        Self { name: name.to_owned(), config, settings, link, current }
    }

    /// The connection, made if need be.
    async fn connection(&self) -> Result<Arc<Connection>, McpError> {
        let mut link = self.link.lock().await;
        match &*link {
            Link::Open(connection) if !connection.is_closed() => return Ok(connection.clone()),
            Link::Broken { error, at } if at.elapsed() < REST => return Err(error.clone()),
            _ => {}
        }
        let opened = Connection::open(&self.name, &self.config, &self.settings).await.map(Arc::new);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = opened.as_ref().ok().cloned();
        *link = match &opened {
            Ok(connection) => Link::Open(connection.clone()),
            Err(error) => Link::Broken { error: error.clone(), at: Instant::now() },
        };
        opened
    }

    /// Its tools as it lists them now.
    pub(crate) async fn tools(&self) -> Result<Vec<rmcp::model::Tool>, McpError> {
        let connection = self.connection().await?;
        connection.activity.take_tools_changed();
        connection.tools().await
    }

    pub(crate) fn tools_have_changed(&self) -> bool {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        current.as_ref().is_some_and(|connection| connection.activity.has_changed_tools())
    }

    /// How long a call may take altogether, a start before it included.
    pub(crate) fn longest_call(&self) -> Duration {
        self.settings.deadlines.start + self.settings.deadlines.total
    }

    pub(crate) async fn call(&self, tool: &str, arguments: Map<String, Value>) -> Result<CallToolResult, McpError> {
        let params = CallToolRequestParams::new(tool.to_owned()).with_arguments(arguments);
        self.connection().await?.call(params).await
    }

    pub(crate) async fn resources(&self) -> Result<Vec<ResourceInfo>, McpError> {
        let resources = self.connection().await?.resources().await?;
        Ok(resources.into_iter().map(|resource| self.resource_info(resource)).collect())
    }

    fn resource_info(&self, resource: Resource) -> ResourceInfo {
        ResourceInfo {
            server: self.name.clone(),
            title: words(resource.title.as_deref().unwrap_or(&resource.name)),
            uri: resource.uri,
            description: resource.description.as_deref().map(words),
            mime_type: resource.mime_type.as_deref().map(words),
        }
    }

    pub(crate) async fn read_resource(&self, uri: &str) -> Result<ToolAnswer, McpError> {
        let result = self.connection().await?.resource(uri).await?;
        let (texts, sources): (Vec<String>, Vec<_>) = result.contents.iter().map(answer::contents).unzip();
        let text = text::bounded(&texts.join("\n"), MAX_TEXT_BYTES);
        Ok(ToolAnswer { text, sources: sources.into_iter().flatten().collect(), ..ToolAnswer::default() })
    }

    pub(crate) async fn prompts(&self) -> Result<Vec<PromptInfo>, McpError> {
        let prompts = self.connection().await?.prompts().await?;
        Ok(prompts.into_iter().map(|prompt| self.prompt_info(prompt)).collect())
    }

    fn prompt_info(&self, prompt: Prompt) -> PromptInfo {
        let arguments = prompt.arguments.unwrap_or_default().into_iter().map(|argument| PromptArgument {
            description: argument.description.as_deref().map(words),
            is_required: argument.required.unwrap_or_default(),
            name: argument.name,
        });
        PromptInfo {
            server: self.name.clone(),
            title: words(prompt.title.as_deref().unwrap_or(&prompt.name)),
            description: prompt.description.as_deref().map(words),
            arguments: arguments.collect(),
            name: prompt.name,
        }
    }

    pub(crate) async fn prompt(
        &self,
        name: &str,
        arguments: Map<String, Value>,
    ) -> Result<Vec<PromptMessage>, McpError> {
        let mut params = GetPromptRequestParams::new(name);
        params.arguments = (!arguments.is_empty()).then_some(arguments);
        let result = self.connection().await?.prompt(params).await?;
        let message = |message: rmcp::model::PromptMessage| PromptMessage {
            role: if message.role == Role::Assistant { PromptRole::Assistant } else { PromptRole::User },
            text: answer::read(&[message.content]).0,
        };
        Ok(result.messages.into_iter().map(message).collect())
    }

    /// Whether it can be used now, and what it offers.
    pub(crate) async fn state(&self) -> ServerState {
        match self.offered().await {
            Ok(state) => state,
            Err(error) => self.broken_state(&error),
        }
    }

    async fn offered(&self) -> Result<ServerState, McpError> {
        let connection = self.connection().await?;
        Ok(ServerState {
            name: self.name.clone(),
            address: self.config.to_string(),
            protocol: Some(connection.protocol()),
            tools: connection.tools().await?.iter().map(|tool| words(&tool.name)).collect(),
            resources: connection.resources().await?.len(),
            prompts: connection.prompts().await?.len(),
            error: None,
        })
    }

    pub(crate) fn broken_state(&self, error: &McpError) -> ServerState {
        ServerState {
            name: self.name.clone(),
            address: self.config.to_string(),
            protocol: None,
            tools: Vec::new(),
            resources: 0,
            prompts: 0,
            error: Some(error.to_string()),
        }
    }

    pub(crate) async fn close(&self) {
        self.current.write().unwrap_or_else(PoisonError::into_inner).take();
        let link = std::mem::replace(&mut *self.link.lock().await, Link::None);
        // One that is still asked something is ended by whoever asks.
        if let Link::Open(connection) = link
            && let Some(connection) = Arc::into_inner(connection)
        {
            connection.close().await;
        }
    }
}

fn words(words: &str) -> String {
    text::bounded(words, MAX_WORDS_BYTES)
}
