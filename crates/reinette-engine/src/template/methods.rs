//! Methods of Python's strings, lists and dictionaries that minijinja's compatibility layer lacks or implements differently.

use minijinja::formatting::{FormatStyle, format};
use minijinja::value::{Kwargs, Tuple, ValueKind, from_args};
use minijinja::{Error, ErrorKind, State, Value};
use unicode_general_category::{GeneralCategory, get_general_category};

/// Calls a method of a value that has none of its own of this name.
pub(super) fn call(
    state: &mut State<'_, '_>,
    value: &Value,
    method: &str,
    arguments: &[Value],
) -> Result<Value, Error> {
    let found = match (value.kind(), value.as_str()) {
        (ValueKind::String, Some(text)) => text_method(state, value, text, method, arguments)?,
        (ValueKind::Seq, _) => list_method(value, method, arguments)?,
        (ValueKind::Map, _) if method == "copy" => Some(value.clone()),
        _ => None,
    };
    match found {
        Some(found) => Ok(found),
        None => minijinja_contrib::pycompat::unknown_method_callback(state, value, method, arguments),
    }
}

fn list_method(value: &Value, method: &str, arguments: &[Value]) -> Result<Option<Value>, Error> {
    match method {
        // Lists do not change, so one is as good as two.
        "copy" => Ok(Some(value.clone())),
        "index" => {
            let (wanted,): (&Value,) = from_args(arguments)?;
            let place = value.try_iter()?.position(|item| item == *wanted);
            place.map(|place| Some(Value::from(place))).ok_or_else(|| invalid("index: the value is not in the list"))
        }
        _ => Ok(None),
    }
}

fn text_method(
    state: &mut State<'_, '_>,
    value: &Value,
    text: &str,
    method: &str,
    arguments: &[Value],
) -> Result<Option<Value>, Error> {
    Ok(Some(match method {
        // Their results can be far larger than their arguments; the filters of the same name charge the budget.
        "replace" => return state.apply_filter("replace", &with_first(value, arguments)).map(Some),
        "join" => {
            let (list,): (&Value,) = from_args(arguments)?;
            return state.apply_filter("join", &[list.clone(), value.clone()]).map(Some);
        }
        "format" => Value::from(formatted(state, text, arguments)?),
        "format_map" => {
            let (fields,): (&Value,) = from_args(arguments)?;
            Value::from(formatted(state, text, &[named(fields)?])?)
        }
        "split" | "rsplit" => {
            let (separator, most, options): (Option<&str>, Option<i64>, Kwargs) = from_args(arguments)?;
            let separator = separator.or(options.get("sep")?);
            let most = most.or(options.get("maxsplit")?);
            options.assert_all_used()?;
            split(text, separator, most, method == "rsplit")?.into_iter().map(Value::from).collect()
        }
        "partition" | "rpartition" => {
            let (separator,): (&str,) = from_args(arguments)?;
            partition(text, separator, method == "rpartition")
        }
        "splitlines" => {
            let (keep, options): (Option<bool>, Kwargs) = from_args(arguments)?;
            let keep = keep.or(options.get("keepends")?).unwrap_or(false);
            options.assert_all_used()?;
            lines(text, keep).into_iter().map(Value::from).collect()
        }
        "find" | "rfind" | "index" | "rindex" | "count" | "startswith" | "endswith" => {
            return searched(text, method, arguments).map(Some);
        }
        "zfill" | "center" | "ljust" | "rjust" => Value::from(padded(state, text, method, arguments)?),
        "expandtabs" => {
            let (width, options): (Option<usize>, Kwargs) = from_args(arguments)?;
            let width = width.or(options.get("tabsize")?).unwrap_or(8);
            consume(state, width.saturating_mul(text.matches('\t').count()))?;
            Value::from(expand_tabs(text, width))
        }
        _ => return changed(text, method, arguments),
    }))
}

