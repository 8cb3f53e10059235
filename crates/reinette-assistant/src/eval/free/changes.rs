//! What is different between two snapshots of a home, and whether it is what was wanted.

use super::format::{Kind, Wanted, When};
use super::snapshot::{Snapshot, State, Thing, rule_parts};
use super::words::{folded, same_title};
use jiff::Zoned;
use std::fmt;

/// A difference: at least one of both is there.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) before: Option<Thing>,
    pub(super) after: Option<Thing>,
}

/// What changed from one snapshot to the next.
pub(super) fn changes(before: &Snapshot, after: &Snapshot) -> Vec<Change> {
    let mut gone: Vec<&Thing> = before.things.iter().collect();
    let mut come: Vec<&Thing> = after.things.iter().collect();
    let mut found = Vec::new();
    // From the surest sign that two things are one to the least sure.
    let signs: [fn(&Thing, &Thing) -> bool; 4] = [
        |a, b| a.kind == Kind::Timer && a.state == b.state,
        |a, b| a.identity == b.identity,
        |a, b| !a.state.title.is_empty() && folded(&a.state.title) == folded(&b.state.title),
        |a, b| a.kind == Kind::Note && a.state.text == b.state.text,
    ];
    for same in signs {
        gone.retain(|old| {
            let Some(at) = come.iter().position(|new| new.kind == old.kind && same(old, new)) else { return true };
            let new = come.remove(at);
            if old.state != new.state || old.identity != new.identity {
                found.push(Change { before: Some((*old).clone()), after: Some(new.clone()) });
            }
            false
        });
    }
    found.extend(gone.into_iter().map(|old| Change { before: Some(old.clone()), after: None }));
    found.extend(come.into_iter().map(|new| Change { before: None, after: Some(new.clone()) }));
    found
}

impl Change {
    /// Whether something is different, not only its file or its UID.
    pub(super) fn is_real(&self) -> bool {
        self.before.as_ref().map(|thing| &thing.state) != self.after.as_ref().map(|thing| &thing.state)
    }

    pub(super) fn kind(&self) -> Option<Kind> {
        self.before.as_ref().or(self.after.as_ref()).map(|thing| thing.kind)
    }

    /// Whether a reminder was completed now, or went on to its next time.
    fn is_done(&self) -> bool {
        let (Some(before), Some(after)) = (&self.before, &self.after) else { return false };
        let goes_on = before.state.rule.is_some() && after.state.due > before.state.due;
        !before.state.is_done && (after.state.is_done || goes_on)
    }

    fn is_completed(&self) -> bool {
        let is_done = |thing: &Option<Thing>| thing.as_ref().is_some_and(|thing| thing.state.is_done);
        is_done(&self.after) && !is_done(&self.before)
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let described = |thing: &Thing| Described(&thing.state).to_string();
        match (&self.before, &self.after) {
            (Some(before), Some(after)) => {
                write!(f, "changed {}: {} → {}", before.kind, described(before), described(after))
            }
            (Some(before), None) => write!(f, "removed {}: {}", before.kind, described(before)),
            (None, Some(after)) => write!(f, "added {}: {}", after.kind, described(after)),
            (None, None) => Ok(()),
        }
    }
}

/// A state in one line.
struct Described<'a>(&'a State);

impl fmt::Display for Described<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(state) = self;
        write!(f, "“{}”", state.title)?;
        for (name, when) in
            [("start", state.start), ("end", state.end), ("due", state.due), ("rings", state.rings.map(When::At))]
        {
            if let Some(when) = when {
                write!(f, " {name} {when}")?;
            }
        }
        for (name, text) in [("at", &state.location), ("repeats", &state.rule)] {
            if let Some(text) = text {
                write!(f, " {name} {text}")?;
            }
        }
        if !state.attendees.is_empty() {
            write!(f, " with {}", state.attendees.join(", "))?;
        }
        if !state.text.is_empty() {
            write!(f, " text “{}”", state.text)?;
        }
        if state.is_done {
            f.write_str(" done")?;
        }
        state.further.iter().try_for_each(|further| write!(f, " [{further}]"))
    }
}

/// The names that a dialogue gave to things, beside their titles.
#[derive(Clone, Debug, Default)]
pub(super) struct Names(Vec<(Kind, String, Vec<String>)>);

