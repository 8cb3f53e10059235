//! What is in a home, read from its files by a reader of its own: what the apps' reader gets wrong must show.

use super::format::{FreeError, Kind, When};
use super::words::folded;
use crate::Home;
use calcard::common::PartialDateTime;
use calcard::icalendar::{
    ICalendar, ICalendarComponent, ICalendarComponentType, ICalendarEntry, ICalendarProperty as Property,
    ICalendarStatus, ICalendarValue,
};
use jiff::civil::{Date, DateTime};
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, ToSpan, Zoned};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The files of a home, and what is in them.
#[derive(Clone, Debug, Default)]
pub(super) struct Snapshot {
    pub(super) files: BTreeMap<PathBuf, Vec<u8>>,
    pub(super) things: Vec<Thing>,
}

/// Something in a home.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Thing {
    pub(super) kind: Kind,
    /// What stays the same while it changes: its UID, or its file.
    pub(super) identity: String,
    pub(super) state: State,
}

/// What can be different about it. All times are local times of the home.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct State {
    pub(super) title: String,
    pub(super) start: Option<When>,
    /// When it ends; of whole days, the last.
    pub(super) end: Option<When>,
    pub(super) due: Option<When>,
    pub(super) rings: Option<DateTime>,
    pub(super) minutes: Option<f64>,
    pub(super) location: Option<String>,
    pub(super) attendees: Vec<String>,
    pub(super) rule: Option<String>,
    /// The description; of a note, the whole text.
    pub(super) text: String,
    pub(super) is_done: bool,
    /// What is different in single occurrences, and what rings for it.
    pub(super) further: Vec<String>,
}

impl Thing {
    /// What it is called: its title; of what rings without a label, when it does.
    pub(super) fn names(&self) -> Vec<String> {
        match (self.kind, self.state.rings) {
            (Kind::Timer, Some(rings)) => {
                let exact = rings.strftime("%Y-%m-%dT%H:%M:%S").to_string();
                let minute = rings.strftime("%Y-%m-%dT%H:%M").to_string();
                vec![folded(&self.state.title), folded(&exact), folded(&minute)]
            }
            _ => vec![folded(&self.state.title)],
        }
    }
}

impl Snapshot {
    /// Reads the files of a home whose clock stands at `now`.
    pub(super) fn read(home: &Home, now: &Zoned) -> Result<Self, FreeError> {
        let zone = now.time_zone();
        let mut read = Self::default();
        let folders = &home.folders;
        for (kind, folder, ending) in [
            (Kind::Event, &folders.calendar, "ics"),
            (Kind::Reminder, &folders.reminders, "ics"),
            (Kind::Note, &folders.notes, "md"),
            (Kind::Timer, &folders.timers, "json"),
        ] {
            for (path, content) in files_of(folder, ending)? {
                let text = String::from_utf8_lossy(&content);
                let things = match kind {
                    Kind::Event | Kind::Reminder => components(&text, kind, zone),
                    Kind::Note => Some(vec![note(&path, &text)]),
                    Kind::Timer => timer(&path, &text, zone).map(|timer| vec![timer]),
                };
                read.things.extend(things.ok_or_else(|| FreeError::Left { path: path.clone() })?);
                read.files.insert(path, content);
            }
        }
        Ok(read)
    }
}

fn files_of(folder: &Path, ending: &str) -> Result<Vec<(PathBuf, Vec<u8>)>, FreeError> {
    let unread = |path: &Path, source| FreeError::File { path: path.to_path_buf(), source };
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(|error| unread(folder, error))?,
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| unread(folder, error))?.path();
        if path.is_dir() {
            files.extend(files_of(&path, ending)?);
        } else if path.extension().is_some_and(|extension| extension == ending) {
            let content = fs::read(&path).map_err(|error| unread(&path, error))?;
            files.push((path, content));
        }
    }
    files.sort();
    Ok(files)
}

fn note(path: &Path, text: &str) -> Thing {
    let heading = text.lines().find_map(|line| line.strip_prefix("# ")).map(str::trim);
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let lines: Vec<&str> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    let state = State { title: heading.unwrap_or(stem).to_owned(), text: lines.join("\n"), ..State::default() };
    Thing { kind: Kind::Note, identity: path.display().to_string(), state }
}

/// The file of a timer or an alarm, whatever it calls its label.
#[derive(Deserialize)]
struct TimerFile {
    /// None while it is paused.
    #[serde(default)]
    rings_at: Option<Zoned>,
    #[serde(default)]
    rule: Option<String>,
    #[serde(default, alias = "title", alias = "name")]
    label: Option<String>,
    #[serde(default, alias = "paused", alias = "remaining")]
    left: Option<serde_json::Value>,
}

