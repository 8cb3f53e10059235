//! Conversations written by hand: what the user says, the calls that are right for it, and what the program answers.
//!
//! ```text
//! == en
//! U: lunch with Yasmine on friday at noon
//! A: create_event title="lunch with Yasmine" when="friday at noon"
//! R: Added “lunch with Yasmine” to your calendar: Friday, 4 December, 12:00 to 13:00.
//! U: make it half an hour earlier
//! A: move_event title="lunch with Yasmine" when="half an hour earlier"
//! ```
//!
//! Every value stands, letter for letter, in one earlier `U:` or `R:` line of its conversation, unless the list of tools says
//! that it is chosen or free. `A: talk` calls nothing.

use super::example::{Example, Message, Origin, Role};
use super::taken::Taken;
use crate::DataError;
use crate::lines::Call;
use serde_json::{Map, Value};

/// Words said in a turn from which on it tells one conversation from another: "thanks" and "no, the second" do not.
const TELLING_WORDS: usize = 6;

/// The word that stands for no call.
const TALK: &str = "talk";

/// The tools that conversations may call: a line each, with the names of its arguments in their order. `what=a|b` is one of
/// some choices, `expression=*` any text; all others are copied.
#[derive(Clone, Debug)]
pub struct ConversationTools(Vec<Tool>);

#[derive(Clone, Debug)]
struct Tool {
    name: String,
    arguments: Vec<(String, Argument)>,
}

#[derive(Clone, Debug)]
enum Argument {
    Copied,
    Chosen(Vec<String>),
    Free,
}

impl ConversationTools {
    /// Reads a list of tools; lines that begin with `#` say nothing.
    pub fn parse(text: &str) -> Self {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let argument = |word: &str| match word.split_once('=') {
            None => (word.to_owned(), Argument::Copied),
            Some((name, "*")) => (name.to_owned(), Argument::Free),
            Some((name, choices)) => {
                (name.to_owned(), Argument::Chosen(choices.split('|').map(str::to_owned).collect()))
            }
        };
        let tool = |line: &str| {
            let mut words = line.split_whitespace();
            let name = words.next().unwrap_or_default().to_owned();
            Tool { name, arguments: words.map(argument).collect() }
        };
        Self(lines.map(tool).collect())
    }

    /// Reads the call of a line, which copies from `said`, the newest text first.
    fn call(&self, line: &str, said: &[String]) -> Result<Option<Call>, String> {
        let (name, mut rest) = line.split_once(' ').unwrap_or((line, ""));
        if name == TALK {
            return if rest.is_empty() { Ok(None) } else { Err(format!("{TALK} has no arguments")) };
        }
        let tool = self.0.iter().find(|tool| tool.name == name).ok_or_else(|| format!("there is no tool {name}"))?;
        let mut known = tool.arguments.iter();
        let mut arguments = Map::new();
        while !rest.is_empty() {
            let (key, value, after) = argument(rest).ok_or_else(|| format!("`{rest}` is not name=\"value\""))?;
            let (_, kind) = known
                .find(|(known, _)| known == key)
                .ok_or_else(|| format!("{name} has no argument {key}, or not in this place"))?;
            let is_right = match kind {
                Argument::Copied => !value.trim().is_empty() && said.iter().any(|text| text.contains(value)),
                Argument::Chosen(choices) => choices.iter().any(|choice| choice == value),
                Argument::Free => !value.trim().is_empty(),
            };
            if !is_right {
                return Err(format!(
                    "\"{value}\" stands in no line before, letter for letter, and is no choice of {key}"
                ));
            }
            arguments.insert(key.to_owned(), Value::from(value));
            rest = after;
        }
        Ok(Some(Call { name: name.to_owned(), arguments }))
    }
}

/// The first argument of a text, its value with or without quotes, and what follows it.
fn argument(text: &str) -> Option<(&str, &str, &str)> {
    let (key, rest) = text.split_once('=')?;
    let (value, rest) = match rest.strip_prefix('"') {
        Some(quoted) => quoted.split_once('"')?,
        None => rest.split_at(rest.find(' ').unwrap_or(rest.len())),
    };
    match rest.strip_prefix(' ') {
        Some(rest) => Some((key, value, rest)),
        None => rest.is_empty().then_some((key, value, "")),
    }
}

/// A conversation while it is read.
#[derive(Default)]
struct Reading {
    language: String,
    line: usize,
    messages: Vec<Message>,
    /// What was said, the newest first.
    said: Vec<String>,
    /// The last lines that were no words of the user's: calls, then outputs.
    calls: Vec<Call>,
    outputs: Vec<String>,
    has_answer: bool,
}

impl Reading {
    fn take(&mut self, mark: &str, words: &str, tools: &ConversationTools) -> Result<(), String> {
        let is_users_turn = self.messages.is_empty() || (self.has_answer && !self.outputs.is_empty());
        match mark {
            "U" if is_users_turn => {
                self.end_turn();
                self.messages.push(Message::new(Role::User, words));
                self.said.insert(0, words.to_owned());
            }
            "A" if !self.messages.is_empty() && self.outputs.is_empty() => {
                self.calls.extend(tools.call(words, &self.said)?);
                self.has_answer = true;
            }
            "R" if self.has_answer => {
                self.outputs.push(words.to_owned());
                self.said.insert(0, words.to_owned());
            }
            "U" | "A" | "R" => return Err(format!("`{mark}:` does not stand here: U, then A, then R, then U …")),
            _ => return Err("begins with none of ==, U:, A: and R:".to_owned()),
        }
        Ok(())
    }

