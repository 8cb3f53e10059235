//! Families of functions: names, parameters and requests, each in several wordings.

use crate::DataError;
use crate::generator::pattern::{Pattern, Slot};
use crate::generator::rules::{Rules, lines};
use serde_json::{Number, Value, json};

/// What a parameter takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Integer,
    Number,
    Boolean,
    /// A day, written as ISO 8601.
    Date,
    /// A list of words.
    Texts,
    /// A list of numbers.
    Numbers,
    /// A list of whole numbers.
    Integers,
    /// One of several words.
    Enumeration(Vec<String>),
    /// A day as text in a format that only the description tells, such as `MM/DD/YYYY`.
    WrittenDate(&'static str),
    /// One of several words that only the description tells.
    Options(Vec<String>),
}

impl Kind {
    fn parse(text: &str) -> Result<Self, String> {
        let mut words = text.split_whitespace();
        let kind = match words.next() {
            Some("string") => Self::Text,
            Some("integer") => Self::Integer,
            Some("number") => Self::Number,
            Some("boolean") => Self::Boolean,
            Some("date") => Self::Date,
            Some("array") => Self::Texts,
            Some("numbers") => Self::Numbers,
            Some("integers") => Self::Integers,
            Some("enum") => {
                let values: Vec<String> = words.map(str::to_owned).collect();
                if values.len() < 2 {
                    return Err("an enum takes two values or more".to_owned());
                }
                return Ok(Self::Enumeration(values));
            }
            _ => {
                return Err(format!(
                    "`{text}` is no type: write string, integer, number, boolean, date, array, numbers, integers or enum with its values"
                ));
            }
        };
        match words.next() {
            Some(word) => Err(format!("`{word}` stands behind the type")),
            None => Ok(kind),
        }
    }

    /// Whether it is a list of something.
    pub(super) fn is_list(&self) -> bool {
        matches!(self, Self::Texts | Self::Numbers | Self::Integers)
    }

    /// The value that words stand for; none if they are not of this kind.
    pub(super) fn value(&self, words: &str) -> Option<Value> {
        match self {
            Self::Text => Some(json!(words)),
            Self::Integer => integer(words),
            Self::Number => number(words),
            Self::Boolean => words.parse::<bool>().ok().map(Value::from),
            Self::Date => (words.len() == 10).then(|| json!(words)),
            Self::Texts => Some(items(words).map(Value::from).collect()),
            Self::Numbers => items(words).map(number).collect::<Option<Vec<_>>>().map(Value::from),
            Self::Integers => {
                let items = items(words).flat_map(|item| item.split(" to "));
                items.map(|item| integer(without_ordinal(item))).collect::<Option<Vec<_>>>().map(Value::from)
            }
            Self::WrittenDate(format) => written_date(words, format),
            Self::Enumeration(values) | Self::Options(values) => {
                values.iter().find(|value| value.to_lowercase() == words.to_lowercase()).map(|value| json!(value))
            }
        }
    }

    /// The JSON Schema of a parameter.
    pub(super) fn schema(&self) -> Value {
        match self {
            Self::Text | Self::WrittenDate(_) | Self::Options(_) => json!({ "type": "string" }),
            Self::Integer => json!({ "type": "integer" }),
            Self::Number => json!({ "type": "number" }),
            Self::Boolean => json!({ "type": "boolean" }),
            Self::Date => json!({ "type": "string", "format": "date" }),
            Self::Texts => json!({ "type": "array", "items": { "type": "string" } }),
            Self::Numbers => json!({ "type": "array", "items": { "type": "number" } }),
            Self::Integers => json!({ "type": "array", "items": { "type": "integer" } }),
            Self::Enumeration(values) => json!({ "type": "string", "enum": values }),
        }
    }
}

/// A whole number, with commas between thousands or without.
fn integer(words: &str) -> Option<Value> {
    let words = if has_thousands(words) { &words.replace(',', "") } else { words };
    words.parse::<i64>().ok().map(Value::from)
}

/// A number; in French its comma is a point.
fn number(words: &str) -> Option<Value> {
    let words = &words.replace(',', if has_thousands(words) { "" } else { "." });
    if let Ok(whole) = words.parse::<i64>() {
        return Some(whole.into());
    }
    Number::from_f64(words.parse().ok()?).map(Value::Number)
}

/// Whether the commas of a number stand between thousands, as in 12,500.
fn has_thousands(words: &str) -> bool {
    let mut groups = words.split('.').next().unwrap_or_default().split(',');
    let first = groups.next().unwrap_or_default();
    words.contains(',') && (1..=3).contains(&first.len()) && groups.all(|group| group.len() == 3)
}

/// 3 of "3rd".
fn without_ordinal(words: &str) -> &str {
    ["st", "nd", "rd", "th"].into_iter().find_map(|ending| words.strip_suffix(ending)).unwrap_or(words)
}

/// An ISO 8601 day in another format.
fn written_date(day: &str, format: &str) -> Option<Value> {
    let mut pieces = day.split('-');
    let (year, month, day) = (pieces.next()?, pieces.next()?, pieces.next()?);
    Some(json!(format.replace("YYYY", year).replace("MM", month).replace("DD", day)))
}

