//! What a dialect writes, it reads; what it streams is what it reads.

use super::*;
use crate::{Example, Property, Schema};
use serde_json::{Map, Value, json};

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

fn text(text: &str) -> String {
    text.to_owned()
}

fn syntaxes() -> Vec<CallSyntax> {
    let json = CallSyntax {
        opening: text("<tool_call>\n{\"name\": \""),
        after_name: text("\", \"arguments\": "),
        arguments: ArgumentSyntax::Object,
        joint: Some(text("}\n</tool_call>\n<tool_call>\n{\"name\": \"")),
        closing: text("}\n</tool_call>"),
        no_tool: None,
        words: WordsSyntax::Before(text("<tool_call>")),
    };
    let keywords = CallSyntax {
        opening: text("["),
        after_name: text("("),
        arguments: ArgumentSyntax::Keywords,
        joint: Some(text("), ")),
        closing: text(")]"),
        no_tool: None,
        words: WordsSyntax::Instead,
    };
    let tagged = CallSyntax {
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
    };
    vec![ListDialect::default().syntax().clone(), json, keywords, tagged]
}

fn tools() -> Vec<ToolDefinition> {
    let parameters = Schema::object([
        Property::required("title", Schema::text()),
        Property::optional("minutes", Schema::integer(0, 99)),
        Property::optional("loud", Schema::boolean()),
        Property::optional("days", Schema::array(Schema::text())),
    ]);
    let tool = |name: &str| ToolDefinition {
        name: text(name),
        description: text("Rings."),
        parameters: parameters.clone(),
        examples: Vec::new(),
    };
    vec![tool("set_timer"), tool("ring")]
}

#[test]
fn calls_are_read_as_they_were_written() {
    let several = [
        (
            "set_timer",
            object(&json!({"title": "1, \"2\"\n(three) ]= é}", "minutes": 5, "loud": true, "days": ["a, b", "c"]})),
        ),
        ("ring", object(&json!({"title": "17"}))),
        ("ring", Map::new()),
    ];
    for syntax in syntaxes() {
        for count in 1..=several.len() {
            let written = syntax.write(several[..count].iter().map(|(name, arguments)| (*name, arguments)));
            let read = syntax.parse(&written, &tools()).unwrap_or_else(|| panic!("{written}"));
            assert_eq!(read.words, "");
            let all = read.calls;
            let read: Vec<_> = all.iter().map(|call| (call.name.as_str(), call.arguments.clone())).collect();
            assert_eq!(read, several[..count], "{written}");
            for (end, _) in written.char_indices().skip(1) {
                // What was whole before the cut is read; a syntax with words takes the beginning of a mark for words.
                let cut = syntax.parse(&written[..end], &tools()).unwrap_or_default().calls;
                assert!(cut.len() < count && cut == all[..cut.len()], "{:?}", &written[..end]);
            }
        }
    }
}

