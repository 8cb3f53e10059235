//! The shape of a value that a model must produce.

use crate::ModelError;
use reinette_schema::{validate, written_out};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// A JSON Schema (draft 2020-12) restricted to what guided generation enforces.
///
/// One keyword is ours: a string property with `"x-span": true` must be copied, character for character, from the
/// words of the request (see [`Schema::SPAN`]).
///
/// ```
/// # extern crate reinette_core as reinette;
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
pub struct Schema {
    json: Value,
    /// The first mistake that was made in building it, which its JSON does not show.
    #[serde(skip)]
    mistake: Option<SchemaError>,
}

/// A mistake in building a [`Schema`]. Building goes on, and [`Schema::checked`] tells; a model refuses the schema too.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SchemaError {
    /// Two types have one name.
    #[error("the type `{name}` is defined twice: give one of the two another name")]
    DuplicateType {
        /// The name.
        name: String,
    },
    /// An object has two properties of one name.
    #[error("an object has two properties `{name}`: give one of the two another name")]
    DuplicateProperty {
        /// The name.
        name: String,
    },
    /// There is nothing to choose from.
    #[error("there is nothing to choose from: give `one_of_words` or `any_of` at least one choice")]
    EmptyChoices,
    /// A type is referred to that is not defined.
    #[error("`{reference}` is not defined: define the type on the whole schema with `Schema::define`")]
    UndefinedReference {
        /// What is referred to.
        reference: String,
    },
}

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
        Self { json, mistake: None }
    }

    /// A schema made of parts, with the first mistake of any of them.
    fn made_of<'a>(json: Value, parts: impl IntoIterator<Item = &'a Self>) -> Self {
        Self { json, mistake: parts.into_iter().find_map(|part| part.mistake.clone()) }
    }

    fn or_mistake(self, mistake: Option<SchemaError>) -> Self {
        Self { mistake: self.mistake.or(mistake), ..self }
    }

    /// The schema as JSON.
    pub fn as_json(&self) -> &Value {
        &self.json
    }

    /// Any string.
    pub fn text() -> Self {
        Self::new(json!({"type": "string"}))
    }

    /// `true` or `false`.
    pub fn boolean() -> Self {
        Self::new(json!({"type": "boolean"}))
    }

    /// `null`, and nothing else.
    pub fn null() -> Self {
        Self::new(json!({"type": "null"}))
    }

    /// A whole number from `minimum` to `maximum`, both included.
    pub fn integer(minimum: i64, maximum: i64) -> Self {
        Self::new(json!({"type": "integer", "minimum": minimum, "maximum": maximum}))
    }

    /// A number from `minimum` to `maximum`, both included.
    pub fn number(minimum: f64, maximum: f64) -> Self {
        Self::new(json!({"type": "number", "minimum": minimum, "maximum": maximum}))
    }

    /// Exactly `value`.
    pub fn constant(value: impl Into<Value>) -> Self {
        Self::new(json!({"const": value.into()}))
    }

    /// One of `words`.
    pub fn one_of_words<'a>(words: impl IntoIterator<Item = &'a str>) -> Self {
        let words: Vec<&str> = words.into_iter().collect();
        let mistake = words.is_empty().then_some(SchemaError::EmptyChoices);
        Self::new(json!({"type": "string", "enum": words})).or_mistake(mistake)
    }

    /// A value of any of `alternatives`.
    pub fn any_of(alternatives: impl IntoIterator<Item = Self>) -> Self {
        let alternatives: Vec<Self> = alternatives.into_iter().collect();
        let mistake = alternatives.is_empty().then_some(SchemaError::EmptyChoices);
        Self::made_of(json!({"anyOf": jsons(&alternatives)}), &alternatives).or_mistake(mistake)
    }

    /// A list of `items`.
    pub fn array(items: Self) -> Self {
        Self::new(json!({"type": "array"})).with("items", items.json).or_mistake(items.mistake)
    }

    /// A list of exactly these elements.
    pub fn tuple(elements: impl IntoIterator<Item = Self>) -> Self {
        let elements: Vec<Self> = elements.into_iter().collect();
        let count = elements.len();
        let json = json!({
            "type": "array", "prefixItems": jsons(&elements), "items": false, "minItems": count, "maxItems": count,
        });
        Self::made_of(json, &elements)
    }

    /// An object with any keys, whose values are `values`.
    pub fn map(values: Self) -> Self {
        Self::new(json!({"type": "object"})).with("additionalProperties", values.json).or_mistake(values.mistake)
    }

    /// An object with these properties and no others, generated in this order.
    pub fn object(properties: impl IntoIterator<Item = Property>) -> Self {
        let (mut schemas, mut required, mut mistake) = (Map::new(), Vec::new(), None);
        for Property { name, schema, presence } in properties {
            if presence == Presence::Required {
                required.push(Value::String(name.clone()));
            }
            mistake = mistake.or(schema.mistake);
            if schemas.insert(name.clone(), schema.json).is_some() {
                mistake = mistake.or(Some(SchemaError::DuplicateProperty { name }));
            }
        }
        let json = json!({
            "type": "object",
            "properties": schemas,
            "required": required,
            "additionalProperties": false,
        });
        Self::new(json).or_mistake(mistake)
    }

    /// The type that is [defined](Self::define) as `name`; types may refer to themselves.
    pub fn reference(name: &str) -> Self {
        let name = name.replace('~', "~0").replace('/', "~1");
        Self::new(json!({ "$ref": format!("#/$defs/{name}") }))
    }

    /// This schema, the whole of a document, with a type that it [refers](Self::reference) to.
    ///
    /// ```
    /// # extern crate reinette_core as reinette;
    /// use reinette::{Property, Schema, SchemaError};
    ///
    /// let tree = Schema::object([
    ///     Property::required("name", Schema::text()),
    ///     Property::required("children", Schema::array(Schema::reference("Tree")).with("maxItems", 3)),
    /// ]);
    /// assert!(Schema::reference("Tree").define("Tree", tree.clone()).checked().is_ok());
    /// let refused = Schema::reference("Bush").define("Tree", tree).checked();
    /// assert_eq!(refused, Err(SchemaError::UndefinedReference { reference: "#/$defs/Bush".into() }));
    /// ```
    #[must_use]
    pub fn define(mut self, name: &str, schema: Self) -> Self {
        let mut mistake = schema.mistake;
        if let Some(keywords) = self.json.as_object_mut() {
            let definitions = keywords.entry("$defs").or_insert_with(|| json!({}));
            if definitions.as_object_mut().and_then(|known| known.insert(name.to_owned(), schema.json)).is_some() {
                mistake = mistake.or(Some(SchemaError::DuplicateType { name: name.to_owned() }));
            }
        }
        self.or_mistake(mistake)
    }

    /// The schema, if no mistake was made in building it. What can be followed is another question: see
    /// [`from_json_schema`](Self::from_json_schema).
    ///
    /// # Errors
    /// The mistake.
    pub fn checked(self) -> Result<Self, SchemaError> {
        match self.mistake.clone().or_else(|| undefined_reference(&self.json, &self.json)) {
            Some(mistake) => Err(mistake),
            None => Ok(self),
        }
    }

    /// This schema with `keyword` set. A schema that is a plain `true` or `false` stays as it is.
    #[must_use]
    pub fn with(mut self, keyword: &str, value: impl Into<Value>) -> Self {
        if let Some(keywords) = self.json.as_object_mut() {
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
    /// # extern crate reinette_core as reinette;
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
        let schema = Self::new(json);
        schema.check("the answer")?;
        Ok(schema)
    }

    /// Whether models can be held to the schema; `what` it is the schema of stands in the error.
    ///
    /// # Errors
    /// [`ModelError::Schema`], with what to write instead.
    pub fn check(&self, what: &str) -> Result<(), ModelError> {
        let refused = |reason| ModelError::Schema { what: what.to_owned(), reason };
        if let Some(mistake) = &self.mistake {
            return Err(refused(mistake.to_string()));
        }
        reinette_schema::check(&self.json).map_err(|error| refused(error.to_string()))
    }

    /// Holds a value against the schema.
    ///
    /// # Errors
    /// What is wrong with the value, and where; or with the schema.
    pub fn validate(&self, value: &Value) -> Result<(), String> {
        validate(&written_out(&self.json), value).map_err(|error| error.to_string())
    }
}

