//! Prompts are those of Python's Jinja2 (`checks/transformers/templates.py` writes the golden files).

use std::collections::BTreeMap;

use reinette_engine::gguf::Gguf;
use reinette_engine::template::{ChatTemplate, FunctionCall, GenerationPrompt, Message, RenderInput, TemplateError};
use reinette_testkit::{TestModel, model};
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    name: String,
    messages: Vec<CaseMessage>,
    tools: Vec<serde_json::Value>,
    add_generation_prompt: bool,
}

#[derive(Deserialize)]
struct CaseMessage {
    role: String,
    content: String,
    #[serde(default)]
    tool_calls: Vec<CaseCall>,
}

#[derive(Deserialize)]
struct CaseCall {
    function: CaseFunction,
}

#[derive(Deserialize)]
struct CaseFunction {
    name: String,
    arguments: serde_json::Value,
}

fn golden_file(name: &str) -> String {
    std::fs::read_to_string(format!("{}/tests/golden/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// A file of the templates that the check renders too.
fn template_file(name: &str) -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../checks/transformers/templates");
    std::fs::read_to_string(format!("{folder}/{name}")).unwrap()
}

fn template(name: &str) -> ChatTemplate {
    match TestModel::ALL.into_iter().find(|model| model.stem() == name) {
        Some(found) => ChatTemplate::from_gguf(&Gguf::open(&model(found)).unwrap()).unwrap(),
        None => ChatTemplate::from_source(&template_file(name)).unwrap(),
    }
}

fn message(message: &CaseMessage) -> Message {
    let call = |CaseCall { function: CaseFunction { name, arguments } }: &CaseCall| FunctionCall {
        id: String::new(),
        name: name.clone(),
        arguments: arguments.clone(),
    };
    Message {
        tool_calls: message.tool_calls.iter().map(call).collect(),
        ..Message::new(message.role.clone(), message.content.clone())
    }
}

/// The prompt of a case, as the check renders it.
fn rendered(template: &ChatTemplate, case: &Case) -> Result<String, TemplateError> {
    let messages: Vec<Message> = case.messages.iter().map(message).collect();
    template.render(&RenderInput {
        messages: &messages,
        tools: &case.tools,
        generation_prompt: if case.add_generation_prompt { GenerationPrompt::Added } else { GenerationPrompt::Omitted },
        bos: "<bos>",
        eos: "<eos>",
        now: Some(jiff::civil::date(2026, 3, 11).at(10, 15, 0, 0)),
        thinking: None,
    })
}

fn cases() -> Vec<Case> {
    serde_json::from_str(&golden_file("templates.json")).unwrap()
}

#[test]
fn prompts_are_those_of_jinja2() {
    let renderings: BTreeMap<String, BTreeMap<String, Option<String>>> =
        serde_json::from_str(&golden_file("renderings.json")).unwrap();
    assert_eq!(renderings.len(), 20);
    for (name, expected) in &renderings {
        let template = template(name);
        for case in &cases() {
            let rendered = rendered(&template, case);
            if let Some(text) = &expected[&case.name] {
                assert_eq!(rendered.as_ref(), Ok(text), "{name}, {}", case.name);
            } else {
                let refused = matches!(rendered, Err(TemplateError::Refused(_)));
                assert!(refused, "{name}, {}: {rendered:?}", case.name);
            }
        }
    }
}

/// Where Jinja2 fails, so does the template here, be it only when it is rendered.
#[test]
fn features_are_those_of_jinja2() {
    let features = template_file("features.txt");
    let features: Vec<&str> = features.split('\n').filter(|line| !line.is_empty() && !line.starts_with("# ")).collect();
    let expected: Vec<Option<String>> = serde_json::from_str(&golden_file("features.json")).unwrap();
    assert_eq!(features.len(), expected.len());
    let cases = cases();
    let case = cases.iter().find(|case| case.name == "system dialogue").unwrap();
    let mut wrong = Vec::new();
    for (source, expected) in features.into_iter().zip(expected) {
        let found = ChatTemplate::from_source(source).and_then(|template| rendered(&template, case));
        if found.as_ref().ok() != expected.as_ref() {
            wrong.push(format!("{source}\n  jinja2: {expected:?}\n  here:   {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_base_model_has_no_template() {
    let gguf = Gguf::open(&model(TestModel::Gemma3)).unwrap();
    assert_eq!(ChatTemplate::from_gguf(&gguf).unwrap_err(), TemplateError::Missing);
}
