//! How a program writes a parameter: a day as text in some format, a choice that only the description tells, defaults.

use super::family::{Kind, Parameter};
use crate::random::Random;
use std::fmt::Write as _;

/// Of days, those that are text in a format that the description tells.
const WRITTEN_DATE: f64 = 0.65;
/// Of choices, those that only the description tells, and those whose words begin with capitals.
const OPTIONS: f64 = 0.2;
const CAPITALISED: f64 = 0.25;
/// Of parameters that may be left out, those that say what they are then.
const DEFAULT: f64 = 0.5;
/// Of them, those that say that they may be left out.
const OPTIONAL: f64 = 0.15;
/// Formats of days. That of ISO 8601 is the most common one.
const FORMATS: [&str; 8] =
    ["YYYY-MM-DD", "YYYY-MM-DD", "YYYY-MM-DD", "MM/DD/YYYY", "DD/MM/YYYY", "MM-DD-YYYY", "DD.MM.YYYY", "YYYY/MM/DD"];

/// A parameter as one program has it.
pub(super) fn write(parameter: &Parameter, random: &mut Random) -> Parameter {
    let mut written = parameter.clone();
    let described = &parameter.descriptions[random.below(parameter.descriptions.len())];
    let mut description = described.clone();
    match &mut written.kind {
        Kind::Date if random.chance(WRITTEN_DATE) => {
            let format = FORMATS[random.below(FORMATS.len())];
            // Families of dates that name the format of ISO 8601 would contradict.
            let before = described.split(['(', ',']).next().unwrap_or_default();
            description.truncate(before.trim_end_matches([' ', '.']).len());
            let _ = match random.below(3) {
                0 => write!(description, " in the format {format}."),
                1 => write!(description, " ({format})."),
                _ => write!(description, ". Format: {format}."),
            };
            written.kind = Kind::WrittenDate(format);
        }
        Kind::Enumeration(values) => {
            if random.chance(CAPITALISED) {
                for value in values.iter_mut() {
                    *value = capitalised(value);
                }
            }
            if random.chance(OPTIONS) {
                let quoted: Vec<String> = values.iter().map(|value| format!("'{value}'")).collect();
                let opening = if random.chance(0.5) { "Can be" } else { "One of" };
                let _ = write!(description, " {opening} {}.", quoted.join(", "));
                written.kind = Kind::Options(std::mem::take(values));
            }
        }
        _ => {}
    }
    // No year or hour is a usual one.
    let is_usual = !description.contains("year") && !description.contains("efault");
    if !written.is_required && is_usual {
        let value = default(&written.kind, random);
        if random.chance(DEFAULT) {
            let opening = if random.chance(0.5) { "Default is" } else { "Defaults to" };
            let _ = write!(description, " {opening} {value}.");
        }
    }
    if !written.is_required && random.chance(OPTIONAL) {
        description.insert_str(0, "Optional. ");
    }
    written.descriptions = vec![description];
    written
}

/// A default for a parameter of some kind.
fn default(kind: &Kind, random: &mut Random) -> String {
    let mut pick = |values: &[&str]| values[random.below(values.len())].to_owned();
    match kind {
        Kind::Integer => pick(&["1", "5", "10", "20", "100"]),
        Kind::Number => pick(&["0", "1.0", "0.5", "10", "2.5"]),
        Kind::Boolean => pick(&["false", "false", "true"]),
        Kind::Date | Kind::WrittenDate(_) => "today".to_owned(),
        Kind::Text => pick(&["'all'", "None", "empty", "'any'"]),
        Kind::Texts | Kind::Numbers | Kind::Integers => pick(&["an empty list", "None"]),
        Kind::Enumeration(values) | Kind::Options(values) => format!("'{}'", values[random.below(values.len())]),
    }
}

/// A word with a capital at its beginning.
pub(super) fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parameter(kind: Kind) -> Parameter {
        let descriptions = vec!["The day (YYYY-MM-DD).".to_owned()];
        Parameter { names: vec!["a".to_owned()], is_required: true, kind, descriptions }
    }

    #[test]
    fn a_day_is_written_as_its_description_says() {
        let random = &mut Random::new(1, 0);
        let written: Vec<Parameter> = (0..100).map(|_| write(&parameter(Kind::Date), random)).collect();
        for parameter in &written {
            let format = match parameter.kind {
                Kind::WrittenDate(format) => format,
                _ => "YYYY-MM-DD",
            };
            let description = &parameter.descriptions[0];
            assert!(description.starts_with("The day") && description.contains(format), "{description}");
            assert_eq!(description.matches("YYYY").count(), 1, "{description}");
        }
        assert!(written.iter().any(|parameter| parameter.kind == Kind::Date));
    }

    #[test]
    fn choices_are_told_somewhere() {
        let random = &mut Random::new(1, 0);
        for _ in 0..100 {
            let values = vec!["low".to_owned(), "high".to_owned()];
            let written = write(&parameter(Kind::Enumeration(values)), random);
            let said = format!("{} {}", written.kind.schema(), written.descriptions[0]);
            let value = written.kind.value("high").unwrap();
            assert!(value == json!("high") || value == json!("High"));
            assert!(said.contains(value.as_str().unwrap()), "{said}");
        }
    }
}
