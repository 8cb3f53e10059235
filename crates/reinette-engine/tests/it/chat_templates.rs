//! Prompts are those of Python's Jinja2 (`checks/llama_cpp/templates.py` writes the golden file).

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

fn template(name: &str) -> ChatTemplate {
    match TestModel::ALL.into_iter().find(|model| model.stem() == name) {
        Some(found) => ChatTemplate::from_gguf(&Gguf::open(&model(found)).unwrap()).unwrap(),
        None => ChatTemplate::from_source(&golden_file(name)).unwrap(),
    }
}

fn message(message: &CaseMessage) -> Message {
    let call =
        |call: &CaseCall| FunctionCall { name: call.function.name.clone(), arguments: call.function.arguments.clone() };
    Message {
        tool_calls: message.tool_calls.iter().map(call).collect(),
        ..Message::new(message.role.clone(), message.content.clone())
    }
}

#[test]
fn prompts_are_those_of_jinja2() {
    let cases: Vec<Case> = serde_json::from_str(&golden_file("templates.json")).unwrap();
    let renderings: BTreeMap<String, BTreeMap<String, Option<String>>> =
        serde_json::from_str(&golden_file("renderings.json")).unwrap();
    assert_eq!(renderings.len(), 4);
    for (name, expected) in &renderings {
        let template = template(name);
        for case in &cases {
            let messages: Vec<Message> = case.messages.iter().map(message).collect();
            let input = RenderInput {
                messages: &messages,
                tools: &case.tools,
                generation_prompt: if case.add_generation_prompt {
                    GenerationPrompt::Added
                } else {
                    GenerationPrompt::Omitted
                },
                bos: "<bos>",
                eos: "<eos>",
                now: Some(jiff::civil::date(2026, 3, 11).at(10, 15, 0, 0)),
                thinking: None,
            };
            let rendered = template.render(&input);
            if let Some(text) = &expected[&case.name] {
                assert_eq!(rendered.as_ref(), Ok(text), "{name}, {}", case.name);
            } else {
                let refused = matches!(rendered, Err(TemplateError::Refused(_)));
                assert!(refused, "{name}, {}: {rendered:?}", case.name);
            }
        }
    }
}

#[test]
fn a_base_model_has_no_template() {
    let gguf = Gguf::open(&model(TestModel::Gemma3)).unwrap();
    assert_eq!(ChatTemplate::from_gguf(&gguf).unwrap_err(), TemplateError::Missing);
}
