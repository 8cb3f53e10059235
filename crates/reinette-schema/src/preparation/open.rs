//! What a schema leaves open, closed: the types that it does not name, and values of which it says nothing at all.

use serde_json::{Map, Value, json};

/// How deep a value of which nothing is said may lie in itself.
const DEPTH: usize = 2;

/// A schema of any JSON value: strings, numbers, and lists and maps of them, [`DEPTH`] levels deep.
pub(super) fn anything() -> Map<String, Value> {
    let of_depth = |inner: Option<Value>| {
        let mut schema = Map::new();
        schema.insert("type".to_owned(), json!(["string", "number", "boolean", "null"]));
        if let Some(inner) = inner {
            schema.insert("type".to_owned(), json!(["string", "number", "boolean", "null", "array", "object"]));
            schema.insert("items".to_owned(), inner.clone());
            schema.insert("additionalProperties".to_owned(), inner);
        }
        schema
    };
    (0..DEPTH).fold(of_depth(None), |inner, _| of_depth(Some(Value::Object(inner))))
}

/// Names the types that the keywords speak of where a schema names none: who says `minLength` means a string.
pub(super) fn name_types(keywords: &mut Map<String, Value>) {
    if ["type", "enum", "const"].iter().any(|keyword| keywords.contains_key(*keyword)) {
        return;
    }
    let families: [(&str, &[&str]); 4] = [
        ("string", &["minLength", "maxLength", "pattern", "format"]),
        ("number", &["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"]),
        ("array", &["items", "prefixItems", "minItems", "maxItems", "uniqueItems"]),
        ("object", &["properties", "required", "additionalProperties", "minProperties", "maxProperties"]),
    ];
    let is_meant = |names: &[&str]| names.iter().any(|name| keywords.contains_key(*name));
    let types: Vec<&str> = families.into_iter().filter(|(_, names)| is_meant(names)).map(|(name, _)| name).collect();
    keywords.insert("type".to_owned(), json!(types));
}

/// The path of a reference without its percent signs (RFC 6901, section 6); `None` if it is none.
pub(super) fn decoded(path: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = path.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digits = rest.get(..2).and_then(|digits| std::str::from_utf8(digits).ok())?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = &rest[2..];
    }
    String::from_utf8(bytes).ok()
}
