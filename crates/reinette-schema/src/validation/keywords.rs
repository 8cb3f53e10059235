//! The keywords, by the kind of value that they speak of.

use super::{Outcome, Place, Seen, ValidationError, Validator, broken, formats, numbers, shown, violation};
use serde_json::{Map, Value};
use std::collections::HashSet;

type Keywords = Map<String, Value>;

impl<'s> Validator<'s> {
    /// Applies all keywords of a schema; those that are none are annotations.
    pub(super) fn keywords<'v>(&self, keywords: &'s Keywords, value: &'v Value, place: &Place<'_>) -> Outcome<'v> {
        check_kind(keywords, value, place)?;
        let mut seen = Seen::default();
        match value {
            Value::String(text) => self.string(keywords, text, place)?,
            Value::Number(_) => numbers::check(keywords, value, place)?,
            Value::Object(fields) => self.object(keywords, fields, place, &mut seen)?,
            Value::Array(elements) => self.array(keywords, elements, place, &mut seen)?,
            Value::Null | Value::Bool(_) => {}
        }
        self.combinations(keywords, value, place, &mut seen)?;
        self.unevaluated(keywords, value, place, &mut seen)?;
        Ok(seen)
    }

    fn string(&self, keywords: &Keywords, text: &str, place: &Place<'_>) -> Result<(), ValidationError> {
        let length = text.chars().count();
        let told = || shown(&Value::from(text));
        if let Some(least) = count(keywords, "minLength")?.filter(|least| length < *least) {
            return Err(violation(place, format!("{} is shorter than {least} characters", told())));
        }
        if let Some(most) = count(keywords, "maxLength")?.filter(|most| length > *most) {
            return Err(violation(place, format!("{} is longer than {most} characters", told())));
        }
        if let Some(pattern) = text_of(keywords, "pattern")?
            && !self.matches(pattern, text)?
        {
            return Err(violation(place, format!("{} does not match {pattern:?}", told())));
        }
        match text_of(keywords, "format")? {
            Some(format) if !formats::has(text, format) => {
                Err(violation(place, format!("{} is not a {format:?}", told())))
            }
            _ => Ok(()),
        }
    }

    fn object<'v>(
        &self,
        keywords: &'s Keywords,
        fields: &'v Map<String, Value>,
        place: &Place<'_>,
        seen: &mut Seen<'v>,
    ) -> Result<(), ValidationError> {
        check_count(keywords, ["minProperties", "maxProperties"], fields.len(), "properties", place)?;
        require(fields, keywords.get("required"), place)?;
        for (name, needed) in map_of(keywords, "dependentRequired")?.into_iter().flatten() {
            if fields.contains_key(name) {
                require(fields, Some(needed), place)?;
            }
        }
        let named = map_of(keywords, "properties")?;
        let patterns = map_of(keywords, "patternProperties")?;
        for (name, value) in fields {
            let within = Place::Property(place, name);
            let mut is_known = false;
            if let Some(schema) = named.and_then(|named| named.get(name)) {
                self.apply(schema, value, &within)?;
                is_known = true;
            }
            for (pattern, schema) in patterns.into_iter().flatten() {
                if self.matches(pattern, name)? {
                    self.apply(schema, value, &within)?;
                    is_known = true;
                }
            }
            if let Some(schema) = keywords.get("additionalProperties").filter(|_| !is_known) {
                if *schema == Value::Bool(false) {
                    let message = format!("additional properties are not allowed ({name:?} was unexpected)");
                    return Err(violation(place, message));
                }
                self.apply(schema, value, &within)?;
                is_known = true;
            }
            if is_known {
                seen.properties.insert(name);
            }
            if let Some(schema) = keywords.get("propertyNames")
                && self.try_apply(schema, &Value::from(name.as_str()), &within)?.is_none()
            {
                return Err(violation(place, format!("{name:?} cannot be the name of a property")));
            }
        }
        Ok(())
    }

    fn array<'v>(
        &self,
        keywords: &'s Keywords,
        elements: &'v [Value],
        place: &Place<'_>,
        seen: &mut Seen<'v>,
    ) -> Result<(), ValidationError> {
        check_count(keywords, ["minItems", "maxItems"], elements.len(), "elements", place)?;
        if keywords.get("uniqueItems") == Some(&Value::Bool(true)) {
            let mut found = HashSet::new();
            if let Some(twice) = elements.iter().find(|element| !found.insert(canonical(element))) {
                return Err(violation(place, format!("{} is in it twice", shown(twice))));
            }
        }
        let first = list_of(keywords, "prefixItems")?.unwrap_or_default();
        for (index, element) in elements.iter().enumerate() {
            if let Some(schema) = first.get(index).or(keywords.get("items")) {
                self.apply(schema, element, &Place::Element(place, index))?;
                seen.elements.insert(index);
            }
        }
        let Some(schema) = keywords.get("contains") else { return Ok(()) };
        let mut found = 0;
        for (index, element) in elements.iter().enumerate() {
            if self.try_apply(schema, element, &Place::Element(place, index))?.is_some() {
                found += 1;
                seen.elements.insert(index);
            }
        }
        let least = count(keywords, "minContains")?.unwrap_or(1);
        let most = count(keywords, "maxContains")?.unwrap_or(usize::MAX);
        if (least..=most).contains(&found) {
            return Ok(());
        }
        Err(violation(place, format!("{found} of its elements are as under `contains`")))
    }

    /// Schemas that speak of the same value.
    fn combinations<'v>(
        &self,
        keywords: &'s Keywords,
        value: &'v Value,
        place: &Place<'_>,
        seen: &mut Seen<'v>,
    ) -> Result<(), ValidationError> {
        if let Some(reference) = text_of(keywords, "$ref")? {
            seen.add(self.apply(self.referred(reference)?, value, place)?);
        }
        for schema in list_of(keywords, "allOf")?.unwrap_or_default() {
            seen.add(self.apply(schema, value, place)?);
        }
        for (keyword, may_be_several) in [("anyOf", true), ("oneOf", false)] {
            let Some(schemas) = list_of(keywords, keyword)? else { continue };
            let mut satisfied = 0;
            for schema in schemas {
                if let Some(of_this) = self.try_apply(schema, value, place)? {
                    satisfied += 1;
                    seen.add(of_this);
                }
            }
            if satisfied == 0 {
                let message = format!("{} is not valid under any of the schemas of `{keyword}`", shown(value));
                return Err(violation(place, message));
            }
            if satisfied > 1 && !may_be_several {
                let message = format!("{} is valid under more than one of the schemas of `{keyword}`", shown(value));
                return Err(violation(place, message));
            }
        }
        if let Some(schema) = keywords.get("not")
            && self.try_apply(schema, value, place)?.is_some()
        {
            return Err(violation(place, format!("{} is what it may not be", shown(value))));
        }
        if let Some(schema) = keywords.get("if") {
            let condition = self.try_apply(schema, value, place)?;
            let case = if condition.is_some() { "then" } else { "else" };
            seen.add(condition.unwrap_or_default());
            if let Some(schema) = keywords.get(case) {
                seen.add(self.apply(schema, value, place)?);
            }
        }
        for (name, schema) in map_of(keywords, "dependentSchemas")?.into_iter().flatten() {
            if value.get(name).is_some() {
                seen.add(self.apply(schema, value, place)?);
            }
        }
        Ok(())
    }

    /// What no other keyword has spoken of.
    fn unevaluated<'v>(
        &self,
        keywords: &'s Keywords,
        value: &'v Value,
        place: &Place<'_>,
        seen: &mut Seen<'v>,
    ) -> Result<(), ValidationError> {
        if let (Some(schema), Value::Object(fields)) = (keywords.get("unevaluatedProperties"), value) {
            for (name, value) in fields {
                if seen.properties.insert(name) {
                    self.apply(schema, value, &Place::Property(place, name))?;
                }
            }
        }
        if let (Some(schema), Value::Array(elements)) = (keywords.get("unevaluatedItems"), value) {
            for (index, element) in elements.iter().enumerate() {
                if seen.elements.insert(index) {
                    self.apply(schema, element, &Place::Element(place, index))?;
                }
            }
        }
        Ok(())
    }
}

