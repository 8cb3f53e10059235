//! Starts timers and sets alarms.

use super::cancel::TIMER;
use super::store::{Timer, TimerKind};
use crate::calendar::{SaidTime, plan_at};
use crate::data::items;
use crate::sentences::{Wording, clock_time};
use crate::{AppError, Change, FileChange, Plan, World};
use jiff::Span;
use reinette_time::{Moment, Purpose, TimeError, describe, lengths_in, resolve_duration};
use serde::{Deserialize, Serialize};

/// A label has at most so many words; whoever says more says something else.
const MAX_LABEL_WORDS: usize = 6;

/// Words beside a label that are no part of it.
#[rustfmt::skip]
const LABEL_EDGES: &[&str] = &[
    "for", "the", "a", "an", "my", "of", "set", "start", "to", "on", "in", "and", "please", "called", "named",
    "pour", "le", "la", "les", "l", "un", "une", "du", "de", "des", "d", "mon", "ma", "mes", "dans", "appelé",
];

/// The arguments of `set_timer`.
#[derive(Debug, Serialize, Deserialize, reinette::Generable)]
pub(crate) struct SetTimer {
    /// How long until it rings.
    #[guide(span)]
    duration: String,
}

/// The arguments of `set_alarm`.
#[derive(Debug, Serialize, Deserialize, reinette::Generable)]
pub(crate) struct SetAlarm {
    /// When it rings.
    #[guide(span)]
    when: String,
}

pub(crate) fn set_timer(arguments: &SetTimer, world: &World) -> Result<Plan, AppError> {
    let (language, now) = (world.language, &world.clock.now);
    let (span, label) = length_and_label(&arguments.duration)?;
    let rings_at = now.checked_add(span).map_err(|_| TimeError::OutOfRange)?;
    let duration = now.duration_until(&rings_at);
    if !duration.is_positive() {
        return Err(AppError::Refused(language.pick(
            "A timer has to run for some time; say for example “10 minutes”.".to_owned(),
            "Un minuteur doit durer un certain temps ; dites par exemple « 10 minutes ».".to_owned(),
        )));
    }
    let at =
        if rings_at.date() == now.date() { clock_time(&rings_at) } else { language.instant(&rings_at, &world.clock) };
    let timer = Timer { kind: TimerKind::Timer, rings_at, duration: Some(duration), rule: None, label };
    let name = timer.name(language);
    let file = file(&timer, world);
    Ok(Plan::Change(Change {
        effect: language.pick(format!("Starts a {name}, until {at}."), format!("Lance un {name}, jusqu’à {at}.")),
        done: language.pick(
            format!("{} started; it rings at {at}.", capitalized(&name)),
            format!("{} lancé ; il sonne à {at}.", capitalized(&name)),
        ),
        data: items("created", &[timer.item(&file.path)]),
        files: vec![file],
    }))
}

/// How long a timer runs, of a bare number in minutes; and what it is for, if other words say so: "12 min for the rice".
fn length_and_label(said: &str) -> Result<(Span, Option<String>), TimeError> {
    let bare = || resolve_duration(&format!("{} minutes", said.trim())).ok().filter(|_| says_a_number(said));
    let error = match resolve_duration(said) {
        Ok(span) => return Ok((span, None)),
        Err(error) => error,
    };
    if let Some(span) = bare() {
        return Ok((span, None));
    }
    let lengths = lengths_in(said);
    let [length] = lengths.as_slice() else { return Err(error) };
    let Ok(span) = resolve_duration(&said[length.range.clone()]) else { return Err(error) };
    let label = [&said[..length.range.start], &said[length.range.end..]].map(without_edges).join(" ");
    let label = label.trim();
    let tells_a_time = label.chars().any(char::is_numeric) || label.split_whitespace().count() > MAX_LABEL_WORDS;
    match label {
        _ if tells_a_time => Err(error),
        "" => Ok((span, None)),
        label => Ok((span, Some(label.to_owned()))),
    }
}

/// Whether words may be a number without a unit: an article alone is none.
fn says_a_number(said: &str) -> bool {
    !["a", "an", "un", "une", ""].contains(&said.trim().to_lowercase().as_str())
}

/// A text without the words at its ends that are no part of a label.
fn without_edges(text: &str) -> &str {
    let is_between = |character: char| !(character.is_alphanumeric() || character == '\'' || character == '’');
    // With its accents: "thé" is a label.
    let is_edge = |word: &str| [TIMER, LABEL_EDGES].iter().any(|list| list.contains(&word.to_lowercase().as_str()));
    let mut rest = text.trim_matches(is_between);
    loop {
        let first = rest.split(is_between).next().unwrap_or_default();
        let last = rest.rsplit(is_between).next().unwrap_or_default();
        rest = match () {
            () if rest.is_empty() => return rest,
            () if is_edge(first) => rest[first.len()..].trim_matches(is_between),
            () if is_edge(last) => rest[..rest.len() - last.len()].trim_matches(is_between),
            () => return rest,
        };
    }
}

fn capitalized(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

pub(crate) fn set_alarm(arguments: &SetAlarm, world: &World) -> Result<Plan, AppError> {
    let said = SaidTime { title: "", when: &arguments.when, purpose: Purpose::Alarm, event: None, own: None };
    plan_at(said, world, |moment| ring_at(moment, world).map(Plan::Change))
}

fn ring_at(moment: Moment, world: &World) -> Result<Change, AppError> {
    let language = world.language;
    let described = describe(&moment, &world.clock, language);
    let (first, rule) = match moment {
        Moment::Recurring { first, rule } => (*first, Some(rule)),
        moment => (moment, None),
    };
    let (Moment::Instant(rings_at) | Moment::Instants { start: rings_at, .. }) = first else {
        return Err(AppError::Refused(language.pick(
            "At what time shall it ring? Say for example “7 am tomorrow”.".to_owned(),
            "À quelle heure doit-elle sonner ? Dites par exemple « demain à 7 h ».".to_owned(),
        )));
    };
    let told = if rule.is_some() { described } else { language.instant(&rings_at, &world.clock) };
    let rule = rule.map(|rule| rule.to_string());
    let timer = Timer { kind: TimerKind::Alarm, rings_at, duration: None, rule, label: None };
    let file = file(&timer, world);
    Ok(Change {
        effect: language.pick(format!("Sets an alarm: {told}."), format!("Règle une alarme : {told}.")),
        done: language.pick(format!("Alarm set: {told}."), format!("Alarme réglée : {told}.")),
        data: items("created", &[timer.item(&file.path)]),
        files: vec![file],
    })
}

fn file(timer: &Timer, world: &World) -> FileChange {
    let path = world.folders.timers.join(format!("{}.json", uuid::Uuid::new_v4()));
    FileChange::create(path, timer.to_json())
}
