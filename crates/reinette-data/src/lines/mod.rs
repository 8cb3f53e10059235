//! Lines of training data: JSON Lines in UTF-8, read as a stream and checked.
//!
//! | form | line | what is learned |
//! |---|---|---|
//! | chat | `{"messages": [turn, …]}` | the last turn, the assistant's |
//! | tools | `{"messages": […], "calls": [{"name": …, "arguments": {…}}, …], "tools": […]}` | the calls, as the call grammar has them |
//! | completions | `{"prompt": …, "completion": …}` | the completion, after the bare prompt |
//! | text | `{"text": …}` | all of it |
//! | any of these | the same and `"teacher": {"tokens": …, "log_probabilities": …}` | what a teacher finds likely, too (`reinette train teach`) |
//! | preference | `{"messages": [turn, …], "chosen": …, "rejected": …}`, or `"prompt"` for the messages | to prefer one answer to another |
//!
//! `OpenAI`'s lines (content in parts, `tool_calls` in the last turn, `tools`), `ShareGPT`'s (`conversations`) and Alpaca's
//! (`instruction`, `input`, `output`) are read as the chat or the calls that they mean; the latter two also as an array.

mod calls;
mod foreign;
mod records;

pub use calls::calls_text;
pub use records::Records;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A line: which form it has shows by its fields.
#[derive(Clone, Debug, PartialEq)]
pub enum Line {
    /// What the last user's words ask for, as calls of tools.
    Tools(Tools),
    /// A conversation whose last turn, the assistant's, is learned.
    Chat(Chat),
    /// Text, and how it goes on.
    Completion(Completion),
    /// Text, all of which is learned.
    Text(Text),
    /// A conversation, or a bare text, with two answers of which one is better.
    Preference(Preference),
}

/// Words, and the calls that they ask for.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tools {
    /// The turns; the last is the user's.
    pub messages: Vec<Turn>,
    /// The tools on offer; none where the model knows them by heart.
    #[serde(default, rename = "tools")]
    pub offered: Vec<Tool>,
    /// The right calls; none if no tool is needed.
    pub calls: Vec<Call>,
    /// Anything that people or other programs want to know of the example.
    #[serde(default, rename = "meta")]
    _meta: IgnoredAny,
}

/// A conversation whose last turn is learned.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chat {
    /// The turns; the last is the assistant's.
    pub messages: Vec<Turn>,
}

/// A text, and how it goes on.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Completion {
    /// The text before it.
    pub prompt: String,
    /// How it goes on.
    pub completion: String,
}

/// A text, all of which is learned.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Text {
    /// The text.
    pub text: String,
}

/// A conversation, or a bare text, with two answers of which one is better.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preference {
    /// The turns, of which the last is the user's; empty where there is a prompt.
    #[serde(default)]
    pub messages: Vec<Turn>,
    /// A bare text in their place.
    pub prompt: Option<String>,
    /// The better answer.
    pub chosen: String,
    /// The other one.
    pub rejected: String,
}

/// What somebody says.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Turn {
    /// Who says it: `system`, `user` or `assistant`; `tool` before the calls of the form `tools`.
    pub role: String,
    /// What is said.
    #[serde(default)]
    pub content: String,
    /// In its place, the calls that the assistant made, which are learned like the last ones.
    #[serde(default)]
    pub calls: Option<Vec<Call>>,
}

/// A tool on offer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// What it does.
    #[serde(default)]
    pub description: String,
    /// The schema of its arguments.
    #[serde(default)]
    pub parameters: Value,
}

/// A call of a tool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// The tool.
    pub name: String,
    /// Its arguments, in the order in which the tool names them.
    #[serde(default)]
    pub arguments: Map<String, Value>,
}

/// The field of a line that a teacher has added.
const TEACHER: &str = "teacher";

/// Tokens and their shares in what is learned in one place, which make up 1 at most.
pub type Shares = Vec<(u32, f32)>;

/// What a teacher finds likely in the place of each token of the answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Taught {
    /// The likeliest tokens.
    pub tokens: Vec<Vec<u32>>,
    /// How likely they are, as natural logarithms.
    pub log_probabilities: Vec<Vec<f32>>,
}

