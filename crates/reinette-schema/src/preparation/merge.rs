//! Schemas of which a value has to satisfy several at once, written together as one.

use super::Preparation;
use crate::SchemaError;
use serde_json::{Map, Value, json};
use std::collections::HashSet;

/// The schema that holds whatever satisfies both `one` and `other`, keywords that hold schemas left as `allOf`.
pub(super) fn both(
    preparation: &Preparation<'_>,
    mut one: Map<String, Value>,
    mut other: Map<String, Value>,
) -> Result<Value, SchemaError> {
    properties_of_both(&mut one, &mut other);
    elements_of_both(&mut one, &mut other);
    for (keyword, theirs) in other {
        let Some(ours) = one.get(&keyword) else {
            one.insert(keyword, theirs);
            continue;
        };
        if *ours == theirs {
            continue;
        }
        match keyword_of_both(preparation, &keyword, ours, &theirs)? {
            Some(value) => one.insert(keyword, value),
            None => return Ok(Value::Bool(false)),
        };
    }
    Ok(literals(one))
}

/// The value of a keyword that says something else in either schema; `None` if nothing satisfies both.
fn keyword_of_both(
    preparation: &Preparation<'_>,
    keyword: &str,
    ours: &Value,
    theirs: &Value,
) -> Result<Option<Value>, SchemaError> {
    let numbers = || ours.as_f64().zip(theirs.as_f64());
    let refused = || Err(preparation.unsupported("allOf", "write its schemas together as one"));
    Ok(match keyword {
        "type" => types(ours, theirs),
        "enum" => {
            let (Some(ours), Some(theirs)) = (ours.as_array(), theirs.as_array()) else { return refused() };
            let theirs: HashSet<&Value> = theirs.iter().collect();
            Some(ours.iter().filter(|value| theirs.contains(value)).cloned().collect())
        }
        "const" => None,
        "required" => {
            let (Some(ours), Some(theirs)) = (ours.as_array(), theirs.as_array()) else { return refused() };
            Some(ours.iter().chain(theirs.iter().filter(|name| !ours.contains(name))).cloned().collect())
        }
        "minimum" | "exclusiveMinimum" | "minLength" | "minItems" | "minProperties" => match numbers() {
            Some((our_bound, their_bound)) => Some(if our_bound < their_bound { theirs } else { ours }.clone()),
            None => return refused(),
        },
        "maximum" | "exclusiveMaximum" | "maxLength" | "maxItems" | "maxProperties" => match numbers() {
            Some((our_bound, their_bound)) => Some(if our_bound > their_bound { theirs } else { ours }.clone()),
            None => return refused(),
        },
        "multipleOf" => match ours.as_u64().zip(theirs.as_u64()) {
            Some((our_step, their_step)) if our_step > 0 && their_step > 0 => {
                let Some(step) = (our_step / greatest_divisor(our_step, their_step)).checked_mul(their_step) else {
                    return refused();
                };
                Some(json!(step))
            }
            _ => return refused(),
        },
        "anyOf" | "oneOf" => {
            let Some(ours) = ours.as_array() else { return refused() };
            preparation.pay_for_copies(ours.len(), theirs)?;
            Some(ours.iter().map(|choice| json!({ "allOf": [choice, { keyword: theirs }] })).collect())
        }
        "uniqueItems" => Some(Value::Bool(true)),
        "items" | "additionalProperties" => Some(json!({ "allOf": [ours, theirs] })),
        _ => return refused(),
    })
}

/// Brings the keywords on properties together: in either schema `additionalProperties` speaks of those that it does not
/// name itself.
fn properties_of_both(one: &mut Map<String, Value>, other: &mut Map<String, Value>) {
    let (ours, theirs) = (properties(one), properties(other));
    if ours.is_none() && theirs.is_none() {
        return;
    }
    let (ours, theirs) = (ours.unwrap_or_default(), theirs.unwrap_or_default());
    let of_others = |schema: &Map<String, Value>| schema.get("additionalProperties").cloned();
    let mut together = Map::new();
    for (name, schema) in &ours {
        let theirs = theirs.get(name).cloned().or_else(|| of_others(other));
        together.insert(name.clone(), schema_of_both(schema, theirs));
    }
    for (name, schema) in &theirs {
        if !ours.contains_key(name) {
            together.insert(name.clone(), schema_of_both(schema, of_others(one)));
        }
    }
    one.insert("properties".to_owned(), Value::Object(together));
}

