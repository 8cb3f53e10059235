//! What is refused, by name and place, and what is bounded.

use super::prepare;
use crate::constraint::ConstraintError;
use serde_json::{Value, json};

#[track_caller]
fn assert_unsupported(schema: &Value, keyword: &str, pointer: &str) {
    match prepare(schema) {
        Err(ConstraintError::Unsupported { keyword: found, pointer: place, advice }) => {
            assert_eq!((found.as_str(), place.as_str()), (keyword, pointer), "{schema}");
            assert!(!advice.is_empty());
        }
        other => panic!("{schema} gave {other:?}"),
    }
}

#[test]
fn what_is_not_enforced_is_refused_by_name_and_place() {
    for (keyword, value) in [
        ("not", json!({"const": 1})),
        ("if", json!({"type": "string"})),
        ("then", json!({})),
        ("else", json!({})),
        ("patternProperties", json!({"^a": {"type": "string"}})),
        ("propertyNames", json!({"maxLength": 3})),
        ("contains", json!({"type": "string"})),
        ("minContains", json!(2)),
        ("dependentSchemas", json!({})),
        ("dependentRequired", json!({})),
        ("unevaluatedProperties", json!(false)),
        ("unevaluatedItems", json!(false)),
        ("$dynamicRef", json!("#a")),
        ("x-span", json!(true)),
        ("x-guidance", json!({})),
        ("minimun", json!(3)),
    ] {
        let mut inner = json!({"type": "string"});
        inner[keyword] = value;
        assert_unsupported(&inner, keyword, "#");
        let outer = json!({"type": "object", "properties": {"a/b": {"type": "array", "items": inner}}});
        assert_unsupported(&outer, keyword, "#/properties/a~1b/items");
    }
}

#[test]
fn literals_that_cannot_be_written_are_refused() {
    assert_unsupported(&json!({"const": "hello\u{0}there"}), "const", "#");
    assert_unsupported(&json!({"enum": [1, ["a", {"b\u{1b}": 2}]]}), "enum", "#");
    let object = json!({"type": "object", "properties": {"a\u{1}": {"type": "null"}}});
    assert_unsupported(&object, "properties", "#");
    assert!(prepare(&json!({"enum": ["line\nend\r", "tab\there", "\u{8}\u{c}", "\"\\\u{7f}é"]})).is_ok());
}

#[test]
fn what_is_enforced_only_in_part_is_refused_for_the_rest() {
    assert_unsupported(&json!({"type": "string", "format": "email"}), "format", "#");
    assert_unsupported(&json!({"type": "number", "multipleOf": 0.1}), "multipleOf", "#");
    assert_unsupported(&json!({"type": "array", "items": {"type": "string"}, "uniqueItems": true}), "uniqueItems", "#");
    let weekdays = json!({"enum": [1, 2, 3, 4, 5, 6, 7]});
    assert_unsupported(&json!({"type": "array", "items": weekdays, "uniqueItems": true}), "uniqueItems", "#");
    assert_unsupported(&json!({"$ref": "https://example.com/schema"}), "$ref", "#");
    assert_unsupported(&json!({"$ref": "#/properties/a", "properties": {"a": {"type": "null"}}}), "$ref", "#");
    assert_unsupported(&json!({"allOf": [{"type": "string"}, {"type": "string"}]}), "allOf", "#");
    let map = json!({"type": "object", "additionalProperties": {"type": "null"}, "minProperties": 2});
    assert_unsupported(&map, "minProperties", "#");
}

#[test]
fn what_nothing_satisfies_is_refused() {
    for schema in [
        json!({"type": "integer", "minimum": 2, "maximum": 1}),
        json!({"type": "number", "exclusiveMinimum": 1, "maximum": 1}),
        json!({"type": "string", "minLength": 3, "maxLength": 2}),
        json!({"type": "array", "items": {"type": "null"}, "minItems": 3, "maxItems": 2}),
        json!({"enum": []}),
        json!({"type": "array", "items": {"enum": [1, 2]}, "uniqueItems": true, "minItems": 3}),
        json!({"type": "object", "properties": {"a": false}, "required": ["a"]}),
        json!({"type": "object", "additionalProperties": {"type": "null"}, "minProperties": 1, "maxProperties": 0}),
    ] {
        let result = prepare(&schema);
        assert!(matches!(result, Err(ConstraintError::Unsatisfiable { .. })), "{schema} gave {result:?}");
    }
}

#[test]
fn what_is_no_schema_is_refused() {
    for schema in [
        json!(true),
        json!(3),
        json!({}),
        json!({"description": "anything"}),
        json!({"type": "object"}),
        json!({"type": "array"}),
        json!({"type": "text"}),
        json!({"type": []}),
        json!({"type": "string", "maxLength": -1}),
        json!({"type": "integer", "minimum": "1"}),
        json!({"type": "object", "properties": {}, "required": ["a"]}),
        json!({"anyOf": []}),
        json!({"$ref": "#/$defs/Missing"}),
    ] {
        let result = prepare(&schema);
        assert!(matches!(result, Err(ConstraintError::Malformed { .. })), "{schema} gave {result:?}");
    }
}

#[test]
fn what_is_left_open_is_bounded() {
    let prepared = prepare(&json!({"type": "object", "properties": {
        "text": {"type": "string"},
        "count": {"type": "integer", "minimum": 3},
        "list": {"type": "array", "items": {"type": "string", "maxLength": 9}},
    }}))
    .unwrap();
    assert_eq!(prepared["additionalProperties"], json!(false));
    let properties = &prepared["properties"];
    assert_eq!(properties["text"]["maxLength"], json!(crate::constraint::limits::STRING_CHARACTERS));
    assert_eq!(
        properties["count"],
        json!({"type": "integer", "minimum": 3, "maximum": crate::constraint::limits::INTEGER})
    );
    assert_eq!(properties["list"]["maxItems"], json!(crate::constraint::limits::LIST_ITEMS));
    assert_eq!(properties["list"]["items"]["maxLength"], json!(9));
}

#[test]
fn lists_without_repetition_are_spelt_out() {
    let prepared = prepare(&json!({
        "type": "array", "uniqueItems": true, "minItems": 1, "maxItems": 2,
        "items": {"$ref": "#/$defs/Letter"}, "$defs": {"Letter": {"enum": ["a", "b"]}},
    }))
    .unwrap();
    assert_eq!(prepared["enum"], json!([["a"], ["a", "b"], ["b"], ["b", "a"]]));
}