/// Methods that need only the text and perhaps another one.
fn changed(text: &str, method: &str, arguments: &[Value]) -> Result<Option<Value>, Error> {
    if let "removeprefix" | "removesuffix" = method {
        let (part,): (&str,) = from_args(arguments)?;
        let rest = if method == "removeprefix" { text.strip_prefix(part) } else { text.strip_suffix(part) };
        return Ok(Some(Value::from(rest.unwrap_or(text))));
    }
    let all = |is: fn(char) -> bool| Value::from(!text.is_empty() && text.chars().all(is));
    let value = match method {
        "swapcase" => Value::from(text.chars().flat_map(swapped).collect::<String>()),
        "casefold" => Value::from(text.to_lowercase().replace('ß', "ss")),
        "title" => Value::from(titled(text)),
        "isdecimal" => all(is_decimal),
        "isdigit" => all(|character| is_decimal(character) || "²³¹⁰⁴⁵⁶⁷⁸⁹₀₁₂₃₄₅₆₇₈₉".contains(character)),
        "isprintable" => Value::from(text.chars().all(is_printable)),
        "isidentifier" => {
            let is_word = |character: char| character == '_' || character.is_alphanumeric();
            Value::from(!text.is_empty() && text.chars().all(is_word) && !text.starts_with(char::is_numeric))
        }
        "istitle" => Value::from(text.chars().any(char::is_alphabetic) && titled(text) == text),
        _ => return Ok(None),
    };
    let () = from_args(arguments)?;
    Ok(Some(value))
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, message.into())
}

/// Pays for so many bytes before they are written.
fn consume(state: &State<'_, '_>, bytes: usize) -> Result<(), Error> {
    state.consume_fuel(bytes as u64 / 64)
}

fn with_first(value: &Value, arguments: &[Value]) -> Vec<Value> {
    std::iter::once(value).chain(arguments).cloned().collect()
}

/// The entries of a dictionary as named arguments.
fn named(fields: &Value) -> Result<Value, Error> {
    let mut entries = Vec::new();
    for key in fields.try_iter()? {
        entries.push((key.to_string(), fields.get_item(&key)?));
    }
    Ok(entries.into_iter().collect::<Kwargs>().into())
}

/// `str.format`, paid for in advance by the widths and precisions that it asks for.
fn formatted(state: &State<'_, '_>, text: &str, arguments: &[Value]) -> Result<String, Error> {
    pay_for_fields(state, text, '{', arguments)?;
    format(FormatStyle::StrFormat, text, arguments)
}

/// Pays for the most that fields which begin with `mark` can make of the arguments: each as long as the longest argument, or
/// as the widths that the format names.
fn pay_for_fields(state: &State<'_, '_>, text: &str, mark: char, arguments: &[Value]) -> Result<(), Error> {
    let fields = text.matches(mark).count();
    let numbers = text.split(|character: char| !character.is_ascii_digit()).filter(|digits| !digits.is_empty());
    let widths = numbers.map(|digits| digits.parse().unwrap_or(usize::MAX)).fold(0, usize::saturating_add);
    // A width may be an argument too.
    let size = |value: &Value| value.as_usize().unwrap_or_else(|| value.to_string().len());
    let longest = arguments.iter().map(size).max().unwrap_or(0);
    consume(state, fields.saturating_mul(longest).saturating_add(widths))
}

/// The operator `%`: the remainder of a division of numbers, or a format and what is put into it.
pub(super) fn remainder(state: &mut State<'_, '_>, left: &Value, right: &Value) -> Result<Value, Error> {
    let Some(text) = left.as_str() else { return number_remainder(left, right) };
    let arguments = if right.is_tuple() {
        right.try_iter()?.collect()
    } else if right.kind() == ValueKind::Map && text.contains("%(") {
        vec![named(right)?]
    } else {
        vec![right.clone()]
    };
    pay_for_fields(state, text, '%', &arguments)?;
    state.apply_filter("format", &with_first(left, &arguments))
}

