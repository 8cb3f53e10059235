//! An event with all its repetitions, exceptions and moved occurrences.

use super::component::Component;
use super::recurrence::starts;
use super::time::CalendarTime;
use super::vdir::VdirFile;
use jiff::tz::TimeZone;
use jiff::{ToSpan, Zoned};

/// How far ahead the next occurrence of an event is looked for.
const HORIZON_YEARS: i64 = 10;

/// A stretch of time; `end` is excluded.
#[derive(Clone, Debug)]
pub(crate) struct Window {
    pub(crate) start: Zoned,
    pub(crate) end: Zoned,
}

/// The components of one file that share an identifier.
#[derive(Clone, Debug)]
pub(crate) struct Series<'a> {
    pub(crate) file: &'a VdirFile,
    pub(crate) main: &'a Component,
    /// The occurrences that were changed, each with its `RECURRENCE-ID`.
    pub(crate) changed: Vec<&'a Component>,
}

/// One time at which an event takes place.
#[derive(Clone, Debug)]
pub(crate) struct Occurrence<'a> {
    /// The component that describes it.
    pub(crate) component: &'a Component,
    pub(crate) start: CalendarTime,
    /// Excluded.
    pub(crate) end: CalendarTime,
}

impl<'a> Series<'a> {
    /// The series of a file, each with its changed occurrences; one that lost its main component stands for itself.
    pub(crate) fn of_file(file: &'a VdirFile) -> Vec<Self> {
        let mut series: Vec<Self> = Vec::new();
        let (changed, main): (Vec<_>, Vec<_>) =
            file.components.iter().partition(|component| component.recurrence_id.is_some());
        series.extend(main.into_iter().map(|main| Self { file, main, changed: Vec::new() }));
        for component in changed {
            match series.iter_mut().find(|series| series.main.uid == component.uid) {
                Some(series) => series.changed.push(component),
                None => series.push(Self { file, main: component, changed: Vec::new() }),
            }
        }
        series
    }

    /// The occurrences that touch `window`, in order of start.
    pub(crate) fn occurrences(&self, window: &Window) -> Vec<Occurrence<'a>> {
        let zone = window.start.time_zone();
        let mut found = self.unchanged_occurrences(window);
        found.extend(self.changed.iter().filter_map(|component| occurrence(component, component.start.clone()?)));
        found.retain(|occurrence| occurrence.touches(window));
        found.sort_by_cached_key(|occurrence| occurrence.start.instant(zone).map(|start| start.timestamp()));
        found
    }

    /// The first occurrence that has not ended at `now`.
    pub(crate) fn next(&self, now: &Zoned) -> Option<Occurrence<'a>> {
        let window = Window { start: now.clone(), end: now.checked_add(HORIZON_YEARS.years()).ok()? };
        self.occurrences(&window).into_iter().next()
    }

    /// The occurrence that the file names as the first.
    pub(crate) fn first(&self) -> Option<Occurrence<'a>> {
        occurrence(self.main, self.main.start.clone()?)
    }

    fn unchanged_occurrences(&self, window: &Window) -> Vec<Occurrence<'a>> {
        let zone = window.start.time_zone();
        let Some(first) = &self.main.start else { return Vec::new() };
        let mut times = vec![first.clone()];
        if let Some(rule) = &self.main.rule {
            let not_after = |time: &CalendarTime| time.instant(zone).is_none_or(|start| start < window.end);
            let repeated = starts(first, rule).filter_map(|civil| first.at_civil(civil)).take_while(not_after);
            times.extend(repeated.skip_while(|time| time == first));
        }
        times.extend(self.main.added.iter().cloned());
        let replaced = |time: &CalendarTime| {
            let ids = self.changed.iter().filter_map(|component| component.recurrence_id.as_ref());
            self.main.excluded.iter().chain(ids).any(|other| same_occurrence(time, other, zone))
        };
        let times = times.into_iter().filter(|time| !replaced(time));
        times.filter_map(|time| occurrence(self.main, time)).filter(|found| found.touches(window)).collect()
    }
}

fn occurrence(component: &Component, start: CalendarTime) -> Option<Occurrence<'_>> {
    let end = start.after(component.length())?;
    Some(Occurrence { component, start, end })
}

impl Occurrence<'_> {
    fn touches(&self, window: &Window) -> bool {
        let zone = window.start.time_zone();
        let (Some(start), Some(end)) = (self.start.instant(zone), self.end.instant(zone)) else { return false };
        // What takes no time is in the window when it starts in it.
        start < window.end && (end > window.start || (start == end && start == window.start))
    }
}

/// Whether an exception means the occurrence at `time`; some programs write only the day of it.
fn same_occurrence(time: &CalendarTime, exception: &CalendarTime, zone: &TimeZone) -> bool {
    match (time, exception) {
        (CalendarTime::Time(..), CalendarTime::Time(..)) => time.instant(zone) == exception.instant(zone),
        (time, exception) => time.civil().date() == exception.civil().date(),
    }
}
