//! The crate from the outside, against servers that behave and others.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod http;
mod misbehaving;
mod serving;
mod stdio;

use futures_lite::future::block_on;
use reinette::{Invocation, Prepared, Tool, ToolAnswer};
use reinette_mcp::{
    Deadlines, Form, FormAnswer, FormFuture, Frontend, McpConfig, McpTool, Nobody, Offer, Progress, ServerConfig,
    ServerName, Servers,
};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The program that serves in these tests.
const SERVER: &str = env!("CARGO_BIN_EXE_reinette-mcp-test-server");

/// Enough for a server that does what it should, also on a machine that is busy.
const PATIENT: Deadlines =
    Deadlines { start: Duration::from_secs(30), silence: Duration::from_secs(30), total: Duration::from_mins(1) };

/// The test server of this kind, with these variables.
fn command(kind: &str, variables: &[(&str, &str)]) -> ServerConfig {
    let env = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    ServerConfig::command(SERVER, vec![kind.to_owned()], env).unwrap()
}

fn servers_of(config: &[(&str, ServerConfig)], frontend: Arc<dyn Frontend>, deadlines: Deadlines) -> Servers {
    let servers = config.iter().map(|(name, server)| (ServerName::new(name).unwrap(), server.clone()));
    let config = McpConfig { servers: servers.collect::<BTreeMap<_, _>>() };
    Servers::new(&config, frontend, deadlines)
}

/// One server `shop` of this kind, with nobody to ask.
fn shop(kind: &str, deadlines: Deadlines) -> Servers {
    servers_of(&[("shop", command(kind, &[]))], Arc::new(Nobody), deadlines)
}

fn tool<'a>(offer: &'a Offer, name: &str) -> &'a Arc<McpTool> {
    let found = offer.tools.iter().find(|tool| tool.definition().name == name);
    found.unwrap_or_else(|| panic!("there is no tool {name}"))
}

fn arguments(json: Value) -> Map<String, Value> {
    match json {
        Value::Object(arguments) => arguments,
        other => panic!("{other} is no object"),
    }
}

fn prepare(tool: &McpTool, json: Value) -> Result<Prepared, String> {
    block_on(tool.prepare(Invocation::new(arguments(json)))).map_err(|error| error.to_string())
}

/// What a tool that only reads answers.
fn call(tool: &McpTool, json: Value) -> Result<ToolAnswer, String> {
    match prepare(tool, json)? {
        Prepared::Answer(answer) => Ok(answer),
        other => panic!("{other:?} is no answer"),
    }
}

/// A user who always takes the same choice, and remembers what was told.
struct Chooser {
    choice: usize,
    told: Mutex<Vec<String>>,
}

impl Chooser {
    fn new(choice: usize) -> Arc<Self> {
        Arc::new(Self { choice, told: Mutex::default() })
    }

    fn told(&self) -> Vec<String> {
        self.told.lock().unwrap().clone()
    }
}

impl Frontend for Chooser {
    fn ask(&self, form: Form) -> FormFuture {
        self.told.lock().unwrap().push(form.to_string());
        let answer = form.chosen(Some(self.choice));
        assert!(matches!(answer, FormAnswer::Filled(_)));
        Box::pin(std::future::ready(answer))
    }

    fn progress(&self, server: &str, progress: Progress) {
        let words = format!("{server}: {} of {:?}", progress.done, progress.total);
        self.told.lock().unwrap().push(words);
    }
}
