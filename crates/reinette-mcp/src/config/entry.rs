//! The table `[mcp]`, and its entries.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// The longest name of a server: it becomes part of the names of tools, which other models' interfaces keep below 64.
const LONGEST_NAME: usize = 32;

/// The table `[mcp]` of `config.toml`.
///
/// ```
/// use reinette_mcp::McpConfig;
///
/// let config: McpConfig = toml::from_str(
///     "[servers.files]\ncommand = \"npx\"\nargs = [\"-y\", \"server-filesystem\"]\n[servers.orders]\nurl = \"https://orders.example/mcp\"",
/// )
/// .unwrap();
/// assert_eq!(config.servers.len(), 2);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct McpConfig {
    /// The servers by name.
    pub servers: BTreeMap<ServerName, ServerConfig>,
}

/// The name that the user gave a server: letters, digits, `-` and `_`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ServerName(String);

impl ServerName {
    /// The name, if it can be one.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(name: &str) -> Result<Self, ServerConfigError> {
        let is_allowed = |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '_');
        if name.is_empty() || name.len() > LONGEST_NAME || !name.chars().all(is_allowed) {
            return Err(ServerConfigError::Name { name: name.to_owned() });
        }
        Ok(Self(name.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ServerName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl TryFrom<String> for ServerName {
    type Error = ServerConfigError;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        Self::new(&name)
    }
}

impl From<ServerName> for String {
    fn from(name: ServerName) -> Self {
        name.0
    }
}

/// How a server is reached.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Entry")]
pub enum ServerConfig {
    /// A program of this machine, spoken to through its standard input and output.
    Command {
        /// The program.
        command: String,
        /// What it is started with.
        args: Vec<String>,
        /// Variables of its environment. Of ours it gets only what programs need to run, no keys.
        env: BTreeMap<String, String>,
    },
    /// A server that is spoken to over HTTP.
    Url {
        /// Its address.
        url: String,
        /// What is sent with every request, such as `Authorization`. Printed nowhere.
        headers: BTreeMap<String, String>,
    },
}

/// Values of variables and headers may be keys.
impl fmt::Debug for ServerConfig {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command { command, args, env } => formatter
                .debug_struct("Command")
                .field("command", command)
                .field("args", args)
                .field("env", &env.keys())
                .finish(),
            Self::Url { url, headers } => formatter
                .debug_struct("Url")
                .field("url", &reinette::outbound::shown(url))
                .field("headers", &headers.keys())
                .finish(),
        }
    }
}

impl fmt::Display for ServerConfig {
    /// The command line, or the address without what may be secret in it.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command { command, args, .. } => {
                let words = std::iter::once(command).chain(args).map(|word| quoted(word));
                formatter.write_str(&words.collect::<Vec<_>>().join(" "))
            }
            Self::Url { url, .. } => formatter.write_str(&reinette::outbound::shown(url)),
        }
    }
}

/// A word as a shell would need it.
fn quoted(word: &str) -> String {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "-_./:=@,+%".contains(character);
    if !word.is_empty() && word.chars().all(is_plain) { word.to_owned() } else { format!("{word:?}") }
}

/// What is wrong with the entry of a server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ServerConfigError {
    /// The name cannot be one.
    #[error("`{name}` cannot be the name of a server: 1 to {LONGEST_NAME} letters, digits, `-` and `_` can")]
    Name {
        /// The name.
        name: String,
    },
    /// It is not said how to reach the server, or twice.
    #[error("give a server either `command` (with `args` and `env`) or `url` (with `headers`)")]
    Kind,
    /// The address is of another kind.
    #[error("`{url}` is not an address that is spoken: it has to begin with https:// or http://")]
    Address {
        /// The address, without what may be secret.
        url: String,
    },
}

impl ServerConfig {
    /// A program that is started with `args`.
    ///
    /// # Errors
    /// If the command is empty.
    pub fn command(command: &str, args: Vec<String>, env: BTreeMap<String, String>) -> Result<Self, ServerConfigError> {
        if command.is_empty() {
            return Err(ServerConfigError::Kind);
        }
        Ok(Self::Command { command: command.to_owned(), args, env })
    }

    /// A server at `url`.
    ///
    /// # Errors
    /// If that is no address of HTTP.
    pub fn url(url: &str, headers: BTreeMap<String, String>) -> Result<Self, ServerConfigError> {
        let is_spoken =
            ["https://", "http://"].iter().any(|scheme| url.len() > scheme.len() && url.starts_with(scheme));
        if !is_spoken || url.parse::<ureq::http::Uri>().is_err() {
            return Err(ServerConfigError::Address { url: reinette::outbound::shown(url) });
        }
        Ok(Self::Url { url: url.to_owned(), headers })
    }
}

/// An entry as it stands in a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    command: Option<String>,
    #[serde(default)]
    args: Vec<String>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    url: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
}

impl TryFrom<Entry> for ServerConfig {
    type Error = ServerConfigError;

    fn try_from(entry: Entry) -> Result<Self, Self::Error> {
        match entry {
            Entry { command: Some(command), args, env, url: None, headers } if headers.is_empty() => {
                Self::command(&command, args, env)
            }
            Entry { command: None, args, env, url: Some(url), headers } if args.is_empty() && env.is_empty() => {
                Self::url(&url, headers)
            }
            _ => Err(ServerConfigError::Kind),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<McpConfig, String> {
        toml::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_server_is_a_command_or_an_address() {
        let config = read("[servers.a]\ncommand = \"run\"\nargs = [\"-y\"]\nenv = { KEY = \"v\" }").unwrap();
        let expected = ServerConfig::Command {
            command: "run".into(),
            args: vec!["-y".into()],
            env: BTreeMap::from([("KEY".into(), "v".into())]),
        };
        assert_eq!(config.servers[&ServerName::new("a").unwrap()], expected);
        for (wrong, word) in [
            ("[servers.a]\n", "either `command`"),
            ("[servers.a]\ncommand = \"run\"\nurl = \"https://a.example\"", "either `command`"),
            ("[servers.a]\nurl = \"https://a.example\"\nargs = [\"x\"]", "either `command`"),
            ("[servers.a]\nurl = \"file:///etc\"", "https://"),
            ("[servers.a]\ncomand = \"run\"", "comand"),
            ("[servers.\"a b\"]\ncommand = \"run\"", "cannot be the name"),
        ] {
            let error = read(wrong).unwrap_err();
            assert!(error.contains(word), "{wrong}: {error}");
        }
    }

    #[test]
    fn nothing_secret_is_shown() {
        let secret = BTreeMap::from([("Authorization".to_owned(), "Bearer hush".to_owned())]);
        let url = ServerConfig::url("https://me:hush@a.example/mcp?key=hush", secret.clone()).unwrap();
        let command = ServerConfig::command("run", vec!["a b".into()], secret).unwrap();
        for shown in [format!("{url:?}"), format!("{command:?}"), url.to_string(), command.to_string()] {
            assert!(!shown.contains("hush"), "{shown}");
        }
        assert_eq!(url.to_string(), "https://a.example/mcp");
        assert_eq!(command.to_string(), "run \"a b\"");
    }
}
