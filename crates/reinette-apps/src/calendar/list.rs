//! Shows events.

use super::next::next;
use super::{event_item, read};
use crate::data::{Item, items, path_of};
use crate::icalendar::{CalendarTime, Component, Cut, Occurrence, Repetition, Vdir, Window};
use crate::matching::means_next;
use crate::sentences::{MAX_LISTED, Wording, clock_time, days};
use crate::visible::one_line;
use crate::{Answer, AppError, Plan, World};
use calcard::icalendar::ICalendarFrequency;
use jiff::civil::Date;
use jiff::{ToSpan, Zoned};
use reinette_time::{Language, Moment, Purpose, TimeError, resolve};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write;

/// How many days after today are shown when no time is said.
const DEFAULT_DAYS: i64 = 7;

/// The most events that one answer shows.
const MAX_SHOWN: usize = 100;

/// More events than this are counted for the reader.
const MAX_UNCOUNTED: usize = 3;

/// The arguments of `list_events`.
#[derive(Debug, Serialize, Deserialize, reinette::Generable)]
pub(crate) struct ListEvents {
    /// The days to show, or "next"; without it, today and the next seven days.
    #[guide(span)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    when: Option<String>,
}

pub(crate) fn list_events(arguments: &ListEvents, world: &World) -> Result<Plan, AppError> {
    let (language, today) = (world.language, world.clock.now.date());
    let (first, last) = match arguments.when.as_deref().filter(|when| !when.trim().is_empty()) {
        Some(when) if means_next(when) => return next(world),
        Some(when) => dates(&resolve(when, &world.clock, Purpose::Search)?),
        None => (today, today.checked_add(DEFAULT_DAYS.days()).map_err(|_| TimeError::OutOfRange)?),
    };
    let vdir = read(world)?;
    let found = Found::within(&window(first, last, world)?, &vdir);
    let mut answer = if found.shown.is_empty() {
        let (from, to) = (language.day(first, &world.clock), language.day(last, &world.clock));
        if first == last {
            language.pick(format!("Nothing in your calendar {from}."), format!("Rien dans votre agenda {from}."))
        } else {
            language.pick(
                format!("Nothing in your calendar from {from} to {to}."),
                format!("Rien dans votre agenda du {from} au {to}."),
            )
        }
    } else {
        agenda(&found, first, world)
    };
    answer.push_str(&found.notes(language));
    answer.push_str(&language.broken_files(&vdir.broken));
    answer.push_str(&found.count(language));
    let shown = found.shown.iter().take(MAX_SHOWN);
    let shown: Vec<Item> = shown.map(|found| event_item(found, path_of(&vdir, found.component), world)).collect();
    Ok(Plan::Answer(Answer { text: answer, data: items("events", &shown) }))
}

/// The first and last day that a moment touches; of an instant, its whole day, since part of a day is often said loosely.
pub(crate) fn dates(moment: &Moment) -> (Date, Date) {
    match moment {
        Moment::Dates { first, last } => (*first, *last),
        Moment::Instants { start, end } => (start.date(), end.date()),
        moment => (moment.first_date(), moment.first_date()),
    }
}

pub(crate) fn window(first: Date, last: Date, world: &World) -> Result<Window, AppError> {
    let zone = world.clock.now.time_zone();
    let midnight =
        |date: Date| -> Result<Zoned, AppError> { Ok(date.to_zoned(zone.clone()).map_err(|_| TimeError::OutOfRange)?) };
    let after = last.tomorrow().map_err(|_| TimeError::OutOfRange)?;
    Ok(Window { start: midnight(first)?, end: midnight(after)? })
}

/// The events of a stretch of time.
#[derive(Debug, Default)]
struct Found<'a> {
    /// The earliest, in order.
    shown: Vec<Occurrence<'a>>,
    /// How many there are beside those.
    more: usize,
    /// Events not all of whose occurrences are among them.
    cut: Vec<(&'a Component, Cut)>,
}

impl<'a> Found<'a> {
    fn within(window: &Window, vdir: &'a Vdir) -> Self {
        let mut found = Self::default();
        for series in vdir.series() {
            let (occurrences, cut) = series.occurrences(window);
            found.shown.extend(occurrences);
            found.cut.extend(cut.map(|cut| (series.main, cut)));
            if found.shown.len() > MAX_SHOWN * 32 {
                found.keep_the_earliest(window);
            }
        }
        found.keep_the_earliest(window);
        found
    }

