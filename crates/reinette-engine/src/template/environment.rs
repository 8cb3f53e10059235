//! What a chat template finds besides its input: the environment of Hugging Face's `transformers`.

use jiff::civil::DateTime;
use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, Error, ErrorKind, Value};

use super::{filters, json, methods, namespaces, rewrite};

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
    environment.set_unknown_method_callback(methods::call);
    environment.set_formatter(|output, state, value| match json::as_float(value) {
        Some(number) => Ok(output.write_str(&json::float(number))?),
        None => minijinja::escape_formatter(output, state, value),
    });
    filters::add_to(&mut environment);
    environment.add_filter(rewrite::REMAINDER, methods::remainder);
    environment.add_filter(rewrite::SETTLED, namespaces::settled);
    environment.add_function("raise_exception", raise_exception);
    let namespace = environment.globals().find(|(name, _)| *name == "namespace").map(|(_, function)| function);
    if let Some(namespace) = namespace {
        environment.add_global("namespace", namespaces::constructor(namespace));
    }
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
