//! Whether a call says what the user's words say, no more and no less.

use serde_json::{Map, Number, Value};
use std::collections::BTreeSet;

/// Of the words of two requests of a tool together, those in both, from which on they are one.
const NEAR: f64 = 0.7;
/// Letters of a request.
const SHORTEST: usize = 12;
const LONGEST: usize = 230;
/// Of a request, what an argument may be of it at most: more, and it is the argument that is asked for.
const MOST_OF_IT: f64 = 0.7;

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
const NUMBER_WORDS: [(&str, f64); 35] = [
    ("zero", 0.0),
    ("one", 1.0),
    ("two", 2.0),
    ("three", 3.0),
    ("four", 4.0),
    ("five", 5.0),
    ("six", 6.0),
    ("seven", 7.0),
    ("eight", 8.0),
    ("nine", 9.0),
    ("ten", 10.0),
    ("eleven", 11.0),
    ("twelve", 12.0),
    ("thirteen", 13.0),
    ("fourteen", 14.0),
    ("fifteen", 15.0),
    ("sixteen", 16.0),
    ("eighteen", 18.0),
    ("twenty", 20.0),
    ("thirty", 30.0),
    ("forty", 40.0),
    ("fifty", 50.0),
    ("sixty", 60.0),
    ("ninety", 90.0),
    ("hundred", 100.0),
    ("thousand", 1000.0),
    ("million", 1e6),
    ("first", 1.0),
    ("second", 2.0),
    ("third", 3.0),
    ("double", 2.0),
    ("twice", 2.0),
    ("once", 1.0),
    ("half", 0.5),
    ("dozen", 12.0),
];
const NEGATIONS: [&str; 9] = ["no", "not", "without", "don't", "never", "exclude", "skip", "disable", "off"];
/// Words of the names of switches that do not say what is switched.
const SWITCH_WORDS: [&str; 8] = ["include", "with", "has", "use", "show", "enable", "allow", "only"];
/// What is written with a capital inside a sentence without being a name.
const CAPITALS: [&str; 12] = ["i", "i'm", "i'd", "i've", "i'll", "can", "could", "what", "how", "please", "a", "the"];

/// What became of a request and its arguments.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Checked {
    /// The words say the arguments: those that are left, as the words write them.
    Faithful(Map<String, Value>),
    /// They do not.
    Unfaithful,
    /// No user would say it.
    Odd,
}

/// What the words of a request say.
struct Said<'a> {
    words: &'a str,
    /// In small letters, one space between words and around all.
    plain: String,
    numbers: Vec<f64>,
}

/// Holds a request against the arguments of its call. What is not said is left out.
pub(super) fn check(words: &str, arguments: &Map<String, Value>, tool: &Value) -> Checked {
    let length = words.chars().count();
    let is_written = |letter: char| letter.is_ascii_graphic() || " °²³€£–’é".contains(letter) || letter.is_alphabetic();
    let is_latin = |letter: char| (letter as u32) < 0x250 || "–’€".contains(letter);
    let is_sentence = words.chars().all(|letter| is_written(letter) && is_latin(letter))
        && !words.contains(['_', '{', '<', '`', '\\']);
    if !(SHORTEST..=LONGEST).contains(&length) || !is_sentence || words.contains("function") {
        return Checked::Odd;
    }
    let said = Said::of(words);
    let parameters = &tool["parameters"];
    let mut kept = Map::new();
    for (name, value) in arguments {
        if let Some(value) = said.value(name, value, &parameters["properties"][name]) {
            kept.insert(name.clone(), value);
        }
    }
    let texts: Vec<&str> = kept.values().filter_map(Value::as_str).collect();
    let distinct: BTreeSet<&&str> = texts.iter().collect();
    let is_too_much = |text: &&str| plain(text).len() as f64 > MOST_OF_IT * said.plain.len() as f64;
    if kept.is_empty() || distinct.len() < texts.len() || texts.iter().any(is_too_much) {
        return Checked::Unfaithful;
    }
    if said.leaves_out(&kept, tool) { Checked::Unfaithful } else { Checked::Faithful(kept) }
}

