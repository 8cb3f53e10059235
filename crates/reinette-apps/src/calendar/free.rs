//! Finds free time.

use super::create::DEFAULT_HOURS;
use super::list::window;
use super::read;
use super::stretch::{Stretch, stretch};
use crate::data::{fields, iso_instant};
use crate::icalendar::{Claim, Cut, Vdir, Window};
use crate::sentences::{MAX_LISTED, Wording, clock_time, days};
use crate::{Answer, AppError, Plan, World};
use jiff::civil::Date;
use jiff::{RoundMode, SignedDuration, Timestamp, ToSpan, Unit, ZonedRound};
use reinette_time::{TimeError, lengths_in, resolve_duration};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Between these hours of a day people meet.
const HOURS: [i8; 2] = [8, 20];

/// What is said to begin at this hour or later goes on until it ends.
const EVENING: i8 = 17;

/// How many days are looked at when none is said, today included.
const DEFAULT_DAYS: i64 = 7;

/// The most days that are looked at, the most of them that are told, and the most stretches of one.
const MAX_DAYS: i32 = 92;
const MAX_DAYS_SHOWN: usize = 14;
const MAX_STRETCHES: usize = 12;

/// The arguments of `find_free`.
#[derive(Debug, Serialize, Deserialize, reinette::Generable)]
pub(crate) struct FindFree {
    /// The days to look at; without it, the coming seven days.
    #[guide(span)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    when: Option<String>,
    /// How long it must be free; without it, an hour.
    #[guide(span)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    duration: Option<String>,
}

pub(crate) fn find_free(arguments: &FindFree, world: &World) -> Result<Plan, AppError> {
    let said = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
    let length = match said(&arguments.duration) {
        Some(duration) => length(&duration, world)?,
        None => SignedDuration::from_hours(1),
    };
    let today = world.clock.now.date();
    let (first, last, limits) = match said(&arguments.when) {
        Some(when) => days_of(&when, world)?,
        None => (today, today.checked_add((DEFAULT_DAYS - 1).days()).map_err(|_| TimeError::OutOfRange)?, None),
    };
    if last < today {
        return Err(TimeError::Past { moment: last.to_string() }.into());
    }
    let first = first.max(today);
    let last = first.saturating_add((MAX_DAYS - 1).days()).min(last);
    let vdir = read(world)?;
    let busy = Busy::within(&window(first, last, world)?, &vdir, world);
    let mut free: Vec<(Date, Vec<Window>)> = Vec::new();
    for date in first.series(1.day()).take_while(|date| *date <= last) {
        let stretches = busy.free(&open(date, limits.as_ref(), world)?, length);
        free.extend((!stretches.is_empty()).then_some((date, stretches)));
    }
    let text = told(&free, &busy, (first, last), length, world) + &world.language.broken_files(&vdir.broken);
    let stretch = |stretch: &Window| json!({"start": iso_instant(&stretch.start), "end": iso_instant(&stretch.end)});
    let shown = free.iter().take(MAX_DAYS_SHOWN).flat_map(|(_, stretches)| stretches.iter().map(stretch));
    Ok(Plan::Answer(Answer { text, data: fields([("free", Value::Array(shown.collect()))]) }))
}

/// How long words say that it must be free: "an hour", "at least an hour".
fn length(said: &str, world: &World) -> Result<SignedDuration, AppError> {
    let span = resolve_duration(said).or_else(|error| match lengths_in(said).as_slice() {
        [only] => resolve_duration(&said[only.range.clone()]),
        _ => Err(error),
    })?;
    let now = &world.clock.now;
    Ok(now.duration_until(&now.checked_add(span).map_err(|_| TimeError::OutOfRange)?))
}

/// The days that words mean, and what part of them if only one is said.
fn days_of(when: &str, world: &World) -> Result<(Date, Date, Option<Window>), AppError> {
    Ok(match stretch(when, world)? {
        Stretch::Days(first, last) => (first, last, None),
        Stretch::Between(window) => {
            let last = window.end.checked_sub(1.second()).map_err(|_| TimeError::OutOfRange)?;
            (window.start.date(), last.date(), Some(window))
        }
        // From then on.
        Stretch::At(instant) => {
            let end = instant.tomorrow().and_then(|next| next.start_of_day()).map_err(|_| TimeError::OutOfRange)?;
            (instant.date(), instant.date(), Some(Window { start: instant, end }))
        }
    })
}

