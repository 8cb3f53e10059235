//! The user's apps: calendar, reminders, timers and alarms, notes, clock, calculator.
//!
//! An app is a set of pure planners over files. [`tools`] and [`more_tools`] list them in a fixed order; each turns a typed call into a
//! [`Plan`]: words to be said, a [`Change`] of files to be made, or a [`Question`] whose every [`Choice`] carries the plan
//! that follows it. Planning reads and never writes. A [`Change`] says in words what it will do and holds every file
//! before and after, which is all that asking, a journal and `undo` need:
//!
//! 1. [`Planner::plan`] the call against the [`World`].
//! 2. Show [`Change::effect`], if the user's policy wants to be asked.
//! 3. [`apply_all`] the files; [`Change::done`] is what to say.
//! 4. [`revert_all`] takes it back.
//!
//! # Invariants
//! - Only `change` writes files; every write is atomic and refuses when somebody else changed the file meanwhile.
//! - Only `files` reads them: plain files in their folder, never through a link out of it, never a pipe or a device.
//! - No app reads the system's clock: the time is [`World::clock`].
//! - Files belong to the user's other programs as well: what is not understood is neither rewritten nor deleted.

mod across;
mod answers;
mod calendar;
mod change;
pub mod clock;
mod data;
mod errors;
mod files;
mod focus;
mod icalendar;
mod matching;
mod missing;
mod notes;
mod plan;
mod planner;
mod preamble;
mod reminders;
mod ring;
mod sentences;
mod shift;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod timers;
mod tools;
pub mod visible;
mod world;

pub use change::{ChangeError, FileChange, apply_all, combine, remove_temporary_files, revert_all, take_back};
pub use files::{open_plain, open_private};
pub use focus::Focus;
pub use plan::{Answer, AppError, Change, Choice, Plan, Question};
pub use planner::Planner;
pub use reminders::{due_reminders, next_reminder};
pub use ring::{NextRing, Ring};
pub use timers::{Rung, due_timers, next_timer, rung};
pub use tools::{examples, more_tools, tools};
pub use world::{Folders, World};
