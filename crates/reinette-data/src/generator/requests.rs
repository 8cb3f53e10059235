//! Draws requests for one product.

use super::dialogue::Choices;
use super::example::{Example, Message, Origin, Role};
use super::pattern::Pattern;
use super::product::{Language, Product};
use super::segments::Segments;
use super::taken::Taken;
use super::template::{Part, Template};
use crate::lines::{Call, calls_text};
use crate::random::Random;
use std::collections::BTreeMap;

/// Of imperatives, those with a polite word before them, and those with one behind.
const POLITE_BEFORE: f64 = 0.4;
const POLITE_AFTER: f64 = 0.12;
/// Of joined requests, those of three.
const THREE: f64 = 0.08;
/// Of requests in several turns, those that correct a call.
const CORRECTION: f64 = 0.7;
/// What ends a request and does not stand before "and".
const END_MARKS: [char; 4] = [' ', '?', '.', '!'];
/// After so many requests in a row that are taken or too long, nothing new is left.
const MOST_TRIES: usize = 20_000;

/// The templates and turns of one language that belong to a part.
#[derive(Debug)]
struct Drawn<'a> {
    language: &'a Language,
    /// By the tool of the first call.
    templates: BTreeMap<&'a str, Vec<&'a Template>>,
    dialogues: Vec<(&'a str, Choices<'a>)>,
}

/// Requests for one product with the calls that are right for them: the same for the same seed, none twice.
///
/// It ends when nothing new is found.
#[derive(Debug)]
pub struct Requests<'a> {
    product: &'a Product,
    languages: Vec<Drawn<'a>>,
    random: Random,
    taken: Taken,
}

impl<'a> Requests<'a> {
    /// Gets ready to draw from the templates of a part.
    pub fn new(product: &'a Product, part: Part, seed: u64, taken: Taken) -> Self {
        let drawn = |language: &'a Language| {
            let mut templates = BTreeMap::<&str, Vec<&Template>>::new();
            for template in language.templates.iter().filter(|template| template.part == part) {
                templates.entry(&template.tools[0]).or_default().push(template);
            }
            Drawn { language, templates, dialogues: language.dialogues.choices(part) }
        };
        let languages = product.languages.iter().map(drawn).filter(|drawn| !drawn.templates.is_empty()).collect();
        Self { product, languages, random: Random::new(seed, part as u64), taken }
    }

    /// The requests that were made or must not be.
    pub fn into_taken(self) -> Taken {
        self.taken
    }

    fn draw(&mut self) -> Option<Example> {
        let Self { product, languages, random, .. } = self;
        let mix = &product.mix;
        let shares = languages.iter().map(|drawn| (drawn, mix.languages[&drawn.language.name]));
        let drawn = random.by_share(shares)?;
        if random.chance(mix.dialogues) && !drawn.dialogues.is_empty() {
            return drawn.dialogue(product, random);
        }
        let count = match (random.chance(mix.joined), random.chance(THREE)) {
            (false, _) => 1,
            (true, false) => 2,
            (true, true) => 3,
        };
        drawn.request(product, count, random)
    }
}

impl Iterator for Requests<'_> {
    type Item = Example;

    fn next(&mut self) -> Option<Example> {
        for _ in 0..MOST_TRIES {
            let Some(example) = self.draw() else { continue };
            let is_short = |words: &str| !words.is_empty() && words.chars().count() <= self.product.mix.longest;
            if example.words().all(is_short) && self.taken.take(&example) {
                return Some(example);
            }
        }
        None
    }
}

