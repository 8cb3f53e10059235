//! Moments that are counted from an event of the calendar: "an hour before the dentist", "le soir avant mon vol".
//!
//! The language of time knows no calendar. Where it finds no meaning in such words they come here: they are cut into how far
//! and which event, the event is looked up, and the language is asked again with the day or the hour in its place.

use super::back;
use super::list::{dates, window};
use super::moving::says_no_date;
use super::{Upcoming, find_among, read, upcoming, within};
use crate::focus::{self, Closeness, Origin};
use crate::icalendar::{CalendarTime, Series, Vdir};
use crate::matching::{self, Match};
use crate::sentences::Wording;
use crate::shift::has_hours;
use crate::{AppError, Plan, World};
use jiff::Span;
use jiff::civil::Date;
use reinette_time::{Clock, Moment, Purpose, TimeError, moments_in, plain, resolve, resolve_duration, resolve_of};
use std::ops::Range;

/// What was said of a time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SaidTime<'a> {
    /// The title of what takes place then.
    pub(crate) title: &'a str,
    pub(crate) when: &'a str,
    pub(crate) purpose: Purpose,
    /// The event that is meant where `when` names none: "about the dentist, an hour before".
    pub(crate) event: Option<&'a str>,
    /// When that is which is moved: what is counted from where nothing else was told of.
    pub(crate) own: Option<&'a CalendarTime>,
}

/// Goes on with the moment that is meant; asks which event it is counted from when several fit.
pub(crate) fn plan_at(
    said: SaidTime<'_>,
    world: &World,
    plan: impl Fn(Moment) -> Result<Plan, AppError>,
) -> Result<Plan, AppError> {
    if let Some(moment) = back::moment(said, world) {
        return plan(moment);
    }
    if counts_from_told(said, world) {
        return plan_from_event(said, TimeError::Shift, world, plan);
    }
    match resolve_of(said.title, said.when, &world.clock, said.purpose) {
        Ok(moment) => plan(moment),
        Err(error) => plan_from_event(said, error, world, plan),
    }
}

/// Whether a time is said that counts from something which is not named but was told of, or is moved: "the evening before
/// at 6". "An hour later" counts from now.
pub(crate) fn counts_from_told(said: SaidTime<'_>, world: &World) -> bool {
    let is_later = |(word, _): &(String, Range<usize>)| matches!(word.as_str(), "later" | "tard");
    (said.own.is_some() || world.focus.origin(world.clock.now.time_zone()).is_some())
        && !words(said.when).iter().any(is_later)
        && Counted::read(said.when, &world.clock).is_some_and(|counted| counted.event.is_empty())
}

/// The moment that counts from what was told of, if one is said.
pub(super) fn moment_from_told(said: SaidTime<'_>, world: &World) -> Option<Moment> {
    let counted = Counted::read(said.when, &world.clock).filter(|counted| counted.event.is_empty())?;
    counted.counted_from_told(said, TimeError::Shift, world).ok()
}

/// Goes on with the moment that is counted from an event, if that is what was said; else `error` stands.
pub(crate) fn plan_from_event(
    said: SaidTime<'_>,
    error: TimeError,
    world: &World,
    plan: impl Fn(Moment) -> Result<Plan, AppError>,
) -> Result<Plan, AppError> {
    let Some(counted) = Counted::read(said.when, &world.clock) else { return Err(error.into()) };
    let vdir = read(world)?;
    let (named, (found, hour)) = if counted.event.is_empty() {
        let named = said.event.map(without_articles).unwrap_or_default();
        (named, (event_titled(named, &vdir, world), counted.hour))
    } else {
        (counted.event, counted.look_up(counted.event, &vdir, world)?)
    };
    let events = match found {
        Match::None { .. } if counted.event.is_empty() => {
            return plan(counted.counted_from_told(said, error, world)?);
        }
        Match::None { .. } => return Err(AppError::Refused(no_event(named, world))),
        Match::One(event) => vec![event],
        Match::Several(events) => events,
    };
    let moments = events
        .into_iter()
        .map(|event| counted.moment(&event.origin(world), hour, said, world).map(|moment| (event, moment)));
    // One from which it would be in the past does not stand in the way of the others.
    let (meant, errors): (Vec<_>, Vec<_>) = moments.partition(Result::is_ok);
    let mut meant: Vec<(Upcoming<'_>, Moment)> = meant.into_iter().flatten().collect();
    let meant = match (meant.len(), errors.into_iter().find_map(Result::err)) {
        (0, Some(error)) => return Err(error),
        (0 | 1, _) => meant.pop().map_or(Match::None { nearest: Vec::new() }, Match::One),
        _ => Match::Several(meant),
    };
    world.language.plan_for(named, meant, |(event, _)| event.label(world), |(_, moment)| plan(moment))
}

fn no_event(named: &str, world: &World) -> String {
    let named = world.language.quoted(named);
    world.language.pick(
        format!("There is no event {named} in your calendar to count from; say a date or time, for example “tomorrow at 9:30”."),
        format!("Je ne trouve pas {named} dans votre agenda pour compter à partir de là ; dites une date ou une heure, par exemple « demain à 9h30 »."),
    )
}

/// On which side of an event's start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Before,
    After,
    /// On its day: "the morning of my flight".
    SameDay,
}