/// Takes the named properties out of a schema, if it has any.
fn properties(schema: &mut Map<String, Value>) -> Option<Map<String, Value>> {
    match schema.get("properties") {
        Some(Value::Object(_)) => match schema.shift_remove("properties") {
            Some(Value::Object(properties)) => Some(properties),
            _ => None,
        },
        _ => None,
    }
}

/// Brings the keywords on elements together: in either schema `items` speaks of those that it gives no place.
fn elements_of_both(one: &mut Map<String, Value>, other: &mut Map<String, Value>) {
    let (ours, theirs) = (places(one), places(other));
    let of_others = |schema: &Map<String, Value>| schema.get("items").cloned();
    if ours.is_empty() && theirs.is_empty() {
        return;
    }
    let schema_at = |index: usize| {
        let (ours, theirs) = (ours.get(index).cloned(), theirs.get(index).cloned());
        let ours = ours.or_else(|| of_others(one)).unwrap_or(Value::Bool(true));
        schema_of_both(&ours, theirs.or_else(|| of_others(other)))
    };
    let together = (0..ours.len().max(theirs.len())).map(schema_at).collect();
    one.insert("prefixItems".to_owned(), together);
}

/// Takes the schemas of elements at given places out of a schema.
fn places(schema: &mut Map<String, Value>) -> Vec<Value> {
    match schema.get("prefixItems") {
        Some(Value::Array(_)) => match schema.shift_remove("prefixItems") {
            Some(Value::Array(places)) => places,
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

/// Keywords on what no other keyword speaks of, not even of schemas that the same value has to satisfy, each with the one
/// that speaks of what its neighbours do not.
const UNEVALUATED: [(&str, &str); 2] =
    [("unevaluatedProperties", "additionalProperties"), ("unevaluatedItems", "items")];

/// Takes the keywords of [`UNEVALUATED`] out of a schema.
pub(super) fn take_unevaluated(schema: &mut Map<String, Value>) -> Map<String, Value> {
    let taken = UNEVALUATED.map(|(keyword, _)| Some((keyword.to_owned(), schema.shift_remove(keyword)?)));
    taken.into_iter().flatten().collect()
}

/// Writes the keywords of [`UNEVALUATED`] into a schema that is written together: there the keyword on what its neighbours
/// do not speak of means the same.
pub(super) fn evaluate(schema: &mut Map<String, Value>, mut unevaluated: Map<String, Value>) {
    for (keyword, same) in UNEVALUATED {
        if let Some(others) = unevaluated.shift_remove(keyword) {
            schema.entry(same).or_insert(others);
        }
    }
}

fn schema_of_both(ours: &Value, theirs: Option<Value>) -> Value {
    match theirs {
        None | Some(Value::Bool(true)) => ours.clone(),
        Some(Value::Bool(false)) => Value::Bool(false),
        Some(theirs) if theirs == *ours || *ours == Value::Bool(true) => theirs,
        Some(theirs) => json!({ "allOf": [ours, theirs] }),
    }
}

/// The types that both allow: an integer is a number.
fn types(ours: &Value, theirs: &Value) -> Option<Value> {
    fn names(types: &Value) -> Vec<&str> {
        match types {
            Value::String(name) => vec![name],
            Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }
    let (ours, theirs) = (names(ours), names(theirs));
    let is_among =
        |name: &str, names: &[&str]| names.contains(&name) || (name == "integer" && names.contains(&"number"));
    let mut common: Vec<&str> = ours.iter().filter(|name| is_among(name, &theirs)).copied().collect();
    common.extend(theirs.iter().filter(|name| !ours.contains(name) && is_among(name, &ours)));
    match common.as_slice() {
        [] => None,
        [name] => Some(json!(name)),
        _ => Some(json!(common)),
    }
}

/// A schema with both `const` and `enum` is one with `const`, or holds nothing; an empty `enum` holds nothing.
fn literals(mut schema: Map<String, Value>) -> Value {
    if let (Some(value), Some(Value::Array(values))) = (schema.get("const"), schema.get("enum")) {
        if !values.contains(value) {
            return Value::Bool(false);
        }
        schema.shift_remove("enum");
    }
    if schema.get("enum").and_then(Value::as_array).is_some_and(Vec::is_empty) {
        return Value::Bool(false);
    }
    Value::Object(schema)
}

fn greatest_divisor(one: u64, other: u64) -> u64 {
    if other == 0 { one } else { greatest_divisor(other, one % other) }
}