impl<'a> Drawn<'a> {
    /// A request, or several in a sentence. None if the tools that were drawn have no template here.
    fn request(&self, product: &Product, count: usize, random: &mut Random) -> Option<Example> {
        let mut request = Segments::default();
        let mut templates = Vec::new();
        for part in 0..count {
            let template = self.template(product, random)?;
            if count > 1 && (template.tools.len() > 1 || template.tools[0] == product.mix.no_tool) {
                return None;
            }
            if part > 0 {
                request.trim_end_matches(&END_MARKS);
                let joint = self.language.rules.optional_words("joint", random)?;
                request.push(format!(" {} ", joint.trim()), None);
            }
            request.append(self.expand(template, part, random));
            templates.push(template);
        }
        self.language.spelling.write(&mut request);
        self.language.spelling.roughen(&mut request, random);
        // After the roughening, so that arguments are words of the request as it is.
        let calls = |(part, template): (usize, &&Template)| template.calls(&request.captured(part), product);
        let calls = templates.iter().enumerate().flat_map(calls).collect();
        let names: Vec<&str> = templates.iter().map(|template| template.name.as_str()).collect();
        let origin = Origin { language: self.language.name.clone(), template: names.join(" "), question: None };
        let messages = vec![Message::new(Role::User, request.text())];
        Some(Example { messages, tools: Vec::new(), calls, origin })
    }

    fn template(&self, product: &Product, random: &mut Random) -> Option<&'a Template> {
        let shares = product.mix.tools.iter().map(|(tool, share)| (tool, *share));
        let tool = random.by_share(shares)?;
        let templates = self.templates.get(tool.as_str())?;
        Some(templates[random.below(templates.len())])
    }

    /// The words of a template, now and then with "please".
    fn expand(&self, template: &Template, part: usize, random: &mut Random) -> Segments {
        let rules = &self.language.rules;
        let mut request = Segments::default();
        if template.is_imperative && random.chance(POLITE_BEFORE) {
            let words = rules.optional_words("wrap_before", random).unwrap_or_default();
            request.push(format!("{words} "), None);
        }
        request.append(rules.expand(&template.pattern, part, random));
        if template.is_imperative && random.chance(POLITE_AFTER) {
            let words = rules.optional_words("wrap_after", random).unwrap_or_default();
            request.push(format!(" {words}"), None);
        }
        request
    }

    /// A request in two turns; the first is answered by the call that it asks for, or by none if it lacks something.
    fn dialogue(&self, product: &Product, random: &mut Random) -> Option<Example> {
        let shares = self.dialogues.iter().map(|entry| (entry, product.mix.tools.get(entry.0).copied().unwrap_or(0.0)));
        let (tool, choices) = random.by_share(shares)?;
        let is_correction = choices.openings.is_empty() || random.chance(CORRECTION);
        let (first, mut calls, follow_ups) = if is_correction {
            let templates: Vec<_> = self.templates.get(tool)?.iter().filter(|known| known.tools.len() == 1).collect();
            if templates.is_empty() || choices.corrections.is_empty() {
                return None;
            }
            let template = templates[random.below(templates.len())];
            let mut request = self.expand(template, 0, random);
            self.write(&mut request, random);
            (request.text(), template.calls(&request.captured(0), product), &choices.corrections)
        } else {
            let opening = choices.openings[random.below(choices.openings.len())];
            (self.turn(opening, random).text(), Vec::new(), &choices.answers)
        };
        let before = calls_text(&calls, &product.mix.no_tool);
        let second = self.turn(follow_ups[random.below(follow_ups.len())], random);
        let mut known = calls.pop().map_or_else(serde_json::Map::new, |call: Call| call.arguments);
        known.extend(second.captured(0).into_iter().map(|(name, words)| (name, words.into())));
        // In the order of the tool, whichever was said first.
        let order = product.arguments(tool).unwrap_or_default();
        let arguments = order.iter().filter_map(|name| known.remove(name).map(|value| (name.clone(), value))).collect();
        let messages = vec![
            Message::new(Role::User, first),
            Message::new(Role::Assistant, before),
            Message::new(Role::User, second.text()),
        ];
        let origin =
            Origin { language: self.language.name.clone(), template: format!("{tool}:dialogue"), question: None };
        let calls = vec![Call { name: (*tool).to_owned(), arguments }];
        Some(Example { messages, tools: Vec::new(), calls, origin })
    }

    fn turn(&self, pattern: &Pattern, random: &mut Random) -> Segments {
        let mut turn = self.language.rules.expand(pattern, 0, random);
        self.write(&mut turn, random);
        turn
    }

    fn write(&self, request: &mut Segments, random: &mut Random) {
        self.language.spelling.write(request);
        self.language.spelling.roughen(request, random);
    }
}
