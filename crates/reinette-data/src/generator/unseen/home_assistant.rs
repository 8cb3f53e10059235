//! The sentences of the package home-assistant-intents (The Home Assistant Authors, Apache-2.0) as requests for the tools of
//! a house. They are read from the package, which the user installs; none of them stands here.

use super::family::Family;
use crate::DataError;
use crate::generator::pattern::{Node, Pattern, Slot, Source};
use crate::generator::rules::Rules;
use serde_json::Value;
use std::fs::File;
use std::io::Read;
use std::iter::Peekable;
use std::path::Path;
use std::str::Chars;

/// The longest file that is read; the package's are a hundredth of it.
const LONGEST_FILE_BYTES: u64 = 64 << 20;
/// Rules within rules, at most.
const DEEPEST: usize = 24;

/// An intent, the family whose requests its sentences are, and for each list of a sentence the parameter and what fills it.
struct Intent {
    name: &'static str,
    family: &'static str,
    slots: &'static [(&'static str, &'static str, Filling)],
}

/// What stands in the place of a list.
#[derive(Clone, Copy)]
enum Filling {
    Rule(&'static str),
    Number(u64, u64),
}

const ROOM: (&str, &str, Filling) = ("area", "room", Filling::Rule("room_name"));

const INTENTS: [Intent; 5] = [
    Intent {
        name: "HassLightSet",
        family: "set_brightness",
        slots: &[ROOM, ("brightness", "level", Filling::Number(5, 100))],
    },
    Intent {
        name: "HassLightSet",
        family: "set_light_color",
        slots: &[ROOM, ("color", "color", Filling::Rule("colour"))],
    },
    Intent {
        name: "HassClimateSetTemperature",
        family: "set_thermostat",
        slots: &[ROOM, ("temperature", "temperature", Filling::Number(15, 25))],
    },
    Intent { name: "HassVacuumCleanArea", family: "start_vacuum", slots: &[ROOM] },
    Intent {
        name: "HassSetVolume",
        family: "set_volume",
        slots: &[("name", "device", Filling::Rule("device_name")), ("volume", "level", Filling::Number(0, 100))],
    },
];

/// Adds what the English sentences of the package ask for to the families, where these have all that it names.
pub(super) fn add_requests(folder: &Path, families: &mut [Family], rules: &Rules) -> Result<(), DataError> {
    let path = folder.join("data").join("en.json");
    let name = path.display().to_string();
    let mut text = String::new();
    let source = |source| DataError::Read { path: path.clone(), source };
    File::open(&path).map_err(source)?.take(LONGEST_FILE_BYTES).read_to_string(&mut text).map_err(source)?;
    let package: Value = serde_json::from_str(&text)
        .map_err(|error| DataError::line(&name, error.line(), format!("is not JSON: {error}")))?;
    let mut added = 0;
    for intent in &INTENTS {
        let Some(family) = families.iter_mut().find(|family| family.names[0] == intent.family) else { continue };
        let data = package["intents"][intent.name]["data"].as_array().into_iter().flatten();
        let sentences = data.flat_map(|data| data["sentences"].as_array().into_iter().flatten());
        for sentence in sentences.filter_map(Value::as_str) {
            let reader = Reader { rules: &package["expansion_rules"], slots: intent.slots };
            // A sentence about anything else, such as a floor, is none for this family.
            let Some(pattern) = reader.read(sentence, 0) else { continue };
            rules.check(&name, 0, &pattern)?;
            added += usize::from(family.add_request(pattern, "english").is_ok());
        }
    }
    if added == 0 {
        let problem = "has no sentence that could be used: name the folder home_assistant_intents of the package";
        return Err(DataError::line(&name, 0, problem.to_owned()));
    }
    Ok(())
}

/// Reads sentences: `(a|b)` chooses, `[a]` may be left out, `(a;b)` is said in any order, `<rule>` is another sentence and
/// `{list:slot}` what is asked for.
struct Reader<'a> {
    rules: &'a Value,
    slots: &'static [(&'static str, &'static str, Filling)],
}