fn jsons(schemas: &[Schema]) -> Vec<&Value> {
    schemas.iter().map(|schema| &schema.json).collect()
}

/// The first reference within the document `root` that leads nowhere.
fn undefined_reference(root: &Value, json: &Value) -> Option<SchemaError> {
    match json {
        Value::Object(keywords) => {
            let reference = keywords.get("$ref").and_then(Value::as_str);
            // Percent signs and anchors are the engine's to read.
            let is_plain = |pointer: &&str| !pointer.contains('%') && (pointer.is_empty() || pointer.starts_with('/'));
            let leads_nowhere = |reference: &&str| {
                reference.strip_prefix('#').filter(is_plain).is_some_and(|pointer| root.pointer(pointer).is_none())
            };
            if let Some(reference) = reference.filter(leads_nowhere) {
                return Some(SchemaError::UndefinedReference { reference: reference.to_owned() });
            }
            // What stands in values is no schema.
            let is_value = |keyword: &str| matches!(keyword, "const" | "enum" | "default" | "example" | "examples");
            let schemas = keywords.iter().filter(|(keyword, _)| !is_value(keyword));
            schemas.into_iter().find_map(|(_, schema)| undefined_reference(root, schema))
        }
        Value::Array(schemas) => schemas.iter().find_map(|schema| undefined_reference(root, schema)),
        _ => None,
    }
}
