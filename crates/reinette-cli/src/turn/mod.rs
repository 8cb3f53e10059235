//! One turn of a conversation, as the user sees it and takes part in it.
//!
//! - [`event`]: what happens in a turn, owned; all that the other rooms know of one.
//! - [`showing`]: an event as what is printed, for people or as records. It prints nothing and asks nobody.
//! - [`asking`]: whether something may be done and which of several things is meant, asked line by line;
//!   [`explanation`]: what a question is about.
//! - [`terminal`]: the only room that knows how the assistant tells what happens and takes answers.

mod asking;
mod event;
mod explanation;
mod showing;
mod terminal;

pub(crate) use terminal::{Completion, Terminal};
