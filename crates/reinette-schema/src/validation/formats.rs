//! Formats of strings, and regular expressions as JavaScript reads them.

use jiff::civil::{Date, Time};
use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Whether `text` has the `format`; it has every format that is not known.
pub(super) fn has(text: &str, format: &str) -> bool {
    match format {
        "date" => is_date(text),
        "time" => is_time(text),
        "date-time" => text.split_once(['T', 't']).is_some_and(|(date, time)| is_date(date) && is_time(time)),
        "duration" => is_duration(text),
        "email" | "idn-email" => is_mailbox(text),
        "hostname" => is_hostname(text, |character| character.is_ascii_alphanumeric()),
        "idn-hostname" => is_hostname(text, char::is_alphanumeric),
        "ipv4" => text.parse::<Ipv4Addr>().is_ok(),
        "ipv6" => text.parse::<Ipv6Addr>().is_ok(),
        "uuid" => is_uuid(text),
        "uri" => is_ascii_reference(text) && has_scheme(text),
        "uri-reference" => is_ascii_reference(text),
        "iri" => is_reference(text) && has_scheme(text),
        "iri-reference" => is_reference(text),
        "json-pointer" => is_pointer(text),
        "regex" => fancy_regex::Regex::new(&as_ecma_means(text)).is_ok(),
        _ => true,
    }
}

fn is_digits(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_date(text: &str) -> bool {
    let mut parts = text.split('-');
    let lengths_fit = [4, 2, 2].into_iter().all(|length| parts.next().is_some_and(|part| is_digits(part, length)));
    lengths_fit && parts.next().is_none() && text.parse::<Date>().is_ok()
}

/// `HH:MM:SS`, perhaps with a fraction, and an offset; a leap second where it is midnight in UTC.
fn is_time(text: &str) -> bool {
    let Some((clock, offset)) = text.split_at_checked(8) else { return false };
    let fraction =
        offset.strip_prefix('.').map(|digits| digits.trim_start_matches(|digit: char| digit.is_ascii_digit()));
    let offset = match fraction {
        Some(rest) if rest.len() + 1 == offset.len() => return false,
        Some(rest) => rest,
        None => offset,
    };
    let Some(offset_minutes) = offset_minutes(offset) else { return false };
    let mut parts = clock.split(':');
    let fits = [2, 2, 2].into_iter().all(|length| parts.next().is_some_and(|part| is_digits(part, length)));
    if !fits || parts.next().is_some() {
        return false;
    }
    let Some(minute) = clock.strip_suffix(":60") else { return clock.parse::<Time>().is_ok() };
    let Ok(time) = format!("{minute}:00").parse::<Time>() else { return false };
    let minutes = i32::from(time.hour()) * 60 + i32::from(time.minute());
    (minutes - offset_minutes).rem_euclid(24 * 60) == 23 * 60 + 59
}

fn offset_minutes(offset: &str) -> Option<i32> {
    if matches!(offset, "Z" | "z") {
        return Some(0);
    }
    let (sign, rest) = match offset.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':')?;
    let fits = is_digits(hours, 2) && is_digits(minutes, 2);
    let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
    (fits && hours < 24 && minutes < 60).then_some(sign * (hours * 60 + minutes))
}

/// ISO 8601 as RFC 3339 has it: weeks alone, or units from years to seconds without gaps.
fn is_duration(text: &str) -> bool {
    let Some(rest) = text.strip_prefix('P') else { return false };
    if let Some(weeks) = rest.strip_suffix('W') {
        return is_digits(weeks, weeks.len()) && !weeks.is_empty();
    }
    let (date, time) = rest.split_once('T').map_or((rest, None), |(date, time)| (date, Some(time)));
    let is_empty = date.is_empty() && time.is_none();
    !is_empty && are_units(date, "YMD", true) && time.is_none_or(|time| are_units(time, "HMS", false))
}

fn are_units(text: &str, units: &str, may_be_none: bool) -> bool {
    let mut rest = text;
    let mut before: Option<usize> = None;
    while !rest.is_empty() {
        let end = rest.find(|character: char| !character.is_ascii_digit()).unwrap_or(rest.len());
        let Some(unit) = rest[end..].chars().next().and_then(|unit| units.find(unit)) else { return false };
        if end == 0 || before.is_some_and(|before| unit != before + 1) {
            return false;
        }
        before = Some(unit);
        rest = &rest[end + 1..];
    }
    may_be_none || before.is_some()
}

