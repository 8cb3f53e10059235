//! Examples of invented tools: sets of them on offer, with requests for one, for several, and for none.

use super::record::{InventedRecord, InventedRequest};
use crate::generator::example::{Example, Message, Origin, Role};
use crate::generator::taken::Taken;
use crate::generator::template::Part;
use crate::lines::Call;
use crate::random::Random;
use std::collections::HashSet;
use std::iter;
use twox_hash::XxHash3_64;

/// Tools on offer, and how often so many are.
const SIZES: [(usize, f64); 4] = [(1, 45.0), (2, 20.0), (3, 20.0), (4, 15.0)];
/// Requests in a row for one set: they share a prompt, which is then learned once.
const REQUESTS_OF_A_SET: usize = 5;
/// Of sets, those whose tools are of one field; and of requests for what no tool on offer does, those that are of theirs.
const RELATED: f64 = 0.5;
/// Of tools, those that only validation sees.
const VALIDATION: f64 = 0.08;
/// Letters of a request, at most: several joined are long.
const LONGEST: usize = 420;
/// After so many sets without anything new there is nothing left.
const MOST_TRIES: usize = 2000;
/// Of requests that are joined, those with a word between them.
const WITH_JOINT: f64 = 0.6;
const JOINTS: [&str; 6] = ["Also, ", "And ", "Then ", "After that, ", "Besides, ", "In addition, "];
/// How a sentence can begin that goes on in small letters behind a joint.
const OPENINGS: [&str; 30] = [
    "Can",
    "Could",
    "What",
    "Which",
    "How",
    "Find",
    "Show",
    "Get",
    "Calculate",
    "Compute",
    "List",
    "Give",
    "Tell",
    "Please",
    "Would",
    "Is",
    "Are",
    "Does",
    "Where",
    "Who",
    "When",
    "Compare",
    "Convert",
    "Create",
    "Check",
    "Book",
    "Estimate",
    "Send",
    "Search",
    "Plan",
];

/// What a request asks for.
#[derive(Clone, Copy, Debug)]
enum Ask {
    One,
    /// One tool several times, in words that belong together.
    Together,
    /// One tool so many times, in requests one after another.
    Same(usize),
    /// So many tools.
    Several(usize),
    /// What no tool on offer does.
    Other,
}

/// How often, relative to one another.
const SHARES: [(Ask, f64); 6] = [
    (Ask::One, 58.0),
    (Ask::Together, 16.0),
    (Ask::Same(2), 5.0),
    (Ask::Same(3), 4.0),
    (Ask::Several(2), 5.0),
    (Ask::Other, 12.0),
];

/// An invented tool, with the requests for it that may be made: those for one call, and those for several together.
#[derive(Clone, Debug)]
struct Tool<'a> {
    record: &'a InventedRecord,
    requests: Vec<&'a InventedRequest>,
    together: Vec<&'a InventedRequest>,
}

impl Tool<'_> {
    fn name(&self) -> &str {
        self.record.name()
    }
}

/// Sets of examples of invented tools: the same for the same seed. The tools of the two parts are different ones.
#[derive(Debug)]
pub struct InventedTools<'a> {
    tools: Vec<Tool<'a>>,
    random: Random,
    taken: Taken,
}

impl<'a> InventedTools<'a> {
    /// Gets ready to draw from the tools of a part, without those that are taken and requests that nearly are. Of tools of one
    /// name the first counts.
    pub fn new(records: &'a [InventedRecord], part: Part, seed: u64, taken: Taken) -> Self {
        let mut names = HashSet::new();
        let part_of = |record: &InventedRecord| {
            let hash = XxHash3_64::oneshot(record.name().as_bytes());
            if ((hash & 0xffff) as f64) < VALIDATION * 65536.0 { Part::Validation } else { Part::Training }
        };
        let records = records.iter().filter(|record| part_of(record) == part && !taken.is_judged_tool(record.name()));
        let records = records.filter(|record| names.insert(record.name())).map(|record| {
            let is_free = |request: &&InventedRequest| !taken.is_nearly_judged(&request.words);
            let free = record.requests.iter().filter(is_free);
            let (requests, together) = free.partition(|request| request.further.is_empty());
            Tool { record, requests, together }
        });
        Self { tools: records.collect(), random: Random::new(seed, 8 + part as u64), taken }
    }