/// The remainder with the sign of the divisor, as in Python.
fn number_remainder(left: &Value, right: &Value) -> Result<Value, Error> {
    let refused = || invalid(format!("cannot take the remainder of {left} and {right}"));
    if left.is_integer() && right.is_integer() {
        let (dividend, divisor) = (i128::try_from(left.clone())?, i128::try_from(right.clone())?);
        let remainder = dividend.checked_rem(divisor).ok_or_else(refused)?;
        let is_other_side = remainder != 0 && (remainder < 0) != (divisor < 0);
        return Ok(Value::from(if is_other_side { remainder + divisor } else { remainder }));
    }
    let number = |value: &Value| f64::try_from(value.clone()).map_err(|_| refused());
    let (dividend, divisor) = (number(left)?, number(right)?);
    if divisor == 0.0 {
        return Err(refused());
    }
    let remainder = dividend % divisor;
    let is_other_side = remainder != 0.0 && (remainder < 0.0) != (divisor < 0.0);
    Ok(Value::from(if is_other_side { remainder + divisor } else { remainder }))
}

/// The parts between separators, or between white space; at most `most` cuts, from the end if `from_end`.
fn split<'a>(text: &'a str, separator: Option<&str>, most: Option<i64>, from_end: bool) -> Result<Vec<&'a str>, Error> {
    let most = most.and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX);
    let mut parts: Vec<&str> = match (separator, from_end) {
        (Some(""), _) => return Err(invalid("split: the separator is empty")),
        (Some(separator), false) => text.splitn(most.saturating_add(1), separator).collect(),
        (Some(separator), true) => text.rsplitn(most.saturating_add(1), separator).collect(),
        (None, _) => split_at_space(text, most, from_end),
    };
    if from_end {
        parts.reverse();
    }
    Ok(parts)
}

/// The words, of which the last one keeps what is left after `most` cuts; in reverse order if `from_end`.
fn split_at_space(text: &str, most: usize, from_end: bool) -> Vec<&str> {
    let trimmed = |text| if from_end { str::trim_end(text) } else { str::trim_start(text) };
    let mut parts = Vec::new();
    let mut rest = trimmed(text);
    while !rest.is_empty() {
        let cut = if from_end { rest.rfind(char::is_whitespace) } else { rest.find(char::is_whitespace) };
        let Some(cut) = cut.filter(|_| parts.len() < most) else {
            parts.push(rest);
            break;
        };
        let (before, after) = rest.split_at(cut);
        // The white space at the cut is one character, of any length.
        let after_space = &after[after.chars().next().map_or(0, char::len_utf8)..];
        let (part, left) = if from_end { (after_space, before) } else { (before, after) };
        parts.push(part);
        rest = trimmed(left);
    }
    parts
}

fn partition(text: &str, separator: &str, from_end: bool) -> Value {
    let cut = if from_end { text.rsplit_once(separator) } else { text.split_once(separator) };
    let parts = match cut {
        Some((before, after)) => [before, separator, after],
        None if from_end => ["", "", text],
        None => [text, "", ""],
    };
    Value::from(Tuple::from(parts.map(Value::from)))
}

/// Lines as Python has them, whose ends are more than `\n`.
fn lines(text: &str, keep_ends: bool) -> Vec<&str> {
    let mut lines = Vec::new();
    let mut rest = text;
    let ends = |character: char| "\n\r\u{b}\u{c}\u{1c}\u{1d}\u{1e}\u{85}\u{2028}\u{2029}".contains(character);
    while let Some(at) = rest.find(ends) {
        let length =
            if rest[at..].starts_with("\r\n") { 2 } else { rest[at..].chars().next().map_or(1, char::len_utf8) };
        lines.push(&rest[..if keep_ends { at + length } else { at }]);
        rest = &rest[at + length..];
    }
    if !rest.is_empty() {
        lines.push(rest);
    }
    lines
}

