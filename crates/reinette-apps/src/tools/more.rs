//! The tools that the everyday model's adapter has not learned.

use crate::planner::{Planner, planner, reader};
use crate::{calendar, notes, reminders, timers};

/// All of them.
pub(super) fn all() -> Vec<Box<dyn Planner>> {
    [event_tools(), day_tools(), reminder_tools(), note_tools(), timer_tools()].into_iter().flatten().collect()
}

fn event_tools() -> Vec<Box<dyn Planner>> {
    vec![
        planner(
            "change_event_duration",
            "Make an event longer or shorter, or let it last until another time.",
            &[
                (
                    "the choir rehearsal takes half an hour longer",
                    &[("title", "choir rehearsal"), ("duration", "half an hour longer")],
                ),
                ("let the site visit go on until 5:30pm", &[("title", "site visit"), ("duration", "until 5:30pm")]),
                ("le cours de yoga dure 45 minutes", &[("title", "cours de yoga"), ("duration", "45 minutes")]),
            ],
            calendar::change_event_duration,
        ),
        planner(
            "rename_event",
            "Give an event another title.",
            &[
                (
                    "the thing called board games should read games night",
                    &[("title", "board games"), ("new_title", "games night")],
                ),
                (
                    "renomme la visite du musée en sortie au musée",
                    &[("title", "visite du musée"), ("new_title", "sortie au musée")],
                ),
            ],
            calendar::rename_event,
        ),
        planner(
            "skip_event",
            "Leave out the next time of an event that repeats, or those of some days; the others stay.",
            &[
                ("no pottery class for me this Thursday", &[("title", "pottery class"), ("when", "this Thursday")]),
                ("saute la prochaine séance de kiné", &[("title", "séance de kiné")]),
            ],
            calendar::skip_event,
        ),
    ]
}

/// Where and with whom events are, and the days that they leave free.
fn day_tools() -> Vec<Box<dyn Planner>> {
    vec![
        planner(
            "place_event",
            "Note or change where an event takes place.",
            &[
                (
                    "the ukulele lesson is in the old chapel now",
                    &[("title", "ukulele lesson"), ("place", "the old chapel")],
                ),
                (
                    "le conseil de quartier se tiendra à la médiathèque",
                    &[("title", "conseil de quartier"), ("place", "la médiathèque")],
                ),
            ],
            calendar::place_event,
        ),
        planner(
            "invite",
            "Note who comes to an event; nothing is sent.",
            &[
                (
                    "Ines and Marek come to the kite workshop too",
                    &[("title", "kite workshop"), ("people", "Ines and Marek")],
                ),
                (
                    "ajoute Lucie et Farid au goûter d’automne",
                    &[("title", "goûter d’automne"), ("people", "Lucie et Farid")],
                ),
            ],
            calendar::invite,
        ),
        reader(
            "find_free",
            "Tell when the user is free: the stretches of time without events.",
            &[
                ("where is there still room in my diary next week?", &[("when", "next week")]),
                (
                    "find me two hours without anything on Thursday",
                    &[("when", "on Thursday"), ("duration", "two hours")],
                ),
                ("quand ai-je un créneau de 30 minutes demain ?", &[("when", "demain"), ("duration", "30 minutes")]),
            ],
            calendar::find_free,
        ),
        planner(
            "delete_events",
            "Cancel all events of a day or of a stretch of time.",
            &[
                ("I am ill, call off everything on Friday", &[("when", "on Friday")]),
                ("vide mon agenda de demain après-midi", &[("when", "demain après-midi")]),
            ],
            calendar::delete_events,
        ),
    ]
}

