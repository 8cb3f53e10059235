//! What went wrong, as the user is told it: whole sentences in the user's language.

use crate::AppError;
use crate::clock::ClockError;
use reinette_time::calculator::CalculatorError;
use reinette_time::{Language, TimeError};

impl AppError {
    /// The error as a sentence in `language`.
    pub fn told(&self, language: Language) -> String {
        match language {
            Language::English => sentence(&self.to_string()),
            Language::French => self.in_french(),
        }
    }

    fn in_french(&self) -> String {
        match self {
            Self::Arguments { .. } => {
                "Je n’ai pas compris ce qu’il faut faire. Pouvez-vous le dire autrement ?".to_owned()
            }
            Self::Time(error) => time_in_french(error),
            Self::Calculator(error) => calculator_in_french(error),
            Self::Clock(ClockError::UnknownPlace { place }) => format!(
                "Je ne connais pas le fuseau horaire de « {place} » ; nommez une grande ville proche, ou un fuseau tel que « Europe/Paris »."
            ),
            Self::Refused(told) => sentence(told),
            Self::Read { path, source } => format!("Je n’arrive pas à lire {} : {source}.", path.display()),
        }
    }
}

fn time_in_french(error: &TimeError) -> String {
    match error {
        TimeError::Empty { .. } => "Il manque la date ou l’heure ; dites par exemple « demain à 9h30 ».".to_owned(),
        TimeError::NotUnderstood { words, .. } => {
            format!("Je n’ai pas compris « {words} » dans la date ou l’heure ; dites par exemple « demain à 9h30 ».")
        }
        TimeError::Contradiction { .. } => {
            "La date ou l’heure se contredit ; n’en dites qu’une, par exemple « demain à 9h30 ».".to_owned()
        }
        TimeError::Condition { words } => format!(
            "« {words} » dépend du lieu ou de ce qui se passe, et je ne connais pas les lieux ; dites une heure, par exemple « demain à 9h30 »."
        ),
        TimeError::UnknownEvent { words } => format!(
            "Je ne sais pas quand a lieu « {words} » ; dites une date ou une heure, par exemple « demain à 9h30 »."
        ),
        TimeError::Unclear { hour, afternoon } => {
            format!("« {hour}h » peut être la nuit ou l’après-midi ; dites « {hour}h du matin » ou « {afternoon}h ».")
        }
        TimeError::Shift => {
            "Dites le nouveau jour ou la nouvelle heure, pas de combien cela se décale ; par exemple « demain à 9h30 »."
                .to_owned()
        }
        TimeError::RepeatsElsewhere => {
            "Ce qui se répète suit votre propre fuseau horaire ; dites l’heure qu’indique votre horloge.".to_owned()
        }
        TimeError::Impossible { .. } => {
            "Ce jour ou cette heure n’existe pas ; dites-en un autre, par exemple « demain à 9h30 ».".to_owned()
        }
        TimeError::Past { .. } => "Ce moment est déjà passé ; dites-en un qui est encore à venir.".to_owned(),
        TimeError::OutOfRange => "Cette date est trop lointaine ; je connais les années 1 à 9999.".to_owned(),
        TimeError::TooLong { limit, length } => {
            format!("Une date ou une heure a au plus {limit} caractères ; celle-ci en a {length}.")
        }
        _ => "Je n’ai pas compris la date ou l’heure ; dites par exemple « demain à 9h30 ».".to_owned(),
    }
}

fn calculator_in_french(error: &CalculatorError) -> String {
    match error {
        CalculatorError::Empty => "Il n’y a rien à calculer ; dites par exemple « 17,5 % de 260 ».".to_owned(),
        CalculatorError::TooLong { limit, length } => {
            format!("Un calcul a au plus {limit} caractères ; celui-ci en a {length}.")
        }
        CalculatorError::NoExchangeRates => {
            "Je ne connais pas les taux de change ; donnez le taux sous forme de nombre.".to_owned()
        }
        CalculatorError::NotUnderstood { expression, .. } => format!(
            "Je ne sais pas calculer « {expression} » ; dites par exemple « 17,5 % de 260 » ou « 5 miles en km »."
        ),
        CalculatorError::TooLarge { expression } => {
            format!("Le résultat de « {expression} » est trop grand pour être calculé ici.")
        }
        CalculatorError::Time(error) => time_in_french(error),
        _ => "Je ne sais pas calculer cela ; dites par exemple « 17,5 % de 260 » ou « 5 miles en km ».".to_owned(),
    }
}

/// A text with a capital letter at its beginning and a mark at its end.
fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let mut sentence: String =
        characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect());
    if !sentence.ends_with(['.', '!', '?', '…', '”', '"', '»']) {
        sentence.push('.');
    }
    sentence
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Home;
    use serde_json::json;

    #[test]
    fn errors_are_told_in_the_users_language() {
        let home = Home::new();
        for (tool, arguments, english, french) in [
            ("create_reminder", json!({"title": "x", "when": "the blue hour"}), "\"", "Je n’ai pas compris « "),
            (
                "calculate",
                json!({"expression": "3 € in $"}),
                "Exchange rates are not known",
                "Je ne connais pas les taux",
            ),
            ("calculate", json!({"expression": "?"}), "There is nothing to calculate", "Il n’y a rien à calculer"),
            ("tell_time", json!({"place": "Atlantis"}), "The time zone of \"Atlantis\"", "Je ne connais pas le fuseau"),
            ("create_note", json!({"text": " "}), "There is nothing to write down.", "There is nothing"),
        ] {
            let error = home.try_plan(tool, &arguments).unwrap_err();
            let told = [error.told(Language::English), error.told(Language::French)];
            assert!(told[0].starts_with(english) && told[1].starts_with(french), "{told:?}");
            assert!(told.iter().all(|told| told.ends_with(['.', '"'])), "{told:?}");
        }
    }

    #[test]
    fn every_reason_why_a_time_is_none_is_told_in_french() {
        let home = Home::new();
        for (tool, when, french) in [
            ("create_reminder", "quand je rentre", "« quand je rentre » dépend du lieu"),
            ("create_event", "demain à 3h", "« 3h » peut être la nuit ou l’après-midi"),
            ("create_event", "tous les jours à 9h heure de Tokyo", "Ce qui se répète suit votre propre fuseau"),
            ("create_event", "le 30 février", "Ce jour ou cette heure n’existe pas"),
            ("create_reminder", "hier à 9h", "Ce moment est déjà passé"),
        ] {
            let told = home.try_plan(tool, &json!({"title": "x", "when": when})).unwrap_err().told(Language::French);
            assert!(told.contains(french), "{when}: {told}");
        }
        let words = "dentiste".to_owned();
        for (error, french) in [
            (TimeError::UnknownEvent { words }, "Je ne sais pas quand a lieu « dentiste »"),
            (TimeError::Shift, "Dites le nouveau jour"),
        ] {
            assert!(AppError::Time(error).told(Language::French).starts_with(french));
        }
    }
}
