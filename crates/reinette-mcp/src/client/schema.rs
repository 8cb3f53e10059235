//! A tool's schema as our models can be held to it; what is cut off, the server checks itself.

use crate::text;
use reinette::Schema;
use serde_json::{Map, Value, json};

/// The most of one description that a model is shown.
const MAX_DESCRIPTION_BYTES: usize = 1 << 10;

/// How deep a schema may be nested before it counts as any JSON at all.
const MAX_DEPTH: usize = 24;

/// Keywords that are kept where a schema has to be cut down; the rest is for the server to check.
const KEPT: &[&str] = &[
    "type",
    "enum",
    "const",
    "anyOf",
    "oneOf",
    "allOf",
    "$ref",
    "$defs",
    "definitions",
    "properties",
    "required",
    "additionalProperties",
    "items",
    "prefixItems",
    "minItems",
    "maxItems",
    "minLength",
    "maxLength",
    "pattern",
    "format",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "title",
    "description",
    "default",
];

/// Keywords without which a schema allows more, in the order in which they are given up.
const GIVEN_UP: &[&[&str]] = &[
    &["format"],
    &["pattern"],
    &["multipleOf"],
    &["minLength", "maxLength", "minItems", "maxItems"],
    &["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"],
];

/// The schema of a tool's arguments, cut down where it cannot be enforced.
///
/// # Errors
/// If not even the names of its properties can be used.
pub(crate) fn arguments(schema: &Map<String, Value>) -> Result<Schema, String> {
    let schema = Value::Object(schema.clone());
    if schema.get("type").is_some_and(|kind| kind != "object") {
        return Err("its arguments are no object".to_owned());
    }
    let cleaned = cleaned(&schema, 0);
    let whole = object(cleaned.as_object().cloned().unwrap_or_default());
    if let Ok(schema) = Schema::from_json_schema(whole.clone()) {
        return Ok(schema);
    }
    let kept = object(trimmed(&whole).as_object().cloned().unwrap_or_default());
    if let Ok(schema) = Schema::from_json_schema(kept.clone()) {
        return Ok(schema);
    }
    // What is in the way is one property or another: each is cut down by itself.
    let definitions: Map<String, Value> = ["$defs", "definitions"]
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), kept.get(*name)?.clone())))
        .collect();
    let properties = kept["properties"].as_object().into_iter().flatten();
    let properties: Map<String, Value> =
        properties.map(|(name, property)| (name.clone(), enforceable(property, &definitions))).collect();
    let mut weaker = Map::from_iter([
        ("type".to_owned(), json!("object")),
        ("properties".to_owned(), Value::Object(properties)),
        ("required".to_owned(), kept["required"].clone()),
        ("additionalProperties".to_owned(), json!(false)),
    ]);
    weaker.extend(definitions);
    let attempts = [weaker.clone(), {
        weaker.retain(|name, _| !matches!(name.as_str(), "$defs" | "definitions"));
        weaker
    }];
    let mut reason = String::new();
    for attempt in attempts {
        match Schema::from_json_schema(Value::Object(attempt)) {
            Ok(schema) => return Ok(schema),
            Err(error) => reason = error.to_string(),
        }
    }
    Err(reason)
}

/// The keywords as those of an object with properties and no others, which is what arguments are.
fn object(mut keywords: Map<String, Value>) -> Value {
    keywords.retain(|name, _| !matches!(name.as_str(), "$schema" | "$id" | "id" | "title" | "description"));
    keywords.insert("type".to_owned(), json!("object"));
    if !keywords.get("properties").is_some_and(Value::is_object) {
        keywords.insert("properties".to_owned(), json!({}));
    }
    let names = keywords["properties"].as_object().cloned().unwrap_or_default();
    let required = keywords.get("required").and_then(Value::as_array).into_iter().flatten();
    let required: Vec<Value> =
        required.filter(|name| name.as_str().is_some_and(|name| names.contains_key(name))).cloned().collect();
    keywords.insert("required".to_owned(), Value::Array(required));
    // Arguments that have no name are asked of nobody.
    keywords.insert("additionalProperties".to_owned(), json!(false));
    Value::Object(keywords)
}

/// The schema with harmless descriptions.
fn cleaned(schema: &Value, depth: usize) -> Value {
    match schema {
        _ if depth > MAX_DEPTH => json!({}),
        Value::Object(keywords) => {
            let clean = |(name, value): (&String, &Value)| match (name.as_str(), value) {
                ("description" | "title", Value::String(words)) => {
                    (name.clone(), text::bounded(words, MAX_DESCRIPTION_BYTES).into())
                }
                _ => (name.clone(), cleaned(value, depth + 1)),
            };
            Value::Object(keywords.iter().map(clean).collect())
        }
        Value::Array(values) => Value::Array(values.iter().map(|value| cleaned(value, depth + 1)).collect()),
        other => other.clone(),
    }
}

