//! The time zones that the `TZID`s of a file name.
//!
//! A name of the IANA database counts by itself, also behind the prefix of a program (`/mozilla.org/20050126_1/…`), and so
//! does a name of Windows. Where the name is none of these, the file's own `VTIMEZONE` decides. A name that nobody
//! explains is no zone: its times are shown as they are written, and said to be so.

use super::recurrence::rule_from;
use super::rule::Effort;
use super::time::{CalendarTime, civil, offset};
use calcard::common::timezone::Tz;
use calcard::icalendar::{
    ICalendar, ICalendarComponent, ICalendarComponentType, ICalendarProperty, ICalendarRecurrenceRule, ICalendarValue,
};
use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};
use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;

/// The time for which a `VTIMEZONE` with endless rules is worked out.
const WORKED_OUT: Range<DateTime> =
    DateTime::constant(1970, 1, 1, 0, 0, 0, 0)..DateTime::constant(2101, 1, 1, 0, 0, 0, 0);

/// The most changes of the clock that one `VTIMEZONE` may have, and the most observances.
const MAX_ONSETS: usize = 2000;
const MAX_OBSERVANCES: usize = 200;

/// The most names of zones that are looked up for one file.
const MAX_ZONES: usize = 100;

/// Zones that were worked out from a `VTIMEZONE`, by what it says: the files of a folder share theirs.
pub(crate) type ZoneCache = RefCell<HashMap<Vec<Observance>, Option<TimeZone>>>;

/// The zones of one file.
#[derive(Debug)]
pub(crate) struct Zones<'a> {
    calendar: &'a ICalendar,
    cache: &'a ZoneCache,
    /// Zones by name, each looked up once.
    found: RefCell<HashMap<Rc<str>, Option<TimeZone>>>,
    /// Where a time without a zone is.
    pub(crate) floating: TimeZone,
    /// Where the user is.
    pub(crate) local: &'a TimeZone,
}

impl<'a> Zones<'a> {
    pub(crate) fn new(calendar: &'a ICalendar, local: &'a TimeZone, cache: &'a ZoneCache) -> Self {
        let zones = Self { calendar, cache, found: RefCell::default(), floating: local.clone(), local };
        // The zone of a whole calendar, which most programs write for the times that name none.
        let named = ICalendarProperty::Other("X-WR-TIMEZONE".to_owned());
        let of_calendar = calendar.components.iter().find_map(|component| text(component, &named));
        let floating = of_calendar.and_then(|name| zones.resolve(name)).unwrap_or_else(|| local.clone());
        Self { floating, ..zones }
    }

    /// The zone with this name; `None` when nothing tells what it is.
    pub(crate) fn resolve(&self, name: &str) -> Option<TimeZone> {
        if let Some(found) = self.found.borrow().get(name) {
            return found.clone();
        }
        if self.found.borrow().len() >= MAX_ZONES {
            return None;
        }
        let bare = name.trim().trim_matches('"');
        let found = known(bare).or_else(|| self.own(bare)).or_else(|| nicknamed(bare));
        self.found.borrow_mut().insert(name.into(), found.clone());
        found
    }

    /// The zone that the file explains under this name.
    fn own(&self, name: &str) -> Option<TimeZone> {
        let is_named = |component: &&ICalendarComponent| {
            component.component_type == ICalendarComponentType::VTimezone
                && text(component, &ICalendarProperty::Tzid).is_some_and(|id| id.trim().trim_matches('"') == name)
        };
        let component = self.calendar.components.iter().find(is_named)?;
        let parts = component.component_ids.iter().take(MAX_OBSERVANCES);
        let parts = parts.filter_map(|id| self.calendar.components.get(usize::try_from(*id).ok()?));
        let observances: Vec<Observance> = parts.filter_map(Observance::read).collect();
        let mut cache = self.cache.borrow_mut();
        let worked_out = cache.entry(observances).or_insert_with_key(|observances| zone_of(observances));
        // What programs write beside the rules, when there are none.
        worked_out.clone().or_else(|| database(component.timezone()?.1.name()?.as_ref()))
    }
}

/// The zone of a name of the IANA database, of Windows, or of the former behind a program's prefix.
fn known(name: &str) -> Option<TimeZone> {
    let behind_prefix = || name.match_indices('/').find_map(|(at, _)| database(name.get(at + 1..)?));
    let windows = || name.ends_with("Standard Time").then(|| nicknamed(name)).flatten();
    database(name).or_else(behind_prefix).or_else(windows)
}

fn database(name: &str) -> Option<TimeZone> {
    TimeZone::get(name).ok().filter(|zone| !zone.is_unknown())
}

/// The zone of a name that some program shows its users, of Windows' names and of those of older Outlooks.
fn nicknamed(name: &str) -> Option<TimeZone> {
    if name == "South Sudan Standard Time" {
        // The one of Windows' names (Unicode CLDR) that `calcard` lacks.
        return database("Africa/Juba");
    }
    let zone = name.parse::<Tz>().ok()?;
    let zone = zone.name()?;
    // "(UTC+01:00) Somewhere" tells an offset of the winter, and nothing of the summer.
    (!(name.starts_with('(') && zone.starts_with("Etc/"))).then(|| database(&zone)).flatten()
}