/// How far from an event's start.
#[derive(Clone, Copy, Debug)]
enum Distance<'a> {
    Length(Span),
    /// The part of a day nearest to it, as said.
    Part(&'a str, Part),
}

/// Which day a part of the day is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// One that may lie on the event's own day.
    Day,
    /// Before an event it is that of the day before.
    Night,
}

/// Words that say how far a moment is from an event.
#[derive(Clone, Debug)]
struct Counted<'a> {
    distance: Distance<'a>,
    side: Side,
    /// The time of day, if it is said: "at 6pm the day before my flight".
    hour: &'a str,
    /// The words of the event; none if it is only pointed at.
    event: &'a str,
}

/// Words between the distance and the event.
const CONNECTIVES: &[(&[&str], Side)] = &[
    (&["before"], Side::Before),
    (&["prior", "to"], Side::Before),
    (&["prior"], Side::Before),
    (&["beforehand"], Side::Before),
    (&["in", "advance"], Side::Before),
    (&["earlier", "than"], Side::Before),
    (&["earlier"], Side::Before),
    (&["later", "than"], Side::After),
    (&["later"], Side::After),
    (&["ahead", "of"], Side::Before),
    (&["d", "avant"], Side::Before),
    (&["avant"], Side::Before),
    (&["precedent"], Side::Before),
    (&["plus", "tot"], Side::Before),
    (&["after"], Side::After),
    (&["following"], Side::After),
    (&["d", "apres"], Side::After),
    (&["apres"], Side::After),
    (&["suivant"], Side::After),
    (&["plus", "tard"], Side::After),
];

/// Words before a day or a part of one that is the next after something.
const FOLLOWING: &[&str] = &["following", "next"];

/// Nouns that hold both: "la veille de mon vol".
const DAYS_BESIDE: &[(&str, Side)] = &[("veille", Side::Before), ("lendemain", Side::After)];

/// Words behind a connective that make another word of it: "avant-hier", "après-midi".
const NO_EVENTS: &[&str] = &["hier", "midi", "midis", "demain", "tomorrow", "yesterday"];

const OF: &[&str] = &["of", "de", "du", "d"];

/// Articles and the like, which say neither how far nor which event.
const ARTICLES: &[&str] = &[
    "the", "my", "our", "a", "an", "on", "le", "la", "les", "l", "mon", "ma", "mes", "notre", "un", "une", "de", "du",
    "d", "des",
];

/// Words that point at an event that was named elsewhere.
const POINTERS: &[&str] = &["it", "that", "this", "then", "ca", "cela"];

pub(super) const PARTS: &[(&str, Part)] = &[
    ("morning", Part::Day),
    ("afternoon", Part::Day),
    ("evening", Part::Night),
    ("night", Part::Night),
    ("matin", Part::Day),
    ("matinee", Part::Day),
    ("midi", Part::Day),
    ("soir", Part::Night),
    ("soiree", Part::Night),
    ("nuit", Part::Night),
];

/// Lengths that stand with an article: "the day before".
const DAYS: &[(&str, i64)] = &[("day", 1), ("jour", 1), ("week", 7), ("semaine", 7)];

/// The words of a text in plain form, each with its bytes.
pub(super) fn words(text: &str) -> Vec<(String, Range<usize>)> {
    let mut words = Vec::new();
    let mut start = None;
    for (at, character) in text.char_indices().chain([(text.len(), ' ')]) {
        match (character.is_alphanumeric(), start) {
            (true, None) => start = Some(at),
            (false, Some(first)) => {
                words.push((plain(&text[first..at]), first..at));
                start = None;
            }
            _ => {}
        }
    }
    words
}