fn is_mailbox(text: &str) -> bool {
    let Some((name, host)) = text.rsplit_once('@') else { return false };
    let is_quoted = name.len() > 2 && name.starts_with('"') && name.ends_with('"');
    let is_atom = |atom: &str| {
        let fits = |character: char| character.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(character);
        !atom.is_empty() && atom.chars().all(fits)
    };
    let names_a_host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => {
            let ipv6 = address.strip_prefix("IPv6:");
            ipv6.map_or_else(|| address.parse::<Ipv4Addr>().is_ok(), |ipv6| ipv6.parse::<Ipv6Addr>().is_ok())
        }
        None => is_hostname(host, char::is_alphanumeric),
    };
    (is_quoted || name.split('.').all(is_atom)) && name.len() <= 64 && names_a_host
}

fn is_hostname(text: &str, is_letter: impl Fn(char) -> bool) -> bool {
    let is_label = |label: &str| {
        let fits = label.chars().all(|character| is_letter(character) || character == '-');
        (1..=63).contains(&label.len()) && fits && !label.starts_with('-') && !label.ends_with('-')
    };
    text.len() <= 253 && text.split('.').all(is_label)
}

fn is_uuid(text: &str) -> bool {
    let mut parts = text.split('-');
    let is_hex = |part: &str, length| part.len() == length && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    [8, 4, 4, 4, 12].into_iter().all(|length| parts.next().is_some_and(|part| is_hex(part, length)))
        && parts.next().is_none()
}

fn is_ascii_reference(text: &str) -> bool {
    text.is_ascii() && is_reference(text)
}

/// Whether only such characters are in it as an address (RFC 3986 and 3987) has, brackets around a host alone.
fn is_reference(text: &str) -> bool {
    let authority =
        text.split_once("//").map_or("", |(_, rest)| rest.split(['/', '?', '#']).next().unwrap_or_default());
    let brackets_fit = match text.matches(['[', ']']).count() {
        0 => true,
        2 => authority
            .split_once('[')
            .and_then(|(_, host)| host.split_once(']'))
            .is_some_and(|(host, _)| host.parse::<Ipv6Addr>().is_ok() || host.starts_with(['v', 'V'])),
        _ => false,
    };
    let fits =
        |character: char| !character.is_control() && !character.is_whitespace() && !"\"<>\\^`{|}".contains(character);
    let are_percents_hex = text
        .split('%')
        .skip(1)
        .all(|after| after.get(..2).is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit())));
    let port = authority.rsplit_once(':').map_or("", |(_, port)| if port.ends_with(']') { "" } else { port });
    let is_port = authority.contains('[') || port.bytes().all(|byte| byte.is_ascii_digit());
    // A first segment with a colon would be a scheme.
    let first = text.split(['/', '?', '#']).next().unwrap_or_default();
    brackets_fit
        && text.chars().all(fits)
        && are_percents_hex
        && is_port
        && text.matches('#').count() <= 1
        && (!first.contains(':') || has_scheme(text))
}

fn has_scheme(text: &str) -> bool {
    let scheme = text.split_once(':').map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| {
        scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.chars().all(|character| character.is_ascii_alphanumeric() || "+-.".contains(character))
    })
}

fn is_pointer(text: &str) -> bool {
    let escapes_fit = text.split('~').skip(1).all(|after| after.starts_with(['0', '1']));
    (text.is_empty() || text.starts_with('/')) && escapes_fit
}

/// A regular expression of JavaScript's in our library's words: there `\d` and `\w` are ASCII, and a control character is
/// written by its letter.
pub(super) fn as_ecma_means(pattern: &str) -> String {
    let mut written = String::with_capacity(pattern.len());
    let mut characters = pattern.chars();
    let mut is_in_class = false;
    while let Some(character) = characters.next() {
        if character != '\\' {
            is_in_class = match character {
                '[' if !is_in_class => true,
                ']' => false,
                _ => is_in_class,
            };
            written.push(character);
            continue;
        }
        match (characters.next(), is_in_class) {
            (Some('d'), true) => written.push_str("0-9"),
            (Some('d'), false) => written.push_str("[0-9]"),
            (Some('D'), _) => written.push_str("[^0-9]"),
            (Some('w'), true) => written.push_str("A-Za-z0-9_"),
            (Some('w'), false) => written.push_str("[A-Za-z0-9_]"),
            (Some('W'), _) => written.push_str("[^A-Za-z0-9_]"),
            (Some('c'), _) => {
                let letter = characters.next().map_or(0, |letter| u32::from(letter) % 32);
                let _ = write!(written, "\\x{letter:02x}");
            }
            (Some('/'), _) => written.push('/'),
            (Some(escaped), _) => written.extend(['\\', escaped]),
            (None, _) => written.push('\\'),
        }
    }
    written
}
