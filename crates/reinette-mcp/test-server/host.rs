//! A host of a few notes, to be served.

use reinette::{
    Action, Commit, CommitFuture, Committer, Committing, Effect, FunctionTool, Generable, Invocation, Preparation,
    Prepared, Question, Risk, Tool, ToolAnswer, ToolCall, ToolDefinition, ToolError,
};
use reinette_mcp::{Access, Host, HostFuture, HostResource, HostTool, ResourceText};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::future::ready;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Notes, and what was done to them.
#[derive(Default)]
struct Notes {
    texts: Vec<String>,
    /// The notes that were added, and whether they still count.
    journal: Vec<(String, bool)>,
    /// How often something will still have changed when it is to be done.
    changes: u32,
}

#[derive(Clone, Default)]
pub(crate) struct SmallHost {
    notes: Arc<Mutex<Notes>>,
}

impl SmallHost {
    fn with<T>(&self, work: impl FnOnce(&mut Notes) -> T) -> T {
        work(&mut self.notes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A note.
#[derive(Serialize, Deserialize, Generable)]
struct Note {
    /// what to write
    text: String,
}

/// Words to look for.
#[derive(Serialize, Deserialize, Generable)]
struct Search {
    /// what to look for
    words: String,
}

/// Adds a note, and asks which one where it is not clear.
struct AddNote(SmallHost);

struct Adding {
    host: SmallHost,
    text: String,
}

impl Action for Adding {
    fn commit(self: Box<Self>) -> CommitFuture {
        self.host.with(|notes| {
            notes.texts.push(self.text.clone());
            notes.journal.push((self.text.clone(), true));
        });
        Box::pin(ready(Ok(ToolAnswer::new(format!("Wrote “{}”.", self.text)).with_data(json!({"text": self.text})))))
    }

    fn can_undo(&self) -> bool {
        true
    }
}

impl Tool for AddNote {
    fn definition(&self) -> ToolDefinition {
        ToolDefinition::new::<Note>("add_note", "Writes a note.")
    }

    fn prepare(&self, invocation: Invocation) -> Preparation {
        let text = invocation.arguments["text"].as_str().unwrap_or_default().to_owned();
        let text = match (text.as_str(), invocation.chosen.first()) {
            ("fruit", None) => {
                let choices = vec!["apple".to_owned(), "pear".to_owned()];
                return Box::pin(ready(Ok(Prepared::Question(Question { text: "Which fruit?".to_owned(), choices }))));
            }
            ("changing", _) => {
                self.0.with(|notes| notes.changes += u32::from(notes.changes == 0));
                text
            }
            (_, Some(chosen)) => chosen.clone(),
            _ => text,
        };
        let effect = Effect {
            summary: format!("Write the note “{text}”."),
            risk: Risk::Changes,
            preview: vec![format!("+ {text}")],
            data: json!({"text": text}),
            action: Box::new(Adding { host: self.0.clone(), text }),
        };
        Box::pin(ready(Ok(Prepared::Effect(effect))))
    }

    fn timeout(&self) -> Option<Duration> {
        None
    }
}

impl Committer for SmallHost {
    fn commit(&self, _: &ToolCall, effect: Effect) -> Committing<'_> {
        let is_stale = self.with(|notes| {
            let is_stale = notes.changes == 1;
            notes.changes += u32::from(is_stale);
            is_stale
        });
        Box::pin(async move {
            if is_stale {
                return Ok(Commit::Stale);
            }
            effect.action.commit().await.map(Commit::Done)
        })
    }
}

impl Host for SmallHost {
    fn instructions(&self) -> String {
        "A few notes.".to_owned()
    }

    fn tools(&self) -> Vec<HostTool> {
        let host = self.clone();
        let find = FunctionTool::new("find_notes", "Finds notes by words in them.", move |search: Search| {
            let found = host.with(|notes| {
                notes.texts.iter().filter(|note| note.contains(&search.words)).cloned().collect::<Vec<_>>()
            });
            ready(Ok::<_, String>(json!({ "found": found })))
        });
        vec![
            HostTool { tool: Arc::new(find), access: Access::Reads },
            HostTool { tool: Arc::new(AddNote(self.clone())), access: Access::Acts(Risk::Changes) },
        ]
    }

    fn resources(&self) -> HostFuture<'_, Vec<HostResource>> {
        Box::pin(ready(Ok(vec![HostResource {
            uri: "reinette://notes".to_owned(),
            name: "notes".to_owned(),
            description: "All notes.".to_owned(),
            mime_type: "text/markdown".to_owned(),
        }])))
    }

    fn read(&self, uri: &str) -> HostFuture<'_, Option<ResourceText>> {
        let text = self.with(|notes| notes.texts.join("\n"));
        let read = (uri == "reinette://notes").then(|| ResourceText { mime_type: "text/markdown".to_owned(), text });
        Box::pin(ready(Ok(read)))
    }

    fn journal(&self, limit: usize) -> HostFuture<'_, ToolAnswer> {
        let lines = self.with(|notes| {
            let lines = notes.journal.iter().enumerate().rev().take(limit);
            lines
                .map(|(id, (text, counts))| format!("{id}: wrote “{text}”{}", if *counts { "" } else { ", undone" }))
                .collect::<Vec<_>>()
        });
        Box::pin(ready(Ok(ToolAnswer::new(lines.join("\n")))))
    }

    fn undo(&self, entry: Option<String>) -> Preparation {
        let host = self.clone();
        let id = self.with(|notes| match entry {
            Some(entry) => {
                entry.parse().ok().filter(|id: &usize| notes.journal.get(*id).is_some_and(|(_, counts)| *counts))
            }
            None => notes.journal.iter().rposition(|(_, counts)| *counts),
        });
        let Some(id) = id else { return Box::pin(ready(Err(ToolError::new("there is nothing to take back")))) };
        let take_back = move || -> CommitFuture {
            let text = host.with(|notes| {
                notes.journal[id].1 = false;
                let text = notes.journal[id].0.clone();
                notes.texts.retain(|note| *note != text);
                text
            });
            Box::pin(ready(Ok(ToolAnswer::new(format!("Took back “{text}”.")))))
        };
        let effect = Effect {
            summary: format!("Take back entry {id}."),
            risk: Risk::Changes,
            preview: Vec::new(),
            data: json!({ "entry": id }),
            action: Box::new(take_back),
        };
        Box::pin(ready(Ok(Prepared::Effect(effect))))
    }
}