impl Names {
    /// Keeps what the ends of a turn call the things that it added or changed.
    pub(super) fn learn(&mut self, wanted: &[&Wanted], changes: &[Change], now: &Zoned) {
        for change in changes {
            if let (Some(before), Some(after)) = (&change.before, &change.after) {
                for (_, identity, _) in
                    self.0.iter_mut().filter(|(kind, identity, _)| *kind == before.kind && *identity == before.identity)
                {
                    identity.clone_from(&after.identity);
                }
            }
            let Some(after) = &change.after else { continue };
            let own = after.names();
            for names in wanted
                .iter()
                .filter(|wanted| wanted.kind() == Some(after.kind))
                .map(|wanted| wanted.names(now.datetime()))
            {
                if names.iter().any(|name| own.contains(name) || same_title(name, &after.state.title)) {
                    self.0.push((after.kind, after.identity.clone(), names));
                }
            }
        }
    }

    /// Whether `name` stands for a thing.
    fn mean(&self, name: &str, thing: &Thing) -> bool {
        let name = folded(name);
        thing.names().contains(&name)
            || self.0.iter().any(|(kind, identity, names)| {
                *kind == thing.kind && *identity == thing.identity && names.contains(&name)
            })
    }
}

/// Whether the changes are exactly those that are wanted; otherwise why not, and how many are right.
pub(super) fn exactly(
    wanted: &[Wanted],
    changes: &[Change],
    names: &Names,
    now: &Zoned,
) -> Result<(), (usize, String)> {
    let faults: Vec<Vec<Option<String>>> =
        wanted.iter().map(|wanted| changes.iter().map(|change| fault(wanted, change, names, now)).collect()).collect();
    let mut of_change: Vec<Option<usize>> = vec![None; changes.len()];
    for at in 0..wanted.len() {
        assign(at, &faults, &mut of_change, &mut vec![false; changes.len()]);
    }
    let right = of_change.iter().flatten().count();
    if let Some(at) = (0..wanted.len()).find(|at| !of_change.contains(&Some(*at))) {
        // Of what was changed otherwise, the nearest tells most.
        let reasons = || {
            faults[at]
                .iter()
                .zip(&of_change)
                .filter(|(_, taken)| taken.is_none())
                .filter_map(|(fault, _)| fault.as_deref())
        };
        let reason = reasons().find(|reason| !reason.starts_with("it is")).or_else(|| reasons().next());
        return Err((right, format!("{}: {}", wanted[at].summary(), reason.unwrap_or("no such change"))));
    }
    match changes.iter().zip(&of_change).find(|(_, taken)| taken.is_none()) {
        Some((change, _)) => Err((right, format!("not wanted: {change}"))),
        None => Ok(()),
    }
}

/// Gives a wanted change one that was made, moving others to where they fit too.
fn assign(at: usize, faults: &[Vec<Option<String>>], of_change: &mut [Option<usize>], seen: &mut [bool]) -> bool {
    for change in 0..of_change.len() {
        if faults[at][change].is_some() || std::mem::replace(&mut seen[change], true) {
            continue;
        }
        let is_free = match of_change[change] {
            Some(other) => assign(other, faults, of_change, seen),
            None => true,
        };
        if is_free {
            of_change[change] = Some(at);
            return true;
        }
    }
    false
}

/// Why a change is not the one that is wanted.
fn fault(wanted: &Wanted, change: &Change, names: &Names, now: &Zoned) -> Option<String> {
    if wanted.kind() != change.kind() {
        return Some(format!("it is another kind: {change}"));
    }
    let is_verb = match (&change.before, &change.after) {
        (None, Some(_)) => wanted.added.is_some(),
        (Some(_), None) => wanted.removed.is_some(),
        _ => (wanted.done.is_some() && change.is_done()) || (wanted.changed.is_some() && !change.is_completed()),
    };
    if !is_verb {
        return Some(format!("it is something else: {change}"));
    }
    if let (Some(was), Some(before)) = (&wanted.was, &change.before)
        && !names.mean(was, before)
    {
        return Some(format!("it is another thing: {change}"));
    }
    change
        .after
        .as_ref()
        .filter(|_| wanted.added.is_some() || wanted.changed.is_some())
        .and_then(|after| fields(wanted, after, now))
}

