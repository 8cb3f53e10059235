//! Whatever syntax a model writes calls in, what it says under the grammar is words, or words and whole calls.

use super::tests::{COMPILER, Random, TOKENIZER, generate, tools};
use super::{ArgumentSyntax, CallGrammar, CallSyntax, ConstraintError, Grammar, NoCall, WordsSyntax};
use serde_json::{Value, json};

fn text(text: &str) -> String {
    text.to_owned()
}

/// JSON between tags, as Qwen and Hermes write it.
fn tagged_json() -> CallSyntax {
    CallSyntax {
        opening: text("<tool_call>\n{\"name\": \""),
        after_name: text("\", \"arguments\": "),
        arguments: ArgumentSyntax::Object,
        joint: Some(text("}\n</tool_call>\n<tool_call>\n{\"name\": \"")),
        closing: text("}\n</tool_call>"),
        no_tool: None,
        words: WordsSyntax::Before(text("<tool_call>")),
    }
}

/// Parameters between tags, as Qwen's coder writes them.
fn xml() -> CallSyntax {
    CallSyntax {
        opening: text("<tool_call>\n<function="),
        after_name: text(">\n"),
        arguments: ArgumentSyntax::Tagged {
            opening: text("<parameter="),
            after_name: text(">\n"),
            closing: text("\n</parameter>\n"),
        },
        joint: Some(text("</function>\n</tool_call>\n<tool_call>\n<function=")),
        closing: text("</function>\n</tool_call>"),
        no_tool: None,
        words: WordsSyntax::Before(text("<tool_call>")),
    }
}

/// One object and no mark, as Llama 3 writes it.
fn bare_json() -> CallSyntax {
    CallSyntax {
        opening: text("{\"name\": \""),
        after_name: text("\", \"parameters\": "),
        arguments: ArgumentSyntax::Object,
        joint: None,
        closing: text("}"),
        no_tool: None,
        words: WordsSyntax::Instead,
    }
}

/// Calls of Python between control tokens, as LFM2 writes them; the tokens are those that this vocabulary has.
fn brackets() -> CallSyntax {
    CallSyntax {
        opening: text("<|im_start|>["),
        after_name: text("("),
        arguments: ArgumentSyntax::Keywords,
        joint: Some(text("), ")),
        closing: text(")]<reponame>"),
        no_tool: None,
        words: WordsSyntax::Before(text("<|im_start|>")),
    }
}

fn grammar(syntax: CallSyntax, no_call: NoCall) -> Grammar {
    let sources = vec![text("play the \"blue\" record in the hall"), text("Result: 17 a<b")];
    Grammar::Calls(CallGrammar { tools: tools(), sources, max_calls: 3, no_call, syntax })
}

/// The arguments of a call in Python's form as JSON.
fn arguments_of(call: &str) -> Option<Value> {
    let mut fields = serde_json::Map::new();
    let mut rest = call;
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=')?;
        let mut values = serde_json::Deserializer::from_str(after).into_iter::<Value>();
        fields.insert(name.to_owned(), values.next()?.ok()?);
        rest = &after[values.byte_offset()..];
        rest = rest.strip_prefix(", ").unwrap_or(rest);
    }
    Some(Value::Object(fields))
}

#[test]
fn calls_between_tags_are_json_and_words_stand_before_them() {
    let mut random = Random::new(11);
    for _ in 0..60 {
        let constraint = COMPILER.compile(&grammar(tagged_json(), NoCall::Refused)).unwrap();
        let (written, ..) = generate(constraint, &mut random);
        let calls: Vec<&str> = written.split("\n</tool_call>").collect();
        assert!((2..=4).contains(&calls.len()) && calls.last() == Some(&""), "{written}");
        for call in &calls[..calls.len() - 1] {
            let call: Value = serde_json::from_str(call.trim_start().strip_prefix("<tool_call>\n").unwrap()).unwrap();
            let tool = tools().into_iter().find(|tool| call["name"] == tool.name.as_str()).expect("a known tool");
            reinette_schema::validate(&tool.parameters, &call["arguments"])
                .unwrap_or_else(|error| panic!("{error:?}: {call}"));
        }
    }
}

#[test]
fn words_are_free_and_a_mark_begins_a_call() {
    let mut constraint = COMPILER.compile(&grammar(tagged_json(), NoCall::Allowed)).unwrap();
    for token in TOKENIZER.encode("Of course. <b>Now</b>:\n", crate::tokenizer::SpecialTokens::AsText) {
        constraint.commit(token).unwrap();
        assert!(constraint.may_stop() && !constraint.is_complete());
    }
    for token in TOKENIZER.encode("<tool_call>", crate::tokenizer::SpecialTokens::AsText) {
        assert!(constraint.mask().unwrap().allowed_count() > 1000, "words may be anything");
        constraint.commit(token).unwrap();
    }
    assert!(!constraint.may_stop(), "a call was begun");
    let forced = constraint.forced().unwrap();
    assert!(String::from_utf8(TOKENIZER.decode(&forced)).unwrap().starts_with("\n{\"name\": "));
}

