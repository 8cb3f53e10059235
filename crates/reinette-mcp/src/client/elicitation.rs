//! What a server wants to know from the user while it works.

use crate::text;
use reinette::Question;
use rmcp::model::{ElicitRequestParams, ElicitResult, ElicitationAction};
use serde_json::{Map, Value};
use std::fmt;
use std::future::Future;
use std::pin::Pin;

/// The most of a server's words that a question shows.
const MAX_WORDS_BYTES: usize = 4 << 10;

/// The most fields of one form, and the most choices of one field.
const MAX_FIELDS: usize = 32;
const MAX_CHOICES: usize = 100;

/// A form that a server wants the user to fill in.
#[derive(Clone, Debug, PartialEq)]
pub struct Form {
    /// The server.
    pub server: String,
    /// What it says.
    pub message: String,
    /// What it wants to know. With nothing here it wants a yes or a no.
    pub fields: Vec<Field>,
}

/// A thing that a server wants to know.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// The name that the answer carries.
    pub name: String,
    /// How people call it.
    pub title: String,
    /// What it means, if the server says.
    pub description: Option<String>,
    /// What it may be.
    pub kind: FieldKind,
    /// Whether the form can be sent without it.
    pub is_required: bool,
    /// What it is unless the user says otherwise.
    pub default: Option<Value>,
}

/// What a field may be.
#[derive(Clone, Debug, PartialEq)]
pub enum FieldKind {
    /// Words.
    Text,
    /// A number.
    Number,
    /// A whole number.
    Integer,
    /// Yes or no.
    Boolean,
    /// One of these.
    One(Vec<FieldChoice>),
    /// Some of these.
    Several(Vec<FieldChoice>),
}

/// A choice of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldChoice {
    /// What the answer carries.
    pub value: String,
    /// What people read.
    pub title: String,
}

/// What the user answered.
#[derive(Clone, Debug, PartialEq)]
pub enum FormAnswer {
    /// The values by the names of their fields.
    Filled(Map<String, Value>),
    /// No.
    Declined,
    /// The user went away without an answer.
    Dismissed,
}

/// What a server tells of its work.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// How far it is.
    pub done: f64,
    /// Where it will be at the end, if it knows.
    pub total: Option<f64>,
    /// In words.
    pub message: Option<String>,
}

/// A user's answer to a form, on its way.
pub type FormFuture = Pin<Box<dyn Future<Output = FormAnswer> + Send>>;

/// Whoever can show a user what servers ask and tell.
pub trait Frontend: Send + Sync + 'static {
    /// Whether there is a user who can be asked. Servers are told, and may do without.
    fn can_ask(&self) -> bool {
        true
    }

    /// Asks the user.
    fn ask(&self, form: Form) -> FormFuture;

    /// Tells the user how far a server's work is.
    fn progress(&self, server: &str, progress: Progress) {
        let _ = (server, progress);
    }
}

/// Nobody there: servers are told that they cannot ask.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nobody;

impl Frontend for Nobody {
    fn can_ask(&self) -> bool {
        false
    }

    fn ask(&self, _: Form) -> FormFuture {
        Box::pin(std::future::ready(FormAnswer::Declined))
    }
}

impl Form {
    /// Reads what a server asks; `None` if it asks in a way that was not offered.
    pub(crate) fn read(server: &str, params: &ElicitRequestParams) -> Option<Self> {
        let ElicitRequestParams::FormElicitationParams { message, requested_schema, .. } = params else { return None };
        let schema = serde_json::to_value(requested_schema).ok()?;
        let required: Vec<&str> =
            schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let properties = schema["properties"].as_object().into_iter().flatten().take(MAX_FIELDS);
        let fields = properties.map(|(name, property)| Field::read(name, property, required.contains(&name.as_str())));
        let message = text::bounded(message, MAX_WORDS_BYTES);
        Some(Self { server: server.to_owned(), message, fields: fields.collect() })
    }

    /// The values of fields about which a user need not say anything.
    pub(crate) fn defaults(&self) -> Map<String, Value> {
        self.fields.iter().filter_map(|field| Some((field.name.clone(), field.default.clone()?))).collect()
    }

    /// The form as one question with choices, if it is that: a yes or no, or one field with choices.
    pub fn as_question(&self) -> Option<Question> {
        let labels = match &self.fields[..] {
            [] | [Field { kind: FieldKind::Boolean, .. }] => vec!["Yes".to_owned(), "No".to_owned()],
            [Field { kind: FieldKind::One(choices), .. }] => {
                choices.iter().map(|choice| choice.title.clone()).collect()
            }
            _ => return None,
        };
        let are_different = labels.iter().enumerate().all(|(index, label)| !labels[..index].contains(label));
        are_different.then(|| Question { text: self.to_string(), choices: labels })
    }

    /// The answer that the choice with this index means, of a form that is a [question](Self::as_question).
    pub fn chosen(&self, choice: Option<usize>) -> FormAnswer {
        let Some(choice) = choice else { return FormAnswer::Dismissed };
        let value = match &self.fields[..] {
            [] if choice == 0 => return FormAnswer::Filled(Map::new()),
            [Field { kind: FieldKind::Boolean, .. }] => Some(Value::Bool(choice == 0)),
            [Field { kind: FieldKind::One(choices), .. }] => {
                choices.get(choice).map(|choice| choice.value.clone().into())
            }
            _ => None,
        };
        match (value, self.fields.first()) {
            (Some(value), Some(field)) => FormAnswer::Filled(Map::from_iter([(field.name.clone(), value)])),
            _ => FormAnswer::Declined,
        }
    }
}

