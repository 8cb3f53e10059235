//! `nullable: true` of `OpenAPI` 3.0, written as JSON Schema.

use serde_json::{Map, Value, json};
use std::borrow::Cow;

/// A schema in which `null` stands among the types wherever `nullable` let it.
///
/// With a `type`, `nullable` adds one. Without it the standard gives it no meaning; those who write it next to a `$ref` or
/// `allOf` mean that the value may be null, and so it is taken.
pub fn written_out(schema: &Value) -> Cow<'_, Value> {
    if !mentions(schema) {
        return Cow::Borrowed(schema);
    }
    let mut written = schema.clone();
    write_out(&mut written);
    Cow::Owned(written)
}

fn mentions(value: &Value) -> bool {
    match value {
        Value::Object(fields) => fields.contains_key("nullable") || fields.values().any(mentions),
        Value::Array(items) => items.iter().any(mentions),
        _ => false,
    }
}

fn write_out(schema: &mut Value) {
    let Value::Object(keywords) = schema else { return };
    for (name, value) in keywords.iter_mut() {
        match (name.as_str(), value) {
            (
                "items"
                | "additionalProperties"
                | "unevaluatedItems"
                | "unevaluatedProperties"
                | "contains"
                | "propertyNames"
                | "not"
                | "if"
                | "then"
                | "else",
                schema @ Value::Object(_),
            ) => write_out(schema),
            ("allOf" | "anyOf" | "oneOf" | "prefixItems" | "items", Value::Array(schemas)) => {
                schemas.iter_mut().for_each(write_out);
            }
            (
                "properties" | "patternProperties" | "dependentSchemas" | "$defs" | "definitions",
                Value::Object(schemas),
            ) => schemas.values_mut().for_each(write_out),
            _ => {}
        }
    }
    if keywords.get("nullable").is_some_and(Value::is_boolean)
        && let Some(Value::Bool(true)) = keywords.shift_remove("nullable")
    {
        match keywords.get_mut("type") {
            Some(Value::String(name)) if name != "null" => {
                let types = json!([name, "null"]);
                keywords.insert("type".to_owned(), types);
            }
            Some(Value::Array(names)) if !names.contains(&json!("null")) => names.push(json!("null")),
            Some(_) => {}
            None => *schema = or_null(std::mem::take(keywords)),
        }
    }
}

/// The annotations and definitions stay where they are.
fn or_null(keywords: Map<String, Value>) -> Value {
    let (mut outside, mut inside) = (Map::new(), Map::new());
    for (name, value) in keywords {
        let stays =
            matches!(name.as_str(), "$schema" | "$id" | "$defs" | "definitions" | "title" | "description" | "default");
        if stays { &mut outside } else { &mut inside }.insert(name, value);
    }
    outside.insert("anyOf".to_owned(), json!([inside, { "type": "null" }]));
    Value::Object(outside)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_stands_among_the_types() {
        for (schema, written) in [
            (json!({"type": "string", "nullable": true}), json!({"type": ["string", "null"]})),
            (json!({"type": ["string"], "nullable": true}), json!({"type": ["string", "null"]})),
            (json!({"type": "string", "nullable": false}), json!({"type": "string"})),
            (
                json!({"$ref": "#/$defs/a", "nullable": true, "description": "d"}),
                json!({"description": "d", "anyOf": [{"$ref": "#/$defs/a"}, {"type": "null"}]}),
            ),
            (
                json!({"properties": {"nullable": {"items": {"type": "integer", "nullable": true}}}}),
                json!({"properties": {"nullable": {"items": {"type": ["integer", "null"]}}}}),
            ),
            (json!({"enum": [{"nullable": true}]}), json!({"enum": [{"nullable": true}]})),
            (json!({"properties": {"nullable": true}}), json!({"properties": {"nullable": true}})),
        ] {
            assert_eq!(*written_out(&schema), written, "{schema}");
        }
    }
}