/// The hours of a day that are looked at: those at which people meet, or what was said if that is the evening or none of them.
fn open(date: Date, limits: Option<&Window>, world: &World) -> Result<Window, AppError> {
    let now = &world.clock.now;
    let next_minute = ZonedRound::new().smallest(Unit::Minute).mode(RoundMode::Ceil);
    let soonest = now.round(next_minute).map_err(|_| TimeError::OutOfRange)?;
    let at = |hour: i8| date.at(hour, 0, 0, 0).to_zoned(now.time_zone().clone()).map_err(|_| TimeError::OutOfRange);
    let (mut start, mut end) = (at(HOURS[0])?, at(HOURS[1])?);
    if let Some(limits) = limits {
        let (from, to) = (limits.start.clone(), limits.end.clone());
        (start, end) =
            if from < end && to > start && from.hour() < EVENING { (start.max(from), end.min(to)) } else { (from, to) };
    }
    Ok(Window { start: start.max(soonest), end })
}

/// What is in the calendar of some days.
#[derive(Default)]
struct Busy {
    /// From when to when time is taken, in order of start.
    taken: Vec<(Timestamp, Timestamp)>,
    /// The titles of what takes whole days, which leaves their hours free.
    whole_days: BTreeMap<Date, Vec<String>>,
    /// The titles of what cannot be followed.
    unknown: Vec<String>,
}

impl Busy {
    fn within(window: &Window, vdir: &Vdir, world: &World) -> Self {
        let zone = window.start.time_zone();
        let mut busy = Self::default();
        for series in vdir.series() {
            let (occurrences, cut) = series.occurrences(window);
            if cut == Some(Cut::Unfollowed) {
                busy.unknown.push(series.main.title(world.language).to_owned());
            }
            for found in occurrences {
                if found.start.is_date() {
                    let (first, last) = days(&found.start, &found.end, zone);
                    let last = last.min(window.end.date());
                    for date in first.max(window.start.date()).series(1.day()).take_while(|date| *date <= last) {
                        busy.whole_days.entry(date).or_default().push(found.component.title(world.language).to_owned());
                    }
                } else if let (Some(start), Some(end), Claim::Time) =
                    (found.start.instant(zone), found.end.instant(zone), found.component.claim)
                {
                    // What has no end takes as long as we would write it.
                    let default = || start.saturating_add(DEFAULT_HOURS.hours());
                    let end = if end > start { end } else { default() };
                    busy.taken.push((start.timestamp(), end.timestamp()));
                }
            }
        }
        busy.taken.sort_unstable();
        busy
    }

    /// The stretches of `open` that are free for at least `length`.
    fn free(&self, open: &Window, length: SignedDuration) -> Vec<Window> {
        let zone = open.start.time_zone();
        let (mut from, close) = (open.start.timestamp(), open.end.timestamp());
        let mut free = Vec::new();
        for (start, end) in self.taken.iter().copied().chain([(close, close)]) {
            let until = start.min(close);
            if from < until && from.duration_until(until) >= length && free.len() < MAX_STRETCHES {
                free.push(Window { start: from.to_zoned(zone.clone()), end: until.to_zoned(zone.clone()) });
            }
            from = from.max(end);
        }
        free
    }
}

fn told(
    free: &[(Date, Vec<Window>)],
    busy: &Busy,
    (first, last): (Date, Date),
    length: SignedDuration,
    world: &World,
) -> String {
    let (language, clock) = (world.language, &world.clock);
    let length = language.duration(length);
    let (from, to) = (language.day(first, clock), language.day(last, clock));
    let mut text = match (free.is_empty(), first == last) {
        (false, _) => language.pick(format!("Free for {length} or more:"), format!("Libre pendant {length} ou plus :")),
        (true, true) => language
            .pick(format!("Nothing free for {length}: {from}."), format!("Rien de libre pendant {length} : {from}.")),
        (true, false) => language.pick(
            format!("Nothing free for {length} from {from} to {to}."),
            format!("Rien de libre pendant {length} du {from} au {to}."),
        ),
    };
    for (date, stretches) in free.iter().take(MAX_DAYS_SHOWN) {
        let hours: Vec<String> =
            stretches.iter().map(|free| format!("{}–{}", clock_time(&free.start), clock_time(&free.end))).collect();
        let whole_day = busy.whole_days.get(date).map(|titles| {
            let titles = language.joined(titles, MAX_LISTED);
            language.pick(format!(" (all day: {titles})"), format!(" (journée : {titles})"))
        });
        let heading = language.heading(*date, clock);
        text.extend(["\n  ", &heading, &whole_day.unwrap_or_default(), language.pick(": ", " : "), &hours.join(", ")]);
    }
    if free.len() > MAX_DAYS_SHOWN {
        let more = free.len() - MAX_DAYS_SHOWN;
        text.push_str(&language.pick(format!("\n… and {more} more days"), format!("\n… et {more} autres jours")));
    }
    if !busy.unknown.is_empty() {
        let unknown = language.joined(&busy.unknown, MAX_LISTED);
        text.push_str(&language.pick(
            format!("\n(Not counted, since it cannot be followed how they repeat: {unknown})"),
            format!("\n(Non comptés, car leur répétition ne peut pas être suivie : {unknown})"),
        ));
    }
    text
}
