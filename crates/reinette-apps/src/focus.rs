//! What the conversation is about: what was last shown, made or changed.
//!
//! The words of a call are copied from what was said, so that they may mean several things equally well ("the meeting"),
//! or only point at one ("move it", "the evening before"). What the last answers told of then decides: [`find`] chooses
//! among things, [`Focus::origin`] is what times are counted from.

use crate::World;
use crate::icalendar::CalendarTime;
use crate::matching::{self, Match};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use serde_json::Value;
use std::sync::Arc;

/// More answers than this are not looked at: what was told of so long ago is not what "it" means.
const MAX_ANSWERS: usize = 20;

/// What the last answers told of, those of the newest first.
#[derive(Clone, Debug, Default)]
pub struct Focus {
    answers: Arc<[Vec<Told>]>,
}

/// A thing that an answer told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    kind: String,
    id: String,
    title: String,
    /// When it begins or is due, of an event the time of the occurrence that was told of.
    pub(crate) at: Option<ToldTime>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ToldTime {
    Date(Date),
    Instant(Timestamp),
}

/// What a time is counted from that says of nothing else from what.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub(crate) title: String,
    pub(crate) start: CalendarTime,
    /// Whether it is the day on which several things are, of which none is meant.
    pub(crate) is_a_day: bool,
}

/// A thing that answers tell of and that titles name.
pub(crate) trait Thing: Sized {
    fn title(&self, world: &World) -> &str;

    /// Its kind and identifier, as answers tell them.
    fn identity(&self) -> (&'static str, String);

    /// The same, as an answer told of it: of an event that repeats, the occurrence.
    fn like_told(self, _told: &Told, _world: &World) -> Self {
        self
    }
}

impl Focus {
    /// What answers and changes told of, from the data that they carry, those of the newest first.
    pub fn of<'a>(newest_first: impl IntoIterator<Item = &'a Value>) -> Self {
        let answers = newest_first.into_iter().map(Told::all_in).filter(|told| !told.is_empty());
        Self { answers: answers.take(MAX_ANSWERS).collect() }
    }

    /// Which answer is the newest that tells of any of some things, by how many are newer.
    pub(crate) fn recency<T: Thing>(&self, things: &[T]) -> Option<usize> {
        self.answers.iter().position(|answer| things.iter().any(|thing| answer.iter().any(|told| told.is(thing))))
    }

    /// Of some things, which one the newest answer tells of that tells of any, and how; none if it tells of several.
    fn pick<T: Thing>(&self, things: &[T]) -> Option<(usize, Option<Told>)> {
        let answer = &self.answers[self.recency(things)?];
        let mut named = things.iter().enumerate().filter(|(_, thing)| answer.iter().any(|told| told.is(*thing)));
        match (named.next(), named.next()) {
            (Some((index, thing)), None) => Some((index, told_once(answer, thing))),
            _ => None,
        }
    }

    /// What a time counts from that says nothing of from what: the only thing with a time of the newest answer that has
    /// just one; or the day of all things of the newest answer, if they are on one day.
    pub(crate) fn origin(&self, zone: &TimeZone) -> Option<Origin> {
        let dated = |answer: &'_ Vec<Told>| -> Vec<Origin> {
            let mut all: Vec<Told> = answer.iter().filter(|told| told.at.is_some()).cloned().collect();
            all.dedup();
            all.iter().filter_map(|told| told.origin(zone)).collect()
        };
        let newest = dated(self.answers.first()?);
        if newest.len() > 1 {
            let day = |origin: &Origin| origin.start.instant(zone).map(|start| start.date());
            let first = day(&newest[0])?;
            if newest.iter().all(|origin| day(origin) == Some(first)) {
                return Some(Origin { title: String::new(), start: CalendarTime::Date(first), is_a_day: true });
            }
        }
        self.answers.iter().map(dated).find(|dated| dated.len() == 1)?.pop()
    }
}

impl Told {
    fn all_in(data: &Value) -> Vec<Self> {
        let lists = data.as_object().into_iter().flat_map(|fields| fields.values()).filter_map(Value::as_array);
        lists.flatten().filter_map(Self::read).collect()
    }