/// `type`, `enum` and `const`.
fn check_kind(keywords: &Keywords, value: &Value, place: &Place<'_>) -> Result<(), ValidationError> {
    if let Some(kinds) = keywords.get("type") {
        let names = match kinds {
            Value::String(_) => std::slice::from_ref(kinds),
            Value::Array(names) => names.as_slice(),
            _ => return Err(broken("`type` is to be a name or a list of names")),
        };
        let mut is_one = false;
        for name in names {
            is_one |= is_of_type(value, name.as_str().unwrap_or_default())?;
        }
        if !is_one {
            let names: Vec<String> = names.iter().map(Value::to_string).collect();
            let message = match names.as_slice() {
                [name] => format!("{} is not of type {name}", shown(value)),
                names => format!("{} is not of types {}", shown(value), names.join(", ")),
            };
            return Err(violation(place, message));
        }
    }
    if let Some(values) = list_of(keywords, "enum")? {
        let found = canonical(value);
        if !values.iter().any(|one| canonical(one) == found) {
            let values = shown(&Value::from(values));
            return Err(violation(place, format!("{} is not one of {values}", shown(value))));
        }
    }
    match keywords.get("const") {
        Some(only) if canonical(only) != canonical(value) => {
            Err(violation(place, format!("{} is not {}", shown(value), shown(only))))
        }
        _ => Ok(()),
    }
}