fn timer(path: &Path, text: &str, zone: &TimeZone) -> Option<Thing> {
    let file: TimerFile = serde_json::from_str(text).ok()?;
    let is_paused = file.left.is_some_and(|left| !left.is_null() && left != serde_json::Value::Bool(false));
    let rings = file.rings_at.filter(|_| !is_paused).map(|at| at.with_time_zone(zone.clone()).datetime());
    let state = State { title: file.label.unwrap_or_default(), rings, rule: file.rule, ..State::default() };
    Some(Thing { kind: Kind::Timer, identity: path.display().to_string(), state })
}

/// The events or reminders of a file, each with its changed occurrences; none if it cannot be read.
fn components(text: &str, kind: Kind, zone: &TimeZone) -> Option<Vec<Thing>> {
    let calendar = ICalendar::parse(text).ok()?;
    let wanted = if kind == Kind::Event { ICalendarComponentType::VEvent } else { ICalendarComponentType::VTodo };
    let mut things: Vec<Thing> = Vec::new();
    let components = || calendar.components.iter().filter(|component| component.component_type == wanted);
    let is_occurrence = |component: &ICalendarComponent| component.property(&Property::RecurrenceId).is_some();
    for component in components().filter(|component| !is_occurrence(component)) {
        if component.status() != Some(&ICalendarStatus::Cancelled) {
            things.push(thing(component, &calendar, kind, zone));
        }
    }
    for component in components().filter(|component| is_occurrence(component)) {
        let occurrence = thing(component, &calendar, kind, zone);
        let id = component.property(&Property::RecurrenceId).and_then(|entry| when(entry, zone));
        let what = format!("{id:?} {:?} {:?}", component.status(), occurrence.state);
        match things.iter_mut().find(|thing| thing.identity == occurrence.identity) {
            Some(series) => series.state.further.push(what),
            None => things.push(occurrence),
        }
    }
    for thing in &mut things {
        thing.state.further.sort();
    }
    Some(things)
}

fn thing(component: &ICalendarComponent, calendar: &ICalendar, kind: Kind, zone: &TimeZone) -> Thing {
    let text = |property: &Property| {
        let text = component.property(property)?.values.first()?.as_text()?.trim();
        (!text.is_empty()).then(|| text.to_owned())
    };
    let time = |property: &Property| component.property(property).and_then(|entry| when(entry, zone));
    let value = |property: &Property| component.property(property)?.values.first();
    let start = time(&Property::Dtstart);
    let length = value(&Property::Duration).and_then(|value| match value {
        ICalendarValue::Duration(duration) => Some(SignedDuration::from_secs(duration.as_seconds())),
        _ => None,
    });
    let end = if kind == Kind::Event { end(start, time(&Property::Dtend), length) } else { None };
    let minutes = match (start, end) {
        (Some(When::At(start)), Some(When::At(end))) => Some(minutes(start, end, zone)),
        (Some(When::Day(start)), Some(When::Day(end))) => Some(
            minutes(
                start.to_datetime(jiff::civil::Time::midnight()),
                end.to_datetime(jiff::civil::Time::midnight()),
                zone,
            ) + 24.0 * 60.0,
        ),
        _ => None,
    };
    let rule = value(&Property::Rrule).and_then(|value| match value {
        ICalendarValue::RecurrenceRule(rule) => Some(rule.to_string()),
        _ => None,
    });
    let excluded = component.properties(&Property::Exdate).flat_map(|entry| times(entry, zone));
    let added = component.properties(&Property::Rdate).flat_map(|entry| times(entry, zone));
    let excluded: BTreeSet<String> = excluded.map(|time| format!("not on {time}")).collect();
    let added: BTreeSet<String> = added.map(|time| format!("also on {time}")).collect();
    let alarms = component.component_ids.iter().filter_map(|id| calendar.components.get(usize::try_from(*id).ok()?));
    let triggers =
        alarms.filter_map(|alarm| alarm.property(&Property::Trigger)).map(|entry| format!("rings {:?}", entry.values));
    let state = State {
        title: text(&Property::Summary).unwrap_or_default(),
        start,
        end,
        due: if kind == Kind::Reminder { time(&Property::Due).or(start) } else { None },
        rings: None,
        minutes,
        location: text(&Property::Location),
        attendees: component.properties(&Property::Attendee).map(attendee).collect(),
        rule,
        text: text(&Property::Description).unwrap_or_default(),
        is_done: is_done(component),
        further: excluded.into_iter().chain(added).chain(triggers).collect(),
    };
    Thing { kind, identity: component.uid().unwrap_or_default().to_owned(), state }
}

