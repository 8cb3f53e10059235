//! `#[tool]`, and what becomes of calls.

use futures_lite::future::block_on;
use reinette::testing::{Reply, ScriptedModel};
use reinette::{
    Decision, Entry, FunctionTool, Generable, Schema, Session, Tool, ToolDefinition, ToolError, ToolMode, ToolOrder,
    ToolOutcome, TurnEvent,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What the weather will be.
#[derive(Serialize, Deserialize, Generable)]
struct Forecast {
    degrees: i8,
}

/// The weather in a city on a day.
#[reinette::tool]
async fn weather(
    /// without the country
    city: String,
    day: jiff::civil::Date,
    #[guide(range = 1..=5)] days: Option<u8>,
) -> Result<Forecast, String> {
    if city == "Atlantis" {
        return Err(format!("{city} was not found on {day}"));
    }
    Ok(Forecast { degrees: i8::try_from(days.unwrap_or(1)).unwrap_or(i8::MAX) })
}

/// Waits for ever.
#[reinette::tool(name = "wait", timeout_seconds = 0.05)]
async fn wait_for_ever() {
    std::future::pending::<()>().await;
}

/// Breaks down.
#[reinette::tool]
async fn break_down() -> String {
    panic!("out of order")
}

/// What the model was told of its calls, and how they ended.
fn outputs(session: &Session, tool_mode: ToolMode) -> (String, Vec<(String, ToolOutcome)>) {
    let mut outputs = Vec::new();
    for event in session.turn("Go!").tool_mode(tool_mode).events().blocking() {
        match event.expect("the turn does not fail") {
            TurnEvent::ToolOutput { answer, outcome, .. } => outputs.push((answer.text, outcome)),
            TurnEvent::Finished(response) => return (response.content, outputs),
            _ => {}
        }
    }
    panic!("the turn has no end");
}

fn model(call: Reply) -> ScriptedModel {
    ScriptedModel::new([call, Reply::text("Well.")])
}

/// The only output of one call with `tool`.
fn output(tool: impl Tool + 'static, name: &str, arguments: Value) -> (String, ToolOutcome) {
    let model = model(Reply::call(name, arguments));
    let (content, mut outputs) = outputs(&Session::new(&model).tool(tool), ToolMode::Allowed);
    assert_eq!((content.as_str(), outputs.len()), ("Well.", 1));
    // The model saw what the application saw.
    let shown = model.requests().pop().and_then(|mut request| request.transcript.entries.pop());
    assert!(matches!(shown, Some(Entry::ToolOutput { text, .. }) if text == outputs[0].0));
    outputs.remove(0)
}

#[test]
fn the_definition_is_what_the_function_says() {
    let definition = weather.definition();
    assert_eq!(definition.name, "weather");
    assert_eq!(definition.description, "The weather in a city on a day.");
    let schema = definition.parameters.as_json();
    assert_eq!(schema["required"], json!(["city", "day"]));
    assert_eq!(schema["properties"]["city"]["description"], "without the country");
    assert_eq!(schema["properties"]["days"]["maximum"], 5);
    assert_eq!(wait_for_ever.definition().name, "wait");
    assert_eq!(block_on(weather::run("Oslo".into(), jiff::civil::date(2026, 1, 1), Some(3))).unwrap().degrees, 3);
}

#[test]
fn a_call_gives_its_output_to_the_model() {
    let arguments = json!({"city": "Oslo", "day": "2026-02-03", "days": 2});
    assert_eq!(output(weather, "weather", arguments), (r#"{"degrees":2}"#.to_owned(), ToolOutcome::Answered));
}

#[test]
fn whatever_goes_wrong_is_an_output_that_the_model_sees() {
    let failed = output(weather, "weather", json!({"city": "Atlantis", "day": "2026-02-03"}));
    assert_eq!(failed, ("error: Atlantis was not found on 2026-02-03".to_owned(), ToolOutcome::Failed));
    let (text, outcome) = output(weather, "weather", json!({"city": "Oslo", "day": "2026-02-03", "days": 9}));
    assert!(text.contains("9 is greater than the maximum of 5"), "{text}");
    assert_eq!(outcome, ToolOutcome::Failed);
    let (text, outcome) = output(wait_for_ever, "wait", json!({}));
    assert_eq!(
        (text.as_str(), outcome),
        ("error: `wait` took longer than 50ms and was stopped", ToolOutcome::TimedOut)
    );
    let (text, outcome) = output(break_down, "break_down", json!({}));
    assert_eq!((text.as_str(), outcome), ("error: the tool broke down: out of order", ToolOutcome::Failed));
    let (text, outcome) = output(weather, "climate", json!({}));
    assert_eq!((text.as_str(), outcome), ("error: there is no tool `climate`", ToolOutcome::Unknown));
}

#[test]
fn a_refused_call_is_not_made() {
    let model = model(Reply::call("break_down", json!({})));
    let session =
        Session::new(&model).tool(break_down).approve_calls(|call| Decision::Refuse(format!("no {}", call.name)));
    let (_, outputs) = outputs(&session, ToolMode::Allowed);
    assert_eq!(outputs, [("refused: no break_down".to_owned(), ToolOutcome::Refused)]);
}

/// A tool that notes when calls begin and end; `a` waits until `b` has begun.
fn noting(notes: &Arc<Mutex<Vec<String>>>) -> FunctionTool {
    #[derive(Serialize, Deserialize, Generable)]
    struct Name {
        name: String,
    }
    let notes = Arc::clone(notes);
    FunctionTool::new("note", "Notes.", move |Name { name }| {
        let notes = Arc::clone(&notes);
        async move {
            notes.lock().expect("no call panicked").push(format!("{name} begins"));
            futures_lite::future::yield_now().await;
            notes.lock().expect("no call panicked").push(format!("{name} ends"));
            Ok::<_, ToolError>(name)
        }
    })
}

#[test]
fn several_calls_run_at_once_or_in_series_and_are_seen_in_their_order() {
    let run = |order| {
        let notes = Arc::default();
        let model = model(Reply::call("note", json!({"name": "a"})).and_call("note", json!({"name": "b"})));
        let (_, outputs) = outputs(&Session::new(&model).tool(noting(&notes)).tool_order(order), ToolMode::Allowed);
        let shown: Vec<&str> = outputs.iter().map(|(text, _)| text.as_str()).collect();
        assert_eq!(shown, ["a", "b"]);
        Arc::try_unwrap(notes).unwrap_or_default().into_inner().unwrap()
    };
    assert_eq!(run(ToolOrder::Parallel), ["a begins", "b begins", "a ends", "b ends"]);
    assert_eq!(run(ToolOrder::Series), ["a begins", "a ends", "b begins", "b ends"]);
}

#[test]
fn a_model_that_only_repeats_itself_has_to_answer() {
    let call = || Reply::call("note", json!({"name": "a"}));
    let model = ScriptedModel::new([call(), call(), Reply::text("Enough.")]);
    let notes = Arc::default();
    let (content, outputs) = outputs(&Session::new(&model).tool(noting(&notes)), ToolMode::Required);
    assert_eq!((content.as_str(), outputs.len()), ("Enough.", 1));
    let modes: Vec<ToolMode> = model.requests().iter().map(|request| request.tool_mode).collect();
    assert_eq!(modes, [ToolMode::Required, ToolMode::Allowed, ToolMode::Disallowed]);
}

#[test]
fn rounds_of_calls_are_limited() {
    let model = ScriptedModel::answering(|request| match request.tool_mode {
        ToolMode::Disallowed => Reply::text("Stop."),
        _ => Reply::call("note", json!({"name": format!("{}", request.transcript.entries.len())})),
    });
    for rounds in [0, 1, 3] {
        let session = Session::new(&model).tool(noting(&Arc::default())).max_tool_rounds(rounds);
        let (content, outputs) = outputs(&session, ToolMode::Allowed);
        assert_eq!((content.as_str(), outputs.len()), ("Stop.", rounds));
    }
}

#[test]
fn calls_of_a_turn_that_was_dropped_stay_in_the_transcript() {
    let session = Session::new(&model(Reply::call("wait", json!({})))).tool(wait_for_ever);
    let mut events = session.turn("Wait!").events();
    assert!(matches!(block_on(events.next()), Some(Ok(TurnEvent::ToolCalls { .. }))));
    drop(events);
    let entries = session.transcript().entries;
    assert_eq!(entries.len(), 3);
    assert!(matches!(&entries[2], Entry::ToolOutput { text, .. } if text.contains("cancelled")), "{entries:?}");
    assert!(!session.is_responding());
}

#[test]
fn a_tool_known_at_run_time_takes_what_it_is_given() {
    let definition =
        reinette::ToolDefinition::new::<std::collections::BTreeMap<String, String>>("echo", "Says it again.");
    let echo = FunctionTool::dynamic(definition, |arguments: Map<String, Value>| async move {
        Ok(Value::Object(arguments).to_string())
    });
    let tool = echo.with_timeout(Duration::from_secs(5));
    assert_eq!(output(tool, "echo", json!({"a": "b"})), (r#"{"a":"b"}"#.to_owned(), ToolOutcome::Answered));
}

/// A tool that answers with its name.
fn named(name: &str, description: &str) -> FunctionTool {
    let definition = ToolDefinition {
        name: name.to_owned(),
        description: description.to_owned(),
        parameters: Schema::object([]),
        examples: Vec::new(),
    };
    let name = name.to_owned();
    FunctionTool::dynamic(definition, move |_| std::future::ready(Ok(name.clone())))
}

#[test]
fn of_hundreds_of_tools_the_nearest_are_offered_and_those_in_use_stay() {
    let model = ScriptedModel::new([
        Reply::call("water_plants", json!({})),
        Reply::text("Done."),
        Reply::text("At ten, then."),
        Reply::text("Both."),
    ]);
    let many = (0..300).map(|number| named(&format!("machine_{number}"), &format!("Starts machine number {number}.")));
    let session = Session::new(&model)
        .tool(named("ring_bell", "Rings the bell of the house."))
        .tool(named("water_plants", "Waters the plants in the garden."));
    let session = many.fold(session, Session::tool).max_offered_tools(4);
    let offered =
        |request: usize| model.requests()[request].tools.iter().map(|tool| tool.name.clone()).collect::<Vec<_>>();
    session.respond_blocking("Please water the plants").unwrap();
    for round in [0, 1] {
        assert!(
            offered(round).len() == 4 && offered(round).contains(&"water_plants".to_owned()),
            "{:?}",
            offered(round)
        );
    }
    // Nothing in the words names it: it was called last.
    session.respond_blocking("no, at ten").unwrap();
    assert!(offered(2).contains(&"water_plants".to_owned()), "{:?}", offered(2));
    // Two requests in one breath, each with its own; in the order in which the session was given them.
    session.respond_blocking("ring the house bell and start machine number one, then water all the plants").unwrap();
    let [first, second] = &offered(3)[..2] else { panic!("{:?}", offered(3)) };
    assert_eq!((first.as_str(), second.as_str()), ("ring_bell", "water_plants"));
}

#[test]
fn few_tools_are_all_offered() {
    let model = ScriptedModel::new([Reply::text("Well.")]);
    let session = Session::new(&model).tool(named("a", "One.")).tool(named("b", "Other.")).max_offered_tools(2);
    session.respond_blocking("What is this?").unwrap();
    assert_eq!(model.requests()[0].tools.len(), 2);
}
