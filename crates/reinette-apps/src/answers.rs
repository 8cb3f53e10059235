//! The tools that only answer: the calculator and the clock.

use crate::data::{fields, iso_instant};
use crate::visible::one_line;
use crate::{Answer, AppError, Plan, World, clock};
use reinette_time::calculator;
use serde::{Deserialize, Serialize};

/// The arguments of `calculate`.
#[derive(Debug, Serialize, Deserialize, reinette::Generable)]
pub(crate) struct Calculate {
    /// The sum, the conversion or the question about dates, in a short normal form.
    expression: String,
}

/// The arguments of `tell_time`.
#[derive(Debug, Serialize, Deserialize, reinette::Generable)]
pub(crate) struct TellTime {
    /// A city, a country or a time zone; without it, where the user is.
    #[guide(span)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    place: Option<String>,
}

pub(crate) fn calculate(arguments: &Calculate, world: &World) -> Result<Plan, AppError> {
    let calculator::Answer { text, number, unit } = calculator::evaluate(&arguments.expression, &world.clock)?;
    let data = fields([("value", number.into()), ("unit", unit.into())]);
    // The result of an expression with a text in it is that text.
    Ok(Plan::Answer(Answer { text: one_line(&text).into_owned(), data }))
}

pub(crate) fn tell_time(arguments: &TellTime, world: &World) -> Result<Plan, AppError> {
    let place = arguments.place.as_deref().filter(|place| !place.trim().is_empty());
    let text = clock::tell_time_in(place, &world.clock, world.language)?;
    let there = clock::time_in(place, &world.clock)?;
    let data = fields([("time", iso_instant(&there).into()), ("time_zone", there.time_zone().iana_name().into())]);
    Ok(Plan::Answer(Answer { text, data }))
}