fn text<'c>(component: &'c ICalendarComponent, property: &ICalendarProperty) -> Option<&'c str> {
    component.property(property)?.values.first()?.as_text()
}

/// A part of a `VTIMEZONE`: from when on the clocks show `to` instead of `from`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Observance {
    is_daylight: bool,
    from: Offset,
    to: Offset,
    /// When it comes into force, in the civil time before.
    start: DateTime,
    rule: Option<ICalendarRecurrenceRule>,
    added: Vec<DateTime>,
}

impl Observance {
    fn read(component: &ICalendarComponent) -> Option<Self> {
        let is_daylight = component.component_type == ICalendarComponentType::Daylight;
        if !is_daylight && component.component_type != ICalendarComponentType::Standard {
            return None;
        }
        let value = |property: &ICalendarProperty| component.property(property)?.values.first();
        let offset_of = |property: &ICalendarProperty| match value(property)? {
            ICalendarValue::PartialDateTime(partial) => offset(partial),
            _ => None,
        };
        let to = offset_of(&ICalendarProperty::Tzoffsetto)?;
        let from = offset_of(&ICalendarProperty::Tzoffsetfrom).unwrap_or(to);
        let ICalendarValue::PartialDateTime(start) = value(&ICalendarProperty::Dtstart)? else { return None };
        let rule = match value(&ICalendarProperty::Rrule) {
            Some(ICalendarValue::RecurrenceRule(rule)) => Some((**rule).clone()),
            _ => None,
        };
        let added = component.properties(&ICalendarProperty::Rdate).flat_map(|entry| &entry.values);
        let added = added.take(MAX_ONSETS).filter_map(|value| match value {
            ICalendarValue::PartialDateTime(partial) => civil(partial),
            _ => None,
        });
        Some(Self { is_daylight, from, to, start: civil(start)?, rule, added: added.collect() })
    }

    /// Each time that it comes into force.
    fn onsets(&self) -> Option<Vec<DateTime>> {
        let mut onsets = self.added.clone();
        onsets.push(self.start);
        if let Some(rule) = &self.rule {
            let first = CalendarTime::new(self.start.to_zoned(TimeZone::fixed(self.from)).ok()?);
            let effort = Effort::default();
            onsets.extend(rule_from(&first, rule)?.starts(WORKED_OUT, &effort).take(MAX_ONSETS));
        }
        Some(onsets)
    }
}

/// The zone that observances describe.
///
/// Before the first of them, the clocks show what it says that they showed until then.
fn zone_of(observances: &[Observance]) -> Option<TimeZone> {
    let mut changes: Vec<(i64, &Observance)> = Vec::new();
    for observance in observances {
        for onset in observance.onsets()? {
            changes.push((observance.from.to_timestamp(onset).ok()?.as_second(), observance));
        }
        if changes.len() > MAX_ONSETS {
            return None;
        }
    }
    changes.sort_by_key(|(at, _)| *at);
    changes.dedup_by_key(|(at, _)| *at);
    let (_, first) = changes.first()?;
    let mut types: Vec<(Offset, bool)> = vec![(first.from, false)];
    let mut transitions: Vec<(i64, u8)> = Vec::new();
    for (at, observance) in &changes {
        let kind = (observance.to, observance.is_daylight);
        let index = types.iter().position(|known| *known == kind).unwrap_or_else(|| {
            types.push(kind);
            types.len() - 1
        });
        transitions.push((*at, u8::try_from(index).ok()?));
    }
    TimeZone::tzif("VTIMEZONE", &tzif(&transitions, &types)).ok()
}

/// A zone in the format of the IANA database's files (RFC 9636, version 2, without a rule for the time after).
fn tzif(transitions: &[(i64, u8)], types: &[(Offset, bool)]) -> Vec<u8> {
    const NAME: &[u8] = b"VTZ\0";
    let header = |transitions: usize, types: usize| {
        let mut header = b"TZif2".to_vec();
        header.extend([0; 15]);
        // Indicators of universal time and of standard time, leap seconds: none.
        for count in [0, 0, 0, transitions, types, NAME.len()] {
            header.extend(u32::try_from(count).unwrap_or(0).to_be_bytes());
        }
        header
    };
    let of_type = |(offset, is_daylight): &(Offset, bool)| {
        let mut bytes = offset.seconds().to_be_bytes().to_vec();
        bytes.extend([u8::from(*is_daylight), 0]);
        bytes
    };
    // A block for readers of 32 bits, with nothing in it but one type, then the one that counts.
    let mut bytes = header(0, 1);
    bytes.extend(of_type(&types[0]));
    bytes.extend(NAME);
    bytes.extend(header(transitions.len(), types.len()));
    bytes.extend(transitions.iter().flat_map(|(at, _)| at.to_be_bytes()));
    bytes.extend(transitions.iter().map(|(_, index)| *index));
    bytes.extend(types.iter().flat_map(of_type));
    bytes.extend(NAME);
    bytes.extend(b"\n\n");
    bytes
}
