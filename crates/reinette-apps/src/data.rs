//! What answers and changes carry for programs, beside their sentences: identifiers, ISO 8601 times, paths.
//!
//! A change tells what it `created`, `changed` or `deleted`; a list tells its `events`, `reminders`, `timers` or `notes`.
//! Each of these is an array of [`Item`]s, which are the same everywhere.

use crate::icalendar::{CalendarTime, Component, Repetition, Vdir};
use jiff::Zoned;
use reinette_time::Clock;
use serde::Serialize;
use serde_json::{Map, Value};
use std::path::Path;

/// An event, a reminder, a timer, an alarm or a note. What it does not have is left out.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Item {
    pub(crate) kind: &'static str,
    /// The identifier that its file gives it: the UID of events and reminders, else the file's name.
    pub(crate) id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) start: Option<String>,
    /// Excluded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) end: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) due: Option<String>,
    /// When somebody has to tell the user: see `reinette daemon`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rings_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) duration_seconds: Option<i64>,
    /// How it repeats, as an iCalendar rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rule: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) location: Option<String>,
    /// The names of those who are invited.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) people: Vec<String>,
    /// Where it was before it was moved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) moved_from: Option<String>,
    /// What it was called before it was renamed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) renamed_from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) path: Option<String>,
}

impl Item {
    /// A thing of a kind in a file; its identifier is the file's name without its extension.
    pub(crate) fn in_file(kind: &'static str, path: &Path) -> Self {
        let id = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        Self { kind, id, path: Some(path.display().to_string()), ..Self::default() }
    }

    /// An event or a reminder without its times.
    pub(crate) fn of_component(kind: &'static str, component: &Component, path: Option<&Path>) -> Self {
        let id = component.uid.clone();
        let title = Some(component.summary.clone()).filter(|title| !title.is_empty());
        let path = path.map(|path| path.display().to_string());
        let rule = match &component.repetition {
            Some(Repetition::Rule(rule)) => Some(rule.to_string()),
            _ => None,
        };
        Self {
            kind,
            id,
            title,
            rule,
            location: component.location.clone(),
            people: component.people.clone(),
            path,
            ..Self::default()
        }
    }
}

/// Items under the name of what they are, or of what happened to them.
pub(crate) fn items(name: &str, items: &[Item]) -> Value {
    fields([(name, serde_json::to_value(items).unwrap_or_default())])
}

/// An object of these fields.
pub(crate) fn fields<const N: usize>(fields: [(&str, Value); N]) -> Value {
    Value::Object(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>())
}

/// A date, or an instant with its offset in the user's zone, in ISO 8601: however its file writes it, programs are told the
/// user's day.
pub(crate) fn iso_time(time: &CalendarTime, clock: &Clock) -> String {
    match time {
        CalendarTime::Date(date) => date.to_string(),
        CalendarTime::Time(instant, _) => iso_instant(&instant.with_time_zone(clock.now.time_zone().clone())),
    }
}

/// An instant with its offset, in ISO 8601.
pub(crate) fn iso_instant(instant: &Zoned) -> String {
    instant.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

/// The file that holds a component of `vdir`.
pub(crate) fn path_of<'a>(vdir: &'a Vdir, component: &Component) -> Option<&'a Path> {
    let address = std::ptr::from_ref(component);
    let holds = |components: &[Component]| components.as_ptr_range().contains(&address);
    vdir.files.iter().find(|file| holds(&file.components)).map(|file| file.path.as_path())
}
