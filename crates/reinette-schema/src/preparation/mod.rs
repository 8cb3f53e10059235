//! JSON Schemas made ready: what would not be enforced is refused by name, what is left open is bounded.
//!
//! Every rewrite narrows: whatever satisfies the prepared schema satisfies the one that was given.

mod disjoint;
mod formats;
mod keywords;
mod merge;
mod nullable;
mod numbers;
mod open;
mod patterns;
mod size;
#[cfg(test)]
mod tests;
mod unique;

use crate::{SchemaError, limits};
use disjoint::are_disjoint;
use keywords::Keyword;
pub use nullable::written_out;
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::cell::Cell;

/// Whether a model can be held to all that a JSON Schema says.
///
/// # Errors
/// When it asks for what is not enforced, when nothing satisfies it, or when it is no schema.
pub fn check(schema: &Value) -> Result<(), SchemaError> {
    prepare(schema).map(drop)
}

/// The schema to generate by: checked, and bounded.
///
/// # Errors
/// As [`check`].
pub fn prepare(schema: &Value) -> Result<Value, SchemaError> {
    size::check(schema)?;
    let schema = written_out(schema);
    let mut preparation = Preparation::new(&schema);
    let mut prepared = preparation.schema(&schema)?;
    if prepared == Value::Bool(false) {
        return Err(preparation.unsatisfiable("it is `false`, or asks for what excludes each other"));
    }
    if let Some(keywords) = prepared.as_object_mut() {
        keywords.extend(preparation.definitions()?);
    }
    Ok(prepared)
}

/// Checks how large the parameters of a tool are, before its properties are prepared, and writes them as JSON Schema.
///
/// # Errors
/// When they are too large.
pub fn parameters(schema: &Value) -> Result<Cow<'_, Value>, SchemaError> {
    size::check(schema)?;
    Ok(written_out(schema))
}

/// As [`prepare`], for the property `name` of the object schema [`parameters`], whose definitions it may refer to.
///
/// # Errors
/// As [`check`].
pub fn prepare_property(parameters: &Value, name: &str, property: &Value) -> Result<Value, SchemaError> {
    let mut preparation = Preparation::new(parameters);
    preparation.has_root = false;
    let mut prepared = preparation.within("properties", |it| it.within(name, |it| it.schema(property)))?;
    if let Some(keywords) = prepared.as_object_mut() {
        keywords.extend(preparation.definitions()?);
    }
    Ok(prepared)
}

/// What to do about strings that are not [writable](is_writable).
const NOT_WRITABLE: &str = "leave control characters out: of them only line ends, tabs, \\b and \\f are written";

/// Whether all strings in a value can be said with the escapes that answers are written with: the grammar would leave out
/// what of them cannot.
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

/// A step of a JSON pointer.
fn escaped(step: &str) -> String {
    step.replace('~', "~0").replace('/', "~1")
}

/// Whether a keyword says nothing on which values there are.
pub fn is_annotation(keyword: &str) -> bool {
    matches!(keywords::meaning(keyword), Keyword::Annotation)
}

/// A walk over a schema.
struct Preparation<'a> {
    document: &'a Value,
    /// Whether `#` means the schema that is prepared.
    has_root: bool,
    pointer: String,
    /// Schemas within schemas that are being prepared.
    depth: usize,
    /// All schemas so far.
    count: usize,
    /// Paths in the document that are referred to.
    references: Vec<String>,
    /// JSON values that were copied so far.
    copied: Cell<usize>,
    /// Pairs of optional properties of one object so far.
    optional_pairs: usize,
}

impl<'a> Preparation<'a> {
    fn new(document: &'a Value) -> Self {
        let (pointer, references, copied) = ("#".to_owned(), Vec::new(), Cell::default());
        Self { document, has_root: true, pointer, depth: 0, count: 0, references, copied, optional_pairs: 0 }
    }

    /// Runs `walk` one step further down.
    fn within<T>(&mut self, step: &str, walk: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.pointer.len();
        self.pointer.push('/');
        self.pointer.push_str(&escaped(step));
        let result = walk(self);
        self.pointer.truncate(length);
        result
    }

    fn unsupported(&self, keyword: &str, advice: &str) -> SchemaError {
        SchemaError::Unsupported {
            keyword: keyword.to_owned(),
            pointer: self.pointer.clone(),
            advice: advice.to_owned(),
        }
    }

