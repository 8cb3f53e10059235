//! `#[derive(Generable)]`: the schema admits what serde writes, and refuses what the guides exclude.

use reinette::{Generable, Schema};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};

/// Whether an independent validator takes `value` for a `T`.
fn admits<T: Generable>(value: &Value) -> bool {
    jsonschema::validator_for(T::schema().as_json()).expect("the schema is a schema").is_valid(value)
}

/// The schema admits what serde writes of `value`.
fn assert_written_form_is_admitted<T: Generable>(value: &T) {
    let written = serde_json::to_value(value).expect("the value has a written form");
    assert!(admits::<T>(&written), "{written} is not admitted by {}", T::schema().as_json());
}

/// A dish.
#[derive(Serialize, Deserialize, Generable, PartialEq, Debug)]
#[serde(rename_all = "camelCase")]
struct Dish {
    /// What it is called,
    /// in the guest's language.
    ///
    /// Never empty.
    #[guide(length = 1..=20)]
    short_name: String,
    #[guide(range = 1..=5)]
    stars: Option<u8>,
    #[guide(minimum = 0.5)]
    price: f64,
    #[guide(count = 1..3, element(any_of("milk", "nuts", "eggs")), unique)]
    allergens: Vec<String>,
    #[serde(rename = "tableCode")]
    #[guide(pattern = "[A-Z][0-9]{2}", description = "Where it goes.")]
    table: String,
    #[serde(skip)]
    cached: bool,
    #[serde(default)]
    course: Course,
}

/// When it is served.
#[derive(Serialize, Deserialize, Generable, PartialEq, Debug, Default)]
#[serde(rename_all = "kebab-case")]
enum Course {
    /// Before the rest.
    #[default]
    ColdPlate,
    #[serde(rename = "pudding")]
    Dessert,
    #[serde(skip)]
    #[expect(dead_code, reason = "a variant that serde skips is not in the schema")]
    Secret,
}

