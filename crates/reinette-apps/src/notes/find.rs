//! Finds notes.

use super::folder::{Note, Notes};
use super::note_item;
use crate::across::{self, Search, Thing};
use crate::matching::{self, coverage};
use crate::sentences::Wording;
use crate::visible::one_line;
use crate::{AppError, Plan, World};
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;

/// The most characters of a note that are shown.
const SNIPPET_CHARACTERS: usize = 160;

/// The arguments of `find_note`.
#[derive(Debug, Serialize, Deserialize, reinette::Generable)]
pub(crate) struct FindNote {
    /// Words of the note.
    #[guide(span)]
    query: String,
}

pub(crate) fn find_note(arguments: &FindNote, world: &World) -> Result<Plan, AppError> {
    across::find(Thing::Note, &arguments.query, world)
}

/// The notes with some words, those that have most of them.
pub(crate) fn search(query: &str, world: &World) -> Result<Search, AppError> {
    let notes = Notes::read(&world.folders)?;
    // A word counts a little more in the title than in the text.
    let score = |note: &Note| {
        let all = coverage(query, &format!("{}\n{}", note.title(), note.text));
        all + coverage(query, note.title()) / 4.0
    };
    let mut found: Vec<(f64, &Note)> = notes.all.iter().map(|note| (score(note), note)).collect();
    let best = found.iter().map(|(score, _)| *score).fold(0.0, f64::max);
    // All that have as many of the words as the best, whether in the title or not.
    found.retain(|(score, _)| *score > 0.0 && *score + 0.25 >= best);
    // Where one line has all of it, it is rather meant than a note that has it here and there.
    let in_one_line = |note: &Note| {
        let lines = note.text.lines().chain([note.title()]);
        lines.map(|line| coverage_rank(query, line)).max().unwrap_or(0)
    };
    let covered = |note: &Note| coverage(query, &format!("{}\n{}", note.title(), note.text));
    let order = |(score, note): &(f64, &Note)| [per_mille(covered(note)), in_one_line(note), per_mille(*score)];
    found.sort_by_cached_key(|found| (Reverse(order(found)), found.1.path.clone()));
    let most = found.iter().map(|(_, note)| covered(note)).fold(0.0, f64::max);
    let is_exact = found.iter().any(|(_, note)| matching::is_exact(query, note.title()));
    let broken = world.language.broken_files(&notes.broken);
    let (line, item) =
        (|(_, note): &(f64, &Note)| entry(note, query), |(_, note): &(f64, &Note)| note_item(&note.path));
    Ok(Search::new((most, is_exact), &found, line, item, broken))
}

/// The file's name and the line of it that has most of the words, with those after it as far as there is room.
fn entry(note: &Note, query: &str) -> String {
    let lines: Vec<&str> = note.text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let best = (0..lines.len()).max_by_key(|at| (coverage_rank(query, lines[*at]), Reverse(*at))).unwrap_or(0);
    let shown = lines.get(best..).unwrap_or_default().join(" · ");
    let mut snippet: String = shown.chars().take(SNIPPET_CHARACTERS).collect();
    if snippet.len() < shown.len() {
        snippet.push('…');
    }
    let name = note.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    format!("{}: {}", one_line(&name), one_line(&snippet))
}

/// How many per mille of the query's words a line has.
fn coverage_rank(query: &str, line: &str) -> u32 {
    per_mille(coverage(query, line))
}

/// A coverage or a score as an order.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "coverages and scores are between 0 and 2")]
fn per_mille(score: f64) -> u32 {
    (score * 1000.0) as u32
}
