//! The classes of characters that pre-tokenizers tell apart.

use unicode_general_category::{GeneralCategory, get_general_category};

/// What a character is to a pre-tokenizer's pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// `\p{L}`.
    Letter,
    /// `\p{M}`.
    Mark,
    /// `\p{N}`.
    Number,
    /// `\s`.
    Space,
    /// `\p{P}`.
    Punctuation,
    /// None of the others.
    Other,
}

impl Class {
    pub(super) fn of(character: char) -> Self {
        match character {
            'a'..='z' | 'A'..='Z' => Class::Letter,
            '0'..='9' => Class::Number,
            // White space first: `\s` includes control characters and separators.
            _ if character.is_whitespace() => Class::Space,
            _ => Class::of_category(get_general_category(character)),
        }
    }

    fn of_category(category: GeneralCategory) -> Self {
        use GeneralCategory as C;
        match category {
            C::UppercaseLetter | C::LowercaseLetter | C::TitlecaseLetter | C::ModifierLetter | C::OtherLetter => {
                Class::Letter
            }
            C::NonspacingMark | C::SpacingMark | C::EnclosingMark => Class::Mark,
            C::DecimalNumber | C::LetterNumber | C::OtherNumber => Class::Number,
            C::ConnectorPunctuation
            | C::DashPunctuation
            | C::OpenPunctuation
            | C::ClosePunctuation
            | C::InitialPunctuation
            | C::FinalPunctuation
            | C::OtherPunctuation => Class::Punctuation,
            _ => Class::Other,
        }
    }
}