impl Taught {
    /// A line with this in place of what a teacher may have said of it before.
    ///
    /// # Errors
    /// If it is no JSON object.
    pub fn added_to(&self, line: &str) -> Result<String, String> {
        let mut fields: Map<String, Value> =
            serde_json::from_str(line).map_err(|error| format!("is not JSON: {error}"))?;
        fields.insert(TEACHER.to_owned(), serde_json::to_value(self).map_err(|error| error.to_string())?);
        Ok(Value::Object(fields).to_string())
    }

    /// The shares that the teacher's tokens have in what is learned: together `weight` at each place.
    ///
    /// # Errors
    /// If it does not speak of `n_places` places, or of tokens that a vocabulary of this size does not have.
    pub fn shares(&self, n_places: usize, vocab_size: usize, weight: f64) -> Result<Vec<Shares>, String> {
        let places = self.tokens.len();
        if places != n_places || self.log_probabilities.len() != n_places {
            return Err(format!(
                "{TEACHER} speaks of {places} tokens, the answer has {n_places}: it was taught with another template or model"
            ));
        }
        let place = |(tokens, logs): (&Vec<u32>, &Vec<f32>)| {
            let is_known = tokens.iter().all(|token| (*token as usize) < vocab_size);
            if tokens.len() != logs.len() || !is_known || !logs.iter().all(|log| log.is_finite()) {
                return Err(format!("{TEACHER} names tokens that the model does not have, or not how likely they are"));
            }
            let greatest = logs.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let powers: Vec<f64> = logs.iter().map(|log| f64::from(log - greatest).exp()).collect();
            let total: f64 = powers.iter().sum();
            #[expect(clippy::cast_possible_truncation, reason = "shares need no more than f32")]
            let share = |power: f64| (weight * power / total) as f32;
            Ok(tokens.iter().copied().zip(powers.into_iter().map(share)).collect())
        };
        self.tokens.iter().zip(&self.log_probabilities).map(place).collect()
    }
}

/// The type of a value, for error messages.
fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// The forms, for people who wrote something else.
const FORMS: &str = "write {\"messages\": [{\"role\": …, \"content\": …}, …]} (chat), the same with \"calls\": \
    [{\"name\": …, \"arguments\": {…}}, …] and perhaps \"tools\" (tools), {\"prompt\": …, \"completion\": …}, {\"text\": …}, or \
    messages or a prompt with \"chosen\" and \"rejected\" answers";

impl Line {
    /// Reads a line and checks what its form demands; gives what a teacher said of it, too.
    ///
    /// # Errors
    /// What is wrong with the line, and what to write instead.
    pub fn parse(text: &str) -> Result<(Self, Option<Taught>), String> {
        let mut value: Value = serde_json::from_str(text).map_err(|error| {
            let hint = if error.is_eof() { "; an object has to end on the line on which it begins" } else { "" };
            format!("is not JSON: {error}{hint}")
        })?;
        let taught = value.as_object_mut().and_then(|fields| fields.shift_remove(TEACHER));
        let taught = taught.map(serde_json::from_value).transpose().map_err(|error| format!("{TEACHER}: {error}"))?;
        Ok((Self::of(foreign::ours(value)?)?, taught))
    }

    fn of(value: Value) -> Result<Self, String> {
        let Some(fields) = value.as_object() else { return Err(format!("is no object: {FORMS}")) };
        for name in ["text", "prompt", "completion", "chosen", "rejected"] {
            if let Some(other) = fields.get(name).filter(|value| !value.is_string()) {
                return Err(format!("`{name}` is {}, not text", kind_of(other)));
            }
        }
        // The field that a form has alone chooses it.
        let has = |name| fields.contains_key(name);
        let form = |error: serde_json::Error| format!("{error}; {FORMS}");
        let line = if has("chosen") || has("rejected") {
            Self::Preference(serde_json::from_value(value).map_err(form)?)
        } else if has("calls") {
            Self::Tools(serde_json::from_value(value).map_err(form)?)
        } else if has("messages") {
            Self::Chat(serde_json::from_value(value).map_err(form)?)
        } else if has("prompt") {
            Self::Completion(serde_json::from_value(value).map_err(form)?)
        } else {
            Self::Text(serde_json::from_value(value).map_err(form)?)
        };
        line.check()?;
        Ok(line)
    }

