//! Families put together at random: a verb, a thing, some parameters, and requests that say them in any order.

use crate::data_generator::GeneratorError;
use crate::data_generator::rules::lines;
use crate::random::Random;
use std::collections::HashSet;
use std::fmt::Write as _;

/// Families of each thing.
const OF_A_THING: usize = 3;
/// Parameters, or those that belong together, of a family, at most.
const MOST_PARAMETERS: usize = 4;
/// Of parameters that may be required, those that are.
const REQUIRED: f64 = 0.7;
/// Requests of a family.
const REQUESTS: usize = 4;
/// Of requests, those that begin with what is said of a parameter.
const FRONTED: f64 = 0.15;

/// What families are put together from.
#[derive(Default)]
struct Group<'a> {
    verbs: Vec<&'a str>,
    descriptions: Vec<&'a str>,
    things: Vec<&'a str>,
    openings: Vec<&'a str>,
    parameters: Vec<Said<'a>>,
}

/// Parameters that are said in one go.
#[derive(Clone)]
struct Said<'a> {
    /// Lines in the notation of families.
    lines: Vec<&'a str>,
    is_optional: bool,
    phrases: Vec<&'a str>,
}

/// Families in the notation of `english.families`, none called first as one that is `taken`: the same for the same random
/// numbers.
///
/// # Errors
/// If a line is not in the notation of `english.compositions`.
pub(super) fn compose(
    file: &str,
    text: &str,
    mut taken: HashSet<String>,
    random: &mut Random,
) -> Result<String, GeneratorError> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for (line, words) in lines(text) {
        let error = |problem: &str| GeneratorError::line(file, line, problem.to_owned());
        let (mark, words) = words.split_at_checked(1).unwrap_or((words, ""));
        let words = words.trim();
        if mark == ">" {
            let mut pieces = words.split(" | ");
            let verbs = pieces.next().unwrap_or_default().split_whitespace().collect();
            groups.push(Group { verbs, descriptions: pieces.collect(), ..Group::default() });
            continue;
        }
        let group = groups.last_mut().ok_or_else(|| error("stands before the first `> verbs`"))?;
        match mark {
            "*" => group.things.extend(words.split(" | ")),
            "+" => group.openings.extend(words.split(" | ")),
            "-" => group.parameters.push(Said::parse(words).map_err(error)?),
            _ => return Err(error("begins with none of >, *, + and -")),
        }
    }
    let mut out = String::new();
    for group in &groups {
        // Neighbours are often offered together, and are to be told apart.
        for thing in (0..OF_A_THING).flat_map(|_| &group.things) {
            group.write(thing, &mut taken, &mut out, random);
        }
    }
    Ok(out)
}

impl<'a> Said<'a> {
    /// Reads `parameter & parameter :: phrases`.
    fn parse(words: &'a str) -> Result<Self, &'static str> {
        let (parameters, phrases) =
            words.split_once(" :: ").ok_or("does not say how it is said: write it behind ` :: `")?;
        let lines: Vec<&str> = parameters.split(" & ").collect();
        let is_optional = lines[0].split_whitespace().next().is_some_and(|name| name.ends_with('?'));
        Ok(Self { lines, is_optional, phrases: phrases.split(" | ").collect() })
    }
}

impl Group<'_> {
    fn write(&self, thing: &str, taken: &mut HashSet<String>, out: &mut String, random: &mut Random) {
        let Some(names) = self.names(thing, taken, random) else { return };
        let mut parameters = self.parameters.clone();
        random.shuffle(&mut parameters);
        parameters.truncate(1 + random.below(MOST_PARAMETERS.min(parameters.len())));
        for said in &mut parameters {
            said.is_optional |= !random.chance(REQUIRED);
        }
        if parameters.iter().all(|said| said.is_optional) {
            // A tool that requires nothing would be called by anything.
            let Some(first) = self.parameters.iter().find(|said| !said.is_optional) else { return };
            parameters.retain(|said| said.lines != first.lines);
            parameters.insert(0, first.clone());
        }
        let descriptions: Vec<String> = self.descriptions.iter().map(|text| text.replace("{}", bare(thing))).collect();
        let _ = writeln!(out, "> {} | {}", names.join(" "), descriptions.join(" | "));
        for said in &parameters {
            for line in &said.lines {
                let (names, rest) = line.split_once(" : ").unwrap_or((line, ""));
                let (first, others) = names.split_once(' ').unwrap_or((names, ""));
                let mark = if said.is_optional { "?" } else { "" };
                let _ = writeln!(out, "- {}{mark} {others} : {rest}", first.trim_end_matches('?'));
            }
        }
        for _ in 0..REQUESTS {
            let _ = writeln!(out, "+ {}", self.request(thing, &parameters, None, random));
        }
        let required: Vec<usize> = (0..parameters.len()).filter(|&place| !parameters[place].is_optional).collect();
        let missing = required[random.below(required.len())];
        let name = parameters[missing].lines[0].split_whitespace().next().unwrap_or_default();
        let _ = writeln!(out, "? {} => What is the {name}?", self.request(thing, &parameters, Some(missing), random));
    }

    /// What a family may be called; none if another has the first name.
    fn names(&self, thing: &str, taken: &mut HashSet<String>, random: &mut Random) -> Option<Vec<String>> {
        let noun = bare(thing).to_lowercase().replace([' ', '-', '\''], "_").replace('é', "e");
        let mut verbs = self.verbs.clone();
        random.shuffle(&mut verbs);
        let mut names: Vec<String> = verbs.iter().take(2).map(|verb| format!("{verb}_{noun}")).collect();
        names.push(format!("{noun}_{}", verbs.last()?));
        names.push(noun);
        random.shuffle(&mut names);
        taken.insert(names[0].clone()).then_some(names)
    }

    /// A request in words, without one of the parameters if that is to be missing.
    fn request(&self, thing: &str, parameters: &[Said<'_>], missing: Option<usize>, random: &mut Random) -> String {
        let opening = self.openings[random.below(self.openings.len())].replace("{}", thing);
        let mut said: Vec<(usize, &Said<'_>)> =
            parameters.iter().enumerate().filter(|(place, _)| Some(*place) != missing).collect();
        random.shuffle(&mut said);
        let mut front = String::new();
        let mut rest = opening;
        let is_fronted = random.chance(FRONTED);
        for (index, (_, said)) in said.iter().enumerate() {
            let phrase = said.phrases[random.below(said.phrases.len())];
            let joined = phrase.starts_with([',', '.']);
            if index == 0 && is_fronted && !said.is_optional && !joined {
                front = format!("{phrase}, ");
                continue;
            }
            let space = if joined { "" } else { " " };
            if said.is_optional {
                let _ = write!(rest, "({space}{phrase}|)");
            } else {
                let _ = write!(rest, "{space}{phrase}");
            }
        }
        front + &rest
    }
}

/// A thing without its article.
fn bare(thing: &str) -> &str {
    ["a ", "an ", "the "].into_iter().find_map(|article| thing.strip_prefix(article)).unwrap_or(thing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_have_a_place() {
        for (text, problem) in [
            ("* hotels\n", "line 1: stands before"),
            ("> find | Finds {}.\n- city : string : Where.\n", "line 2: does not say how"),
            ("> find | Finds {}.\n! a\n", "line 2: begins with none"),
        ] {
            let error = compose("f", text, HashSet::new(), &mut Random::new(1, 1)).unwrap_err().to_string();
            assert!(error.contains(problem), "{text}: {error}");
        }
    }
}
