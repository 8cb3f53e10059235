//! Expectations of what a model does hold where they should, and say what was otherwise where they do not.

use reinette::testing::trajectory::{
    CallExpectation, Matcher, Mismatch, Trajectory, contains, exact, judged, one_of, pattern, prefix, present, range,
    suffix,
};
use reinette::testing::{Reply, ScriptedModel};
use reinette::{Entry, ToolCall, assert_trajectory};
use serde_json::{Value, json};

fn call(name: &str, arguments: Value) -> ToolCall {
    let Value::Object(arguments) = arguments else { panic!("arguments are an object") };
    ToolCall { id: "call".to_owned(), name: name.to_owned(), arguments }
}

/// Two rounds of calls, with outputs and words between them.
fn entries() -> Vec<Entry> {
    vec![
        Entry::Prompt { text: "Plan it.".to_owned() },
        Entry::ToolCalls {
            calls: vec![call("weather", json!({"city": "Lyon", "days": 2})), call("weather", json!({"city": "Oslo"}))],
        },
        Entry::tool_output("call", "sun"),
        Entry::ToolCalls { calls: vec![call("book", json!({"code": "AB-123"}))] },
        Entry::Response { text: "Done.".to_owned() },
    ]
}

fn expect(tool: &str, arguments: &[(&str, Matcher)]) -> CallExpectation {
    arguments.iter().fold(CallExpectation::new(tool), |call, (name, matcher)| call.argument(*name, matcher.clone()))
}

#[test]
fn matchers_tell_values_apart() {
    let judge = ScriptedModel::answering(|request| {
        let words = request.transcript.last_prompt().unwrap_or_default();
        Reply::text(if words.contains("Lyon") { "true" } else { "false" })
    });
    for (matcher, good, bad) in [
        (exact("Lyon"), json!("Lyon"), json!("Lyons")),
        (exact(3), json!(3), json!("3")),
        (one_of(["a", "b"]), json!("b"), json!("c")),
        (range(1.0..=2.5), json!(2.5), json!(2.6)),
        (pattern("^[A-Z]{2}-[0-9]+$"), json!("AB-12"), json!("AB-12x")),
        (contains("yo"), json!("Lyon"), json!("Oslo")),
        (prefix("Ly"), json!("Lyon"), json!("only")),
        (suffix("on"), json!("Lyon"), json!("only")),
        (judged(&judge, "Is it a city in France?"), json!("Lyon"), json!("Oslo")),
    ] {
        assert_eq!(matcher.check(&good), Ok(()));
        let reason = matcher.check(&bad).unwrap_err();
        assert!(reason.contains(&bad.to_string()), "{reason}");
        // What is no string has no beginning, and no number either.
        assert!(matcher.check(&json!([])).is_err(), "{matcher}");
    }
    assert_eq!(present().check(&json!(null)), Ok(()));
    let confused = judged(&ScriptedModel::new([Reply::text("Perhaps.")]), "Is it?");
    assert!(confused.check(&json!(1)).unwrap_err().contains("Perhaps."));
}

#[test]
fn calls_are_expected_in_order_or_in_any() {
    let (lyon, oslo) = (expect("weather", &[("city", exact("Lyon"))]), expect("weather", &[("city", exact("Oslo"))]));
    let book = expect("book", &[("code", present())]);
    let entries = entries();
    for fitting in [
        Trajectory::ordered([lyon.clone(), book.clone()]),
        Trajectory::ordered([lyon.clone(), oslo.clone(), book.clone()]).nothing_else(),
        Trajectory::unordered([book.clone(), oslo.clone()]).never(expect("weather", &[("city", exact("Rome"))])),
        // The first expectation fits both calls, and leaves the second its only one.
        Trajectory::unordered([CallExpectation::new("weather"), lyon.clone()]),
        Trajectory::unordered([]),
    ] {
        assert_eq!(fitting.check(&entries), Ok(()), "{fitting:?}");
    }
    for out_of_order in [[book.clone(), lyon.clone()], [lyon.clone(), lyon.clone()]] {
        let error = Trajectory::ordered(out_of_order).check(&entries).unwrap_err();
        assert!(matches!(&error, Mismatch::Missing { .. }), "{error}");
    }
    let twice = Trajectory::unordered([lyon.clone(), lyon.clone()]).check(&entries).unwrap_err();
    assert!(twice.to_string().starts_with("expected weather(city: \"Lyon\"); "), "{twice}");
}

#[test]
fn what_is_otherwise_is_said() {
    let entries = entries();
    let late = Trajectory::ordered([expect("weather", &[("days", range(3.0..=9.0))])]).check(&entries).unwrap_err();
    let said = late.to_string();
    assert!(said.contains("2 is not a number from 3 to 9") && said.contains("`days` was left out"), "{said}");
    let disallowed = Trajectory::unordered([]).never(CallExpectation::new("book")).check(&entries).unwrap_err();
    assert_eq!(disallowed, Mismatch::Disallowed { call: r#"book{"code":"AB-123"}"#.to_owned() });
    let unexpected = Trajectory::unordered([CallExpectation::new("weather")]).nothing_else().check(&entries);
    assert_eq!(unexpected.unwrap_err(), Mismatch::Unexpected { call: r#"weather{"city":"Oslo"}"#.to_owned() });
    let none = Trajectory::ordered([CallExpectation::new("weather")]).check(&[]).unwrap_err();
    assert!(none.to_string().contains("no call was left"), "{none}");
}

#[test]
fn the_macro_writes_them_down() {
    assert_trajectory!(entries(), ordered [weather { city: prefix("Ly"), days: exact(2) }, book {}], never [pay]);
    assert_trajectory!(entries(), unordered [book { code: suffix("123") }, weather {}]);
    let failed = std::panic::catch_unwind(|| assert_trajectory!(entries(), ordered [], never [book]));
    let message = failed.unwrap_err().downcast::<String>().unwrap();
    assert!(message.contains("not allowed"), "{message}");
}