impl Reader<'_> {
    /// None if the sentence cannot be read, or names what this family does not have.
    fn read(&self, sentence: &str, depth: usize) -> Option<Pattern> {
        let mut letters = sentence.chars().peekable();
        let pattern = self.choice(&mut letters, depth)?;
        letters.next().is_none().then_some(pattern)
    }

    /// Up to a bracket that is closed elsewhere.
    fn choice(&self, letters: &mut Peekable<Chars<'_>>, depth: usize) -> Option<Pattern> {
        let mut alternatives = vec![self.sequence(letters, depth)?];
        let mark = letters.peek().copied();
        while matches!(letters.peek(), Some('|' | ';')) {
            letters.next();
            alternatives.push(self.sequence(letters, depth)?);
        }
        match (alternatives.len(), mark) {
            (1, _) => alternatives.pop(),
            (_, Some(';')) => Some(in_any_order(&alternatives)),
            _ => Some(Pattern(vec![Node::Choice(alternatives)])),
        }
    }

    fn sequence(&self, letters: &mut Peekable<Chars<'_>>, depth: usize) -> Option<Pattern> {
        if depth > DEEPEST {
            return None;
        }
        let mut nodes = Vec::new();
        while let Some(&letter) = letters.peek() {
            if matches!(letter, '|' | ';' | ')' | ']') {
                break;
            }
            letters.next();
            match letter {
                '(' | '[' => {
                    let inside = self.choice(letters, depth + 1)?;
                    let closing = if letter == '(' { ')' } else { ']' };
                    if letters.next() != Some(closing) {
                        return None;
                    }
                    let mut alternatives = vec![inside];
                    if letter == '[' {
                        alternatives.push(Pattern(Vec::new()));
                    }
                    nodes.push(Node::Choice(alternatives));
                }
                '<' => {
                    let rule = up_to('>', letters)?;
                    nodes.push(Node::Choice(vec![self.read(self.rules[rule.as_str()].as_str()?, depth + 1)?]));
                }
                '{' => nodes.push(Node::Slot(self.slot(&up_to('}', letters)?)?)),
                _ => nodes.push(Node::Text(letter.to_string())),
            }
        }
        Some(Pattern(nodes))
    }

    fn slot(&self, text: &str) -> Option<Slot> {
        let list = text.split(':').next()?;
        let (_, parameter, filling) = self.slots.iter().find(|(known, ..)| *known == list)?;
        let source = match filling {
            Filling::Rule(name) => Source::Rule((*name).to_owned()),
            Filling::Number(first, last) => Source::Number(*first, *last),
        };
        Some(Slot { argument: Some((*parameter).to_owned()), source })
    }
}

fn up_to(end: char, letters: &mut Peekable<Chars<'_>>) -> Option<String> {
    let mut text = String::new();
    loop {
        match letters.next()? {
            letter if letter == end => return Some(text),
            letter => text.push(letter),
        }
    }
}

/// Two orders of several pieces are enough.
fn in_any_order(pieces: &[Pattern]) -> Pattern {
    fn spaced<'a>(pieces: impl Iterator<Item = &'a Pattern>) -> Pattern {
        let nodes = pieces.flat_map(|piece| piece.0.iter().cloned().chain([Node::Text(" ".to_owned())]));
        Pattern(nodes.collect())
    }
    Pattern(vec![Node::Choice(vec![spaced(pieces.iter()), spaced(pieces.iter().rev())])])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;
    use serde_json::json;
    use std::collections::BTreeSet;

    #[test]
    fn sentences_of_another_notation_become_requests() {
        let mut words = Rules::default();
        words.read("rules", ":room_name\nkitchen\n").unwrap();
        let rules = json!({ "the": "the|my", "set": "(set|put)" });
        let reader = Reader { rules: &rules, slots: INTENTS[0].slots };
        let pattern = reader.read("<set> [<the> ]{area} (to {brightness}[%];now)", 0).unwrap();
        let mut random = Random::new(1, 0);
        let mut said = BTreeSet::new();
        for _ in 0..300 {
            let mut request = words.expand(&pattern, 0, &mut random);
            request.tidy();
            assert_eq!(request.captured(0)["room"], "kitchen");
            let level = &request.captured(0)["level"];
            said.insert(request.text().replace(level.as_str(), "N"));
        }
        assert!(said.contains("put my kitchen now to N%"), "{said:?}");
        assert!(said.contains("set kitchen to N now"), "{said:?}");
        assert!(reader.read("set {floor} to {brightness}", 0).is_none());
        assert!(reader.read("set (it", 0).is_none());
        let endless = json!({ "a": "<a>" });
        assert!(Reader { rules: &endless, slots: &[] }.read("<a>", 0).is_none());
    }
}
