//! Tools that the everyday adapter has learned, and others beside them.

use reinette::{
    FunctionTool, LanguageModel, OnDeviceConfig, OnDeviceModel, OtherTools, Property, Schema, Session, ToolAdapter,
    ToolDefinition, TurnEvent,
};
use reinette_assistant::everyday_adapter;
use reinette_testkit::{TestModel, model};

/// A tool with one argument that is copied from the request.
fn tool(name: &str, description: &str, argument: &str, what: &str) -> FunctionTool {
    let text = Schema::text().with(Schema::SPAN, true).with("description", what);
    let parameters = Schema::object([Property::required(argument, text)]);
    let definition =
        ToolDefinition { name: name.into(), description: description.into(), parameters, examples: Vec::new() };
    FunctionTool::dynamic(definition, |_| async { Ok("done".to_owned()) })
}

/// The tools that were called for `words`, in the first step.
fn called(session: &Session, words: &str) -> Vec<String> {
    for event in session.turn(words).events().blocking() {
        match event.expect("the model answers") {
            TurnEvent::ToolCalls { calls } => return calls.into_iter().map(|call| call.name).collect(),
            TurnEvent::Text { .. } => break,
            _ => {}
        }
    }
    Vec::new()
}

#[test]
fn what_is_learned_and_what_is_on_offer_are_both_called() {
    let mut config = OnDeviceConfig::new(model(TestModel::SmolLm2));
    config.adapter = Some(everyday_adapter().unwrap());
    config.other_tools = OtherTools::Adapter(ToolAdapter::offered());
    let model = std::sync::Arc::new(OnDeviceModel::load(&config).unwrap());
    assert!(model.has_learned("create_reminder") && !model.has_learned("order_status"));
    let session = || {
        Session::new(&model)
            .tool(tool("create_reminder", "Remind the user to do something.", "title", "What to be reminded of."))
            .tool(tool(
                "order_status",
                "Tell where an order is and when it arrives.",
                "order_id",
                "The order's number.",
            ))
    };
    assert_eq!(called(&session(), "remind me to water the plants"), ["create_reminder"]);
    assert_eq!(called(&session(), "What is the status of order A-4711?"), ["order_status"]);
    assert_eq!(called(&session(), "How are you today?"), [""; 0]);
}