    /// The calls and what was answered become messages.
    fn end_turn(&mut self) {
        if self.has_answer {
            self.messages.push(Message::of_calls(std::mem::take(&mut self.calls)));
            self.messages.push(Message::new(Role::Tool, std::mem::take(&mut self.outputs).join("\n")));
            self.has_answer = false;
        }
    }

    /// The whole, if it has an end.
    fn finish(self, file: &str) -> Result<Option<Example>, DataError> {
        if self.messages.is_empty() {
            return Ok(None);
        }
        if !self.has_answer {
            return Err(DataError::line(file, self.line, "the conversation ends without A:".to_owned()));
        }
        let template = format!("{file}:{}", self.line);
        let origin = Origin { language: self.language, template, question: None };
        Ok(Some(Example { messages: self.messages, tools: Vec::new(), calls: self.calls, origin }))
    }
}

/// Reads the conversations of a file; those in which somebody says what models are judged by are left out.
///
/// # Errors
/// With file and line: a call of no tool, a value that nobody said, turns out of order.
pub fn read_conversations(
    file: &str,
    text: &str,
    tools: &ConversationTools,
    taken: &Taken,
) -> Result<Vec<Example>, DataError> {
    let (mut examples, mut reading) = (Vec::new(), Reading::default());
    for (line, words) in text.lines().enumerate().map(|(index, words)| (index + 1, words.trim_end())) {
        if words.is_empty() || words.starts_with('#') {
            continue;
        }
        if let Some(language) = words.strip_prefix("==") {
            let next = Reading { language: language.trim().to_owned(), line, ..Reading::default() };
            examples.extend(std::mem::replace(&mut reading, next).finish(file)?);
            continue;
        }
        let (mark, words) = words.split_once(": ").unwrap_or((words, ""));
        reading.take(mark, words, tools).map_err(|problem| DataError::line(file, line, problem))?;
    }
    examples.extend(reading.finish(file)?);
    let is_judged = |example: &Example| {
        let telling = |words: &&str| words.split_whitespace().count() >= TELLING_WORDS;
        example.words().filter(telling).any(|words| taken.is_judged(words) || taken.is_nearly_judged(words))
    };
    examples.retain(|example| !is_judged(example));
    Ok(examples)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const TOOLS: &str = "# tools\ncreate_event title when\ncannot what=music|mail\ncalculate expression=*\n";

    fn read(text: &str) -> Result<Vec<Example>, String> {
        let tools = ConversationTools::parse(TOOLS);
        read_conversations("f", text, &tools, &Taken::default()).map_err(|error| error.to_string())
    }

    #[test]
    fn turns_are_messages_and_the_last_calls_are_the_answer() {
        let text = "== en\nU: lunch at noon\nA: create_event title=\"lunch\" when=\"noon\"\nA: cannot what=music\nR: a\nR: b\n\
            U: thanks\nA: talk\nR: Sure.\nU: and 2 and 2\nA: calculate expression=\"2 + 2\"\n\n== fr\nU: merci\nA: talk\n";
        let read = read(text).unwrap();
        let line = serde_json::to_value(&read[0]).unwrap();
        let call = |name: &str, arguments: Value| json!({"name": name, "arguments": arguments});
        assert_eq!(
            line["messages"],
            json!([
                {"role": "user", "content": "lunch at noon"},
                {"role": "assistant", "calls": [call("create_event", json!({"title": "lunch", "when": "noon"})),
                    call("cannot", json!({"what": "music"}))]},
                {"role": "tool", "content": "a\nb"},
                {"role": "user", "content": "thanks"},
                {"role": "assistant", "calls": []},
                {"role": "tool", "content": "Sure."},
                {"role": "user", "content": "and 2 and 2"},
            ])
        );
        assert_eq!(line["calls"], json!([call("calculate", json!({"expression": "2 + 2"}))]));
        assert_eq!(line["meta"], json!({"language": "en", "template": "f:1"}));
        assert_eq!((read.len(), read[1].calls.len()), (2, 0));
    }

    #[test]
    fn mistakes_have_a_place() {
        for (line, problem) in [
            ("A: sing", "no tool sing"),
            ("A: create_event title=\"dinner\"", "letter for letter"),
            ("A: create_event when=\"noon\" title=\"lunch\"", "not in this place"),
            ("A: create_event title=\"lunch", "is not name"),
            ("A: cannot what=weather", "no choice"),
            ("A: talk now=\"a\"", "no arguments"),
            ("R: a", "does not stand here"),
            ("hello", "begins with none"),
        ] {
            let error = read(&format!("== en\nU: lunch at noon\n{line}\n")).unwrap_err();
            assert!(error.contains("line 3") && error.contains(problem), "{line}: {error}");
        }
        assert!(read("== en\nU: a\n== en\nU: b\nA: talk\n").unwrap_err().contains("ends without"));
    }
}
