//! JSON as Python writes it: a space after `,` and `:`, nothing escaped that need not be.

use std::fmt::Write;

use minijinja::value::ValueKind;
use minijinja::{Error, ErrorKind, State, Value};

/// Deepest nesting; a schema of a tool has about ten levels.
const MAX_DEPTH: usize = 64;

/// Largest indentation.
const MAX_INDENT: usize = 16;

/// `json.dumps(value, ensure_ascii=False, indent=indent)`, paid from the budget of `state` as it is written.
pub(super) fn dumps(state: &State<'_, '_>, value: &Value, indent: Option<usize>) -> Result<String, Error> {
    if indent.is_some_and(|indent| indent > MAX_INDENT) {
        return Err(Error::new(ErrorKind::InvalidOperation, "tojson: the indentation is too large"));
    }
    let mut writer = Writer { state, out: String::new(), indent, depth: 0 };
    writer.value(value)?;
    Ok(writer.out)
}

struct Writer<'a, 'template, 'environment> {
    state: &'a State<'template, 'environment>,
    out: String,
    indent: Option<usize>,
    depth: usize,
}

impl Writer<'_, '_, '_> {
    fn value(&mut self, value: &Value) -> Result<(), Error> {
        let start = self.out.len();
        match value.kind() {
            ValueKind::None | ValueKind::Undefined => self.out.push_str("null"),
            ValueKind::Bool => self.out.push_str(if value.is_true() { "true" } else { "false" }),
            ValueKind::Number => self.out.push_str(&value.to_string()),
            ValueKind::String => self.string(value.as_str().unwrap_or_default()),
            ValueKind::Map => return self.sequence(value, '{', '}'),
            ValueKind::Seq | ValueKind::Iterable => return self.sequence(value, '[', ']'),
            kind => {
                let message = format!("tojson: a value of type {kind} is not JSON");
                return Err(Error::new(ErrorKind::BadSerialization, message));
            }
        }
        self.state.consume_fuel(1 + (self.out.len() - start) as u64 / 64)
    }

    /// The items of a list, or the entries of a map (over which an iteration gives the keys).
    fn sequence(&mut self, value: &Value, open: char, close: char) -> Result<(), Error> {
        if self.depth == MAX_DEPTH {
            return Err(Error::new(ErrorKind::BadSerialization, "tojson: the value is nested too deep"));
        }
        self.out.push(open);
        self.depth += 1;
        let mut empty = true;
        for item in value.try_iter()? {
            if !empty {
                self.out.push_str(if self.indent.is_some() { "," } else { ", " });
            }
            empty = false;
            self.new_line();
            if open == '{' {
                self.string(&item.to_string());
                self.out.push_str(": ");
                self.value(&value.get_item(&item)?)?;
            } else {
                self.value(&item)?;
            }
        }
        self.depth -= 1;
        if !empty {
            self.new_line();
        }
        self.out.push(close);
        self.state.consume_fuel(1)
    }

    fn new_line(&mut self) {
        if let Some(indent) = self.indent {
            self.out.push('\n');
            self.out.extend(std::iter::repeat_n(' ', indent * self.depth));
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
                control @ '\0'..='\u{1f}' => {
                    // Writing to a string cannot fail.
                    let _ = write!(self.out, "\\u{:04x}", u32::from(control));
                }
                other => self.out.push(other),
            }
        }
        self.out.push('"');
    }
}
