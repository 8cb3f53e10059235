//! An event or a to-do with all its repetitions, exceptions and changed occurrences.

use super::component::{Component, Kind, Repetition};
use super::edit::{ComponentPath, Editor, escape};
use super::recurrence::rule_from;
use super::rule::Rule;
use super::time::{CalendarTime, Notation};
use super::vdir::VdirFile;
use crate::FileChange;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan, Zoned};
use std::collections::{HashMap, HashSet};

/// How far ahead the next occurrence of an event is looked for.
const HORIZON_YEARS: i64 = 10;

/// How often an event may occur in a day before only some of its occurrences are shown.
const OFTEN_A_DAY: usize = 24;

/// The most occurrences of one series that are collected: of a daily event, those of eleven years.
const MAX_COLLECTED: usize = 4000;

/// A stretch of time; `end` is excluded.
#[derive(Clone, Debug)]
pub(crate) struct Window {
    pub(crate) start: Zoned,
    pub(crate) end: Zoned,
}

impl Window {
    /// From an instant on, as far as is looked ahead.
    pub(crate) fn from(start: Zoned) -> Option<Self> {
        let end = start.checked_add(HORIZON_YEARS.years()).ok()?;
        Some(Self { start, end })
    }
}

/// The components of one file that share an identifier.
#[derive(Clone, Debug)]
pub(crate) struct Series<'a> {
    pub(crate) file: &'a VdirFile,
    pub(crate) main: &'a Component,
    /// The occurrences that were changed, each with its `RECURRENCE-ID`.
    pub(crate) changed: Vec<&'a Component>,
}

/// One time at which an event takes place, or a to-do is to be done.
#[derive(Clone, Debug)]
pub(crate) struct Occurrence<'a> {
    /// The component that describes it.
    pub(crate) component: &'a Component,
    /// When it would start had it not been changed, as its series is written: what a `RECURRENCE-ID` holds.
    pub(crate) id: CalendarTime,
    /// A day, if it lasts whole days, however its file writes them.
    pub(crate) start: CalendarTime,
    /// Excluded; of a to-do, when it is due.
    pub(crate) end: CalendarTime,
}

/// Why not all occurrences of a series are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// There are more in the window than these.
    Shown(usize),
    /// Its rule cannot be read or followed, or looking through it would take too long.
    Unfollowed,
}

impl<'a> Series<'a> {
    /// The series of a file, each with its changed occurrences; one that lost its main component stands for itself.
    pub(crate) fn of_file(file: &'a VdirFile) -> Vec<Self> {
        let alone = |main| Self { file, main, changed: Vec::new() };
        let (changed, main): (Vec<_>, Vec<_>) =
            file.components.iter().partition(|component| component.recurrence_id.is_some());
        let mut by_uid: HashMap<&str, usize> = HashMap::new();
        let mut series: Vec<Self> = main.into_iter().map(alone).collect();
        for (index, one) in series.iter().enumerate() {
            by_uid.entry(&one.main.uid).or_insert(index);
        }
        for component in changed {
            match by_uid.get(component.uid.as_str()) {
                Some(index) => series[*index].changed.push(component),
                None => series.push(alone(component)),
            }
        }
        series
    }

    /// The occurrences that touch `window`, in order of start, and why some are missing if some are.
    pub(crate) fn occurrences(&self, window: &Window) -> (Vec<Occurrence<'a>>, Option<Cut>) {
        let zone = window.start.time_zone();
        let expansion = Expansion::new(self);
        let most = expansion.as_ref().map_or(MAX_COLLECTED, Expansion::most);
        let mut found: Vec<_> = expansion
            .iter()
            .flat_map(|expansion| expansion.repeated(window))
            .filter(|found| found.touches(window))
            .take(most + 1)
            .collect();
        let is_cut = found.len() > most;
        found.truncate(most);
        found.extend(expansion.iter().flat_map(Expansion::single).filter(|found| found.touches(window)));
        found.sort_by_cached_key(|occurrence| occurrence.start.instant(zone).map(|start| start.timestamp()));
        let cut = is_cut.then_some(Cut::Shown(most)).or_else(|| self.unfollowed(expansion.as_ref()?, window));
        (found, cut)
    }

