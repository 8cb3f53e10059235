//! JSON Schemas made ready: what would not be enforced is refused by name, what is left open is bounded.
//!
//! Every rewrite narrows: whatever satisfies the prepared schema satisfies the one that was given.

mod formats;
mod keywords;
mod numbers;
#[cfg(test)]
mod tests;
mod unique;

use super::{ConstraintError, limits};
use keywords::Keyword;
use serde_json::{Map, Value, json};

/// The schema to generate by: checked, bounded, and with the separators of our dialect.
pub(super) fn prepare(schema: &Value) -> Result<Value, ConstraintError> {
    let mut preparation = Preparation::new(schema);
    let mut prepared = preparation.schema(schema)?;
    if let Some(keywords) = prepared.as_object_mut() {
        keywords.extend(preparation.definitions()?);
        keywords.insert("x-guidance".to_owned(), dialect());
    }
    Ok(prepared)
}

/// As [`prepare`], for the property `name` of the object schema `parameters`, whose definitions it may refer to.
pub(super) fn prepare_property(parameters: &Value, name: &str, property: &Value) -> Result<Value, ConstraintError> {
    let mut preparation = Preparation::new(parameters);
    preparation.has_root = false;
    let mut prepared = preparation.within("properties", |it| it.within(name, |it| it.schema(property)))?;
    if let Some(keywords) = prepared.as_object_mut() {
        keywords.extend(preparation.definitions()?);
        keywords.insert("x-guidance".to_owned(), dialect());
    }
    Ok(prepared)
}

/// One space after `:` and `,`, as the models are trained to write, and none elsewhere: white space cannot go on for
/// ever. Escapes are those that `serde_json` writes.
fn dialect() -> Value {
    json!({
        "item_separator": ", ",
        "key_separator": ": ",
        "whitespace_flexible": false,
        "json_allowed_escapes": "nrbtf\\\"",
    })
}

/// What to do about strings that are not [writable](is_writable).
const NOT_WRITABLE: &str = "leave control characters out: of them only line ends, tabs, \\b and \\f are written";

/// Whether all strings in a value can be said with the escapes of our [`dialect`]: the grammar would leave out what of
/// them cannot.
fn is_writable(value: &Value) -> bool {
    match value {
        Value::String(text) => is_writable_text(text),
        Value::Array(values) => values.iter().all(is_writable),
        Value::Object(fields) => fields.iter().all(|(name, value)| is_writable_text(name) && is_writable(value)),
        _ => true,
    }
}

fn is_writable_text(text: &str) -> bool {
    text.chars().all(|character| character >= ' ' || "\n\r\t\u{8}\u{c}".contains(character))
}

/// A walk over a schema.
struct Preparation<'a> {
    document: &'a Value,
    /// Whether `#` means the schema that is prepared.
    has_root: bool,
    pointer: String,
}

impl<'a> Preparation<'a> {
    fn new(document: &'a Value) -> Self {
        Self { document, has_root: true, pointer: "#".to_owned() }
    }

    /// Runs `walk` one step further down.
    fn within<T>(&mut self, step: &str, walk: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.pointer.len();
        self.pointer.push('/');
        self.pointer.push_str(&step.replace('~', "~0").replace('/', "~1"));
        let result = walk(self);
        self.pointer.truncate(length);
        result
    }

    fn unsupported(&self, keyword: &str, advice: &str) -> ConstraintError {
        ConstraintError::Unsupported {
            keyword: keyword.to_owned(),
            pointer: self.pointer.clone(),
            advice: advice.to_owned(),
        }
    }

    fn unsatisfiable(&self, reason: impl Into<String>) -> ConstraintError {
        ConstraintError::Unsatisfiable { pointer: self.pointer.clone(), reason: reason.into() }
    }

    fn malformed(&self, reason: impl Into<String>) -> ConstraintError {
        ConstraintError::Malformed { pointer: self.pointer.clone(), reason: reason.into() }
    }

    /// The definitions of the document, prepared, under the names by which they are referred to.
    fn definitions(&mut self) -> Result<Map<String, Value>, ConstraintError> {
        let mut all = Map::new();
        for place in ["$defs", "definitions"] {
            if let Some(definitions) = self.document.get(place).and_then(Value::as_object) {
                let prepared = self.within(place, |it| it.each(definitions, Self::schema))?;
                all.insert(place.to_owned(), Value::Object(prepared));
            }
        }
        Ok(all)
    }

    fn each(
        &mut self,
        schemas: &Map<String, Value>,
        prepare: impl Fn(&mut Self, &Value) -> Result<Value, ConstraintError>,
    ) -> Result<Map<String, Value>, ConstraintError> {
        schemas.iter().map(|(name, schema)| Ok((name.clone(), self.within(name, |it| prepare(it, schema))?))).collect()
    }

