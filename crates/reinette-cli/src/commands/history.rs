//! `reinette history`: what was said, and what was done.

use crate::context::Context;
use crate::conversation;
use crate::printer::Record;
use anyhow::Result;
use clap::Args;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use reinette::Entry;
use reinette_assistant::Turn;
use reinette_assistant::journal::{Line, Listing, State};
use serde::Serialize;

/// Show what was said, or what was done
#[derive(Args, Debug)]
pub(crate) struct History {
    /// Show the changes that were made, instead of the conversation
    #[arg(long)]
    changes: bool,

    /// Show at most so many entries, the latest
    #[arg(long, short = 'n', value_name = "COUNT", default_value_t = 20)]
    limit: usize,
}

#[derive(Serialize)]
#[serde(transparent)]
struct Said(Turn);

impl Record for Said {
    const TYPE: &'static str = "said";

    fn to_text(&self) -> String {
        let lines = self.lines();
        let first = lines.first().map(String::as_str).unwrap_or_default();
        format!("{}  {:>8}  {first}", local_time(self.0.at), self.speaker())
    }

    fn further_lines(&self) -> Vec<String> {
        self.lines().iter().skip(1).map(|line| format!("{:28}{line}", "")).collect()
    }
}

impl Said {
    fn speaker(&self) -> &'static str {
        match self.0.entry {
            Entry::Prompt { .. } => "you",
            _ => "reinette",
        }
    }

    fn lines(&self) -> Vec<String> {
        let text = match &self.0.entry {
            Entry::Prompt { text } | Entry::Response { text } | Entry::ToolOutput { text, .. } => text.clone(),
            Entry::ToolCalls { calls } => {
                calls.iter().map(|call| format!("→ {}", call.name)).collect::<Vec<_>>().join(", ")
            }
            _ => String::new(),
        };
        text.lines().map(str::to_owned).collect()
    }
}

#[derive(Serialize)]
#[serde(transparent)]
struct Changed(Line);

impl Record for Changed {
    const TYPE: &'static str = "change";

    fn to_text(&self) -> String {
        let state = match self.0.state {
            State::Done => "",
            State::Undoing => " (being taken back)",
            State::Undone => " (taken back)",
            State::Failed => " (not made)",
            State::Pending => " (being made)",
            State::Abandoned => " (changed since, not taken back)",
            State::Spent => " (rang)",
        };
        format!("{}  {}{state}", local_time(self.0.at), self.0.effect)
    }
}

fn local_time(at: Timestamp) -> String {
    at.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M").to_string()
}

pub(crate) fn run(context: &Context, arguments: &History) -> Result<()> {
    let assistant = conversation::open_to_read(context)?;
    if arguments.changes {
        show(context, assistant.journal(arguments.limit)?, Changed)
    } else {
        show(context, assistant.history(arguments.limit)?, Said)
    }
}

/// Shows what could be read, and says what could not.
fn show<T, R: Record>(context: &Context, listing: Listing<T>, record: fn(T) -> R) -> Result<()> {
    listing.unreadable.iter().for_each(|error| context.printer.warn(&error.to_string()));
    listing.found.into_iter().try_for_each(|found| context.printer.print(&record(found)))
}
