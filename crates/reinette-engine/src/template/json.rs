//! JSON as Python writes it.

use std::fmt::Write;

use minijinja::value::ValueKind;
use minijinja::{Error, ErrorKind, State, Value};

/// Deepest nesting; a schema of a tool has about ten levels.
const MAX_DEPTH: usize = 64;

/// Largest indentation.
const MAX_INDENT: usize = 16;

/// How `json.dumps` lays a value out.
#[derive(Debug)]
pub(super) struct Layout {
    /// Indentation per level; `None` puts everything on one line.
    indent: Option<String>,
    item_separator: String,
    key_separator: String,
    /// Whether what is no ASCII is escaped.
    ensure_ascii: bool,
    sort_keys: bool,
}

impl Layout {
    /// The layout that the options of `json.dumps` ask for.
    ///
    /// # Errors
    /// When the indentation is too large, or an option is of another type.
    pub(super) fn new(
        indent: Option<&Value>,
        separators: Option<Value>,
        ensure_ascii: bool,
        sort_keys: bool,
    ) -> Result<Self, Error> {
        let indent = match indent.map(|indent| (indent.as_str(), indent.as_i64())) {
            None => None,
            Some((Some(text), _)) => Some(text.to_owned()),
            Some((None, Some(spaces))) => Some(" ".repeat(usize::try_from(spaces).unwrap_or(0).min(MAX_INDENT + 1))),
            Some((None, None)) => return Err(invalid("the indentation is a number or a text")),
        };
        if indent.as_ref().is_some_and(|indent| indent.len() > MAX_INDENT) {
            return Err(invalid("the indentation is too large"));
        }
        let item = if indent.is_some() { "," } else { ", " };
        let [item_separator, key_separator] = match separators {
            None => [item.to_owned(), ": ".to_owned()],
            Some(pair) => {
                let texts: Vec<String> = pair.try_iter()?.filter_map(|text| text.as_str().map(str::to_owned)).collect();
                <[String; 2]>::try_from(texts).map_err(|_| invalid("separators are two texts"))?
            }
        };
        Ok(Self { indent, item_separator, key_separator, ensure_ascii, sort_keys })
    }
}

fn invalid(problem: &str) -> Error {
    Error::new(ErrorKind::InvalidOperation, format!("tojson: {problem}"))
}

fn unwritable(problem: &str) -> Error {
    Error::new(ErrorKind::BadSerialization, format!("tojson: {problem}"))
}

/// `json.dumps(value, …)`, paid from the budget of `state` as it is written.
pub(super) fn dumps(state: &State<'_, '_>, value: &Value, layout: Layout) -> Result<String, Error> {
    let mut writer = Writer { state, out: String::new(), layout, depth: 0 };
    writer.value(value)?;
    Ok(writer.out)
}

/// A float as Python prints it: the shortest digits that mean it, with an exponent where it is far from 1.
pub(super) fn float(number: f64) -> String {
    if !number.is_finite() {
        let name = if number.is_nan() { "nan" } else { "inf" };
        return format!("{}{name}", if number < 0.0 { "-" } else { "" });
    }
    let scientific = format!("{number:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    match exponent.parse::<i32>().unwrap_or(0) {
        -4..16 => format!("{number:?}"),
        exponent => format!("{digits}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs()),
    }
}

/// A number that is no integer.
pub(super) fn as_float(value: &Value) -> Option<f64> {
    let is_float = value.kind() == ValueKind::Number && !value.is_integer();
    if is_float { f64::try_from(value.clone()).ok() } else { None }
}

struct Writer<'a, 'template, 'environment> {
    state: &'a State<'template, 'environment>,
    out: String,
    layout: Layout,
    depth: usize,
}

impl Writer<'_, '_, '_> {
    fn value(&mut self, value: &Value) -> Result<(), Error> {
        let start = self.out.len();
        match value.kind() {
            ValueKind::String => self.string(value.as_str().unwrap_or_default()),
            ValueKind::Map => return self.sequence(value, '{', '}'),
            ValueKind::Seq | ValueKind::Iterable => return self.sequence(value, '[', ']'),
            kind => match plain(value) {
                Some(text) => self.out.push_str(&text),
                None => return Err(unwritable(&format!("a value of type {kind} is not JSON"))),
            },
        }
        self.state.consume_fuel(1 + (self.out.len() - start) as u64 / 64)
    }

    /// The items of a list, or the entries of a map (over which an iteration gives the keys).
    fn sequence(&mut self, value: &Value, open: char, close: char) -> Result<(), Error> {
        if self.depth == MAX_DEPTH {
            return Err(unwritable("the value is nested too deep"));
        }
        self.out.push(open);
        self.depth += 1;
        let mut items: Vec<Value> = value.try_iter()?.collect();
        if open == '{' && self.layout.sort_keys {
            items.sort();
        }
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.out.push_str(&self.layout.item_separator);
            }
            self.new_line();
            if open == '{' {
                let key = item.as_str().map(str::to_owned).or_else(|| plain(item));
                self.string(&key.ok_or_else(|| unwritable("keys are texts, numbers, true, false or none"))?);
                self.out.push_str(&self.layout.key_separator);
                self.value(&value.get_item(item)?)?;
            } else {
                self.value(item)?;
            }
        }
        self.depth -= 1;
        if !items.is_empty() {
            self.new_line();
        }
        self.out.push(close);
        self.state.consume_fuel(1)
    }

    fn new_line(&mut self) {
        if let Some(indent) = &self.layout.indent {
            self.out.push('\n');
            self.out.extend(std::iter::repeat_n(indent.as_str(), self.depth));
        }
    }

    fn string(&mut self, text: &str) {
        self.out.push('"');
        for character in text.chars() {
            match character {
                '"' => self.out.push_str("\\\""),
                '\\' => self.out.push_str("\\\\"),
                '\n' => self.out.push_str("\\n"),
                '\r' => self.out.push_str("\\r"),
                '\t' => self.out.push_str("\\t"),
                '\u{8}' => self.out.push_str("\\b"),
                '\u{c}' => self.out.push_str("\\f"),
                other if other < ' ' || (self.layout.ensure_ascii && !other.is_ascii()) => {
                    for unit in other.encode_utf16(&mut [0; 2]) {
                        // Writing to a string cannot fail.
                        let _ = write!(self.out, "\\u{unit:04x}");
                    }
                }
                other => self.out.push(other),
            }
        }
        self.out.push('"');
    }
}

/// The JSON of a value that is neither text nor a container; within quotes it serves as a key.
fn plain(value: &Value) -> Option<String> {
    match value.kind() {
        ValueKind::None => Some("null".to_owned()),
        ValueKind::Bool => Some(value.is_true().to_string()),
        ValueKind::Number => Some(as_float(value).map_or_else(|| value.to_string(), json_float)),
        _ => None,
    }
}

/// Python writes what is no number in JSON by JavaScript's names.
fn json_float(number: f64) -> String {
    match float(number).as_str() {
        "nan" => "NaN".to_owned(),
        "inf" => "Infinity".to_owned(),
        "-inf" => "-Infinity".to_owned(),
        text => text.to_owned(),
    }
}