    fn list(&mut self, keyword: &str, schemas: &Value) -> Result<Value, ConstraintError> {
        let Some(schemas) = schemas.as_array().filter(|schemas| !schemas.is_empty()) else {
            return Err(self.malformed(format!("`{keyword}` is to be a list of schemas, at least one")));
        };
        let prepared = schemas
            .iter()
            .enumerate()
            .map(|(index, schema)| self.within(keyword, |it| it.within(&index.to_string(), |it| it.schema(schema))))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Value::Array(prepared))
    }

    /// One schema and all below it.
    fn schema(&mut self, schema: &Value) -> Result<Value, ConstraintError> {
        let keywords = match schema {
            Value::Bool(false) => return Ok(Value::Bool(false)),
            Value::Bool(true) => return Err(self.says_nothing()),
            Value::Object(keywords) => keywords,
            _ => return Err(self.malformed("a schema is an object")),
        };
        let mut prepared = Map::new();
        for (name, value) in keywords {
            match keywords::meaning(name) {
                Keyword::Annotation => {}
                Keyword::Enforced => {
                    prepared.insert(name.clone(), value.clone());
                }
                Keyword::Refused(advice) => return Err(self.unsupported(name, advice)),
            }
        }
        if !["type", "enum", "const", "anyOf", "oneOf", "allOf", "$ref"].iter().any(|key| prepared.contains_key(*key)) {
            return Err(self.says_nothing());
        }
        self.applicators(&mut prepared)?;
        self.literals(&prepared)?;
        if unique::is_asked(&prepared) {
            return unique::spell_out(self, &prepared);
        }
        prepared.remove("uniqueItems");
        if prepared.contains_key("enum") || prepared.contains_key("const") {
            return Ok(Value::Object(prepared));
        }
        for name in self.types(&prepared)? {
            match name.as_str() {
                "string" => self.string(&mut prepared)?,
                "integer" | "number" => numbers::bound(self, &mut prepared, &name)?,
                "array" => self.array(&mut prepared)?,
                "object" => self.object(&mut prepared)?,
                "null" | "boolean" => {}
                _ => return Err(self.malformed(format!("there is no type `{name}`"))),
            }
        }
        Ok(Value::Object(prepared))
    }

    fn says_nothing(&self) -> ConstraintError {
        ConstraintError::Malformed {
            pointer: self.pointer.clone(),
            reason: "anything at all would do here: say the `type`".to_owned(),
        }
    }

    /// Keywords that hold other schemas in place.
    fn applicators(&mut self, prepared: &mut Map<String, Value>) -> Result<(), ConstraintError> {
        for keyword in ["anyOf", "oneOf", "allOf"] {
            if let Some(schemas) = prepared.get(keyword).cloned() {
                if keyword == "allOf" && schemas.as_array().is_some_and(|schemas| schemas.len() > 1) {
                    return Err(self.unsupported("allOf", "write the schemas together as one"));
                }
                prepared.insert(keyword.to_owned(), self.list(keyword, &schemas)?);
            }
        }
        if let Some(reference) = prepared.get("$ref") {
            self.reference(reference)?;
            if prepared.len() > 1 {
                return Err(self.unsupported("$ref", "put what stands next to it into the definition"));
            }
        }
        Ok(())
    }

    fn reference(&self, reference: &Value) -> Result<(), ConstraintError> {
        let local = reference.as_str().and_then(|reference| reference.strip_prefix('#'));
        let Some(path) = local else {
            return Err(self.unsupported("$ref", "only definitions of the same document are followed: `#/$defs/…`"));
        };
        if path.is_empty() && self.has_root {
            return Ok(());
        }
        if !path.starts_with("/$defs/") && !path.starts_with("/definitions/") {
            return Err(self.unsupported("$ref", "move what it refers to under `$defs`"));
        }
        match self.document.pointer(path) {
            Some(_) => Ok(()),
            None => Err(self.malformed(format!("`#{path}` is not defined"))),
        }
    }

    fn literals(&self, prepared: &Map<String, Value>) -> Result<(), ConstraintError> {
        for keyword in ["enum", "const"] {
            if prepared.get(keyword).is_some_and(|value| !is_writable(value)) {
                return Err(self.unsupported(keyword, NOT_WRITABLE));
            }
        }
        match prepared.get("enum") {
            Some(Value::Array(values)) if values.is_empty() => Err(self.unsatisfiable("`enum` is empty")),
            None | Some(Value::Array(_)) => Ok(()),
            Some(_) => Err(self.malformed("`enum` is to be a list")),
        }
    }

    fn types(&self, prepared: &Map<String, Value>) -> Result<Vec<String>, ConstraintError> {
        match prepared.get("type") {
            None => Ok(Vec::new()),
            Some(Value::String(name)) => Ok(vec![name.clone()]),
            Some(Value::Array(names)) if !names.is_empty() && names.iter().all(Value::is_string) => {
                Ok(names.iter().filter_map(Value::as_str).map(str::to_owned).collect())
            }
            Some(_) => Err(self.malformed("`type` is to be a name or a list of names")),
        }
    }

    /// The count under `keyword`.
    fn count(&self, keywords: &Map<String, Value>, keyword: &str) -> Result<Option<u64>, ConstraintError> {
        match keywords.get(keyword) {
            None => Ok(None),
            Some(value) => match value.as_u64() {
                Some(count) => Ok(Some(count)),
                None => Err(self.malformed(format!("`{keyword}` is to be a whole number that is not negative"))),
            },
        }
    }

    /// Checks a pair of counts and sets the upper one if it is left open.
    fn interval(
        &self,
        keywords: &mut Map<String, Value>,
        [lower, upper]: [&str; 2],
        default: u64,
    ) -> Result<(), ConstraintError> {
        let minimum = self.count(keywords, lower)?.unwrap_or(0);
        match self.count(keywords, upper)? {
            Some(maximum) if minimum > maximum => {
                Err(self.unsatisfiable(format!("`{lower}` is {minimum} and `{upper}` is {maximum}")))
            }
            Some(_) => Ok(()),
            None => {
                keywords.insert(upper.to_owned(), json!(minimum.max(default)));
                Ok(())
            }
        }
    }

    fn string(&self, keywords: &mut Map<String, Value>) -> Result<(), ConstraintError> {
        self.interval(keywords, ["minLength", "maxLength"], limits::STRING_CHARACTERS)?;
        let Some(format) = keywords.remove("format") else { return Ok(()) };
        let Some(pattern) = format.as_str().and_then(formats::pattern) else {
            let advice = "of formats only date, time, date-time, uuid and ipv4 are held to exactly; write a `pattern`";
            return Err(self.unsupported("format", advice));
        };
        if keywords.contains_key("pattern") {
            return Err(self.unsupported("format", "write it into the `pattern` that stands next to it"));
        }
        keywords.insert("pattern".to_owned(), json!(pattern));
        Ok(())
    }

    fn array(&mut self, keywords: &mut Map<String, Value>) -> Result<(), ConstraintError> {
        self.interval(keywords, ["minItems", "maxItems"], limits::LIST_ITEMS)?;
        if let Some(elements) = keywords.get("prefixItems").cloned() {
            keywords.insert("prefixItems".to_owned(), self.list("prefixItems", &elements)?);
        }
        let items = match (keywords.get("items").cloned(), keywords.contains_key("prefixItems")) {
            (Some(items), _) => self.within("items", |it| it.schema(&items))?,
            (None, true) => Value::Bool(false),
            (None, false) => return Err(self.within("items", |it| it.says_nothing())),
        };
        keywords.insert("items".to_owned(), items);
        Ok(())
    }

    fn object(&mut self, keywords: &mut Map<String, Value>) -> Result<(), ConstraintError> {
        let required = self.required(keywords)?;
        let Some(properties) = keywords.get("properties").and_then(Value::as_object).cloned() else {
            return self.map(keywords, &required);
        };
        if !properties.keys().all(|name| is_writable_text(name)) {
            return Err(self.unsupported("properties", NOT_WRITABLE));
        }
        for name in &required {
            match properties.get(name) {
                Some(Value::Bool(false)) => {
                    return Err(self.unsatisfiable(format!("`{name}` is required, and its schema is `false`")));
                }
                Some(_) => {}
                None => return Err(self.malformed(format!("`{name}` is required and is no property"))),
            }
        }
        let prepared = self.within("properties", |it| it.each(&properties, Self::schema))?;
        keywords.insert("properties".to_owned(), Value::Object(prepared));
        keywords.insert("additionalProperties".to_owned(), Value::Bool(false));
        Ok(())
    }

    fn required(&self, keywords: &Map<String, Value>) -> Result<Vec<String>, ConstraintError> {
        match keywords.get("required") {
            None => Ok(Vec::new()),
            Some(Value::Array(names)) if names.iter().all(Value::is_string) => {
                Ok(names.iter().filter_map(Value::as_str).map(str::to_owned).collect())
            }
            Some(_) => Err(self.malformed("`required` is to be a list of names")),
        }
    }

    /// An object without named properties.
    fn map(&mut self, keywords: &mut Map<String, Value>, required: &[String]) -> Result<(), ConstraintError> {
        if let Some(name) = required.first() {
            return Err(self.malformed(format!("`{name}` is required and is no property")));
        }
        let Some(values) = keywords.get("additionalProperties").cloned() else {
            return Err(self.within("additionalProperties", |it| it.says_nothing()));
        };
        // A key may come twice, and counts once.
        if self.count(keywords, "minProperties")?.is_some_and(|count| count > 1) {
            return Err(self.unsupported("minProperties", "name the keys under `properties`, and require them"));
        }
        let values = self.within("additionalProperties", |it| it.schema(&values))?;
        // Keys have no schema of their own that could bound them, but a pattern that they are matched by can.
        let keys = format!("^[\\s\\S]{{1,{}}}$", limits::MAP_KEY_CHARACTERS);
        keywords.insert("patternProperties".to_owned(), json!({ keys: values }));
        keywords.insert("additionalProperties".to_owned(), Value::Bool(false));
        self.interval(keywords, ["minProperties", "maxProperties"], limits::MAP_ENTRIES)
    }
}