/// When an event ends: of whole days, the last, where a file names the day after it.
fn end(start: Option<When>, end: Option<When>, length: Option<SignedDuration>) -> Option<When> {
    match (start?, end, length) {
        (When::Day(start), Some(When::Day(end)), _) => Some(When::Day(end.yesterday().ok()?.max(start))),
        (When::Day(start), _, Some(length)) => {
            Some(When::Day(start.checked_add(length).ok()?.yesterday().ok()?.max(start)))
        }
        (When::At(_), Some(end), _) => Some(end),
        (When::At(start), None, Some(length)) => Some(When::At(start.checked_add(length).ok()?)),
        (start, ..) => Some(start),
    }
}

fn minutes(start: DateTime, end: DateTime, zone: &TimeZone) -> f64 {
    let instant = |time: DateTime| time.to_zoned(zone.clone()).ok();
    let length = instant(start).zip(instant(end)).map(|(start, end)| start.duration_until(&end));
    length.unwrap_or_default().as_secs_f64() / 60.0
}

fn is_done(component: &ICalendarComponent) -> bool {
    let percent = component.property(&Property::PercentComplete).and_then(|entry| entry.values.first());
    component.status() == Some(&ICalendarStatus::Completed)
        || component.property(&Property::Completed).is_some()
        || percent.and_then(ICalendarValue::as_integer).is_some_and(|percent| percent >= 100)
}

/// The name and the address.
fn attendee(entry: &ICalendarEntry) -> String {
    let names = entry.params.iter().filter_map(|parameter| parameter.value.as_text());
    names.chain(entry.values.iter().filter_map(ICalendarValue::as_text)).collect::<Vec<_>>().join(" ")
}

fn when(entry: &ICalendarEntry, zone: &TimeZone) -> Option<When> {
    times(entry, zone).into_iter().next()
}

/// The local times of a property.
fn times(entry: &ICalendarEntry, zone: &TimeZone) -> Vec<When> {
    let read = |value: &ICalendarValue| match value {
        ICalendarValue::PartialDateTime(partial) => local(partial, entry.tz_id(), zone),
        _ => None,
    };
    entry.values.iter().filter_map(read).collect()
}

fn local(partial: &PartialDateTime, zone_name: Option<&str>, zone: &TimeZone) -> Option<When> {
    let number = |value: Option<u8>| i8::try_from(value.unwrap_or(0)).ok();
    let date = Date::new(i16::try_from(partial.year?).ok()?, number(partial.month)?, number(partial.day)?).ok()?;
    if partial.hour.is_none() {
        return Some(When::Day(date));
    }
    let second = number(partial.second)?.min(59);
    let written = date.at(number(partial.hour)?, number(partial.minute)?, second, 0);
    let offset = partial.tz_hour.map(|hours| {
        let offset = i32::from(hours) * 3600 + i32::from(partial.tz_minute.unwrap_or(0)) * 60;
        if partial.tz_minus { -offset } else { offset }
    });
    let of = match (offset, zone_name) {
        (Some(offset), _) => TimeZone::fixed(Offset::from_seconds(offset).ok()?),
        (None, Some(name)) => TimeZone::get(name).unwrap_or_else(|_| zone.clone()),
        (None, None) => zone.clone(),
    };
    Some(When::At(written.to_zoned(of).ok()?.with_time_zone(zone.clone()).datetime()))
}

/// The parts of a repetition that say something, for what begins at `start`.
pub(super) fn rule_parts(rule: &str, start: Option<When>, zone: &TimeZone) -> BTreeMap<String, String> {
    let start = start.map(|start| match start {
        When::Day(date) => date,
        When::At(time) => time.date(),
    });
    let upper = rule.trim().to_uppercase();
    let upper = upper.strip_prefix("RRULE:").unwrap_or(&upper);
    let mut parts: BTreeMap<String, String> = upper
        .split(';')
        .filter_map(|part| part.split_once('='))
        .filter(|(name, value)| *name != "WKST" && !(*name == "INTERVAL" && *value == "1"))
        .map(|(name, value)| {
            let mut values: Vec<String> = value.split(',').map(str::to_owned).collect();
            values.sort();
            (name.to_owned(), values.join(","))
        })
        .collect();
    // "Every weekday" is written either way.
    if parts.get("FREQ").is_some_and(|freq| freq == "DAILY")
        && parts.contains_key("BYDAY")
        && !parts.contains_key("INTERVAL")
    {
        parts.insert("FREQ".to_owned(), "WEEKLY".to_owned());
    }
    if parts.get("BYDAY").is_some_and(|days| days == "FR,MO,SA,SU,TH,TU,WE") && !parts.contains_key("INTERVAL") {
        parts.insert("FREQ".to_owned(), "DAILY".to_owned());
        parts.remove("BYDAY");
    }
    if let Some(until) = parts.get_mut("UNTIL") {
        *until = until_day(until, zone).unwrap_or_else(|| until.clone());
    }
    if let Some(start) = start {
        let weekday = format!("{:?}", start.weekday()).to_uppercase();
        let (day, month) = (start.day().to_string(), start.month().to_string());
        let freq = parts.get("FREQ").cloned().unwrap_or_default();
        let adds_nothing: &[(&str, &str)] = match freq.as_str() {
            "WEEKLY" => &[("BYDAY", &weekday[..2])],
            "MONTHLY" => &[("BYMONTHDAY", &day)],
            "YEARLY" => &[("BYMONTHDAY", &day), ("BYMONTH", &month)],
            _ => &[],
        };
        for (name, value) in adds_nothing {
            if parts.get(*name).is_some_and(|found| found == value) {
                parts.remove(*name);
            }
        }
    }
    parts
}

