//! A client for checks against other programs' servers: lists what a server has, calls tools, prints JSON Lines.
//!
//! `client [--call NAME=JSON]… [--call-all] (URL | COMMAND ARGS…)`. Whatever a server asks is answered with the defaults of its
//! form, and every effect is allowed: it is for servers of tests only.

use reinette::{Invocation, Prepared, Schema, Tool, ToolAnswer};
use reinette_mcp::{
    Deadlines, Form, FormAnswer, FormFuture, Frontend, McpConfig, McpTool, ServerConfig, ServerName, Servers,
};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::error::Error;
use std::io::{self, Write};
use std::sync::Arc;

/// A user who agrees to everything and fills in nothing.
struct Agreeable;

impl Frontend for Agreeable {
    fn ask(&self, _: Form) -> FormFuture {
        Box::pin(std::future::ready(FormAnswer::Filled(Map::new())))
    }
}

/// What the command line asks for.
#[derive(Default)]
struct Wanted {
    calls: Vec<(String, Map<String, Value>)>,
    calls_all: bool,
    server: Vec<String>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let wanted = read_arguments()?;
    let server = match &wanted.server[..] {
        [url] if url.starts_with("http") => ServerConfig::url(url, BTreeMap::new())?,
        [command, args @ ..] => ServerConfig::command(command, args.to_vec(), BTreeMap::new())?,
        [] => return Err("name a server".into()),
    };
    let config = McpConfig { servers: BTreeMap::from([(ServerName::new("server")?, server)]) };
    let servers = Servers::new(&config, Arc::new(Agreeable), Deadlines::default());
    futures_lite::future::block_on(async {
        for state in servers.states().await {
            print(&json!({"type": "server", "state": state}))?;
        }
        let offer = servers.tools(&[]).await;
        for error in &offer.errors {
            print(&json!({"type": "error", "message": error.to_string()}))?;
        }
        for tool in &offer.tools {
            let definition = tool.definition();
            print(&json!({"type": "tool", "definition": definition, "only_reads": tool.only_reads()}))?;
            let wanted_here = wanted.calls.iter().filter(|(name, _)| *name == definition.name);
            let mut calls: Vec<Map<String, Value>> = wanted_here.map(|(_, arguments)| arguments.clone()).collect();
            if wanted.calls_all {
                calls.push(any_arguments(&definition.parameters));
            }
            for arguments in calls {
                let line = match call(tool, arguments).await {
                    Ok(answer) => json!({"type": "answer", "tool": definition.name, "answer": answer}),
                    Err(error) => json!({"type": "error", "tool": definition.name, "message": error.to_string()}),
                };
                print(&line)?;
            }
        }
        servers.close().await;
        Ok(())
    })
}

fn read_arguments() -> Result<Wanted, Box<dyn Error>> {
    let mut wanted = Wanted::default();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--call-all" => wanted.calls_all = true,
            "--call" => {
                let call = arguments.next().ok_or("--call takes NAME=JSON")?;
                let (name, json) = call.split_once('=').ok_or("--call takes NAME=JSON")?;
                wanted.calls.push((name.to_owned(), serde_json::from_str(json)?));
            }
            _ => {
                wanted.server = std::iter::once(argument).chain(arguments).collect();
                break;
            }
        }
    }
    Ok(wanted)
}

async fn call(tool: &McpTool, arguments: Map<String, Value>) -> Result<ToolAnswer, Box<dyn Error>> {
    match tool.prepare(Invocation::new(arguments)).await? {
        Prepared::Answer(answer) => Ok(answer),
        Prepared::Effect(effect) => Ok(effect.action.commit().await?),
        Prepared::Question(question) => Err(question.text.into()),
    }
}

/// Arguments of the right types.
fn any_arguments(schema: &Schema) -> Map<String, Value> {
    let properties = schema.as_json()["properties"].as_object().into_iter().flatten();
    let value = |schema: &Value| match schema["type"].as_str() {
        Some("number" | "integer") => json!(2),
        Some("boolean") => json!(true),
        Some("array") => json!([]),
        Some("object") => json!({}),
        _ => schema["enum"].get(0).cloned().unwrap_or_else(|| json!("x")),
    };
    properties.map(|(name, schema)| (name.clone(), value(schema))).collect()
}

fn print(line: &Value) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{line}")
}
