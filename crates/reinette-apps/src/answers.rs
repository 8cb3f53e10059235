//! The tools that only answer: the calculator and the clock.

use crate::{AppError, Plan, World, calculator, clock};
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
    Ok(Plan::Answer(calculator::evaluate(&arguments.expression, &world.clock)?.text))
}

pub(crate) fn tell_time(arguments: &TellTime, world: &World) -> Result<Plan, AppError> {
    let place = arguments.place.as_deref().filter(|place| !place.trim().is_empty());
    Ok(Plan::Answer(clock::tell_time_in(place, &world.clock, world.language)?))
}