/// Looks for a text within the characters from a start to an end.
fn searched(text: &str, method: &str, arguments: &[Value]) -> Result<Value, Error> {
    let (wanted, start, end): (&Value, Option<i64>, Option<i64>) = from_args(arguments)?;
    let count = text.chars().count();
    let place = |index: i64| {
        let index = if index < 0 { index.saturating_add_unsigned(count as u64).max(0) } else { index };
        usize::try_from(index).unwrap_or(usize::MAX).min(count)
    };
    let (start, end) = (start.map_or(0, place), end.map_or(count, place));
    let byte = |place: usize| text.char_indices().nth(place).map_or(text.len(), |(byte, _)| byte);
    let part = if start <= end { &text[byte(start)..byte(end)] } else { "" };
    if let "startswith" | "endswith" = method {
        let is_there = |wanted: &Value| match (wanted.as_str(), method) {
            (None, _) => Err(invalid(format!("{method}: looks for text, not for {}", wanted.kind()))),
            (Some(wanted), "startswith") => Ok(part.starts_with(wanted)),
            (Some(wanted), _) => Ok(part.ends_with(wanted)),
        };
        let found = if wanted.kind() == ValueKind::Seq {
            wanted.try_iter()?.map(|one| is_there(&one)).collect::<Result<Vec<_>, _>>()?.contains(&true)
        } else {
            is_there(wanted)?
        };
        return Ok(Value::from(found));
    }
    let wanted =
        wanted.as_str().ok_or_else(|| invalid(format!("{method}: looks for text, not for {}", wanted.kind())))?;
    if method == "count" {
        return Ok(Value::from(part.matches(wanted).count()));
    }
    let at = if method.starts_with('r') { part.rfind(wanted) } else { part.find(wanted) };
    match at {
        Some(at) => Ok(Value::from(start + part[..at].chars().count())),
        None if method.ends_with("index") => Err(invalid(format!("{method}: the text does not contain {wanted:?}"))),
        None => Ok(Value::from(-1)),
    }
}

/// The text, filled up to a width.
fn padded(state: &State<'_, '_>, text: &str, method: &str, arguments: &[Value]) -> Result<String, Error> {
    let (width, fill): (usize, Option<&str>) = from_args(arguments)?;
    consume(state, width.saturating_mul(fill.map_or(1, str::len)))?;
    let missing = width.saturating_sub(text.chars().count());
    let filled = |count: usize| fill.unwrap_or(" ").repeat(count);
    Ok(match method {
        "zfill" => {
            let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
            format!("{}{}{digits}", &text[..text.len() - digits.len()], "0".repeat(missing))
        }
        "ljust" => format!("{text}{}", filled(missing)),
        "rjust" => format!("{}{text}", filled(missing)),
        _ => {
            // Python puts the odd one left where the width is odd too.
            let left = missing / 2 + (missing & width & 1);
            format!("{}{text}{}", filled(left), filled(missing - left))
        }
    })
}

fn expand_tabs(text: &str, width: usize) -> String {
    let (mut expanded, mut column) = (String::new(), 0);
    for character in text.chars() {
        if character == '\t' {
            let spaces = if width == 0 { 0 } else { width - column % width };
            expanded.extend(std::iter::repeat_n(' ', spaces));
            column += spaces;
        } else {
            expanded.push(character);
            column = if matches!(character, '\n' | '\r') { 0 } else { column + 1 };
        }
    }
    expanded
}

fn swapped(character: char) -> Vec<char> {
    if character.is_uppercase() { character.to_lowercase().collect() } else { character.to_uppercase().collect() }
}

/// Every letter after none is a capital.
fn titled(text: &str) -> String {
    let mut titled = String::new();
    let mut is_inside = false;
    for character in text.chars() {
        if is_inside {
            titled.extend(character.to_lowercase());
        } else {
            titled.extend(character.to_uppercase());
        }
        is_inside = character.is_alphabetic();
    }
    titled
}

fn is_decimal(character: char) -> bool {
    get_general_category(character) == GeneralCategory::DecimalNumber
}

fn is_printable(character: char) -> bool {
    use GeneralCategory as Is;
    let is_other = matches!(
        get_general_category(character),
        Is::Control | Is::Format | Is::Surrogate | Is::PrivateUse | Is::Unassigned | Is::LineSeparator
    );
    character == ' '
        || !(is_other || matches!(get_general_category(character), Is::ParagraphSeparator | Is::SpaceSeparator))
}
