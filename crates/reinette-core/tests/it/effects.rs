//! Tools prepare, the session asks and commits.

use futures_lite::future::block_on;
use reinette::testing::{Reply, ScriptedModel};
use reinette::{
    Action, Approval, Approvals, Commit, CommitFuture, Committer, Committing, Effect, Entry, FunctionTool, Invocation,
    Preparation, Prepared, Question, Risk, Session, Tool, ToolAnswer, ToolCall, ToolDefinition, ToolMode, ToolOutcome,
    TurnEvent,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

fn definition(name: &str) -> ToolDefinition {
    ToolDefinition::new::<BTreeMap<String, String>>(name, "Puts something on a list.")
}

/// A list, and a tool that writes on it once that is allowed.
fn list() -> (Arc<Mutex<Vec<String>>>, FunctionTool) {
    let list = Arc::<Mutex<Vec<String>>>::default();
    let written = Arc::clone(&list);
    let tool = FunctionTool::dynamic(definition("add"), move |arguments| {
        let mut list = written.lock().expect("nobody breaks down");
        list.push(arguments["what"].as_str().unwrap_or_default().to_owned());
        std::future::ready(Ok("added".to_owned()))
    });
    (list, tool.acting(Risk::Changes, |arguments| format!("Add {} to the list.", arguments["what"])))
}

fn adding(after: &str) -> ScriptedModel {
    ScriptedModel::new([Reply::call("add", json!({"what": "milk"})), Reply::text(after)])
}

/// The events of a turn, whose proposals are answered so.
fn events(session: &Session, approvals: Approvals, approval: Approval) -> Vec<TurnEvent> {
    let mut stream = session.turn("Add milk").approvals(approvals).events();
    let replies = stream.replies();
    let mut events = Vec::new();
    while let Some(event) = block_on(stream.next()) {
        let event = event.expect("the turn does not fail");
        if let TurnEvent::Proposed { id, needs_reply: true, .. } = &event {
            assert!(replies.decide(id, approval), "the turn waits for it");
            assert!(!replies.decide(id, approval), "once");
        }
        events.push(event);
    }
    events
}

fn outcome(events: &[TurnEvent]) -> (ToolOutcome, String) {
    let output = events.iter().find_map(|event| match event {
        TurnEvent::ToolOutput { answer, outcome, .. } => Some((*outcome, answer.text.clone())),
        _ => None,
    });
    output.expect("each call has an output")
}

#[test]
fn nothing_is_done_unless_somebody_allows_it() {
    for (approvals, approval, expected, items) in [
        (Approvals::Refuse, Approval::Allowed, ToolOutcome::Unasked, 0),
        (Approvals::Ask, Approval::Declined, ToolOutcome::Declined, 0),
        (Approvals::Ask, Approval::Nobody, ToolOutcome::Unasked, 0),
        (Approvals::Ask, Approval::Allowed, ToolOutcome::Done, 1),
        (Approvals::Allow, Approval::Declined, ToolOutcome::Done, 1),
    ] {
        let (list, tool) = list();
        let model = adding("Well.");
        let events = events(&Session::new(&model).tool(tool), approvals, approval);
        assert_eq!(outcome(&events).0, expected, "{approvals:?} {approval:?}");
        assert_eq!(list.lock().unwrap().len(), items, "{approvals:?} {approval:?}");
        let committed = events.iter().any(|event| matches!(event, TurnEvent::Committed { .. }));
        assert_eq!(committed, items == 1);
    }
}

#[test]
fn whoever_only_awaits_the_answer_allows_nothing_and_does_not_wait() {
    let (list, tool) = list();
    let model = adding("I may not.");
    let session = Session::new(&model).tool(tool).approvals(Approvals::Ask);
    assert_eq!(session.respond_blocking("Add milk").unwrap(), "I may not.");
    assert!(list.lock().unwrap().is_empty());
    let shown = &model.requests()[1].transcript;
    assert!(matches!(shown.entries.last(), Some(Entry::ToolOutput { is_error: true, .. })), "{shown:?}");
}

#[test]
fn a_proposal_says_what_will_happen_before_it_does() {
    let (list, tool) = list();
    let model = adding("Done.");
    let session = Session::new(&model).tool(tool);
    let mut stream = session.turn("Add milk").approvals(Approvals::Ask).events();
    let replies = stream.replies();
    let proposed = loop {
        match block_on(stream.next()).unwrap().unwrap() {
            TurnEvent::Proposed { id, summary, risk, can_undo, .. } => break (id, summary, risk, can_undo),
            _ => assert!(list.lock().unwrap().is_empty()),
        }
    };
    assert_eq!(
        (proposed.1.as_str(), proposed.2, proposed.3),
        ("Add \"milk\" to the list.", Some(Risk::Changes), false)
    );
    assert!(list.lock().unwrap().is_empty());
    // It may be answered from another thread, later.
    let answering = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(20));
        replies.decide(&proposed.0, Approval::Allowed)
    });
    let rest: Vec<TurnEvent> = stream.blocking().map(Result::unwrap).collect();
    assert!(answering.join().unwrap());
    assert_eq!(list.lock().unwrap().as_slice(), ["milk"]);
    assert!(matches!(rest.last(), Some(TurnEvent::Finished(_))), "{rest:?}");
}

/// Asks which of two is meant, and says what it will do to it.
struct Ambiguous;

impl Tool for Ambiguous {
    fn definition(&self) -> ToolDefinition {
        definition("delete")
    }

