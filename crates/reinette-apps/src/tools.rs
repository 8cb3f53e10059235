//! The tools, as the model sees them.

use crate::planner::{Planner, planner};
use crate::{answers, calendar, notes, reminders, timers};

/// All tools. Their order and their descriptions, one sentence each, are part of what the model was trained on.
pub fn tools() -> Vec<Box<dyn Planner>> {
    vec![
        planner("create_reminder", "Remind the user of something.", reminders::create_reminder),
        planner("create_event", "Add an event to the calendar.", calendar::create_event),
        planner("list_events", "Show what is in the calendar on some days.", calendar::list_events),
        planner("find_event", "Find events by their words, such as when something is.", calendar::find_event),
        planner("move_event", "Move an event to another time.", calendar::move_event),
        planner("delete_event", "Delete an event from the calendar.", calendar::delete_event),
        planner("list_reminders", "Show the open reminders.", reminders::list_reminders),
        planner("complete_reminder", "Mark a reminder as done.", reminders::complete_reminder),
        planner("delete_reminder", "Delete a reminder.", reminders::delete_reminder),
        planner("set_timer", "Start a timer that rings after a duration.", timers::set_timer),
        planner("set_alarm", "Set an alarm that rings at a time.", timers::set_alarm),
        planner("list_timers", "Show the running timers and alarms.", timers::list_timers),
        planner("cancel_timer", "Cancel a timer or an alarm.", timers::cancel_timer),
        planner("create_note", "Write a new note.", notes::create_note),
        planner("append_note", "Add something to a note or list.", notes::append_note),
        planner("find_note", "Find notes by their words.", notes::find_note),
        planner("calculate", "Calculate, convert units or count days.", answers::calculate),
        planner("tell_time", "Tell the time and date, here or in another place.", answers::tell_time),
    ]
}
