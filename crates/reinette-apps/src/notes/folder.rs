//! The folder of notes, and the names of files in it.

use super::list::is_heading;
use super::note_item;
use crate::files::{Fault, Limits, Unread};
use crate::focus;
use crate::{AppError, Folders, World};
use std::fs;
use std::path::{Path, PathBuf};

/// A larger file is no note that somebody wrote.
const MAX_FILE_BYTES: u64 = 4 << 20;

/// More notes than this are not read.
const MAX_FILES: usize = 100_000;

/// Folders in folders are read this far.
const MAX_DEPTH: usize = 8;

/// The title has at most so many words, and the file name so many bytes (file systems allow 255).
const MAX_TITLE_WORDS: usize = 8;
/// A title is not cut before it has so many words.
const MIN_TITLE_WORDS: usize = 3;
const MAX_NAME_BYTES: usize = 120;

/// Names that Windows reserves, with which notes could not be synchronised.
const RESERVED: &[&str] = &["con", "prn", "aux", "nul"];

/// Words that begin a phrase: a title that is too long ends before one of them.
#[rustfmt::skip]
const PHRASE_STARTS: &[&str] = &[
    "and", "or", "but", "with", "for", "to", "in", "on", "at", "by", "from", "because", "which", "who", "when", "where", "while", "before", "after", "until", "if", "so", "is", "are", "was", "were",
    "et", "ou", "mais", "avec", "pour", "à", "au", "aux", "dans", "sur", "par", "chez", "parce", "qui", "quand", "si", "avant", "après", "car", "est", "sont",
];

/// Words that lead to the next: a title that was cut does not end with them.
#[rustfmt::skip]
const LEADING_WORDS: &[&str] = &[
    "the", "a", "an", "my", "our", "your", "his", "her", "their", "its", "this", "that", "these", "those", "is", "are", "was", "were", "be", "has", "have", "had", "will", "can", "not", "very", "of",
    "le", "la", "les", "un", "une", "des", "du", "de", "mon", "ma", "mes", "ton", "ta", "tes", "son", "sa", "ses", "ce", "cette", "ces", "est", "sont", "en", "que", "ne", "très",
];

/// Words whose full stop ends no sentence.
const ABBREVIATIONS: &[&str] =
    &["mr", "mrs", "ms", "dr", "st", "prof", "no", "vs", "approx", "tel", "m", "mme", "mlle", "tél", "env", "av", "bd"];

/// A note.
#[derive(Clone, Debug)]
pub(super) struct Note {
    pub(super) path: PathBuf,
    pub(super) text: String,
}

impl Note {
    /// The file's name without `.md`.
    pub(super) fn title(&self) -> &str {
        self.path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default()
    }

    /// The length of what stands at its top and says nothing by itself: what programs note about it between lines of
    /// `---`, and headings.
    pub(super) fn head(&self) -> usize {
        let lines = || self.text.split_inclusive('\n');
        let is_rule = |line: &str| line.trim_end() == "---";
        let noted = lines().next().filter(|first| is_rule(first)).and_then(|_| lines().skip(1).position(is_rule));
        let noted = noted.map_or(0, |last| last + 2);
        let headings = lines().skip(noted).take_while(|line| line.trim().is_empty() || is_heading(line)).count();
        lines().take(noted + headings).map(str::len).sum()
    }
}

impl focus::Thing for Note {
    fn title(&self, _world: &World) -> &str {
        self.title()
    }

    fn identity(&self) -> (&'static str, String) {
        let item = note_item(&self.path);
        (item.kind, item.id)
    }
}

/// What the folder of notes holds.
#[derive(Clone, Debug, Default)]
pub(super) struct Notes {
    pub(super) all: Vec<Note>,
    /// The files and folders that could not be read.
    pub(super) broken: Vec<Unread>,
}

impl Notes {
    /// Reads the folder and those in it; one that does not exist is empty. Hidden files and links to folders are not
    /// followed.
    pub(super) fn read(folders: &Folders) -> Result<Self, AppError> {
        let Some(folder) = folders.open(&folders.notes)? else { return Ok(Self::default()) };
        let mut all = Vec::new();
        let limits = Limits { bytes: MAX_FILE_BYTES, files: MAX_FILES, depth: MAX_DEPTH };
        let broken = folder.read_all("md", limits, |file| {
            let text = String::from_utf8(file.content).map_err(|_| Fault::Encoding)?;
            all.push(Note { path: file.path, text });
            Ok(())
        })?;
        all.sort_by(|a: &Note, b: &Note| a.path.cmp(&b.path));
        Ok(Self { all, broken })
    }
}

