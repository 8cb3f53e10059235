//! The tools, as the model sees them.

use crate::planner::{Planner, planner};
use crate::{answers, calendar, notes, reminders, timers};

/// All tools, each with a request and the arguments that are right for it: models that have not learned the tools see
/// them in this order.
pub fn tools() -> Vec<Box<dyn Planner>> {
    [reminder_tools(), calendar_tools(), timer_tools(), note_tools(), answer_tools()].into_iter().flatten().collect()
}

fn reminder_tools() -> Vec<Box<dyn Planner>> {
    vec![
        planner(
            "create_reminder",
            "Remind the user of something.",
            "remind me to water the plants tomorrow at 6",
            &[("title", "water the plants"), ("when", "tomorrow at 6")],
            reminders::create_reminder,
        ),
        planner(
            "list_reminders",
            "Show the open reminders.",
            "what do I still have to do?",
            &[],
            reminders::list_reminders,
        ),
        planner(
            "complete_reminder",
            "Mark a reminder as done.",
            "I've paid the rent, tick it off",
            &[("title", "paid the rent")],
            reminders::complete_reminder,
        ),
        planner(
            "delete_reminder",
            "Delete a reminder.",
            "forget the reminder about the parcel",
            &[("title", "parcel")],
            reminders::delete_reminder,
        ),
    ]
}

fn calendar_tools() -> Vec<Box<dyn Planner>> {
    vec![
        planner(
            "create_event",
            "Add an event to the calendar.",
            "put dinner with Zoe in my calendar on Saturday at 8pm",
            &[("title", "dinner with Zoe"), ("when", "Saturday at 8pm")],
            calendar::create_event,
        ),
        planner(
            "list_events",
            "Show what is in the calendar on some days.",
            "what do I have on Tuesday?",
            &[("when", "Tuesday")],
            calendar::list_events,
        ),
        planner(
            "find_event",
            "Tell when a certain event or appointment is.",
            "when is my haircut?",
            &[("query", "haircut")],
            calendar::find_event,
        ),
        planner(
            "move_event",
            "Move an event to another time.",
            "push the budget review to Thursday at 3",
            &[("title", "budget review"), ("when", "Thursday at 3")],
            calendar::move_event,
        ),
        planner(
            "delete_event",
            "Cancel an event, meeting or appointment in the calendar.",
            "call off the picnic",
            &[("title", "picnic")],
            calendar::delete_event,
        ),
    ]
}

fn timer_tools() -> Vec<Box<dyn Planner>> {
    vec![
        planner(
            "set_timer",
            "Start a timer that rings after a duration.",
            "timer for 25 minutes please",
            &[("duration", "25 minutes")],
            timers::set_timer,
        ),
        planner(
            "set_alarm",
            "Set an alarm that rings at a time.",
            "wake me up at 6:30",
            &[("when", "6:30")],
            timers::set_alarm,
        ),
        planner(
            "list_timers",
            "Show the running timers and alarms.",
            "which alarms are set?",
            &[],
            timers::list_timers,
        ),
        planner(
            "cancel_timer",
            "Stop a timer or an alarm, not an event.",
            "stop the bread timer",
            &[("which", "bread timer")],
            timers::cancel_timer,
        ),
    ]
}

fn note_tools() -> Vec<Box<dyn Planner>> {
    vec![
        planner(
            "create_note",
            "Write a new note.",
            "note that the garage code is 4312",
            &[("text", "the garage code is 4312")],
            notes::create_note,
        ),
        planner(
            "append_note",
            "Add something to a note or list.",
            "add pears to the market list",
            &[("note", "market list"), ("text", "pears")],
            notes::append_note,
        ),
        planner(
            "find_note",
            "Find notes by their words.",
            "what did I jot down about the boiler?",
            &[("query", "boiler")],
            notes::find_note,
        ),
    ]
}

fn answer_tools() -> Vec<Box<dyn Planner>> {
    vec![
        planner(
            "calculate",
            "Work out sums, percentages, unit conversions and days between dates; needs numbers or dates.",
            "what's 12 percent of 90?",
            &[("expression", "12% of 90")],
            answers::calculate,
        ),
        planner(
            "tell_time",
            "Tell the time and date, here or in another place.",
            "what time is it in Oslo?",
            &[("place", "Oslo")],
            answers::tell_time,
        ),
    ]
}
