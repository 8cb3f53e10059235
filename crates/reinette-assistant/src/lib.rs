//! The conversation: understands a request, asks, acts, journals, undoes, remembers.
//!
//! - [`Home`]: where a user's things are.
//! - [`Assistant`]: a [`Session`](reinette::Session) whose tools are the apps, with a journal, a memory and a policy.
//! - [`Asking`]: what happens while a request is answered, as owned events; its questions are answered by their ids.
//! - [`Journal`](journal): every change of a file, written down before it is made, so that it can be taken back.
//! - [`eval`]: how often the right thing is understood.
//!
//! Nothing is changed that was not shown, allowed by the [`Confirm`] policy and written into the journal first. This
//! crate prints nothing and reads the clock only through the function it is given.

mod assistant;
pub mod eval;
mod explanation;
mod home;
mod instructions;
pub mod journal;
mod offer;
mod sentences;
mod settle;
mod speech;
mod store;
mod tier;

pub use assistant::{Asking, Assistant, AssistantError, Confirm};
pub use home::{Home, HomeError};
pub use store::{StoreError, Turn};
pub use tier::{Tier, conversation_adapter, everyday_adapter};