/// Which field is not as wanted.
fn fields(wanted: &Wanted, thing: &Thing, now: &Zoned) -> Option<String> {
    let state = &thing.state;
    let zone = now.time_zone();
    let seconds =
        state.rings.and_then(|rings| Some(rings.to_zoned(zone.clone()).ok()?.duration_since(now).as_secs_f64()));
    let near = |found: f64, wanted: f64, by: f64| (found - wanted).abs() <= by;
    let anchor = state.start.or(state.due).or(state.rings.map(When::At));
    let same_rule = |found: &str, wanted: &str| rule_parts(found, anchor, zone) == rule_parts(wanted, anchor, zone);
    let title = Some(state.title.as_str()).filter(|title| !title.is_empty());
    let rings = state.rings.map(When::At);
    field("title", wanted.title.as_deref(), title, |found, wanted| same_title(found, wanted))
        .or_else(|| field("start", wanted.start.as_deref(), state.start, |found, wanted| found == *wanted))
        .or_else(|| field("end", wanted.end.as_deref(), state.end, |found, wanted| found == *wanted))
        .or_else(|| field("due", wanted.due.as_deref(), state.due, |found, wanted| found == *wanted))
        .or_else(|| field("rings", wanted.rings.as_deref(), rings, |found, wanted| found == *wanted))
        .or_else(|| {
            field("minutes", wanted.minutes.as_deref(), state.minutes, |found, wanted| near(found, *wanted, 0.01))
        })
        .or_else(|| field("seconds", wanted.seconds.as_deref(), seconds, |found, wanted| near(found, *wanted, 2.0)))
        .or_else(|| {
            field("location", wanted.location.as_deref(), state.location.as_deref(), |found, wanted| {
                same_title(found, wanted)
            })
        })
        .or_else(|| {
            field("repeats", wanted.repeats.as_deref(), state.rule.as_deref(), |found, wanted| same_rule(found, wanted))
        })
        .or_else(|| attendees(wanted.attendees.as_deref()?, &state.attendees))
        .or_else(|| text(wanted, &state.text))
}

/// Why none of the wanted values is the one that was found.
fn field<F: fmt::Display + Copy, W: fmt::Display>(
    name: &str,
    wanted: Option<&[Option<W>]>,
    found: Option<F>,
    same: impl Fn(F, &W) -> bool,
) -> Option<String> {
    let wanted = wanted?;
    let holds = wanted.iter().any(|wanted| match (found, wanted) {
        (Some(found), Some(wanted)) => same(found, wanted),
        (found, wanted) => found.is_none() && wanted.is_none(),
    });
    let shown = |value: Option<String>| value.unwrap_or_else(|| "none".to_owned());
    let listed = || wanted.iter().map(|value| shown(value.as_ref().map(W::to_string))).collect::<Vec<_>>().join(" or ");
    (!holds).then(|| format!("{name} is {}, not {}", shown(found.map(|found| found.to_string())), listed()))
}

fn attendees(wanted: &[Option<String>], found: &[String]) -> Option<String> {
    let is_there = |name: &str| found.iter().any(|attendee| folded(attendee).contains(&folded(name)));
    wanted.iter().find_map(|name| match name {
        Some(name) if !is_there(name) => Some(format!("attendees lack {name}")),
        None if !found.is_empty() => Some(format!("attendees are {}, not none", found.join(", "))),
        _ => None,
    })
}

fn text(wanted: &Wanted, found: &str) -> Option<String> {
    let found = folded(found);
    let lacking = wanted.text_has.iter().find(|text| !found.contains(&folded(text)));
    let standing = wanted.text_lacks.iter().find(|text| found.contains(&folded(text)));
    let lacking = lacking.map(|text| format!("the text lacks “{text}”"));
    lacking.or_else(|| standing.map(|text| format!("the text has “{text}”")))
}

impl Wanted {
    /// What is wanted, for people.
    fn summary(&self) -> String {
        let verbs = [("added", self.added), ("changed", self.changed), ("removed", self.removed), ("done", self.done)];
        let verb = verbs.into_iter().find_map(|(verb, kind)| Some(format!("{verb} {}", kind?))).unwrap_or_default();
        let title = self.title.iter().flatten().flatten().next();
        match self.was.as_ref().or(title) {
            Some(title) => format!("{verb} “{title}”"),
            None => verb,
        }
    }
}
