//! One look across all kinds of things that have titles.
//!
//! Nobody has to know whether something is an event, a reminder, a timer or a note: what is asked for of one kind is done
//! to another where that fits better. The kind that was asked for wins whatever fits it as well; another wins if nothing
//! of that kind fits, or if its title has the very words and no title of that kind does.

use crate::data::Item;
use crate::matching::{self, Rank};
use crate::sentences::{MAX_LISTED, Wording};
use crate::{Answer, AppError, Change, Choice, Plan, Question, World, calendar, notes, reminders, timers};
use serde_json::{Map, Value};

/// The kinds of things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Thing {
    Event,
    Reminder,
    /// An alarm or a timer.
    Timer,
    Note,
}

/// What is to be done to the thing that a title means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deed<'a> {
    /// To this time.
    Move(&'a str),
    /// To this title.
    Rename(&'a str),
    Complete,
    Delete,
}

/// How many of a query's words something of a kind that was not asked for must have to be told.
const LEAST_COVERAGE: f64 = 0.5;

/// Plans a deed to what a title means, of the kind that was asked for or of another.
pub(crate) fn plan(asked: Thing, title: &str, deed: Deed<'_>, world: &World) -> Result<Plan, AppError> {
    let thing = meant(asked, title, deed, world)?;
    let planned = match (thing, deed) {
        (Thing::Event, Deed::Move(when)) => calendar::move_titled(title, when, world),
        (Thing::Event, Deed::Rename(new)) => calendar::rename_titled(title, new, world),
        (Thing::Event, Deed::Delete) => calendar::delete_titled(title, world),
        (Thing::Event, Deed::Complete) => Err(AppError::Refused(not_completed(title, world))),
        (Thing::Reminder, Deed::Move(when)) => reminders::move_titled(title, when, world),
        (Thing::Reminder, Deed::Rename(new)) => reminders::rename_titled(title, new, world),
        (Thing::Reminder, Deed::Delete) => reminders::delete_titled(title, world),
        (Thing::Reminder, Deed::Complete) => reminders::complete_titled(title, world),
        (Thing::Timer, _) => timers::cancel_named(title, world),
        (Thing::Note, _) => notes::delete_titled(title, world),
    }?;
    Ok(if thing == asked { planned } else { noted(planned, &is_another(thing, asked, world)) })
}

/// The kind of thing that a title means.
fn meant(asked: Thing, title: &str, deed: Deed<'_>, world: &World) -> Result<Thing, AppError> {
    let rank = |thing| match (thing, deed) {
        // What cannot be done stands in nobody's way.
        (Thing::Event, Deed::Complete) => Ok(match calendar::rank(title, world)? {
            Rank::Near => Rank::Nothing,
            rank => rank.min(Rank::LastResort),
        }),
        (Thing::Event, _) => calendar::rank(title, world),
        (Thing::Reminder, _) => reminders::rank(title, world),
        (Thing::Timer, _) => Ok(timers::rank(title, world)?.min(Rank::LastResort)),
        (Thing::Note, _) if notes::rank(title, world)? == Rank::WordForWord => Ok(Rank::LastResort),
        (Thing::Note, _) => Ok(Rank::Nothing),
    };
    let others: &[Thing] = match deed {
        Deed::Delete => &[Thing::Event, Thing::Reminder, Thing::Timer, Thing::Note],
        _ => &[Thing::Event, Thing::Reminder],
    };
    if matching::points(title) {
        return Ok(told_last(asked, others, deed, world).unwrap_or(asked));
    }
    let own = rank(asked)?;
    if own == Rank::WordForWord {
        return Ok(asked);
    }
    let mut best = (own, asked);
    for other in others.iter().copied().filter(|other| *other != asked) {
        // What cannot be read of another kind does not stand in the way of this one.
        let rank = rank(other).unwrap_or(Rank::Nothing);
        let is_better = match own {
            Rank::Nothing => true,
            Rank::Near => rank >= Rank::Partly,
            _ => rank == Rank::WordForWord,
        };
        if rank > best.0 && is_better {
            best = (rank, other);
        }
    }
    Ok(best.1)
}

/// The kind of which the newest answer tells that tells of any, the kind that was asked for first.
fn told_last(asked: Thing, others: &[Thing], deed: Deed<'_>, world: &World) -> Option<Thing> {
    if deed == Deed::Complete {
        return Some(asked);
    }
    let others = others.iter().copied().filter(|other| *other != asked);
    let recency = |thing| match thing {
        Thing::Event => calendar::recency(world),
        Thing::Reminder => reminders::recency(world),
        Thing::Timer => timers::recency(world),
        Thing::Note => notes::recency(world),
    };
    let told = [asked].into_iter().chain(others).filter_map(|thing| Some((recency(thing).ok()??, thing)));
    told.min_by_key(|(recency, _)| *recency).map(|(_, thing)| thing)
}

/// A kind with its article.
fn named(thing: Thing, world: &World) -> &'static str {
    let (english, french) = match thing {
        Thing::Event => ("an event", "un évènement"),
        Thing::Reminder => ("a reminder", "un rappel"),
        Thing::Timer => ("an alarm or a timer", "une alarme ou un minuteur"),
        Thing::Note => ("a note", "une note"),
    };
    world.language.pick(english, french)
}

fn is_another(thing: Thing, asked: Thing, world: &World) -> String {
    let (thing, asked) = (named(thing, world), named(asked, world));
    let not = world.language.pick("not", "pas");
    world.language.pick(format!("It is {thing}, {not} {asked}."), format!("C’est {thing}, {not} {asked}."))
}

