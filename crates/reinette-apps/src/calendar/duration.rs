//! Changes how long events last.

use super::moving::{moment_near, revise, with_times, write_times};
use super::{Upcoming, find, read};
use crate::data::{Item, iso_time, items};
use crate::icalendar::{CalendarTime, ComponentPath, Editor, Kind};
use crate::sentences::Wording;
use crate::shift::{Shift, has_hours};
use crate::{AppError, Change, Choice, Plan, Question, World};
use jiff::{SignedDuration, Span, Zoned};
use reinette_time::{Moment, TimeError, plain};
use serde::{Deserialize, Serialize};

/// Words before the time at which an event shall end: "until 5", "to end at 5".
const UNTIL: &[&str] =
    &["until", "till", "til", "end", "ends", "ending", "finish", "finishes", "finishing", "jusqu", "jusque", "finir"];

/// Words before those that say no more.
const BEFORE_UNTIL: &[&str] = &["to", "make", "makes", "it", "so", "now", "go", "goes", "run", "runs", "last", "lasts"];

/// Words of an hour that may be in either half of the day.
#[rustfmt::skip]
const BARE: &[&str] = &[
    "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "twenty", "thirty", "fifteen",
    "half", "quarter", "past", "to", "o", "clock", "at",
];

/// The most hours that an event lasts which ends at a time of the next day without anybody having said so.
const MAX_NIGHT_HOURS: i64 = 12;

/// The arguments of `change_event_duration`.
#[derive(Debug, Serialize, Deserialize, reinette::Generable)]
pub(crate) struct ChangeEventDuration {
    /// The event's title.
    #[guide(span)]
    title: String,
    /// How long it shall be, how much longer or shorter, or until when it shall last.
    #[guide(span)]
    duration: String,
}

pub(crate) fn change_event_duration(arguments: &ChangeEventDuration, world: &World) -> Result<Plan, AppError> {
    let vdir = read(world)?;
    let found = find(&arguments.title, &vdir, world);
    let plan = |event: Upcoming<'_>| change_one(&event, arguments.duration.trim(), world);
    world.language.plan_for(&arguments.title, found, |event| event.label(world), plan)
}

/// What an event's end becomes.
#[derive(Clone, Copy, Debug)]
enum NewEnd<'a> {
    /// So long after its start.
    After(Span),
    /// So much later than it was, or earlier.
    Moved(Span),
    /// At this time, as it was said.
    At(&'a str),
}

fn change_one(event: &Upcoming<'_>, said: &str, world: &World) -> Result<Plan, AppError> {
    if let Some(end) = end_said(said) {
        return plan(event, NewEnd::At(end), world);
    }
    let shift = Shift::read_length(said)?;
    match shift.absolute() {
        Some(length) => plan(event, NewEnd::After(length), world),
        None => shift.plan(world, |span| plan(event, NewEnd::Moved(span), world)),
    }
}

/// What stands behind "until", before which nothing else is said.
fn end_said(said: &str) -> Option<&str> {
    let is_between = |character: char| !character.is_alphanumeric();
    let mut rest = said;
    loop {
        let first = rest.split(is_between).next().unwrap_or_default();
        let behind = rest[first.len()..].trim_start_matches(is_between);
        let word = plain(first);
        if UNTIL.contains(&word.as_str()) {
            return Some(behind);
        }
        if behind.len() == rest.len() || !BEFORE_UNTIL.contains(&word.as_str()) {
            return None;
        }
        rest = behind;
    }
}

/// Whether an hour is said of which nothing says in which half of the day it is: "10", "half nine".
fn is_bare(said: &str) -> bool {
    let is_digits = |word: &str| word.bytes().all(|byte| byte.is_ascii_digit());
    let mut words = said.split(|character: char| !character.is_alphanumeric()).filter(|word| !word.is_empty());
    words.all(|word| is_digits(word) || BARE.contains(&plain(word).as_str()))
}

/// Of an event that repeats the user chooses whether one or all of it changes.
fn plan(event: &Upcoming<'_>, new_end: NewEnd<'_>, world: &World) -> Result<Plan, AppError> {
    let (language, series) = (world.language, &event.series);
    let occurrence = &event.occurrence;
    let only = only_one(event, new_end, world)?;
    let is_the_main = occurrence.component.index == series.main.index;
    if !(series.main.repeats() && is_the_main) || event.is_over {
        return Ok(Plan::Change(only));
    }
    let (title, all) = (language.quoted(event.title(world)), all_of_it(event, new_end, world)?);
    let span = language.span(&occurrence.start, &occurrence.end, &world.clock);
    let choices = vec![
        Choice {
            label: language.pick(format!("only the next: {span}"), format!("seulement le prochain : {span}")),
            plan: Plan::Change(only),
        },
        Choice { label: language.pick("all of them", "tous").to_owned(), plan: Plan::Change(all) },
    ];
    let text = language.pick(
        format!("{title} repeats. Which one shall I change?"),
        format!("{title} se répète. Que faut-il changer ?"),
    );
    Ok(Plan::Ask(Question { text, choices }))
}

fn only_one(event: &Upcoming<'_>, new_end: NewEnd<'_>, world: &World) -> Result<Change, AppError> {
    let start = &event.occurrence.start;
    let end = new_end.of(event, (start, &event.occurrence.end), world)?;
    let (editor, of_many) = with_times(event, (start, &end), world)?;
    let note = if of_many { world.language.pick(" Only this one.", " Seulement celui-ci.") } else { "" };
    let item = Item { rule: None, ..event.item(world) };
    Ok(told(event, (start, &end), note, item, editor, world))
}

