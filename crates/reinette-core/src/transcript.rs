//! Everything that was said or done, as typed entries.

use crate::{Source, ToolCall};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One thing that was said or done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
// Exhaustive on purpose: a model that would leave a kind of entry out of its prompt unnoticed shall not compile.
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
    /// What is no text and belongs to the prompt before it, such as a picture.
    Attachment {
        /// What it is, as `image/png`.
        media_type: String,
        /// Where it is, or itself: `https:` or `data:`.
        url: String,
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
        /// What programs are told.
        #[serde(default, skip_serializing_if = "Value::is_null")]
        data: Value,
        /// Where it was found.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        sources: Vec<Source>,
        /// The tool did not do what it was asked.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        is_error: bool,
    },
    /// What the model thought before it said what follows.
    Reasoning {
        /// The words.
        text: String,
        /// What the provider of the model wants back with them, unread.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signature: Option<String>,
    },
    /// What the model said.
    Response {
        /// The words.
        text: String,
    },
}

impl Entry {
    /// What a tool answered in words alone.
    pub fn tool_output(call_id: impl Into<String>, text: impl Into<String>) -> Self {
        Self::ToolOutput {
            call_id: call_id.into(),
            text: text.into(),
            data: Value::Null,
            sources: Vec::new(),
            is_error: false,
        }
    }
}

/// The version of the form in which transcripts are written. The first had no data, sources, errors and signatures, and is
/// read as if there were none.
const FORMAT_VERSION: u32 = 2;

/// A conversation: its entries, oldest first.
///
/// Its serde form carries a version, so that one that a later program wrote is refused instead of misread:
///
/// ```
/// # extern crate reinette_core as reinette;
/// use reinette::Transcript;
///
/// let written = serde_json::to_string(&Transcript::from_prompt("Hello"))?;
/// assert_eq!(written, r#"{"version":2,"entries":[{"type":"prompt","text":"Hello"}]}"#);
/// assert_eq!(serde_json::from_str::<Transcript>(&written)?, Transcript::from_prompt("Hello"));
/// assert!(serde_json::from_str::<Transcript>(r#"{"version":9,"entries":[]}"#).is_err());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
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

    /// Whether a call of this id was made.
    pub fn has_call(&self, id: &str) -> bool {
        self.entries
            .iter()
            .any(|entry| matches!(entry, Entry::ToolCalls { calls } if calls.iter().any(|call| call.id == id)))
    }
}

/// A transcript as it is written.
#[derive(Serialize, Deserialize)]
struct Written {
    #[serde(default = "first_version")]
    version: u32,
    entries: Vec<Entry>,
}

/// Transcripts written before there were versions have the form of the first.
fn first_version() -> u32 {
    1
}

impl From<Transcript> for Written {
    fn from(transcript: Transcript) -> Self {
        Self { version: FORMAT_VERSION, entries: transcript.entries }
    }
}

impl TryFrom<Written> for Transcript {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        if (first_version()..=FORMAT_VERSION).contains(&written.version) {
            return Ok(Self { entries: written.entries });
        }
        Err(format!(
            "this transcript is of version {}, and this program reads versions up to {FORMAT_VERSION}: open it with the program \
             that wrote it, or a later one",
            written.version
        ))
    }
}