/// The local day of an `UNTIL`.
fn until_day(until: &str, zone: &TimeZone) -> Option<String> {
    let date = Date::strptime("%Y%m%d", until.get(..8)?).ok()?;
    let Some(time) = until.get(8..).and_then(|rest| rest.strip_prefix('T')) else { return Some(until[..8].to_owned()) };
    let number = |range| time.get(range).and_then(|digits: &str| digits.parse::<i64>().ok());
    let span = number(0..2)?.hours().minutes(number(2..4)?).seconds(number(4..6)?);
    let written = date.to_datetime(jiff::civil::Time::midnight()).checked_add(span).ok()?;
    let of = if time.ends_with('Z') { TimeZone::UTC } else { zone.clone() };
    Some(written.to_zoned(of).ok()?.with_time_zone(zone.clone()).strftime("%Y%m%d").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paris() -> TimeZone {
        TimeZone::get("Europe/Paris").unwrap()
    }

    fn read(kind: Kind, lines: &str) -> Vec<Thing> {
        let name = if kind == Kind::Event { "VEVENT" } else { "VTODO" };
        let component = format!("BEGIN:{name}\r\nUID:a\r\n{}\r\nEND:{name}", lines.replace('\n', "\r\n"));
        components(&format!("BEGIN:VCALENDAR\r\n{component}\r\nEND:VCALENDAR\r\n"), kind, &paris()).unwrap()
    }

    #[test]
    fn times_are_local_and_whole_days_end_on_their_last() {
        let things = read(Kind::Event, "SUMMARY:x\nDTSTART:20261125T090000Z\nDTEND;TZID=Europe/London:20261125T093000");
        assert_eq!(things[0].state.start.unwrap().to_string(), "2026-11-25T10:00");
        assert_eq!(things[0].state.end.unwrap().to_string(), "2026-11-25T10:30");
        assert_eq!(things[0].state.minutes, Some(30.0));
        let things = read(Kind::Event, "DTSTART;VALUE=DATE:20261218\nDTEND;VALUE=DATE:20261220");
        assert_eq!(things[0].state.end.unwrap().to_string(), "2026-12-19");
    }

    #[test]
    fn a_cancelled_occurrence_is_a_change_of_the_series() {
        let series = "DTSTART:20261125T090000Z\nRRULE:FREQ=WEEKLY";
        let before = read(Kind::Event, series);
        let after = read(Kind::Event, &format!("{series}\nEXDATE:20261202T090000Z"));
        assert_eq!(before[0].identity, after[0].identity);
        assert_ne!(before[0].state, after[0].state);
    }

    #[test]
    fn what_adds_nothing_to_a_rule_does_not_count() {
        let monday = Some(When::Day("2026-11-30".parse().unwrap()));
        let parts = |rule: &str| rule_parts(rule, monday, &paris());
        assert_eq!(parts("FREQ=WEEKLY;BYDAY=MO;INTERVAL=1;WKST=MO"), parts("freq=weekly"));
        assert_eq!(parts("FREQ=WEEKLY;BYDAY=MO,TU"), parts("BYDAY=TU,MO;FREQ=WEEKLY"));
        assert_eq!(parts("FREQ=WEEKLY;UNTIL=20261231"), parts("FREQ=WEEKLY;UNTIL=20261231T225959Z"));
        assert_eq!(parts("FREQ=MONTHLY;BYMONTHDAY=30"), parts("FREQ=MONTHLY"));
        assert_ne!(parts("FREQ=WEEKLY;BYDAY=TU"), parts("FREQ=WEEKLY"));
    }

    #[test]
    fn what_rings_is_called_by_its_time() {
        let text = r#"{"kind":"alarm","rings_at":"2026-11-26T07:00:00+01:00[Europe/Paris]"}"#;
        let alarm = timer(Path::new("a.json"), text, &paris()).unwrap();
        assert!(alarm.names().contains(&"2026-11-26t07:00".to_owned()), "{:?}", alarm.names());
    }
}
