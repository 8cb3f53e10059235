//! Dialects are recognised by what templates render. Each template of `checks/transformers/templates` has a golden file: what
//! is recognised, and a conversation with definitions, calls, outputs and an answer. `REINETTE_WRITE_GOLDEN=1` writes them.

use super::messages::Probed;
use super::prompts::{Shown, conversation};
use crate::dialect::{
    CallSyntax, CallText, ChatMessage, ConversationTemplate, ListDialect, PromptEnd, TemplateDialect, ToolDialect,
    template_definitions,
};
use crate::{Entry, Property, Request, Schema, ToolCall, ToolDefinition, Transcript};
use reinette_engine::template::ChatTemplate;
use serde_json::json;
use std::fmt::Write;
use std::path::{Path, PathBuf};

fn folder(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn tool() -> ToolDefinition {
    ToolDefinition {
        name: "find_order".to_owned(),
        description: "Finds an order.".to_owned(),
        parameters: Schema::object([
            Property::required("customer", Schema::text().describe("Who ordered.")),
            Property::optional("year", Schema::integer(2000, 2100)),
        ]),
        examples: Vec::new(),
    }
}

fn call(number: usize, customer: &str) -> ToolCall {
    let arguments = json!({"customer": customer, "year": 2026}).as_object().cloned().unwrap_or_default();
    ToolCall { id: format!("call-{number:04}"), name: "find_order".to_owned(), arguments }
}

/// A conversation with two calls after each other, what the tool answered, an answer, and the next question.
fn transcript() -> Transcript {
    let output = |call: &ToolCall, text: &str| Entry::tool_output(call.id.clone(), text);
    let [first, second] = [call(1, "Mrs. Okafor"), call(2, "Mr. \"O\" Okafor")];
    Transcript {
        entries: vec![
            Entry::Instructions { text: "Be brief.".to_owned() },
            Entry::Prompt { text: "When does Mrs. Okafor's order come?".to_owned() },
            Entry::ToolCalls { calls: vec![first.clone()] },
            output(&first, "no order"),
            Entry::ToolCalls { calls: vec![second.clone()] },
            output(&second, "order 17"),
            Entry::Response { text: "It is order 17.".to_owned() },
            Entry::Prompt { text: "Thank you!".to_owned() },
        ],
    }
}

/// What is recognised and rendered.
fn golden(probed: &Probed<'_>) -> String {
    let Some(own) = TemplateDialect::recognise(probed) else {
        return "not recognised: tools are told in words\n".to_owned();
    };
    let mut text = format!("{own:#?}\n");
    let request = Request { transcript: transcript(), tools: vec![tool()], ..Request::default() };
    let messages: Vec<ChatMessage> =
        conversation(&request, &own, Shown::AllCalls).into_iter().map(|message| own.spelled(message)).collect();
    let rendered = probed.render(&messages, &template_definitions(&request.tools), PromptEnd::Answer);
    let _ = writeln!(text, "\n=== conversation\n{}", rendered.as_deref().unwrap_or("REFUSED"));
    let [first, second] = [call(1, "Ann"), call(2, "Bo")];
    let written = own.syntax().write([&first, &second].map(|call| (call.name.as_str(), &call.arguments)));
    let _ = writeln!(text, "\n=== two calls\n{written}");
    text
}

fn templates() -> Vec<PathBuf> {
    let listed = std::fs::read_dir(folder("../../checks/transformers/templates")).unwrap();
    let mut paths: Vec<PathBuf> = listed.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "jinja"));
    paths.sort();
    paths
}

fn recognised(path: &Path, check: impl FnOnce(&Probed<'_>)) {
    let template = ChatTemplate::from_source(&std::fs::read_to_string(path).unwrap()).unwrap();
    let now = Some(jiff::civil::date(2026, 3, 11).at(10, 15, 0, 0));
    check(&Probed { template: &template, bos: "<bos>", eos: "<eos>", now });
}

#[test]
fn dialects_are_recognised_by_what_templates_render() {
    let is_written = std::env::var_os("REINETTE_WRITE_GOLDEN").is_some();
    let mut wrong = Vec::new();
    for path in templates() {
        recognised(&path, |probed| {
            let name = path.file_stem().unwrap().to_string_lossy();
            let file = folder("tests/golden/dialects").join(format!("{name}.txt"));
            let found = golden(probed);
            if is_written {
                std::fs::create_dir_all(file.parent().unwrap()).unwrap();
                std::fs::write(&file, &found).unwrap();
            }
            if std::fs::read_to_string(&file).ok().as_deref() != Some(found.as_str()) {
                wrong.push(format!("{name}:\n{found}"));
            }
        });
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What a template renders of a call is what the grammar would let the model say, and is read back.
#[test]
fn calls_are_written_as_their_template_writes_them() {
    let mut n_recognised = 0;
    for path in templates() {
        recognised(&path, |probed| {
            let Some(own) = TemplateDialect::recognise(probed) else { return };
            n_recognised += 1;
            let syntax: &CallSyntax = own.syntax();
            let user = ChatMessage::new("user", "Find it.");
            let count = if syntax.joint.is_some() { 2 } else { 1 };
            let calls: Vec<ToolCall> = (1..=count).map(|number| call(number, "Ann \"A\" Lee, 3 (b)")).collect();
            let calls: Vec<ToolCall> = calls
                .into_iter()
                .enumerate()
                .map(|(index, mut call)| {
                    call.arguments["year"] = json!(2026 + index);
                    call
                })
                .collect();
            let answer = own.spelled(own.calls("", &calls));
            let definitions = template_definitions(&[tool()]);
            let rendered = probed.render(&[user, answer], &definitions, PromptEnd::LastMessage).unwrap();
            let written = syntax.write(calls.iter().map(|call| (call.name.as_str(), &call.arguments)));
            // Templates number calls where models do not, and Python's own way of writing a list is no JSON.
            let has_number = rendered.contains(", \"id\": \"");
            assert!(has_number || rendered.contains(&written), "{}: {written:?} in {rendered:?}", path.display());
            let read = syntax.parse(&written, &[tool()]).unwrap().calls;
            let read: Vec<_> = read.into_iter().map(|call| (call.name, call.arguments)).collect();
            let called: Vec<_> = calls.into_iter().map(|call| (call.name, call.arguments)).collect();
            assert_eq!(read, called, "{}", path.display());
        });
    }
    assert!(n_recognised >= 12, "{n_recognised} recognised");
}

#[test]
fn our_own_dialect_needs_nothing_of_a_template() {
    let request = Request { transcript: transcript(), ..Request::default() };
    let messages = conversation(&request, &ListDialect::default(), Shown::CallsBeforeWords);
    assert!(messages.iter().all(ChatMessage::is_words));
    let roles: Vec<_> = messages.iter().map(|message| message.role).collect();
    let expected = ["system", "user", "assistant", "user", "assistant", "user", "assistant", "user"];
    assert_eq!(roles, expected, "turns alternate");
}
