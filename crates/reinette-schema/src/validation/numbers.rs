//! Numbers, compared as what they are and not as how they are written.

use super::{Place, ValidationError, broken, shown, violation};
use serde_json::{Map, Value};
use std::cmp::Ordering;

/// Bounds and steps.
pub(super) fn check(keywords: &Map<String, Value>, value: &Value, place: &Place<'_>) -> Result<(), ValidationError> {
    let bounds: [(&str, &[Ordering], &str); 4] = [
        ("minimum", &[Ordering::Greater, Ordering::Equal], "less than the minimum of"),
        ("maximum", &[Ordering::Less, Ordering::Equal], "greater than the maximum of"),
        ("exclusiveMinimum", &[Ordering::Greater], "less than or equal to the exclusive minimum of"),
        ("exclusiveMaximum", &[Ordering::Less], "greater than or equal to the exclusive maximum of"),
    ];
    for (name, allowed, otherwise) in bounds {
        if let Some(bound) = number_of(keywords, name)?
            && !allowed.contains(&compare(value, bound))
        {
            return Err(violation(place, format!("{value} is {otherwise} {bound}")));
        }
    }
    match number_of(keywords, "multipleOf")? {
        Some(step) if compare(step, &Value::from(0)) != Ordering::Greater => {
            Err(broken("`multipleOf` is to be a number above 0"))
        }
        Some(step) if !is_multiple(value, step) => {
            Err(violation(place, format!("{} is not a multiple of {step}", shown(value))))
        }
        _ => Ok(()),
    }
}

fn number_of<'s>(keywords: &'s Map<String, Value>, name: &str) -> Result<Option<&'s Value>, ValidationError> {
    match keywords.get(name) {
        Some(bound) if !bound.is_number() => Err(broken(format!("`{name}` is to be a number"))),
        bound => Ok(bound),
    }
}

fn as_integer(value: &Value) -> Option<i128> {
    value.as_i64().map(i128::from).or_else(|| value.as_u64().map(i128::from))
}

/// A number with a fraction, or one that no integer holds; 0 where there is none.
fn as_float(value: &Value) -> f64 {
    value.as_f64().unwrap_or_default()
}

pub(super) fn is_whole(value: &Value) -> bool {
    value.is_number() && (as_integer(value).is_some() || as_float(value).fract() == 0.0)
}

/// The shortest text of a number, the same for `1`, `1.0` and `1e0`.
pub(super) fn canonical(value: &Value) -> String {
    // Display of a float writes no exponent and no fraction of nothing; -0 is 0.
    as_integer(value).map_or_else(|| (as_float(value) + 0.0).to_string(), |integer| integer.to_string())
}

fn compare(left: &Value, right: &Value) -> Ordering {
    match (as_integer(left), as_integer(right)) {
        (Some(left), Some(right)) => left.cmp(&right),
        _ => as_float(left).partial_cmp(&as_float(right)).unwrap_or(Ordering::Equal),
    }
}

/// Whether `value` is a whole number of `step`s, by the decimal digits of both, which binary fractions only come close to.
fn is_multiple(value: &Value, step: &Value) -> bool {
    match (digits(value), digits(step)) {
        (Some((value, value_scale)), Some((step, step_scale))) => {
            let scale = value_scale.max(step_scale);
            let scaled = |digits: i128, of: u32| digits.checked_mul(10_i128.checked_pow(scale - of)?);
            match (scaled(value, value_scale), scaled(step, step_scale)) {
                (Some(value), Some(step)) if step != 0 => value % step == 0,
                _ => as_float_multiple(value as f64, step as f64),
            }
        }
        _ => as_float_multiple(as_float(value), as_float(step)),
    }
}

fn as_float_multiple(value: f64, step: f64) -> bool {
    (value / step).is_finite() && value % step == 0.0
}

/// A number as its digits and how many of them stand behind the point.
fn digits(value: &Value) -> Option<(i128, u32)> {
    let text = canonical(value);
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    Some((format!("{whole}{fraction}").parse().ok()?, u32::try_from(fraction.len()).ok()?))
}