fn without_articles(text: &str) -> &str {
    let words = words(text);
    let Some(first) = words.iter().find(|(word, _)| !ARTICLES.contains(&word.as_str())) else { return "" };
    let last = words.last().map_or(text.len(), |(_, bytes)| bytes.end);
    &text[first.1.start..last]
}

impl<'a> Counted<'a> {
    fn read(when: &'a str, clock: &Clock) -> Option<Self> {
        let words = words(when);
        let is = |at: usize, known: &str| words.get(at).is_some_and(|(word, _)| word == known);
        let counted = (0..words.len()).find_map(|at| {
            if let Some((distance, read)) = following(when, &words[at..]) {
                let hour = hour_before(&when[..words[at].1.start], clock)?;
                return Some((distance, Side::After, hour, at + read));
            }
            let beside =
                CONNECTIVES.iter().find(|(phrase, _)| (0..phrase.len()).all(|ahead| is(at + ahead, phrase[ahead])));
            let is_other_word = words.get(at + 1).is_some_and(|(word, _)| NO_EVENTS.contains(&word.as_str()));
            if let Some((phrase, side)) = beside.filter(|_| !is_other_word) {
                let (distance, hour) = distance(&when[..words[at].1.start], clock)?;
                return Some((distance, *side, hour, at + phrase.len()));
            }
            let (_, side) = DAYS_BESIDE.iter().find(|(noun, _)| is(at, noun))?;
            let hour = hour_before(&when[..words[at].1.start], clock)?;
            if is(at + 1, "au") && is(at + 2, "soir") {
                let evening = Distance::Part(&when[words[at + 2].1.clone()], Part::Night);
                return Some((evening, *side, hour, at + 3));
            }
            Some((Distance::Length(Span::new().days(1)), *side, hour, at + 1))
        });
        let counted = counted.or_else(|| {
            let of = words.iter().position(|(word, _)| OF.contains(&word.as_str()))?;
            let (distance, hour) = distance(&when[..words[of].1.start], clock)?;
            let is_of_a_day = match distance {
                Distance::Part(..) => true,
                Distance::Length(_) => is(of.checked_sub(1)?, "day") || is(of.checked_sub(1)?, "jour"),
            };
            is_of_a_day.then_some((distance, Side::SameDay, hour, of + 1))
        });
        let (distance, side, hour, rest) = counted?;
        let event = words.get(rest).map_or("", |(_, bytes)| without_articles(&when[bytes.start..]));
        // "an hour before noon" counts from noon.
        let has_an_hour = matches!(distance, Distance::Length(span) if has_hours(span)) || !hour.is_empty();
        let (event, hour) = match without_hour(event, clock) {
            (_, behind) if has_an_hour && !behind.is_empty() => (event, hour),
            (event, "") => (event, hour),
            (event, behind) => (event, behind),
        };
        Some(Self { distance, side, hour, event })
    }

    /// Whether it counts in days, so that a time of day beside it is its own and not the event's.
    fn is_of_days(&self) -> bool {
        match &self.distance {
            Distance::Length(span) => !has_hours(*span),
            Distance::Part(..) => false,
        }
    }

    /// The moment counted from what was last told of; else from that which is moved.
    fn counted_from_told(&self, said: SaidTime<'_>, error: TimeError, world: &World) -> Result<Moment, AppError> {
        let own = || said.own.map(|own| Origin { title: said.title.to_owned(), start: own.clone(), is_a_day: false });
        let origin = world.focus.origin(world.clock.now.time_zone()).or_else(own);
        let counts_hours = matches!(self.distance, Distance::Length(span) if has_hours(span));
        match origin {
            Some(origin) if !(origin.is_a_day && counts_hours) => self.moment(&origin, self.hour, said, world),
            _ => match said.event.map(without_articles).filter(|named| !named.is_empty()) {
                Some(named) => Err(AppError::Refused(no_event(named, world))),
                None => Err(error.into()),
            },
        }
    }

    fn is_of_a_part(&self) -> bool {
        matches!(self.distance, Distance::Part(..))
    }

