//! `reinette mcp`: the servers of other programs whose tools can be used.

use crate::context::Context;
use crate::conversation;
use crate::interrupt::{self, Interrupted};
use crate::printer::Record;
use anyhow::{Context as _, Result, bail, ensure};
use clap::{Args, Subcommand};
use futures_lite::future::{block_on, or};
use futures_timer::Delay;
use reinette_mcp::{
    ConfigFile, Deadlines, Nobody, ServerConfig, ServerName, ServerState, Servers, Transport, import, serve,
};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How soon a signal ends waiting for servers.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Use other programs' tools (Model Context Protocol), or offer ours to them
///
/// Without a command it offers calendar, reminders, timers, notes, the journal and undo to the program that started it, over
/// standard input and output. That program's user is asked before anything is changed; where it cannot ask, nothing is.
#[derive(Args, Debug)]
pub(crate) struct Mcp {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Add a server: a program of this machine, given after `--`, or an address
    Add {
        /// What to call it: letters, digits, `-` and `_`
        name: String,
        /// Speak to it at this address, over streamable HTTP
        #[arg(long, value_name = "URL", conflicts_with_all = ["command", "variables"])]
        url: Option<String>,
        /// Send this with every request to the address; it is kept in config.toml and printed nowhere
        #[arg(long = "header", value_name = "NAME=VALUE", requires = "url")]
        headers: Vec<String>,
        /// Set this variable for the program; of your own it gets only what programs need to run
        #[arg(long = "env", value_name = "NAME=VALUE")]
        variables: Vec<String>,
        /// The program and its arguments
        #[arg(last = true, required_unless_present = "url", value_name = "COMMAND")]
        command: Vec<String>,
    },
    /// List the servers: whether they can be used, and their tools
    List,
    /// Remove servers
    Remove {
        /// Names that `mcp list` shows
        #[arg(required = true)]
        names: Vec<String>,
    },
    /// Add the servers in the JSON file of another program, under `mcpServers`
    Import {
        /// The file
        file: PathBuf,
    },
}

pub(crate) fn run(context: &Context, arguments: &Mcp) -> Result<()> {
    let home = context.home()?;
    let file = ConfigFile::new(home.config_path());
    let Some(action) = &arguments.action else {
        return Ok(serve(Transport::Stdio, Arc::new(conversation::open(context)?.into_host()))?);
    };
    match action {
        Action::Add { name, url, headers, variables, command } => {
            let name = ServerName::new(name)?;
            let server = match (url, command.split_first()) {
                (Some(url), _) => ServerConfig::url(url, pairs(headers)?)?,
                (None, Some((command, args))) => ServerConfig::command(command, args.to_vec(), pairs(variables)?)?,
                (None, None) => bail!("name a program after `--`, or an address with --url"),
            };
            file.add(&name, &server)?;
            context.printer.print(&Changed::added(&name, &server))
        }
        Action::List => list(context, &home.mcp()?),
        Action::Remove { names } => names.iter().try_for_each(|name| {
            let name = ServerName::new(name)?;
            file.remove(&name)?;
            context.printer.print(&Changed { server: name.to_string(), change: "removed", address: None })
        }),
        Action::Import { file: other } => import_from(context, &file, other),
    }
}

/// `NAME=VALUE`, each once.
fn pairs(words: &[String]) -> Result<BTreeMap<String, String>> {
    let mut pairs = BTreeMap::new();
    for word in words {
        // The value may be a key: it is not repeated.
        let (name, value) = word.split_once('=').context("write NAME=VALUE for --env and --header")?;
        ensure!(!name.is_empty(), "write NAME=VALUE for --env and --header");
        ensure!(pairs.insert(name.to_owned(), value.to_owned()).is_none(), "{name} is given twice");
    }
    Ok(pairs)
}

fn list(context: &Context, config: &reinette_mcp::McpConfig) -> Result<()> {
    let servers = Servers::new(config, Arc::new(Nobody), Deadlines::default());
    if servers.is_empty() {
        context.printer.note("There are no servers: add one with `reinette mcp add`, or `reinette mcp import`.");
        return Ok(());
    }
    let stopped = async {
        while !interrupt::flag().load(Ordering::SeqCst) {
            Delay::new(LOOK_EVERY).await;
        }
        None
    };
    let states = block_on(or(async { Some(servers.states().await) }, stopped));
    let Some(states) = states else { return Err(Interrupted.into()) };
    block_on(servers.close());
    states.into_iter().try_for_each(|state| context.printer.print(&Listed(state)))
}

fn import_from(context: &Context, file: &ConfigFile, other: &Path) -> Result<()> {
    let unusable = || format!("cannot use {}", other.display());
    let json = fs::read_to_string(other).with_context(unusable)?;
    for imported in import(&json).with_context(unusable)? {
        let added = imported.server.map_err(anyhow::Error::msg).and_then(|(name, server)| {
            file.add(&name, &server)?;
            Ok(Changed::added(&name, &server))
        });
        match added {
            Ok(added) => context.printer.print(&added)?,
            Err(reason) => context.printer.warn(&format!("“{}” is left out: {reason}", imported.title)),
        }
    }
    Ok(())
}

/// A server of the list.
#[derive(Serialize)]
#[serde(transparent)]
struct Listed(ServerState);

impl Record for Listed {
    const TYPE: &'static str = "mcp_server";

    fn to_text(&self) -> String {
        let ServerState { name, address, protocol, tools, .. } = &self.0;
        match protocol {
            Some(protocol) => format!("{name}: {} tools, version {protocol}: {address}", tools.len()),
            None => format!("{name}: cannot be used: {address}"),
        }
    }

    fn further_lines(&self) -> Vec<String> {
        let ServerState { tools, resources, prompts, error, .. } = &self.0;
        let named = (!tools.is_empty()).then(|| format!("  tools: {}", tools.join(", ")));
        let more = (resources + prompts > 0).then(|| format!("  resources: {resources}, prompts: {prompts}"));
        let error = error.as_ref().map(|error| format!("  {error}"));
        named.into_iter().chain(more).chain(error).collect()
    }
}

/// A server that was added or removed.
#[derive(Serialize)]
struct Changed {
    server: String,
    change: &'static str,
    address: Option<String>,
}

impl Changed {
    fn added(name: &ServerName, server: &ServerConfig) -> Self {
        Self { server: name.to_string(), change: "added", address: Some(server.to_string()) }
    }
}

impl Record for Changed {
    const TYPE: &'static str = "mcp_server_changed";
    const IS_REPORT: bool = true;

    fn to_text(&self) -> String {
        let Self { server, change, address } = self;
        let address = address.as_ref().map(|address| format!(": {address}")).unwrap_or_default();
        format!("Server {change}: {server}{address}")
    }
}
