//! What the assistant itself says, in the user's language.

use crate::journal::JournalError;
use reinette::Question;
use reinette_time::Language;

/// There is no app for what the user asks.
pub(crate) fn no_app(language: Language) -> String {
    match language {
        Language::English => {
            "I can’t do that yet. I can help with reminders, your calendar, timers and alarms, notes, sums and the time."
        }
        Language::French => {
            "Je ne sais pas encore faire cela. Je m’occupe des rappels, de l’agenda, des minuteurs et des alarmes, des notes, \
             des calculs et de l’heure."
        }
    }
    .to_owned()
}

/// Something was to be done, and it is not clear what.
pub(crate) fn not_understood(language: Language) -> String {
    match language {
        Language::English => {
            "I didn’t understand what to do, so I did nothing. Could you say it differently? For example: “remind me to call \
             Ana tomorrow at 9”."
        }
        Language::French => {
            "Je n’ai pas compris ce qu’il faut faire, donc je n’ai rien fait. Pouvez-vous le dire autrement ? Par exemple : \
             « rappelle-moi d’appeler Ana demain à 9 h »."
        }
    }
    .to_owned()
}

/// The model was about to say that something was done, and nothing was.
pub(crate) fn nothing_done(language: Language) -> String {
    match language {
        Language::English => "I didn’t do anything just now. What would you like me to do?",
        Language::French => "Je n’ai rien fait à l’instant. Que voulez-vous que je fasse ?",
    }
    .to_owned()
}

/// Something that a killed process left half done is still so.
pub(crate) fn not_recovered(error: &JournalError) -> String {
    format!("a change that was interrupted is not taken back yet: {error} It is tried again at every start.")
}

/// The user said no.
pub(crate) fn declined(language: Language) -> String {
    match language {
        Language::English => "All right, I didn’t do it.",
        Language::French => "D’accord, je ne l’ai pas fait.",
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
        Language::English => "I haven’t done anything yet that I could change. Please say the whole request.",
        Language::French => "Je n’ai encore rien fait que je puisse changer. Dites-moi la demande en entier.",
    }
    .to_owned()
}

/// Nobody could be asked.
pub(crate) fn unconfirmed(language: Language, effect: &str) -> String {
    match language {
        Language::English => {
            format!(
                "I didn’t do this, because nobody was there to say yes: {effect} To allow it without asking: --confirm never"
            )
        }
        Language::French => {
            format!(
                "Je ne l’ai pas fait, car personne n’était là pour dire oui : {effect} Pour l’autoriser sans question : --confirm never"
            )
        }
    }
}

/// Nobody chose.
pub(crate) fn unanswered(language: Language, question: &Question) -> String {
    let choices: Vec<String> = question.choices.iter().map(|choice| format!("\n  {choice}")).collect();
    let nothing = match language {
        Language::English => "Nobody chose, so I changed nothing.",
        Language::French => "Personne n’a choisi, donc je n’ai rien changé.",
    };
    format!("{}{}\n{nothing}", question.text, choices.concat())
}
