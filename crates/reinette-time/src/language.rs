//! The two languages that are understood, and which one a request is in.

use super::lexer::{Kind, Token, tokens};

/// A language in which the user is understood and answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// French.
    French,
}

/// Frequent words of one language that the other does not have, without diacritics.
const ENGLISH: &[&str] = &[
    "the",
    "to",
    "of",
    "at",
    "in",
    "is",
    "my",
    "me",
    "for",
    "what",
    "when",
    "how",
    "and",
    "with",
    "this",
    "next",
    "every",
    "remind",
    "set",
    "add",
    "show",
    "list",
    "delete",
    "cancel",
    "today",
    "tomorrow",
    "tonight",
    "morning",
    "afternoon",
    "evening",
    "week",
    "day",
    "hour",
    "hours",
    "time",
    "please",
    "by",
    "from",
    "until",
    "do",
    "i",
    "have",
    "it",
    "are",
    "was",
    "that",
    "call",
    "half",
];
const FRENCH: &[&str] = &[
    "le",
    "la",
    "les",
    "un",
    "une",
    "des",
    "du",
    "de",
    "et",
    "est",
    "mon",
    "ma",
    "mes",
    "moi",
    "je",
    "que",
    "quel",
    "quelle",
    "pour",
    "dans",
    "avec",
    "ce",
    "cette",
    "chaque",
    "tous",
    "toutes",
    "rappelle",
    "ajoute",
    "mets",
    "montre",
    "supprime",
    "annule",
    "aujourd",
    "hui",
    "demain",
    "hier",
    "soir",
    "matin",
    "midi",
    "minuit",
    "semaine",
    "jour",
    "jours",
    "heure",
    "heures",
    "merci",
    "quand",
    "combien",
    "au",
    "aux",
    "sur",
    "il",
    "elle",
    "ai",
    "l",
    "d",
    "qu",
    "prochain",
    "prochaine",
    "lundi",
    "mardi",
    "mercredi",
    "jeudi",
    "vendredi",
    "samedi",
    "dimanche",
    "plait",
    "ou",
    "en",
    "fait",
    "apres",
    "avant",
    "jusqu",
];

impl Language {
    /// The language that most of the frequent words of `text` belong to; English when neither has more.
    pub fn of(text: &str) -> Self {
        Self::of_tokens(&tokens(text))
    }

    pub(crate) fn of_tokens(tokens: &[Token]) -> Self {
        let mut lead = 0_i64;
        for token in tokens {
            let Kind::Word(word) = &token.kind else { continue };
            lead += i64::from(FRENCH.contains(&word.as_str())) - i64::from(ENGLISH.contains(&word.as_str()));
        }
        if lead > 0 { Self::French } else { Self::English }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_of_a_request_is_that_of_its_frequent_words() {
        for text in [
            "remind me to call the plumber tomorrow",
            "what time is it",
            "",
            "12 * 4",
            "set an alarm for 7",
            "lunch with Le Goff at noon in the garden",
        ] {
            assert_eq!(Language::of(text), Language::English, "{text}");
        }
        for text in [
            "rappelle-moi d'appeler le plombier demain",
            "quelle heure est-il ?",
            "Ajoute un déjeuner vendredi à midi",
            "combien font 3 fois 4",
            "L'heure à Tokyo",
        ] {
            assert_eq!(Language::of(text), Language::French, "{text}");
        }
    }
}
