//! Requests for several calls that differ in a few words and share the others: "the distance from Graz to Linz and from Wels
//! to Enns, by train", "the price of tin and zinc in 2019 and 2021, respectively".

use super::family::{Kind, Phrase};
use super::offer::Offered;
use super::{Conversation, Writer, call};
use crate::generator::example::{Message, Role};
use crate::generator::pattern::Slot;
use crate::generator::segments::{Capture, EVERY_PART, Segment, Segments};

/// Of such requests, those that list each argument's values: "tin and zinc in 2019 and 2021".
const LISTED: f64 = 0.3;
/// Of those, the ones that say "respectively".
const RESPECTIVELY: f64 = 0.7;
/// Of the others, those that say the preposition again: "in Graz and in Linz".
const PREPOSITION: f64 = 0.4;
/// Between the last two, and between others.
const LAST_JOINTS: [&str; 5] = [" and ", " and ", ", and ", " and also ", " as well as "];
const JOINTS: [&str; 4] = [", ", ", ", "; ", " and "];
const PREPOSITIONS: [&str; 20] = [
    "about", "after", "at", "by", "for", "from", "in", "of", "on", "over", "to", "under", "with", "avec", "chez",
    "dans", "en", "pour", "sur", "à",
];

impl Writer<'_, '_> {
    /// A request for so many calls of a tool.
    pub(super) fn distributed(&mut self, tool: &Offered<'_>, count: usize) -> Option<Conversation> {
        let phrase = self.phrase(&tool.family.requests)?;
        let segments: Vec<Segment> = self.expand(&phrase.pattern, EVERY_PART).iter().cloned().collect();
        let is_argument = |place: &usize| segments[*place].capture.is_some();
        let places: Vec<usize> = (0..segments.len()).filter(is_argument).collect();
        let first = self.random.below(places.len().max(1));
        let last = (first + self.random.below(3)).min(places.len().checked_sub(1)?);
        let (start, end) = (places[first], places[last]);
        let differ =
            |segment: &Segment| segment.capture.as_ref().is_none_or(|capture| can_differ(tool, segment, capture));
        if !segments[start..=end].iter().all(differ) {
            return None;
        }
        let mut request = Segments::default();
        request.extend(&segments[..start]);
        let is_listed = start < end && self.random.chance(LISTED);
        if is_listed {
            for segment in &segments[start..=end] {
                self.list(std::slice::from_ref(segment), "", phrase, count, &mut request)?;
            }
        } else {
            let preposition = if self.random.chance(PREPOSITION) { preposition(&segments[..start]) } else { "" };
            self.list(&segments[start..=end], preposition, phrase, count, &mut request)?;
        }
        request.extend(&segments[end + 1..]);
        if is_listed && self.random.chance(RESPECTIVELY) {
            request.push(", respectively", None);
        }
        self.spelling.write(&mut request);
        let calls = (0..count).map(|part| call(tool, &request.captured(part))).collect::<Option<Vec<_>>>()?;
        Some((vec![Message::new(Role::User, request.text())], calls, None))
    }

    /// Words so many times, each time with other arguments; once if there are none in them.
    fn list(
        &mut self,
        segments: &[Segment],
        preposition: &str,
        phrase: &Phrase,
        count: usize,
        request: &mut Segments,
    ) -> Option<()> {
        if segments.iter().all(|segment| segment.capture.is_none()) {
            request.extend(segments);
            return Some(());
        }
        let joint = *self.pick(&JOINTS)?;
        for part in 0..count {
            if part > 0 {
                let joint = if part + 1 < count { joint } else { self.pick(&LAST_JOINTS)? };
                request.push(format!("{joint}{preposition}"), None);
            }
            for segment in segments {
                match &segment.capture {
                    None => request.push(segment.text.as_str(), None),
                    Some(capture) if part == 0 => {
                        request.push(segment.text.as_str(), Some(Capture { part, ..capture.clone() }));
                    }
                    Some(capture) => {
                        let slots = phrase.pattern.slots().into_iter();
                        let slots: Vec<&Slot> =
                            slots.filter(|slot| slot.argument.as_ref() == Some(&capture.name)).collect();
                        let slot = *self.pick(&slots)?;
                        self.rules.fill(slot, part, self.random, request);
                    }
                }
            }
        }
        Some(())
    }
}

/// Whether one call can have these words and the next one others: lists would run into one another.
fn can_differ(tool: &Offered<'_>, segment: &Segment, capture: &Capture) -> bool {
    let kind = tool.family.parameter(&capture.name).map(|parameter| &parameter.kind);
    kind.is_some_and(|kind| !kind.is_list() && *kind != Kind::Boolean) && !segment.text.contains(" and ")
}

/// The preposition before an argument, with the space behind it, if there is one.
fn preposition(before: &[Segment]) -> &str {
    let words = before.last().filter(|segment| segment.capture.is_none()).map_or("", |segment| segment.text.as_str());
    let start = words.trim_end().rfind(' ').map_or(0, |space| space + 1);
    let word = &words[start..];
    if word.ends_with(' ') && PREPOSITIONS.contains(&word.trim_end()) { word } else { "" }
}

#[cfg(test)]
mod tests {
    use super::super::family::Family;
    use super::super::offer::offer;
    use super::*;
    use crate::generator::rules::Rules;
    use crate::generator::spelling::Spelling;
    use crate::random::Random;

    #[test]
    fn every_call_has_what_is_said_for_it_and_for_all() {
        let mut rules = Rules::default();
        rules.read("rules", ":metal\ntin | zinc | lead | iron\n:town\nGraz | Linz | Wels | Enns\n").unwrap();
        let english = include_str!("../../../grammars/everyday/english.toml");
        let spelling = Spelling::read("english.toml", english).unwrap();
        let text = "> price | Tells a price.\n- metal : string : What.\n- town : string : Where.\n\
                    + the price of {metal=metal} in {town=town} today\n";
        let mut families = Vec::new();
        Family::read_all(&mut families, "english", "f", text, &rules).unwrap();
        let random = &mut Random::new(1, 0);
        let tools = offer(&[&families[0]], random);
        let mut writer = Writer { language: "english", rules: &rules, spelling: &spelling, random };
        let (mut said, mut shared) = (Vec::new(), 0);
        for _ in 0..200 {
            let (messages, calls, _) = writer.distributed(&tools[0], 3).unwrap();
            let words = messages[0].content.clone();
            assert_eq!(calls.len(), 3);
            for name in tools[0].parameters.iter().map(|(name, _)| name) {
                let values: Vec<&str> = calls.iter().map(|call| call.arguments[name].as_str().unwrap()).collect();
                // Said once for all, or once for each, in the order of the calls.
                let of_this = |word: &&str| values.contains(&word.trim_matches([',', ';']));
                let found: Vec<&str> =
                    words.split(' ').filter(of_this).map(|word| word.trim_matches([',', ';'])).collect();
                let is_shared = found.len() == 1 && values.iter().all(|value| *value == found[0]);
                shared += usize::from(is_shared);
                assert!(is_shared || found == values, "{words}: {values:?}");
            }
            said.push(words);
        }
        assert!(shared > 50, "{shared} of 400");
        for form in [", respectively", " and of ", "; "] {
            assert!(said.iter().any(|words| words.contains(form)), "{form}: {said:?}");
        }
    }
}
