//! What is printed of an event.

use super::event::{Ended, Event, Outcome};
use super::explanation::describe;
use crate::printer::OutputFormat;
use anyhow::Result;
use reinette::Response;
use serde::Serialize;
use serde_json::{Value, json};

/// A piece of output.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Piece {
    /// Words of an answer, as they come.
    Words(String),
    /// The line that was begun ends here.
    LineEnd,
    /// A whole answer behind a mark; without one, the bare answer.
    Answer { mark: &'static str, text: String },
    /// How the work goes.
    Note(String),
    /// What went wrong.
    Error(String),
    /// A line for programs.
    Record { kind: &'static str, record: Value },
}

impl Piece {
    fn record(kind: &'static str, record: &impl Serialize) -> Result<Self> {
        Ok(Self::Record { kind, record: serde_json::to_value(record)? })
    }
}

/// How a conversation is shown.
#[derive(Debug)]
pub(super) struct Showing {
    format: OutputFormat,
    is_quiet: bool,
    /// Whether the user was told that nobody rings.
    has_hinted: bool,
}

impl Showing {
    pub(super) fn new(format: OutputFormat, is_quiet: bool) -> Self {
        Self { format, is_quiet, has_hinted: false }
    }

    /// What is printed of an event. `hint` says what the user has to know who has set something that rings, if anything.
    pub(super) fn show(&mut self, event: Event, hint: impl FnOnce() -> Option<String>) -> Result<Vec<Piece>> {
        let is_text = self.format == OutputFormat::Text;
        Ok(match event {
            Event::Text(text) if is_text => vec![Piece::Words(text)],
            Event::Text(text) => vec![Piece::record("text", &json!({ "text": text }))?],
            Event::Call(call) => {
                let note = Piece::Note(format!("→ {}", describe(&call)));
                let record = if is_text { None } else { Some(Piece::record("call", &call)?) };
                [note].into_iter().chain(record).collect()
            }
            Event::Unanswered(_) if is_text => Vec::new(),
            Event::Unanswered(question) => vec![Piece::record("question", &question)?],
            Event::Ended(ended) => self.show_end(ended, hint),
            Event::Finished(_) if is_text => vec![Piece::LineEnd],
            Event::Finished(response) => vec![Piece::record("finished", &finished(&response))?],
        })
    }

    fn show_end(&mut self, ended: Ended, hint: impl FnOnce() -> Option<String>) -> Vec<Piece> {
        let rings = ended.outcome == Outcome::Done && rings(&ended.data);
        let hint = if rings { hint() } else { None };
        let told = match self.format {
            OutputFormat::Text => self.answer(ended.outcome, ended.text),
            OutputFormat::JsonLines => Some(outcome_record(ended, rings.then_some(hint.is_none()))),
        };
        let hint = hint.filter(|_| !std::mem::replace(&mut self.has_hinted, true));
        told.into_iter().chain(hint.map(Piece::Note)).collect()
    }

    /// How people read the end of a call. Those who want nothing but answers get the bare answer, and what was not done as
    /// an error.
    fn answer(&self, outcome: Outcome, text: String) -> Option<Piece> {
        match outcome {
            // The model goes on in words.
            _ if text.is_empty() => None,
            _ if !self.is_quiet => Some(Piece::Answer { mark: mark(outcome), text }),
            Outcome::Answered => Some(Piece::Answer { mark: "", text }),
            Outcome::Failed | Outcome::Unconfirmed | Outcome::Asks => Some(Piece::Error(text)),
            Outcome::Done | Outcome::Declined => None,
        }
    }
}

fn mark(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Answered => "·",
        Outcome::Done => "✓",
        Outcome::Declined => "–",
        Outcome::Asks => "?",
        Outcome::Unconfirmed | Outcome::Failed => "✗",
    }
}

/// How programs read the end of a call, with whether a daemon runs where that matters.
fn outcome_record(ended: Ended, daemon_running: Option<bool>) -> Piece {
    let Ended { tool, outcome, text, data } = ended;
    let mut record = json!({ "tool": tool, "outcome": outcome, "text": text });
    if matches!(outcome, Outcome::Answered | Outcome::Done) && !data.is_null() {
        record["data"] = data;
    }
    if let Some(daemon_running) = daemon_running {
        record["daemon_running"] = daemon_running.into();
    }
    Piece::Record { kind: "outcome", record }
}

