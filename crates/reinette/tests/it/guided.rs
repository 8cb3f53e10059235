//! Guided generation keeps its promise: random schemas, and a model whose weights are random, so that nothing but the
//! framework makes its values right.
//!
//! `PROPTEST_CASES=10000` in the environment tries as many schemas; the test prints how many there were.

use super::conformance::tiny_model;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use reinette::{
    Event, FinishReason, GenerationOptions, LanguageModel, ModelError, OnDeviceModel, Request, Sampling, Schema,
    Transcript,
};
use serde_json::{Map, Value, json};
use std::cell::Cell;

/// Schemas that are tried unless `PROPTEST_CASES` says how many: some seconds on one core.
const CASES: u32 = 150;
/// No value of these schemas is longer.
const MAX_TOKENS: usize = 2_000;

/// The same cases on every run.
fn runner() -> TestRunner {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(CASES);
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
}

/// Schemas within what is enforced.
fn schema() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => whole_schema(),
        1 => (whole_schema(), whole_schema()).prop_map(|(target, other)| referring(&target, &other)),
    ]
}

fn whole_schema() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![numbers(), words(), literals()];
    leaf.prop_recursive(3, 12, 4, |inner| {
        let list = (inner.clone(), 0..3_u64, 0..3_u64).prop_map(|(items, least, more)| {
            json!({"type": "array", "items": items, "minItems": least, "maxItems": least + more})
        });
        let tuple = prop::collection::vec(inner.clone(), 1..4).prop_map(|places| {
            let count = places.len();
            json!({"type": "array", "prefixItems": places, "minItems": count, "maxItems": count})
        });
        let object = prop::collection::vec((inner.clone(), any::<bool>()), 0..4).prop_map(|schemas| object(&schemas));
        let map = (inner.clone(), 0..3_u64).prop_map(
            |(values, most)| json!({"type": "object", "additionalProperties": values, "maxProperties": most}),
        );
        let choice = prop::collection::vec(inner.clone(), 1..4).prop_map(|choices| json!({"anyOf": choices}));
        let tagged = prop::collection::vec(inner.clone(), 1..4).prop_map(|contents| tagged(&contents));
        let beside = (prop::collection::vec((inner.clone(), any::<bool>()), 1..4), inner)
            .prop_map(|(schemas, more)| beside(&schemas, &more));
        prop_oneof![list, tuple, object, map, choice, tagged, beside]
    })
}

/// Objects, told apart by a tag.
fn tagged(contents: &[Value]) -> Value {
    let object = |(index, content): (usize, &Value)| json!({"type": "object", "properties": {"tag": {"const": index}, "content": content}, "required": ["tag"]});
    json!({"oneOf": contents.iter().enumerate().map(object).collect::<Vec<_>>()})
}

/// An object that refers to a definition, alone and with something next to the reference.
fn referring(target: &Value, other: &Value) -> Value {
    let reference = json!({"$ref": "#/$defs/a%25b"});
    let properties = json!({"plain": reference, "beside": {"allOf": [reference, true]}, "other": other});
    json!({"properties": properties, "required": ["plain", "beside"], "$defs": {"a%b": target}})
}

/// An object whose properties are named in two places, with choices next to them.
fn beside(schemas: &[(Value, bool)], more: &Value) -> Value {
    let mut schema = object(schemas);
    schema["additionalProperties"] = json!(true);
    let parts = json!([schema, {"properties": {"more": more}, "dependentRequired": {"more": ["first"]}}]);
    json!({"allOf": parts, "anyOf": [{"required": ["more"]}, true], "unevaluatedProperties": false})
}

fn numbers() -> impl Strategy<Value = Value> {
    prop_oneof![
        (-2_000..2_000_i64, 0..500_i64)
            .prop_map(|(least, more)| json!({"type": "integer", "minimum": least, "maximum": least + more})),
        (-2_000..2_000_i64).prop_map(|least| json!({"type": "integer", "exclusiveMinimum": least})),
        (1..12_i64).prop_map(|step| json!({"type": "integer", "minimum": 0, "maximum": 500, "multipleOf": step})),
        (-60.0..60.0_f64, 0.25..30.0_f64)
            .prop_map(|(least, more)| json!({"type": "number", "minimum": least, "maximum": least + more})),
        Just(json!({"type": "number"})),
        (0..90_i64).prop_map(|least| json!({"minimum": least, "maximum": least + 9})),
    ]
}

fn words() -> impl Strategy<Value = Value> {
    let formats = prop::sample::select(vec![
        "date",
        "time",
        "date-time",
        "duration",
        "uuid",
        "ipv4",
        "ipv6",
        "hostname",
        "email",
        "uri",
    ]);
    let patterns = prop::sample::select(vec!["^[A-Z][a-z]{2,5}(-[0-9]+)?$", "b+c", "^\"\\d{2}\"\\\\$", "é|日本"]);
    prop_oneof![
        (0..5_u64, 0..9_u64)
            .prop_map(|(least, more)| json!({"type": "string", "minLength": least, "maxLength": least + more})),
        formats.prop_map(|format| json!({"type": "string", "format": format})),
        patterns.prop_map(|pattern| json!({"type": "string", "pattern": pattern, "maxLength": 12})),
        (0..6_u64).prop_map(|most| json!({"type": ["string", "null"], "maxLength": most})),
        (0..6_u64).prop_map(|most| json!({"maxLength": most})),
    ]
}

