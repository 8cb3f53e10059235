//! A model that has learned all tools in conversations: every utterance has an outcome of the loop.

use super::super::understanding::about_others;
use super::*;
use reinette::{Entry, ToolMode};

fn conversing(answers: impl IntoIterator<Item = Vec<Said>>) -> Arc<ScriptedModel> {
    let answers = Mutex::new(answers.into_iter().collect());
    Arc::new(ScriptedModel { context_tokens: 1000, converses: true, answers, ..ScriptedModel::default() })
}

/// What each of these words came to.
fn ended(desk: &mut Desk, model: &Arc<ScriptedModel>, words: &[&str]) -> (Vec<(ToolOutcome, String)>, String) {
    let mut user = User::who_says(Approval::Allowed);
    for words in words {
        desk.ask(words, model, Confirm::Ask, &mut user);
    }
    (user.ended, user.text)
}

#[test]
fn what_was_not_said_is_asked_for() {
    let mut desk = Desk::new();
    let model =
        conversing([vec![call("create_reminder", &json!({"when": "tomorrow at 9"}))], vec![remind("call Ana")]]);
    let (ended, _) = ended(&mut desk, &model, &["remind me tomorrow at 9", "to call Ana"]);
    assert_eq!(ended[0], (ToolOutcome::Asks, "What shall I remind you of?".to_owned()));
    assert_eq!(ended[1].0, ToolOutcome::Done);
    assert_eq!(desk.reminders().len(), 1);
    let asked = model.asked.lock().unwrap();
    assert!(asked[0].tools.iter().all(|tool| tool.parameters.as_json().get("required").is_none()));
}

#[test]
fn undo_takes_back_what_was_done_last() {
    let mut desk = Desk::new();
    let undo = || vec![call(UNDO, &json!({}))];
    let model = conversing([vec![remind("call Ana")], undo(), undo()]);
    let (ended, _) = ended(&mut desk, &model, &["call Ana tomorrow at 9", "no, leave it", "undo"]);
    let outcomes: Vec<ToolOutcome> = ended.iter().map(|(outcome, _)| *outcome).collect();
    assert_eq!(outcomes, [ToolOutcome::Done, ToolOutcome::Done, ToolOutcome::Failed]);
    assert!(ended[1].1.starts_with("Took back: ") && ended[2].1 == "There is nothing to take back.", "{ended:?}");
    assert_eq!(desk.reminders().len(), 0);
}

#[test]
fn what_no_app_does_is_said_in_one_sentence_of_the_loop() {
    let mut desk = Desk::new();
    let wish = |what: &str| vec![call("cannot", &json!({"what": what}))];
    let model = conversing([wish("call"), wish("weather"), vec![call("answer", &json!({}))]]);
    let words = ["call mom", "quel temps fera-t-il demain ?", "who wrote Emma?"];
    let (ended, text) = ended(&mut desk, &model, &words);
    assert!(ended.iter().all(|(outcome, _)| *outcome == ToolOutcome::Failed));
    assert!(ended[0].1.starts_with("I can’t make calls"), "{ended:?}");
    assert!(ended[1].1.starts_with("Je ne peux pas consulter la météo"), "{ended:?}");
    assert!(ended[2].1.starts_with("I don’t know"), "{ended:?}");
    assert_eq!((text.as_str(), model.asked.lock().unwrap().len()), ("", 3), "the model has no word in it");
}

#[test]
fn talk_sees_nothing_that_was_reported() {
    let mut desk = Desk::new();
    let model = conversing([vec![remind("call Ana")], vec![], vec![say("You are welcome.")]]);
    let (ended, text) = ended(&mut desk, &model, &["call Ana tomorrow at 9", "thanks"]);
    assert_eq!((ended.len(), text.as_str()), (1, "You are welcome."));
    let asked = model.asked.lock().unwrap();
    let [_, choosing, talking] = asked.as_slice() else { panic!("{} requests", asked.len()) };
    assert_eq!((choosing.tool_mode, talking.tool_mode), (ToolMode::CallsOnly, ToolMode::Disallowed));
    let is_report = |entry: &Entry| matches!(entry, Entry::ToolCalls { .. } | Entry::ToolOutput { .. });
    assert!(choosing.transcript.entries.iter().any(is_report));
    assert!(!talking.transcript.entries.iter().any(is_report) && talking.tools.is_empty());
    assert_eq!(talking.transcript.last_prompt(), Some("thanks"));
}

#[test]
fn talk_claims_no_deed() {
    let mut desk = Desk::new();
    let model = conversing([vec![], vec![say("I've set a reminder for you.")]]);
    let (_, text) = ended(&mut desk, &model, &["it is late"]);
    assert!(text.starts_with("I didn’t do anything just now"), "{text}");
}

#[test]
fn a_text_is_written_as_if_nothing_had_been_called() {
    let mut desk = Desk::new();
    let write = || vec![call("write", &json!({}))];
    let model = conversing([
        vec![remind("call Bo")],
        write(),
        vec![say("I have moved the meeting.")],
        write(),
        vec![say("Meeting moved.")],
    ]);
    let words = ["call Bo tomorrow at 9", "tell Bo politely that I moved the meeting", "shorter please"];
    let (ended, text) = ended(&mut desk, &model, &words);
    assert_eq!((ended.len(), text.as_str()), (3, "I have moved the meeting.Meeting moved."), "a text may say anything");
    let asked = model.asked.lock().unwrap();
    // Instructions and the words; then also what was written before.
    assert_eq!((asked[2].tool_mode, asked[2].transcript.entries.len()), (ToolMode::Disallowed, 2));
    assert_eq!(asked[4].transcript.entries.len(), 4);
}

#[test]
fn the_tools_of_servers_are_tried_first_where_the_words_are_about_them() {
    let tool = |name: &str, description: &str| ToolDefinition {
        name: name.to_owned(),
        description: description.to_owned(),
        parameters: reinette::Schema::new(json!({"type": "object"})),
        examples: Vec::new(),
    };
    let tools = vec![tool("create_note", "Write a note."), tool("order_status", "Tells when an order arrives.")];
    let asked = |words: &str| {
        let transcript = Transcript { entries: vec![Entry::Prompt { text: words.to_owned() }] };
        about_others(&Request { transcript, tools: tools.clone(), ..Request::default() }, |tool| tool == "create_note")
    };
    let request = asked("When does my order come?").unwrap();
    assert_eq!(request.tools.iter().map(|tool| tool.name.as_str()).collect::<Vec<_>>(), ["order_status"]);
    assert!(asked("write a note: eggs").is_none(), "that is about a tool that was learned");
}
