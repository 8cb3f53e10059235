//! iCalendar (RFC 5545) in vdir folders: one file per event or to-do, shared with the user's other programs.
//!
//! Reading is tolerant: a broken file is named and otherwise left alone. Writing is strict, and an existing file is
//! edited line by line, never written anew.

mod component;
mod edit;
mod recurrence;
mod rule;
mod series;
mod time;
mod vdir;
mod write;
mod zones;

pub(crate) use component::{ALL_DAY, Claim, Component, KDE_CURRENT, Kind, Repetition};
pub(crate) use edit::{ComponentPath, Editor, escape, utc};
pub(crate) use recurrence::{parse_rule, rule_from, rule_value};
pub(crate) use rule::Effort;
pub(crate) use series::{Cut, Occurrence, Series, Window};
pub(crate) use time::{CalendarTime, Notation};
pub(crate) use vdir::{Vdir, VdirFile};
pub(crate) use write::{NewFile, alarm_when_due, attendee};

#[cfg(test)]
mod rule_tests;
#[cfg(test)]
mod tests;
