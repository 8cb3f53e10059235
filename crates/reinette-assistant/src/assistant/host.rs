//! The apps for other programs: what an MCP client lists, reads and calls. Each effect is allowed by the client's user, and
//! written into the journal here.

use super::app_tool::AppTool;
use super::desk::Desk;
use super::undoing::{last_lines, prepare_undo};
use super::{Confirm, Journaled};
use crate::journal::Line;
use reinette::{
    Committer, Committing, Effect, Invocation, Preparation, Prepared, Risk, Tool, ToolAnswer, ToolCall, ToolError,
};
use reinette_mcp::{Access, Host, HostFuture, HostResource, HostTool, ResourceText};
use reinette_time::Language;
use serde_json::{Map, json};
use std::sync::Arc;

/// What can be read without a call: an address, a name, what it is, and the tool whose answer without arguments it is.
const RESOURCES: [(&str, &str, &str, &str); 3] = [
    ("reinette://calendar", "Calendar", "The events that come next.", "list_events"),
    ("reinette://reminders", "Reminders", "The reminders that are open.", "list_reminders"),
    ("reinette://notes", "Notes", "The notes there are.", "list_notes"),
];

/// An assistant's apps, journal and undo, offered to other programs.
pub(super) struct AppHost {
    desk: Arc<Desk>,
    tools: Vec<HostTool>,
}

impl AppHost {
    pub(super) fn new(desk: &Arc<Desk>) -> Self {
        let offered = |tool: AppTool| {
            let access = if tool.only_reads() { Access::Reads } else { Access::Acts(Risk::Changes) };
            HostTool { tool: Arc::new(tool), access }
        };
        Self { desk: Arc::clone(desk), tools: AppTool::all(desk).map(offered).collect() }
    }

    fn tool(&self, name: &str) -> Option<&Arc<dyn Tool>> {
        self.tools.iter().map(|offered| &offered.tool).find(|tool| tool.definition().name == name)
    }
}

impl Committer for AppHost {
    /// Each call is a request of its own, which `undo` takes back alone.
    fn commit(&self, call: &ToolCall, effect: Effect) -> Committing<'_> {
        self.desk.begin(Confirm::Ask, Language::English);
        let committed = Journaled(Arc::clone(&self.desk)).commit_effect(call, effect);
        Box::pin(committed)
    }
}

impl Host for AppHost {
    fn instructions(&self) -> String {
        "Reinette keeps the user's calendar, reminders, timers and notes on this machine. Times are given as the user says them \
         (\"tomorrow at 9\"). Everything that is changed is asked about and can be taken back with `undo`."
            .to_owned()
    }

    fn tools(&self) -> Vec<HostTool> {
        self.tools.clone()
    }

    fn resources(&self) -> HostFuture<'_, Vec<HostResource>> {
        let offered = RESOURCES.iter().filter(|(.., tool)| self.tool(tool).is_some());
        let resource = |(uri, name, description, _): &(&str, &str, &str, &str)| HostResource {
            uri: (*uri).to_owned(),
            name: (*name).to_owned(),
            description: (*description).to_owned(),
            mime_type: "text/plain".to_owned(),
        };
        let resources = offered.map(resource).collect();
        Box::pin(std::future::ready(Ok(resources)))
    }

    fn read(&self, uri: &str) -> HostFuture<'_, Option<ResourceText>> {
        let named = RESOURCES.iter().find(|(address, ..)| *address == uri);
        let preparing =
            named.and_then(|(.., tool)| self.tool(tool)).map(|tool| tool.prepare(Invocation::new(Map::new())));
        Box::pin(async {
            let Some(preparing) = preparing else { return Ok(None) };
            match preparing.await? {
                Prepared::Answer(answer) if !answer.is_error => {
                    Ok(Some(ResourceText { mime_type: "text/plain".to_owned(), text: answer.text }))
                }
                Prepared::Answer(answer) => Err(ToolError::new(answer.text)),
                Prepared::Question(_) | Prepared::Effect(_) => Ok(None),
            }
        })
    }

    fn journal(&self, limit: usize) -> HostFuture<'_, ToolAnswer> {
        let answer = last_lines(&self.desk, limit).map(|mut lines| {
            lines.reverse();
            let told = |line: &Line| format!("{}  {:?}  {}", line.request, line.state, line.effect).to_lowercase();
            let text = lines.iter().map(told).collect::<Vec<_>>().join("\n");
            let text = if text.is_empty() { "nothing has been changed yet".to_owned() } else { text };
            ToolAnswer::new(text).with_data(json!({ "lines": lines }))
        });
        Box::pin(std::future::ready(answer))
    }

    fn undo(&self, entry: Option<String>) -> Preparation {
        let prepared = prepare_undo(&self.desk, entry.as_deref());
        Box::pin(std::future::ready(prepared))
    }
}
