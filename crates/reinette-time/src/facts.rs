//! What a phrase says, before it is settled what it means.

use jiff::Zoned;

use super::days::Day;
use super::durations::Length;
use super::hours::Reading;
use super::lexicon::PartOfDay;
use super::zones::Zone;
use super::{Recurrence, TimeError};

/// What was said of one moment, or of one end of a stretch.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Facts {
    pub(crate) day: Option<Day>,
    pub(crate) hour: Option<Reading>,
    pub(crate) part: Option<PartOfDay>,
    /// A point relative to now: "in two hours".
    pub(crate) instant: Option<Zoned>,
    /// Where the hour is shown, when that is said.
    pub(crate) zone: Option<Zone>,
}

impl Facts {
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What closed a stretch, since in a move "to" tells the new time from the old one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Closed {
    /// "to", "au"
    To,
    /// A dash, "until", "and".
    Otherwise,
}

/// How far from a day or an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Distance {
    Length(Length),
    WorkingDays(u32),
}

/// On which side of the words behind it a length lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Before,
    After,
}

/// All that a phrase says.
#[derive(Debug)]
pub(crate) struct Request {
    /// The moment, or the start of the stretch.
    pub(crate) start: Facts,
    /// The end of the stretch.
    pub(crate) end: Option<Facts>,
    /// "for an hour".
    pub(crate) lasting: Option<Length>,
    /// "two days before …".
    pub(crate) offset: Option<(Distance, Side)>,
    pub(crate) rule: Option<Recurrence>,
    /// Whether "to" leads from what was said first to what was said last, so that in a move they are the old and the new time:
    /// not when "to" stands before both ("to 2 to 4"), nor when a day does ("Friday from 2 to 4").
    pub(crate) leads_from_old_to_new: bool,
    /// Whether a length says how far from something else: "an hour later", "30 minutes".
    pub(crate) is_a_shift: bool,
}

impl Request {
    pub(crate) fn says_nothing(&self) -> bool {
        let nothing_of_time = self.start.is_empty() && self.end.as_ref().is_none_or(Facts::is_empty);
        nothing_of_time && self.lasting.is_none() && self.offset.is_none() && self.rule.is_none()
    }
}

/// An error for parts that exclude each other.
pub(crate) fn contradiction(what: &str) -> TimeError {
    TimeError::Contradiction { what: what.to_owned() }
}
