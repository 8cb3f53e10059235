//! The tools as they are offered for one request.
//!
//! What a model says for a time must be one of those that the user said. The time language knows which words of the request
//! do, so those are all that the model can choose among; where there is only one such expression, nothing is left to choose,
//! and where there is none, an argument that may be left out is left out. What was said of time and is not understood as a
//! whole is offered as it was said: the app then tells what it did not understand. In the same way nothing can be calculated
//! from words that hold neither a quantity nor a date.

use reinette::{Schema, ToolDefinition};
use reinette_time::calculator::holds_quantities;
use reinette_time::{Clock, Expression, Purpose, lengths_in, moments_in};
use serde_json::{Value, json};
use std::cell::{LazyCell, RefCell};

/// What a time is for, by the tool that is called with it.
pub(crate) fn purpose(tool: &str) -> Purpose {
    match tool {
        "set_alarm" => Purpose::Alarm,
        "list_events" => Purpose::Search,
        "create_reminder" => Purpose::Reminder,
        "move_event" => Purpose::Move,
        _ => Purpose::Event,
    }
}

/// Offers tools for a request: arguments that are times can only be expressions of time that the words hold.
pub(crate) fn offer(tools: &[ToolDefinition], words: &str, clock: &Clock) -> Vec<ToolDefinition> {
    let said = Said::new(words, clock);
    tools.iter().map(|tool| narrow(tool, &said)).collect()
}

/// The times that the words of a request hold, each kind looked for once.
struct Said<'a> {
    words: &'a str,
    clock: &'a Clock,
    moments: RefCell<Vec<(Purpose, Vec<&'a str>)>>,
    durations: LazyCell<Vec<&'a str>, Box<dyn FnOnce() -> Vec<&'a str> + 'a>>,
}

impl<'a> Said<'a> {
    fn new(words: &'a str, clock: &'a Clock) -> Self {
        let durations = LazyCell::new(Box::new(move || durations(words)) as Box<dyn FnOnce() -> _>);
        Self { words, clock, moments: RefCell::default(), durations }
    }

    fn moments(&self, purpose: Purpose) -> Vec<&'a str> {
        let known = self.moments.borrow().iter().find(|(known, _)| *known == purpose).map(|(_, found)| found.clone());
        known.unwrap_or_else(|| {
            let found = times(self.words, purpose, self.clock);
            self.moments.borrow_mut().push((purpose, found.clone()));
            found
        })
    }

    fn holds_nothing_to_calculate(&self) -> bool {
        !holds_quantities(self.words) && self.moments(Purpose::Event).is_empty() && self.durations.is_empty()
    }
}

fn narrow(tool: &ToolDefinition, said: &Said<'_>) -> ToolDefinition {
    let mut schema = tool.parameters.as_json().clone();
    let mut narrowed = tool.clone();
    let expressions = |argument: &str| match argument {
        "when" => Some(said.moments(purpose(&tool.name))),
        "duration" => Some(said.durations.clone()),
        _ => None,
    };
    let required: Vec<Value> = schema["required"].as_array().cloned().unwrap_or_default();
    let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) else { return narrowed };
    for (name, property) in properties {
        match expressions(name) {
            Some(found) if !found.is_empty() => *property = json!({"enum": found}),
            // What has to be said stays free: the app will say what it did not understand.
            Some(_) if required.iter().any(|required| required == name) => {}
            // The argument keeps its name, so that the tool is described in the same words for every request.
            Some(_) => *property = Value::Bool(false),
            None if name == "expression" && said.holds_nothing_to_calculate() => *property = Value::Bool(false),
            None => {}
        }
    }
    narrowed.parameters = Schema::new(schema);
    narrowed
}

/// What the words say of time, in their order, whether it is understood or not.
pub(crate) fn times<'a>(words: &'a str, purpose: Purpose, clock: &Clock) -> Vec<&'a str> {
    texts(words, moments_in(words, clock, purpose))
}

/// What the words say of lengths of time, in their order, whether it is understood or not.
pub(crate) fn durations(words: &str) -> Vec<&str> {
    texts(words, lengths_in(words))
}

fn texts(words: &str, found: Vec<Expression>) -> Vec<&str> {
    found.into_iter().map(|expression| &words[expression.range]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock() -> Clock {
        Clock { now: "2026-03-11T10:15:00+01:00[Europe/Paris]".parse().unwrap() }
    }

    fn times(words: &str) -> Vec<&str> {
        super::times(words, Purpose::Event, &clock())
    }

    #[test]
    fn what_is_said_of_time_is_found() {
        assert_eq!(times("Remind me to call Ana tomorrow at 9"), ["tomorrow at 9"]);
        assert_eq!(times("a call at 3pm XST tomorrow"), ["3pm XST tomorrow"]);
        let late = Clock { now: "2026-03-11T22:45:00+01:00[Europe/Paris]".parse().unwrap() };
        assert_eq!(super::times("call Ana tomorrow at 9", Purpose::Event, &late), ["tomorrow at 9"]);
        assert_eq!(times("set a reminder to buy stamps"), [""; 0]);
        assert_eq!(times(""), [""; 0]);
    }

    #[test]
    fn a_time_that_may_be_left_out_is_left_out_where_none_is_said() {
        let parameters = |required: &[&str]| {
            let span = json!({"type": "string", Schema::SPAN: true});
            json!({"type": "object", "properties": {"title": span, "when": span}, "required": required})
        };
        let tool = |required: &[&str]| ToolDefinition {
            name: "create_reminder".into(),
            description: String::new(),
            parameters: Schema::new(parameters(required)),
            examples: Vec::new(),
        };
        let property = |required: &[&str], words: &str| {
            offer(&[tool(required)], words, &clock())[0].parameters.as_json()["properties"]["when"].clone()
        };
        assert_eq!(property(&["title"], "remind me to buy stamps"), Value::Bool(false));
        assert_eq!(property(&["title", "when"], "remind me to buy stamps")[Schema::SPAN], true);
        assert_eq!(property(&["title"], "stamps, tomorrow!")["enum"], json!(["tomorrow"]));
    }
}
