//! What a chat template finds besides its input: the environment of Hugging Face's `transformers`.

use jiff::civil::DateTime;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Kwargs, ValueKind};
use minijinja::{Environment, Error, ErrorKind, State, Value};

use super::json;

/// Budget of one rendering. It buys about one instruction, or 64 bytes, each: a template can take a fraction of a
/// second and 13 MB at most. A conversation of 100 turns takes less than 10 000.
const FUEL: u64 = 200_000;

/// Deepest nesting of loops, macros and calls.
const MAX_RECURSION: usize = 100;

/// The message of a template's `raise_exception`.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Raised(pub(super) String);

pub(super) fn new() -> Environment<'static> {
    let mut environment = Environment::new();
    if let Ok(syntax) = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build() {
        environment.set_syntax(syntax);
    }
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(MAX_RECURSION);
    environment.set_unknown_method_callback(python_method);
    environment.add_function("raise_exception", raise_exception);
    environment.add_filter("tojson", tojson);
    environment
}

/// The function `strftime_now(format)` at the time `now`.
pub(super) fn clock(now: DateTime) -> Value {
    Value::from_function(move |format: &str| {
        // A width such as `%2000000000d` would be a way around the budget.
        if format.len() > 100 || format.split('%').skip(1).any(|rest| rest.starts_with(|c: char| c.is_ascii_digit())) {
            return Err(Error::new(ErrorKind::InvalidOperation, "strftime_now: the format is too long"));
        }
        let formatted = jiff::fmt::strtime::format(format, now);
        formatted.map_err(|error| Error::new(ErrorKind::InvalidOperation, format!("strftime_now: {error}")))
    })
}

fn raise_exception(message: String) -> Result<Value, Error> {
    Err(Error::new(ErrorKind::InvalidOperation, "raise_exception").with_source(Raised(message)))
}

/// `json.dumps` of Python with `ensure_ascii=False`, as `transformers` has it; Jinja's own would escape HTML.
#[expect(clippy::needless_pass_by_value, reason = "the signature that a filter has")]
fn tojson(state: &State<'_, '_>, value: &Value, options: Kwargs) -> Result<String, Error> {
    let indent: Option<usize> = options.get("indent")?;
    if options.get::<Option<bool>>("ensure_ascii")? == Some(true) {
        return Err(Error::new(ErrorKind::InvalidOperation, "tojson: ensure_ascii is not supported"));
    }
    options.assert_all_used()?;
    json::dumps(state, value, indent)
}

/// The methods of Python's strings, lists and dictionaries.
fn python_method(state: &mut State<'_, '_>, value: &Value, method: &str, arguments: &[Value]) -> Result<Value, Error> {
    match (value.kind(), method, arguments) {
        // What these make can be far larger than what they are given: the filters of the same name keep to the budget.
        (ValueKind::String, "replace", [from, to]) => {
            state.apply_filter("replace", &[value.clone(), from.clone(), to.clone()])
        }
        (ValueKind::String, "join", [list]) => state.apply_filter("join", &[list.clone(), value.clone()]),
        (ValueKind::String, "replace" | "join" | "format", _) => Err(Error::from(ErrorKind::UnknownMethod)),
        _ => minijinja_contrib::pycompat::unknown_method_callback(state, value, method, arguments),
    }
}