    fn prepare(&self, invocation: Invocation) -> Preparation {
        let prepared = match invocation.chosen.first() {
            None => {
                let choices = vec!["the first".to_owned(), "the second".to_owned()];
                Prepared::Question(Question { text: "Which one?".to_owned(), choices })
            }
            Some(chosen) => Prepared::Answer(ToolAnswer::new(format!("{chosen} it is")).for_user()),
        };
        Box::pin(std::future::ready(Ok(prepared)))
    }
}

#[test]
fn what_is_not_clear_is_asked_and_prepared_again() {
    for (choice, expected) in [
        (Some(1), (ToolOutcome::Answered, "the second it is")),
        (None, (ToolOutcome::Unasked, "error: it is not clear what is meant: Which one?")),
        (Some(7), (ToolOutcome::Unasked, "error: it is not clear what is meant: Which one?")),
    ] {
        let model = ScriptedModel::new([Reply::call("delete", json!({})), Reply::text("")]);
        let mut stream = Session::new(&model).tool(Ambiguous).turn("Delete it").approvals(Approvals::Ask).events();
        let replies = stream.replies();
        let mut events = Vec::new();
        while let Some(event) = block_on(stream.next()) {
            let event = event.unwrap();
            if let TurnEvent::Asked { id, question, .. } = &event {
                assert_eq!(question.choices.len(), 2);
                assert!(replies.choose(id, choice));
            }
            events.push(event);
        }
        let (outcome, text) = outcome(&events);
        assert_eq!((outcome, text.as_str()), expected);
    }
}

/// What is prepared from a number that others count up.
struct Counted(Arc<AtomicUsize>);

impl Tool for Counted {
    fn definition(&self) -> ToolDefinition {
        definition("add")
    }

    fn prepare(&self, _: Invocation) -> Preparation {
        // Every other preparation comes to another effect.
        let summary = format!("Make it {}.", self.0.load(Ordering::Relaxed) / 2);
        let done = ToolAnswer::new(summary.clone()).for_user();
        let action: Box<dyn Action> = Box::new(move || -> CommitFuture { Box::pin(std::future::ready(Ok(done))) });
        let effect = Effect { summary, risk: Risk::Costs, preview: Vec::new(), data: Value::Null, action };
        Box::pin(std::future::ready(Ok(Prepared::Effect(effect))))
    }
}

/// Commits what was prepared last.
struct Late {
    counter: Arc<AtomicUsize>,
    stale: usize,
}

impl Committer for Late {
    fn commit(&self, _: &ToolCall, effect: Effect) -> Committing<'_> {
        let is_stale = self.counter.fetch_add(1, Ordering::Relaxed) < self.stale;
        Box::pin(
            async move { if is_stale { Ok(Commit::Stale) } else { effect.action.commit().await.map(Commit::Done) } },
        )
    }
}

#[test]
fn what_changed_meanwhile_is_prepared_again_and_asked_about_if_it_became_another() {
    for (stale, proposals, expected) in
        [(0, 1, "Make it 0."), (1, 1, "Make it 0."), (2, 2, "Make it 1."), (3, 2, "Make it 1.")]
    {
        let counter = Arc::<AtomicUsize>::default();
        let committer = Late { counter: Arc::clone(&counter), stale };
        let session = Session::new(&adding("")).tool(Counted(counter)).committer(committer);
        let events = events(&session, Approvals::Ask, Approval::Allowed);
        let asked = events.iter().filter(|event| matches!(event, TurnEvent::Proposed { .. })).count();
        assert_eq!((asked, outcome(&events).1.as_str()), (proposals, expected), "{stale}");
    }
    // What never stands still is given up, and not made.
    let counter = Arc::<AtomicUsize>::default();
    let committer = Late { counter: Arc::clone(&counter), stale: usize::MAX };
    let session = Session::new(&adding("")).tool(Counted(counter)).committer(committer);
    assert_eq!(outcome(&events(&session, Approvals::Allow, Approval::Nobody)).0, ToolOutcome::Failed);
}

#[test]
fn what_the_user_was_told_need_not_be_said_again() {
    let session = |model: &ScriptedModel| Session::new(model).tool(Ambiguous).approvals(Approvals::Ask);
    let model = ScriptedModel::new([Reply::call("delete", json!({})), Reply::text("")]);
    let session = session(&model);
    let mut stream = session.turn("Delete it").events();
    let replies = stream.replies();
    while let Some(event) = block_on(stream.next()) {
        if let TurnEvent::Asked { id, .. } = event.unwrap() {
            replies.choose(&id, Some(0));
        }
    }
    assert_eq!(model.requests()[1].tool_mode, ToolMode::CallsOnly);
    let entries = session.transcript().entries;
    assert!(matches!(entries.last(), Some(Entry::ToolOutput { .. })), "no empty answer stands behind it: {entries:?}");
}

#[test]
fn events_are_written_and_read() {
    let (_, tool) = list();
    let events = events(&Session::new(&adding("Done.")).tool(tool), Approvals::Ask, Approval::Allowed);
    for event in events {
        let written = serde_json::to_value(&event).unwrap();
        assert!(written["type"].is_string(), "{written}");
        assert_eq!(serde_json::from_value::<TurnEvent>(written).unwrap(), event);
    }
}

#[test]
fn transcripts_of_the_first_version_are_read() {
    let first =
        r#"{"version":1,"entries":[{"type":"prompt","text":"Hi"},{"type":"tool_output","call_id":"1","text":"sun"}]}"#;
    let transcript: reinette::Transcript = serde_json::from_str(first).unwrap();
    assert_eq!(transcript.entries[1], Entry::tool_output("1", "sun"));
    let written = serde_json::to_string(&transcript).unwrap();
    assert!(
        written.contains(r#""version":2"#) && written.contains(r#"{"type":"tool_output","call_id":"1","text":"sun"}"#)
    );
}