/// Whether two requests are as good as one.
pub(super) fn is_near(one: &str, other: &str) -> bool {
    let set = |words: &str| plain(words).split_whitespace().map(str::to_owned).collect::<BTreeSet<_>>();
    let (one, other) = (set(one), set(other));
    one.intersection(&other).count() as f64 > NEAR * one.union(&other).count() as f64
}

impl<'a> Said<'a> {
    fn of(words: &'a str) -> Self {
        let plain = plain(words);
        let mut numbers = digits(words);
        let mut before = None;
        for word in plain.split_whitespace() {
            if let Some((_, value)) = NUMBER_WORDS.iter().find(|(known, _)| *known == word) {
                numbers.push(*value);
                // "twenty five", "3 million"
                if let Some(before) = before {
                    numbers.push(before + value);
                    numbers.push(before * value);
                }
                before = Some(*value);
            } else {
                before = word.parse().ok();
            }
        }
        if words.contains('%') || plain.contains(" percent") {
            numbers.extend(numbers.clone().iter().map(|number| number / 100.0));
        }
        Self { words, plain, numbers }
    }

    /// A value as the words write it; none if they do not say it.
    fn value(&self, name: &str, value: &Value, schema: &Value) -> Option<Value> {
        match value {
            Value::String(text) if schema["enum"].is_array() => self.has_choice(text).then(|| value.clone()),
            Value::String(text) => self.text(text, schema["description"].as_str().unwrap_or_default()),
            Value::Number(number) => self.number(number),
            Value::Bool(flag) => self.has_switch(name, *flag).then(|| value.clone()),
            Value::Array(items) if items.is_empty() => None,
            Value::Array(items) => items
                .iter()
                .map(|item| self.value(name, item, &Value::Null))
                .collect::<Option<Vec<_>>>()
                .map(Value::from),
            _ => None,
        }
    }

    fn text(&self, text: &str, description: &str) -> Option<Value> {
        if text.trim().is_empty() {
            return None;
        }
        if let Some(place) = self.words.to_ascii_lowercase().find(&text.to_ascii_lowercase()) {
            let is_edge = |letter: Option<char>| letter.is_none_or(|letter| !letter.is_alphanumeric());
            let (before, rest) = self.words.split_at(place);
            let (found, after) = rest.split_at(text.len());
            return (is_edge(before.chars().next_back()) && is_edge(after.chars().next())).then(|| found.into());
        }
        // "Denver, CO" where the words say Denver: the description tells such a form.
        let is_place = text.split_once(", ").is_some_and(|(city, _)| self.has(city)) && description.contains(", ");
        (self.has(text) || is_place || self.has_day(text)).then(|| text.into())
    }

    fn has(&self, text: &str) -> bool {
        let text = plain(text);
        text.len() > 2 && self.plain.contains(&text)
    }

    /// Whether a day in figures is one that the words tell.
    fn has_day(&self, text: &str) -> bool {
        let is_day = text.len() >= 8 && text.chars().all(|letter| letter.is_ascii_digit() || "-/.".contains(letter));
        let names_month = |part: &str| {
            part.parse::<usize>().is_ok_and(|month| {
                (1..=12).contains(&month)
                    && (self.plain.contains(&format!(" {} ", MONTHS[month - 1]))
                        || self.plain.contains(&format!(" {} ", &MONTHS[month - 1][..3])))
            })
        };
        let is_told = |part: &str| part.parse::<f64>().is_ok_and(|part| self.numbers.contains(&part));
        is_day && text.split(['-', '/', '.']).all(|part| is_told(part) || names_month(part))
    }

    fn number(&self, number: &Number) -> Option<Value> {
        let value = number.as_f64()?;
        let is_told = self.numbers.iter().any(|told| (told - value).abs() < 1e-9 * value.abs().max(1.0));
        #[expect(clippy::cast_possible_truncation, reason = "whole and small")]
        let written =
            if value.fract() == 0.0 && value.abs() < 1e15 { Value::from(value as i64) } else { Value::from(value) };
        is_told.then_some(written)
    }

    /// Whether the words name a choice, in this or a related form.
    fn has_choice(&self, choice: &str) -> bool {
        let is_related = |word: &str| {
            let stem = stem(word);
            self.plain.split_whitespace().any(|said| said == word || (stem.len() > 3 && said.starts_with(stem)))
        };
        plain(choice).split_whitespace().all(is_related)
    }

