//! Ticks things off in lists.

use super::folder::{Note, Notes};
use super::note_item;
use super::remove::{Line, Named, also_not_there, does_not_have, lines, named, which, with_note};
use crate::data::{self, fields};
use crate::focus::{self, Closeness};
use crate::matching::Match;
use crate::sentences::Wording;
use crate::visible::one_line;
use crate::{Answer, AppError, Change, FileChange, Plan, World};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How the lines of a list begin.
const BULLETS: [&str; 4] = ["- ", "* ", "+ ", "• "];

/// The arguments of `tick_in_note`.
#[derive(Debug, Serialize, Deserialize, reinette::Generable)]
pub(crate) struct TickInNote {
    /// The note's title; without it, the list that has it.
    #[guide(span)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    /// What is done.
    #[guide(span)]
    text: String,
}

pub(crate) fn tick_in_note(arguments: &TickInNote, world: &World) -> Result<Plan, AppError> {
    let (language, text) = (world.language, arguments.text.trim());
    if text.is_empty() {
        return Err(AppError::Refused(language.pick("Say what is done.", "Dites ce qui est fait.").to_owned()));
    }
    if let Some(title) = arguments.note.as_deref().filter(|note| !note.trim().is_empty()) {
        return with_note(title, world, |note| tick(note, &lines(note), text, world));
    }
    let notes = Notes::read(&world.folders)?;
    let has = |note: &Note, closeness| match named(&items_of(note), text, closeness, world) {
        Ok(Named::Lines { chosen, .. }) => !chosen.is_empty(),
        Ok(Named::Unclear(_)) => true,
        Err(_) => false,
    };
    let with = |closeness| -> Vec<&Note> { notes.all.iter().filter(|note| has(note, closeness)).collect() };
    let mut found = with(Closeness::Fitting);
    if found.is_empty() {
        found = with(Closeness::Near);
    }
    let found = match found.len() {
        0 => {
            let text = language.quoted(text);
            let text = language.pick(format!("No list has {text}."), format!("Aucune liste ne contient {text}."));
            return Ok(Plan::Answer(Answer { text, data: fields([("found", Value::Array(Vec::new()))]) }));
        }
        1 => found.pop().cloned().map_or(Match::None { nearest: Vec::new() }, Match::One),
        _ => focus::decide(found.into_iter().cloned().collect(), world),
    };
    let label = |note: &Note| one_line(note.title()).into_owned();
    language.plan_for(text, found, label, |note| tick(&note, &items_of(&note), text, world))
}

/// The lines of a note that are items of a list.
fn items_of(note: &Note) -> Vec<Line<'_>> {
    let written: Vec<&str> = note.text.lines().collect();
    let is_item = |line: &Line<'_>| BULLETS.iter().any(|bullet| written[line.index].trim_start().starts_with(bullet));
    lines(note).into_iter().filter(is_item).collect()
}

fn tick(note: &Note, lines: &[Line<'_>], text: &str, world: &World) -> Result<Plan, AppError> {
    match named(lines, text, Closeness::Near, world)? {
        Named::Unclear(found) => Ok(which(text, &found, |line| ticked(note, &[line], &[], world), world)),
        Named::Lines { chosen, missing } => Ok(ticked(note, &chosen, &missing, world)),
    }
}

/// The note in which some lines are ticked off.
fn ticked(note: &Note, chosen: &[Line<'_>], missing: &[&str], world: &World) -> Plan {
    let language = world.language;
    let title = language.quoted(note.title());
    let texts: Vec<&str> = chosen.iter().map(|line| line.text).collect();
    let told = language.listed(&texts);
    let mut written: Vec<String> = note.text.split_inclusive('\n').map(str::to_owned).collect();
    for line in chosen {
        if let Some(line) = written.get_mut(line.index) {
            *line = with_tick(line).unwrap_or_else(|| line.clone());
        }
    }
    let after = written.concat();
    let nothing = |text: String| Plan::Answer(Answer { text, data: data::items("notes", &[note_item(&note.path)]) });
    if chosen.is_empty() {
        return nothing(does_not_have(note, missing, world));
    }
    if after == note.text {
        return nothing(language.pick(
            format!("{told} is ticked off already in the note {title}."),
            format!("{told} : déjà coché dans la note {title}."),
        ));
    }
    let not_there = also_not_there(missing, world);
    let mut data = data::items("changed", &[note_item(&note.path)]);
    data["ticked"] = texts.into();
    Plan::Change(Change {
        effect: language.pick(
            format!("Ticks off {told} in the note {title}.{not_there}"),
            format!("Coche {told} dans la note {title}.{not_there}"),
        ),
        done: language.pick(
            format!("Ticked off {told} in the note {title}.{not_there}"),
            format!("J’ai coché {told} dans la note {title}.{not_there}"),
        ),
        data,
        files: vec![FileChange::edit(note.path.clone(), note.text.clone(), after)],
    })
}

/// The line with a tick; `None` if it has one.
fn with_tick(line: &str) -> Option<String> {
    let (indent, rest) = line.split_at(line.len() - line.trim_start().len());
    let bullet = BULLETS.iter().find(|bullet| rest.starts_with(*bullet));
    let item = bullet.map_or(rest, |bullet| &rest[bullet.len()..]);
    if item.starts_with("[x]") || item.starts_with("[X]") {
        return None;
    }
    let item = item.strip_prefix("[ ]").map_or(item, str::trim_start);
    // Markdown knows no tick behind a typographic bullet.
    let bullet = bullet.filter(|bullet| **bullet != "• ").unwrap_or(&"- ");
    Some(format!("{indent}{bullet}[x] {item}"))
}
