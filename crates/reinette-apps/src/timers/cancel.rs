//! Cancels timers and alarms.

use super::store::{Stored, Timer, TimerKind, Timers};
use crate::data::{self, Item};
use crate::focus::{self, Closeness};
use crate::matching::{ALL, Match, Rank, points, words};
use crate::sentences::Wording;
use crate::{AppError, Change, FileChange, Plan, World};
use jiff::civil::Time;
use jiff::{SignedDuration, ToSpan};
use reinette_time::{Moment, Purpose, lengths_in, resolve, resolve_duration};
use serde::{Deserialize, Serialize};

pub(super) const TIMER: &[&str] = &["timer", "timers", "countdown", "minuteur", "minuteurs", "chrono", "minuterie"];
const ALARM: &[&str] = &["alarm", "alarms", "wake", "alarme", "alarmes", "reveil", "reveils"];

/// Words that stand for the timer behind what tells it from the others.
const ONE: &[&str] = &["one", "ones"];

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

/// Which answer is the newest that tells of a timer or an alarm.
pub(crate) fn recency(world: &World) -> Result<Option<usize>, AppError> {
    Ok(world.focus.recency(&Timers::read(&world.folders)?.all))
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

/// Those of some timers that words mean: by their duration, by when they ring, or by what they are for; all of them, if the
/// words say none of it. The only one is meant by whatever words say no number.
pub(super) fn meant(which: &str, all: Vec<Stored>, world: &World) -> Match<Stored> {
    let said = words(which);
    let mut telling: Vec<&str> =
        said.iter().map(String::as_str).filter(|word| !TIMER.contains(word) && !ALARM.contains(word)).collect();
    // "the 12 minute one", not "one minute".
    if telling.last().is_some_and(|last| ONE.contains(last)) {
        telling.pop();
    }
    let texts = [which.to_owned(), telling.join(" ")];
    let time = TimeSaid::read(&texts, world);
    let matching: Vec<Stored> = if telling.is_empty() || points(which) {
        all.clone()
    } else {
        all.iter().filter(|stored| time.fits(&stored.timer, world)).cloned().collect()
    };
    let [_, telling] = &texts;
    let found = match matching.len() {
        0 => focus::find(telling, all.clone(), Closeness::Near, world),
        1 => matching.into_iter().next().map_or(Match::None { nearest: Vec::new() }, Match::One),
        // Two of as long are told apart by what they are for.
        _ if time.length.is_some() => match focus::find(telling, matching.clone(), Closeness::Near, world) {
            Match::None { .. } => focus::decide(matching, world),
            found => found,
        },
        _ => focus::decide(matching, world),
    };
    match (found, all.as_slice()) {
        (Match::None { .. }, [only]) if !time.says_a_number(which) => Match::One(only.clone()),
        (Match::None { .. }, _) => Match::None { nearest: all },
        (found, _) => found,
    }
}

/// What words say of how long a timer runs, or when an alarm rings.
struct TimeSaid {
    length: Option<SignedDuration>,
    moment: Option<Moment>,
}

impl TimeSaid {
    fn read(texts: &[String], world: &World) -> Self {
        let now = &world.clock.now;
        let whole = texts.iter().find_map(|text| resolve_duration(text).ok());
        let inside = || match lengths_in(&texts[0]).as_slice() {
            [only] => resolve_duration(&texts[0][only.range.clone()]).ok(),
            _ => None,
        };
        let length = whole.or_else(inside);
        Self {
            length: length.and_then(|span| Some(now.duration_until(&now.checked_add(span).ok()?))),
            moment: texts.iter().find_map(|text| resolve(text, &world.clock, Purpose::Alarm).ok()),
        }
    }

    fn says_a_number(&self, which: &str) -> bool {
        self.length.is_some() || self.moment.is_some() || which.chars().any(char::is_numeric)
    }

    /// Whether it is the duration of a timer or the time of an alarm.
    fn fits(&self, timer: &Timer, world: &World) -> bool {
        // Of an alarm "9h" is the hour at which it rings.
        if self.length.is_some() && timer.kind == TimerKind::Timer {
            return timer.duration == self.length;
        }
        let rings_at = timer.rings_at.with_time_zone(world.clock.now.time_zone().clone());
        match &self.moment {
            Some(Moment::Instant(instant)) => same_reading(rings_at.time(), instant.time()),
            Some(Moment::Date(date)) => rings_at.date() == *date,
            _ => false,
        }
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
