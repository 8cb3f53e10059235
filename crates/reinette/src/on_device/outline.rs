//! What a schema says, in few words: for a model that is held to it anyway, and has to know what it means.

use serde_json::Value;

/// Types within types are told no deeper.
const MAX_DEPTH: usize = 4;
/// No more types are told altogether: a few that refer to each other stand for very many.
const MAX_TYPES: usize = 200;
/// Of so many choices no more are told: the grammar knows them all.
const MAX_CHOICES: usize = 24;

/// An outline of the values of `schema`, such as
/// `{"title": text (one line, no city name), "days": whole number, 1 to 5}`.
pub(super) fn outline(schema: &Value) -> String {
    Outline { root: schema, n_types: 0 }.value(schema, 0)
}

/// An outline while it is made.
struct Outline<'a> {
    root: &'a Value,
    n_types: usize,
}

impl<'a> Outline<'a> {
    /// The outline of a part of the document.
    fn value(&mut self, schema: &'a Value, depth: usize) -> String {
        self.n_types += 1;
        if depth > MAX_DEPTH || self.n_types > MAX_TYPES {
            return "…".to_owned();
        }
        let root = self.root;
        let target = schema["$ref"].as_str().and_then(|reference| root.pointer(reference.strip_prefix('#')?));
        let told = match target {
            Some(target) => self.value(target, depth + 1),
            None => self.shape(schema, depth),
        };
        match schema["description"].as_str() {
            Some(description) => format!("{told} ({description})"),
            None => told,
        }
    }

    fn shape(&mut self, schema: &'a Value, depth: usize) -> String {
        if let Some(constant) = schema.get("const") {
            return constant.to_string();
        }
        if let Some(choices) = schema["enum"].as_array() {
            let told: Vec<String> = choices.iter().take(MAX_CHOICES).map(Value::to_string).collect();
            return format!("{}{}", told.join(" or "), if choices.len() > MAX_CHOICES { " or others" } else { "" });
        }
        if let Some(alternatives) = schema["anyOf"].as_array().or(schema["oneOf"].as_array()) {
            return self.values(alternatives, depth).join(" or ");
        }
        if let Some(all) = schema["allOf"].as_array() {
            return self.values(all, depth).join(" and ");
        }
        match &schema["type"] {
            Value::String(name) => self.of_type(name, schema, depth),
            Value::Array(names) => {
                let names = names.iter().filter_map(Value::as_str);
                names.map(|name| self.of_type(name, schema, depth)).collect::<Vec<_>>().join(" or ")
            }
            _ if schema.get("properties").is_some() => self.object(schema, depth),
            _ => "any value".to_owned(),
        }
    }

    fn of_type(&mut self, name: &str, schema: &'a Value, depth: usize) -> String {
        match name {
            "string" => format!("text{}", bounds(schema, "minLength", "maxLength", " characters")),
            "integer" => format!("whole number{}", bounds(schema, "minimum", "maximum", "")),
            "number" => format!("number{}", bounds(schema, "minimum", "maximum", "")),
            "boolean" => "true or false".to_owned(),
            "array" => self.list(schema, depth),
            "object" => self.object(schema, depth),
            _ => name.to_owned(),
        }
    }

    fn values(&mut self, schemas: &'a [Value], depth: usize) -> Vec<String> {
        schemas.iter().map(|schema| self.value(schema, depth)).collect()
    }

    fn list(&mut self, schema: &'a Value, depth: usize) -> String {
        if let Some(elements) = schema["prefixItems"].as_array() {
            return format!("[{}]", self.values(elements, depth + 1).join(", "));
        }
        let count = bounds(schema, "minItems", "maxItems", " of them");
        format!("[{}, …]{count}", self.value(&schema["items"], depth + 1))
    }

    fn object(&mut self, schema: &'a Value, depth: usize) -> String {
        let Some(properties) = schema["properties"].as_object() else { return "object".to_owned() };
        let required = schema["required"].as_array();
        let told = properties.iter().map(|(name, property)| {
            let is_required = required.is_some_and(|required| required.iter().any(|required| required == name));
            let optional = if is_required { "" } else { ", or left out" };
            format!("{}: {}{optional}", Value::from(name.as_str()), self.value(property, depth + 1))
        });
        format!("{{{}}}", told.collect::<Vec<_>>().join(", "))
    }
}

fn bounds(schema: &Value, least: &str, most: &str, unit: &str) -> String {
    match (schema.get(least), schema.get(most)) {
        (Some(least), Some(most)) if least == most => format!(", {most}{unit}"),
        (Some(least), Some(most)) => format!(", {least} to {most}{unit}"),
        (Some(least), None) => format!(", {least}{unit} or more"),
        (None, Some(most)) => format!(", up to {most}{unit}"),
        (None, None) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::outline;
    use serde_json::{Value, json};

    #[test]
    fn what_fields_mean_is_told() {
        let schema = json!({
            "type": "object",
            "description": "a trip",
            "properties": {
                "title": {"type": "string", "maxLength": 60, "description": "one line"},
                "days": {"type": "integer", "minimum": 1, "maximum": 5},
                "stops": {"type": "array", "items": {"type": "string"}, "minItems": 2, "maxItems": 2},
                "kind": {"enum": ["city", "sea"]},
                "pair": {"type": "array", "prefixItems": [{"type": "number"}, {"type": "boolean"}]},
                "note": {"anyOf": [{"type": "null"}, {"const": 3}]},
                "word": {"type": ["string", "null"]},
                "other": {},
            },
            "required": ["title", "days", "stops", "kind", "pair"],
        });
        assert_eq!(
            outline(&schema),
            "{\"title\": text, up to 60 characters (one line), \"days\": whole number, 1 to 5, \
             \"stops\": [text, …], 2 of them, \"kind\": \"city\" or \"sea\", \"pair\": [number, true or false], \
             \"note\": null or 3, or left out, \"word\": text or null, or left out, \"other\": any value, or left out} \
             (a trip)"
        );
    }

    #[test]
    fn a_type_that_contains_itself_ends() {
        let schema = json!({
            "$ref": "#/$defs/Tree",
            "$defs": {"Tree": {
                "type": "object",
                "properties": {"children": {"type": "array", "items": {"$ref": "#/$defs/Tree"}}},
                "required": ["children"],
            }},
        });
        assert_eq!(outline(&schema), "{\"children\": [{\"children\": …}, …]}");
        assert_eq!(outline(&json!({"$ref": "#"})), "…");
        assert_eq!(outline(&json!(true)), "any value");
        // Types that refer to each other a hundred times over.
        let many: serde_json::Map<String, Value> =
            (0..100).map(|number| (number.to_string(), json!({"$ref": "#"}))).collect();
        assert!(outline(&json!({"type": "object", "properties": many})).len() < 20_000);
    }
}
