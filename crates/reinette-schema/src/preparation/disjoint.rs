//! Whether no value satisfies two schemas at once, which makes `oneOf` the same as `anyOf`.
//!
//! Every keyword of a schema is a condition that its values meet, so a proof may use any of them and leave out the rest.

use serde_json::{Map, Value};

/// How far references and `allOf` are followed.
const DEPTH: usize = 6;

type Keywords = Map<String, Value>;

/// Whether it can be told that no value satisfies both schemas of `document`.
pub(super) fn are_disjoint(document: &Value, one: &Value, other: &Value) -> bool {
    are_apart(document, one, other, DEPTH)
}

fn are_apart(document: &Value, one: &Value, other: &Value, depth: usize) -> bool {
    if depth == 0 {
        return false;
    }
    if one == &Value::Bool(false) || other == &Value::Bool(false) {
        return true;
    }
    let (ours, theirs) = (conditions(document, one), conditions(document, other));
    let have_objects = are_objects(&ours) && are_objects(&theirs);
    ours.iter().any(|a| {
        theirs.iter().any(|b| {
            types_apart(a, b)
                || (have_objects && (needs_what_is_closed(a, b) || needs_what_is_closed(b, a)))
                || (have_objects && a_property_is_apart(document, [a, b], &[&ours, &theirs], depth))
        })
    })
}

/// All objects of keywords whose conditions the values of a schema meet: its own, and those of what it refers to.
fn conditions<'a>(document: &'a Value, schema: &'a Value) -> Vec<&'a Keywords> {
    let mut found: Vec<&Keywords> = Vec::new();
    let mut open = vec![(schema, DEPTH)];
    while let Some((schema, depth)) = open.pop() {
        let Some(keywords) = schema.as_object() else { continue };
        found.push(keywords);
        if depth == 0 {
            continue;
        }
        let reference = keywords.get("$ref").and_then(Value::as_str).and_then(|path| path.strip_prefix('#'));
        let target = reference.and_then(|path| document.pointer(path));
        let all = keywords.get("allOf").and_then(Value::as_array).into_iter().flatten();
        open.extend(target.into_iter().chain(all).map(|schema| (schema, depth - 1)));
    }
    found
}

fn are_objects(conditions: &[&Keywords]) -> bool {
    conditions.iter().any(|keywords| keywords.get("type").is_some_and(|types| types == "object"))
}

fn types_apart(one: &Keywords, other: &Keywords) -> bool {
    if let (Some(ours), Some(theirs)) = (values(one), values(other)) {
        return !ours.iter().any(|value| theirs.iter().any(|other| are_equal(value, other)));
    }
    match (types(one), types(other)) {
        (Some(ours), Some(theirs)) => !ours.iter().any(|name| theirs.contains(name)),
        _ => false,
    }
}

/// The values that a schema lists.
fn values(keywords: &Keywords) -> Option<Vec<&Value>> {
    match (keywords.get("const"), keywords.get("enum")) {
        (Some(value), _) => Some(vec![value]),
        (None, Some(Value::Array(values))) => Some(values.iter().collect()),
        _ => None,
    }
}

/// The types of values that a schema has, integers among the numbers.
fn types(keywords: &Keywords) -> Option<Vec<&str>> {
    if let Some(values) = values(keywords) {
        return Some(values.into_iter().map(type_of).collect());
    }
    let names = match keywords.get("type")? {
        Value::String(name) => vec![name.as_str()],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        _ => return None,
    };
    Some(names.into_iter().map(|name| if name == "integer" { "number" } else { name }).collect())
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Equal as JSON Schema has it: 1 is 1.0. What holds numbers deeper down counts as equal to its like, to be on the safe side.
fn are_equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        (Value::Array(_), Value::Array(_)) | (Value::Object(_), Value::Object(_)) => true,
        _ => one == other,
    }
}

fn properties(keywords: &Keywords) -> Option<&Keywords> {
    keywords.get("properties").and_then(Value::as_object)
}

fn requires(keywords: &Keywords, name: &str) -> bool {
    keywords.get("required").and_then(Value::as_array).is_some_and(|names| names.iter().any(|other| other == name))
}

/// Whether `one` requires a property that `other` does not let through.
fn needs_what_is_closed(one: &Keywords, other: &Keywords) -> bool {
    let is_closed =
        other.get("additionalProperties") == Some(&Value::Bool(false)) && !other.contains_key("patternProperties");
    let is_named = |name: &str| properties(other).is_some_and(|properties| properties.contains_key(name));
    let required = one.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    is_closed && required.into_iter().any(|name| !is_named(name))
}

/// Whether a property that one of the two requires has schemas in both that are disjoint.
fn a_property_is_apart(
    document: &Value,
    [one, other]: [&Keywords; 2],
    conditions: &[&[&Keywords]; 2],
    depth: usize,
) -> bool {
    let (Some(ours), Some(theirs)) = (properties(one), properties(other)) else { return false };
    let is_required = |name: &str| conditions.iter().any(|all| all.iter().any(|keywords| requires(keywords, name)));
    ours.iter().any(|(name, schema)| {
        theirs.get(name).is_some_and(|other| is_required(name) && are_apart(document, schema, other, depth - 1))
    })
}
