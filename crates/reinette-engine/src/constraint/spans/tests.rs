//! What spans a text has: the terminals are expanded into all the strings that they derive.

use super::{SpanWriting, Spans};
use std::collections::HashMap;

/// All strings that the terminals of `text` derive, without their quotes. Only for short texts.
fn spans(text: &str) -> Vec<String> {
    spans_of(&[text])
}

/// As [`spans`], of several texts.
fn spans_of(texts: &[&str]) -> Vec<String> {
    let lark = Spans::of(texts, SpanWriting::Json).terminals();
    let definitions: HashMap<&str, &str> = lark.lines().filter_map(|line| line.split_once(": ")).collect();
    let Some(root) = definitions.get("SPAN") else { return Vec::new() };
    let body = root.split_once(" | \"\\\"\" (").expect("the second alternative is the span").1;
    let body = body.strip_suffix(") \"\\\"\"").expect("it ends with a quote");
    let mut all = expand(body, &definitions);
    all.sort();
    all.dedup();
    all.iter().map(|escaped| serde_json::from_str(&format!("\"{escaped}\"")).expect("a JSON string")).collect()
}

/// The strings of alternatives of the form `"text" NAME | "text" …`.
fn expand(alternatives: &str, definitions: &HashMap<&str, &str>) -> Vec<String> {
    let mut strings = Vec::new();
    let mut rest = alternatives;
    loop {
        let mut texts = serde_json::Deserializer::from_str(rest).into_iter::<String>();
        let text = texts.next().expect("an alternative").expect("a string");
        rest = &rest[texts.byte_offset()..];
        let (name, more) = rest.split_once(" | ").map_or((rest, None), |(name, more)| (name, Some(more)));
        let name = name.trim();
        if name.is_empty() {
            strings.push(text);
        } else {
            let definition = definitions[name];
            if definition.ends_with('?') {
                strings.push(text.clone());
            }
            let inner = definition.trim_end_matches('?').trim_start_matches('(').trim_end_matches(')');
            strings.extend(expand(inner, definitions).iter().map(|tail| format!("{text}{tail}")));
        }
        match more {
            Some(more) => rest = more,
            None => return strings,
        }
    }
}

/// Which of `wanted` are spans of `text`, and which are not.
fn assert_spans(text: &str, wanted: &[&str], unwanted: &[&str]) {
    let all = spans(text);
    for span in wanted {
        assert!(all.iter().any(|other| other == span), "{span:?} is no span of {text:?}: {all:?}");
    }
    for span in unwanted {
        assert!(!all.iter().any(|other| other == span), "{span:?} is a span of {text:?}");
    }
}

#[test]
fn spans_are_whole_words_in_a_row() {
    let mut all = spans("call Ana now");
    all.retain(|span| "call Ana now".contains(span.as_str()));
    assert_eq!(all, ["Ana", "Ana now", "call", "call Ana", "call Ana now", "now"]);
}

#[test]
fn the_first_letter_may_be_in_the_other_case() {
    assert_spans("Call Ana", &["Call", "call", "call Ana", "ana", "Ana"], &["CALL", "call ana"]);
    assert_spans("écrire", &["Écrire", "écrire"], &[]);
}

#[test]
fn punctuation_around_a_word_may_be_left_out() {
    assert_spans(
        "call the plumber, tomorrow!",
        &["the plumber", "plumber, tomorrow", "tomorrow", "tomorrow!"],
        &["plumber,", ", tomorrow", "!", "the plumber,"],
    );
    assert_spans("read 'War and Peace' (tonight)", &["War and Peace", "'War and Peace'", "tonight"], &["'", "("]);
    assert_spans("at 8:30 p.m. ok", &["8:30", "8:30 p.m", "8:30 p.m."], &["30", "p", "m"]);
}

#[test]
fn elisions_and_possessives_are_parted() {
    assert_spans("prévoir l'apéro", &["apéro", "l'apéro", "prévoir l'apéro"], &["l'", "l"]);
    assert_spans("ask Ana's friend", &["Ana", "Ana's", "ask Ana"], &["s", "'s", "s friend"]);
    assert_spans("I don't know", &["don't"], &["don", "t"]);
}

#[test]
fn white_space_is_one_space_and_repeated_words_are_all_found() {
    assert_spans("a b\n\n a\tc", &["a b a c", "a c", "b a"], &["a b\n", "c a"]);
}

#[test]
fn a_text_without_words_has_no_span() {
    for text in ["", "   \n", "?!", "...", "\"\" ,", "\u{0}\u{1}"] {
        assert!(spans(text).is_empty(), "{text:?}: {:?}", spans(text));
        assert!(Spans::of(&[text], SpanWriting::Json).terminal().is_none());
    }
}

#[test]
fn what_json_escapes_is_escaped() {
    assert_spans(r#"say "\"," C:\dir"#, &[r"C:\dir", r#""\"#, r#""\",""#], &["", r"dir", "\"", ","]);
}

#[test]
fn no_span_reaches_from_one_text_into_the_next() {
    let mut all = spans_of(&["call Ana", "Ana now", "now call"]);
    all.retain(|span| ["call Ana", "Ana now", "now call"].iter().any(|text| text.contains(span.as_str())));
    assert_eq!(all, ["Ana", "Ana now", "call", "call Ana", "now", "now call"]);
    let all = spans_of(&["call Ana", "Ana now", "now call"]);
    assert!(!all.iter().any(|span| span.contains("Ana Ana") || span.contains("now now")), "{all:?}");
    assert_eq!(all.len(), 12, "each in both cases of its first letter: {all:?}");
}

#[test]
fn plain_spans_are_as_they_were_said() {
    let lark = Spans::of(&["say \"hi\\you\""], SpanWriting::Plain).terminals();
    assert!(lark.contains(r#""say \"hi\\you\"""#) || lark.contains(r#""hi\\you""#), "{lark}");
    assert!(!lark.contains(r#"\\\""#), "{lark}");
}