#[derive(Serialize, Deserialize, Generable)]
enum Amount {
    Pinch,
    Grams(#[guide(range = 1..)] u16),
    Between(f32, f32),
    Pieces { count: u8, of: Option<String> },
}

#[derive(Serialize, Deserialize, Generable)]
#[serde(tag = "kind", rename_all = "snake_case", rename_all_fields = "UPPERCASE")]
enum Step {
    Wait,
    BakeAt { degrees: u16 },
}

#[derive(Serialize, Deserialize, Generable)]
#[serde(tag = "kind", content = "value")]
pub(crate) enum Answer {
    No,
    Because(String),
}

#[derive(Serialize, Deserialize, Generable)]
pub(crate) struct Tree<T> {
    value: T,
    children: Vec<Tree<T>>,
    twin: Option<Box<Tree<T>>>,
}

#[derive(Serialize, Deserialize, Generable)]
struct Wrapped(#[guide(span)] String);

#[derive(Serialize, Deserialize, Generable)]
struct Everything {
    small: i8,
    letter: char,
    pair: (bool, Option<u32>),
    by_name: BTreeMap<String, i64>,
    by_hash: HashMap<String, Vec<f32>>,
    date: jiff::civil::Date,
    at: jiff::civil::DateTime,
    nested: Option<Box<Wrapped>>,
    r#type: Course,
}

fn dish() -> Dish {
    Dish {
        short_name: "clafoutis".into(),
        stars: Some(4),
        price: 7.5,
        allergens: vec!["milk".into(), "eggs".into()],
        table: "B12".into(),
        cached: false,
        course: Course::Dessert,
    }
}

#[test]
fn properties_keep_their_order_and_options_may_be_left_out() {
    let schema = Dish::schema();
    let json = schema.as_json();
    let names: Vec<&String> = json["properties"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["shortName", "stars", "price", "allergens", "tableCode", "course"]);
    assert_eq!(json["required"], json!(["shortName", "price", "allergens", "tableCode"]));
    assert_eq!(json["additionalProperties"], json!(false));
}

#[test]
fn doc_comments_become_descriptions() {
    let schema = Dish::schema();
    let json = schema.as_json();
    assert_eq!(json["description"], "A dish.");
    assert_eq!(
        json["properties"]["shortName"]["description"],
        "What it is called, in the guest's language.\nNever empty."
    );
    assert_eq!(json["properties"]["tableCode"]["description"], "Where it goes.");
    assert_eq!(json["properties"]["course"]["description"], "When it is served.\n`cold-plate`: Before the rest.");
}

#[test]
fn what_serde_writes_is_admitted() {
    assert_written_form_is_admitted(&dish());
    for amount in [
        Amount::Pinch,
        Amount::Grams(200),
        Amount::Between(0.5, 1.0),
        Amount::Pieces { count: 2, of: Some("egg".into()) },
    ] {
        assert_written_form_is_admitted(&amount);
    }
    for step in [Step::Wait, Step::BakeAt { degrees: 180 }] {
        assert_written_form_is_admitted(&step);
    }
    assert_written_form_is_admitted(&Answer::Because("it rains".into()));
    assert_written_form_is_admitted(&Wrapped("as said".into()));
    assert_written_form_is_admitted(&Everything {
        small: -128,
        letter: 'é',
        pair: (true, None),
        by_name: BTreeMap::from([("a".into(), -1)]),
        by_hash: HashMap::from([("b".into(), vec![0.5])]),
        date: jiff::civil::date(2024, 2, 29),
        at: jiff::civil::date(2026, 12, 31).at(23, 59, 59, 0),
        nested: Some(Box::new(Wrapped("x".into()))),
        r#type: Course::ColdPlate,
    });
}

#[test]
fn a_unit_variant_next_to_a_tag_and_content_deserialises_from_every_admitted_form() {
    let written = serde_json::to_value(Answer::No).unwrap();
    assert_eq!(written, json!({"kind": "No"}));
    assert!(admits::<Answer>(&written));
    assert!(!admits::<Answer>(&json!({"kind": "No", "value": "x"})));
}

#[test]
fn guides_exclude_what_they_should() {
    let good = serde_json::to_value(dish()).unwrap();
    for (property, bad) in [
        ("shortName", json!("")),
        ("shortName", json!("a name of more than twenty letters")),
        ("stars", json!(6)),
        ("stars", json!(null)),
        ("price", json!(0.4)),
        ("allergens", json!([])),
        ("allergens", json!(["milk", "milk"])),
        ("allergens", json!(["milk", "nuts", "eggs"])),
        ("allergens", json!(["fish"])),
        ("tableCode", json!("xB12")),
        ("course", json!("Secret")),
        ("cached", json!(true)),
    ] {
        let mut dish = good.clone();
        dish[property] = bad;
        assert!(!admits::<Dish>(&dish), "{dish}");
    }
}

#[test]
fn a_span_is_marked() {
    assert_eq!(Wrapped::schema().as_json()[Schema::SPAN], json!(true));
}

#[test]
fn dates_that_do_not_exist_are_excluded() {
    for bad in ["2025-02-29", "1900-02-29", "2026-04-31", "2026-13-01", "2026-1-1"] {
        assert!(!admits::<jiff::civil::Date>(&json!(bad)), "{bad}");
    }
    for good in ["2000-02-29", "2024-02-29", "2026-04-30"] {
        assert!(admits::<jiff::civil::Date>(&json!(good)), "{good}");
    }
}

#[cfg(feature = "decimal")]
#[test]
fn decimals_are_exact() {
    use rust_decimal::Decimal;
    for exact in ["0", "-0.10", "9999999999999999.999999999999", "1234.5"] {
        let value: Decimal = exact.parse().expect("it has at most 28 digits");
        assert_written_form_is_admitted(&value);
        assert_eq!(serde_json::from_value::<Decimal>(json!(exact)).unwrap().to_string(), exact);
    }
    for bad in [json!("1e5"), json!("01"), json!("1."), json!(1.5), json!("99999999999999999")] {
        assert!(!admits::<Decimal>(&bad), "{bad}");
    }
}

#[test]
fn a_type_that_contains_itself_refers_to_its_definition() {
    let tree = Tree {
        value: Course::Dessert,
        children: vec![Tree { value: Course::ColdPlate, children: vec![], twin: None }],
        twin: None,
    };
    // `twin: None` is written as null; what a model leaves out deserialises to the same.
    let mut written = serde_json::to_value(&tree).unwrap();
    written.as_object_mut().unwrap().remove("twin");
    written["children"][0].as_object_mut().unwrap().remove("twin");
    assert!(admits::<Tree<Course>>(&written));
    written["children"][0]["children"] = json!([{"value": "Secret", "children": []}]);
    assert!(!admits::<Tree<Course>>(&written));
    assert_eq!(Tree::<Course>::schema().as_json()["$ref"], "#/$defs/Tree");
}