fn all_of_it(event: &Upcoming<'_>, new_end: NewEnd<'_>, world: &World) -> Result<Change, AppError> {
    let main = event.series.main;
    let first = event.series.first().ok_or(TimeError::OutOfRange)?;
    let end = new_end.of(event, (&first.start, &first.end), world)?;
    let at = ComponentPath { kind: Kind::Event.name(), index: main.index };
    let mut editor = Editor::new(&event.series.file.content);
    write_times(&mut editor, at, main, (&first.start, &end), world);
    revise(&mut editor, at, main, world);
    // What is told is the next of them, not the first, which may be long ago.
    let start = &event.occurrence.start;
    let next_end = new_end.of(event, (start, &event.occurrence.end), world)?;
    let note = world.language.pick(" All of them.", " Tous.");
    Ok(told(event, (start, &next_end), note, event.item(world), editor, world))
}

fn told(
    event: &Upcoming<'_>,
    (start, end): (&CalendarTime, &CalendarTime),
    note: &str,
    item: Item,
    editor: Editor,
    world: &World,
) -> Change {
    let language = world.language;
    let title = language.quoted(event.title(world));
    let length = |end: &CalendarTime| language.duration(start.until(end));
    let (old, new) = (length(&event.occurrence.end), length(end));
    let span = language.span(start, end, &world.clock);
    Change {
        effect: language.pick(
            format!("Makes {title} last {new} instead of {old}: {span}.{note}"),
            format!("Fait durer {title} {new} au lieu de {old} : {span}.{note}"),
        ),
        done: language.pick(
            format!("{title} now lasts {new}: {span}.{note}"),
            format!("{title} dure maintenant {new} : {span}.{note}"),
        ),
        data: items("changed", &[Item { end: Some(iso_time(end, &world.clock)), ..item }]),
        files: vec![event.series.file.edited(editor)],
    }
}

impl NewEnd<'_> {
    /// The new end (excluded) of an occurrence of `event` that starts and ends then.
    fn of(
        self,
        event: &Upcoming<'_>,
        (start, end): (&CalendarTime, &CalendarTime),
        world: &World,
    ) -> Result<CalendarTime, AppError> {
        let out_of_range = || AppError::Time(TimeError::OutOfRange);
        let new = match self {
            Self::After(span) | Self::Moved(span) if start.is_date() && has_hours(span) => {
                return Err(AppError::Refused(lasts_days(event.title(world), world)));
            }
            Self::After(span) => start.shifted(span).ok_or_else(out_of_range)?.written_like(end),
            Self::Moved(span) => end.shifted(span).ok_or_else(out_of_range)?,
            Self::At(said) => {
                let moment = moment_near(&event.occurrence.component.summary, Some(start), said, world)?;
                end_at((said, moment), event, (start, end), world)?
            }
        };
        if start.until(&new) <= SignedDuration::ZERO {
            let title = world.language.quoted(event.title(world));
            return Err(AppError::Refused(world.language.pick(
                format!("{title} would end before it begins; say for example “30 minutes” or “an hour longer”."),
                format!(
                    "{title} finirait avant de commencer ; dites par exemple « 30 minutes » ou « une heure de plus »."
                ),
            )));
        }
        Ok(new)
    }
}

/// The end that a moment says: of days the last included one, of a time of day the first after the start.
fn end_at(
    (said, moment): (&str, Moment),
    event: &Upcoming<'_>,
    (start, end): (&CalendarTime, &CalendarTime),
    world: &World,
) -> Result<CalendarTime, AppError> {
    let refused = || AppError::Refused(lasts_days(event.title(world), world));
    match (moment, start) {
        (Moment::Date(last) | Moment::Dates { last, .. }, CalendarTime::Date(_)) => {
            Ok(CalendarTime::Date(last.tomorrow().map_err(|_| TimeError::OutOfRange)?))
        }
        (Moment::Instant(instant), CalendarTime::Time(begins, _)) => {
            // A bare hour may be that of the other half of the day: a concert at 20:00 lasts "until 10".
            let hours: &[i64] = if is_bare(said) { &[0, 12, 24] } else { &[0, 24] };
            let ahead = hours.iter().filter_map(|hours| instant.checked_add(SignedDuration::from_hours(*hours)).ok());
            let longest = SignedDuration::from_hours(MAX_NIGHT_HOURS);
            let is_end = |end: &Zoned| *end > *begins && (*end == instant || begins.duration_until(end) <= longest);
            // What is before the start is refused as such.
            let ends = ahead.into_iter().find(is_end).unwrap_or_else(|| instant.clone());
            Ok(CalendarTime::new(ends).written_like(end))
        }
        _ => Err(refused()),
    }
}

fn lasts_days(title: &str, world: &World) -> String {
    let title = world.language.quoted(title);
    world.language.pick(
        format!("Say in days how long {title} lasts if it takes whole days, else in hours: “two days”, “90 minutes”."),
        format!(
            "Dites combien de jours dure {title} s’il prend des journées entières, sinon combien d’heures : « deux jours », « 90 minutes »."
        ),
    )
}