    fn check(&self) -> Result<(), String> {
        let turns = match self {
            Self::Completion(Completion { completion, .. }) if completion.is_empty() => {
                return Err("the completion is empty: there is nothing to learn".to_owned());
            }
            Self::Text(Text { text }) if text.is_empty() => {
                return Err("the text is empty: there is nothing to learn".to_owned());
            }
            Self::Preference(Preference { chosen, rejected, .. }) if chosen == rejected => {
                return Err("both answers are the same: there is nothing to prefer".to_owned());
            }
            Self::Preference(Preference { messages, prompt: Some(_), .. }) if !messages.is_empty() => {
                return Err("has messages and a prompt: write one of them".to_owned());
            }
            Self::Completion(_) | Self::Text(_) | Self::Preference(Preference { prompt: Some(_), .. }) => return Ok(()),
            Self::Tools(Tools { messages, .. })
            | Self::Chat(Chat { messages })
            | Self::Preference(Preference { messages, .. }) => messages,
        };
        let (is_about_tools, roles) = match self {
            Self::Tools(_) => (true, "system, user, assistant or tool"),
            _ => (false, "system, user or assistant"),
        };
        for (index, Turn { role, calls, .. }) in turns.iter().enumerate() {
            let is_known =
                ["system", "user", "assistant"].contains(&role.as_str()) || (is_about_tools && role == "tool");
            if !is_known {
                return Err(format!("`messages[{index}].role` is {role:?}: write {roles}"));
            }
            if calls.is_some() && !(is_about_tools && role == "assistant") {
                return Err(format!(
                    "`messages[{index}].calls`: only the assistant calls tools, in lines with `calls` at their end"
                ));
            }
        }
        let (wanted, form) = match self {
            Self::Chat(_) => ("assistant", "chat"),
            Self::Preference(_) => ("user", "preference"),
            _ => ("user", "tools"),
        };
        match turns.last() {
            Some(last) if last.role == wanted => self.check_calls(),
            Some(last) => {
                let role = &last.role;
                Err(format!("the last turn is the {role}'s: in the form {form} it has to be the {wanted}'s"))
            }
            None => Err("has no turns".to_owned()),
        }
    }

