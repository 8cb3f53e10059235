//! JSON of which only the beginning is known.

use serde::de::DeserializeOwned;
use serde_json::{Map, Number, Value};

/// Values within values are followed no deeper, like `serde_json` does.
const MAX_DEPTH: usize = 128;

/// What is known of a JSON value from the beginning of its text.
///
/// Words grow; numbers, `true`, `false` and `null` are known when they are whole; lists and objects hold what is known
/// of their elements. So what is known at one moment is part of what is known at the next.
///
/// ```
/// # extern crate reinette_core as reinette;
/// use reinette::PartialValue;
///
/// let known = PartialValue::parse(r#"{"title": "By the s"#).unwrap();
/// assert_eq!(known.property("title"), Some(&PartialValue::Text { text: "By the s".into(), is_whole: false }));
/// // Whether 3 or 30 days will be told by what follows.
/// assert_eq!(PartialValue::parse(r#"{"days": 3"#).unwrap().property("days"), None);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum PartialValue {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, whole.
    Number(Number),
    /// A string, or its beginning.
    Text {
        /// The characters, without escapes.
        text: String,
        /// Whether the closing quote was there.
        is_whole: bool,
    },
    /// A list, or its beginning.
    List {
        /// What is known of the elements; only the last may be incomplete.
        elements: Vec<PartialValue>,
        /// Whether the closing bracket was there.
        is_whole: bool,
    },
    /// An object, or its beginning.
    Object {
        /// What is known of the properties; only the last may be incomplete.
        properties: Vec<(String, PartialValue)>,
        /// Whether the closing brace was there.
        is_whole: bool,
    },
}

impl PartialValue {
    /// What is known from the beginning of a JSON text; `None` before anything is, and if it is no JSON.
    pub fn parse(beginning: &str) -> Option<Self> {
        Reader { rest: beginning }.value(0)
    }

    /// Whether nothing can be added.
    pub fn is_whole(&self) -> bool {
        match self {
            Self::Null | Self::Bool(_) | Self::Number(_) => true,
            Self::Text { is_whole, .. } | Self::List { is_whole, .. } | Self::Object { is_whole, .. } => *is_whole,
        }
    }

    /// What is known of the property `name`.
    pub fn property(&self, name: &str) -> Option<&Self> {
        let Self::Object { properties, .. } = self else { return None };
        properties.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// What is known of the elements of a list.
    pub fn elements(&self) -> Option<&[Self]> {
        match self {
            Self::List { elements, .. } => Some(elements),
            _ => None,
        }
    }

    /// What is known of the properties of an object.
    pub fn properties(&self) -> Option<&[(String, Self)]> {
        match self {
            Self::Object { properties, .. } => Some(properties),
            _ => None,
        }
    }

    /// The value as JSON, with what is known.
    pub fn to_json(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(*value),
            Self::Number(number) => Value::Number(number.clone()),
            Self::Text { text, .. } => Value::String(text.clone()),
            Self::List { elements, .. } => elements.iter().map(Self::to_json).collect(),
            Self::Object { properties, .. } => Value::Object(
                properties.iter().map(|(name, value)| (name.clone(), value.to_json())).collect::<Map<_, _>>(),
            ),
        }
    }

    /// The value as a `T`, if it is whole: for types of which a part says nothing.
    pub fn whole<T: DeserializeOwned>(&self) -> Option<T> {
        if self.is_whole() { serde_json::from_value(self.to_json()).ok() } else { None }
    }
}

/// Reads from the front of what there is.
struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
    }

    /// Takes `character` if it comes next.
    fn take(&mut self, character: char) -> bool {
        match self.rest.strip_prefix(character) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// The next value as far as it is known.
    fn value(&mut self, depth: usize) -> Option<PartialValue> {
        if depth > MAX_DEPTH {
            return None;
        }
        self.skip_space();
        match self.rest.chars().next()? {
            '"' => {
                let (text, is_whole) = self.text();
                Some(PartialValue::Text { text, is_whole })
            }
            '[' => Some(self.list(depth)),
            '{' => Some(self.object(depth)),
            '-' | '0'..='9' => self.number(),
            _ => self.word(),
        }
    }

    fn word(&mut self) -> Option<PartialValue> {
        let words =
            [("null", PartialValue::Null), ("true", PartialValue::Bool(true)), ("false", PartialValue::Bool(false))];
        let (word, value) = words.into_iter().find(|(word, _)| self.rest.starts_with(word))?;
        self.rest = &self.rest[word.len()..];
        Some(value)
    }

    /// A number that something follows.
    fn number(&mut self) -> Option<PartialValue> {
        let end = self.rest.find(|character: char| !matches!(character, '0'..='9' | '-' | '+' | '.' | 'e' | 'E'))?;
        let (digits, rest) = self.rest.split_at(end);
        self.rest = rest;
        serde_json::from_str(digits).ok().map(PartialValue::Number)
    }

    /// A string's characters, and whether its end is there. An escape that is cut is not there yet.
    fn text(&mut self) -> (String, bool) {
        let inside = &self.rest[1..];
        let mut end = inside.len();
        let mut is_whole = false;
        let mut characters = inside.char_indices();
        while let Some((place, character)) = characters.next() {
            match character {
                '"' => {
                    (end, is_whole) = (place, true);
                    break;
                }
                '\\' => drop(characters.next()),
                _ => {}
            }
        }
        let written = &inside[..end];
        self.rest = inside.get(end + usize::from(is_whole)..).unwrap_or_default();
        (unescape(written), is_whole)
    }

    fn list(&mut self, depth: usize) -> PartialValue {
        self.take('[');
        let mut elements = Vec::new();
        loop {
            self.skip_space();
            if self.take(']') {
                return PartialValue::List { elements, is_whole: true };
            }
            let Some(element) = self.value(depth + 1) else { return PartialValue::List { elements, is_whole: false } };
            elements.push(element);
            self.skip_space();
            if !self.take(',') && !self.rest.starts_with(']') {
                return PartialValue::List { elements, is_whole: false };
            }
        }
    }

    fn object(&mut self, depth: usize) -> PartialValue {
        self.take('{');
        let mut properties = Vec::new();
        loop {
            self.skip_space();
            if self.take('}') {
                return PartialValue::Object { properties, is_whole: true };
            }
            let Some(property) = self.property(depth) else {
                return PartialValue::Object { properties, is_whole: false };
            };
            properties.push(property);
            self.skip_space();
            if !self.take(',') && !self.rest.starts_with('}') {
                return PartialValue::Object { properties, is_whole: false };
            }
        }
    }

    /// A name, and what is known of its value.
    fn property(&mut self, depth: usize) -> Option<(String, PartialValue)> {
        if !self.rest.starts_with('"') {
            return None;
        }
        let (name, is_whole) = self.text();
        self.skip_space();
        if !is_whole || !self.take(':') {
            return None;
        }
        Some((name, self.value(depth + 1)?))
    }
}

