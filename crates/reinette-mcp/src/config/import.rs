//! The servers in other programs' files.

use super::entry::{ServerConfig, ServerConfigError, ServerName};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Where other programs keep their servers: most under `mcpServers`, some editors under `servers`.
const TABLES: [&str; 2] = ["mcpServers", "servers"];

/// An entry of another program's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// What the server is called there.
    pub title: String,
    /// The server under a name that it can have here, or why it cannot be used.
    pub server: Result<(ServerName, ServerConfig), String>,
}

/// Why a file has no servers.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// It is no JSON.
    #[error("it is not JSON: {0}")]
    NotJson(#[from] serde_json::Error),
    /// There is no table of servers in it.
    #[error("it has no object `mcpServers`, in which other programs keep their servers")]
    NoServers,
}

/// Reads the servers in a JSON file of another program.
///
/// # Errors
/// If it is no JSON or has no servers. An entry that cannot be used is an entry with the reason.
pub fn import(json: &str) -> Result<Vec<Imported>, ImportError> {
    let json: Value = serde_json::from_str(json)?;
    // Some programs keep the table in a table of their own.
    let places = [Some(&json), json.get("mcp")];
    let table =
        places.into_iter().flatten().find_map(|place| TABLES.iter().find_map(|name| place.get(name)?.as_object()));
    let entries = table.ok_or(ImportError::NoServers)?;
    Ok(entries.iter().map(|(title, entry)| Imported { title: title.clone(), server: read(title, entry) }).collect())
}

fn read(title: &str, entry: &Value) -> Result<(ServerName, ServerConfig), String> {
    let fields = entry.as_object().ok_or("it is not an object")?;
    if fields.get("disabled") == Some(&Value::Bool(true)) {
        return Err("it is disabled there".to_owned());
    }
    if fields.get("type").and_then(Value::as_str) == Some("sse") {
        return Err(
            "it speaks HTTP with SSE, which the protocol gave up: ask for its address of streamable HTTP".to_owned()
        );
    }
    let name = ServerName::new(&name_from(title)).map_err(|error| error.to_string())?;
    let address = ["url", "serverUrl", "httpUrl"].iter().find_map(|field| fields.get(*field));
    let server = match (fields.get("command").and_then(Value::as_str), address.and_then(Value::as_str)) {
        (Some(command), None) => ServerConfig::command(command, words(fields, "args")?, strings(fields, "env")?),
        (None, Some(url)) => ServerConfig::url(url, strings(fields, "headers")?),
        _ => Err(ServerConfigError::Kind),
    };
    let server = server.map_err(|error| error.to_string())?;
    match unfilled(&server) {
        Some(word) => Err(format!("it has `{word}`, which only the other program can fill in")),
        None => Ok((name, server)),
    }
}

/// What of a title can be in a name.
fn name_from(title: &str) -> String {
    let characters = title.trim().chars();
    characters
        .map(|character| if character.is_ascii_alphanumeric() || character == '_' { character } else { '-' })
        .collect()
}

fn words(fields: &Map<String, Value>, name: &str) -> Result<Vec<String>, String> {
    let Some(value) = fields.get(name) else { return Ok(Vec::new()) };
    let words = value.as_array().map(|words| words.iter().map(|word| word.as_str().map(str::to_owned)).collect());
    words.flatten().ok_or_else(|| format!("`{name}` is not a list of words"))
}

fn strings(fields: &Map<String, Value>, name: &str) -> Result<BTreeMap<String, String>, String> {
    let Some(value) = fields.get(name) else { return Ok(BTreeMap::new()) };
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    };
    let pairs =
        value.as_object().map(|pairs| pairs.iter().map(|(name, value)| Some((name.clone(), text(value)?))).collect());
    pairs.flatten().ok_or_else(|| format!("`{name}` is not an object of words"))
}

/// The first word that the other program would have replaced, such as `${input:key}`.
fn unfilled(server: &ServerConfig) -> Option<&str> {
    let words: Vec<&String> = match server {
        ServerConfig::Command { command, args, env } => {
            std::iter::once(command).chain(args).chain(env.values()).collect()
        }
        ServerConfig::Url { url, headers } => std::iter::once(url).chain(headers.values()).collect(),
    };
    words.into_iter().find_map(|word| {
        let start = word.find("${")?;
        Some(&word[start..=start + word[start..].find('}')?])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_of_other_programs_are_read() {
        let json = r#"{"mcpServers": {
            "My files": {"command": "npx", "args": ["-y", "x"], "env": {"N": 3}},
            "orders": {"type": "http", "url": "https://a.example/mcp", "headers": {"Authorization": "Bearer x"}},
            "old": {"type": "sse", "url": "https://a.example/sse"},
            "asks": {"command": "run", "env": {"KEY": "Bearer ${input:key}"}},
            "off": {"command": "run", "disabled": true},
            "odd": {"command": "run", "args": "x"},
            "empty": {}
        }}"#;
        let imported = import(json).unwrap();
        let names = imported.iter().map(|entry| {
            let server = entry.server.as_ref();
            server.map_or_else(|reason| format!("- {reason}"), |(name, server)| format!("{name}: {server}"))
        });
        let names: Vec<String> = names.collect();
        assert_eq!(names[..2], ["My-files: npx -y x", "orders: https://a.example/mcp"]);
        for (name, word) in names[2..].iter().zip(["gave up", "${input:key}", "disabled", "`args`", "either `command`"])
        {
            assert!(name.starts_with('-') && name.contains(word), "{name}");
        }
        assert_eq!(import(r#"{"mcp": {"servers": {"a": {"command": "run"}}}}"#).unwrap().len(), 1);
        assert!(matches!(import("{}"), Err(ImportError::NoServers)));
        assert!(matches!(import("{"), Err(ImportError::NotJson(_))));
    }
}