/// The title of a text: its first clause, as far as a whole phrase of it is short enough for a title.
pub(super) fn title_of(text: &str) -> String {
    let line = text.lines().map(|line| line.trim_start_matches(['#', '-', '*', ' '])).find(|line| !line.is_empty());
    let words: Vec<&str> = line.unwrap_or_default().split_whitespace().collect();
    let length = words.iter().position(|word| ends_clause(word)).map_or(words.len(), |last| last + 1);
    let clause = &words[..length];
    let title = if length > MAX_TITLE_WORDS { first_phrases(clause) } else { clause };
    title.join(" ").trim_end_matches([',', ';', ':', '.', '!', '?', ' ']).to_owned()
}

/// The most words of a long clause that are whole phrases.
fn first_phrases<'a>(clause: &'a [&'a str]) -> &'a [&'a str] {
    let is = |word: &str, known: &[&str]| known.contains(&word.to_lowercase().as_str());
    let is_between = |at: &usize| clause[at - 1].ends_with(',') || is(clause[*at], PHRASE_STARTS);
    let mut end = (MIN_TITLE_WORDS..=MAX_TITLE_WORDS).rev().find(is_between).unwrap_or(MAX_TITLE_WORDS);
    while end > 1 && (is(clause[end - 1], LEADING_WORDS) || is(clause[end - 1], PHRASE_STARTS)) {
        end -= 1;
    }
    &clause[..end]
}

fn ends_clause(word: &str) -> bool {
    match word.strip_suffix('.') {
        Some(bare) => bare.chars().count() > 1 && !ABBREVIATIONS.contains(&bare.to_lowercase().as_str()),
        None => word.ends_with([';', ':', '!', '?', '…']),
    }
}

/// A path in `folder` for a note with this title: a plain file name that no note has yet.
pub(super) fn free_path(folder: &Path, title: &str) -> PathBuf {
    let name = file_name(title);
    let numbered = (2_u32..).map(|number| format!("{name} {number}.md"));
    std::iter::once(format!("{name}.md"))
        .chain(numbered)
        .map(|name| folder.join(name))
        .find(|path| fs::symlink_metadata(path).is_err())
        .unwrap_or_else(|| folder.join(format!("{}.md", uuid::Uuid::new_v4())))
}

/// A title as a file name: without what a path or another system's file names give a meaning.
pub(super) fn file_name(title: &str) -> String {
    let plain: String =
        title.chars().map(|c| if c.is_control() || r#"/\:*?"<>|"#.contains(c) { ' ' } else { c }).collect();
    let mut name = String::new();
    for word in plain.split_whitespace() {
        if name.len() + word.len() >= MAX_NAME_BYTES {
            break;
        }
        if !name.is_empty() {
            name.push(' ');
        }
        name.push_str(word);
    }
    if name.is_empty() {
        // One long word.
        name = plain.trim().chars().take(MAX_NAME_BYTES / 4).collect();
    }
    let name = name.trim_matches(['.', ' ']);
    if name.is_empty() || RESERVED.contains(&name.to_ascii_lowercase().as_str()) {
        return format!("Note {name}").trim_end().to_owned();
    }
    let mut characters = name.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_title_gives_a_file_directly_in_the_folder(title in ".{0,300}") {
            let path = free_path(Path::new("notes"), &title);
            prop_assert_eq!(path.parent(), Some(Path::new("notes")));
            let name = path.file_name().unwrap().to_str().unwrap();
            prop_assert!(name.len() <= 255 && path.extension().unwrap() == "md" && !name.starts_with('.'));
        }
    }

    #[test]
    fn a_title_is_a_whole_phrase() {
        assert_eq!(title_of("Wifi: 42, at home"), "Wifi");
        assert_eq!(title_of("# Wifi\n\npassword"), "Wifi");
        assert_eq!(title_of("\n- one two three. Four"), "one two three");
        for (text, title) in [
            ("Eggs, bread and coffee", "Eggs, bread and coffee"),
            ("Dr. Smith called about the results. Ring back", "Dr. Smith called about the results"),
            (
                "the plumber comes on Tuesday morning at nine and needs the key",
                "the plumber comes on Tuesday morning at nine",
            ),
            ("the best way to get to the airport is by train", "the best way to get to the airport"),
            ("le plombier vient mardi matin avec la clé de la maison du gardien", "le plombier vient mardi matin"),
            ("our neighbour keeps a spare key of the house under the pot", "our neighbour keeps a spare key"),
            (
                "eggs, bread, milk, butter, flour, sugar, coffee, tea, jam",
                "eggs, bread, milk, butter, flour, sugar, coffee, tea",
            ),
            ("a b c d e f g h i j", "a b c d e f g h"),
            (":", ""),
        ] {
            assert_eq!(title_of(text), title);
        }
        assert_eq!(file_name("../../etc/passwd"), "Etc passwd");
        assert_eq!(file_name("Étagère : 3×2"), "Étagère 3×2");
        assert_eq!(file_name("nul"), "Note nul");
    }
}