#[test]
fn parameters_between_tags_are_as_they_were_said() {
    let mut random = Random::new(12);
    for _ in 0..60 {
        let constraint = COMPILER.compile(&grammar(xml(), NoCall::Refused)).unwrap();
        let (written, ..) = generate(constraint, &mut random);
        let mut rest = written.as_str();
        while !rest.is_empty() {
            rest = rest.trim_start().strip_prefix("<tool_call>\n<function=").unwrap_or_else(|| panic!("{written:?}"));
            let (name, after) = rest.split_once(">\n").unwrap();
            let tool = tools().into_iter().find(|tool| tool.name == name).expect("a known tool");
            rest = after;
            while let Some(parameter) = rest.strip_prefix("<parameter=") {
                let (key, after) = parameter.split_once(">\n").unwrap();
                assert!(!tool.parameters["properties"][key].is_null(), "{written:?}");
                let (value, after) = after.split_once("\n</parameter>\n").unwrap();
                if key == "title" {
                    let sources = ["play the \"blue\" record in the hall", "Result: 17 a<b"];
                    let value = value.to_lowercase();
                    assert!(sources.iter().any(|source| source.to_lowercase().contains(&value)), "{value:?}");
                }
                rest = after;
            }
            rest = rest.strip_prefix("</function>\n</tool_call>").unwrap_or_else(|| panic!("{written:?}"));
        }
    }
}

#[test]
fn a_call_without_a_mark_is_told_by_its_first_character() {
    let mut random = Random::new(13);
    let (mut calls, mut words) = (0, 0);
    for _ in 0..40 {
        let mut constraint = COMPILER.compile(&grammar(bare_json(), NoCall::Allowed)).unwrap();
        let begins = if calls + words < 20 { "{\"" } else { "Well" };
        for token in TOKENIZER.encode(begins, crate::tokenizer::SpecialTokens::AsText) {
            constraint.commit(token).unwrap();
        }
        if begins == "Well" {
            words += 1;
            assert!(constraint.may_stop() && !constraint.is_complete());
            continue;
        }
        calls += 1;
        let (written, ..) = generate(constraint, &mut random);
        let call: Value = serde_json::from_str(&format!("{begins}{written}")).unwrap_or_else(|_| panic!("{written}"));
        assert_eq!(call.as_object().unwrap().len(), 2, "{call}");
    }
    assert_eq!((calls, words), (20, 20));
}

#[test]
fn control_tokens_are_said_in_the_marks_of_calls_alone() {
    let mut random = Random::new(14);
    let [begin, end] = ["<|im_start|>", "<reponame>"].map(|name| TOKENIZER.token(name).unwrap());
    for _ in 0..60 {
        let constraint = COMPILER.compile(&grammar(brackets(), NoCall::Refused)).unwrap();
        let (written, tokens, _) = generate(constraint, &mut random);
        // A model without preferences may spell a mark in other tokens, where it has a choice.
        let specials: Vec<_> = tokens.iter().copied().filter(|token| TOKENIZER.is_special(*token)).collect();
        assert!(specials == [begin, end] || specials == [begin], "{specials:?}: {written}");
        let calls = written.strip_prefix("<|im_start|>[").and_then(|rest| rest.strip_suffix(")]<reponame>"));
        for call in calls.unwrap_or_else(|| panic!("{written}")).split("), ") {
            let (name, arguments) = call.split_once('(').unwrap();
            let tool = tools().into_iter().find(|tool| tool.name == name);
            if let (Some(tool), Some(arguments)) = (tool, arguments_of(arguments)) {
                reinette_schema::validate(&tool.parameters, &arguments)
                    .unwrap_or_else(|error| panic!("{error:?}: {call}"));
            }
        }
    }
    let mut constraint = COMPILER.compile(&grammar(brackets(), NoCall::Allowed)).unwrap();
    let allowed = |constraint: &mut super::Constraint, token| constraint.mask().unwrap().iter().any(|id| id == token);
    assert!(allowed(&mut constraint, begin) && !allowed(&mut constraint, end));
    constraint.commit(begin).unwrap();
    assert!(!allowed(&mut constraint, begin));
}

#[test]
fn what_cannot_be_written_is_refused_by_name() {
    let tool = |name: &str, property: Value| super::CallTool {
        name: name.to_owned(),
        parameters: json!({"type": "object", "properties": {"a": property}}),
    };
    let string = || json!({"type": "string"});
    for (syntax, tool) in [
        (xml(), tool("odd", json!({"type": "string", "pattern": "a+"}))),
        (xml(), tool("a > b", string())),
        (brackets(), tool("a(b", string())),
    ] {
        let name = tool.name.clone();
        let grammar =
            CallGrammar { tools: vec![tool], sources: vec![], max_calls: 1, no_call: NoCall::Allowed, syntax };
        match COMPILER.compile(&Grammar::Calls(grammar)) {
            Err(ConstraintError::Tool { tool, .. }) => assert_eq!(tool, name),
            other => panic!("{name} gave {other:?}"),
        }
    }
}
