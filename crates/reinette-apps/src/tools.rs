//! The tools, as the model sees them.

mod more;

use crate::planner::{Planner, planner, reader};
use crate::preamble::preamble;
use crate::{answers, calendar, notes, reminders, timers};
use reinette::Examples;
use std::sync::{Arc, LazyLock};

/// Requests of many kinds with the calls that are right for them, or with none (made by `reinette train data`), and what a
/// model is told before them that has not learned the tools.
pub fn examples() -> Arc<Examples> {
    #[expect(clippy::expect_used, reason = "a test reads the file that is built in")]
    static EXAMPLES: LazyLock<Arc<Examples>> = LazyLock::new(|| {
        let examples = Examples::from_json_lines(include_str!("examples.jsonl")).expect("examples");
        let tools: Vec<_> = tools().iter().map(|tool| tool.definition().clone()).collect();
        Arc::new(examples.with_preamble(preamble(&tools)))
    });
    Arc::clone(&EXAMPLES)
}

/// All tools, each with a request and the arguments that are right for it: models that have not learned the tools see
/// them in this order.
pub fn tools() -> Vec<Box<dyn Planner>> {
    [reminder_tools(), calendar_tools(), timer_tools(), note_tools(), answer_tools()].into_iter().flatten().collect()
}

/// Tools that the everyday model's adapter has not learned yet, in the same form. That adapter reads a request without
/// definitions and knows only [`tools`]: these are for models that read definitions.
pub fn more_tools() -> Vec<Box<dyn Planner>> {
    more::all()
}

fn reminder_tools() -> Vec<Box<dyn Planner>> {
    vec![
        planner(
            "create_reminder",
            "Remind the user to do something, at a time or after a while.",
            &[
                (
                    "remind me to water the plants tomorrow at 6",
                    &[("title", "water the plants"), ("when", "tomorrow at 6")],
                ),
                ("rappelle-moi de payer le loyer le 5", &[("title", "payer le loyer"), ("when", "le 5")]),
                ("don't let me forget to feed the neighbour's cat", &[("title", "feed the neighbour's cat")]),
                (
                    "give me a nudge in forty minutes to ring Paul",
                    &[("title", "ring Paul"), ("when", "in forty minutes")],
                ),
                (
                    "ping me at 4:15 to leave for the station",
                    &[("title", "leave for the station"), ("when", "at 4:15")],
                ),
                (
                    "remind me to dust the piano at 5, no, at 6 on Sunday",
                    &[("title", "dust the piano"), ("when", "at 6 on Sunday")],
                ),
            ],
            reminders::create_reminder,
        ),
        reader(
            "list_reminders",
            "Show the open reminders.",
            &[
                ("read me whatever I asked to be nudged about", &[]),
                ("qu’ai-je noté comme rappels jusqu’ici ?", &[]),
                ("what am I to be nudged about on Sunday?", &[("when", "on Sunday")]),
            ],
            reminders::list_reminders,
        ),
        planner(
            "complete_reminder",
            "Mark a reminder as done.",
            &[("I've fed the hamster, tick that reminder off", &[("title", "fed the hamster")])],
            reminders::complete_reminder,
        ),
        planner(
            "delete_reminder",
            "Delete a reminder.",
            &[("scrap the parcel reminder for good", &[("title", "parcel")])],
            reminders::delete_reminder,
        ),
    ]
}

fn calendar_tools() -> Vec<Box<dyn Planner>> {
    vec![
        planner(
            "create_event",
            "Put an event, meeting or appointment into the calendar.",
            &[
                (
                    "put dinner with Zoe in my calendar on Saturday at 8pm",
                    &[("title", "dinner with Zoe"), ("when", "Saturday at 8pm")],
                ),
                (
                    "ajoute un rendez-vous chez l'opticien jeudi à 14h",
                    &[("title", "rendez-vous chez l'opticien"), ("when", "jeudi à 14h")],
                ),
                (
                    "block Monday from 10 to 12 for tax papers",
                    &[("title", "tax papers"), ("when", "Monday from 10 to 12")],
                ),
                ("book the vet on Monday at 9, no, Tuesday at 10", &[("title", "vet"), ("when", "Tuesday at 10")]),
            ],
            calendar::create_event,
        ),
        reader(
            "list_events",
            "Show what is in the calendar, diary or agenda, or how busy the user is, on some days.",
            &[
                ("what is planned for Tuesday?", &[("when", "Tuesday")]),
                ("is Thursday busy, I mean, Friday?", &[("when", "Friday")]),
                ("qu'ai-je de prévu la semaine prochaine ?", &[("when", "la semaine prochaine")]),
            ],
            calendar::list_events,
        ),
        reader(
            "find_event",
            "Tell when a certain event or appointment is.",
            &[
                ("when is my haircut?", &[("query", "haircut")]),
                ("c'est à quelle heure, la réunion avec le comptable ?", &[("query", "réunion avec le comptable")]),
            ],
            calendar::find_event,
        ),
        planner(
            "move_event",
            "Move an event to another time.",
            &[
                ("push the budget review to Thursday at 3", &[("title", "budget review"), ("when", "Thursday at 3")]),
                ("décale le cours de piano à 18h", &[("title", "cours de piano"), ("when", "18h")]),
                (
                    "shift the tennis match to Wednesday, or rather Thursday at 5pm",
                    &[("title", "tennis match"), ("when", "Thursday at 5pm")],
                ),
            ],
            calendar::move_event,
        ),
        planner(
            "delete_event",
            "Cancel an event, meeting or appointment in the calendar.",
            &[
                ("call off the picnic", &[("title", "picnic")]),
                ("annule le déjeuner avec Marc", &[("title", "déjeuner avec Marc")]),
                ("cancel the lunch with Tom, sorry, the lunch with Tim", &[("title", "lunch with Tim")]),
            ],
            calendar::delete_event,
        ),
    ]
}

