//! Everything that was said or done, as typed entries.

use crate::ToolCall;
use serde::{Deserialize, Serialize};

/// One thing that was said or done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Entry {
    /// What the developer told the model about its job.
    Instructions {
        /// The words.
        text: String,
    },
    /// What the user said.
    Prompt {
        /// The words.
        text: String,
    },
    /// What the model asked the apps to do.
    ToolCalls {
        /// The calls, in the order in which they were made.
        calls: Vec<ToolCall>,
    },
    /// What an app answered to one call.
    ToolOutput {
        /// The [`ToolCall::id`] it answers.
        call_id: String,
        /// What the tool said.
        text: String,
    },
    /// What the model said.
    Response {
        /// The words.
        text: String,
    },
}

/// A conversation: its entries, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Transcript {
    /// The entries, oldest first.
    pub entries: Vec<Entry>,
}

impl Transcript {
    /// A transcript that holds only what the user said.
    pub fn from_prompt(text: impl Into<String>) -> Self {
        Self { entries: vec![Entry::Prompt { text: text.into() }] }
    }

    /// Appends an entry.
    pub fn push(&mut self, entry: Entry) {
        self.entries.push(entry);
    }

    /// What the user said last, if anything.
    pub fn last_prompt(&self) -> Option<&str> {
        self.entries.iter().rev().find_map(|entry| match entry {
            Entry::Prompt { text } => Some(text.as_str()),
            _ => None,
        })
    }
}