/// What an answer took, for programs.
fn finished(response: &Response) -> Value {
    let Response { usage, timings, finish_reason, .. } = response;
    json!({
        "finish_reason": finish_reason,
        "prompt_tokens": usage.input_tokens,
        "cached_tokens": usage.cached_input_tokens,
        "output_tokens": usage.output_tokens,
        "reasoning_tokens": usage.reasoning_output_tokens,
        "forced_tokens": usage.forced_output_tokens,
        "first_token_ms": timings.first_token_ms,
        "total_ms": timings.total_ms,
    })
}

/// Whether a change made something that has to ring.
fn rings(data: &Value) -> bool {
    let mut items = data.as_object().into_iter().flatten().filter_map(|(_, items)| items.as_array()).flatten();
    items.any(|item| item.get("rings_at").is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use reinette::Question;

    fn ended(outcome: Outcome) -> Event {
        let data = json!({ "created": [{ "kind": "timer", "rings_at": "2026-12-01T10:00:00Z" }] });
        Event::Ended(Ended { tool: "set_timer".to_owned(), outcome, text: "Timer set.".to_owned(), data })
    }

    fn pieces(format: OutputFormat, is_quiet: bool, event: Event) -> Vec<Piece> {
        Showing::new(format, is_quiet).show(event, || None).unwrap()
    }

    fn answer(mark: &'static str) -> Vec<Piece> {
        vec![Piece::Answer { mark, text: "Timer set.".to_owned() }]
    }

    #[test]
    fn people_see_how_a_call_ended_by_its_mark() {
        for (outcome, mark) in [
            (Outcome::Answered, "·"),
            (Outcome::Done, "✓"),
            (Outcome::Declined, "–"),
            (Outcome::Unconfirmed, "✗"),
            (Outcome::Failed, "✗"),
        ] {
            assert_eq!(pieces(OutputFormat::Text, false, ended(outcome)), answer(mark));
        }
    }

    #[test]
    fn quiet_is_answers_and_errors() {
        let quiet = |outcome| pieces(OutputFormat::Text, true, ended(outcome));
        assert_eq!(quiet(Outcome::Answered), answer(""));
        assert_eq!((quiet(Outcome::Done), quiet(Outcome::Declined)), (Vec::new(), Vec::new()));
        assert_eq!(quiet(Outcome::Failed), [Piece::Error("Timer set.".to_owned())]);
        assert_eq!(quiet(Outcome::Unconfirmed), [Piece::Error("Timer set.".to_owned())]);
    }

    #[test]
    fn programs_are_told_of_what_was_done_and_of_nothing_that_was_not() {
        let record = |event| match pieces(OutputFormat::JsonLines, false, event).as_slice() {
            [Piece::Record { kind, record }] => (*kind, record.clone()),
            pieces => panic!("{pieces:?}"),
        };
        let (kind, done) = record(ended(Outcome::Done));
        assert_eq!((kind, &done["outcome"], &done["daemon_running"]), ("outcome", &json!("done"), &json!(true)));
        assert_eq!(done["data"]["created"][0]["kind"], "timer");
        let (_, declined) = record(ended(Outcome::Declined));
        assert_eq!(declined, json!({ "tool": "set_timer", "outcome": "declined", "text": "Timer set." }));
        let question = Question { text: "Which one?".to_owned(), choices: vec!["a".to_owned(), "b".to_owned()] };
        assert_eq!(
            record(Event::Unanswered(question)),
            ("question", json!({ "text": "Which one?", "choices": ["a", "b"] }))
        );
        assert_eq!(record(Event::Text("Hello".to_owned())), ("text", json!({ "text": "Hello" })));
    }

    #[test]
    fn that_nobody_rings_is_told_people_once_and_programs_each_time() {
        let hint = || Some("no daemon runs".to_owned());
        for format in [OutputFormat::Text, OutputFormat::JsonLines] {
            let mut showing = Showing::new(format, false);
            let mut show = |outcome| showing.show(ended(outcome), hint).unwrap();
            assert_eq!(show(Outcome::Failed).len(), 1, "nothing was set");
            let (first, second) = (show(Outcome::Done), show(Outcome::Done));
            assert_eq!(first[1], Piece::Note("no daemon runs".to_owned()));
            assert_eq!(second.len(), 1, "{second:?}");
            if let Piece::Record { record, .. } = &second[0] {
                assert_eq!(record["daemon_running"], false);
            }
        }
    }
}