    /// Some tools, the first of them one that has requests: their places.
    fn offer(&mut self) -> Option<Vec<usize>> {
        let callable = (0..self.tools.len()).filter(|&place| !self.tools[place].requests.is_empty());
        let first = self.pick(&callable.collect::<Vec<_>>())?;
        let size = SIZES.iter().map(|(size, share)| (size, *share));
        let size = *self.random.by_share(size)?;
        let mut offered = vec![first];
        let near = if self.random.chance(RELATED) { self.others(Some(first)) } else { Vec::new() };
        for other in near.into_iter().chain(self.others(None)) {
            if offered.len() < size && !offered.contains(&other) {
                offered.push(other);
            }
        }
        self.random.shuffle(&mut offered);
        Some(offered)
    }

    /// Tools in a random order; those of one's field if one is given.
    fn others(&mut self, of: Option<usize>) -> Vec<usize> {
        let field = |place: usize| self.tools[place].record.field.as_str();
        let mut others: Vec<usize> =
            (0..self.tools.len()).filter(|&place| of.is_none_or(|of| field(of) == field(place))).collect();
        self.random.shuffle(&mut others);
        others
    }

    fn pick(&mut self, places: &[usize]) -> Option<usize> {
        (!places.is_empty()).then(|| places[self.random.below(places.len())])
    }

    fn draw(&mut self, offered: &[usize]) -> Option<Example> {
        let shares = SHARES.iter().map(|(ask, share)| (ask, *share));
        let ask = *self.random.by_share(shares)?;
        let chosen = match ask {
            Ask::One => self.requests(offered, 1)?,
            Ask::Together => self.drawn(offered, 1, |tool| &tool.together)?,
            Ask::Same(count) => {
                let tool = self.pick(offered)?;
                self.requests(&[tool], count)?
            }
            Ask::Several(count) => {
                let mut tools = offered.to_vec();
                self.random.shuffle(&mut tools);
                let each = tools.iter().map_while(|&tool| self.requests(&[tool], 1));
                let each: Vec<_> = each.take(count).flatten().collect();
                (each.len() == count).then_some(each)?
            }
            Ask::Other => {
                let near = self.random.chance(RELATED).then(|| offered[0]);
                let mut others = self.others(near);
                let record = |place: usize| self.tools[place].record;
                others.retain(|&other| !offered.iter().any(|&tool| record(tool).does_alike(record(other))));
                self.requests(&others, 1)?
            }
        };
        let said: Vec<&str> = chosen.iter().map(|(_, request)| request.words.as_str()).collect();
        let words = self.join(&said);
        let calls_of = |(tool, request): &(usize, &InventedRequest)| -> Vec<Call> {
            let name = self.tools[*tool].name();
            let arguments = iter::once(&request.arguments).chain(&request.further);
            arguments.map(|arguments| Call { name: name.to_owned(), arguments: arguments.clone() }).collect()
        };
        let calls = if matches!(ask, Ask::Other) { Vec::new() } else { chosen.iter().flat_map(calls_of).collect() };
        let origin = Origin { language: "english".to_owned(), template: format!("invented:{ask:?}"), question: None };
        let tools = offered.iter().map(|&tool| self.tools[tool].record.tool.clone()).collect();
        Some(Example { messages: vec![Message::new(Role::User, words)], tools, calls, origin })
    }

    /// So many requests for one call of one of these tools.
    fn requests(&mut self, tools: &[usize], count: usize) -> Option<Vec<(usize, &'a InventedRequest)>> {
        self.drawn(tools, count, |tool| &tool.requests)
    }

    fn drawn(
        &mut self,
        tools: &[usize],
        count: usize,
        of: for<'t> fn(&'t Tool<'a>) -> &'t Vec<&'a InventedRequest>,
    ) -> Option<Vec<(usize, &'a InventedRequest)>> {
        let able = tools.iter().copied().filter(|&tool| of(&self.tools[tool]).len() >= count);
        let tool = self.pick(&able.collect::<Vec<_>>())?;
        let mut requests = of(&self.tools[tool]).clone();
        self.random.shuffle(&mut requests);
        Some(requests.into_iter().take(count).map(|request| (tool, request)).collect())
    }

