//! Gives running timers more time.

use super::cancel::meant;
use super::store::{Stored, Timer, TimerKind, Timers};
use crate::data::items;
use crate::sentences::{Wording, clock_time};
use crate::shift::Shift;
use crate::{AppError, Change, FileChange, Plan, World};
use jiff::Span;
use reinette_time::TimeError;
use serde::{Deserialize, Serialize};

/// The arguments of `extend_timer`.
#[derive(Debug, Serialize, Deserialize, reinette::Generable)]
pub(crate) struct ExtendTimer {
    /// How much time it gets.
    #[guide(span)]
    duration: String,
    /// Which one, when there are several.
    #[guide(span)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    which: Option<String>,
}

pub(crate) fn extend_timer(arguments: &ExtendTimer, world: &World) -> Result<Plan, AppError> {
    let which = arguments.which.as_deref().unwrap_or_default();
    let shift = Shift::read_minutes(&arguments.duration)?.or_up();
    let mut all = Timers::read(&world.folders)?.all;
    all.retain(|stored| stored.timer.kind == TimerKind::Timer);
    let named = if which.trim().is_empty() { world.language.pick("timer", "minuteur") } else { which };
    world.language.plan_for(
        named,
        meant(which, all, world),
        |stored| stored.timer.label(world),
        |stored| shift.plan(world, |span| extend(&stored, span, world).map(Plan::Change)),
    )
}

fn extend(stored: &Stored, span: Span, world: &World) -> Result<Change, AppError> {
    let (language, now) = (world.language, &world.clock.now);
    let old = &stored.timer;
    // One that rings already rings again after the time that it gets.
    let from = old.rings_at.with_time_zone(now.time_zone().clone()).max(now.clone());
    let rings_at = from.checked_add(span).map_err(|_| TimeError::OutOfRange)?;
    if rings_at <= *now {
        return Err(AppError::Refused(language.pick(
            "Less time is left than that; to stop the timer, cancel it.".to_owned(),
            "Il reste moins de temps que cela ; pour arrêter le minuteur, annulez-le.".to_owned(),
        )));
    }
    let added = from.duration_until(&rings_at);
    let timer = Timer {
        duration: old.duration.and_then(|duration| duration.checked_add(added)),
        rings_at: rings_at.clone(),
        ..old.clone()
    };
    let at =
        if rings_at.date() == now.date() { clock_time(&rings_at) } else { language.instant(&rings_at, &world.clock) };
    let (name, length) = (old.name(language), language.duration(added.abs()));
    let (more, plus) = if added.is_negative() { ("less", "de moins") } else { ("more", "de plus") };
    Ok(Change {
        effect: language.pick(
            format!("Gives the {name} {length} {more}: it rings at {at}."),
            format!("Donne {length} {plus} au {name} : il sonne à {at}."),
        ),
        done: language.pick(
            format!("The {name} has {length} {more}; it rings at {at}."),
            format!("Le {name} a {length} {plus} ; il sonne à {at}."),
        ),
        data: items("changed", &[timer.item(&stored.path)]),
        files: vec![FileChange::edit(stored.path.clone(), stored.content.clone(), timer.to_json())],
    })
}