/// The items of "a, b and c", "a, b, and c" or "a as well as b".
fn items(words: &str) -> impl Iterator<Item = &str> {
    let items = words
        .split(", and ")
        .flat_map(|item| item.split(" and also "))
        .flat_map(|item| item.split(" as well as "))
        .flat_map(|item| item.split(", "))
        .flat_map(|item| item.split(" and "))
        .flat_map(|item| item.split(" et "));
    items.map(str::trim).filter(|item| !item.is_empty())
}

/// A parameter of a family.
#[derive(Clone, Debug)]
pub(super) struct Parameter {
    /// What it is called; requests use the first name.
    pub(super) names: Vec<String>,
    pub(super) is_required: bool,
    pub(super) kind: Kind,
    pub(super) descriptions: Vec<String>,
}

/// A way to ask for a function.
#[derive(Clone, Debug)]
pub(super) struct Phrase {
    pub(super) pattern: Pattern,
    /// What to ask, where the words lack something.
    pub(super) question: Option<String>,
    pub(super) language: &'static str,
}

/// A function in all its wordings.
#[derive(Clone, Debug, Default)]
pub(super) struct Family {
    pub(super) names: Vec<String>,
    pub(super) descriptions: Vec<String>,
    pub(super) parameters: Vec<Parameter>,
    pub(super) requests: Vec<Phrase>,
    /// Requests that lack what is required.
    pub(super) incomplete: Vec<Phrase>,
}

impl Family {
    /// The parameter of a name in requests.
    pub(super) fn parameter(&self, name: &str) -> Option<&Parameter> {
        self.parameters.iter().find(|parameter| parameter.names[0] == name)
    }

    /// The words of its names.
    pub(super) fn words(&self) -> impl Iterator<Item = &str> {
        self.names.iter().flat_map(|name| name.split(['_', '.']))
    }

    /// Whether words of a phrase are a list.
    pub(super) fn names_list(&self, phrase: &Phrase) -> bool {
        let slots = phrase.pattern.slots();
        let mut named = slots.iter().filter_map(|slot| self.parameter(slot.argument.as_deref()?));
        named.any(|parameter| parameter.kind.is_list())
    }

    /// Whether a request for one may as well be for the other.
    pub(super) fn does_the_same(&self, other: &Self) -> bool {
        self.descriptions[0] == other.descriptions[0]
    }

    /// A gap of some request that is filled with this parameter.
    pub(super) fn slot(&self, name: &str, language: &str) -> Option<Slot> {
        let phrases = self.requests.iter().filter(|phrase| phrase.language == language);
        let mut slots = phrases.flat_map(|phrase| phrase.pattern.slots());
        slots.find(|slot| slot.argument.as_deref() == Some(name)).cloned()
    }

    /// Reads families in the notation of `english.families`; families that are there already gain requests.
    pub(super) fn read_all(
        families: &mut Vec<Self>,
        language: &'static str,
        file: &str,
        text: &str,
        rules: &Rules,
    ) -> Result<(), DataError> {
        let mut current = None;
        for (line, words) in lines(text) {
            let error = |problem| DataError::line(file, line, problem);
            let (mark, words) = words.split_at_checked(1).unwrap_or((words, ""));
            let words = words.trim();
            if mark == ">" {
                current = Some(Self::open(families, words).map_err(error)?);
                continue;
            }
            let Some(family) = current.and_then(|index: usize| families.get_mut(index)) else {
                return Err(error("stands before the first `> name`".to_owned()));
            };
            match mark {
                "-" => family.parameters.push(Parameter::parse(words).map_err(error)?),
                "+" | "?" => {
                    let (pattern, question) = match words.split_once(" => ") {
                        Some((pattern, question)) => (pattern, Some(question.to_owned())),
                        None => (words, None),
                    };
                    let pattern = Pattern::parse(pattern).map_err(error)?;
                    rules.check(file, line, &pattern)?;
                    let phrase = Phrase { pattern, question, language };
                    family.check(&phrase, mark == "+").map_err(error)?;
                    if mark == "+" { &mut family.requests } else { &mut family.incomplete }.push(phrase);
                }
                _ => return Err(error(format!("begins with `{mark}`: write >, -, + or ?"))),
            }
        }
        Ok(())
    }

    /// The index of a new family, or of the one that has its first name.
    fn open(families: &mut Vec<Self>, words: &str) -> Result<usize, String> {
        let mut pieces = words.split(" | ").map(str::trim);
        let names: Vec<String> = pieces.next().unwrap_or_default().split_whitespace().map(str::to_owned).collect();
        let Some(first) = names.first() else { return Err("names no function".to_owned()) };
        if let Some(index) = families.iter().position(|family| family.names.first() == Some(first)) {
            return Ok(index);
        }
        let descriptions: Vec<String> = pieces.map(str::to_owned).collect();
        if descriptions.is_empty() {
            return Err(format!("does not say what {first} does: write it behind ` | `"));
        }
        families.push(Self { names, descriptions, ..Self::default() });
        Ok(families.len() - 1)
    }

