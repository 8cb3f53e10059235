//! The Model Context Protocol, both ways: other programs' tools for our models, and our apps for other programs' models.
//!
//! - [`McpConfig`]: which servers there are, `[mcp.servers.NAME]` of `config.toml`; [`ConfigFile`] changes it, [`import`] reads
//!   other programs' lists.
//! - [`Servers`]: those servers, started or reached when they are needed; their tools are [`Tool`](reinette::Tool)s.
//! - [`Frontend`]: who asks the user what servers want to know.
//! - [`Host`] and [`serve`]: what we offer to other programs, each effect of which their user allows.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use reinette_mcp::{Deadlines, McpConfig, Nobody, Servers};
//! use std::sync::Arc;
//!
//! let config: McpConfig = toml::from_str("[servers.files]\ncommand = \"server-filesystem\"\nargs = [\"notes\"]")?;
//! let servers = Servers::new(&config, Arc::new(Nobody), Deadlines::default());
//! let offer = servers.tools(&[]).await;
//! for tool in &offer.tools {
//!     assert_eq!(tool.server(), "files");
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Invariants: beside a server of ours the only crate that knows an async runtime, and nobody else notices: its work runs on a
//! thread of its own. Every wait has an end. What a server says is bounded, without hidden characters and never trusted to
//! say what is harmless but by its annotation `readOnlyHint`; whatever else it offers is an effect that is asked about.
//! A server that crashes, hangs, floods or does not keep to what it announced costs one error that names it. Requests over
//! HTTP leave through `reinette::outbound`. Both the version 2026-07-28 of the protocol and those before it are spoken.

mod access;
mod client;
mod config;
mod error;
mod runtime;
mod server;
mod text;

pub use access::Access;
pub use client::{
    Deadlines, Field, FieldChoice, FieldKind, Form, FormAnswer, FormFuture, Frontend, McpTool, Nobody, Offer, Progress,
    PromptArgument, PromptInfo, PromptMessage, PromptRole, ResourceInfo, ServerState, Servers,
};
pub use config::{
    ConfigFile, ConfigFileError, ImportError, Imported, McpConfig, ServerConfig, ServerConfigError, ServerName, import,
};
pub use error::{Fault, McpError};
pub use server::{Host, HostFuture, HostResource, HostTool, ResourceText, ServeError, Transport, serve};
