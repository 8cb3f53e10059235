//! What the generator promises, on Reinette's own grammar and on a small one.

use super::*;
use crate::DataError;
use reinette_engine::template::{self, ChatTemplate, RenderInput};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::fs;
use std::path::Path;

fn everyday() -> Product {
    Product::read(&GrammarSource::Everyday).unwrap()
}

fn draw(product: &Product, part: Part, seed: u64, taken: Taken, count: usize) -> Vec<Example> {
    Requests::new(product, part, seed, taken).take(count).collect()
}

/// A product with two tools, written into a folder.
fn small_product(folder: &Path, templates: &str) -> Result<Product, DataError> {
    let files = [
        ("tools.json", r#"[{"name": "open", "arguments": ["door"]}, {"name": "close", "arguments": ["door"]}]"#),
        (
            "mix.toml",
            "longest = 80\nno_tool = \"none\"\n[languages]\nenglish = 1\n[tools]\nopen = 1\nclose = 1\nnone = 1\n",
        ),
        ("english.grammar", ":door\nthe ~gate | the ~shed | ~Ana's door\n"),
        ("english.templates", templates),
    ];
    for (name, text) in files {
        fs::write(folder.join(name), text).unwrap();
    }
    Product::read(&GrammarSource::Folder(folder.to_owned()))
}

const SMALL: &str =
    "> open\n!open {door=door}\n> open close\nopen {door=door} and close {door.2=door}\n> none\nhello\n";

#[test]
fn the_same_seed_gives_the_same_requests() {
    let product = everyday();
    let drawn = draw(&product, Part::Training, 5, Taken::default(), 300);
    assert_eq!(drawn.len(), 300);
    assert_eq!(drawn, draw(&product, Part::Training, 5, Taken::default(), 300));
    assert_ne!(drawn, draw(&product, Part::Training, 6, Taken::default(), 300));
}

#[test]
fn no_request_is_made_twice_and_none_that_is_judged() {
    let product = everyday();
    let drawn = draw(&product, Part::Training, 1, Taken::default(), 500);
    let said: HashSet<String> = drawn.iter().map(|example| example.words().collect::<Vec<_>>().join("\n")).collect();
    assert_eq!(said.len(), drawn.len());
    // What is judged is written in another way: in capitals, with a mark.
    let folder = tempfile::tempdir().unwrap();
    let judged = folder.path().join("judged.jsonl");
    let last = |example: &Example| example.words().last().unwrap_or_default().to_uppercase();
    let lines = drawn.iter().map(|example| json!({ "text": format!("{} !", last(example)) }).to_string() + "\n");
    fs::write(&judged, lines.collect::<String>()).unwrap();
    let mut taken = Taken::default();
    taken.exclude(&judged).unwrap();
    let words: HashSet<String> = drawn.iter().map(|example| last(example).to_lowercase()).collect();
    for example in draw(&product, Part::Training, 1, taken, 500) {
        assert!(example.words().all(|said| !words.contains(&said.to_lowercase())), "{example:?}");
    }
}

#[test]
fn arguments_are_words_of_the_request() {
    let product = everyday();
    let composed: HashSet<&str> = product.mix.composed.keys().map(String::as_str).collect();
    let mut languages = HashSet::new();
    for part in [Part::Training, Part::Validation] {
        for example in draw(&product, part, 2, Taken::default(), 2000) {
            languages.insert(example.origin.language.clone());
            let said: Vec<&str> = example.words().collect();
            let said = said.join("\n");
            assert!(!said.contains(['{', '}', '~', '|']) && !said.contains("  "), "{said:?}");
            for call in example.calls.iter().filter(|call| !composed.contains(call.name.as_str())) {
                let known = product.arguments(&call.name).unwrap();
                for (name, words) in &call.arguments {
                    assert!(known.contains(name), "{example:?}");
                    assert!(said.contains(words.as_str().unwrap()), "{example:?}");
                }
            }
        }
    }
    assert_eq!(languages.len(), 2);
}

#[test]
fn no_template_is_of_both_parts() {
    let product = everyday();
    let templates = |part| -> HashSet<String> {
        let drawn = draw(&product, part, 3, Taken::default(), 3000);
        let single = drawn.into_iter().filter(|example| example.messages.len() == 1);
        single.flat_map(|example| example.origin.template.split(' ').map(str::to_owned).collect::<Vec<_>>()).collect()
    };
    let (training, validation) = (templates(Part::Training), templates(Part::Validation));
    assert!(training.len() > 1000 && validation.len() > 100, "{} {}", training.len(), validation.len());
    assert!(training.is_disjoint(&validation));
}

#[test]
fn a_correction_changes_the_call() {
    let drawn = draw(&everyday(), Part::Training, 4, Taken::default(), 3000);
    let turns: Vec<&Example> = drawn.iter().filter(|example| example.messages.len() == 3).collect();
    assert!(turns.len() > 50, "{}", turns.len());
    for example in turns {
        let before: Value = serde_json::from_str(&example.messages[1].content).unwrap();
        let [call] = example.calls.as_slice() else { panic!("{example:?}") };
        assert!(before[0]["tool"] == "none" || before[0]["tool"] == call.name.as_str(), "{example:?}");
        let second = &example.messages[2].content;
        let is_told = |words: &Value| words.as_str().is_some_and(|words| second.contains(words));
        assert!(call.arguments.values().any(is_told), "{example:?}");
    }
}

#[test]
fn a_folder_is_a_product() {
    let folder = tempfile::tempdir().unwrap();
    let product = small_product(folder.path(), SMALL).unwrap();
    let drawn = draw(&product, Part::Training, 1, Taken::default(), 1000);
    // The grammar is finite: it ends where nothing new is left.
    assert!(drawn.len() > 8 && drawn.len() < 1000, "{}", drawn.len());
    let both = drawn.iter().find(|example| example.calls.len() == 2).unwrap();
    assert_eq!((both.calls[0].name.as_str(), both.calls[1].name.as_str()), ("open", "close"));
    let line = serde_json::to_value(both).unwrap();
    assert_eq!(line["messages"][0]["role"], "user");
    assert_eq!(line["calls"][1]["arguments"].as_object().unwrap().len(), 1);
    assert!(line.get("tools").is_none());
}

#[test]
fn mistakes_in_a_grammar_have_a_place() {
    let folder = tempfile::tempdir().unwrap();
    for (templates, problem) in [
        ("> open\nopen {door=window}\n", "english.templates, line 2: there is no rule window"),
        ("> open\nopen {window=door}\n", "line 2: the tool open has no argument window (it has: door)"),
        ("> open\nopen {door.2=door}\n", "line 2: `door.2` is of a call that the section does not name"),
        ("> open\n\n# c\nopen (the {door=door}\n", "line 4: a `(` is not closed"),
        ("> ajar\n", "line 1: there is no tool ajar"),
        ("open\n", "line 1: stands before the first"),
        ("> open\nopen {door=door} => {door}\n", "line 2: has 1 normal forms behind `=>`, but its calls take 0"),
    ] {
        let error = small_product(folder.path(), templates).unwrap_err().to_string();
        assert!(error.contains(problem), "{error}");
    }
    fs::remove_file(folder.path().join("english.grammar")).unwrap();
    let error = Product::read(&GrammarSource::Folder(folder.path().to_owned())).unwrap_err().to_string();
    assert!(error.contains("english.grammar: is missing"), "{error}");
}

#[test]
fn shown_examples_are_not_near_to_what_is_judged() {
    let product = everyday();
    let drawn = draw(&product, Part::Training, 1, Taken::default(), 400);
    let folder = tempfile::tempdir().unwrap();
    let written = folder.path().join("written.jsonl");
    let line =
        |words: &str, calls: Value| json!({ "messages": [{ "role": "user", "content": words }], "calls": calls });
    let call = json!([{ "name": "set_alarm", "arguments": { "when": "9" } }]);
    fs::write(&written, format!("{}\n{}\n", line("Wake us at 9", call), line("hi there you", json!([])))).unwrap();
    let judged = folder.path().join("judged.jsonl");
    fs::write(&judged, r#"{"text": "hi there, you"}"#).unwrap();
    let mut taken = Taken::default();
    taken.exclude(&judged).unwrap();
    let shown = examples_to_show(&product, &drawn, &[written], &taken).unwrap();
    assert!(shown.contains(r#"{"words":"Wake us at 9","calls":[{"tool":"set_alarm","when":"9"}]}"#), "{shown}");
    assert!(!shown.contains("hi there you") && !shown.contains("send_message"));
}

#[test]
fn calls_of_unseen_tools_satisfy_their_schemas() {
    let catalogue = Catalogue::new(None).unwrap();
    let (mut kinds, mut names) = (HashSet::new(), HashSet::new());
    for part in [Part::Training, Part::Validation] {
        let drawn: Vec<Example> = UnseenTools::new(&catalogue, part, 1, Taken::default()).take(2000).collect();
        assert_eq!(drawn.len(), 2000);
        for example in &drawn {
            kinds.insert((example.calls.len(), example.messages.len()));
            assert!((1..=7).contains(&example.tools.len()), "{example:?}");
            for call in &example.calls {
                let tool = example.tools.iter().find(|tool| tool["name"] == call.name.as_str()).unwrap();
                names.insert(call.name.clone());
                let schema = jsonschema::validator_for(&tool["parameters"]).unwrap();
                let arguments = Value::Object(call.arguments.clone());
                assert!(schema.is_valid(&arguments), "{arguments} {tool}");
                let is_known = |name: &String| tool["parameters"]["properties"].get(name).is_some();
                assert!(call.arguments.keys().all(is_known), "{example:?}");
            }
        }
        let again: Vec<Example> = UnseenTools::new(&catalogue, part, 1, Taken::default()).take(2000).collect();
        assert_eq!(drawn, again);
    }
    // None, one, two and three calls; with and without a turn before.
    for kind in [(0, 1), (1, 1), (2, 1), (3, 1), (1, 3)] {
        assert!(kinds.contains(&kind), "{kind:?}");
    }
    assert!(names.len() > 400, "{}", names.len());
}

#[test]
fn tools_on_offer_are_told_by_signature() {
    let tools = [json!({ "type": "function", "function": {
        "name": "dim",
        "description": "Dims lights.",
        "parameters": {
            "type": "object",
            "properties": {
                "room": { "type": "string", "description": "Where." },
                "level": { "type": "string", "enum": ["low", "high"] },
                "names": { "type": "array", "items": { "type": "string" } },
                "day": { "type": "string", "format": "date" },
            },
            "required": ["room"],
        },
    } })];
    let source = include_str!("../../grammars/unseen/chat_template.jinja");
    let template = ChatTemplate::from_source(source).unwrap();
    assert!(template.tells_tools());
    let messages = [template::Message::new("user", "hi")];
    let text = template.render(&RenderInput { messages: &messages, tools: &tools, ..RenderInput::default() }).unwrap();
    let expected = "- dim(room: string, level?: \"low\"|\"high\", names?: string[], day?: date): Dims lights.\n    room: Where.\n\
        <|im_end|>\n<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n";
    assert!(text.ends_with(expected), "{text}");
    let told = include_str!("../../../../adapters/offered/chat_template.jinja");
    assert_eq!(told, source, "the adapter is asked as it was trained");
    let by_heart = include_str!("../../../../adapters/everyday/chat_template.jinja");
    assert!(!ChatTemplate::from_source(by_heart).unwrap().tells_tools());
}
