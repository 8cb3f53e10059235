//! The files of timers and alarms.

use crate::data::{Item, iso_instant};
use crate::files::{Fault, Limits, ReadFile, Unread};
use crate::focus;
use crate::icalendar::{CalendarTime, Effort, parse_rule, rule_from};
use crate::sentences::{Wording, clock_time};
use crate::visible::one_line;
use crate::{AppError, Folders, World};
use jiff::civil::DateTime;
use jiff::{SignedDuration, Zoned};
use reinette_time::{Language, Moment, describe};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// A larger file is none of ours.
const MAX_FILE_BYTES: u64 = 64 << 10;

/// More timers than this are not read.
const MAX_FILES: usize = 10_000;

/// What rings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum TimerKind {
    /// After a duration.
    Timer,
    /// At a time of day.
    Alarm,
}

impl TimerKind {
    /// As programs are told.
    fn name(self) -> &'static str {
        match self {
            Self::Timer => "timer",
            Self::Alarm => "alarm",
        }
    }
}

/// A timer or an alarm, as its file has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Timer {
    pub(super) kind: TimerKind,
    pub(super) rings_at: Zoned,
    /// What was asked of a timer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) duration: Option<SignedDuration>,
    /// How an alarm repeats, as an iCalendar rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) rule: Option<String>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) label: Option<String>,
}

/// A timer and its file.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) path: PathBuf,
    pub(super) content: Vec<u8>,
    pub(super) timer: Timer,
}

impl focus::Thing for Stored {
    fn title(&self, _world: &World) -> &str {
        self.timer.label.as_deref().unwrap_or_default()
    }

    fn identity(&self) -> (&'static str, String) {
        let item = self.timer.item(&self.path);
        (item.kind, item.id)
    }
}

/// The folder: what rings first comes first.
#[derive(Clone, Debug, Default)]
pub(super) struct Timers {
    pub(super) all: Vec<Stored>,
    /// The files that could not be read.
    pub(super) broken: Vec<Unread>,
}

impl Timers {
    /// Reads the folder; one that does not exist is empty.
    pub(super) fn read(folders: &Folders) -> Result<Self, AppError> {
        let Some(folder) = folders.open(&folders.timers)? else { return Ok(Self::default()) };
        let mut all: Vec<Stored> = Vec::new();
        let limits = Limits { bytes: MAX_FILE_BYTES, files: MAX_FILES, depth: 0 };
        let broken = folder.read_all("json", limits, |file| {
            let ReadFile { path, content } = file;
            let timer = Timer::from_json(&content).ok_or(Fault::Content)?;
            all.push(Stored { path, content, timer });
            Ok(())
        })?;
        all.sort_by(|a, b| (&a.timer.rings_at, &a.path).cmp(&(&b.timer.rings_at, &b.path)));
        Ok(Self { all, broken })
    }
}

impl Timer {
    /// The timer that a file with this content holds.
    pub(super) fn from_json(content: &[u8]) -> Option<Self> {
        serde_json::from_slice(content).ok()
    }

    /// The content of its file.
    pub(super) fn to_json(&self) -> Vec<u8> {
        let value = serde_json::to_value(self).unwrap_or_default();
        format!("{value:#}\n").into_bytes()
    }

    /// What it is called: "timer of 10 min (rice)", "alarm".
    pub(super) fn name(&self, language: Language) -> String {
        let label = self.label.as_deref().map(|label| format!(" ({})", one_line(label))).unwrap_or_default();
        let name = match (self.kind, self.duration.map(|duration| language.duration(duration))) {
            (TimerKind::Timer, Some(duration)) => {
                language.pick(format!("timer of {duration}"), format!("minuteur de {duration}"))
            }
            (TimerKind::Timer, None) => language.pick("timer", "minuteur").to_owned(),
            (TimerKind::Alarm, _) => language.pick("alarm", "alarme").to_owned(),
        };
        name + &label
    }

    /// What it is and when it rings.
    pub(super) fn label(&self, world: &World) -> String {
        format!("{}: {}", self.name(world.language), self.when(world))
    }

    /// When it rings.
    pub(super) fn when(&self, world: &World) -> String {
        let (language, now) = (world.language, &world.clock.now);
        let at = self.rings_at.with_time_zone(now.time_zone().clone());
        let left = language.duration(now.duration_until(&at));
        let when = match self.kind {
            _ if at <= *now => language.pick("rings now", "sonne maintenant").to_owned(),
            TimerKind::Timer => language.pick(
                format!("{left} left, rings at {}", clock_time(&at)),
                format!("encore {left}, sonne à {}", clock_time(&at)),
            ),
            TimerKind::Alarm => language.instant(&at, &world.clock),
        };
        match self.rule.as_ref().and_then(|rule| rule.parse().ok()) {
            Some(rule) => {
                let first = Box::new(Moment::Instant(at));
                describe(&Moment::Recurring { first, rule }, &world.clock, language)
            }
            None => when,
        }
    }

    /// What programs are told of it.
    pub(super) fn item(&self, path: &Path) -> Item {
        Item {
            title: self.label.clone(),
            rings_at: Some(iso_instant(&self.rings_at)),
            duration_seconds: self.duration.map(|duration| duration.as_secs()),
            rule: self.rule.clone(),
            ..Item::in_file(self.kind.name(), path)
        }
    }

    /// The same, for the next time it rings after `now`; none when it does not repeat.
    pub(super) fn next_after(&self, now: &Zoned) -> Option<Self> {
        let rule = parse_rule(self.rule.as_deref()?)?;
        let first = CalendarTime::new(self.rings_at.clone());
        let zone = self.rings_at.time_zone();
        let today = now.with_time_zone(zone.clone()).datetime().checked_sub(SignedDuration::from_hours(24)).ok()?;
        let effort = Effort::default();
        let starts = rule_from(&first, &rule)?.starts(today.max(first.civil())..DateTime::MAX, &effort);
        let mut times = starts.filter_map(|civil| civil.to_zoned(zone.clone()).ok());
        let rings_at = times.find(|time| time > now)?;
        Some(Self { rings_at, ..self.clone() })
    }
}