    fn has_switch(&self, name: &str, flag: bool) -> bool {
        let words = name.split('_').filter(|word| word.len() > 2 && !SWITCH_WORDS.contains(word));
        let is_named = words.clone().any(|word| self.plain.contains(&format!(" {}", stem(word))));
        let is_negated = self.plain.split_whitespace().any(|word| NEGATIONS.contains(&word));
        is_named && is_negated != flag
    }

    /// Whether the words say numbers, names or choices that no argument has.
    fn leaves_out(&self, arguments: &Map<String, Value>, tool: &Value) -> bool {
        let written = arguments.values().map(spelt).collect::<Vec<_>>().join("  ");
        let told = plain(&written);
        let values = digits(&written);
        let in_call = |number: &f64| {
            let is = |known: f64| (known - number).abs() < 1e-9 * known.abs().max(1.0);
            values.iter().any(|value| is(*value) || is(value * 100.0))
        };
        let is_multiple = self.plain.contains(" million") || self.plain.contains(" thousand");
        if !is_multiple && !digits(self.words).iter().all(in_call) {
            return true;
        }
        let about = plain(&tool.to_string().replace(['_', '.'], " "));
        let is_known = |word: &str| {
            let word = plain(word);
            CAPITALS.contains(&word.trim())
                || told.contains(&word)
                || about.contains(&word)
                || MONTHS.contains(&word.trim())
        };
        let mut is_first = true;
        for word in self.words.split_whitespace() {
            let bare = word.trim_matches(|letter: char| !letter.is_alphanumeric());
            let bare = bare.strip_suffix("'s").or(bare.strip_suffix("’s")).unwrap_or(bare);
            let is_name = bare.starts_with(char::is_uppercase) && bare.len() > 2;
            if !is_first && is_name && !is_known(bare) {
                return true;
            }
            is_first = word.ends_with(['.', '?', '!', ':', '"']);
        }
        if quoted(self.words).any(|words| !told.contains(&plain(words))) {
            return true;
        }
        let properties = tool["parameters"]["properties"].as_object();
        let unsaid = properties.into_iter().flatten().filter(|(name, _)| !arguments.contains_key(*name));
        let mut choices =
            unsaid.filter_map(|(_, schema)| schema["enum"].as_array()).flatten().filter_map(Value::as_str);
        choices.any(|choice| self.has(choice))
    }
}

/// A value as text.
fn spelt(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(spelt).collect::<Vec<_>>().join("  "),
        other => other.to_string(),
    }
}

/// Words in small letters, between single spaces, without marks but those inside a word.
fn plain(words: &str) -> String {
    let words = words.to_lowercase().replace('’', "'");
    let is_mark = |letter: char| !letter.is_alphanumeric() && letter != '\'';
    let words = words.split(is_mark).map(|word| word.trim_matches('\'')).filter(|word| !word.is_empty());
    let words: Vec<&str> = words.map(|word| word.strip_suffix("'s").unwrap_or(word)).collect();
    format!(" {} ", words.join(" "))
}

/// The beginning of a word, which it shares with its relations.
fn stem(word: &str) -> &str {
    let end = word.char_indices().nth(5).map_or(word.len(), |(place, _)| place);
    &word[..end]
}

/// What stands between quotation marks.
fn quoted(words: &str) -> impl Iterator<Item = &str> {
    words.split('"').skip(1).step_by(2)
}

