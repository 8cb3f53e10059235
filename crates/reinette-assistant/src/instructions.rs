//! What the model is told about its job when it talks.

use jiff::Zoned;

/// The instructions of a conversation that takes place now.
///
/// They are short: a small model is distracted by long ones, and every word is read before the first word of an answer.
/// The name is said twice, and how a small model was taught to hear it, or it calls itself something else.
/// They tell the day and not the time, which would make the model read a whole conversation again every minute.
pub(crate) fn instructions(now: &Zoned) -> String {
    format!(
        "You are Reinette, a helpful AI assistant. Your name is Reinette. You help with reminders, the calendar, timers and \
         notes on the user's computer. Answer briefly and in the user's language. It is {}.",
        now.strftime("%A %-d %B %Y")
    )
}