    /// The first occurrence that has not ended at `now`.
    pub(crate) fn next(&self, now: &Zoned) -> Option<Occurrence<'a>> {
        let window = Window::from(now.clone())?;
        let expansion = Expansion::new(self)?;
        let repeated = expansion.repeated(&window).find(|found| found.touches(&window));
        let single = expansion.single().filter(|found| found.touches(&window));
        single.chain(repeated).min_by_key(|found| found.starts_at(&window))
    }

    /// Those that its rule gives around `window`, though they may not touch it, and all that the file names one by one.
    pub(crate) fn around(&self, window: &Window) -> Vec<Occurrence<'a>> {
        let Some(expansion) = Expansion::new(self) else { return Vec::new() };
        let mut found: Vec<_> = expansion.single().chain(expansion.repeated(window).take(MAX_COLLECTED)).collect();
        found.sort_by_cached_key(|found| found.starts_at(window));
        found
    }

    /// The one that follows `occurrence` by its identifier.
    pub(crate) fn after(&self, occurrence: &Occurrence<'_>) -> Option<Occurrence<'a>> {
        let at = stamp(&occurrence.id)?;
        let window = Window::from(occurrence.id.instant(&self.file.local)?)?;
        let later = self.around(&window).into_iter().filter_map(|found| Some((stamp(&found.id)?, found)));
        later.filter(|(id, _)| *id > at).min_by_key(|(id, _)| *id).map(|(_, found)| found)
    }

    /// Its file, in which all of it that is called as `component` is has another title.
    pub(crate) fn renamed(&self, component: &Component, title: &str, now: &Zoned) -> FileChange {
        let [old, new] = [&component.summary, title].map(|text| format!(":{}", escape(text)));
        let is_called_so = |other: &Component| other.summary == component.summary;
        self.with_each(is_called_so, now, |editor, at, _| {
            editor.set(at, "SUMMARY", &new);
            // An alarm of ours shows the title, as those of many programs do.
            editor.replace_inside(at, &format!("DESCRIPTION{old}"), &format!("DESCRIPTION{new}"));
        })
    }

    /// Its file, in which those of its components are edited that are meant.
    pub(crate) fn with_each(
        &self,
        is_meant: impl Fn(&Component) -> bool,
        now: &Zoned,
        edit: impl Fn(&mut Editor, ComponentPath<'_>, &Component),
    ) -> FileChange {
        let mut editor = Editor::new(&self.file.content);
        for other in self.changed.iter().chain([&self.main]).filter(|other| is_meant(other)) {
            let at = ComponentPath { kind: other.kind.name(), index: other.index };
            edit(&mut editor, at, other);
            if other.kind == Kind::Event {
                editor.set(at, "SEQUENCE", &format!(":{}", other.sequence.saturating_add(1)));
            }
            editor.stamp(at, now);
        }
        self.file.edited(editor)
    }

    /// Where its components stand in the file.
    pub(crate) fn indices(&self) -> Vec<usize> {
        self.changed.iter().chain([&self.main]).map(|component| component.index).collect()
    }

    /// How many starts its rule gives before that of `occurrence`, whatever became of them.
    pub(crate) fn counted_before(&self, occurrence: &Occurrence<'_>) -> usize {
        let counted = |expansion: Expansion<'_, 'a>| {
            let range = expansion.first.civil()..occurrence.id.civil_beside(&expansion.first);
            Some(expansion.rule?.starts(range, &self.file.effort).count())
        };
        Expansion::new(self).and_then(counted).unwrap_or(0)
    }

    /// The first of it all that is still there.
    pub(crate) fn earliest(&self, now: &Zoned) -> Option<Occurrence<'a>> {
        let expansion = Expansion::new(self)?;
        let start = self.main.anchor().and_then(|first| first.instant(now.time_zone())).unwrap_or_else(|| now.clone());
        let window = Window { start: start.min(now.clone()), end: now.checked_add(HORIZON_YEARS.years()).ok()? };
        let repeated = expansion.repeated(&window).next();
        expansion.single().chain(repeated).min_by_key(|found| found.starts_at(&window))
    }

    /// The occurrence that the file names as the first.
    pub(crate) fn first(&self) -> Option<Occurrence<'a>> {
        let first = self.main.anchor()?.clone();
        self.main.is_live.then(|| occurrence(self.file, self.main, (first.clone(), first), None))?
    }

    fn unfollowed(&self, expansion: &Expansion<'_, 'a>, window: &Window) -> Option<Cut> {
        let begins = || expansion.first.instant(window.start.time_zone()).is_some_and(|first| first < window.end);
        let repeats = self.main.repeats() && self.main.repetition.is_some();
        let is_lost = repeats && (expansion.rule.is_none() || self.file.effort.is_spent());
        (is_lost && begins()).then_some(Cut::Unfollowed)
    }
}