fn literals() -> impl Strategy<Value = Value> {
    let values = vec![json!("red"), json!("light \"blue\""), json!("tab\there"), json!(7), json!(-0.5), Value::Null];
    prop_oneof![
        Just(json!({"type": "boolean"})),
        prop::sample::subsequence(values.clone(), 1..=values.len()).prop_map(|values| json!({"enum": values})),
        prop::sample::select(values).prop_map(|value| json!({"const": value})),
    ]
}

/// An object of properties that are required or not, with names that JSON has to escape.
fn object(schemas: &[(Value, bool)]) -> Value {
    let names = ["first", "clé \"2\"", "third\\", "4 🎉"];
    let required: Vec<&str> =
        names.iter().zip(schemas).filter(|(_, (_, is_required))| *is_required).map(|(name, _)| *name).collect();
    let properties: Map<String, Value> =
        names.iter().zip(schemas).map(|(name, (schema, _))| ((*name).to_owned(), schema.clone())).collect();
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}

fn samplings() -> impl Strategy<Value = Sampling> {
    prop_oneof![
        1 => Just(Sampling::Greedy),
        3 => (0.2..4.0_f32, any::<u64>()).prop_map(|(temperature, seed)| {
            Sampling::Random { temperature, top_k: 0, top_p: 1.0, min_p: 0.0, seed }
        }),
    ]
}

/// The text of an answer under `schema`, and why it ended.
fn answer(model: &OnDeviceModel, schema: &Value, sampling: Sampling) -> Result<(String, FinishReason), ModelError> {
    let request = Request {
        transcript: Transcript::from_prompt("A value, please."),
        response_schema: Some(Schema::new(schema.clone())),
        options: GenerationOptions { sampling, max_tokens: MAX_TOKENS, ..GenerationOptions::default() },
        ..Request::default()
    };
    let mut text = String::new();
    for event in model.respond(request) {
        match event? {
            Event::Text(words) => text.push_str(&words),
            Event::Finished(summary) => return Ok((text, summary.finish_reason)),
            other => panic!("{other:?} where no tool is offered"),
        }
    }
    panic!("the answer had no end")
}

#[test]
fn values_satisfy_random_schemas() {
    let model = tiny_model();
    let count = Cell::new(0_u32);
    let outcome = runner().run(&(schema(), samplings()), |(schema, sampling)| {
        let failed = |reason: String| TestCaseError::fail(format!("{schema}: {reason}"));
        let (text, reason) = answer(&model, &schema, sampling).map_err(|error| failed(error.to_string()))?;
        prop_assert_eq!(reason, FinishReason::Stop, "{} for {}", text, schema);
        let value = serde_json::from_str(&text).map_err(|error| failed(format!("{text}: {error}")))?;
        Schema::new(schema.clone()).validate(&value).map_err(|reason| failed(format!("{text}: {reason}")))?;
        count.set(count.get() + 1);
        Ok(())
    });
    println!("{} random schemas, {} violations", count.get(), u32::from(outcome.is_err()));
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

/// What is not enforced, wherever it stands.
fn unsupported() -> impl Strategy<Value = (&'static str, Value)> {
    prop::sample::select(vec![
        ("not", json!({"type": "string", "not": {"const": "x"}})),
        ("if", json!({"type": "integer", "if": {"minimum": 3}, "then": {"maximum": 5}})),
        ("contains", json!({"type": "array", "items": {"type": "integer"}, "contains": {"const": 1}})),
        (
            "propertyNames",
            json!({"type": "object", "additionalProperties": {"type": "null"}, "propertyNames": {"maxLength": 2}}),
        ),
        ("minContains", json!({"type": "array", "items": {"type": "integer"}, "minContains": 1})),
        ("format", json!({"type": "string", "format": "regex"})),
        ("minimun", json!({"type": "integer", "minimun": 3})),
    ])
}

#[test]
fn what_is_not_enforced_is_refused_by_name_wherever_it_stands() {
    let model = tiny_model();
    runner()
        .run(&(unsupported(), prop::collection::vec(0..4_u8, 0..4)), |((keyword, schema), nesting)| {
            let schema = nesting.into_iter().fold(schema, |inner, kind| match kind {
                0 => json!({"type": "array", "items": inner}),
                1 => json!({"anyOf": [{"type": "null"}, inner]}),
                2 => json!({"type": "object", "properties": {"a": inner}}),
                _ => json!({"type": "object", "additionalProperties": inner}),
            });
            match answer(&model, &schema, Sampling::Greedy) {
                Err(ModelError::Schema { reason, .. }) => {
                    prop_assert!(reason.contains(&format!("`{keyword}`")), "{} for {}", reason, schema);
                }
                other => return Err(TestCaseError::fail(format!("{schema} gave {other:?}"))),
            }
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
}
