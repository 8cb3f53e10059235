//! Bounds of numbers.

use super::Preparation;
use crate::{SchemaError, limits};
use serde_json::{Map, Value, json};

/// Checks the bounds of a number and sets those that are left open.
pub(super) fn bound(
    preparation: &Preparation<'_>,
    keywords: &mut Map<String, Value>,
    type_name: &str,
) -> Result<(), SchemaError> {
    for keyword in ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"] {
        if keywords.get(keyword).is_some_and(|value| value.as_f64().is_none()) {
            return Err(preparation.malformed(format!("`{keyword}` is to be a number")));
        }
    }
    if keywords.shift_remove("format").is_some_and(|format| format == "int32") {
        let bound = |name: &str| keywords.get(name).and_then(Value::as_f64);
        let is_wider = [
            bound("minimum").is_none_or(|least| least < f64::from(i32::MIN)),
            bound("maximum").is_none_or(|most| most > f64::from(i32::MAX)),
        ];
        for ((name, limit), is_wider) in [("minimum", i32::MIN), ("maximum", i32::MAX)].into_iter().zip(is_wider) {
            if is_wider {
                keywords.insert(name.to_owned(), json!(limit));
            }
        }
    }
    check_order(preparation, keywords)?;
    if keywords.get("multipleOf").is_some_and(|step| step.as_u64().is_none_or(|step| step == 0)) {
        return Err(preparation.unsupported("multipleOf", "only whole numbers above 0 are held to exactly"));
    }
    let (lowest, highest, step) = if type_name == "integer" {
        (json!(-limits::INTEGER), json!(limits::INTEGER), None)
    } else {
        (json!(-limits::NUMBER), json!(limits::NUMBER), Some(json!(limits::NUMBER_STEP)))
    };
    for (keyword, exclusive, limit, is_lower) in
        [("minimum", "exclusiveMinimum", lowest, true), ("maximum", "exclusiveMaximum", highest, false)]
    {
        let stated = [keyword, exclusive].into_iter().filter_map(|name| keywords.get(name)?.as_f64());
        let is_within =
            |bound: f64| limit.as_f64().is_some_and(|limit| if is_lower { bound >= limit } else { bound <= limit });
        if !stated.into_iter().any(is_within) {
            keywords.insert(keyword.to_owned(), limit);
        }
    }
    if let Some(step) = step {
        keywords.entry("multipleOf").or_insert(step);
    }
    Ok(())
}

/// Whether a format is one of numbers: of `OpenAPI`'s, `int32` says which there are.
pub(super) fn is_format(name: &str) -> bool {
    name == "int32"
}

fn check_order(preparation: &Preparation<'_>, keywords: &Map<String, Value>) -> Result<(), SchemaError> {
    let bound = |name: &str| keywords.get(name).and_then(Value::as_f64);
    for (lower, upper, may_be_equal) in [
        ("minimum", "maximum", true),
        ("exclusiveMinimum", "maximum", false),
        ("minimum", "exclusiveMaximum", false),
        ("exclusiveMinimum", "exclusiveMaximum", false),
    ] {
        if let (Some(low), Some(high)) = (bound(lower), bound(upper))
            && (low > high || (low >= high && !may_be_equal))
        {
            return Err(preparation.unsatisfiable(format!("`{lower}` is {low} and `{upper}` is {high}")));
        }
    }
    Ok(())
}
