//! Notes where events are and who comes.

use super::{Upcoming, find, read};
use crate::data::{Item, fields, items};
use crate::icalendar::{Component, attendee, escape};
use crate::sentences::Wording;
use crate::visible::one_line;
use crate::{Answer, AppError, Change, Plan, World};
use reinette_time::plain;
use serde::{Deserialize, Serialize};

/// The most people of whom one sentence tells.
const MAX_PEOPLE: usize = 30;

/// Words before a place that are none of its name.
const PLACE_PREPOSITIONS: &[&str] = &["at ", "in ", "to ", "à ", "au ", "aux "];

/// Words before the first of some people.
const WITH: &[&str] = &["with", "avec"];
const AND: &[&str] = &["and", "et"];

/// The arguments of `place_event`.
#[derive(Debug, Serialize, Deserialize, reinette::Generable)]
pub(crate) struct PlaceEvent {
    /// The event's title.
    #[guide(span)]
    title: String,
    /// Where it takes place.
    #[guide(span)]
    place: String,
}

/// The arguments of `invite`.
#[derive(Debug, Serialize, Deserialize, reinette::Generable)]
pub(crate) struct Invite {
    /// The event's title.
    #[guide(span)]
    title: String,
    /// The names of those who come to it.
    #[guide(span)]
    people: String,
}

pub(crate) fn place_event(arguments: &PlaceEvent, world: &World) -> Result<Plan, AppError> {
    let vdir = read(world)?;
    let said = arguments.place.trim();
    let is_before = |word: &&&str| said.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    let place = PLACE_PREPOSITIONS.iter().find(is_before).map_or(said, |word| said[word.len()..].trim());
    let found = find(&arguments.title, &vdir, world);
    world.language.plan_for(
        &arguments.title,
        found,
        |event| event.label(world),
        |event| set_place(&event, place, world),
    )
}

/// Sets the place of all of an event that is where the one is that is meant.
fn set_place(event: &Upcoming<'_>, place: &str, world: &World) -> Result<Plan, AppError> {
    let language = world.language;
    let old = &event.occurrence.component.location;
    let (title, told) = (language.quoted(event.title(world)), one_line(place));
    if place.is_empty() {
        return Err(AppError::Refused(language.pick("Say where it is.", "Dites où c’est.").to_owned()));
    }
    if old.as_deref() == Some(place) {
        return Err(AppError::Refused(
            language.pick(format!("{title} is at {told} already."), format!("{title} a déjà ce lieu : {told}.")),
        ));
    }
    let is_there = |other: &Component| other.location == *old;
    let file = event.series.with_each(is_there, &world.clock.now, |editor, at, _| {
        editor.set(at, "LOCATION", &format!(":{}", escape(place)));
    });
    let all = all_of_it(event, world);
    Ok(Plan::Change(Change {
        effect: language.pick(
            format!("Sets the place of {title}: {told}.{all}"),
            format!("Note le lieu de {title} : {told}.{all}"),
        ),
        done: language
            .pick(format!("{title} is now at {told}.{all}"), format!("{title} a maintenant pour lieu : {told}.{all}")),
        data: items("changed", &[Item { location: Some(place.to_owned()), ..event.item(world) }]),
        files: vec![file],
    }))
}

/// Said of a series.
fn all_of_it(event: &Upcoming<'_>, world: &World) -> &'static str {
    if event.series.main.repeats() { world.language.pick(" All of them.", " Tous.") } else { "" }
}

pub(crate) fn invite(arguments: &Invite, world: &World) -> Result<Plan, AppError> {
    let vdir = read(world)?;
    let names = names(&arguments.people);
    if names.is_empty() {
        return Err(AppError::Refused(world.language.pick("Say who comes.", "Dites qui vient.").to_owned()));
    }
    let found = find(&arguments.title, &vdir, world);
    world.language.plan_for(&arguments.title, found, |event| event.label(world), |event| Ok(add(&event, &names, world)))
}

/// The names in a text such as "Sam and Kim, Lea", each once.
fn names(people: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for part in people.split([',', ';', '&', '+', '\n']) {
        for words in part.split_whitespace().collect::<Vec<_>>().split(|word| AND.contains(&plain(word).as_str())) {
            let words = if words.first().is_some_and(|word| WITH.contains(&plain(word).as_str())) {
                &words[1..]
            } else {
                words
            };
            let name: String =
                words.join(" ").chars().filter(|character| !character.is_control() && *character != '"').collect();
            let name = name.trim_end_matches(['.', '!', '?']).to_owned();
            if !name.is_empty() && !has(&names, &name) {
                names.push(name);
            }
        }
    }
    names
}

fn has(people: &[String], name: &str) -> bool {
    people.iter().any(|known| plain(known) == plain(name))
}

/// Adds people to all of an event, whom nobody tells.
fn add(event: &Upcoming<'_>, names: &[String], world: &World) -> Plan {
    let language = world.language;
    let known = &event.occurrence.component.people;
    let (already, new): (Vec<String>, Vec<String>) = names.iter().cloned().partition(|name| has(known, name));
    let (title, coming) = (language.quoted(event.title(world)), language.joined(&already, MAX_PEOPLE));
    if new.is_empty() {
        let text = language
            .pick(format!("{title} is with {coming} already."), format!("{coming} : déjà sur la liste de {title}."));
        return Plan::Answer(Answer { text, data: fields([]) });
    }
    let file = event.series.with_each(
        |_| true,
        &world.clock.now,
        |editor, at, component| {
            for name in new.iter().filter(|name| !has(&component.people, name)) {
                editor.add(at, "ATTENDEE", &attendee(name));
            }
        },
    );
    let (told, all) = (language.joined(&new, MAX_PEOPLE), all_of_it(event, world));
    let note = match already.len() {
        0 => String::new(),
        _ => language.pick(format!(" Already there: {coming}."), format!(" Déjà là : {coming}.")),
    };
    let people = [known.as_slice(), &new].concat();
    Plan::Change(Change {
        effect: language.pick(
            format!("Adds {told} to {title}; nothing is sent to anybody.{all}{note}"),
            format!("Ajoute {told} à {title} ; rien n’est envoyé à personne.{all}{note}"),
        ),
        done: language.pick(
            format!("{title} is now with {told}; nothing was sent to anybody.{all}{note}"),
            format!("{title} : {told} en plus ; rien n’a été envoyé à personne.{all}{note}"),
        ),
        data: items("changed", &[Item { people, ..event.item(world) }]),
        files: vec![file],
    })
}