fn not_completed(title: &str, world: &World) -> String {
    let title = world.language.quoted(title);
    world.language.pick(
        format!("{title} is an event in your calendar and not a reminder: it can be moved or deleted, but not marked as done."),
        format!("{title} est un évènement de votre agenda et non un rappel : il peut être déplacé ou supprimé, mais pas marqué comme fait."),
    )
}

/// A plan that says in all of its sentences what kind of thing it is about.
fn noted(plan: Plan, note: &str) -> Plan {
    match plan {
        Plan::Change(change) => Plan::Change(Change {
            effect: format!("{} {note}", change.effect),
            done: format!("{} {note}", change.done),
            ..change
        }),
        Plan::Ask(Question { text, choices }) => Plan::Ask(Question {
            text: format!("{note} {text}"),
            choices: choices.into_iter().map(|choice| Choice { plan: noted(choice.plan, note), ..choice }).collect(),
        }),
        answer @ Plan::Answer(_) => answer,
    }
}

/// What was found of one kind for some words.
#[derive(Debug)]
pub(crate) struct Search {
    /// The part of the words that the best have, from 0 to 1.
    pub(crate) coverage: f64,
    /// Whether a title has the very words.
    pub(crate) is_exact: bool,
    /// The best, as they are told.
    pub(crate) lines: Vec<String>,
    pub(crate) items: Vec<Item>,
    /// How many are not among those.
    pub(crate) more: usize,
    /// Said of files that could not be read.
    pub(crate) broken: String,
}

/// Tells what has some words, of the kind that was asked for or of another.
pub(crate) fn find(asked: Thing, query: &str, world: &World) -> Result<Plan, AppError> {
    let search = |thing| match thing {
        Thing::Event => calendar::search(query, world),
        Thing::Note => notes::search(query, world),
        Thing::Reminder | Thing::Timer => reminders::search(query, world),
    };
    let own = search(asked)?;
    let others = [Thing::Event, Thing::Reminder, Thing::Note].into_iter().filter(|other| *other != asked);
    let mut better: Vec<(Thing, Search)> = Vec::new();
    if own.coverage < 1.0 && !own.is_exact {
        let is_better =
            |found: &Search| if own.lines.is_empty() { found.coverage >= LEAST_COVERAGE } else { found.is_exact };
        let found = others.filter_map(|other| Some((other, search(other).ok().filter(is_better)?)));
        better.extend(found);
        let best = better.iter().map(|(_, found)| found.coverage).fold(0.0, f64::max);
        better.retain(|(_, found)| found.coverage >= best);
        if asked == Thing::Event {
            better.truncate(1);
        }
    }
    if better.is_empty() {
        let text = match own.lines.as_slice() {
            [] => nothing_found(asked, query, world),
            lines => lines.join("\n") + &and_more(&own, world),
        };
        return Ok(Plan::Answer(Answer { text: text + &own.broken, data: data([(asked, &own)]) }));
    }
    let mut text = nothing_found(asked, query, world);
    for (thing, found) in &better {
        let separator = if text.contains('\n') { "\n" } else { " " };
        text.extend([separator, place(*thing, world)]);
        text.extend(found.lines.iter().flat_map(|line| ["\n  ", line]));
        text.push_str(&and_more(found, world));
        text.push_str(&found.broken);
    }
    let nothing = Search { lines: Vec::new(), items: Vec::new(), ..own };
    let found = better.iter().map(|(thing, found)| (*thing, found));
    Ok(Plan::Answer(Answer { text, data: data([(asked, &nothing)].into_iter().chain(found)) }))
}

fn nothing_found(asked: Thing, query: &str, world: &World) -> String {
    let query = world.language.quoted(query);
    match asked {
        Thing::Note => {
            world.language.pick(format!("No note has {query}."), format!("Aucune note ne contient {query}."))
        }
        _ => world.language.pick(format!("No event has {query}."), format!("Aucun évènement ne contient {query}.")),
    }
}

fn and_more(found: &Search, world: &World) -> String {
    match found.more {
        0 => String::new(),
        more => world.language.pick(format!("\n… and {more} more"), format!("\n… et {more} autres")),
    }
}

/// Where things of a kind are.
fn place(thing: Thing, world: &World) -> &'static str {
    let (english, french) = match thing {
        Thing::Event => ("In your calendar:", "Dans votre agenda :"),
        Thing::Reminder | Thing::Timer => ("Among your reminders:", "Parmi vos rappels :"),
        Thing::Note => ("In your notes:", "Dans vos notes :"),
    };
    world.language.pick(english, french)
}

fn data<'a>(all: impl IntoIterator<Item = (Thing, &'a Search)>) -> Value {
    let name = |thing| match thing {
        Thing::Event => "events",
        Thing::Reminder | Thing::Timer => "reminders",
        Thing::Note => "notes",
    };
    let entry = |(thing, found): (Thing, &Search)| {
        (name(thing).to_owned(), serde_json::to_value(&found.items).unwrap_or_default())
    };
    Value::Object(all.into_iter().map(entry).collect::<Map<_, _>>())
}

impl Search {
    /// What was found for a query: the best, in their order.
    pub(crate) fn new<T>(
        (coverage, is_exact): (f64, bool),
        found: &[T],
        line: impl Fn(&T) -> String,
        item: impl Fn(&T) -> Item,
        broken: String,
    ) -> Self {
        let shown = || found.iter().take(MAX_LISTED);
        Self {
            coverage,
            is_exact,
            lines: shown().map(line).collect(),
            items: shown().map(item).collect(),
            more: found.len().saturating_sub(MAX_LISTED),
            broken,
        }
    }
}

#[cfg(test)]
mod tests;
