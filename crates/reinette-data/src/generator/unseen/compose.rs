//! Families put together at random: a verb, a thing, some parameters, and requests that say them in any order.

use crate::DataError;
use crate::generator::rules::lines;
use crate::random::Random;
use std::collections::HashSet;
use std::fmt::Write as _;

/// Families of each thing.
const OF_A_THING: usize = 6;
/// Parameters, or those that belong together, of a family, at most.
const MOST_PARAMETERS: usize = 4;
/// Of parameters that may be required, those that are.
const REQUIRED: f64 = 0.7;
/// Of parameters that are lists, those that are required whatever else is: of a list too little is easily read.
const LISTS: f64 = 0.5;
/// Requests of a family.
const REQUESTS: usize = 4;
/// Of requests, those that begin with what is said of a parameter.
const FRONTED: f64 = 0.15;
/// Of requests and what may be left out, how often it cannot be said.
const UNSAID: f64 = 0.08;
/// Of words that are an argument, those in quotation marks.
const QUOTED: f64 = 0.12;
/// Stands for the thing.
const THING: &str = "{}";

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
) -> Result<String, DataError> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for (line, words) in lines(text) {
        let error = |problem: &str| DataError::line(file, line, problem.to_owned());
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

    /// Whether it is one parameter of this kind.
    fn is_one(&self, kind: &str) -> bool {
        self.lines.len() == 1 && self.lines[0].split(" : ").nth(1) == Some(kind)
    }

    fn is_text(&self) -> bool {
        self.is_one("string")
    }

    fn is_list(&self) -> bool {
        ["array", "numbers", "integers"].into_iter().any(|kind| self.is_one(kind))
    }

    /// What the first of its parameters is called first.
    fn name(&self) -> &'a str {
        self.lines[0].split_whitespace().next().unwrap_or_default().trim_end_matches('?')
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
            said.is_optional &= !(said.is_list() && random.chance(LISTS));
        }
        if parameters.iter().all(|said| said.is_optional) {
            // A tool that requires nothing would be called by anything.
            let Some(first) = self.parameters.iter().find(|said| !said.is_optional) else { return };
            parameters.retain(|said| said.lines != first.lines);
            parameters.insert(0, first.clone());
        }
        let mut descriptions: Vec<String> =
            self.descriptions.iter().map(|text| text.replace("{}", bare(thing))).collect();
        let told: Vec<&str> = parameters.iter().map(Said::name).collect();
        let long = format!(
            "{} based on {}.",
            descriptions[random.below(descriptions.len())].trim_end_matches('.'),
            listed(&told)
        );
        descriptions.push(long.replace('_', " "));
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
        let name = parameters[missing].name();
        let _ = writeln!(out, "? {} => What is the {name}?", self.request(thing, &parameters, Some(missing), random));
    }

    /// What a family may be called; none if another has the first name.
    fn names(&self, thing: &str, taken: &mut HashSet<String>, random: &mut Random) -> Option<Vec<String>> {
        let noun = bare(thing).to_lowercase().replace([' ', '-', '\''], "_").replace('é', "e");
        let mut verbs = self.verbs.clone();
        random.shuffle(&mut verbs);
        let mut names: Vec<String> = verbs.iter().take(2).map(|verb| format!("{verb}_{noun}")).collect();
        names.push(format!("{noun}_{}", verbs.last()?));
        names.push(format!("{noun}.{}", verbs[0]));
        names.push(noun);
        random.shuffle(&mut names);
        taken.insert(names[0].clone()).then_some(names)
    }

    /// A request in words, without one of the parameters if that is to be missing.
    fn request(&self, thing: &str, parameters: &[Said<'_>], missing: Option<usize>, random: &mut Random) -> String {
        let opening = self.openings[random.below(self.openings.len())];
        let mut said: Vec<(usize, &Said<'_>)> =
            parameters.iter().enumerate().filter(|(place, _)| Some(*place) != missing).collect();
        random.shuffle(&mut said);
        let (mut front, mut rest, mut sentences, mut named) = (String::new(), String::new(), String::new(), None);
        let is_fronted = random.chance(FRONTED);
        for (index, (_, said)) in said.iter().enumerate() {
            if said.is_optional && random.chance(UNSAID) {
                continue;
            }
            // Of what may stand before the thing, one does.
            let phrases: Vec<&str> =
                said.phrases.iter().copied().filter(|phrase| named.is_none() || !phrase.ends_with(THING)).collect();
            let Some(&phrase) = phrases.get(random.below(phrases.len().max(1))) else { continue };
            if let Some(before) = phrase.strip_suffix(THING) {
                named = Some(name_with(thing, before, said.is_optional));
                continue;
            }
            let phrase = phrase.replace(THING, bare(thing));
            let phrase = if said.is_text() && random.chance(QUOTED) { quoted(&phrase) } else { phrase };
            let joined = phrase.starts_with([',', '.']);
            if index == 0 && is_fronted && !said.is_optional && !joined {
                front = format!("{phrase}, ");
                continue;
            }
            let space = if joined { "" } else { " " };
            let place = if phrase.starts_with('.') { &mut sentences } else { &mut rest };
            let _ =
                if said.is_optional { write!(place, "({space}{phrase}|)") } else { write!(place, "{space}{phrase}") };
        }
        front + &opening.replace(THING, named.as_deref().unwrap_or(thing)) + &rest + &sentences
    }
}

/// A thing with words before it: "a {kind=…} hotel", "{name=…}'s biography".
fn name_with(thing: &str, before: &str, is_optional: bool) -> String {
    let bare = bare(thing);
    let article = thing.strip_suffix(bare).unwrap_or_default();
    match (before.ends_with("'s "), is_optional) {
        (true, false) => format!("{before}{bare}"),
        (true, true) => format!("({before}|{article}){bare}"),
        (false, false) => format!("{article}{before}{bare}"),
        (false, true) => format!("{article}({before}|){bare}"),
    }
}

/// Words with their argument in quotation marks, if they have none yet.
fn quoted(phrase: &str) -> String {
    if phrase.matches('{').count() != 1 || phrase.contains(['\'', '"']) {
        return phrase.to_owned();
    }
    phrase.replace('{', "'{").replace('}', "}'")
}

/// "a, b and c".
fn listed(words: &[&str]) -> String {
    match words {
        [others @ .., last] if !others.is_empty() => format!("{} and {last}", others.join(", ")),
        _ => words.concat(),
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

    #[test]
    fn words_stand_before_the_thing_behind_it_and_in_a_sentence_of_their_own() {
        let text = "> find | Finds {}.\n* the hotel\n+ show {}\n- kind : string : What. :: {kind=kind} {}\n\
                    - owner : string : Whose. :: {owner=name}'s {}\n- town : string : Where. :: in the {} of {town=town}\n\
                    - pool : boolean : Whether. :: . {pool=pool_sentence}\n";
        let mut requests = String::new();
        for seed in 0..40 {
            requests += &compose("f", text, HashSet::new(), &mut Random::new(seed, 1)).unwrap();
        }
        let requests: Vec<&str> = requests.lines().filter(|line| line.starts_with("+ ")).collect();
        let is_said = |words: &str| requests.iter().any(|request| request.contains(words));
        assert!(is_said("show the {kind=kind} hotel") && is_said("show {owner=name}'s hotel"));
        assert!(is_said("show the ({kind=kind} |)hotel") && is_said("in the hotel of '{town=town}'"));
        assert!(requests.iter().all(|request| !request.contains(THING)), "{requests:?}");
        let told = requests.iter().filter_map(|request| request.split_once(". {pool=pool_sentence}"));
        assert!(told.clone().count() > 0 && told.clone().all(|(_, rest)| ["", "|)"].contains(&rest)));
    }

    #[test]
    fn words_in_quotation_marks_keep_them() {
        assert_eq!(quoted("in {town=town}"), "in '{town=town}'");
        for phrase in ["from {a=town} to {b=town}", "{name=name}'s house", "called \"{name=name}\""] {
            assert_eq!(quoted(phrase), phrase);
        }
        assert_eq!([listed(&["a"]), listed(&["a", "b", "c"])], ["a", "a, b and c"]);
    }
}