    fn unsatisfiable(&self, reason: impl Into<String>) -> SchemaError {
        SchemaError::Unsatisfiable { pointer: self.pointer.clone(), reason: reason.into() }
    }

    fn malformed(&self, reason: impl Into<String>) -> SchemaError {
        SchemaError::Malformed { pointer: self.pointer.clone(), reason: reason.into() }
    }

    /// Refuses to copy `value` so many times where schemas that are put together multiply beyond reason.
    fn pay_for_copies(&self, times: usize, value: &Value) -> Result<(), SchemaError> {
        self.copied.set(self.copied.get().saturating_add(size::values(value).saturating_mul(times)));
        if self.copied.get() <= limits::SCHEMA_COPIES {
            return Ok(());
        }
        let limit = limits::SCHEMA_COPIES;
        let reason = format!(
            "put together with all that stands next to it, it has more than {limit} values: ask for less at once"
        );
        Err(SchemaError::TooLarge { pointer: self.pointer.clone(), reason })
    }

    /// What was referred to, prepared, under the numbers by which it is.
    fn definitions(&mut self) -> Result<Map<String, Value>, SchemaError> {
        let mut definitions = Map::new();
        while let Some(path) = self.references.get(definitions.len()).cloned() {
            let target = self.defined(&path)?;
            self.pointer = format!("#{path}");
            definitions.insert(definitions.len().to_string(), self.schema(target)?);
        }
        "#".clone_into(&mut self.pointer);
        let is_needed = !definitions.is_empty();
        Ok(is_needed.then(|| ("$defs".to_owned(), Value::Object(definitions))).into_iter().collect())
    }

    fn each(
        &mut self,
        schemas: &Map<String, Value>,
        prepare: impl Fn(&mut Self, &Value) -> Result<Value, SchemaError>,
    ) -> Result<Map<String, Value>, SchemaError> {
        schemas.iter().map(|(name, schema)| Ok((name.clone(), self.within(name, |it| prepare(it, schema))?))).collect()
    }

