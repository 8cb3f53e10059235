//! Taking back as an effect: shown, asked about and done like any other.

use super::desk::Desk;
use crate::journal::{self, Line, State};
use crate::sentences;
use reinette::{Action, CommitFuture, Effect, Prepared, Risk, ToolAnswer, ToolError};
use reinette_time::Language;
use serde_json::{Value, json};
use std::sync::Arc;

/// How far back an undo looks for something to take back.
const UNDO_LINES: usize = 100;

/// The last lines of the journal.
pub(super) fn last_lines(desk: &Desk, limit: usize) -> Result<Vec<Line>, ToolError> {
    let listing = journal::last_lines(&desk.store(), &desk.home, limit);
    Ok(listing.map_err(|error| ToolError::new(error.to_string()))?.found)
}

/// What taking back the last request's changes comes to; `entry` is that request's number, if one was named.
pub(super) fn prepare_undo(desk: &Arc<Desk>, entry: Option<&str>) -> Result<Prepared, ToolError> {
    let language = desk.request().language;
    let lines = last_lines(desk, UNDO_LINES)?;
    let Some(last) = lines.iter().rev().find(|line| line.state == State::Done) else {
        return Ok(Prepared::Answer(ToolAnswer::error(sentences::nothing_to_take_back(language)).for_user()));
    };
    if entry.is_some_and(|entry| entry != last.request.to_string()) {
        let text = format!("only the last change can be taken back, which is {}: {}", last.request, last.effect);
        return Ok(Prepared::Answer(ToolAnswer::error(text)));
    }
    let effects = lines.iter().filter(|line| line.request == last.request && line.state == State::Done);
    let effects = effects.map(|line| line.effect.as_str()).collect::<Vec<_>>().join(" ");
    let (desk, shown) = (Arc::clone(desk), last.id);
    let action: Box<dyn Action> = Box::new(move || -> CommitFuture {
        if last_done(&desk) != Some(shown) {
            let changed = ToolError::new("something else was changed meanwhile: nothing was taken back; ask again");
            return Box::pin(std::future::ready(Err(changed)));
        }
        let undone = desk.undo().map_err(|error| ToolError::new(error.to_string()));
        Box::pin(std::future::ready(undone.map(|lines| taken_back(&lines, language))))
    });
    let summary = sentences::will_take_back(language, &effects);
    Ok(Prepared::Effect(Effect { summary, risk: Risk::Changes, preview: Vec::new(), data: Value::Null, action }))
}

/// What became of the changes that were to be taken back.
fn taken_back(lines: &[Line], language: Language) -> ToolAnswer {
    let told = |line: &Line| match &line.reason {
        Some(reason) => format!("{} {reason}", line.effect),
        None if line.state == State::Undone => sentences::took_back(language, &line.effect),
        None => line.effect.clone(),
    };
    let is_error = lines.iter().any(|line| line.state != State::Undone);
    let text = lines.iter().map(told).collect::<Vec<_>>().join("\n");
    ToolAnswer { is_error, ..ToolAnswer::new(text).for_user().with_data(json!({ "lines": lines })) }
}

/// The last line of the journal that can be taken back.
fn last_done(desk: &Desk) -> Option<i64> {
    let lines = journal::last_lines(&desk.store(), &desk.home, UNDO_LINES).ok()?.found;
    lines.iter().rev().find(|line| line.state == State::Done).map(|line| line.id)
}
