//! iCalendar (RFC 5545) in vdir folders: one file per event or to-do, shared with the user's other programs.
//!
//! Reading is tolerant: a broken file is named and otherwise left alone. Writing is strict, and an existing file is
//! edited line by line, never written anew.

mod component;
mod edit;
mod recurrence;
mod series;
mod time;
mod vdir;
mod write;

pub(crate) use component::{Component, Kind};
pub(crate) use edit::{ComponentPath, Editor, utc};
pub(crate) use recurrence::{parse_rule, rule_value, starts};
pub(crate) use series::{Occurrence, Series, Window};
pub(crate) use time::{CalendarTime, Notation};
pub(crate) use vdir::{Vdir, VdirFile};
pub(crate) use write::NewFile;

#[cfg(test)]
mod tests;
