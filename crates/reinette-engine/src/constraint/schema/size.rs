//! How large a schema may be: found out before anything else is done with it.

use crate::constraint::{ConstraintError, limits};
use serde_json::Value;

/// Refuses a schema that would take long to compile, by what of it is too large.
pub(super) fn check(schema: &Value) -> Result<(), ConstraintError> {
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
    fn add(&mut self, value: &Value, pointer: &str, depth: usize) -> Result<(), ConstraintError> {
        let refused = |keyword: &str, advice: String| ConstraintError::Unsupported {
            keyword: keyword.to_owned(),
            pointer: pointer.to_owned(),
            advice,
        };
        let bytes = |value: &Value| value.as_str().map_or(0, str::len);
        match value {
            Value::Array(items) => {
                self.values += items.len();
                self.bytes += items.iter().map(bytes).sum::<usize>();
            }
            Value::Object(fields) => {
                self.values += fields.len();
                self.bytes += fields.iter().map(|(name, field)| name.len() + bytes(field)).sum::<usize>();
                if let Some(Value::Array(values)) = fields.get("enum") {
                    self.literals += values.len();
                    if self.literals > limits::ENUM_VALUES {
                        let limit = limits::ENUM_VALUES;
                        let advice = format!(
                            "with it the schema lists more than {limit} values: write a `pattern`, or ask for less at once"
                        );
                        return Err(refused("enum", advice));
                    }
                }
                if let Some(Value::Array(choices)) = fields.get("oneOf")
                    && choices.len() > limits::ALTERNATIVES
                {
                    let advice = format!("it has more than {} schemas: write `anyOf`", limits::ALTERNATIVES);
                    return Err(refused("oneOf", advice));
                }
            }
            _ => self.bytes += bytes(value),
        }
        let place = pointer.rsplit('/').next().unwrap_or(pointer);
        if depth > limits::SCHEMA_VALUE_DEPTH {
            let advice =
                format!("it lies more than {} levels deep: write it under `$defs`", limits::SCHEMA_VALUE_DEPTH);
            return Err(refused(place, advice));
        }
        if self.values > limits::SCHEMA_VALUES || self.bytes > limits::SCHEMA_BYTES {
            let (values, bytes) = (limits::SCHEMA_VALUES, limits::SCHEMA_BYTES);
            let advice =
                format!("up to here the schema has more than {values} values or {bytes} bytes: ask for less at once");
            return Err(refused(place, advice));
        }
        Ok(())
    }
}
