//! Writes a new file with one event or to-do.

use super::component::Kind;
use super::edit::{escape, fold, utc};
use super::time::{CalendarTime, Notation};
use crate::FileChange;
use calcard::icalendar::ICalendar;
use jiff::{Timestamp, ToSpan, Zoned};
use std::fmt::Write;
use std::path::Path;

/// Who wrote the file.
const PRODUCT: &str = "-//Reinette//Reinette assistant//EN";

/// How many years of changes of the clock a file explains to readers that do not know the zone's name.
const ZONE_YEARS: i64 = 5;

/// A file to be written, property by property.
#[derive(Clone, Debug)]
pub(crate) struct NewFile {
    kind: Kind,
    uid: String,
    lines: Vec<String>,
    zone: Option<Zoned>,
}

impl NewFile {
    /// A component without anything but its identifier and the time of writing.
    pub(crate) fn new(kind: Kind, now: &Zoned) -> Self {
        let uid = uuid::Uuid::new_v4().to_string();
        let stamp = utc(now);
        let lines = vec![format!("UID:{uid}"), format!("DTSTAMP:{stamp}"), format!("CREATED:{stamp}")];
        Self { kind, uid, lines, zone: None }
    }

    /// Adds a text property.
    pub(crate) fn text(mut self, name: &str, value: &str) -> Self {
        self.lines.push(format!("{name}:{}", escape(value)));
        self
    }

    /// Adds a property whose value is written as it is.
    pub(crate) fn raw(mut self, name: &str, value: &str) -> Self {
        self.lines.push(format!("{name}:{value}"));
        self
    }

    /// Adds a date or time, and what readers must know of its zone.
    pub(crate) fn time(mut self, name: &str, time: &CalendarTime) -> Self {
        if let CalendarTime::Time(instant, Notation::Zone(_)) = time {
            self.zone.get_or_insert_with(|| instant.clone());
        }
        self.lines.push(format!("{name}{}", time.property()));
        self
    }

    /// Makes the user's other programs ring when a to-do is due.
    pub(crate) fn alarm_when_due(mut self, summary: &str) -> Self {
        self.lines.extend(alarm_when_due(summary));
        self
    }

    /// The file, named after its identifier.
    pub(crate) fn into_change(self, folder: &Path) -> FileChange {
        FileChange::create(folder.join(format!("{}.ics", self.uid)), self.into_text())
    }

    fn into_text(self) -> String {
        let kind = self.kind.name();
        let mut text = format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:{PRODUCT}\r\n");
        text.push_str(&self.zone.as_ref().and_then(zone_component).unwrap_or_default());
        let _ = write!(text, "BEGIN:{kind}\r\n");
        for line in &self.lines {
            text.push_str(&fold(line, "\r\n"));
        }
        let _ = write!(text, "END:{kind}\r\nEND:VCALENDAR\r\n");
        text
    }
}

/// The lines of an alarm that makes other programs ring when a to-do is due.
pub(crate) fn alarm_when_due(summary: &str) -> [String; 5] {
    let description = format!("DESCRIPTION:{}", escape(summary));
    let [begin, action, trigger, end] =
        ["BEGIN:VALARM", "ACTION:DISPLAY", "TRIGGER;RELATED=END:PT0S", "END:VALARM"].map(str::to_owned);
    [begin, action, trigger, description, end]
}

/// Somebody who comes, as a property line has it behind its name. An address is required (RFC 5545 §3.8.4.1): this one can
/// get no mail.
pub(crate) fn attendee(name: &str) -> String {
    let name: String = name.chars().filter(|character| !character.is_control() && *character != '"').collect();
    let quote = if name.contains([':', ';', ',']) { "\"" } else { "" };
    format!(";CN={quote}{name}{quote}:invalid:nomail")
}

/// The `VTIMEZONE` of an instant's zone, from the year before it on.
fn zone_component(instant: &Zoned) -> Option<String> {
    let name = instant.time_zone().iana_name()?;
    let mut calendar = ICalendar::parse("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nEND:VCALENDAR\r\n").ok()?;
    let seconds = |time: Zoned| Timestamp::as_second(time.timestamp());
    let from = instant.checked_sub(1.year()).ok()?;
    let to = instant.checked_add(ZONE_YEARS.years()).ok()?;
    calendar.add_timezone(name, seconds(from), seconds(to))?;
    let text = calendar.to_string();
    let start = text.find("BEGIN:VTIMEZONE")?;
    let end = text.find("END:VTIMEZONE")? + "END:VTIMEZONE\r\n".len();
    Some(text.get(start..end)?.to_owned())
}
