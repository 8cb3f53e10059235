//! What a teacher invented, as it is kept.

use super::written;
use crate::DataError;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::HashSet;
use std::fs;
use std::path::Path;

/// A tool that a teacher invented, with what users say to have it called: a line of the file of records.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InventedRecord {
    /// Which one it is, of those of a seed.
    pub number: u64,
    /// What it is about.
    pub field: String,
    /// Name, description, and a JSON Schema of the arguments.
    pub tool: Value,
    /// What users say, those requests that passed the filters.
    pub requests: Vec<InventedRequest>,
}

/// What a user says, and the arguments of the call that it asks for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InventedRequest {
    /// What the user says.
    pub words: String,
    /// The arguments, in the order of the tool's parameters.
    pub arguments: Map<String, Value>,
    /// Those of further calls of the tool that the words ask for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub further: Vec<Map<String, Value>>,
}

impl InventedRecord {
    /// Reads records: those of a teacher, one a line, of which a last one that was cut off is left out; or from a file
    /// that ends in `.inventions`, written by hand in the notation of `english.inventions`.
    ///
    /// # Errors
    /// If the file cannot be read, or another line is no record.
    pub fn read_file(path: &Path) -> Result<Vec<Self>, DataError> {
        let text = fs::read_to_string(path).map_err(|source| DataError::Read { path: path.to_owned(), source })?;
        let file = path.display().to_string();
        let is_by_hand = path.extension().is_some_and(|extension| extension == "inventions");
        if is_by_hand { written::read_all(&file, &text) } else { Self::read_all(&file, &text) }
    }

    fn read_all(file: &str, text: &str) -> Result<Vec<Self>, DataError> {
        let mut records = Vec::new();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        for (index, line) in whole.lines().enumerate() {
            let problem =
                |problem: serde_json::Error| DataError::line(file, index + 1, format!("is no record: {problem}"));
            records.push(serde_json::from_str(line).map_err(problem)?);
        }
        Ok(records)
    }

    /// Those that are written by hand.
    ///
    /// # Errors
    /// If a line is not in their notation.
    pub fn own() -> Result<Vec<Self>, DataError> {
        written::read_all("unseen/english.inventions", include_str!("../../../grammars/unseen/english.inventions"))
    }

    /// The tool as a teacher writes it: what [`tool`] reads.
    pub(super) fn told(&self) -> Value {
        let parameters = &self.tool["parameters"];
        let required = parameters["required"].as_array();
        let parameter = |(name, schema): (&String, &Value)| {
            let is_required = required.is_some_and(|required| required.iter().any(|known| known == name));
            let choices = schema["enum"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let choices = choices.collect::<Vec<_>>().join("|");
            let kind = match (choices.is_empty(), schema["items"]["type"].as_str(), schema["type"].as_str()) {
                (false, ..) => choices,
                (_, Some(item), _) => format!("{item}[]"),
                (.., kind) => kind.unwrap_or_default().to_owned(),
            };
            json!([format!("{name}{}: {kind}", if is_required { "" } else { "?" }), schema["description"]])
        };
        let parameters = parameters["properties"].as_object().into_iter().flatten().map(parameter);
        json!({
            "name": self.tool["name"],
            "description": self.tool["description"],
            "parameters": parameters.collect::<Vec<_>>(),
        })
    }

    /// Lets be left out what a request leaves out. What most requests say first stays required; those without it go.
    pub(super) fn require_what_is_said(&mut self) {
        let Some(properties) = self.tool["parameters"]["properties"].as_object() else { return };
        let says = |request: &InventedRequest, name: &String| request.arguments.contains_key(name);
        let count = |name: &String| self.requests.iter().filter(|request| says(request, name)).count();
        let most = properties.keys().map(count).max().unwrap_or_default();
        let Some(said) = properties.keys().find(|name| count(name) == most).cloned() else { return };
        self.requests.retain(|request| says(request, &said));
        let is_said = |name: &Value| {
            name.as_str().is_some_and(|name| self.requests.iter().all(|request| request.arguments.contains_key(name)))
        };
        if let Some(required) = self.tool["parameters"]["required"].as_array_mut() {
            required.retain(is_said);
            if required.is_empty() {
                required.push(said.into());
            }
        }
    }

    /// Whether a request for one may as well be for the other, as far as their names tell.
    pub(super) fn does_alike(&self, other: &Self) -> bool {
        let words = |record: &Self| -> HashSet<String> {
            record.name().split(['_', '.']).filter(|word| word.len() > 3).map(str::to_owned).collect()
        };
        let (one, other) = (words(self), words(other));
        2 * one.intersection(&other).count() >= one.len().min(other.len()).max(1) && !one.is_disjoint(&other)
    }

    /// The tool's name.
    pub fn name(&self) -> &str {
        self.tool["name"].as_str().unwrap_or_default()
    }
}

/// The definition of a tool from what the teacher wrote of it; none if that is no good one.
pub(super) fn tool(answer: &Value) -> Option<Value> {
    let description = answer["description"].as_str()?.trim();
    let name = answer["name"].as_str()?;
    let (mut properties, mut required) = (Map::new(), Vec::new());
    for parameter in answer["parameters"].as_array()? {
        let (name, kind) = parameter[0].as_str()?.split_once(": ")?;
        let is_required = !name.ends_with('?');
        let name = name.trim_end_matches('?');
        let mut schema = schema(kind)?;
        schema["description"] = json!(parameter[1].as_str()?.trim());
        if ["tool", "none"].contains(&name) || properties.insert(name.to_owned(), schema).is_some() {
            return None;
        }
        if is_required {
            required.push(name);
        }
    }
    (name != "none" && !required.is_empty() && is_latin(answer)).then(|| {
        json!({
            "name": name,
            "description": description,
            "parameters": {
                "type": "object", "properties": properties, "required": required, "additionalProperties": false,
            },
        })
    })
}

/// Whether all letters of an answer are those of Latin scripts: a teacher that slips into another one has lost the thread.
fn is_latin(answer: &Value) -> bool {
    answer.to_string().chars().all(|letter| (letter as u32) < 0x2200)
}

/// The JSON Schema of a type as signatures have it.
pub(super) fn schema(kind: &str) -> Option<Value> {
    if let Some(item) = kind.strip_suffix("[]") {
        return Some(json!({ "type": "array", "items": { "type": item } }));
    }
    if !kind.contains('|') {
        return Some(json!({ "type": kind }));
    }
    let choices: Vec<&str> = kind.split('|').collect();
    let distinct: HashSet<String> = choices.iter().map(|choice| choice.to_lowercase()).collect();
    (distinct.len() == choices.len()).then(|| json!({ "type": "string", "enum": choices }))
}
