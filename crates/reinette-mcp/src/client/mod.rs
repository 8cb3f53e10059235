//! Other programs' servers, whose tools become ours.

mod activity;
mod answer;
mod connection;
mod elicitation;
mod handler;
mod http;
mod meter;
mod names;
mod process;
mod schema;
mod server;
mod tool;

pub use activity::Deadlines;
pub use elicitation::{Field, FieldChoice, FieldKind, Form, FormAnswer, FormFuture, Frontend, Nobody, Progress};
pub use server::{PromptArgument, PromptInfo, PromptMessage, PromptRole, ResourceInfo, ServerState};
pub use tool::McpTool;

use crate::config::{McpConfig, ServerConfig, ServerName};
use crate::error::{Fault, McpError};
use crate::runtime::{self, Task};
use connection::Settings;
use names::Original;
use reinette::ToolAnswer;
use serde_json::{Map, Value};
use server::Server;
use std::sync::Arc;
use tool::Listed;

/// The servers of a configuration. None is started before something is wanted of it; one that ended is started again.
///
/// All work runs on a thread of its own, so that whoever waits needs no runtime; dropping a future cancels what it asked.
pub struct Servers {
    servers: Vec<Arc<Server>>,
}

/// What the servers offer, and which of them cannot be used.
#[derive(Default)]
pub struct Offer {
    /// The tools, all of different names.
    pub tools: Vec<Arc<McpTool>>,
    /// What is wrong: one error for each server that cannot be used, and for each tool that cannot.
    pub errors: Vec<McpError>,
}

impl Servers {
    /// The servers of `config`. `frontend` is who can ask the user.
    pub fn new(config: &McpConfig, frontend: Arc<dyn Frontend>, deadlines: Deadlines) -> Self {
        let settings = Settings { frontend, deadlines };
        let server = |(name, config): (&ServerName, &ServerConfig)| {
            Arc::new(Server::new(name.as_str(), config.clone(), settings.clone()))
        };
        Self { servers: config.servers.iter().map(server).collect() }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.servers.is_empty()
    }

    /// The tools of all servers, none with a name that is `taken`. The servers are asked side by side.
    pub async fn tools(&self, taken: &[String]) -> Offer {
        let mut listed: Vec<Listed> = Vec::new();
        let mut offer = Offer::default();
        for asked in self.ask_all(tool::listed) {
            match asked.await.flatten() {
                Ok((tools, errors)) => {
                    listed.extend(tools);
                    offer.errors.extend(errors);
                }
                Err(error) => offer.errors.push(error),
            }
        }
        let originals: Vec<Original<'_>> = listed.iter().map(Listed::original).collect();
        let names = names::assign(&originals, taken);
        offer.tools = listed.into_iter().zip(names).map(|(tool, name)| Arc::new(tool.named(name))).collect();
        offer
    }

    /// Whether a server said, since its tools were last asked for, that they are others now.
    pub fn tools_have_changed(&self) -> bool {
        self.servers.iter().any(|server| server.tools_have_changed())
    }

    /// Each server: whether it can be used, and what it offers.
    pub async fn states(&self) -> Vec<ServerState> {
        let mut states = Vec::new();
        let asked = self.ask_all(|server| async move { server.state().await });
        for (asked, server) in asked.into_iter().zip(&self.servers) {
            states.push(asked.await.unwrap_or_else(|error| server.broken_state(&error)));
        }
        states
    }

    /// The resources of all servers, and why those of others are not known.
    pub async fn resources(&self) -> (Vec<ResourceInfo>, Vec<McpError>) {
        self.gather(|server| async move { server.resources().await }).await
    }

    /// The prompts of all servers, and why those of others are not known.
    pub async fn prompts(&self) -> (Vec<PromptInfo>, Vec<McpError>) {
        self.gather(|server| async move { server.prompts().await }).await
    }

    /// Reads a resource of a server.
    ///
    /// # Errors
    /// There is no such server, or it does not give it.
    pub async fn read_resource(&self, server: &str, uri: &str) -> Result<ToolAnswer, McpError> {
        let (server, uri) = (self.server(server)?, uri.to_owned());
        runtime::spawn(&server.name.clone(), async move { server.read_resource(&uri).await }).await?
    }

    /// A prompt of a server, filled in with `arguments`.
    ///
    /// # Errors
    /// There is no such server, or it does not give it.
    pub async fn prompt(
        &self,
        server: &str,
        name: &str,
        arguments: Map<String, Value>,
    ) -> Result<Vec<PromptMessage>, McpError> {
        let (server, name) = (self.server(server)?, name.to_owned());
        runtime::spawn(&server.name.clone(), async move { server.prompt(&name, arguments).await }).await?
    }

    /// Ends all connections, and the programs that were started, in good order. Dropping ends them at once.
    pub async fn close(self) {
        for closing in self.ask_all(|server| async move { server.close().await }) {
            let _ = closing.await;
        }
    }

    fn server(&self, name: &str) -> Result<Arc<Server>, McpError> {
        let found = self.servers.iter().find(|server| server.name == name).cloned();
        found.ok_or_else(|| {
            let advice = "`reinette mcp list` shows those that there are";
            McpError::new(name, Fault::Unreachable, "is not among the servers", advice)
        })
    }

    /// Begins to ask every server, side by side.
    fn ask_all<T, F>(&self, ask: impl Fn(Arc<Server>) -> F) -> Vec<Task<T>>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        self.servers.iter().map(|server| runtime::spawn(&server.name, ask(server.clone()))).collect()
    }

    async fn gather<T, F>(&self, ask: impl Fn(Arc<Server>) -> F) -> (Vec<T>, Vec<McpError>)
    where
        T: Send + 'static,
        F: Future<Output = Result<Vec<T>, McpError>> + Send + 'static,
    {
        let (mut found, mut errors) = (Vec::new(), Vec::new());
        for asked in self.ask_all(ask) {
            match asked.await.flatten() {
                Ok(more) => found.extend(more),
                Err(error) => errors.push(error),
            }
        }
        (found, errors)
    }
}
