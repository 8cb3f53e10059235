//! The shape of a value that a model must produce.

use crate::ModelError;
use reinette_engine::constraint::{ConstraintError, check_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// A JSON Schema (draft 2020-12) restricted to what guided generation enforces.
///
/// One keyword is ours: a string property with `"x-span": true` must be copied, character for character, from the
/// words of the request (see [`Schema::SPAN`]).
///
/// ```
/// use reinette::{Property, Schema};
///
/// let place = Schema::object([
///     Property::required("name", Schema::text().with("maxLength", 80)),
///     Property::optional("floors", Schema::integer(1, 200)),
/// ]);
/// assert_eq!(place.as_json()["required"][0], "name");
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Schema(Value);

/// A property of an object [`Schema`].
#[derive(Clone, Debug, PartialEq)]
pub struct Property {
    name: String,
    schema: Schema,
    presence: Presence,
}

/// Whether an object may do without a property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presence {
    Required,
    Optional,
}

impl Property {
    /// A property that is always there.
    pub fn required(name: &str, schema: Schema) -> Self {
        Self { name: name.to_owned(), schema, presence: Presence::Required }
    }

    /// A property that may be left out.
    pub fn optional(name: &str, schema: Schema) -> Self {
        Self { name: name.to_owned(), schema, presence: Presence::Optional }
    }
}

impl Schema {
    /// The keyword that marks a string as a span of the request.
    pub const SPAN: &'static str = "x-span";

    /// Wraps a JSON Schema. It is checked when a model is asked to follow it.
    pub fn new(json: Value) -> Self {
        Self(json)
    }

    /// The schema as JSON.
    pub fn as_json(&self) -> &Value {
        &self.0
    }

    /// Any string.
    pub fn text() -> Self {
        Self(json!({"type": "string"}))
    }

    /// `true` or `false`.
    pub fn boolean() -> Self {
        Self(json!({"type": "boolean"}))
    }

    /// `null`, and nothing else.
    pub fn null() -> Self {
        Self(json!({"type": "null"}))
    }

    /// A whole number from `minimum` to `maximum`, both included.
    pub fn integer(minimum: i64, maximum: i64) -> Self {
        Self(json!({"type": "integer", "minimum": minimum, "maximum": maximum}))
    }

    /// A number from `minimum` to `maximum`, both included.
    pub fn number(minimum: f64, maximum: f64) -> Self {
        Self(json!({"type": "number", "minimum": minimum, "maximum": maximum}))
    }

    /// Exactly `value`.
    pub fn constant(value: impl Into<Value>) -> Self {
        Self(json!({"const": value.into()}))
    }

    /// One of `words`.
    pub fn one_of_words<'a>(words: impl IntoIterator<Item = &'a str>) -> Self {
        Self(json!({"type": "string", "enum": words.into_iter().collect::<Vec<_>>()}))
    }

    /// A value of any of `alternatives`.
    pub fn any_of(alternatives: impl IntoIterator<Item = Self>) -> Self {
        Self(json!({"anyOf": alternatives.into_iter().map(|schema| schema.0).collect::<Vec<_>>()}))
    }

    /// A list of `items`.
    pub fn array(items: Self) -> Self {
        Self(json!({"type": "array"})).with("items", items.0)
    }

    /// A list of exactly these elements.
    pub fn tuple(elements: impl IntoIterator<Item = Self>) -> Self {
        let elements: Vec<Value> = elements.into_iter().map(|schema| schema.0).collect();
        let count = elements.len();
        Self(json!({"type": "array", "prefixItems": elements, "items": false, "minItems": count, "maxItems": count}))
    }

    /// An object with any keys, whose values are `values`.
    pub fn map(values: Self) -> Self {
        Self(json!({"type": "object"})).with("additionalProperties", values.0)
    }

    /// An object with these properties and no others, generated in this order.
    pub fn object(properties: impl IntoIterator<Item = Property>) -> Self {
        let mut schemas = Map::new();
        let mut required = Vec::new();
        for property in properties {
            if property.presence == Presence::Required {
                required.push(Value::String(property.name.clone()));
            }
            schemas.insert(property.name, property.schema.0);
        }
        Self(json!({
            "type": "object",
            "properties": schemas,
            "required": required,
            "additionalProperties": false,
        }))
    }

    /// A reference to the definition `name` of the same document.
    pub(crate) fn reference(name: &str) -> Self {
        Self(json!({ "$ref": format!("#/$defs/{name}") }))
    }

    /// This schema with `keyword` set. A schema that is a plain `true` or `false` stays as it is.
    #[must_use]
    pub fn with(mut self, keyword: &str, value: impl Into<Value>) -> Self {
        if let Some(keywords) = self.0.as_object_mut() {
            keywords.insert(keyword.to_owned(), value.into());
        }
        self
    }

    /// This schema with words on what its values mean, for the model to read.
    #[must_use]
    pub fn describe(self, description: &str) -> Self {
        self.with("description", description)
    }

    /// Takes a JSON Schema of the draft 2020-12, if all that it says is enforced: a keyword that is not, and a schema that
    /// nothing satisfies, are refused by name and place, before any model is asked.
    ///
    /// ```
    /// use reinette::Schema;
    /// use serde_json::json;
    ///
    /// let age = Schema::from_json_schema(json!({"type": "integer", "minimum": 0, "maximum": 150}))?;
    /// assert!(age.validate(&json!(42)).is_ok());
    /// let refused = Schema::from_json_schema(json!({"type": "string", "not": {"const": "x"}})).unwrap_err();
    /// assert!(refused.to_string().contains("`not` at #"), "{refused}");
    /// # Ok::<(), reinette::ModelError>(())
    /// ```
    ///
    /// # Errors
    /// [`ModelError::Schema`], with what to write instead.
    pub fn from_json_schema(json: Value) -> Result<Self, ModelError> {
        let schema = Self(json);
        schema.check("the answer")?;
        Ok(schema)
    }

    /// Whether models can be held to the schema; `what` it is the schema of stands in the error.
    pub(crate) fn check(&self, what: &str) -> Result<(), ModelError> {
        let refused = |error: ConstraintError| ModelError::Schema { what: what.to_owned(), reason: error.to_string() };
        check_schema(&self.0).map_err(refused)
    }

    /// Holds a value against the schema.
    ///
    /// # Errors
    /// What is wrong with the value, and where; or with the schema.
    pub fn validate(&self, value: &Value) -> Result<(), String> {
        let validator = jsonschema::options()
            .with_draft(jsonschema::Draft::Draft202012)
            .should_validate_formats(true)
            .build(&self.0)
            .map_err(|error| format!("the schema is none: {error}"))?;
        validator.validate(value).map_err(|error| format!("{error}, at `{}`", error.instance_path()))
    }
}
