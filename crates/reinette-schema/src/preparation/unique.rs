//! Lists without repetition, spelt out: a grammar without memory cannot tell what was already said.

use super::Preparation;
use crate::{SchemaError, limits};
use serde_json::{Map, Value, json};

/// Whether the schema asks that no element comes twice.
pub(super) fn is_asked(keywords: &Map<String, Value>) -> bool {
    keywords.get("uniqueItems") == Some(&Value::Bool(true))
}

/// The `enum` of all lists that a `uniqueItems` schema admits.
pub(super) fn spell_out(preparation: &Preparation<'_>, keywords: &Map<String, Value>) -> Result<Value, SchemaError> {
    let advice = "the elements have to come from a short list: make them an `enum`";
    let elements = match (keywords.get("items"), keywords.contains_key("prefixItems")) {
        (Some(items), false) => elements(preparation, items),
        _ => None,
    };
    let Some(elements) = elements else { return Err(preparation.unsupported("uniqueItems", advice)) };
    let minimum = preparation.count(keywords, "minItems")?.unwrap_or(0);
    let maximum = preparation.count(keywords, "maxItems")?.unwrap_or(u64::MAX).min(elements.len() as u64);
    if minimum > maximum {
        let reason = format!("`minItems` is {minimum}, and there can be only {maximum} different elements");
        return Err(preparation.unsatisfiable(reason));
    }
    let mut lists = Vec::new();
    extend(&elements, &mut Vec::new(), [minimum, maximum], &mut lists);
    if lists.len() > limits::UNIQUE_LISTS {
        let advice = "there are too many such lists: allow fewer elements with `maxItems`, or drop `uniqueItems`";
        return Err(preparation.unsupported("uniqueItems", advice));
    }
    Ok(json!({ "enum": lists }))
}

/// Appends to `lists` all that begin with `chosen` and hold from `minimum` to `maximum` elements; stops past the limit.
fn extend(elements: &[Value], chosen: &mut Vec<Value>, [minimum, maximum]: [u64; 2], lists: &mut Vec<Value>) {
    let count = chosen.len() as u64;
    if count >= minimum {
        lists.push(Value::Array(chosen.clone()));
    }
    if count == maximum {
        return;
    }
    for element in elements {
        if lists.len() > limits::UNIQUE_LISTS {
            return;
        }
        if !chosen.contains(element) {
            chosen.push(element.clone());
            extend(elements, chosen, [minimum, maximum], lists);
            chosen.pop();
        }
    }
}

/// All values of a schema, each once, if it lists them.
fn elements(preparation: &Preparation<'_>, schema: &Value) -> Option<Vec<Value>> {
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        let target = preparation.document.pointer(reference.strip_prefix('#')?)?;
        // One step only: a definition that refers on might refer to itself.
        return if target.get("$ref").is_some() { None } else { elements(preparation, target) };
    }
    if let Some(value) = schema.get("const") {
        return Some(vec![value.clone()]);
    }
    let mut elements: Vec<Value> = Vec::new();
    // There would be more lists than elements.
    for value in schema.get("enum")?.as_array().filter(|values| values.len() <= limits::UNIQUE_LISTS)? {
        if !elements.contains(value) {
            elements.push(value.clone());
        }
    }
    Some(elements)
}