    /// Requests as one text.
    fn join(&mut self, said: &[&str]) -> String {
        let mut text = said[0].to_owned();
        for words in &said[1..] {
            if !text.ends_with(['.', '?', '!']) {
                text.push('.');
            }
            text.push(' ');
            let opening = words.split_whitespace().next().unwrap_or_default();
            let is_plain = OPENINGS.contains(&opening);
            if is_plain && self.random.chance(WITH_JOINT) {
                text.push_str(JOINTS[self.random.below(JOINTS.len())]);
                text.push_str(&words[..1].to_lowercase());
                text.push_str(&words[1..]);
            } else {
                text.push_str(words);
            }
        }
        text
    }
}

impl Iterator for InventedTools<'_> {
    /// The examples of a set of tools.
    type Item = Vec<Example>;

    fn next(&mut self) -> Option<Vec<Example>> {
        for _ in 0..MOST_TRIES {
            let tools = self.offer()?;
            let mut examples = Vec::new();
            for _ in 0..2 * REQUESTS_OF_A_SET {
                let Some(example) = self.draw(&tools) else { continue };
                let is_short = example.words().all(|words| words.chars().count() <= LONGEST);
                if examples.len() < REQUESTS_OF_A_SET && is_short && self.taken.take(&example) {
                    examples.push(example);
                }
            }
            if !examples.is_empty() {
                return Some(examples);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn records() -> Vec<InventedRecord> {
        let arguments = |place: u64| serde_json::Map::from_iter([("a".to_owned(), json!(place))]);
        let together = |number: u64| InventedRequest {
            words: format!("In one go, find 0 of {number} and find 1 of {number}"),
            arguments: arguments(0),
            further: vec![arguments(1)],
        };
        let record = |number: u64| InventedRecord {
            number,
            field: if number.is_multiple_of(2) { "music" } else { "law" }.to_owned(),
            tool: json!({ "name": format!("thing{number}"), "description": format!("Does {number}.") }),
            requests: (0..3)
                .map(|place| InventedRequest {
                    words: format!("Find {place} of {number}"),
                    arguments: arguments(place),
                    further: Vec::new(),
                })
                .chain([together(number)])
                .collect(),
        };
        (0..60).map(record).collect()
    }

    #[test]
    fn requests_are_for_what_is_offered_or_for_nothing() {
        let records = records();
        let sets: Vec<Vec<Example>> =
            InventedTools::new(&records, Part::Training, 1, Taken::default()).take(100).collect();
        let examples: Vec<&Example> = sets.iter().flatten().collect();
        for example in &examples {
            let is_offered = |name: &str| example.tools.iter().any(|tool| tool["name"] == name);
            assert!(example.calls.iter().all(|call| is_offered(&call.name)), "{example:?}");
            let words = example.words().next().unwrap();
            let says = |call: &&Call| {
                let number = call.name.trim_start_matches("thing");
                words.to_lowercase().contains(&format!("find {} of {number}", call.arguments["a"]))
            };
            assert_eq!(example.calls.iter().filter(says).count(), example.calls.len(), "{example:?}");
        }
        let count = |is: &dyn Fn(&Example) -> bool| examples.iter().filter(|example| is(example)).count();
        assert!(count(&|example| example.calls.is_empty()) > examples.len() / 12);
        assert!(count(&|example| example.calls.len() > 1) > examples.len() / 12);
        let is_together = |example: &Example| example.words().any(|words| words.starts_with("In one go"));
        assert!(count(&|example| is_together(example) && example.calls.len() == 2) > examples.len() / 12);
        let again: Vec<Vec<Example>> =
            InventedTools::new(&records, Part::Training, 1, Taken::default()).take(100).collect();
        assert_eq!(sets, again);
    }

    #[test]
    fn the_parts_have_different_tools() {
        let records = records();
        let names = |part| -> HashSet<String> {
            let sets = InventedTools::new(&records, part, 1, Taken::default()).take(60);
            sets.flatten().flat_map(|example| example.tools).map(|tool| tool["name"].to_string()).collect()
        };
        let (training, validation) = (names(Part::Training), names(Part::Validation));
        assert!(!training.is_empty() && !validation.is_empty() && training.is_disjoint(&validation));
    }
}