    fn list(&mut self, keyword: &str, schemas: &Value) -> Result<Value, SchemaError> {
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
    fn schema(&mut self, schema: &Value) -> Result<Value, SchemaError> {
        self.deeper(|it| match it.flat(schema)? {
            Value::Object(stated) if stated.is_empty() => it.object_of_keywords(open::anything()),
            Value::Object(stated) => it.object_of_keywords(stated),
            other => Ok(other),
        })
    }

    /// Runs `walk` on a schema within the one before. What refers to itself and is put together with something else at
    /// every step has no end.
    fn deeper<T>(&mut self, walk: impl FnOnce(&mut Self) -> Result<T, SchemaError>) -> Result<T, SchemaError> {
        if self.depth == limits::SCHEMA_DEPTH || self.count == limits::SCHEMAS {
            let advice =
                "put together with all that it refers to, the schema is too large: write it out where it is needed";
            return Err(self.unsupported("$ref", advice));
        }
        self.depth += 1;
        self.count += 1;
        let result = walk(self);
        self.depth -= 1;
        result
    }

    /// The schema of keywords that stand for themselves: no `allOf`, and nothing next to a `$ref`, `anyOf` or `oneOf`.
    fn object_of_keywords(&mut self, mut prepared: Map<String, Value>) -> Result<Value, SchemaError> {
        if let Some(reference) = prepared.get("$ref") {
            return Ok(json!({ "$ref": self.reference(reference)? }));
        }
        for keyword in ["anyOf", "oneOf"] {
            if let Some(schemas) = prepared.get(keyword) {
                return Ok(json!({ "anyOf": self.choices(keyword, schemas)? }));
            }
        }
        self.literals(&prepared)?;
        open::name_types(&mut prepared);
        if unique::is_asked(&prepared) {
            return unique::spell_out(self, &prepared);
        }
        prepared.shift_remove("uniqueItems");
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

    /// What a schema states, in keywords that are enforced.
    fn stated(&self, schema: &Value) -> Result<Value, SchemaError> {
        let keywords = match schema {
            Value::Bool(true) => return Ok(Value::Object(Map::new())),
            Value::Bool(false) => return Ok(Value::Bool(false)),
            Value::Object(keywords) => keywords,
            _ => return Err(self.malformed("a schema is an object")),
        };
        self.pay_for_copies(1, schema)?;
        let mut stated = Map::new();
        for (name, value) in keywords {
            match keywords::meaning(name) {
                Keyword::Annotation => {}
                Keyword::Enforced if name == "format" && !self.is_held_to(value)? => {}
                Keyword::Enforced => {
                    stated.insert(name.clone(), value.clone());
                }
                // Without relative references, the name of the whole document is nothing but a name.
                Keyword::Refused(_) if name == "$id" && self.pointer == "#" => {}
                Keyword::Refused(advice) => return Err(self.unsupported(name, advice)),
            }
        }
        Ok(Value::Object(stated))
    }

    /// What a schema states, written together with what it refers to and all that it asks for at once; choices take what
    /// stands next to them.
    fn flat(&mut self, schema: &Value) -> Result<Value, SchemaError> {
        let Value::Object(mut stated) = self.stated(schema)? else { return Ok(Value::Bool(false)) };
        // What they speak of is known when all is together.
        let unevaluated = merge::take_unevaluated(&mut stated);
        let mut all = Value::Object(Map::new());
        for part in self.parts(&mut stated)?.into_iter().chain([Value::Object(stated)]) {
            let (Value::Object(one), Value::Object(other)) = (all, part) else { return Ok(Value::Bool(false)) };
            all = merge::both(self, one, other)?;
        }
        let Value::Object(mut stated) = all else { return Ok(all) };
        for keyword in ["anyOf", "oneOf"] {
            if stated.len() + unevaluated.len() > 1
                && let Some(Value::Array(choices)) = stated.shift_remove(keyword)
            {
                let stated = Value::Object(stated);
                self.pay_for_copies(choices.len(), &stated)?;
                let choice = |choice: &Value| {
                    let mut together = unevaluated.clone();
                    together.insert("allOf".to_owned(), json!([choice, stated]));
                    Value::Object(together)
                };
                return Ok(json!({ keyword: choices.iter().map(choice).collect::<Vec<_>>() }));
            }
        }
        merge::evaluate(&mut stated, unevaluated);
        Ok(Value::Object(stated))
    }

    /// Takes out of a schema what else its values have to satisfy, each flat itself.
    fn parts(&mut self, stated: &mut Map<String, Value>) -> Result<Vec<Value>, SchemaError> {
        let mut parts = Vec::new();
        if let Some(all) = stated.shift_remove("allOf") {
            let Some(all) = all.as_array().filter(|schemas| !schemas.is_empty()) else {
                return Err(self.malformed("`allOf` is to be a list of schemas, at least one"));
            };
            for (index, part) in all.iter().enumerate() {
                parts.push(self.within("allOf", |it| it.within(&index.to_string(), |it| it.part(part)))?);
            }
        }
        for keyword in ["dependentRequired", "dependentSchemas"] {
            let Some(dependents) = stated.shift_remove(keyword) else { continue };
            let Value::Object(dependents) = dependents else {
                return Err(self.malformed(format!("`{keyword}` is to be an object")));
            };
            for (name, needed) in dependents {
                let needed = if keyword == "dependentRequired" { json!({ "required": needed }) } else { needed };
                // What it depends on is required here, so that the two exclude each other.
                let with = json!({ "allOf": [needed, { "required": [name] }] });
                let either = json!({ "anyOf": [with, { "properties": { name: false } }] });
                parts.push(self.within(keyword, |it| it.part(&either))?);
            }
        }
        if stated.len() + parts.len() > 1
            && let Some(reference) = stated.shift_remove("$ref")
        {
            let path = self.local(&reference)?;
            let target = self.defined(&path)?;
            parts.push(self.part(target)?);
        }
        Ok(parts)
    }

    /// One of the schemas that are written together, flat itself.
    fn part(&mut self, schema: &Value) -> Result<Value, SchemaError> {
        self.deeper(|it| {
            let flat = it.flat(schema)?;
            match flat.get("$ref") {
                Some(reference) => {
                    let path = it.local(reference)?;
                    let target = it.defined(&path)?;
                    it.part(target)
                }
                None => Ok(flat),
            }
        })
    }

    /// The schemas to choose from, without those that nothing satisfies.
    fn choices(&mut self, keyword: &str, schemas: &Value) -> Result<Value, SchemaError> {
        let Some(schemas) = schemas.as_array().filter(|schemas| !schemas.is_empty()) else {
            return Err(self.malformed(format!("`{keyword}` is to be a list of schemas, at least one")));
        };
        let pairs =
            schemas.iter().enumerate().flat_map(|(index, one)| schemas[..index].iter().map(move |it| (one, it)));
        if keyword == "oneOf" && !pairs.into_iter().all(|(one, other)| are_disjoint(self.document, one, other)) {
            let advice = "a value could satisfy two of its schemas: write `anyOf`, or give each a `type` or a required \
                          property with a `const` of its own";
            return Err(self.unsupported("oneOf", advice));
        }
        let mut prepared = Vec::new();
        let mut refused = None;
        for (index, schema) in schemas.iter().enumerate() {
            match self.within(keyword, |it| it.within(&index.to_string(), |it| it.schema(schema))) {
                Ok(Value::Bool(false)) => {}
                Ok(schema) => prepared.push(schema),
                Err(error @ SchemaError::Unsatisfiable { .. }) => refused = Some(error),
                Err(error) => return Err(error),
            }
        }
        match (prepared.is_empty(), refused) {
            (false, _) => Ok(Value::Array(prepared)),
            (true, Some(error)) => Err(error),
            (true, None) => Err(self.unsatisfiable(format!("nothing satisfies any schema of `{keyword}`"))),
        }
    }

    /// A reference as the prepared schema has it.
    fn reference(&mut self, reference: &Value) -> Result<Value, SchemaError> {
        let path = self.local(reference)?;
        self.defined(&path)?;
        if path.is_empty() && self.has_root {
            return Ok(json!("#"));
        }
        let number = self.references.iter().position(|known| *known == path).unwrap_or_else(|| {
            self.references.push(path);
            self.references.len() - 1
        });
        Ok(json!(format!("#/$defs/{number}")))
    }

    /// The path of a reference within the document.
    fn local(&self, reference: &Value) -> Result<String, SchemaError> {
        let path = reference.as_str().and_then(|reference| reference.strip_prefix('#'));
        match path.and_then(open::decoded).filter(|path| path.is_empty() || path.starts_with('/')) {
            Some(path) => Ok(path),
            None => Err(self.unsupported("$ref", "only definitions of the same document are followed: `#/$defs/…`")),
        }
    }

    fn defined(&self, path: &str) -> Result<&'a Value, SchemaError> {
        self.document.pointer(path).ok_or_else(|| self.malformed(format!("`#{path}` is not defined")))
    }

    fn literals(&self, prepared: &Map<String, Value>) -> Result<(), SchemaError> {
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

    fn types(&self, prepared: &Map<String, Value>) -> Result<Vec<String>, SchemaError> {
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
    fn count(&self, keywords: &Map<String, Value>, keyword: &str) -> Result<Option<u64>, SchemaError> {
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
        [default, most]: [u64; 2],
    ) -> Result<(), SchemaError> {
        let minimum = self.count(keywords, lower)?.unwrap_or(0);
        if minimum > most {
            return Err(
                self.unsupported(lower, &format!("it is {minimum}, and the limit is {most}: ask for less at once"))
            );
        }
        let maximum = match self.count(keywords, upper)? {
            Some(maximum) if minimum > maximum => {
                return Err(self.unsatisfiable(format!("`{lower}` is {minimum} and `{upper}` is {maximum}")));
            }
            Some(maximum) => maximum.min(most),
            None => minimum.max(default),
        };
        keywords.insert(upper.to_owned(), json!(maximum));
        Ok(())
    }

    /// Whether a format says which values there are.
    fn is_held_to(&self, format: &Value) -> Result<bool, SchemaError> {
        let name = format.as_str().ok_or_else(|| self.malformed("`format` is to be a name"))?;
        Ok(formats::is_held_to(name) || numbers::is_format(name))
    }

    fn string(&mut self, keywords: &mut Map<String, Value>) -> Result<(), SchemaError> {
        self.interval(keywords, ["minLength", "maxLength"], [limits::STRING_CHARACTERS, limits::LONGEST_STRING])?;
        match keywords.get("pattern") {
            None => {}
            Some(Value::String(pattern)) => {
                if let Some(problem) = patterns::problem(pattern) {
                    return self.within("pattern", |it| Err(it.unsupported("pattern", &problem)));
                }
            }
            Some(_) => return Err(self.malformed("`pattern` is to be a regular expression")),
        }
        if keywords.get("format").is_some_and(|format| format.as_str().is_some_and(numbers::is_format)) {
            keywords.shift_remove("format");
        }
        let Some(format) = keywords.remove("format") else { return Ok(()) };
        let Some(pattern) = format.as_str().and_then(formats::pattern) else {
            let advice = "of formats date, time, date-time, duration, uuid, ipv4, ipv6, hostname, email and uri are held \
                          to; write a `pattern`";
            return Err(self.unsupported("format", advice));
        };
        if keywords.contains_key("pattern") {
            return Err(self.unsupported("format", "write it into the `pattern` that stands next to it"));
        }
        keywords.insert("pattern".to_owned(), json!(pattern));
        Ok(())
    }

    fn array(&mut self, keywords: &mut Map<String, Value>) -> Result<(), SchemaError> {
        self.interval(keywords, ["minItems", "maxItems"], [limits::LIST_ITEMS, limits::LONGEST_LIST])?;
        if let Some(elements) = keywords.get("prefixItems").cloned() {
            keywords.insert("prefixItems".to_owned(), self.list("prefixItems", &elements)?);
        }
        let items = match (keywords.get("items").cloned(), keywords.contains_key("prefixItems")) {
            (Some(items), _) => self.within("items", |it| it.schema(&items))?,
            (None, true) => Value::Bool(false),
            (None, false) => self.within("items", |it| it.schema(&Value::Bool(true)))?,
        };
        keywords.insert("items".to_owned(), items);
        Ok(())
    }

    fn object(&mut self, keywords: &mut Map<String, Value>) -> Result<(), SchemaError> {
        let required = self.required(keywords)?;
        let mut properties = match keywords.get("properties") {
            Some(Value::Object(properties)) => properties.clone(),
            Some(_) => return Err(self.malformed("`properties` is to be an object of schemas")),
            None if required.is_empty() => return self.map(keywords),
            None => Map::new(),
        };
        for name in &required {
            let of_others = || keywords.get("additionalProperties").cloned().unwrap_or(Value::Bool(true));
            if properties.entry(name).or_insert_with(of_others) == &Value::Bool(false) {
                return Err(self.unsatisfiable(format!("`{name}` is required, and its schema is `false`")));
            }
        }
        let optional = properties.len().saturating_sub(required.len());
        self.optional_pairs = self.optional_pairs.saturating_add(optional * optional);
        if self.optional_pairs > limits::OPTIONAL_PROPERTIES.pow(2) {
            let limit = limits::OPTIONAL_PROPERTIES;
            let reason = format!(
                "up to here it has more than {limit} optional properties: require them, or ask for less at once"
            );
            return Err(SchemaError::TooLarge { pointer: self.pointer.clone(), reason });
        }
        if !properties.keys().all(|name| is_writable_text(name)) {
            return Err(self.unsupported("properties", NOT_WRITABLE));
        }
        let prepared = self.within("properties", |it| it.each(&properties, Self::schema))?;
        if let Some(name) = required.iter().find(|name| prepared.get(*name) == Some(&Value::Bool(false))) {
            return Err(self.unsatisfiable(format!("`{name}` is required, and nothing satisfies its schema")));
        }
        keywords.insert("properties".to_owned(), Value::Object(prepared));
        keywords.insert("additionalProperties".to_owned(), Value::Bool(false));
        Ok(())
    }

    fn required(&self, keywords: &Map<String, Value>) -> Result<Vec<String>, SchemaError> {
        match keywords.get("required") {
            None => Ok(Vec::new()),
            Some(Value::Array(names)) if names.iter().all(Value::is_string) => {
                Ok(names.iter().filter_map(Value::as_str).map(str::to_owned).collect())
            }
            Some(_) => Err(self.malformed("`required` is to be a list of names")),
        }
    }

    /// An object without named properties.
    fn map(&mut self, keywords: &mut Map<String, Value>) -> Result<(), SchemaError> {
        let values = keywords.get("additionalProperties").cloned().unwrap_or(Value::Bool(true));
        // A key may come twice, and counts once.
        if self.count(keywords, "minProperties")?.is_some_and(|count| count > 1) {
            return Err(self.unsupported("minProperties", "name the keys under `properties`, and require them"));
        }
        let values = self.within("additionalProperties", |it| it.schema(&values))?;
        if values == Value::Bool(false) {
            keywords.insert("additionalProperties".to_owned(), values);
            return Ok(());
        }
        // Keys have no schema of their own that could bound them, but a pattern that they are matched by can.
        let keys = format!("^[\\s\\S]{{1,{}}}$", limits::MAP_KEY_CHARACTERS);
        keywords.insert("patternProperties".to_owned(), json!({ keys: values }));
        keywords.insert("additionalProperties".to_owned(), Value::Bool(false));
        self.interval(keywords, ["minProperties", "maxProperties"], [limits::MAP_ENTRIES, limits::LONGEST_LIST])
    }
}
