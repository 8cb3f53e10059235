//! The files of the evaluation: requests with the ends that count as right, and filled homes. `evals/free/README.md`
//! describes them.

use super::words::{Pattern, folded};
use crate::eval::Split;
use jiff::Zoned;
use jiff::civil::{Date, DateTime};
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Why the evaluation cannot be run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FreeError {
    /// A file cannot be read or copied.
    #[error("cannot read {}: {source}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A line is not as the format says.
    #[error("{}, line {line}, is not as evals/free/README.md says: {source}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line's number, from 1.
        line: usize,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// A request names a home that is not there, or that cannot be used.
    #[error("the home {} cannot be used: {reason}", path.display())]
    Home {
        /// The folder.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A file that the assistant left cannot be understood.
    #[error("{} was left in a form that cannot be read", path.display())]
    Left {
        /// The file.
        path: PathBuf,
    },
    /// The assistant failed.
    #[error(transparent)]
    Assistant(#[from] crate::AssistantError),
    /// There is no place for the copy of a home.
    #[error(transparent)]
    Copy(#[from] crate::HomeError),
}

/// What can be in a home. A timer and an alarm are both something that rings, and are told apart nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    /// In the calendar.
    Event,
    /// A to-do.
    Reminder,
    /// A text.
    Note,
    /// What rings after a while.
    #[serde(alias = "alarm")]
    Timer,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Event => "event",
            Self::Reminder => "reminder",
            Self::Note => "note",
            Self::Timer => "timer or alarm",
        })
    }
}

/// A request or a dialogue.
#[derive(Clone, Debug)]
pub struct Item {
    /// What it is.
    pub about: About,
    /// What is said; one turn for a single request.
    pub turns: Vec<Turn>,
    /// Whether it comes from a file of dialogues.
    pub is_dialogue: bool,
}

/// What an item is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct About {
    /// Tells items apart.
    pub id: String,
    /// Which part it belongs to.
    pub split: Split,
    /// `en` or `fr`.
    pub language: String,
    /// What is asked: `task`, `own`, `missing`, …
    pub kind: String,
    /// `typed` or `dictated`.
    pub register: String,
    /// The name of the home.
    pub home: String,
}

/// What is said at once, with the ends that are right.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Turn {
    /// The words.
    pub text: String,
    /// One of them must hold.
    pub right: Vec<End>,
}

#[derive(Deserialize)]
struct Single {
    #[serde(flatten)]
    about: About,
    text: String,
    right: Vec<End>,
}

#[derive(Deserialize)]
struct Dialogue {
    #[serde(flatten)]
    about: About,
    turns: Vec<Turn>,
}

/// One way for a turn to end well.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct End {
    /// Exactly these, in any order.
    pub changes: Vec<Wanted>,
    /// Of each group, one stands in what was said.
    pub says: Vec<Vec<Pattern>>,
    /// None of them stands in what was said.
    pub never: Vec<Pattern>,
    /// It asks back.
    pub asks: bool,
    /// It says that it cannot or does not know.
    pub admits: bool,
    /// What a person must find.
    pub judge: Option<String>,
}

/// A change that is wanted. Of a field that has values, one must hold; `None` among them stands for having none.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Wanted {
    pub(super) added: Option<Kind>,
    pub(super) changed: Option<Kind>,
    pub(super) removed: Option<Kind>,
    pub(super) done: Option<Kind>,
    pub(super) was: Option<String>,
    #[serde(deserialize_with = "any_of")]
    pub(super) title: Option<Vec<Option<String>>>,
    #[serde(deserialize_with = "any_of")]
    pub(super) start: Option<Vec<Option<When>>>,
    #[serde(deserialize_with = "any_of")]
    pub(super) end: Option<Vec<Option<When>>>,
    #[serde(deserialize_with = "any_of")]
    pub(super) due: Option<Vec<Option<When>>>,
    #[serde(deserialize_with = "any_of")]
    pub(super) rings: Option<Vec<Option<When>>>,
    #[serde(deserialize_with = "any_of")]
    pub(super) minutes: Option<Vec<Option<f64>>>,
    #[serde(deserialize_with = "any_of")]
    pub(super) seconds: Option<Vec<Option<f64>>>,
    #[serde(deserialize_with = "any_of")]
    pub(super) location: Option<Vec<Option<String>>>,
    #[serde(deserialize_with = "any_of")]
    pub(super) repeats: Option<Vec<Option<String>>>,
    /// All of them; `[None]` for nobody.
    #[serde(deserialize_with = "any_of")]
    pub(super) attendees: Option<Vec<Option<String>>>,
    pub(super) text_has: Vec<String>,
    pub(super) text_lacks: Vec<String>,
}

