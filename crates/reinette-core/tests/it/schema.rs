//! Schemas that are built: each mistake has a name, and no model is asked.

use reinette::testing::ScriptedModel;
use reinette::{ModelError, Property, Schema, SchemaError, Session, SessionError};
use serde_json::json;

fn mistakes() -> Vec<(Schema, SchemaError)> {
    let name = || Property::required("name", Schema::text());
    let node = Schema::object([name(), Property::optional("next", Schema::reference("Node"))]);
    vec![
        (Schema::object([name(), name()]), SchemaError::DuplicateProperty { name: "name".into() }),
        (Schema::one_of_words([]), SchemaError::EmptyChoices),
        (Schema::any_of([]), SchemaError::EmptyChoices),
        (
            Schema::reference("Node").define("Node", node.clone()).define("Node", Schema::null()),
            SchemaError::DuplicateType { name: "Node".into() },
        ),
        (node, SchemaError::UndefinedReference { reference: "#/$defs/Node".into() }),
    ]
}

#[test]
fn each_mistake_has_a_name_however_deep_it_lies() {
    for (schema, mistake) in mistakes() {
        assert_eq!(schema.clone().checked(), Err(mistake.clone()));
        for outer in [
            Schema::array(schema.clone()),
            Schema::map(schema.clone()).describe("a map"),
            Schema::tuple([Schema::null(), schema.clone()]),
            Schema::any_of([schema.clone(), Schema::boolean()]),
            Schema::object([Property::optional("inner", schema.clone())]),
            Schema::reference("Inner").define("Inner", schema.clone()),
        ] {
            assert_eq!(outer.checked(), Err(mistake.clone()));
        }
    }
}

#[test]
fn a_schema_with_a_mistake_is_refused_before_a_model_is_asked() {
    let model = ScriptedModel::new([]);
    for (schema, mistake) in mistakes() {
        let error = Session::new(&model).turn("A value?").events_under(schema).blocking().next();
        let Some(Err(SessionError::Model(ModelError::Schema { reason, .. }))) = error else { panic!("{error:?}") };
        assert!(reason == mistake.to_string() || matches!(mistake, SchemaError::UndefinedReference { .. }), "{reason}");
    }
    assert!(model.requests().is_empty());
}

#[test]
fn names_may_have_any_characters_and_values_are_no_schemas() {
    let schema = Schema::reference("a/b~c").define("a/b~c", Schema::text());
    assert!(schema.clone().checked().is_ok());
    assert!(schema.validate(&json!("words")).is_ok() && schema.validate(&json!(1)).is_err());
    assert!(Schema::constant(json!({"$ref": "#/nowhere"})).checked().is_ok());
}

/// A tool's parameters as OpenAPI has them: read, held to, and checked by one and the same meaning.
#[test]
fn schemas_of_openapi_are_understood() {
    let schema = Schema::from_json_schema(json!({
        "type": "object",
        "properties": {
            "name": {"type": "string", "nullable": true, "example": "Ada", "maxLength": 9},
            "pet": {
                "oneOf": [{"$ref": "#/$defs/Cat"}, {"$ref": "#/$defs/Dog"}],
                "discriminator": {"propertyName": "kind"},
            },
            "secret": {"type": "string", "format": "password", "writeOnly": true},
        },
        "required": ["name"],
        "externalDocs": {"url": "https://example.com"},
        "$defs": {
            "Cat": {"type": "object", "properties": {"kind": {"const": "cat"}}, "required": ["kind"]},
            "Dog": {"type": "object", "properties": {"kind": {"const": "dog"}}, "required": ["kind"]},
        },
    }))
    .unwrap();
    for value in [json!({"name": null}), json!({"name": "Ada", "pet": {"kind": "dog"}, "secret": "x"})] {
        assert_eq!(schema.validate(&value), Ok(()), "{value}");
    }
    assert!(schema.validate(&json!({"name": 3})).is_err());
    let refused = Schema::from_json_schema(json!({
        "type": "object", "properties": {"code": {"type": "string", "pattern": "^(?!x)[a-z]+$"}},
    }));
    let error = refused.unwrap_err().to_string();
    assert!(error.contains("#/properties/code/pattern") && error.contains("look-around"), "{error}");
}
