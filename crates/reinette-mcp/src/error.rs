//! What servers do wrong, each in one sentence with what can be done.

use crate::text;
use std::time::Duration;

/// The most of a server's own words that an error repeats.
const MAX_QUOTE_CHARACTERS: usize = 400;

/// Why a server did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the MCP server `{server}` {what}; {advice}")]
pub struct McpError {
    server: String,
    fault: Fault,
    what: String,
    advice: String,
}

/// What kind of thing went wrong with a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The program cannot be started, or the address not be reached.
    Unreachable,
    /// It wants to know who asks.
    Unauthorized,
    /// It speaks another protocol, or another version of it, or what it says is not what it announced.
    Protocol,
    /// It did not answer in time.
    TooSlow,
    /// It sent more than any answer needs.
    TooMuch,
    /// It ended, or broke the connection off.
    Ended,
    /// It answered that it will not do this.
    Refused,
    /// The runtime that speaks with servers does not work.
    Internal,
}

impl McpError {
    pub(crate) fn new(server: &str, fault: Fault, what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { server: server.to_owned(), fault, what: what.into(), advice: advice.into() }
    }

    /// The name of the server.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// What kind of thing went wrong.
    pub fn fault(&self) -> Fault {
        self.fault
    }

    pub(crate) fn too_slow(server: &str, doing: &str, limit: Duration) -> Self {
        let seconds = limit.as_secs_f64();
        Self::new(
            server,
            Fault::TooSlow,
            format!("did not {doing} within {seconds} s"),
            "see whether it runs at all, or remove it with `reinette mcp remove`",
        )
    }

    pub(crate) fn refused(server: &str, message: &str) -> Self {
        Self::new(server, Fault::Refused, format!("refused: {}", quote(message)), "ask for something else")
    }

    pub(crate) fn lied(server: &str, what: impl Into<String>) -> Self {
        Self::new(server, Fault::Protocol, what, "its author has to repair it; leave it out until then")
    }

    pub(crate) fn internal(server: &str, reason: &str) -> Self {
        Self::new(server, Fault::Internal, format!("cannot be spoken with: {reason}"), "start the program again")
    }
}

/// Words of a server's, as an error repeats them: on one line, harmless and short.
pub(crate) fn quote(words: &str) -> String {
    let words = text::harmless(words);
    let line: Vec<&str> = words.split_whitespace().collect();
    let line = line.join(" ");
    match line.char_indices().nth(MAX_QUOTE_CHARACTERS) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}