    /// Calls are of tools that are on offer, where any are.
    fn check_calls(&self) -> Result<(), String> {
        let Self::Tools(Tools { messages, offered, calls, .. }) = self else { return Ok(()) };
        let unknown = |call: &&Call| !offered.is_empty() && !offered.iter().any(|tool| tool.name == call.name);
        let earlier = messages.iter().filter_map(|turn| turn.calls.as_ref()).flatten();
        match earlier.chain(calls).find(unknown) {
            Some(call) => Err(format!("{:?} is called but not among the tools", call.name)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    fn line(text: &str) -> Result<Line, String> {
        Line::parse(text).map(|(line, _)| line)
    }

    #[test]
    fn a_teacher_shares_what_is_learned() {
        let text = r#"{"text": "a", "teacher": {"tokens": [[3, 1], []], "log_probabilities": [[-0.5, -0.5], []]}}"#;
        let (_, taught) = Line::parse(text).unwrap();
        let taught = taught.unwrap();
        assert_eq!(taught.shares(2, 4, 0.5).unwrap(), [vec![(3, 0.25), (1, 0.25)], vec![]]);
        assert!(taught.shares(3, 4, 0.5).unwrap_err().contains("another template"));
        assert!(taught.shares(2, 3, 0.5).unwrap_err().contains("does not have"));
        assert!(Line::parse(r#"{"text": "a", "teacher": 1}"#).unwrap_err().contains("teacher"));
    }

    #[test]
    fn a_teacher_takes_the_place_of_another() {
        let taught = Taught { tokens: vec![vec![3]], log_probabilities: vec![vec![-0.5]] };
        let line = taught.added_to(r#"{"text": "a", "teacher": 1}"#).unwrap();
        assert_eq!(Line::parse(&line), Ok((Line::Text(Text { text: "a".to_owned() }), Some(taught.clone()))));
        assert!(taught.added_to("[").unwrap_err().contains("is not JSON"));
    }

    #[test]
    fn the_four_forms() {
        let turn = |role: &str, content: &str| Turn { role: role.to_owned(), content: content.to_owned(), calls: None };
        let chat = r#"{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}"#;
        let messages = vec![turn("user", "Hi"), turn("assistant", "Hello")];
        assert_eq!(line(chat), Ok(Line::Chat(Chat { messages })));
        let tools =
            r#"{"messages": [{"role": "user", "content": "6 am"}], "calls": [{"name": "a", "arguments": {"x": 1}}]}"#;
        let Ok(Line::Tools(Tools { calls, .. })) = line(tools) else { panic!("tools") };
        assert_eq!(calls[0].arguments["x"], 1);
        let completion = Completion { prompt: "1 + 1 =".to_owned(), completion: " 2".to_owned() };
        assert_eq!(line(r#"{"prompt": "1 + 1 =", "completion": " 2"}"#), Ok(Line::Completion(completion)));
        assert_eq!(line(r#"{"text": "a"}"#), Ok(Line::Text(Text { text: "a".to_owned() })));
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (line, reason) in [
            ("{", "is not JSON"),
            ("[]", "is no object"),
            ("{}", "missing field `text`"),
            (r#"{"text": ""}"#, "nothing to learn"),
            (r#"{"text": "a", "txet": "b"}"#, "unknown field `txet`"),
            (r#"{"prompt": "a", "completion": ""}"#, "nothing to learn"),
            (r#"{"messages": []}"#, "no turns"),
            (r#"{"messages": [{"role": "user", "content": "a"}]}"#, "has to be the assistant's"),
            (r#"{"messages": [{"role": "me", "content": "a"}]}"#, "\"me\""),
            (r#"{"messages": [{"role": "assistant", "content": "a"}], "calls": []}"#, "has to be the user's"),
            (r#"{"prompt": "a", "chosen": "b"}"#, "missing field `rejected`"),
            (r#"{"prompt": "a", "chosen": "b", "rejected": "b"}"#, "nothing to prefer"),
            (r#"{"chosen": "b", "rejected": "c"}"#, "no turns"),
            (r#"{"messages": [{"role": "assistant", "content": "a"}], "chosen": "b", "rejected": "c"}"#, "the user's"),
            (
                r#"{"messages": [{"role": "user", "content": "a"}], "tools": [{"name": "x"}], "calls": [{"name": "y"}]}"#,
                "\"y\" is called",
            ),
        ] {
            let problem = Line::parse(line).unwrap_err();
            assert!(problem.contains(reason), "{line}: {problem}");
        }
    }

    #[test]
    fn damaged_lines_are_refused_or_harmless() {
        let whole = r#"{"messages": [{"role": "user", "content": "6 \u00e9 \ud83d\ude00"}], "tools": [{"name": "a", "parameters": {}}],
            "calls": [{"name": "a", "arguments": {"x": [1e9, null, {"y": "z"}]}}], "meta": 1}"#;
        assert!(Line::parse(whole).is_ok());
        let mut random = Random::new(1, 0);
        let mut read = 0;
        for _ in 0..2000 {
            let mut bytes = whole.as_bytes().to_vec();
            for _ in 0..=random.below(3) {
                let place = random.below(bytes.len());
                match random.below(3) {
                    0 => bytes.truncate(place.max(1)),
                    1 => bytes[place] = b"{}[]\",:0a"[random.below(9)],
                    _ => bytes.extend_from_within(place..),
                }
            }
            read += usize::from(Line::parse(&String::from_utf8_lossy(&bytes)).is_ok());
        }
        assert!((1..1000).contains(&read), "{read} of 2000 damaged lines were read");
    }
}