    /// The events that `named` means, and the time of day that it says of the moment.
    fn look_up<'e, 'n>(
        &'n self,
        named: &'n str,
        vdir: &'e Vdir,
        world: &World,
    ) -> Result<(Match<Upcoming<'e>>, &'n str), AppError> {
        let ahead = || vdir.series().filter_map(move |series| ahead(series, world));
        let has_all = ahead().filter(|event| matching::coverage(named, event.title(world)) >= 1.0);
        let found = find_among(named, has_all, world);
        if !matches!(found, Match::None { .. }) {
            return Ok((found, self.hour));
        }
        let times = moments_in(named, &world.clock, Purpose::Search);
        let (time, rest) = match times.as_slice() {
            [] => return Ok((find_among(named, ahead(), world), self.hour)),
            [only] if only.is_understood => {
                let rest = [&named[..only.range.start], &named[only.range.end..]].concat();
                (&named[only.range.clone()], rest)
            }
            _ => return Ok((Match::None { nearest: Vec::new() }, self.hour)),
        };
        if says_no_date(named, time, &world.clock) {
            if self.is_of_days() && self.hour.is_empty() {
                return Ok((find_among(&rest, ahead(), world), time));
            }
            let hour = match resolve(time, &world.clock, Purpose::Search)? {
                Moment::Instant(instant) | Moment::Instants { start: instant, .. } => Some(instant.time()),
                _ => None,
            };
            let zone = world.clock.now.time_zone();
            let starts = |event: &Upcoming<'_>| event.occurrence.start.instant(zone).map(|start| start.time());
            return Ok(match find_among(&rest, ahead().filter(|event| starts(event) == hour), world) {
                // "the evening before the flight at 6"
                Match::None { .. } if self.hour.is_empty() && self.is_of_a_part() => {
                    (find_among(&rest, ahead(), world), time)
                }
                found => (found, self.hour),
            });
        }
        let (first, last) = dates(&resolve(time, &world.clock, Purpose::Search)?);
        let window = window(first, last, world)?;
        Ok((find_among(&rest, within(vdir, &window), world), self.hour))
    }

    /// The moment so far from the start of `origin`.
    fn moment(&self, origin: &Origin, hour: &str, said: SaidTime<'_>, world: &World) -> Result<Moment, AppError> {
        let out_of_range = || AppError::Time(TimeError::OutOfRange);
        let start = &origin.start;
        let instant = start.instant(world.clock.now.time_zone()).ok_or_else(out_of_range)?;
        let said_again = match &self.distance {
            Distance::Part(part, kind) => {
                format!("{} {part} {hour}", self.day_of_part(part, *kind, start, world)?)
            }
            Distance::Length(_) if self.side == Side::SameDay => format!("{} {hour}", instant.date()),
            Distance::Length(span) => {
                let span = if self.side == Side::Before { span.negate() } else { *span };
                if !has_hours(span) {
                    let date = instant.date().checked_add(span).map_err(|_| out_of_range())?;
                    format!("{date} {hour}")
                } else if start.is_date() {
                    return Err(AppError::Refused(takes_whole_days(&origin.title, world)));
                } else {
                    Moment::Instant(instant.checked_add(span).map_err(|_| out_of_range())?).to_string()
                }
            }
        };
        Ok(resolve_of(said.title, said_again.trim(), &world.clock, said.purpose)?)
    }

    /// The day on which the part of a day lies that is meant.
    fn day_of_part(&self, part: &str, kind: Part, start: &CalendarTime, world: &World) -> Result<Date, AppError> {
        let out_of_range = || AppError::Time(TimeError::OutOfRange);
        let instant = start.instant(world.clock.now.time_zone()).ok_or_else(out_of_range)?;
        let that_day = instant.date();
        // That of its own day, if that lies on the right side of it.
        let own = match resolve(&format!("{that_day} {part}"), &world.clock, Purpose::Search)? {
            Moment::Instant(own) if matches!(start, CalendarTime::Time(..)) => Some(own),
            _ => None,
        };
        let day = match self.side {
            Side::SameDay => Ok(that_day),
            Side::Before if kind == Part::Day && own.as_ref().is_some_and(|own| *own < instant) => Ok(that_day),
            Side::Before => that_day.yesterday(),
            Side::After if own.as_ref().is_some_and(|own| *own > instant) => Ok(that_day),
            Side::After => that_day.tomorrow(),
        };
        day.map_err(|_| out_of_range())
    }
}

/// The event whose title `named` is, of something that shall take place at a time counted from it.
fn event_titled<'a>(named: &str, vdir: &'a Vdir, world: &World) -> Match<Upcoming<'a>> {
    if named.is_empty() || matching::points(named) || matching::says_only_a_kind(named) {
        return Match::None { nearest: Vec::new() };
    }
    focus::find(named, vdir.series().filter_map(|series| ahead(series, world)), Closeness::Fitting, world)
}

