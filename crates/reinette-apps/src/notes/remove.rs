//! Takes things out of notes, and notes away.

use super::folder::{Note, Notes};
use super::list::{is_heading, named_items, without_bullet};
use super::note_item;
use crate::data::{self, fields};
use crate::focus::{self, Closeness};
use crate::matching::{self, Match, Rank, words};
use crate::sentences::Wording;
use crate::visible::one_line;
use crate::{Answer, AppError, Change, Choice, FileChange, Plan, Question, World};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The arguments of `remove_from_note`.
#[derive(Debug, Serialize, Deserialize, reinette::Generable)]
pub(crate) struct RemoveFromNote {
    /// The note's title.
    #[guide(span)]
    note: String,
    /// What to remove.
    #[guide(span)]
    text: String,
}

/// The arguments of `clear_note`.
#[derive(Debug, Serialize, Deserialize, reinette::Generable)]
pub(crate) struct ClearNote {
    /// The note's title.
    #[guide(span)]
    note: String,
}

/// The arguments of `delete_note`.
#[derive(Debug, Serialize, Deserialize, reinette::Generable)]
pub(crate) struct DeleteNote {
    /// The note's title.
    #[guide(span)]
    note: String,
}

pub(crate) fn remove_from_note(arguments: &RemoveFromNote, world: &World) -> Result<Plan, AppError> {
    let text = arguments.text.trim();
    if text.is_empty() {
        let refusal = world.language.pick("Say what to remove.", "Dites ce qu’il faut enlever.");
        return Err(AppError::Refused(refusal.to_owned()));
    }
    with_note(&arguments.note, world, |note| remove(note, text, world))
}

pub(crate) fn clear_note(arguments: &ClearNote, world: &World) -> Result<Plan, AppError> {
    with_note(&arguments.note, world, |note| Ok(clear(note, world)))
}

pub(crate) fn delete_note(arguments: &DeleteNote, world: &World) -> Result<Plan, AppError> {
    delete_titled(&arguments.note, world)
}

pub(crate) fn delete_titled(title: &str, world: &World) -> Result<Plan, AppError> {
    let language = world.language;
    with_note(title, world, |note| {
        let title = language.quoted(note.title());
        Ok(Plan::Change(Change {
            effect: language.pick(format!("Deletes the note {title}."), format!("Supprime la note {title}.")),
            done: language.pick(format!("Deleted the note {title}."), format!("La note {title} est supprimée.")),
            data: data::items("deleted", &[note_item(&note.path)]),
            files: vec![FileChange::remove(note.path.clone(), note.text.clone())],
        }))
    })
}

/// How well a note fits a title.
pub(crate) fn rank(title: &str, world: &World) -> Result<Rank, AppError> {
    let notes = Notes::read(&world.folders)?;
    Ok(matching::rank(title, notes.all.iter().map(Note::title)))
}

/// Which answer is the newest that tells of a note.
pub(crate) fn recency(world: &World) -> Result<Option<usize>, AppError> {
    Ok(world.focus.recency(&Notes::read(&world.folders)?.all))
}

/// Goes on with the note that a title means.
pub(super) fn with_note(
    title: &str,
    world: &World,
    plan: impl Fn(&Note) -> Result<Plan, AppError>,
) -> Result<Plan, AppError> {
    let notes = Notes::read(&world.folders)?;
    let found = focus::find(title.trim(), notes.all, Closeness::Near, world);
    let label = |note: &Note| one_line(note.title()).into_owned();
    world.language.plan_for(title.trim(), found, label, |note| plan(&note))
}

/// A line of a note that says something, and which line it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'a> {
    pub(super) index: usize,
    pub(super) text: &'a str,
}

/// The lines that a text names.
pub(super) enum Named<'l, 't> {
    /// These, and what of the text is in no line.
    Lines { chosen: Vec<Line<'l>>, missing: Vec<&'t str> },
    /// One of these.
    Unclear(Vec<Line<'l>>),
}

/// The lines that can be removed one by one: all but headings.
pub(super) fn lines(note: &Note) -> Vec<Line<'_>> {
    let head = note.text[..note.head()].lines().count();
    let lines = note.text.lines().enumerate().skip(head).filter(|(_, line)| !is_heading(line));
    let lines = lines.map(|(index, line)| Line { index, text: without_bullet(line) });
    lines.filter(|line| !line.text.is_empty()).collect()
}

fn remove(note: &Note, text: &str, world: &World) -> Result<Plan, AppError> {
    let (chosen, missing) = match named(&lines(note), text, Closeness::Near, world)? {
        Named::Lines { chosen, missing } => (chosen, missing),
        Named::Unclear(found) => {
            let plan = |line: Line<'_>| Plan::Change(without(note, &[line], &[], world));
            return Ok(which(text, &found, plan, world));
        }
    };
    if chosen.is_empty() {
        let text = does_not_have(note, &missing, world);
        return Ok(Plan::Answer(Answer { text, data: fields([("found", Value::Array(Vec::new()))]) }));
    }
    Ok(Plan::Change(without(note, &chosen, &missing, world)))
}

