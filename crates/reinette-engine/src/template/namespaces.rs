//! Namespaces: the only values of a template that it can change.
//!
//! One that contains itself, however deep, would be printed, compared and hashed without end, which no budget stops: the
//! stack overflows first. So a value is settled before a namespace keeps it: lazy iterables become lists, and a value that
//! holds the namespace itself is refused.

use minijinja::tests::is_sameas;
use minijinja::value::{Kwargs, Rest, Tuple, ValueKind};
use minijinja::{Error, ErrorKind, State, Value};

/// The function `namespace(…)`, which takes a dictionary, names, or both; `make` is minijinja's own.
pub(super) fn constructor(make: Value) -> Value {
    Value::from_function(move |state: &mut State<'_, '_>, defaults: Option<Value>, named: Kwargs| {
        let mut fields = Vec::new();
        if let Some(defaults) = defaults {
            for key in defaults.try_iter()? {
                fields.push((key.clone(), settle(state, &defaults.get_item(&key)?, &[])?));
            }
        }
        for name in named.args() {
            fields.push((Value::from(name), settle(state, &named.get::<Value>(name)?, &[])?));
        }
        make.call(state, &[fields.into_iter().collect::<std::collections::BTreeMap<_, _>>().into()])
    })
}

/// The filter through which every value goes that one of `namespaces` is to keep.
#[expect(clippy::needless_pass_by_value, reason = "the signature that a filter has")]
pub(super) fn settled(state: &State<'_, '_>, value: &Value, namespaces: Rest<Value>) -> Result<Value, Error> {
    settle(state, value, &namespaces)
}

/// The value without anything that is worked out later.
fn settle(state: &State<'_, '_>, value: &Value, namespaces: &[Value]) -> Result<Value, Error> {
    Ok(changed(state, value, namespaces)?.unwrap_or_else(|| value.clone()))
}

/// The value, if it has to be another one to be settled.
fn changed(state: &State<'_, '_>, value: &Value, namespaces: &[Value]) -> Result<Option<Value>, Error> {
    if namespaces.iter().any(|namespace| is_sameas(namespace, value)) {
        return Err(Error::new(ErrorKind::InvalidOperation, "a namespace cannot contain itself"));
    }
    match value.kind() {
        ValueKind::Map => changed_map(state, value, namespaces),
        ValueKind::Seq | ValueKind::Iterable => changed_list(state, value, namespaces),
        _ => Ok(None),
    }
}

fn changed_list(state: &State<'_, '_>, value: &Value, namespaces: &[Value]) -> Result<Option<Value>, Error> {
    let mut is_changed = value.kind() == ValueKind::Iterable;
    let mut items = Vec::new();
    state.consume_fuel(1)?;
    for item in value.try_iter()? {
        pay(state, items.len())?;
        let changed = changed(state, &item, namespaces)?;
        is_changed |= changed.is_some();
        items.push(changed.unwrap_or(item));
    }
    Ok(is_changed.then(|| if value.is_tuple() { Value::from(Tuple::from(items)) } else { Value::from(items) }))
}

fn changed_map(state: &State<'_, '_>, value: &Value, namespaces: &[Value]) -> Result<Option<Value>, Error> {
    // What a loop says of its neighbours changes as it goes on.
    if value.as_object().is_some_and(|object| object.type_name().ends_with("::Loop")) {
        return Err(Error::new(
            ErrorKind::InvalidOperation,
            "a namespace cannot keep a loop: keep what you need of it",
        ));
    }
    let mut is_changed = false;
    let mut entries = Vec::new();
    state.consume_fuel(1)?;
    for key in value.try_iter()? {
        pay(state, entries.len())?;
        let item = value.get_item(&key)?;
        let changes = [changed(state, &key, namespaces)?, changed(state, &item, namespaces)?];
        is_changed |= changes.iter().any(Option::is_some);
        let [new_key, new_item] = changes;
        entries.push((new_key.unwrap_or(key), new_item.unwrap_or(item)));
    }
    Ok(is_changed.then(|| Value::from_pairs(entries)))
}

/// Pays for the items of a list or a dictionary, of which so many were looked at: little, as some templates gather a
/// whole conversation in a namespace, turn by turn.
fn pay(state: &State<'_, '_>, done: usize) -> Result<(), Error> {
    if done % 16 == 15 { state.consume_fuel(1) } else { Ok(()) }
}