/// A value, `null`, or a list of them.
fn any_of<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<Vec<Option<T>>>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMany<T> {
        Many(Vec<Option<T>>),
        One(Option<T>),
    }
    Ok(Some(match OneOrMany::deserialize(deserializer)? {
        OneOrMany::Many(values) => values,
        OneOrMany::One(value) => vec![value],
    }))
}

/// A day, or a moment of local time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum When {
    /// A whole day.
    Day(Date),
    /// A moment.
    At(DateTime),
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Day(date) => write!(f, "{date}"),
            Self::At(time) if time.second() == 0 => write!(f, "{}", time.strftime("%Y-%m-%dT%H:%M")),
            Self::At(time) => write!(f, "{}", time.strftime("%Y-%m-%dT%H:%M:%S")),
        }
    }
}

impl<'de> Deserialize<'de> for When {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let read = if text.contains('T') { text.parse().map(Self::At) } else { text.parse().map(Self::Day) };
        read.map_err(serde::de::Error::custom)
    }
}

/// A filled home at a fixed moment.
#[derive(Clone, Debug)]
pub(super) struct FilledHome {
    pub(super) folder: PathBuf,
    pub(super) now: Zoned,
}

/// `home.toml`; who lives there is for those who write requests.
#[derive(Deserialize)]
struct Settings {
    now: Zoned,
}

impl FilledHome {
    /// The folders of a home that hold its things.
    const FOLDERS: [&str; 3] = ["calendar", "reminders", "notes"];

    pub(super) fn read(folder: PathBuf) -> Result<Self, FreeError> {
        let path = folder.join("home.toml");
        let text = fs::read_to_string(&path).map_err(|source| FreeError::File { path, source })?;
        match toml::from_str::<Settings>(&text) {
            Ok(Settings { now }) => Ok(Self { folder, now }),
            Err(error) => Err(FreeError::Home { path: folder, reason: error.to_string() }),
        }
    }

    /// Copies its things into another folder.
    pub(super) fn copy_to(&self, target: &Path) -> Result<(), FreeError> {
        for name in Self::FOLDERS {
            let from = self.folder.join(name);
            let unread = |source| FreeError::File { path: from.clone(), source };
            if !from.is_dir() {
                continue;
            }
            fs::create_dir_all(target.join(name)).map_err(unread)?;
            for entry in fs::read_dir(&from).map_err(unread)? {
                let entry = entry.map_err(unread)?;
                fs::copy(entry.path(), target.join(name).join(entry.file_name())).map_err(unread)?;
            }
        }
        Ok(())
    }
}

/// Reads all requests and dialogues of a folder, in the order of its files' names.
///
/// # Errors
/// If a file cannot be read or a line is not as the format says.
pub fn read_items(folder: &Path) -> Result<Vec<Item>, FreeError> {
    let unread = |source| FreeError::File { path: folder.to_path_buf(), source };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(unread)? {
        let path = entry.map_err(unread)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let is_dialogue = name.starts_with("dialogues-");
        if path.extension().is_some_and(|extension| extension == "jsonl")
            && (is_dialogue || name.starts_with("singles-"))
        {
            files.push((path, is_dialogue));
        }
    }
    files.sort();
    let mut items = Vec::new();
    for (path, is_dialogue) in files {
        let text = fs::read_to_string(&path).map_err(|source| FreeError::File { path: path.clone(), source })?;
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let item = read_item(line, is_dialogue);
            items.push(item.map_err(|source| FreeError::Line { path: path.clone(), line: index + 1, source })?);
        }
    }
    Ok(items)
}

/// Reads one line.
pub(super) fn read_item(line: &str, is_dialogue: bool) -> Result<Item, serde_json::Error> {
    if is_dialogue {
        let Dialogue { about, turns } = serde_json::from_str(line)?;
        return Ok(Item { about, turns, is_dialogue });
    }
    let Single { about, text, right } = serde_json::from_str(line)?;
    Ok(Item { about, turns: vec![Turn { text, right }], is_dialogue })
}

impl Wanted {
    /// Which kind of thing it is about.
    pub(super) fn kind(&self) -> Option<Kind> {
        self.added.or(self.changed).or(self.removed).or(self.done)
    }

    /// All that a later turn may call the thing, folded.
    pub(super) fn names(&self, now: DateTime) -> Vec<String> {
        let titles = self.title.iter().flatten().flatten().map(|title| folded(title));
        let rings = self.rings.iter().flatten().flatten().map(|when| folded(&when.to_string()));
        let seconds = self.seconds.iter().flatten().flatten();
        let after = seconds.filter_map(|seconds| now.checked_add(jiff::SignedDuration::from_secs_f64(*seconds)).ok());
        titles.chain(rings).chain(after.map(|at| folded(&When::At(at).to_string()))).collect()
    }
}