/// The characters that `written` stands for, up to an escape that is cut short.
fn unescape(written: &str) -> String {
    let read = |text: &str| serde_json::from_str::<String>(&format!("\"{text}\"")).ok();
    // The longest escape is a pair of surrogates: twelve characters.
    let cuts = written.char_indices().rev().map(|(place, _)| place).take(12);
    std::iter::once(written.len()).chain(cuts).find_map(|end| read(&written[..end])).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Whether `less` is a beginning of `more`.
    fn is_beginning(less: &PartialValue, more: &PartialValue) -> bool {
        match (less, more) {
            (PartialValue::Text { text: less, is_whole }, PartialValue::Text { text: more, .. }) => {
                if *is_whole {
                    less == more
                } else {
                    more.starts_with(less.as_str())
                }
            }
            (PartialValue::List { elements: less, is_whole }, PartialValue::List { elements: more, .. }) => {
                (if *is_whole { less.len() == more.len() } else { less.len() <= more.len() })
                    && less.iter().zip(more).all(|(less, more)| is_beginning(less, more))
            }
            (PartialValue::Object { properties: less, is_whole }, PartialValue::Object { properties: more, .. }) => {
                (if *is_whole { less.len() == more.len() } else { less.len() <= more.len() })
                    && less
                        .iter()
                        .zip(more)
                        .all(|((left, less), (right, more))| left == right && is_beginning(less, more))
            }
            _ => less == more,
        }
    }

    fn value() -> impl proptest::strategy::Strategy<Value = Value> {
        use proptest::prelude::*;
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            (-1e6..1e6_f64).prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                proptest::collection::btree_map(any::<String>(), inner, 0..6)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest::proptest! {
        #[test]
        fn what_is_known_only_grows_and_ends_as_the_value(value in value(), spaced in proptest::bool::ANY) {
            let text = if spaced { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
            let mut before: Option<PartialValue> = None;
            for end in (0..=text.len()).filter(|end| text.is_char_boundary(*end)) {
                let now = PartialValue::parse(&text[..end]);
                if let Some(before) = &before {
                    let now = now.as_ref().expect("what was known is known");
                    proptest::prop_assert!(is_beginning(before, now), "{before:?} then {now:?}");
                }
                before = now;
            }
            if value.is_number() {
                proptest::prop_assert_eq!(before, None);
            } else {
                let known = before.expect("all of it is there");
                proptest::prop_assert!(known.is_whole());
                proptest::prop_assert_eq!(known.to_json(), value);
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in "[\\[\\]{}\":,0-9a-z\\\\ud83-]{0,40}") {
            let _ = PartialValue::parse(&text);
        }
    }

    #[test]
    fn escapes_that_are_cut_wait() {
        for (beginning, known) in
            [(r#""a\"#, "a"), (r#""a\u00"#, "a"), (r#""a\ud83d"#, "a"), (r#""a\ud83d\ude00"#, "a😀")]
        {
            let expected = PartialValue::Text { text: known.to_owned(), is_whole: false };
            assert_eq!(PartialValue::parse(beginning), Some(expected), "{beginning}");
        }
    }

    #[test]
    fn parts_say_nothing_as_a_whole() {
        assert_eq!(PartialValue::parse("[1, 2").unwrap().to_json(), json!([1]));
        assert_eq!(PartialValue::parse("[1, 2").unwrap().whole::<Vec<i32>>(), None);
        assert_eq!(PartialValue::parse("[1, 2]").unwrap().whole::<Vec<i32>>(), Some(vec![1, 2]));
        assert_eq!(PartialValue::parse(&"[".repeat(100_000)).map(|value| value.is_whole()), Some(false));
    }
}
