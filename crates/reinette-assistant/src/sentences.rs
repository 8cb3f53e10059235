//! What the assistant itself says, in the user's language.

use crate::journal::JournalError;
use reinette_apps::Question;
use reinette_apps::time::Language;

/// There is no app for a tool that the model has learned.
pub(crate) fn no_app(language: Language, tool: &str) -> String {
    match language {
        Language::English => format!("I cannot do that yet: there is no app for “{tool}”."),
        Language::French => format!("Je ne sais pas encore faire cela : aucune application pour « {tool} »."),
    }
}

/// Something that a killed process left half done is still so.
pub(crate) fn not_recovered(error: &JournalError) -> String {
    format!("a change that was interrupted is not taken back yet: {error} It is tried again at every start.")
}

/// The user said no.
pub(crate) fn declined(language: Language) -> String {
    match language {
        Language::English => "All right, I left it.",
        Language::French => "D’accord, je n’ai rien fait.",
    }
    .to_owned()
}

/// What was done before was taken back, and this was done in its place.
pub(crate) fn instead(language: Language, done: &str, before: &str) -> String {
    match language {
        Language::English => format!("{done} I took back what I did before: {before}"),
        Language::French => format!("{done} J’ai annulé ce que j’avais fait : {before}"),
    }
}

/// Proposes to replace an earlier change by this one.
pub(crate) fn will_be_instead(language: Language, effect: &str, before: &str) -> String {
    match language {
        Language::English => format!("{effect} It takes the place of what I did before: {before}"),
        Language::French => format!("{effect} Cela remplace ce que j’avais fait : {before}"),
    }
}

/// A time is put right, and nothing was done that it could be the time of.
pub(crate) fn nothing_to_correct(language: Language) -> String {
    match language {
        Language::English => "I have done nothing yet that I could change. Please say the whole request.",
        Language::French => "Je n’ai encore rien fait que je puisse changer. Dites-moi toute la demande.",
    }
    .to_owned()
}

/// Nobody could be asked.
pub(crate) fn unconfirmed(language: Language, effect: &str) -> String {
    match language {
        Language::English => format!("Not done, as nobody could be asked: {effect} Allow it with --confirm never."),
        Language::French => {
            format!("Pas fait, faute de pouvoir demander : {effect} Pour l’autoriser : --confirm never.")
        }
    }
}

/// Nobody chose.
pub(crate) fn unanswered(language: Language, question: &Question) -> String {
    let choices: Vec<&str> = question.choices.iter().map(|choice| choice.label.as_str()).collect();
    let nothing = match language {
        Language::English => "I left it as it was.",
        Language::French => "Je n’ai rien changé.",
    };
    format!("{} {} {nothing}", question.text, choices.join(" · "))
}
