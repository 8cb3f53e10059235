//! Starts timers and sets alarms.

use super::store::{Timer, TimerKind};
use crate::calendar::{SaidTime, plan_at};
use crate::data::items;
use crate::sentences::{Wording, clock_time};
use crate::{AppError, Change, FileChange, Plan, World};
use reinette_time::{Moment, Purpose, TimeError, describe, resolve_duration};
use serde::{Deserialize, Serialize};

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
    let span = resolve_duration(&arguments.duration)?;
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
    let length = language.duration(duration);
    let timer = Timer { kind: TimerKind::Timer, rings_at, duration: Some(duration), rule: None };
    let file = file(&timer, world);
    Ok(Plan::Change(Change {
        effect: language.pick(
            format!("Starts a timer of {length}, until {at}."),
            format!("Lance un minuteur de {length}, jusqu’à {at}."),
        ),
        done: language.pick(
            format!("Timer of {length} started; it rings at {at}."),
            format!("Minuteur de {length} lancé ; il sonne à {at}."),
        ),
        data: items("created", &[timer.item(&file.path)]),
        files: vec![file],
    }))
}

pub(crate) fn set_alarm(arguments: &SetAlarm, world: &World) -> Result<Plan, AppError> {
    let said = SaidTime { title: "", when: &arguments.when, purpose: Purpose::Alarm, event: None };
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
    let timer = Timer { kind: TimerKind::Alarm, rings_at, duration: None, rule };
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