/// The numbers in figures.
fn digits(words: &str) -> Vec<f64> {
    let mut numbers = Vec::new();
    let is_part = |letter: char| letter.is_ascii_digit() || letter == '.' || letter == ',';
    for piece in words.split(|letter| !is_part(letter)) {
        let piece = piece.trim_matches(['.', ',']);
        let groups: Vec<&str> = piece.split(',').collect();
        let has_thousands = groups.len() > 1
            && groups[1..].iter().all(|group| group.split('.').next().is_some_and(|whole| whole.len() == 3));
        let whole = piece.replace(',', "");
        if has_thousands && let Ok(number) = whole.parse() {
            numbers.push(number);
        } else {
            let parts = groups.iter().flat_map(|group| match group.parse::<f64>() {
                Ok(number) => vec![number],
                // 12.05.2027
                Err(_) => group.split('.').filter_map(|part| part.parse().ok()).collect(),
            });
            numbers.extend(parts);
        }
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn tool() -> Value {
        let parameters = json!({
            "city": { "type": "string", "description": "City and state, e.g. Portland, OR." },
            "day": { "type": "string" },
            "rate": { "type": "number" },
            "people": { "type": "integer" },
            "kind": { "type": "string", "enum": ["early", "late"] },
            "include_vegan": { "type": "boolean" },
            "dishes": { "type": "array", "items": { "type": "string" } },
        });
        json!({ "name": "brunch", "description": "Finds brunch.", "parameters": { "properties": parameters } })
    }

    fn checked(words: &str, arguments: &Value) -> Checked {
        check(words, arguments.as_object().unwrap(), &tool())
    }

    fn kept(words: &str, arguments: &Value) -> Value {
        match checked(words, arguments) {
            Checked::Faithful(kept) => Value::Object(kept),
            other => json!(format!("{other:?}")),
        }
    }

    #[test]
    fn what_the_words_say_is_kept_as_they_write_it() {
        for (words, arguments, expected) in [
            (
                "Brunch in lyon for four people",
                json!({"city": "Lyon", "people": 4}),
                json!({"city": "lyon", "people": 4}),
            ),
            (
                "Brunch in Denver for 12 people",
                json!({"city": "Denver, CO", "people": 12.0}),
                json!({"city": "Denver, CO", "people": 12}),
            ),
            (
                "Brunch on March 3, 2025 at 5%",
                json!({"day": "2025-03-03", "rate": 0.05}),
                json!({"day": "2025-03-03", "rate": 0.05}),
            ),
            (
                "A brunch for 1,200 people, vegan",
                json!({"people": 1200, "include_vegan": true}),
                json!({"people": 1200, "include_vegan": true}),
            ),
            (
                "No vegan food for 3 people please",
                json!({"people": 3, "include_vegan": false}),
                json!({"people": 3, "include_vegan": false}),
            ),
            ("Serve waffles and eggs", json!({"dishes": ["waffles", "eggs"]}), json!({"dishes": ["waffles", "eggs"]})),
            (
                "An early brunch in Lyon",
                json!({"city": "Lyon", "kind": "early"}),
                json!({"city": "Lyon", "kind": "early"}),
            ),
            // What the words do not say is left out.
            ("A brunch in Lyon please", json!({"city": "Lyon", "people": 2, "kind": "late"}), json!({"city": "Lyon"})),
        ] {
            assert_eq!(kept(words, &arguments).to_string(), expected.to_string(), "{words}");
        }
    }

    #[test]
    fn words_that_no_argument_has_are_unfaithful() {
        for (words, arguments) in [
            ("Brunch in Lyon for 4 people", json!({"city": "Lyon"})),
            ("Brunch in Lyon with Marta", json!({"city": "Lyon"})),
            ("A late brunch in Lyon", json!({"city": "Lyon"})),
            ("Brunch in Lyon with \"eggs and beans\"", json!({"city": "Lyon"})),
            ("Brunch in Lyon, please", json!({"day": "monday"})),
            ("Brunch in Lyonnais, please", json!({"city": "Lyon"})),
            ("Brunch from Lyon to Lyon today", json!({"city": "Lyon", "day": "Lyon"})),
        ] {
            assert_eq!(checked(words, &arguments), Checked::Unfaithful, "{words}");
        }
    }

    #[test]
    fn what_nobody_would_say_is_odd() {
        for words in
            ["brunch", "call brunch_in with Lyon", "the function for Lyon please", "早午餐在里昂,谢谢你们大家了"]
        {
            assert_eq!(checked(words, &json!({"city": "Lyon"})), Checked::Odd, "{words}");
        }
    }

    #[test]
    fn nearly_the_same_words_are_the_same() {
        assert!(is_near("Find brunch in Lyon for 4", "find brunch in Lyon, for 4!"));
        assert!(!is_near("Find brunch in Lyon", "Where can we eat late on Monday?"));
    }
}