fn is_of_type(value: &Value, name: &str) -> Result<bool, ValidationError> {
    Ok(match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "number" => value.is_number(),
        "integer" => numbers::is_whole(value),
        name => return Err(broken(format!("there is no type {name:?}"))),
    })
}

fn require(fields: &Map<String, Value>, names: Option<&Value>, place: &Place<'_>) -> Result<(), ValidationError> {
    let Some(names) = names else { return Ok(()) };
    let Value::Array(names) = names else { return Err(broken("`required` is to be a list of names")) };
    match names.iter().find(|name| name.as_str().is_none_or(|name| !fields.contains_key(name))) {
        None => Ok(()),
        Some(name) => Err(violation(place, format!("{name} is a required property"))),
    }
}

/// One text for all spellings of a value: numbers by what they are, names in order.
fn canonical(value: &Value) -> String {
    match value {
        Value::Number(_) => numbers::canonical(value),
        Value::Array(elements) => {
            let elements: Vec<String> = elements.iter().map(canonical).collect();
            format!("[{}]", elements.join(","))
        }
        Value::Object(fields) => {
            let mut fields: Vec<String> = fields
                .iter()
                .map(|(name, value)| format!("{}:{}", Value::from(name.as_str()), canonical(value)))
                .collect();
            fields.sort_unstable();
            format!("{{{}}}", fields.join(","))
        }
        value => value.to_string(),
    }
}

/// Holds a number of `things` against the bounds that stand under two keywords.
fn check_count(
    keywords: &Keywords,
    [least, most]: [&str; 2],
    found: usize,
    things: &str,
    place: &Place<'_>,
) -> Result<(), ValidationError> {
    if let Some(least) = count(keywords, least)?.filter(|least| found < *least) {
        return Err(violation(place, format!("it has fewer {things} than {least}")));
    }
    if let Some(most) = count(keywords, most)?.filter(|most| found > *most) {
        return Err(violation(place, format!("it has more {things} than {most}")));
    }
    Ok(())
}

/// A bound of a size. Sizes too may be written as `2.0`.
fn count(keywords: &Keywords, name: &str) -> Result<Option<usize>, ValidationError> {
    let Some(bound) = keywords.get(name) else { return Ok(None) };
    let whole = bound.as_u64().or_else(|| numbers::canonical(bound).parse().ok());
    let whole = whole.ok_or_else(|| broken(format!("`{name}` is to be a whole number from 0")))?;
    Ok(Some(usize::try_from(whole).unwrap_or(usize::MAX)))
}

fn text_of<'s>(keywords: &'s Keywords, name: &str) -> Result<Option<&'s str>, ValidationError> {
    let of = |value: &'s Value| value.as_str().ok_or_else(|| broken(format!("`{name}` is to be a text")));
    keywords.get(name).map(of).transpose()
}

fn list_of<'s>(keywords: &'s Keywords, name: &str) -> Result<Option<&'s [Value]>, ValidationError> {
    let of = |value: &'s Value| value.as_array().ok_or_else(|| broken(format!("`{name}` is to be a list")));
    Ok(keywords.get(name).map(of).transpose()?.map(Vec::as_slice))
}

fn map_of<'s>(keywords: &'s Keywords, name: &str) -> Result<Option<&'s Map<String, Value>>, ValidationError> {
    let of = |value: &'s Value| value.as_object().ok_or_else(|| broken(format!("`{name}` is to be an object")));
    keywords.get(name).map(of).transpose()
}
