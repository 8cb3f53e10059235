//! JSON Schemas as llguidance is given them: made ready, with the separators of our dialect.

use reinette_schema::SchemaError;
pub(super) use reinette_schema::{is_annotation, parameters};
use serde_json::{Value, json};

/// The schema to generate by.
pub(super) fn prepare(schema: &Value) -> Result<Value, SchemaError> {
    reinette_schema::prepare(schema).map(in_our_dialect)
}

/// The schema to generate by of a property of a tool's [`parameters`].
pub(super) fn prepare_property(parameters: &Value, name: &str, property: &Value) -> Result<Value, SchemaError> {
    reinette_schema::prepare_property(parameters, name, property).map(in_our_dialect)
}

/// One space after `:` and `,`, as the models are trained to write, and none elsewhere: white space cannot go on for
/// ever. Escapes are those that `serde_json` writes.
fn in_our_dialect(mut prepared: Value) -> Value {
    if let Some(keywords) = prepared.as_object_mut() {
        let dialect = json!({
            "item_separator": ", ",
            "key_separator": ": ",
            "whitespace_flexible": false,
            "json_allowed_escapes": "nrbtf\\\"",
        });
        keywords.insert("x-guidance".to_owned(), dialect);
    }
    prepared
}
