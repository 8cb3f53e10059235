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

/// What is wanted that no app does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, reinette::Generable)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Wish {
    Weather,
    News,
    Music,
    Call,
    Message,
    Mail,
    Map,
    Buy,
    Book,
    Home,
    Web,
    Photo,
    Device,
    Other,
}

/// There is no app for what the user wants.
pub(crate) fn cannot(language: Language, wish: Wish) -> String {
    let (english, french) = match wish {
        Wish::Weather => ("I can’t look the weather up", "Je ne peux pas consulter la météo"),
        Wish::News => ("I can’t read the news", "Je ne peux pas lire les actualités"),
        Wish::Music => ("I can’t play music or videos", "Je ne peux pas lire de musique ni de vidéos"),
        Wish::Call => ("I can’t make calls", "Je ne peux pas téléphoner"),
        Wish::Message => ("I can’t send or read messages", "Je ne peux ni envoyer ni lire de messages"),
        Wish::Mail => ("I can’t send or read mail", "Je ne peux ni envoyer ni lire de courriels"),
        Wish::Map => {
            ("I can’t look up maps, routes or traffic", "Je ne peux pas consulter les plans, les trajets ni le trafic")
        }
        Wish::Buy => ("I can’t order or pay anything", "Je ne peux rien commander ni payer"),
        Wish::Book => {
            ("I can’t book tables, tickets or rides", "Je ne peux pas réserver de table, de billet ni de trajet")
        }
        Wish::Home => ("I can’t control things in your home", "Je ne peux pas commander les appareils de la maison"),
        Wish::Web => ("I can’t look things up on the web", "Je ne peux pas chercher sur le web"),
        Wish::Photo => ("I can’t take, find or make pictures", "Je ne peux ni prendre, ni trouver, ni créer d’images"),
        Wish::Device => (
            "I can’t change the settings of this device or open other programs",
            "Je ne peux pas changer les réglages de cet appareil ni ouvrir d’autres programmes",
        ),
        Wish::Other => ("I can’t do that", "Je ne peux pas faire cela"),
    };
    match language {
        Language::English => {
            format!(
                "{english}: there is no app for it here. `reinette mcp add` can connect one; I could remind you of it."
            )
        }
        Language::French => format!(
            "{french} : il n’y a pas d’application pour cela ici. `reinette mcp add` peut en connecter une ; je peux vous le \
             rappeler."
        ),
    }
}

/// A small model would only guess.
pub(crate) fn general_knowledge(language: Language) -> String {
    match language {
        Language::English => {
            "I don’t know: this small model knows your calendar, reminders, timers and notes, and would only guess at general \
             knowledge. A larger one knows more: `--model qwen2.5-coder-1.5b`."
        }
        Language::French => {
            "Je ne sais pas : ce petit modèle connaît votre agenda, vos rappels, vos minuteurs et vos notes, et ne ferait que \
             deviner. Un plus grand en sait davantage : `--model qwen2.5-coder-1.5b`."
        }
    }
    .to_owned()
}

/// There is nothing that could be taken back.
pub(crate) fn nothing_to_take_back(language: Language) -> String {
    match language {
        Language::English => "There is nothing to take back.",
        Language::French => "Il n’y a rien à annuler.",
    }
    .to_owned()
}

/// Proposes to take back what was done.
pub(crate) fn will_take_back(language: Language, effects: &str) -> String {
    match language {
        Language::English => format!("Takes back: {effects}"),
        Language::French => format!("Annule : {effects}"),
    }
}

/// Something was taken back.
pub(crate) fn took_back(language: Language, effect: &str) -> String {
    match language {
        Language::English => format!("Took back: {effect}"),
        Language::French => format!("Annulé : {effect}"),
    }
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
