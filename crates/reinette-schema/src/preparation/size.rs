//! How large a schema may be: found out before anything else is done with it.

use crate::{SchemaError, limits};
use serde_json::Value;

/// Refuses a schema that would take long to compile, by what of it is too large.
pub(super) fn check(schema: &Value) -> Result<(), SchemaError> {
    let mut size = Size::default();
    // No recursion: how deep the schema is, is yet to be found out.
    let mut open = vec![(schema, "#".to_owned(), 0)];
    while let Some((value, pointer, depth)) = open.pop() {
        size.add(value, &pointer, depth)?;
        match value {
            Value::Array(items) => {
                open.extend(
                    items
                        .iter()
                        .enumerate()
                        .filter(|(_, item)| !is_leaf(item))
                        .map(|(index, item)| (item, format!("{pointer}/{index}"), depth + 1)),
                );
            }
            Value::Object(fields) => {
                open.extend(
                    fields
                        .iter()
                        .filter(|(_, field)| !is_leaf(field))
                        .map(|(name, field)| (field, format!("{pointer}/{}", super::escaped(name)), depth + 1)),
                );
            }
            _ => {}
        }
    }
    Ok(())
}

/// How many values a JSON value is made of.
pub(super) fn values(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(values).sum(),
        Value::Object(fields) => fields.values().map(values).sum(),
        _ => 0_usize,
    }
}

fn is_leaf(value: &Value) -> bool {
    !value.is_array() && !value.is_object()
}

#[derive(Default)]
struct Size {
    values: usize,
    bytes: usize,
    literals: usize,
}

impl Size {
    /// Adds what stands in an object or a list itself.
    fn add(&mut self, value: &Value, pointer: &str, depth: usize) -> Result<(), SchemaError> {
        let bytes = |value: &Value| value.as_str().map_or(0, str::len);
        let too_large = |reason| SchemaError::TooLarge { pointer: pointer.to_owned(), reason };
        match value {
            Value::Array(items) => {
                self.values += items.len();
                self.bytes += items.iter().map(bytes).sum::<usize>();
            }
            Value::Object(fields) => {
                self.values += fields.len();
                self.bytes += fields.iter().map(|(name, field)| name.len() + bytes(field)).sum::<usize>();
                let list = |keyword: &str| fields.get(keyword).and_then(Value::as_array).map_or(0, Vec::len);
                self.literals += list("enum");
                if list("oneOf") > limits::ALTERNATIVES {
                    let limit = limits::ALTERNATIVES;
                    return Err(too_large(format!("`oneOf` has more than {limit} schemas: write `anyOf`")));
                }
            }
            _ => self.bytes += bytes(value),
        }
        let limits = [
            (self.literals, limits::ENUM_VALUES, "values under `enum`"),
            (depth, limits::SCHEMA_VALUE_DEPTH, "levels"),
            (self.values, limits::SCHEMA_VALUES, "values"),
            (self.bytes, limits::SCHEMA_BYTES, "bytes of text"),
        ];
        match limits.into_iter().find(|(found, limit, _)| found > limit) {
            Some((_, limit, unit)) => {
                Err(too_large(format!("up to here it has more than {limit} {unit}: ask for less at once")))
            }
            None => Ok(()),
        }
    }
}