    /// Adds a complete request; the error says what is wrong with it.
    pub(super) fn add_request(&mut self, pattern: Pattern, language: &'static str) -> Result<(), String> {
        let phrase = Phrase { pattern, question: None, language };
        self.check(&phrase, true)?;
        self.requests.push(phrase);
        Ok(())
    }

    /// Requests name parameters that exist, and what is required unless they are meant to lack it.
    fn check(&self, phrase: &Phrase, is_complete: bool) -> Result<(), String> {
        let slots = phrase.pattern.slots();
        let named: Vec<&str> = slots.iter().filter_map(|slot| slot.argument.as_deref()).collect();
        if let Some(name) = named.iter().find(|name| self.parameter(name).is_none()) {
            return Err(format!("{} has no parameter {name}", self.names[0]));
        }
        let mut required = self.parameters.iter().filter(|parameter| parameter.is_required);
        let missing = required.find(|parameter| !named.contains(&parameter.names[0].as_str()));
        match missing {
            Some(parameter) if is_complete => Err(format!("lacks {}, which is required", parameter.names[0])),
            None if !is_complete => Err("lacks nothing that is required".to_owned()),
            _ if is_complete != phrase.question.is_none() => {
                Err("has ` => ` and a question if, and only if, it lacks something".to_owned())
            }
            _ => Ok(()),
        }
    }
}

impl Parameter {
    /// Reads `name? other names : type : descriptions`.
    fn parse(text: &str) -> Result<Self, String> {
        let mut pieces = text.splitn(3, " : ");
        let (Some(names), Some(kind), Some(descriptions)) = (pieces.next(), pieces.next(), pieces.next()) else {
            return Err("is no parameter: write `names : type : descriptions`".to_owned());
        };
        let is_required = !names.split_whitespace().next().unwrap_or_default().ends_with('?');
        let names: Vec<String> = names.split_whitespace().map(|name| name.trim_end_matches('?').to_owned()).collect();
        if names.is_empty() {
            return Err("is a parameter without a name".to_owned());
        }
        let descriptions = descriptions.split(" | ").map(|text| text.trim().to_owned()).collect();
        Ok(Self { names, is_required, kind: Kind::parse(kind)?, descriptions })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Family>, DataError> {
        let mut rules = Rules::default();
        rules.read("rules", ":room\nkitchen\n").unwrap();
        let mut families = Vec::new();
        Family::read_all(&mut families, "english", "f", text, &rules)?;
        Ok(families)
    }

    #[test]
    fn mistakes_have_a_place() {
        let start = "> dim | Dims.\n- room : string : Where.\n";
        for (text, problem) in [
            ("+ a\n", "line 1: stands before"),
            (">\n", "line 1: names no function"),
            ("> dim\n", "does not say what dim does"),
            ("> dim | Dims.\n- room string\n", "line 2: is no parameter"),
            ("> dim | Dims.\n- room : text : a\n", "is no type"),
            (&format!("{start}+ dim it\n"), "line 3: lacks room"),
            (&format!("{start}+ dim {{area=room}}\n"), "no parameter area"),
            (&format!("{start}+ dim {{room=area}}\n"), "no rule area"),
            (&format!("{start}? dim {{room=room}} => Where?\n"), "lacks nothing"),
            (&format!("{start}? dim it\n"), "a question"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(problem), "{text}: {error}");
        }
    }

    #[test]
    fn words_become_values() {
        assert_eq!(Kind::Integer.value("12"), Some(json!(12)));
        assert_eq!(Kind::Integer.value("1.5"), None);
        assert_eq!(Kind::Number.value("1.5"), Some(json!(1.5)));
        assert_eq!(Kind::Boolean.value("true"), Some(json!(true)));
        for words in ["a, b and c", "a, b, and c", "a and b as well as c", "a and also b and c"] {
            assert_eq!(Kind::Texts.value(words), Some(json!(["a", "b", "c"])));
        }
        assert_eq!(Kind::Number.value("12,500"), Some(json!(12500)));
        assert_eq!(Kind::Number.value("1,5"), Some(json!(1.5)));
        assert_eq!(Kind::Integers.value("the 2nd"), None);
        assert_eq!(Kind::Integers.value("2nd, 3rd and 14th"), Some(json!([2, 3, 14])));
        assert_eq!(Kind::Integers.value("1990 to 2,000"), Some(json!([1990, 2000])));
        assert_eq!(Kind::WrittenDate("DD/MM/YYYY").value("2027-05-03"), Some(json!("03/05/2027")));
        assert_eq!(Kind::Numbers.value("1, 2 and 3.5"), Some(json!([1, 2, 3.5])));
        let level = Kind::Enumeration(vec!["low".to_owned(), "high".to_owned()]);
        assert_eq!(level.value("Low"), Some(json!("low")));
        assert_eq!(level.value("loud"), None);
    }
}