impl fmt::Display for Form {
    /// The question as it may be shown: who asks, and what.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { server, message, fields } = self;
        write!(formatter, "The MCP server `{server}` asks: {message}")?;
        match &fields[..] {
            [Field { title, description, .. }] => {
                let about = description.as_ref().unwrap_or(title);
                write!(formatter, " ({about})")
            }
            _ => Ok(()),
        }
    }
}

impl Field {
    fn read(name: &str, schema: &Value, is_required: bool) -> Self {
        let words = |keyword: &str| schema[keyword].as_str().map(|words| text::bounded(words, MAX_WORDS_BYTES));
        let kind = match schema["type"].as_str() {
            Some("boolean") => FieldKind::Boolean,
            Some("integer") => FieldKind::Integer,
            Some("number") => FieldKind::Number,
            Some("array") => FieldKind::Several(choices(&schema["items"])),
            _ => match choices(schema) {
                choices if choices.is_empty() => FieldKind::Text,
                choices => FieldKind::One(choices),
            },
        };
        Self {
            name: name.to_owned(),
            title: words("title").unwrap_or_else(|| text::bounded(name, MAX_WORDS_BYTES)),
            description: words("description"),
            kind,
            is_required,
            default: schema.get("default").cloned(),
        }
    }
}

/// The choices of a schema: titled under `oneOf` or `anyOf`, or plain under `enum`, with `enumNames` of old.
fn choices(schema: &Value) -> Vec<FieldChoice> {
    let titled = schema["oneOf"].as_array().or(schema["anyOf"].as_array()).into_iter().flatten();
    let titled = titled.filter_map(|choice| Some((choice["const"].as_str()?, choice["title"].as_str())));
    let plain = schema["enum"].as_array().into_iter().flatten().enumerate();
    let plain = plain.filter_map(|(index, value)| Some((value.as_str()?, schema["enumNames"][index].as_str())));
    let choice = |(value, title): (&str, Option<&str>)| FieldChoice {
        value: value.to_owned(),
        title: text::bounded(title.unwrap_or(value), MAX_WORDS_BYTES),
    };
    titled.chain(plain).take(MAX_CHOICES).map(choice).collect()
}

impl FormAnswer {
    /// The answer with the values that were left out.
    pub(crate) fn or_defaults(self, mut values: Map<String, Value>) -> Self {
        match self {
            Self::Filled(given) => {
                values.extend(given);
                Self::Filled(values)
            }
            other => other,
        }
    }
}

impl From<FormAnswer> for ElicitResult {
    fn from(answer: FormAnswer) -> Self {
        match answer {
            FormAnswer::Filled(values) => Self::new(ElicitationAction::Accept).with_content(Value::Object(values)),
            FormAnswer::Declined => Self::new(ElicitationAction::Decline),
            FormAnswer::Dismissed => Self::new(ElicitationAction::Cancel),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn form(schema: &Value) -> Form {
        let params = json!({"message": "Which\u{1b}[2J?", "requestedSchema": schema});
        Form::read("shop", &serde_json::from_value(params).unwrap()).unwrap()
    }

    #[test]
    fn one_field_with_choices_is_a_question() {
        let titled = json!({"type": "object", "properties": {"size": {"type": "string", "oneOf": [
            {"const": "s", "title": "Small"}, {"const": "l", "title": "Large"}]}}, "required": ["size"]});
        let form = form(&titled);
        let question = form.as_question().unwrap();
        assert_eq!(question.choices, ["Small", "Large"]);
        assert_eq!(question.text, "The MCP server `shop` asks: Which[2J? (size)");
        assert_eq!(form.chosen(Some(1)), FormAnswer::Filled(Map::from_iter([("size".into(), "l".into())])));
        assert_eq!(form.chosen(Some(2)), FormAnswer::Declined);
        assert_eq!(form.chosen(None), FormAnswer::Dismissed);
    }

    #[test]
    fn a_form_without_fields_is_a_yes_or_no() {
        let form = form(&json!({"type": "object", "properties": {}}));
        assert_eq!(form.as_question().unwrap().choices, ["Yes", "No"]);
        assert_eq!(form.chosen(Some(0)), FormAnswer::Filled(Map::new()));
        assert_eq!(form.chosen(Some(1)), FormAnswer::Declined);
    }

    #[test]
    fn what_is_left_out_has_its_default() {
        let form = form(&json!({"type": "object", "properties": {
            "size": {"type": "string", "default": "large"}, "count": {"type": "integer", "default": 2}}}));
        let answer = FormAnswer::Filled(Map::from_iter([("count".into(), json!(3))])).or_defaults(form.defaults());
        let FormAnswer::Filled(values) = answer else { panic!("{answer:?}") };
        assert_eq!(Value::Object(values), json!({"size": "large", "count": 3}));
        assert_eq!(FormAnswer::Declined.or_defaults(form.defaults()), FormAnswer::Declined);
    }

    #[test]
    fn a_longer_form_keeps_its_fields() {
        let form = form(&json!({"type": "object", "properties": {
            "name": {"type": "string", "title": "Your name"}, "age": {"type": "integer"}, "sure": {"type": "boolean"},
            "tags": {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}}}, "required": ["name"]}));
        assert!(form.as_question().is_none());
        let kinds: Vec<_> = form.fields.iter().map(|field| (field.title.as_str(), field.is_required)).collect();
        assert_eq!(kinds, [("Your name", true), ("age", false), ("sure", false), ("tags", false)]);
        assert!(matches!(&form.fields[3].kind, FieldKind::Several(choices) if choices.len() == 2));
    }
}