/// Those of some lines that a text names, which may be several items.
pub(super) fn named<'l, 't>(
    lines: &[Line<'l>],
    text: &'t str,
    closeness: Closeness,
    world: &World,
) -> Result<Named<'l, 't>, AppError> {
    // "fruit and nut bar" is one line if one has all of it.
    let is_one = lines.iter().any(|line| matching::coverage(text, line.text) >= 1.0);
    let wanted = if is_one { vec![text] } else { named_items(text) };
    let mut chosen: Vec<Line<'l>> = Vec::new();
    let mut missing: Vec<&'t str> = Vec::new();
    for item in &wanted {
        let found = match closeness {
            Closeness::Fitting => matching::find_fitting(item, lines.iter().copied(), |line| line.text),
            Closeness::Near => matching::find(item, lines.iter().copied(), |line| line.text),
        };
        match found {
            Match::One(line) => chosen.push(line),
            Match::None { .. } => missing.push(item),
            // What stands there twice is meant twice.
            Match::Several(found) if found.iter().all(|line| words(line.text) == words(found[0].text)) => {
                chosen.extend(found);
            }
            Match::Several(found) if wanted.len() == 1 => return Ok(Named::Unclear(found)),
            Match::Several(found) => {
                let language = world.language;
                let texts: Vec<&str> = found.iter().map(|line| line.text).collect();
                let (item, texts) = (language.quoted(item), language.listed(&texts));
                return Err(AppError::Refused(language.pick(
                    format!("{item} could be any of {texts}; say which one."),
                    format!("{item} peut être {texts} ; dites lequel."),
                )));
            }
        }
    }
    Ok(Named::Lines { chosen, missing })
}

pub(super) fn does_not_have(note: &Note, missing: &[&str], world: &World) -> String {
    let (title, missing) = (world.language.quoted(note.title()), world.language.listed(missing));
    world
        .language
        .pick(format!("The note {title} does not have {missing}."), format!("La note {title} n’a pas {missing}."))
}

/// Asks which of several lines is meant.
pub(super) fn which(item: &str, found: &[Line<'_>], plan: impl Fn(Line<'_>) -> Plan, world: &World) -> Plan {
    let choice = |line: &Line<'_>| Choice { label: one_line(line.text).into_owned(), plan: plan(*line) };
    let item = world.language.quoted(item);
    let text = world.language.pick(format!("Which {item}?"), format!("Quel {item} ?"));
    Plan::Ask(Question { text, choices: found.iter().map(choice).collect() })
}

/// What is said of items that a note does not have, beside those that it has.
pub(super) fn also_not_there(missing: &[&str], world: &World) -> String {
    if missing.is_empty() {
        return String::new();
    }
    let missing = world.language.listed(missing);
    world.language.pick(format!(" It does not have {missing}."), format!(" Elle n’a pas {missing}."))
}

/// The note without some of its lines.
fn without(note: &Note, chosen: &[Line<'_>], missing: &[&str], world: &World) -> Change {
    let language = world.language;
    let is_kept = |index: usize| chosen.iter().all(|line| line.index != index);
    let kept = note.text.split_inclusive('\n').enumerate().filter(|(index, _)| is_kept(*index));
    let rest: String = kept.map(|(_, line)| line).collect();
    let texts: Vec<&str> = chosen.iter().map(|line| line.text).collect();
    let (title, told) = (language.quoted(note.title()), language.listed(&texts));
    let not_there = also_not_there(missing, world);
    let mut data = data::items("changed", &[note_item(&note.path)]);
    data["removed"] = texts.into();
    Change {
        effect: language.pick(
            format!("Removes {told} from the note {title}.{not_there}"),
            format!("Enlève {told} de la note {title}.{not_there}"),
        ),
        done: language.pick(
            format!("Removed {told} from the note {title}.{not_there}"),
            format!("J’ai enlevé {told} de la note {title}.{not_there}"),
        ),
        data,
        files: vec![FileChange::edit(note.path.clone(), note.text.clone(), rest)],
    }
}

/// Removes everything below the top.
fn clear(note: &Note, world: &World) -> Plan {
    let language = world.language;
    let title = language.quoted(note.title());
    let (head, body) = note.text.split_at(note.head());
    let count = body.lines().filter(|line| !line.trim().is_empty()).count();
    if count == 0 {
        let text =
            language.pick(format!("The note {title} is empty already."), format!("La note {title} est déjà vide."));
        return Plan::Answer(Answer { text, data: data::items("notes", &[note_item(&note.path)]) });
    }
    let lines = match count {
        1 => language.pick("1 line", "1 ligne").to_owned(),
        count => language.pick(format!("{count} lines"), format!("{count} lignes")),
    };
    Plan::Change(Change {
        effect: language
            .pick(format!("Empties the note {title}: {lines}."), format!("Vide la note {title} : {lines}.")),
        done: language.pick(
            format!("Emptied the note {title}: {lines} removed."),
            format!("La note {title} est vide : {lines} en moins."),
        ),
        data: data::items("changed", &[note_item(&note.path)]),
        files: vec![FileChange::edit(note.path.clone(), note.text.clone(), head)],
    })
}