/// An occurrence of `component` in `file`; without an `end`, it is as long as the component says.
fn occurrence<'a>(
    file: &VdirFile,
    component: &'a Component,
    (id, start): (CalendarTime, CalendarTime),
    end: Option<CalendarTime>,
) -> Option<Occurrence<'a>> {
    let end = end.or_else(|| component.end_of(&start))?;
    let (start, end) = if component.whole_days { Component::days_of(&start, &end, &file.local) } else { (start, end) };
    Some(Occurrence { component, id, start, end })
}

/// A series whose occurrences are being looked for.
struct Expansion<'s, 'a> {
    series: &'s Series<'a>,
    first: CalendarTime,
    rule: Option<Rule>,
    exceptions: Exceptions,
    /// The changes of all occurrences from one on, in order.
    and_future: Vec<(Timestamp, &'a Component)>,
}

impl<'s, 'a> Expansion<'s, 'a> {
    /// `None` for what is not live or has no time.
    fn new(series: &'s Series<'a>) -> Option<Self> {
        let main = series.main;
        let first = main.anchor().filter(|_| main.is_live)?.clone();
        let rule = match &main.repetition {
            Some(Repetition::Rule(rule)) if main.recurrence_id.is_none() => rule_from(&first, rule),
            _ => None,
        };
        let ids =
            || series.changed.iter().filter_map(|component| Some((component.recurrence_id.as_ref()?, *component)));
        let exceptions = Exceptions::new(main.excluded.iter().chain(ids().map(|(id, _)| id)));
        let and_future = ids().filter(|(_, component)| component.and_future && component.start.is_some());
        let mut and_future: Vec<_> = and_future.filter_map(|(id, component)| Some((stamp(id)?, component))).collect();
        and_future.sort_by_key(|(at, _)| *at);
        Some(Self { series, first, rule, exceptions, and_future })
    }

    /// The most occurrences that are collected.
    fn most(&self) -> usize {
        let often = self.rule.as_ref().is_some_and(|rule| rule.times_a_day() > OFTEN_A_DAY);
        if often { OFTEN_A_DAY } else { MAX_COLLECTED }
    }

    /// What the rule gives around `window`, beyond the first and without what was changed or excluded.
    fn repeated(&self, window: &Window) -> impl Iterator<Item = Occurrence<'a>> {
        let range = self.range(window);
        let starts = self.rule.clone().zip(range).into_iter();
        let starts = starts.flat_map(|(rule, range)| rule.starts(range, &self.series.file.effort));
        let first = self.first.civil();
        let ids = starts.filter(move |civil| *civil != first).filter_map(|civil| self.first.at_civil(civil));
        ids.filter_map(|id| self.at(id, None))
    }

