//! Guardrails: what they refuse is refused, typed, and never shown.

use reinette::testing::{Reply, ScriptedModel};
use reinette::{
    Decision, Entry, FunctionTool, GuardedPart, Guardrail, Session, SessionError, ToolCall, ToolDefinition,
    ToolOutcome, TurnEvent,
};
use serde_json::json;
use std::collections::BTreeMap;

/// Lets nothing pass that has this word in it.
struct Without(&'static str);

impl Without {
    fn decide(&self, text: &str) -> Decision {
        if text.contains(self.0) { Decision::Refuse(format!("it says {}", self.0)) } else { Decision::Allow }
    }
}

impl Guardrail for Without {
    fn on_prompt(&self, prompt: &str) -> Decision {
        self.decide(prompt)
    }

    fn on_response(&self, answer: &str) -> Decision {
        self.decide(answer)
    }

    fn on_tool_call(&self, call: &ToolCall) -> Decision {
        self.decide(&json!(call.arguments).to_string())
    }
}

fn refused_part(error: &SessionError) -> GuardedPart {
    match error {
        SessionError::Guardrail { part, reason } if error.to_string().contains(reason.as_str()) => *part,
        other => panic!("no refusal: {other}"),
    }
}

#[test]
fn a_refused_prompt_is_not_asked() {
    let model = ScriptedModel::new([Reply::text("Good morning.")]);
    let session = Session::new(&model).guardrail(Without("gold")).guardrail(Without("silver"));
    for prompt in ["Where is the gold?", "Where is the silver?"] {
        assert_eq!(refused_part(&session.respond_blocking(prompt).unwrap_err()), GuardedPart::Prompt);
    }
    assert!(model.requests().is_empty() && session.transcript().entries.is_empty());
    assert_eq!(session.respond_blocking("Good morning!").unwrap(), "Good morning.");
}

#[test]
fn a_refused_answer_is_cut_before_it_is_shown() {
    let model = ScriptedModel::new([Reply::text("It is gold all over."), Reply::text("It is brass.")]);
    let session = Session::new(&model).guardrail(Without("gold"));
    let mut shown = String::new();
    let mut error = None;
    for words in session.stream("What is it made of?").blocking() {
        match words {
            Ok(words) => shown.push_str(&words),
            Err(refused) => error = Some(refused),
        }
    }
    assert_eq!((shown.as_str(), refused_part(&error.unwrap())), ("It is ", GuardedPart::Response));
    assert!(session.transcript().entries.is_empty(), "no trace is left");
    assert_eq!(session.respond_blocking("And now?").unwrap(), "It is brass.");
}

#[test]
fn a_refused_call_does_not_happen_and_the_model_is_told() {
    let model = ScriptedModel::new([
        Reply::call("fetch", json!({"what": "gold"})).and_call("fetch", json!({"what": "water"})),
        Reply::text("There is water."),
    ]);
    let definition = ToolDefinition::new::<BTreeMap<String, String>>("fetch", "Fetches something.");
    let fetch = FunctionTool::dynamic(definition, |_| async { Ok("here".to_owned()) });
    // A clone of a handle is a profile of its own: the strict one refuses, the other does not know of it.
    let session = Session::new(&model).tool(fetch);
    let strict = session.clone().guardrail(Without("gold")).approve_calls(|_| Decision::Allow);
    let mut outcomes = Vec::new();
    for event in strict.turn("Fetch!").events().blocking() {
        if let TurnEvent::ToolOutput { answer, outcome, .. } = event.unwrap() {
            outcomes.push((answer.text, outcome));
        }
    }
    assert_eq!(
        outcomes,
        [("refused: it says gold".to_owned(), ToolOutcome::Refused), ("here".to_owned(), ToolOutcome::Answered)]
    );
    let outputs = |entry: &&Entry| matches!(entry, Entry::ToolOutput { .. });
    assert_eq!(model.requests()[1].transcript.entries.iter().filter(outputs).count(), 2);
    assert!(session.turn("Gold? gold!").respond_blocking().unwrap_err().to_string().contains("script"));
}
