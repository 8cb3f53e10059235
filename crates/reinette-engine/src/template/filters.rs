//! Filters, tests and functions of Jinja2 that minijinja lacks or implements differently.

use super::json;
use minijinja::value::{Kwargs, Object, ObjectRepr, Rest, ValueKind, ValueOrKwargs, from_args};
use minijinja::{Environment, Error, ErrorKind, State, Value};
use std::fmt::{self, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

pub(super) fn add_to(environment: &mut Environment<'_>) {
    environment.add_test("iterable", |value: &Value| !value.is_none() && value.try_iter().is_ok());
    environment.add_test("sequence", is_sequence);
    environment.add_test("callable", is_callable);
    environment.add_filter("tojson", tojson);
    environment.add_filter("default", default);
    environment.add_filter("d", default);
    environment.add_filter("indent", indent);
    environment.add_filter("dictsort", dictsort);
    environment.add_filter("int", int);
    environment.add_filter("float", float);
    environment.add_filter("center", |state: &mut State<'_, '_>, text: String, width: Option<usize>| {
        super::methods::call(state, &Value::from(text), "center", &[Value::from(width.unwrap_or(80))])
    });
    environment.add_filter("wordcount", |text: &str| words(text).count());
    environment.add_filter("escape", |value: &Value| escaped(&value.to_string()));
    environment.add_filter("e", |value: &Value| escaped(&value.to_string()));
    environment.add_filter("forceescape", |value: &Value| escaped(&value.to_string()));
    environment.add_filter("urlencode", urlencode);
    environment.add_filter("xmlattr", xmlattr);
    environment.add_filter("striptags", minijinja_contrib::filters::striptags);
    environment.add_filter("truncate", truncate);
    environment.add_filter("filesizeformat", minijinja_contrib::filters::filesizeformat);
    environment.add_function("cycler", cycler);
    environment.add_function("joiner", joiner);
}

fn is_sequence(value: &Value) -> bool {
    let has_places = matches!(value.kind(), ValueKind::String | ValueKind::Seq | ValueKind::Map | ValueKind::Undefined);
    has_places || (value.kind() == ValueKind::Iterable && value.len().is_some())
}

/// Objects that only do something: functions, macros, joiners.
fn is_callable(value: &Value) -> bool {
    let is_macro = |name: &str| name.ends_with("::Macro");
    value.kind() == ValueKind::Plain || value.as_object().is_some_and(|object| is_macro(object.type_name()))
}

/// `json.dumps` of Python as `transformers` calls it; Jinja's own would escape HTML.
fn tojson(state: &State<'_, '_>, value: &Value, arguments: Rest<ValueOrKwargs>) -> Result<String, Error> {
    type Options = (Option<bool>, Option<Value>, Option<Value>, Option<bool>, Kwargs);
    let arguments = arguments.into_values();
    let (ensure_ascii, indent, separators, sort_keys, named): Options = from_args(&arguments)?;
    let given = |value: Option<Value>| value.filter(|value| !value.is_none());
    let layout = json::Layout::new(
        given(indent.or(named.get("indent")?)).as_ref(),
        given(separators.or(named.get("separators")?)),
        ensure_ascii.or(named.get("ensure_ascii")?).unwrap_or(false),
        sort_keys.or(named.get("sort_keys")?).unwrap_or(false),
    )?;
    named.assert_all_used()?;
    json::dumps(state, value, layout)
}

#[expect(clippy::needless_pass_by_value, reason = "the signature that a filter has")]
fn default(value: &Value, other: Option<Value>, boolean: Option<bool>, named: Kwargs) -> Result<Value, Error> {
    let other = other.or(named.get("default_value")?).unwrap_or_else(|| Value::from(""));
    let is_lax = boolean.or(named.get("boolean")?).unwrap_or(false);
    named.assert_all_used()?;
    Ok(if value.is_undefined() || (is_lax && !value.is_true()) { other } else { value.clone() })
}

/// Puts a width of spaces, or a text, before each line.
fn indent(state: &State<'_, '_>, text: &str, arguments: Rest<ValueOrKwargs>) -> Result<String, Error> {
    let arguments = arguments.into_values();
    let (width, first, blank, named): (Option<Value>, Option<bool>, Option<bool>, Kwargs) = from_args(&arguments)?;
    let width = width.or(named.get("width")?);
    let first = first.or(named.get("first")?).unwrap_or(false);
    let blank = blank.or(named.get("blank")?).unwrap_or(false);
    named.assert_all_used()?;
    let indent_bytes = match width.as_ref().map(|width| (width.as_str(), width.as_usize())) {
        None => 4,
        Some((Some(text), _)) => text.len(),
        Some((None, Some(spaces))) => spaces,
        Some((None, None)) => return Err(invalid("indent: the width is a number or a text")),
    };
    let lines = text.matches('\n').count() + 1;
    state.consume_fuel((indent_bytes.saturating_mul(lines) as u64).saturating_add(text.len() as u64) / 64)?;
    let indent = width.as_ref().and_then(Value::as_str).map_or_else(|| " ".repeat(indent_bytes), str::to_owned);
    let mut indented = String::new();
    for (index, line) in text.split('\n').enumerate() {
        if index > 0 {
            indented.push('\n');
        }
        if (index > 0 || first) && (blank || !line.is_empty()) {
            indented.push_str(&indent);
        }
        indented.push_str(line);
    }
    Ok(indented)
}

/// The options of a filter, given by place or name, all by their names: so minijinja's own filters want them.
fn by_name(names: &[&'static str], arguments: Rest<ValueOrKwargs>) -> Result<Kwargs, Error> {
    let arguments = arguments.into_values();
    let (placed, named): (Rest<Value>, Kwargs) = from_args(&arguments)?;
    if placed.len() > names.len() {
        return Err(Error::from(ErrorKind::TooManyArguments));
    }
    let mut options: Vec<(&str, Value)> = names.iter().copied().zip(placed.iter().cloned()).collect();
    for name in named.args() {
        options.push((name, named.get(name)?));
    }
    Ok(options.into_iter().collect())
}

fn dictsort(value: &Value, arguments: Rest<ValueOrKwargs>) -> Result<Value, Error> {
    minijinja::filters::dictsort(value, by_name(&["case_sensitive", "by", "reverse"], arguments)?)
}

fn truncate(state: &mut State<'_, '_>, value: &Value, arguments: Rest<ValueOrKwargs>) -> Result<Value, Error> {
    let options = by_name(&["length", "killwords", "end", "leeway"], arguments)?;
    minijinja_contrib::filters::truncate(state, value, options)
}

/// A number, or `default` (0) where the value is none.
fn int(
    state: &State<'_, '_>,
    value: &Value,
    default: Option<Value>,
    base: Option<u32>,
    named: Kwargs,
) -> Result<Value, Error> {
    let default = default.or(named.get("default")?).unwrap_or_else(|| Value::from(0));
    minijinja::filters::int(state, value, Some(default), base, named)
}

/// As [`int`].
fn float(state: &State<'_, '_>, value: &Value, default: Option<Value>, named: Kwargs) -> Result<Value, Error> {
    let default = default.or(named.get("default")?).unwrap_or_else(|| Value::from(0.0));
    minijinja::filters::float(state, value, Some(default), named)
}

/// The runs of letters, digits and underscores.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|character: char| character != '_' && !character.is_alphanumeric()).filter(|word| !word.is_empty())
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&#34;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// A text as a part of an address, or the entries of a dictionary as its query.
fn urlencode(value: &Value) -> Result<String, Error> {
    if value.kind() != ValueKind::Map {
        return Ok(quoted(&value.to_string(), "/", "%20"));
    }
    let mut pairs = Vec::new();
    for key in value.try_iter()? {
        let item = value.get_item(&key)?;
        pairs.push(format!("{}={}", quoted(&key.to_string(), "", "+"), quoted(&item.to_string(), "", "+")));
    }
    Ok(pairs.join("&"))
}

fn quoted(text: &str, safe: &str, space: &str) -> String {
    let mut quoted = String::new();
    for byte in text.bytes() {
        match byte {
            b' ' => quoted.push_str(space),
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => quoted.push(byte.into()),
            _ if safe.as_bytes().contains(&byte) => quoted.push(byte.into()),
            _ => {
                // Writing to a string cannot fail.
                let _ = write!(quoted, "%{byte:02X}");
            }
        }
    }
    quoted
}

/// The entries of a dictionary that have a value, as attributes of an XML element.
fn xmlattr(value: &Value, autospace: Option<bool>) -> Result<String, Error> {
    let mut attributes = Vec::new();
    for key in value.try_iter()? {
        let item = value.get_item(&key)?;
        if !item.is_none() && !item.is_undefined() {
            attributes.push(format!("{}=\"{}\"", escaped(&key.to_string()), escaped(&item.to_string())));
        }
    }
    let joined = attributes.join(" ");
    let is_spaced = autospace.unwrap_or(true) && !joined.is_empty();
    Ok(if is_spaced { format!(" {joined}") } else { joined })
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, message.into())
}

/// Gives its items in turn. It does not print them: one may be a namespace that holds the cycler.
struct Cycler {
    items: Vec<Value>,
    position: AtomicUsize,
}

impl fmt::Debug for Cycler {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("<cycler>")
    }
}