/// The schema with the [kept](KEPT) keywords alone, all the way down.
fn trimmed(schema: &Value) -> Value {
    let Value::Object(keywords) = schema else { return schema.clone() };
    let each = |schemas: &Value| match schemas {
        Value::Object(schemas) => schemas.iter().map(|(name, schema)| (name.clone(), trimmed(schema))).collect(),
        Value::Array(schemas) => Value::Array(schemas.iter().map(trimmed).collect()),
        other => other.clone(),
    };
    let kept = keywords.iter().filter(|(name, _)| KEPT.contains(&name.as_str()));
    let trim = |(name, value): (&String, &Value)| {
        let value = match name.as_str() {
            "properties" | "$defs" | "definitions" | "anyOf" | "oneOf" | "allOf" | "prefixItems" => each(value),
            "items" | "additionalProperties" => trimmed(value),
            _ => value.clone(),
        };
        (name.clone(), value)
    };
    Value::Object(kept.map(trim).collect())
}

/// The strongest schema that can be enforced and allows all that `property` does.
fn enforceable(property: &Value, definitions: &Map<String, Value>) -> Value {
    let holds = |schema: &Value| {
        let mut whole = Map::from_iter([
            ("type".to_owned(), json!("object")),
            ("properties".to_owned(), json!({ "it": schema })),
            ("required".to_owned(), json!(["it"])),
            ("additionalProperties".to_owned(), json!(false)),
        ]);
        whole.extend(definitions.clone());
        Schema::from_json_schema(Value::Object(whole)).is_ok()
    };
    if holds(property) {
        return property.clone();
    }
    let mut weaker = property.clone();
    for keywords in GIVEN_UP {
        give_up(&mut weaker, keywords);
        if holds(&weaker) {
            return weaker;
        }
    }
    // The kind of value and its description are what a model needs most.
    let only = |names: &[&str]| {
        let keywords = property.as_object().into_iter().flatten();
        let kept = keywords.filter(|(name, _)| names.contains(&name.as_str()));
        Value::Object(kept.map(|(name, value)| (name.clone(), value.clone())).collect())
    };
    let simplest = [only(&["type", "enum", "description"]), only(&["type", "description"]), only(&["description"])];
    simplest.into_iter().find(|schema| holds(schema)).unwrap_or_else(|| json!({}))
}

fn give_up(schema: &mut Value, given_up: &[&str]) {
    match schema {
        Value::Object(keywords) => {
            keywords.retain(|name, _| !given_up.contains(&name.as_str()));
            keywords.values_mut().for_each(|value| give_up(value, given_up));
        }
        Value::Array(values) => values.iter_mut().for_each(|value| give_up(value, given_up)),
        _ => {}
    }
}

/// Why a value is not what a tool's own schema of its answers says, if that can be told.
pub(crate) fn mismatch(schema: &Value, value: &Value) -> Option<String> {
    Schema::from_json_schema(schema.clone()).ok()?.validate(value).err()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(schema: Value) -> Value {
        let Value::Object(schema) = schema else { panic!("{schema} is no object") };
        arguments(&schema).unwrap().as_json().clone()
    }

    #[test]
    fn what_can_be_enforced_stays_as_it_is() {
        let schema =
            json!({"type": "object", "properties": {"a": {"type": "integer", "minimum": 1}}, "required": ["a"]});
        assert_eq!(cut(schema)["properties"]["a"], json!({"type": "integer", "minimum": 1}));
    }

    #[test]
    fn what_cannot_be_enforced_is_left_to_the_server() {
        let schema = json!({"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "properties": {
            "path": {"type": "string", "not": {"const": ""}, "description": "where\u{1b}"},
            "when": {"type": "string", "pattern": "(?<=x)y\\1"},
            "filter": {"type": "object", "patternProperties": {"^x-": {"type": "string"}}},
            "count": {"type": "integer", "minimum": 1}
        }, "required": ["path", "nowhere"], "if": {"required": ["when"]}, "then": {"required": ["count"]}});
        let schema = cut(schema);
        assert_eq!(schema["properties"]["path"], json!({"type": "string", "description": "where"}));
        assert_eq!(schema["properties"]["when"], json!({"type": "string"}));
        assert_eq!(schema["properties"]["filter"]["type"], "object");
        assert_eq!(schema["properties"]["count"], json!({"type": "integer", "minimum": 1}));
        assert_eq!(schema["required"], json!(["path"]));
    }

    #[test]
    fn no_arguments_are_an_object_without_properties() {
        assert_eq!(cut(json!({"type": "object"}))["properties"], json!({}));
        assert_eq!(cut(json!({}))["properties"], json!({}));
        assert!(arguments(json!({"type": "string"}).as_object().unwrap()).is_err());
    }

    #[test]
    fn nonsense_is_an_error_or_any_value_and_never_a_panic() {
        let deep = (0..200).fold(json!({"type": "string"}), |inner, _| json!({"type": "array", "items": inner}));
        for property in [json!(3), json!({"type": 5}), json!({"$ref": "#/nowhere"}), json!({"enum": []}), deep] {
            let schema = cut(json!({"type": "object", "properties": {"a": property, "b": {"type": "string"}}}));
            assert_eq!(schema["properties"]["b"], json!({"type": "string"}));
        }
    }

    #[test]
    fn an_answer_is_held_against_the_schema_that_was_announced() {
        let schema = json!({"type": "object", "properties": {"day": {"type": "string"}}, "required": ["day"]});
        assert_eq!(mismatch(&schema, &json!({"day": "Monday"})), None);
        assert!(mismatch(&schema, &json!({"day": 3})).is_some());
    }
}