    /// What the file names one by one: the first, the added and the changed ones.
    fn single(&self) -> impl Iterator<Item = Occurrence<'a>> {
        let (main, changed) = (self.series.main, &self.series.changed);
        let added = main.added.iter().filter(|_| main.repeats()).map(|(id, end)| (id.clone(), end.clone()));
        let own = std::iter::once((self.first.clone(), None)).chain(added);
        let own = own.filter_map(|(id, end)| self.at(id, end));
        let changed = changed.iter().filter(|component| component.is_live).filter_map(|component| {
            let id = component.recurrence_id.clone()?.written_like(&self.first);
            occurrence(self.series.file, component, (id, component.anchor()?.clone()), None)
        });
        own.chain(changed)
    }

    /// The occurrence with this identifier, unless something else takes its place.
    fn at(&self, id: CalendarTime, end: Option<CalendarTime>) -> Option<Occurrence<'a>> {
        let main = self.series.main;
        if self.exceptions.contain(&id) {
            return None;
        }
        let stamp = stamp(&id)?;
        let changed = self.and_future.iter().rev().find(|(from, _)| *from <= stamp);
        let found = match changed {
            Some((_, component)) if component.is_live => {
                let start = shifted(&id, component)?;
                occurrence(self.series.file, component, (id, start), None)
            }
            Some(_) => None,
            None => occurrence(self.series.file, main, (id.clone(), id), end),
        }?;
        let is_done =
            main.done_before.as_ref().is_some_and(|current| found.end.civil_beside(current) < current.civil());
        (!is_done).then_some(found)
    }

    /// The identifiers among which those are whose occurrences may touch `window`.
    fn range(&self, window: &Window) -> Option<std::ops::Range<DateTime>> {
        // An occurrence may be as long as the longest and as far from its identifier as the farthest.
        let length = |component: &Component| {
            let start = component.anchor()?;
            Some(start.until(&component.end_of(start)?))
        };
        let shift = |component: &Component| {
            let (id, start) = (component.recurrence_id.as_ref()?, component.anchor()?);
            Some(id.civil_beside(start).duration_until(start.civil()).abs())
        };
        let components =
            || std::iter::once(self.series.main).chain(self.and_future.iter().map(|(_, component)| *component));
        let longest = components().filter_map(length).max().unwrap_or_default();
        let farthest = components().filter_map(shift).max().unwrap_or_default();
        // The clocks may have changed between the two; a day is one wherever the user is.
        let (zone, slack) = match &self.first {
            CalendarTime::Time(first, _) => (first.time_zone().clone(), SignedDuration::from_hours(3)),
            CalendarTime::Date(_) => (window.start.time_zone().clone(), SignedDuration::from_hours(24)),
        };
        let civil = |instant: &Zoned| instant.with_time_zone(zone.clone()).datetime();
        let before = longest.checked_add(farthest)?.checked_add(slack)?;
        let start = civil(&window.start).checked_sub(before).unwrap_or(DateTime::MIN);
        let end = civil(&window.end).checked_add(farthest).unwrap_or(DateTime::MAX);
        Some(start..end)
    }
}

/// The start of an occurrence that a change of all from one on has moved as far as that one.
fn shifted(id: &CalendarTime, change: &Component) -> Option<CalendarTime> {
    let (changed_id, start) = (change.recurrence_id.as_ref()?, change.anchor()?);
    let shift = changed_id.civil_beside(start).duration_until(start.civil());
    start.at_civil(id.civil_beside(start).checked_add(shift).ok()?)
}

impl Occurrence<'_> {
    fn touches(&self, window: &Window) -> bool {
        let zone = window.start.time_zone();
        let (Some(start), Some(end)) = (self.start.instant(zone), self.end.instant(zone)) else { return false };
        // What takes no time is in the window when it starts in it.
        start < window.end && (end > window.start || (start == end && start == window.start))
    }

    fn starts_at(&self, window: &Window) -> Option<Timestamp> {
        self.start.instant(window.start.time_zone()).map(|start| start.timestamp())
    }
}

/// An instant by which identifiers are ordered; of a day, its midnight in UTC.
fn stamp(time: &CalendarTime) -> Option<Timestamp> {
    time.instant(&TimeZone::UTC).map(|instant| instant.timestamp())
}

/// The occurrences that are not as their series says. Programs write one as an instant in any zone, as a time without a
/// zone, or as the day alone.
#[derive(Debug, Default)]
struct Exceptions {
    instants: HashSet<Timestamp>,
    floating: HashSet<DateTime>,
    days: HashSet<Date>,
    /// The days of `instants` and `floating`, as they are written: which occurrence they mean where those are days.
    days_of_times: HashSet<Date>,
}

impl Exceptions {
    fn new<'t>(times: impl Iterator<Item = &'t CalendarTime>) -> Self {
        let mut exceptions = Self::default();
        for time in times {
            match time {
                CalendarTime::Date(date) => {
                    exceptions.days.insert(*date);
                }
                CalendarTime::Time(instant, notation) => {
                    exceptions.days_of_times.insert(instant.date());
                    if *notation == Notation::Floating {
                        exceptions.floating.insert(instant.datetime());
                    } else {
                        exceptions.instants.insert(instant.timestamp());
                    }
                }
            }
        }
        exceptions
    }

    fn contain(&self, id: &CalendarTime) -> bool {
        match id {
            CalendarTime::Date(date) => self.days.contains(date) || self.days_of_times.contains(date),
            CalendarTime::Time(instant, _) => {
                self.instants.contains(&instant.timestamp())
                    || self.floating.contains(&instant.datetime())
                    || self.days.contains(&instant.date())
            }
        }
    }
}
