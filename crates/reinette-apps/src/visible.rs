//! Foreign text as it may be shown: titles, places, names of files and whatever else somebody else may have written.
//!
//! A terminal obeys control characters, and a line break in a title would begin a line that looks like one of ours. Both
//! become visible here: sentences take foreign text through [`one_line`], and the program passes all that it prints
//! through [`lines`] or [`one_line`].

use std::borrow::Cow;

/// U+2400 SYMBOL FOR NULL; the pictures of the other C0 controls follow in their order.
const FIRST_PICTURE: u32 = 0x2400;

/// The picture of DEL.
const DELETE_PICTURE: char = '\u{2421}';

/// Whether a character may make a terminal do something or show text in another order than it stands: C0 and C1 controls,
/// DEL, the line and paragraph separators, and the controls of bidirectional text.
pub fn is_control(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{206f}' | '\u{feff}'
        )
}

/// The text on one line: every control character is shown instead of obeyed, line breaks included.
pub fn one_line(text: &str) -> Cow<'_, str> {
    shown(text, false)
}

/// The text with its line breaks, `\n`; every other control character is shown instead of obeyed.
pub fn lines(text: &str) -> Cow<'_, str> {
    shown(text, true)
}

fn shown(text: &str, keeps_lines: bool) -> Cow<'_, str> {
    let is_kept = |character: char| !is_control(character) || (keeps_lines && character == '\n');
    if text.chars().all(is_kept) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            character if is_kept(character) => shown.push(character),
            '\t' => shown.push_str("    "),
            '\u{7f}' => shown.push(DELETE_PICTURE),
            '\0'..='\u{1f}' => shown.extend(char::from_u32(FIRST_PICTURE + u32::from(character))),
            _ => shown.extend(character.escape_unicode()),
        }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_control_is_left_and_harmless_text_stays(text in r"(\PC|\p{C}|\p{Bidi_C}|[\x00-\x1f\x7f-\x9f\u{2028}\u{2029}]){0,40}") {
            prop_assert!(!one_line(&text).contains(is_control));
            prop_assert!(!lines(&text).contains(|character| is_control(character) && character != '\n'));
            prop_assert_eq!(lines(&text).matches('\n').count(), text.matches('\n').count());
            let once = one_line(&text);
            prop_assert_eq!(one_line(&once), once.as_ref());
            if !text.contains(is_control) {
                prop_assert_eq!(once.as_ref(), text.as_str());
            }
        }
    }

    #[test]
    fn controls_are_seen_as_what_they_are() {
        assert_eq!(one_line("a\u{1b}]52;c;eA==\u{7}b"), "a␛]52;c;eA==␇b");
        assert_eq!(one_line("Lunch\r\n✓ Deleted everything"), "Lunch␍␊✓ Deleted everything");
        assert_eq!(one_line("a\tb\u{7f}\u{9b}\u{202e}\u{2028}"), "a    b␡\\u{9b}\\u{202e}\\u{2028}");
        assert_eq!(lines("one\ntwo\u{1b}[2J"), "one\ntwo␛[2J");
        assert_eq!(one_line("Fête à l’école 👩‍👧 🏴󠁧󠁢󠁥󠁮󠁧󠁿"), "Fête à l’école 👩‍👧 🏴󠁧󠁢󠁥󠁮󠁧󠁿");
    }
}