fn timer_tools() -> Vec<Box<dyn Planner>> {
    vec![
        planner(
            "set_timer",
            "Start a timer that rings after a duration.",
            &[
                ("timer for 25 minutes please", &[("duration", "25 minutes")]),
                ("count down from 3 minutes", &[("duration", "3 minutes")]),
                ("give me 4 minutes, sorry, 7 minutes for the tea", &[("duration", "7 minutes")]),
            ],
            timers::set_timer,
        ),
        planner(
            "set_alarm",
            "Set an alarm that rings at a time.",
            &[
                ("my train is early, so ring at 6:30", &[("when", "6:30")]),
                ("mets un réveil demain à 5h45", &[("when", "demain à 5h45")]),
            ],
            timers::set_alarm,
        ),
        reader(
            "list_timers",
            "Show the running timers and alarms.",
            &[("which alarms are set?", &[]), ("how many minutes does the timer still have?", &[])],
            timers::list_timers,
        ),
        planner(
            "cancel_timer",
            "Stop a timer or an alarm, not an event.",
            &[
                ("the loaf is done, no more bread timer", &[("which", "bread timer")]),
                ("coupe le minuteur du four", &[("which", "minuteur du four")]),
            ],
            timers::cancel_timer,
        ),
    ]
}

fn note_tools() -> Vec<Box<dyn Planner>> {
    vec![
        planner(
            "create_note",
            "Write something down as a new note.",
            &[
                ("note that the garage code is 4312", &[("text", "the garage code is 4312")]),
                ("note : le wifi du chalet s'appelle marmotte", &[("text", "le wifi du chalet s'appelle marmotte")]),
            ],
            notes::create_note,
        ),
        planner(
            "append_note",
            "Add something to a note or list whose name is said.",
            &[
                ("add pears to the market list", &[("note", "market list"), ("text", "pears")]),
                ("put eggs, no, milk on the grocery list", &[("note", "grocery list"), ("text", "milk")]),
            ],
            notes::append_note,
        ),
        reader(
            "find_note",
            "Find notes by their words.",
            &[("look up what I wrote about the chimney sweep", &[("query", "chimney sweep")])],
            notes::find_note,
        ),
    ]
}

fn answer_tools() -> Vec<Box<dyn Planner>> {
    vec![
        reader(
            "calculate",
            "Work out sums, percentages, unit conversions and days between dates; needs numbers or dates.",
            &[
                ("what's 12 percent of 90?", &[("expression", "12% of 90")]),
                ("how many litres are 3 gallons?", &[("expression", "3 gallons in litres")]),
                ("a lamp costs 40 and is 15% off, what do I pay?", &[("expression", "15% off 40")]),
                ("how much is 3 times 18, wait, 3 times 19", &[("expression", "3 * 19")]),
                ("combien de jours jusqu'à Noël ?", &[("expression", "days until Christmas")]),
                ("on which weekday does August 9th fall?", &[("expression", "weekday of August 9th")]),
            ],
            answers::calculate,
        ),
        reader(
            "tell_time",
            "Tell the time and date, here or in another place.",
            &[("Oslo time, please", &[("place", "Oslo")]), ("quelle date sommes-nous ?", &[])],
            answers::tell_time,
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AppError;
    use crate::testing::Home;
    use serde_json::Value;

    /// Models that copy words out of a request learn from these examples that arguments are in it.
    #[test]
    fn examples_of_more_tools_hold_their_arguments_and_can_be_called() {
        let home = Home::new();
        let known: Vec<_> = tools().iter().map(|tool| tool.definition().name.clone()).collect();
        for tool in more_tools() {
            let definition = tool.definition();
            assert!(!known.contains(&definition.name), "{}", definition.name);
            assert!(definition.examples.len() >= 2, "{}", definition.name);
            for example in &definition.examples {
                let said = |value: &Value| value.as_str().is_some_and(|value| example.words.contains(value));
                assert!(example.arguments.values().all(said), "{example:?}");
                let planned = home.try_plan(&definition.name, &Value::Object(example.arguments.clone()));
                assert!(!matches!(planned, Err(AppError::Arguments { .. } | AppError::Time(_))), "{planned:?}");
            }
        }
    }

    #[test]
    fn every_example_calls_tools_as_they_are() {
        let home = Home::new();
        let examples = examples();
        let all = examples.nearest("", usize::MAX, |_| true);
        assert!(all.len() > 1000, "{} examples", all.len());
        for example in all {
            for call in &example.calls {
                let planned = home.try_plan(&call.tool, &Value::Object(call.arguments.clone()));
                assert!(!matches!(planned, Err(AppError::Arguments { .. })), "{example:?}: {planned:?}");
            }
        }
    }

    #[test]
    fn what_only_reads_plans_no_change() {
        let home = Home::new();
        home.event("a.ics", "UID:a\nSUMMARY:haircut\nDTSTART:20260312T100000Z\nDTEND:20260312T110000Z");
        let mut n_reading = 0;
        for planner in tools().into_iter().chain(more_tools()).filter(|planner| planner.only_reads()) {
            n_reading += 1;
            let examples = planner.definition().examples.clone();
            for example in examples {
                let planned = planner.plan(&example.arguments, &home.world);
                assert!(!matches!(planned, Ok(crate::Plan::Change(_))), "{example:?}: {planned:?}");
            }
        }
        assert_eq!(n_reading, 10);
    }
}