#[test]
fn our_spelling_is_the_one_that_adapters_have_learned() {
    let list = ListDialect::default();
    let arguments = object(&json!({"a": "x, y", "n": {"b": [1, 2.5], "c": {}}}));
    let written = list.write([("one", &arguments), ("two", &Map::new())]);
    assert_eq!(written, r#"[{"tool": "one", "a": "x, y", "n": {"b": [1, 2.5], "c": {}}}, {"tool": "two"}]"#);
    assert_eq!(list.write([]), r#"[{"tool": "none"}]"#);
    assert_eq!(ListDialect::with_no_tool("nothing").write([]), r#"[{"tool": "nothing"}]"#);
}

#[test]
fn calls_are_in_order_without_repetitions_and_no_tool_is_no_call() {
    let list = ListDialect::default();
    let parse = |text: &str| list.syntax().parse(text, &[]);
    let read =
        parse(r#"[{"tool": "b", "x": "1", "a": "2"}, {"tool": "a"}, {"tool": "b", "x": "1", "a": "2"}]"#).unwrap();
    assert_eq!(read.calls.iter().map(|call| call.name.as_str()).collect::<Vec<_>>(), ["b", "a"]);
    assert_eq!(read.calls[0].arguments.keys().collect::<Vec<_>>(), ["x", "a"]);
    assert_eq!(parse(r#"[{"tool": "none"}]"#), Some(ParsedAnswer::default()));
    assert_eq!(parse(r#"[{"tool": "no"#), None);
    assert_eq!(parse(r#"[{"name": "x"}]"#), None);
}

#[test]
fn words_come_as_they_are_and_calls_are_held_back() {
    let call = ("ring", object(&json!({"title": "a"})));
    for syntax in syntaxes() {
        let written = syntax.write([(call.0, &call.1)]);
        let answers = match syntax.words {
            WordsSyntax::Refused => vec![(written.clone(), "")],
            WordsSyntax::Instead => vec![(written.clone(), ""), (text("I <can't> [really]. "), "I <can't> [really]. ")],
            WordsSyntax::Before(_) => vec![
                (written.clone(), ""),
                (text("I <can't> <tool, really.\n"), "I <can't> <tool, really.\n"),
                (format!("Let me <see>.\n\n{written}"), "Let me <see>."),
            ],
        };
        for (answer, words) in answers {
            for size in [1, 2, 3, 7, 100] {
                let mut stream = WordsStream::new(&syntax);
                let letters: Vec<char> = answer.chars().collect();
                let pieces = letters.chunks(size).map(|piece| piece.iter().collect::<String>());
                let mut said: String = pieces.map(|piece| stream.push(&piece)).collect();
                said.push_str(&stream.finish());
                assert_eq!(said, words, "{answer:?} in pieces of {size}");
            }
            let read = syntax.parse(&answer, &tools()).unwrap();
            assert_eq!((read.words.as_str(), read.calls.is_empty()), (words, !answer.ends_with(&written)));
        }
    }
}

#[test]
fn literals_of_python_are_read() {
    let read = |text| keywords::read(text).map(|(arguments, rest)| (Value::Object(arguments), rest.to_owned()));
    let arguments = json!({"a": "it's, (so)", "b": [1, -2.5, true, null], "c": {"d": "e"}});
    assert_eq!(read(r#"a='it\'s, (so)', b=[1, -2.5, True, None], c={'d': "e"})]"#), Some((arguments, text(")]"))));
    assert_eq!(read(")"), Some((json!({}), text(")"))));
    for damaged in ["a=", "a=1", "a='b", "a=[1", "a=word)", "a=1 b=2)", &format!("a={}1)", "[".repeat(200))] {
        assert_eq!(read(damaged), None, "{damaged}");
    }
}

#[test]
fn an_application_says_what_it_wants_of_tools_and_the_framework_says_little() {
    let list = ListDialect::default();
    let [timer, ring] = <[ToolDefinition; 2]>::try_from(tools()).unwrap();
    let tools = [timer.example("tea in 5", &[("title", "tea")]), ring];
    let told = |preamble: Option<&Preamble>| match list.definitions(&tools[..1], preamble) {
        Definitions::Words(words) => words,
        Definitions::Template(_) => unreachable!(),
    };
    assert_eq!(
        told(None).lines().skip(1).collect::<Vec<_>>(),
        [
            "",
            "Tools:",
            "- set_timer(title, minutes?, loud?, days?): Rings.",
            "- none(): no tool is needed.",
            "",
            "Examples:",
            r#"tea in 5 => [{"tool": "set_timer", "title": "tea"}]"#,
        ]
    );
    let example = |words: &str, tools: &[&str]| Example {
        words: text(words),
        calls: serde_json::from_value(json!(tools.iter().map(|tool| json!({"tool": tool})).collect::<Vec<_>>()))
            .unwrap(),
    };
    let examples = vec![example("both", &["set_timer", "ring"]), example("hi", &[]), example("eggs", &["set_timer"])];
    let preamble = Preamble { instructions: text("Do it."), no_tool: text("talk."), examples };
    assert_eq!(
        told(Some(&preamble)),
        "Do it.\n\nTools:\n- set_timer(title, minutes?, loud?, days?): Rings.\n- none(): talk.\n\nExamples:\n\
         hi => [{\"tool\": \"none\"}]\neggs => [{\"tool\": \"set_timer\"}]\n"
    );
}