impl Cycler {
    fn current(&self) -> Value {
        self.items[self.position.load(Ordering::Relaxed) % self.items.len()].clone()
    }
}

impl Object for Cycler {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        (key.as_str() == Some("current")).then(|| self.current())
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, method: &str, arguments: &[Value]) -> Result<Value, Error> {
        let () = from_args(arguments)?;
        match method {
            "next" => {
                let current = self.current();
                self.position.fetch_add(1, Ordering::Relaxed);
                Ok(current)
            }
            "reset" => {
                self.position.store(0, Ordering::Relaxed);
                Ok(Value::from(()))
            }
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the signature that a function has")]
fn cycler(items: Rest<Value>) -> Result<Value, Error> {
    if items.is_empty() {
        return Err(invalid("cycler: give it something to take turns"));
    }
    Ok(Value::from_object(Cycler { items: items.to_vec(), position: AtomicUsize::new(0) }))
}

/// Gives nothing, and from then on the separator.
#[derive(Debug)]
struct Joiner {
    separator: String,
    is_used: AtomicBool,
}

impl Object for Joiner {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn call(self: &Arc<Self>, _: &mut State<'_, '_>, arguments: &[Value]) -> Result<Value, Error> {
        let () = from_args(arguments)?;
        Ok(Value::from(if self.is_used.swap(true, Ordering::Relaxed) { self.separator.as_str() } else { "" }))
    }
}

fn joiner(separator: Option<String>) -> Value {
    let separator = separator.unwrap_or_else(|| ", ".to_owned());
    Value::from_object(Joiner { separator, is_used: AtomicBool::new(false) })
}
