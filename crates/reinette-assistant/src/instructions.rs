//! What the model is told about its job when it talks.

use jiff::Zoned;

/// The instructions of a conversation that takes place now.
///
/// They are short: a small model is distracted by long ones, and every word is read before the first word of an answer.
/// They tell the day and not the time, which would make the model read a whole conversation again every minute.
pub(crate) fn instructions(now: &Zoned) -> String {
    format!(
        "You are Reinette, a private assistant that runs on the user's own computer. Answer briefly, plainly and in the \
         user's language. Say so when you do not know. It is {}.",
        now.strftime("%A %-d %B %Y")
    )
}
