//! Sessions: turns, streams, cancelling, waiting in line, and conversations that outgrow the model.

use futures_lite::StreamExt as _;
use futures_lite::future::{block_on, zip};
use reinette::testing::{Reply, ScriptedModel};
use reinette::{
    Concurrency, ContextPolicy, Entry, FinishReason, FunctionTool, Generable, GenerationOptions, ModelError, Schema,
    Session, SessionError, ToolDefinition, Transcript, TurnEvent,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;

#[derive(Serialize, Deserialize, Generable, Debug, PartialEq)]
struct Trip {
    title: String,
    #[guide(range = 1..=5)]
    days: u8,
}

const TRIP: &str = r#"{"title": "By the sea", "days": 3}"#;

#[test]
fn a_turn_adds_to_the_transcript_and_says_what_it_took() {
    let model = ScriptedModel::new([Reply::text("Hello to you."), Reply::text(TRIP)]);
    let session = Session::new(&model).instructions("Be kind.");
    let response = session.turn("Hello").respond_blocking().unwrap();
    assert_eq!((response.content.as_str(), response.entries.len()), ("Hello to you.", 2));
    assert_eq!((response.usage.output_tokens, response.finish_reason), (3, FinishReason::Stop));
    assert_eq!((response.model.name.as_str(), response.model_version.as_deref()), ("scripted", Some("script")));
    let response = session.turn("A trip?").respond_as_blocking::<Trip>().unwrap();
    assert_eq!(response.content, Trip { title: "By the sea".into(), days: 3 });
    assert_eq!(response.raw_content, TRIP);
    assert_eq!(session.transcript().entries.len(), 5);
    let request = model.requests().pop().unwrap();
    assert_eq!(request.transcript.entries.len(), 4);
    assert_eq!(request.response_schema, Some(Trip::schema()));
}

#[test]
fn a_session_goes_on_from_what_was_written() {
    let first = Session::new(&ScriptedModel::new([Reply::text("Noted.")])).instructions("Be brief.");
    first.respond_blocking("I am Ana.").unwrap();
    let written = serde_json::to_string(&first.transcript()).unwrap();
    let model = ScriptedModel::new([Reply::text("Ana.")]);
    let second = Session::from_transcript(&model, serde_json::from_str(&written).unwrap());
    assert_eq!(second.transcript(), first.transcript());
    second.respond_blocking("Who am I?").unwrap();
    assert_eq!(model.requests()[0].transcript.entries.len(), 4);
}

#[test]
fn values_stream_as_they_grow() {
    let session = Session::new(&ScriptedModel::new([Reply::text(TRIP)]));
    let titles: Vec<_> = session.stream_as::<Trip>("A trip?").blocking().map(|trip| trip.unwrap().title).collect();
    assert_eq!(titles.last().unwrap().as_deref(), Some("By the sea"));
    assert!(titles.iter().any(|title| title.as_deref() == Some("By ")), "{titles:?}");
    let collected = Session::new(&ScriptedModel::new([Reply::text(TRIP)])).stream_as::<Trip>("A trip?").collect();
    assert_eq!(block_on(collected).unwrap().content.days, 3);
}

#[test]
fn an_answer_that_is_no_value_is_an_error_and_leaves_no_trace() {
    for text in [r#"{"title": "x", "days": 9}"#, r#"{"title": "x"}"#, "no JSON"] {
        let session = Session::new(&ScriptedModel::new([Reply::text(text)]));
        let error = block_on(session.respond_as::<Trip>("A trip?")).unwrap_err();
        assert!(matches!(error, SessionError::InvalidAnswer { .. }), "{error}");
        assert_eq!(session.transcript(), Transcript::default());
    }
    let session = Session::new(&ScriptedModel::new([Reply::text(TRIP)]));
    let options = GenerationOptions { max_tokens: 3, ..GenerationOptions::default() };
    let error = session.turn("A trip?").options(options).respond_as_blocking::<Trip>().unwrap_err();
    assert!(matches!(error, SessionError::Truncated { output_tokens: 3, .. }), "{error}");
}

#[test]
fn a_schema_that_cannot_be_met_is_refused_before_the_model_is_asked() {
    let model = ScriptedModel::new([]);
    let schema = Schema::new(json!({"type": "integer", "minimum": 2, "maximum": 1}));
    let error = block_on(Session::new(&model).turn("A number?").respond_under(schema)).unwrap_err();
    assert!(matches!(error, SessionError::Model(ModelError::Schema { .. })), "{error}");
    assert!(model.requests().is_empty());
}

#[test]
fn dropping_a_stream_stops_the_model() {
    let model = ScriptedModel::new([Reply::endless(), Reply::text("Here.")]);
    let session = Session::new(&model);
    let options = GenerationOptions { max_tokens: 1_000_000, ..GenerationOptions::default() };
    let mut words = session.turn("Talk!").options(options).stream();
    for _ in 0..3 {
        block_on(words.next()).unwrap().unwrap();
    }
    assert!(session.is_responding());
    drop(words);
    // One step lies in the channel and one may be waiting to be put there: none follows, however long this goes on.
    assert_eq!(session.respond_blocking("Are you there?").unwrap(), "Here.");
    assert!(model.steps() <= 3 + 2 + 1, "{} steps", model.steps());
    assert_eq!(session.transcript().entries.len(), 2);
}

#[test]
fn a_second_prompt_is_refused_or_waits_in_line() {
    let model = ScriptedModel::new([Reply::text("One."), Reply::text("Two.")]);
    let session = Session::new(&model);
    let mut first = session.stream("First");
    block_on(first.next()).unwrap().unwrap();
    assert!(matches!(session.respond_blocking("Second"), Err(SessionError::Busy)));
    let queued = session.clone().concurrency(Concurrency::Queue);
    let (first, second) = block_on(zip(first.collect(), queued.respond("Second")));
    assert_eq!((first.unwrap().content.as_str(), second.unwrap().as_str()), ("One.", "Two."));
    let prompts: Vec<_> = session.transcript().entries.into_iter().step_by(2).collect();
    assert_eq!(prompts, ["First", "Second"].map(|text| Entry::Prompt { text: text.into() }));
}

#[test]
fn futures_and_streams_move_between_threads() {
    fn is_send<T: Send>(value: T) -> T {
        value
    }
    let session = Session::new(&ScriptedModel::new((0..4).map(|_| Reply::text(TRIP))));
    block_on(is_send(session.respond("a"))).unwrap();
    block_on(is_send(session.respond_as::<Trip>("a"))).unwrap();
    assert_eq!(block_on(is_send(session.stream("a")).count()), 6);
    assert_eq!(block_on(is_send(session.turn("a").events()).count()), 7);
}

#[test]
fn a_failure_of_the_model_leaves_the_session_usable() {
    let failure = ModelError::Engine("out of paper".into());
    let model = ScriptedModel::new([Reply::error_after("Well, ", failure), Reply::text("Now.")]);
    let session = Session::new(&model);
    assert!(session.respond_blocking("First").unwrap_err().to_string().contains("out of paper"));
    assert_eq!(session.respond_blocking("Second").unwrap(), "Now.");
    assert_eq!(session.transcript().entries.len(), 2);
    let other = ScriptedModel::new([Reply::text("Another.")]);
    session.use_model(&other);
    assert_eq!(session.respond_blocking("Who is there?").unwrap(), "Another.");
    assert_eq!(other.requests()[0].transcript.entries.len(), 3);
}

#[test]
fn prewarming_leaves_no_trace() {
    let session = Session::new(&ScriptedModel::new([])).instructions("Be kind.");
    block_on(session.prewarm("Dear")).unwrap();
    assert_eq!(session.transcript().entries.len(), 1);
}

/// Two hundred turns with a call each, whose outputs are long, on a model of 2,048 tokens.
fn two_hundred_turns(policy: ContextPolicy) -> (Session, Vec<usize>, bool) {
    let model = ScriptedModel::answering(|request| match request.transcript.entries.last() {
        Some(Entry::Prompt { text }) if request.tools.is_empty() => Reply::text(&format!("notes on {}", text.len())),
        Some(Entry::Prompt { text }) => Reply::call("look_up", json!({"word": text})),
        _ => Reply::text("It is as the book says, and there is more to it. Ask me for the rest."),
    })
    .with_context_tokens(2048);
    let definition = ToolDefinition::new::<BTreeMap<String, String>>("look_up", "Looks a word up.");
    let book = FunctionTool::dynamic(definition, |arguments| async move {
        Ok(format!("{arguments:?}: {}", "a meaning, and one more; ".repeat(20)))
    });
    let session = Session::new(&model).instructions("You explain words.").tool(book).context_policy(policy);
    let (mut hidden, mut has_notes) = (Vec::new(), false);
    for turn in 0..200 {
        for event in session.turn(format!("What is word {turn}?")).events().blocking() {
            if let TurnEvent::ContextReduced(reduction) = event.expect("turns do not end") {
                has_notes |= reduction.notes.is_some();
                hidden.push(reduction.hidden_entries);
            }
        }
    }
    for request in model.requests().iter().filter(|request| !request.tools.is_empty()) {
        let entries = &request.transcript.entries;
        assert_eq!(entries[0], Entry::Instructions { text: "You explain words.".into() });
        // Every output that is shown is shown with its call, and the last prompt is there.
        let calls = entries.iter().filter(|entry| matches!(entry, Entry::ToolCalls { .. })).count();
        let outputs = entries.iter().filter(|entry| matches!(entry, Entry::ToolOutput { .. })).count();
        assert_eq!(calls, outputs);
        assert!(request.transcript.last_prompt().is_some());
    }
    (session, hidden, has_notes)
}

#[test]
fn two_hundred_turns_outgrow_the_context_and_nothing_ends() {
    for policy in [ContextPolicy::DropOldest, ContextPolicy::Condense] {
        let (session, hidden, has_notes) = two_hundred_turns(policy);
        assert_eq!(session.transcript().entries.len(), 1 + 200 * 4, "the transcript loses nothing");
        assert!(hidden.len() >= 10 && hidden.is_sorted(), "{hidden:?}");
        // Much is freed at once: most turns begin as the one before.
        assert!(hidden.len() <= 100, "{hidden:?}");
        assert_eq!(has_notes, policy == ContextPolicy::Condense);
    }
}

#[test]
fn a_long_output_is_shortened_and_a_long_prompt_is_said_to_be_too_long() {
    let model = ScriptedModel::answering(|request| match request.transcript.entries.last() {
        Some(Entry::Prompt { .. }) => Reply::call("read", json!({})),
        _ => Reply::text("Read."),
    })
    .with_context_tokens(512);
    let definition = ToolDefinition::new::<BTreeMap<String, String>>("read", "Reads a file.");
    let read = FunctionTool::dynamic(definition, |_| async { Ok("line ".repeat(10_000)) });
    let session = Session::new(&model).tool(read);
    assert_eq!(session.respond_blocking("Read it").unwrap(), "Read.");
    let shown = model.requests().pop().unwrap().transcript.entries.pop().unwrap();
    assert!(matches!(shown, Entry::ToolOutput { text, .. } if text.ends_with("… (shortened)")));
    let error = session.respond_blocking("long ".repeat(1_000)).unwrap_err();
    assert!(matches!(error, SessionError::PromptTooLong { limit_tokens: 512, .. }), "{error}");
    assert_eq!(session.respond_blocking("Once more").unwrap(), "Read.");
    let strict = session.clone().context_policy(ContextPolicy::Refuse);
    assert!(matches!(strict.respond_blocking("And again"), Err(SessionError::PromptTooLong { .. })));
}

#[test]
fn what_is_attached_is_refused_by_a_model_that_cannot_see_it() {
    let model = ScriptedModel::new([Reply::text("Nothing, then.")]);
    let session = Session::new(&model);
    let error = session.turn("What is this?").attach("image/png", "data:image/png;base64,AA==").respond_blocking();
    let SessionError::Model(ModelError::Unsupported { capability, .. }) = error.unwrap_err() else {
        panic!("a scripted model sees nothing")
    };
    assert_eq!(capability, reinette::Capability::Vision);
    assert!(session.transcript().entries.is_empty() && model.requests().is_empty());
    assert_eq!(session.respond_blocking("And now?").unwrap(), "Nothing, then.");
}

#[test]
fn thoughts_are_told_and_kept_apart_from_the_answer() {
    let model = ScriptedModel::new([
        Reply::text("Four.").after_thinking("Two and two"),
        Reply::text("Six.").after_thinking("no"),
    ]);
    let session = Session::new(&model);
    let options = GenerationOptions { reasoning_tokens: 2, ..GenerationOptions::default() };
    let events: Vec<TurnEvent> =
        session.turn("2 + 2?").options(options).events().blocking().map(Result::unwrap).collect();
    let thoughts: Vec<&str> = events
        .iter()
        .filter_map(|event| if let TurnEvent::Reasoning { text: words } = event { Some(words.as_str()) } else { None })
        .collect();
    assert_eq!(thoughts, ["Two ", "and "], "no more than it may");
    let Some(TurnEvent::Finished(response)) = events.last() else { panic!("{events:?}") };
    assert_eq!(response.content, "Four.");
    assert_eq!(response.usage.reasoning_output_tokens, 2);
    // Asked for no thoughts, it has none.
    assert_eq!(session.respond_blocking("3 + 3?").unwrap(), "Six.");
    assert_eq!(session.transcript().entries.len(), 3 + 2);
    let written = serde_json::to_string(&session.transcript()).unwrap();
    assert!(written.contains(r#"{"type":"reasoning","text":"Two and "}"#), "{written}");
    assert_eq!(serde_json::from_str::<Transcript>(&written).unwrap(), session.transcript());
}

#[test]
fn a_language_that_the_model_was_not_made_for_is_refused_by_name() {
    let ask = |model: &ScriptedModel, language: &str| {
        let options = GenerationOptions { language: Some(language.to_owned()), ..GenerationOptions::default() };
        Session::new(model).turn("Hello").options(options).respond_blocking()
    };
    let model = ScriptedModel::answering(|_| Reply::text("Bonjour")).with_languages(["en", "fr"]);
    assert!(ask(&model, "fr-CA").is_ok());
    let error = ask(&model, "de").unwrap_err();
    assert_eq!(
        error.to_string(),
        "this model was not made for `de`, but for en, fr: use another, or ask in one of these"
    );
    // One that does not tell is taken at its word.
    assert!(ask(&ScriptedModel::answering(|_| Reply::text("Hallo")), "de").is_ok());
}
