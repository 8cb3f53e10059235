//! Partial values: right at every beginning of a value's text.

use crate::derive::{Answer, Tree};
use reinette::{Generable, PartialValue};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(Serialize, Deserialize, Generable)]
struct Trip {
    /// One line.
    title: String,
    #[guide(range = 1..=30)]
    days: u8,
    stops: Vec<Stop>,
    kind: Kind,
    budget: Option<f64>,
}

#[derive(Serialize, Deserialize, Generable)]
struct Stop {
    place: String,
    hours: (u8, u8),
}

#[derive(Serialize, Deserialize, Generable)]
enum Kind {
    City,
    Sea { beach: String },
    Hike(u16),
}

/// Whether `less` is what may be known of `more` at an earlier moment.
fn is_beginning(less: &Value, more: &Value) -> bool {
    match (less, more) {
        (Value::String(less), Value::String(more)) => more.starts_with(less.as_str()),
        (Value::Array(less), Value::Array(more)) => {
            less.len() <= more.len() && less.iter().zip(more).all(|(less, more)| is_beginning(less, more))
        }
        (Value::Object(less), Value::Object(more)) => {
            less.iter().all(|(name, less)| more.get(name).is_some_and(|more| is_beginning(less, more)))
        }
        // A place of a tuple that is not known yet.
        (Value::Null, _) => true,
        _ => less == more,
    }
}

/// What is known of `value` at every beginning of its text only grows, and is all of it at the end.
fn assert_grows<T: Generable>(value: &Value) {
    let text = value.to_string();
    let mut before = Value::Null;
    for end in (1..=text.len()).filter(|end| text.is_char_boundary(*end)) {
        let known = PartialValue::parse(&text[..end]).as_ref().and_then(T::partial);
        let now = known.map_or(Value::Null, |known| serde_json::to_value(&known).expect("partial values have a form"));
        assert!(is_beginning(&before, &now), "{before}, and then {now}");
        assert!(is_beginning(&now, value), "{now} of {value}");
        before = now;
    }
    assert_eq!(&before, value);
}

#[test]
fn what_is_known_only_grows_and_is_all_at_the_end() {
    for kind in [json!("City"), json!({"Sea": {"beach": "Plage é"}}), json!({"Hike": 1200})] {
        assert_grows::<Trip>(&json!({
            "title": "By the \"sea\" 😀", "days": 12, "kind": kind, "budget": 1.5e3,
            "stops": [{"place": "Lyon", "hours": [9, 18]}, {"place": "", "hours": [1, 2]}],
        }));
    }
    assert_grows::<Answer>(&json!({"kind": "No"}));
    assert_grows::<Answer>(&json!({"kind": "Because", "value": "it rains"}));
    let leaf = json!({"value": 2, "children": []});
    assert_grows::<Tree<u8>>(&json!({"value": 1, "children": [leaf, leaf], "twin": leaf}));
}

#[test]
fn fields_are_there_as_soon_as_they_are_known() {
    let known = |text| Trip::partial(&PartialValue::parse(text).unwrap()).unwrap();
    let trip = known(r#"{"title": "By th"#);
    assert_eq!((trip.title.as_deref(), trip.days), (Some("By th"), None));
    let trip = known(r#"{"title": "By the sea", "days": 12, "stops": [{"place": "Ni"#);
    assert_eq!(trip.days, Some(12));
    assert_eq!(trip.stops.unwrap()[0].place.as_deref(), Some("Ni"));
    let trip = known(r#"{"kind": {"Sea": {"beach": "Pla"#);
    assert!(matches!(trip.kind, Some(KindPartial::Sea { beach: Some(beach) }) if beach == "Pla"));
}

#[test]
fn partial_values_print_as_json() {
    let known = PartialValue::parse(r#"{"title": "By", "days": 3"#).unwrap();
    assert_eq!(format!("{:?}", Trip::partial(&known).unwrap()), r#"{"title":"By"}"#);
}

#[test]
fn what_is_no_such_value_gives_nothing() {
    assert!(Trip::partial(&PartialValue::parse("[1, 2]").unwrap()).is_none());
    assert!(Kind::partial(&PartialValue::parse(r#"{"Desert": 1}"#).unwrap()).is_none());
    assert!(Kind::partial(&PartialValue::parse("\"Sea\"").unwrap()).is_none());
    assert!(PartialValue::parse("no JSON at all").is_none());
}