fn reminder_tools() -> Vec<Box<dyn Planner>> {
    vec![
        planner(
            "move_reminder",
            "Move a reminder to another time, or put it off.",
            &[
                ("nag me about the gutters on Sunday instead", &[("title", "gutters"), ("when", "on Sunday")]),
                ("nudge me about the fern two hours later", &[("title", "fern"), ("when", "two hours later")]),
                ("repousse le rappel de la facture à lundi", &[("title", "facture"), ("when", "lundi")]),
            ],
            reminders::move_reminder,
        ),
        planner(
            "rename_reminder",
            "Change what a reminder says.",
            &[
                (
                    "the reminder to ring Olga should say ring Olga and Piet",
                    &[("title", "ring Olga"), ("new_title", "ring Olga and Piet")],
                ),
                (
                    "change le rappel poster le colis en poster les deux colis",
                    &[("title", "poster le colis"), ("new_title", "poster les deux colis")],
                ),
            ],
            reminders::rename_reminder,
        ),
    ]
}

fn note_tools() -> Vec<Box<dyn Planner>> {
    vec![
        reader(
            "read_note",
            "Show all of a note or a list.",
            &[
                ("show me everything I put down in the camping list", &[("note", "camping list")]),
                ("qu’y a-t-il sur la liste de bricolage ?", &[("note", "liste de bricolage")]),
            ],
            notes::read_note,
        ),
        reader(
            "list_notes",
            "Show which notes and lists there are.",
            &[("which notes have I got by now?", &[]), ("quelles notes est-ce que je garde ici ?", &[])],
            notes::list_notes,
        ),
        planner(
            "remove_from_note",
            "Remove something from a note or a list.",
            &[
                ("take the tent pegs off the camping list", &[("note", "camping list"), ("text", "tent pegs")]),
                ("enlève les clous de la liste de bricolage", &[("note", "liste de bricolage"), ("text", "clous")]),
            ],
            notes::remove_from_note,
        ),
        planner(
            "clear_note",
            "Empty a note or a list and keep it.",
            &[
                ("start the camping list over, empty", &[("note", "camping list")]),
                ("vide la liste de bricolage", &[("note", "liste de bricolage")]),
            ],
            notes::clear_note,
        ),
        planner(
            "delete_note",
            "Delete a whole note or list.",
            &[
                ("throw the note about the boiler away", &[("note", "boiler")]),
                ("jette la note sur la chaudière", &[("note", "chaudière")]),
            ],
            notes::delete_note,
        ),
        planner(
            "tick_in_note",
            "Tick something off in a list, which keeps it.",
            &[
                ("check the lantern on the camping list", &[("note", "camping list"), ("text", "the lantern")]),
                ("les vis sont achetées, coche-les : les vis", &[("text", "les vis")]),
            ],
            notes::tick_in_note,
        ),
        planner(
            "rename_note",
            "Give a note or a list another title.",
            &[
                (
                    "the camping list should be titled summer gear",
                    &[("note", "camping list"), ("new_title", "summer gear")],
                ),
                ("la note chaudière doit s’intituler chauffage", &[("note", "chaudière"), ("new_title", "chauffage")]),
            ],
            notes::rename_note,
        ),
        planner(
            "remember",
            "Keep something about the user or their people for later conversations.",
            &[
                ("keep in mind that Ana is my sister", &[("text", "Ana is my sister")]),
                ("retiens que je suis allergique aux noix", &[("text", "je suis allergique aux noix")]),
            ],
            notes::remember,
        ),
    ]
}

fn timer_tools() -> Vec<Box<dyn Planner>> {
    vec![
        planner(
            "extend_timer",
            "Give a running timer more time, or less.",
            &[
                ("the dough needs six minutes more", &[("duration", "six minutes more")]),
                (
                    "put 90 seconds on top of the ten minute timer",
                    &[("duration", "90 seconds"), ("which", "ten minute timer")],
                ),
                ("encore trois minutes au minuteur", &[("duration", "trois minutes")]),
            ],
            timers::extend_timer,
        ),
        planner(
            "move_alarm",
            "Set an alarm to another time.",
            &[
                ("let the 7 o'clock alarm ring at 6:40", &[("which", "7 o'clock alarm"), ("when", "6:40")]),
                ("mon réveil doit sonner une heure plus tard", &[("when", "une heure plus tard")]),
            ],
            timers::move_alarm,
        ),
    ]
}
