//! Regular expressions of schemas, as far as they can be held to.

use crate::limits;
use regex_syntax::hir::{Hir, HirKind, Look};

/// Why a pattern cannot be held to; `None` if it can.
pub(super) fn problem(pattern: &str) -> Option<String> {
    let length = pattern.len();
    if length > limits::PATTERN_BYTES {
        return Some(format!("it has {length} bytes, and the limit is {}: write an `enum`", limits::PATTERN_BYTES));
    }
    let read = match regex_syntax::parse(&with_ecma_classes(pattern)) {
        Ok(read) => read,
        Err(regex_syntax::Error::Parse(error)) => return Some(format!("{}: write it without", error.kind())),
        Err(error) => return Some(error.to_string()),
    };
    is_amiss(&read, true, true).then(|| {
        "`^` and `$` are understood at its ends only, and \\b nowhere: say what the whole text looks like".to_owned()
    })
}

/// A pattern with the classes of JavaScript, in which digits and word characters are ASCII, spelt out as the engine's parser
/// spells them: what this makes of a pattern is what an answer is held to.
fn with_ecma_classes(pattern: &str) -> String {
    let mut written = String::with_capacity(pattern.len());
    let mut is_escaped = false;
    for character in pattern.chars() {
        match character {
            '\n' => written.push_str("\\n"),
            '\r' => written.push_str("\\r"),
            '\t' => written.push_str("\\t"),
            '\\' if !is_escaped => {
                is_escaped = true;
                continue;
            }
            'd' if is_escaped => written.push_str("[0-9]"),
            'D' if is_escaped => written.push_str("[^0-9]"),
            'w' if is_escaped => written.push_str("[0-9a-zA-Z_]"),
            'W' if is_escaped => written.push_str("[^0-9a-zA-Z_]"),
            _ if is_escaped => written.extend(['\\', character]),
            _ => written.push(character),
        }
        is_escaped = false;
    }
    written
}

/// Whether something looks around in another place than at the ends of the whole.
fn is_amiss(part: &Hir, at_start: bool, at_end: bool) -> bool {
    match part.kind() {
        HirKind::Look(Look::Start) => !at_start,
        HirKind::Look(Look::End) => !at_end,
        HirKind::Look(_) => true,
        HirKind::Empty | HirKind::Literal(_) | HirKind::Class(_) => false,
        HirKind::Repetition(repetition) => is_amiss(&repetition.sub, false, false),
        HirKind::Capture(capture) => is_amiss(&capture.sub, at_start, at_end),
        HirKind::Alternation(parts) => parts.iter().any(|part| is_amiss(part, at_start, at_end)),
        HirKind::Concat(parts) => {
            let is_look = |part: &Hir, look| *part.kind() == HirKind::Look(look);
            let first = parts.iter().position(|part| !is_look(part, Look::Start)).unwrap_or(parts.len());
            let last = parts.iter().rposition(|part| !is_look(part, Look::End)).unwrap_or(0);
            let at_ends = |index| (at_start && index <= first, at_end && index >= last);
            parts.iter().enumerate().any(|(index, part)| {
                let (at_start, at_end) = at_ends(index);
                is_amiss(part, at_start, at_end)
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_around_is_named() {
        for (pattern, reason) in [
            ("^(?!x)[a-z]+$", "look-around"),
            ("(?<=a)b", "look-around"),
            (r"^(a|b)\1$", "backreferences"),
            (r"\bword\b", "\\b nowhere"),
            ("a^b", "at its ends only"),
            ("(a$)+b", "at its ends only"),
            ("[a-", "unclosed"),
            ("a{2,1}", "repetition"),
            ("(", "unclosed group"),
        ] {
            let found = problem(pattern).unwrap_or_default();
            assert!(found.contains(reason), "{pattern}: {found:?}");
        }
        assert!(problem(&"a".repeat(limits::PATTERN_BYTES + 1)).unwrap().contains("the limit is"));
    }

    #[test]
    fn what_can_be_held_to_is_let_through() {
        for pattern in
            ["^[a-z]+$", "a|b", "^(a|b)$", "^a|b$", r"^\d{3}-\w+/x$", r"\u00e9", "^$", "", "(^a)(b$)", r"a\/b"]
        {
            assert_eq!(problem(pattern), None, "{pattern}");
        }
    }
}
