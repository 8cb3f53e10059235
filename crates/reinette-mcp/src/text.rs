//! Other programs' words: bounded, and without what would make a terminal or a reader do something.

use std::fmt::Write;

/// The most text of one answer, in bytes: more would fill a model's whole context.
pub(crate) const MAX_TEXT_BYTES: usize = 64 << 10;

/// Whether a character is seen by nobody or moves those that are: controls but for line ends and tabs, the controls of
/// bidirectional text, characters without width, and tags, in which whole instructions have been hidden.
fn is_hidden(character: char) -> bool {
    (character.is_control() && !matches!(character, '\n' | '\t'))
        || matches!(
            character,
            '\u{ad}'
                | '\u{61c}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

/// The text without hidden characters; a line end of any kind is `\n`.
pub(crate) fn harmless(text: &str) -> String {
    let text = if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n") } else { text.to_owned() };
    // A joiner within a word belongs to some scripts and to emoji; hidden ones elsewhere do not.
    let mut previous = ' ';
    let mut kept = String::with_capacity(text.len());
    for character in text.chars() {
        let joins = matches!(character, '\u{200c}' | '\u{200d}') && !previous.is_ascii() && !is_hidden(previous);
        if joins || !is_hidden(character) {
            kept.push(character);
        }
        previous = character;
    }
    kept
}

/// The text without hidden characters, at most `limit_bytes` long; a longer one ends in words that say so.
pub(crate) fn bounded(text: &str, limit_bytes: usize) -> String {
    // Of what is far too long, only what may stay is looked at.
    let looked_at = &text[..text.floor_char_boundary(limit_bytes.saturating_mul(2).min(text.len()))];
    let mut kept = harmless(looked_at);
    if kept.len() > limit_bytes || looked_at.len() < text.len() {
        kept.truncate(kept.floor_char_boundary(limit_bytes));
        let _ = write!(kept, "\n[cut short: the whole is {} bytes]", text.len());
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_characters_are_left_out_and_writing_stays() {
        let hidden = "a\u{1b}[2J\u{200b}b\u{202e}c\u{e0041}\u{e0042}\rd\r\ne\tf\0";
        assert_eq!(harmless(hidden), "a[2Jbc\nd\ne\tf");
        for writing in ["Zürich – “ok”", "می‌خواهم", "👩‍💻", "東京\n大阪"] {
            assert_eq!(harmless(writing), writing);
        }
    }

    #[test]
    fn long_text_is_cut_between_characters_and_says_so() {
        assert_eq!(bounded("abc", 3), "abc");
        let cut = bounded(&"é".repeat(100_000), 5);
        assert_eq!(cut, "éé\n[cut short: the whole is 200000 bytes]");
    }
}