    fn keep_the_earliest(&mut self, window: &Window) {
        let zone = window.start.time_zone();
        let time = |time: &CalendarTime| time.instant(zone).map(|start| start.timestamp());
        self.shown.sort_by_cached_key(|found| (!found.start.is_date(), time(&found.start)));
        self.more += self.shown.len().saturating_sub(MAX_SHOWN);
        self.shown.truncate(MAX_SHOWN);
    }

    /// How many there are, if nobody sees it at a glance; nothing if more are told to be left out.
    fn count(&self, language: Language) -> String {
        let is_all = self.more == 0 && self.cut.is_empty();
        match self.shown.len() {
            count if count > MAX_UNCOUNTED && is_all => {
                language.pick(format!("\n{count} events."), format!("\n{count} évènements."))
            }
            _ => String::new(),
        }
    }

    /// What is not shown.
    fn notes(&self, language: Language) -> String {
        let mut notes = String::new();
        if self.more > 0 {
            let more = self.more;
            notes.push_str(&language.pick(format!("\n… and {more} more"), format!("\n… et {more} autres")));
        }
        for (event, cut) in self.cut.iter().take(MAX_LISTED) {
            let title = language.quoted(event.title(language));
            notes.push_str(&match cut {
                Cut::Shown(shown) => {
                    let often = how_often(event, language);
                    language.pick(
                        format!("\n… and more: {title} repeats {often}; its first {shown} are shown"),
                        format!("\n… et d’autres : {title} se répète {often} ; les {shown} premiers sont affichés"),
                    )
                }
                Cut::Unfollowed => language.pick(
                    format!("\n(How {title} repeats cannot be followed: not all of it is shown)"),
                    format!("\n(La répétition de {title} ne peut pas être suivie : tout n’est pas affiché)"),
                ),
            });
        }
        notes
    }
}

/// How an event repeats that does so more often than is worth showing.
fn how_often(event: &Component, language: Language) -> &'static str {
    let frequency = match &event.repetition {
        Some(Repetition::Rule(rule)) if rule.interval.unwrap_or(1) == 1 => Some(rule.freq),
        _ => None,
    };
    match frequency {
        Some(ICalendarFrequency::Secondly) => language.pick("every second", "chaque seconde"),
        Some(ICalendarFrequency::Minutely) => language.pick("every minute", "chaque minute"),
        Some(ICalendarFrequency::Hourly) => language.pick("every hour", "chaque heure"),
        _ => language.pick("very often", "très souvent"),
    }
}

/// The events, grouped by day; one that began before the first day stands there.
fn agenda(found: &Found<'_>, first: Date, world: &World) -> String {
    let (language, now) = (world.language, &world.clock.now);
    let mut by_day: BTreeMap<Date, Vec<String>> = BTreeMap::new();
    for found in &found.shown {
        let (start, _) = days(&found.start, &found.end, now.time_zone());
        by_day.entry(start.max(first)).or_default().push(line(found, world));
    }
    let mut text = String::new();
    for (day, lines) in by_day {
        let _ = writeln!(text, "{}", language.heading(day, &world.clock));
        for line in lines {
            text.extend(["  ", &line, "\n"]);
        }
    }
    text.trim_end().to_owned()
}

fn line(found: &Occurrence<'_>, world: &World) -> String {
    let (language, zone) = (world.language, world.clock.now.time_zone());
    let (first, last) = days(&found.start, &found.end, zone);
    let time = match (&found.start, &found.end) {
        (CalendarTime::Time(start, _), CalendarTime::Time(end, _)) if start < end && first == last => {
            format!(
                "{}–{}",
                clock_time(&start.with_time_zone(zone.clone())),
                clock_time(&end.with_time_zone(zone.clone()))
            )
        }
        (CalendarTime::Time(start, _), _) => clock_time(&start.with_time_zone(zone.clone())),
        _ => language.pick("all day", "journée").to_owned(),
    };
    let component = found.component;
    let mut line = format!("{time:<11}  {}", one_line(component.title(language)));
    if let Some(location) = &component.location {
        let _ = write!(line, " ({})", one_line(location));
    }
    if first != last {
        let last = language.day(last, &world.clock);
        line.push_str(&language.pick(format!(", until {last}"), format!(", jusqu’au {last}")));
    }
    line.push_str(&language.zone_note(component.unknown_zone()));
    line
}