    fn read(item: &Value) -> Option<Self> {
        let text = |name: &str| item.get(name).and_then(Value::as_str);
        let at = text("start").or_else(|| text("due"));
        let at = at.and_then(|at| match at.parse::<Timestamp>() {
            Ok(instant) => Some(ToldTime::Instant(instant)),
            Err(_) => at.parse().ok().map(ToldTime::Date),
        });
        let id = text("id").filter(|id| !id.is_empty())?.to_owned();
        let title = text("title").unwrap_or_default().to_owned();
        Some(Self { kind: text("kind")?.to_owned(), id, title, at })
    }

    fn is(&self, thing: &impl Thing) -> bool {
        let (kind, id) = thing.identity();
        self.kind == kind && self.id == id
    }

    fn origin(&self, zone: &TimeZone) -> Option<Origin> {
        let start = match self.at? {
            ToldTime::Date(date) => CalendarTime::Date(date),
            ToldTime::Instant(instant) => CalendarTime::new(Zoned::new(instant, zone.clone())),
        };
        Some(Origin { title: self.title.clone(), start, is_a_day: false })
    }
}

/// How well a title has to fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closeness {
    /// All words of one of title and query are in the other.
    Fitting,
    /// Half of them are enough.
    Near,
}

/// Finds the thing that `query` means: by its title, and where that does not decide, as the last answers told of it.
pub(crate) fn find<T: Thing>(
    query: &str,
    things: impl IntoIterator<Item = T>,
    closeness: Closeness,
    world: &World,
) -> Match<T> {
    let focus = &world.focus;
    let things: Vec<T> = things.into_iter().collect();
    let is_title =
        || matching::rank(query, things.iter().map(|thing| thing.title(world))) == matching::Rank::WordForWord;
    if matching::points(query)
        && !is_title()
        && let Some(picked) = focus.pick(&things)
    {
        return one_of(things, picked, world);
    }
    let titles = things.iter().map(|thing| thing.title(world)).enumerate();
    let found = match closeness {
        Closeness::Fitting => matching::find_fitting(query, titles, |(_, title)| title),
        Closeness::Near => matching::find(query, titles, |(_, title)| title),
    };
    match found.map(|(index, _)| index) {
        Match::None { .. } if matching::says_only_a_kind(query) => match focus.pick(&things) {
            Some(picked) => one_of(things, picked, world),
            None => Match::None { nearest: Vec::new() },
        },
        Match::None { nearest } => Match::None { nearest: all_of(things, &nearest) },
        Match::One(index) => {
            let told = focus.answers.first().and_then(|newest| told_once(newest, &things[index]));
            one_of(things, (index, told), world)
        }
        Match::Several(indices) => decide(all_of(things, &indices), world),
    }
}

/// Of several things that are meant equally well, the one that the newest answer tells of that tells of any.
pub(crate) fn decide<T: Thing>(things: Vec<T>, world: &World) -> Match<T> {
    match world.focus.pick(&things) {
        Some(picked) => one_of(things, picked, world),
        None => Match::Several(things),
    }
}

/// What an answer tells of a thing, unless it tells of several occurrences of it.
fn told_once(answer: &[Told], thing: &impl Thing) -> Option<Told> {
    let mut told = answer.iter().filter(|told| told.is(thing));
    let first = told.next()?;
    told.next().is_none().then(|| first.clone())
}

fn one_of<T: Thing>(mut things: Vec<T>, (index, told): (usize, Option<Told>), world: &World) -> Match<T> {
    let thing = things.swap_remove(index);
    Match::One(match told {
        Some(told) => thing.like_told(&told, world),
        None => thing,
    })
}

/// The things at these places, in their order.
fn all_of<T>(things: Vec<T>, indices: &[usize]) -> Vec<T> {
    let mut things: Vec<Option<T>> = things.into_iter().map(Some).collect();
    indices.iter().filter_map(|index| things.get_mut(*index)?.take()).collect()
}

#[cfg(test)]
mod tests;
