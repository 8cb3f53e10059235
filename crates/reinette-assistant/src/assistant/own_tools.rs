//! The assistant's own tools: taking back, and the outcomes of a request that no app has.
//!
//! A model that has learned our tools in conversations calls one of them for everything that is said, so that what becomes of
//! it is the loop's to say: that something is general knowledge which a small model would only guess, or that there is no app
//! for it. All other models are offered `undo` alone: they talk where they call nothing.

use super::desk::Desk;
use super::undoing::prepare_undo;
use crate::sentences::{self, Wish};
use reinette::{Generable, Invocation, Preparation, Prepared, Tool, ToolAnswer, ToolDefinition};
use serde_json::Value;
use std::sync::Arc;

/// One of them, at a desk.
pub(super) struct OwnTool {
    kind: Kind,
    desk: Arc<Desk>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Undo,
    Answer,
    Write,
    Cannot,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Undo, Self::Answer, Self::Write, Self::Cannot];

    fn name(self) -> &'static str {
        match self {
            Self::Undo => UNDO,
            Self::Answer => "answer",
            Self::Write => WRITE,
            Self::Cannot => "cannot",
        }
    }
}

/// Takes back what the last request changed. A model that has learned it has learned our tools in conversations.
pub(super) const UNDO: &str = "undo";
/// Lets the model write a text.
pub(super) const WRITE: &str = "write";

/// The tools for models that were trained to call one for everything that is said.
pub(crate) fn is_only_learned(tool: &str) -> bool {
    Kind::ALL.iter().any(|kind| *kind != Kind::Undo && kind.name() == tool)
}

/// The arguments of the tools that have none.
#[derive(Debug, serde::Serialize, serde::Deserialize, Generable)]
struct Nothing {}

/// The arguments of `cannot`.
#[derive(Debug, serde::Serialize, serde::Deserialize, Generable)]
struct Cannot {
    /// What is wanted.
    what: Wish,
}

impl OwnTool {
    pub(super) fn all(desk: &Arc<Desk>) -> impl Iterator<Item = Self> {
        Kind::ALL.into_iter().map(|kind| Self { kind, desk: Arc::clone(desk) })
    }
}

impl Tool for OwnTool {
    fn definition(&self) -> ToolDefinition {
        match self.kind {
            Kind::Undo => ToolDefinition::new::<Nothing>(UNDO, "Take back what the last request changed.")
                .example("no, leave it as it was", &[])
                .example("annule ce que tu viens de faire", &[]),
            Kind::Answer => ToolDefinition::new::<Nothing>("answer", "Answer a question of general knowledge."),
            Kind::Write => ToolDefinition::new::<Nothing>(WRITE, "Write, rewrite, translate or summarise a text."),
            Kind::Cannot => ToolDefinition::new::<Cannot>("cannot", "Say that there is no app for what is wanted."),
        }
    }

    fn prepare(&self, invocation: Invocation) -> Preparation {
        let language = self.desk.request().language;
        // What was wanted is not done.
        let told = |text: String| Ok(Prepared::Answer(ToolAnswer::error(text).for_user()));
        let prepared = match self.kind {
            Kind::Undo => prepare_undo(&self.desk, None),
            Kind::Answer => told(sentences::general_knowledge(language)),
            // The model writes next.
            Kind::Write => Ok(Prepared::Answer(ToolAnswer::new(String::new()))),
            Kind::Cannot => {
                let what = serde_json::from_value(Value::Object(invocation.arguments));
                told(sentences::cannot(language, what.map_or(Wish::Other, |Cannot { what }| what)))
            }
        };
        Box::pin(std::future::ready(prepared))
    }
}