/// How far words say that something is, and the time of day that stands before: "at 6pm the day".
fn distance<'a>(said: &'a str, clock: &Clock) -> Option<(Distance<'a>, &'a str)> {
    let from = |bytes: &Range<usize>| said[bytes.start..].trim();
    let words = words(said);
    let first =
        words.iter().find(|(word, _)| !matches!(word.as_str(), "the" | "le" | "la" | "l" | "just" | "juste"))?;
    if let Ok(span) = resolve_duration(from(&first.1)) {
        return Some((Distance::Length(span), ""));
    }
    let (last, bytes) = words.last()?;
    if let Some((_, days)) = DAYS.iter().find(|(known, _)| last == known) {
        return Some((Distance::Length(Span::new().days(*days)), hour_before(&said[..bytes.start], clock)?));
    }
    let (_, part) = PARTS.iter().find(|(known, _)| last == known)?;
    // "l’après-midi" is one part of the day, of two words.
    let is_noon = last == "midi";
    let before = is_noon.then(|| words.len().checked_sub(2).and_then(|at| words.get(at))).flatten();
    let start = before.filter(|(word, _)| word == "apres").map_or(bytes.start, |(_, before)| before.start);
    Some((Distance::Part(&said[start..bytes.end], *part), hour_before(&said[..start], clock)?))
}

/// The day or the part of one that begins `words`, if it is the next after something: "the following morning"; and how
/// many words say it.
fn following<'a>(when: &'a str, words: &[(String, Range<usize>)]) -> Option<(Distance<'a>, usize)> {
    let [(first, _), (noun, bytes), rest @ ..] = words else { return None };
    // "the week following the fair" counts from the fair.
    let names_an_event = rest.first().is_some_and(|(word, _)| OF.contains(&word.as_str()));
    if !FOLLOWING.contains(&first.as_str()) || names_an_event {
        return None;
    }
    // "next week" is that of now.
    let days = DAYS.iter().find(|(known, days)| *known == noun.as_str() && (*days == 1 || first != "next"));
    if let Some((_, days)) = days {
        return Some((Distance::Length(Span::new().days(*days)), 2));
    }
    let (_, part) = PARTS.iter().find(|(known, _)| *known == noun.as_str())?;
    Some((Distance::Part(&when[bytes.clone()], *part), 2))
}

/// What words name beside the time of day that stands behind: of "it at 6" nothing but that.
fn without_hour<'a>(event: &'a str, clock: &Clock) -> (&'a str, &'a str) {
    let names_nothing = |text: &str| text.is_empty() || POINTERS.contains(&plain(text).as_str());
    if names_nothing(event) {
        return ("", "");
    }
    let starts = words(event).into_iter().map(|(_, bytes)| bytes.start);
    let hour = starts
        .take(2)
        .find(|start| names_nothing(without_articles(&event[..*start])) && says_no_date("", &event[*start..], clock));
    hour.map_or((event, ""), |start| ("", &event[start..]))
}

/// The time of day that stands before a distance: all of `said` but the articles behind it; none if it says something else.
fn hour_before<'a>(said: &'a str, clock: &Clock) -> Option<&'a str> {
    let words = words(said);
    let Some((_, last)) = words.iter().rev().find(|(word, _)| !ARTICLES.contains(&word.as_str())) else {
        return Some("");
    };
    let hour = said[..last.end].trim();
    says_no_date("", hour, clock).then_some(hour)
}

/// The next occurrence that has not begun; of one that is on, and will not be again, that.
fn ahead<'a>(series: Series<'a>, world: &World) -> Option<Upcoming<'a>> {
    let event = upcoming(series, world).filter(|event| !event.is_over)?;
    let begins = event.occurrence.start.instant(world.clock.now.time_zone())?;
    let next = (begins <= world.clock.now).then(|| event.series.after(&event.occurrence)).flatten();
    Some(match next {
        Some(occurrence) => Upcoming { occurrence, ..event },
        None => event,
    })
}

/// What is said of something that lasts whole days and would be moved by hours.
pub(crate) fn takes_whole_days(title: &str, world: &World) -> String {
    let title = world.language.quoted(title);
    world.language.pick(
        format!("{title} takes whole days and has no hour to count from; say it in days, or say a date and a time."),
        format!(
            "{title} dure des journées entières et n’a pas d’heure ; comptez en jours, ou dites une date et une heure."
        ),
    )
}
