//! Cancels timers and alarms.

use super::store::{Stored, Timer, TimerKind, Timers};
use crate::data::{self, Item};
use crate::matching::{ALL, Match, Rank, words};
use crate::sentences::Wording;
use crate::{AppError, Change, FileChange, Plan, World};
use jiff::ToSpan;
use jiff::civil::Time;
use reinette_time::{Moment, Purpose, resolve, resolve_duration};
use serde::{Deserialize, Serialize};

const TIMER: &[&str] = &["timer", "timers", "countdown", "minuteur", "minuteurs", "chrono", "minuterie"];
const ALARM: &[&str] = &["alarm", "alarms", "wake", "alarme", "alarmes", "reveil", "reveils"];

/// The arguments of `cancel_timer`.
#[derive(Debug, Serialize, Deserialize, reinette::Generable)]
pub(crate) struct CancelTimer {
    /// Which one, when there are several.
    #[guide(span)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    which: Option<String>,
}

pub(crate) fn cancel_timer(arguments: &CancelTimer, world: &World) -> Result<Plan, AppError> {
    let language = world.language;
    let which = arguments.which.as_deref().unwrap_or_default();
    let all = of_kind(which, Timers::read(&world.folders)?.all);
    if says(which, ALL) && !all.is_empty() {
        return Ok(Plan::Change(cancel(&all, world)));
    }
    let named = if which.trim().is_empty() { language.pick("timer", "minuteur") } else { which };
    language.plan_for(
        named,
        meant(which, all, world),
        |stored| stored.timer.label(world),
        |stored| Ok(Plan::Change(cancel(&[stored], world))),
    )
}

pub(crate) fn cancel_named(name: &str, world: &World) -> Result<Plan, AppError> {
    cancel_timer(&CancelTimer { which: Some(name.to_owned()) }, world)
}

/// How well a timer or an alarm fits a name, which has to say that it is one.
pub(crate) fn rank(name: &str, world: &World) -> Result<Rank, AppError> {
    if !says(name, TIMER) && !says(name, ALARM) {
        return Ok(Rank::Nothing);
    }
    let all = of_kind(name, Timers::read(&world.folders)?.all);
    let fits = !all.is_empty() && (says(name, ALL) || !matches!(meant(name, all, world), Match::None { .. }));
    Ok(if fits { Rank::Partly } else { Rank::Nothing })
}

fn says(which: &str, known: &[&str]) -> bool {
    words(which).iter().any(|word| known.contains(&word.as_str()))
}

/// Those of the kind that words name; if they name both or neither, of either kind.
fn of_kind(which: &str, mut all: Vec<Stored>) -> Vec<Stored> {
    let (timers, alarms) = (says(which, TIMER), says(which, ALARM));
    all.retain(|stored| timers == alarms || timers == (stored.timer.kind == TimerKind::Timer));
    all
}

/// Those of some timers that words mean: by their duration, or by when they ring; all of them, if the words say neither.
pub(super) fn meant(which: &str, all: Vec<Stored>, world: &World) -> Match<Stored> {
    let said = words(which);
    let telling: Vec<&str> =
        said.iter().map(String::as_str).filter(|word| !TIMER.contains(word) && !ALARM.contains(word)).collect();
    let telling = telling.join(" ");
    let meant: Vec<Stored> = if telling.is_empty() {
        all.clone()
    } else {
        all.iter().filter(|stored| is_meant(&stored.timer, which, &telling, world)).cloned().collect()
    };
    match meant.len() {
        0 => Match::None { nearest: all },
        1 => meant.into_iter().next().map_or(Match::None { nearest: Vec::new() }, Match::One),
        _ => Match::Several(meant),
    }
}

/// Whether the words name the duration of a timer or the time of an alarm.
fn is_meant(timer: &Timer, which: &str, telling: &str, world: &World) -> bool {
    let now = &world.clock.now;
    let length = [which, telling].into_iter().find_map(|text| resolve_duration(text).ok());
    let length = length.and_then(|span| Some(now.duration_until(&now.checked_add(span).ok()?)));
    // Of an alarm "9h" is the hour at which it rings.
    if length.is_some() && timer.kind == TimerKind::Timer {
        return timer.duration == length;
    }
    let said = [which, telling].into_iter().find_map(|text| resolve(text, &world.clock, Purpose::Alarm).ok());
    let rings_at = timer.rings_at.with_time_zone(now.time_zone().clone());
    match said {
        Some(Moment::Instant(instant)) => same_reading(rings_at.time(), instant.time()),
        Some(Moment::Date(date)) => rings_at.date() == date,
        _ => false,
    }
}

/// Whether a dial shows both times alike: an hour said bare is either.
fn same_reading(a: Time, b: Time) -> bool {
    a == b || a == b.wrapping_add(12.hours())
}

fn cancel(stored: &[Stored], world: &World) -> Change {
    let language = world.language;
    let told = stored.iter().map(|stored| stored.timer.label(world)).collect::<Vec<_>>().join("; ");
    let cancelled = |stored: &Stored| Item { rings_at: None, ..stored.timer.item(&stored.path) };
    let items: Vec<Item> = stored.iter().map(cancelled).collect();
    Change {
        effect: language.pick(format!("Cancels {told}."), format!("Annule : {told}.")),
        done: language.pick(format!("Cancelled {told}."), format!("Annulé : {told}.")),
        data: data::items("deleted", &items),
        files: stored.iter().map(|stored| FileChange::remove(stored.path.clone(), stored.content.clone())).collect(),
    }
}
