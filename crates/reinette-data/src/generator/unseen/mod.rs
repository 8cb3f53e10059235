//! Requests for tools that a model has never seen: the tools differ from one set to the next and are defined in the prompt.

mod compose;
mod distribute;
mod family;
mod home_assistant;
mod mixed;
mod offer;
mod written;

use super::example::{Example, Message, Origin, Role};
use super::pattern::Pattern;
use super::rules::Rules;
use super::segments::Segments;
use super::spelling::Spelling;
use super::taken::Taken;
use super::template::Part;
use crate::DataError;
use crate::lines::{Call, calls_text};
use crate::random::Random;
pub use mixed::MixedTools;

use compose::compose;
use family::{Family, Parameter, Phrase};
use offer::{Offered, offer};
use reinette_core::dialect::NO_TOOL;
use serde_json::Map;
use std::collections::BTreeMap;
use std::path::Path;
use twox_hash::XxHash3_64;

/// Tools in a set, at least and at most.
const FEWEST_TOOLS: usize = 1;
const MOST_TOOLS: usize = 7;
/// Requests in a row for one set: they share a long prompt, which is then read and learned once.
pub(super) const REQUESTS_OF_A_SET: usize = 6;
/// Of sets, those whose tools are about the same things: then the right one is harder to tell from the others.
const RELATED: f64 = 0.5;
/// Of requests for what no tool on offer does, those for something that is about the same things as one of them: so many
/// places from it in the catalogue.
const RELATED_OTHER: f64 = 0.6;
const NEAR: usize = 8;
/// Of requests, those that are written in a hurry.
const HURRIED: f64 = 0.25;
/// Of requests, those that begin with a greeting or the like, and those that end with thanks.
const GREETING: f64 = 0.12;
const THANKS: f64 = 0.08;
/// Of requests, those that ask politely before.
const POLITE: f64 = 0.12;
/// Of requests for the same tool again, those that leave its words out: "and the hall to 30 percent".
const SHORTENED: f64 = 0.6;
/// Of requests for several calls of one tool, those whose calls share some words.
const DISTRIBUTED: f64 = 0.65;
/// Of sets, those of which requests are in French: some families have requests in it.
const FRENCH: f64 = 0.08;
/// Of families, those that only validation sees.
const VALIDATION: f64 = 0.1;
/// The seed of what is put together at random, so that there is one catalogue.
const COMPOSED: u64 = 1;
/// After so many requests in a row that are taken, nothing new is left.
const MOST_TRIES: usize = 20_000;
/// Letters of a request, at most.
const LONGEST: usize = 240;

/// How often what is asked, relative to one another.
const SHARES: [(Ask, f64); 10] = [
    (Ask::One, 54.0),
    (Ask::Same(2), 11.0),
    (Ask::Same(3), 7.0),
    (Ask::Same(4), 3.0),
    (Ask::Several(2), 5.0),
    (Ask::Several(3), 2.0),
    (Ask::Nothing, 3.5),
    (Ask::OtherTool, 10.0),
    (Ask::Incomplete, 6.0),
    (Ask::Corrected, 2.5),
];

/// What a request asks for.
#[derive(Clone, Copy, Debug)]
enum Ask {
    /// One call.
    One,
    /// One tool with as many sets of arguments.
    Same(usize),
    /// As many calls of different tools.
    Several(usize),
    /// Nothing that a tool does.
    Nothing,
    /// What a tool does that is not on offer.
    OtherTool,
    /// A call, without what it requires; sometimes that is told when asked.
    Incomplete,
    /// A call, and then that it be another.
    Corrected,
}

/// The families and the words for them.
#[derive(Clone, Debug)]
pub struct Catalogue {
    families: Vec<Family>,
    languages: BTreeMap<&'static str, (Rules, Spelling)>,
}

impl Catalogue {
    /// Reinette's own catalogue. With `home_assistant`, the folder of the package home-assistant-intents (Apache-2.0), its
    /// sentences ask for the tools of a house as well.
    ///
    /// # Errors
    /// If the package's files cannot be read.
    pub fn new(home_assistant: Option<&Path>) -> Result<Self, DataError> {
        let mut english = Rules::default();
        english.read("everyday/english.grammar", include_str!("../../../grammars/everyday/english.grammar"))?;
        english.read("unseen/english.grammar", include_str!("../../../grammars/unseen/english.grammar"))?;
        let questions = include_str!("../../../grammars/unseen/english-questions.grammar");
        english.read("unseen/english-questions.grammar", questions)?;
        let spelling =
            Spelling::read("everyday/english.toml", include_str!("../../../grammars/everyday/english.toml"))?;
        let mut families = Vec::new();
        for (file, text) in [
            ("unseen/english.families", include_str!("../../../grammars/unseen/english.families")),
            ("unseen/english-knowledge.families", include_str!("../../../grammars/unseen/english-knowledge.families")),
            ("unseen/english-questions.families", include_str!("../../../grammars/unseen/english-questions.families")),
        ] {
            Family::read_all(&mut families, "english", file, text, &english)?;
        }
        for (number, (file, text)) in [
            ("unseen/english.compositions", include_str!("../../../grammars/unseen/english.compositions")),
            (
                "unseen/english-questions.compositions",
                include_str!("../../../grammars/unseen/english-questions.compositions"),
            ),
        ]
        .into_iter()
        .enumerate()
        {
            let taken = families.iter().map(|family: &Family| family.names[0].clone()).collect();
            let composed = compose(file, text, taken, &mut Random::new(COMPOSED, number as u64))?;
            Family::read_all(&mut families, "english", &format!("{file}, composed"), &composed, &english)?;
        }
        let mut french = Rules::default();
        french.read("everyday/french.grammar", include_str!("../../../grammars/everyday/french.grammar"))?;
        french.read("unseen/french.grammar", include_str!("../../../grammars/unseen/french.grammar"))?;
        let french_spelling =
            Spelling::read("everyday/french.toml", include_str!("../../../grammars/everyday/french.toml"))?;
        let text = include_str!("../../../grammars/unseen/french.families");
        Family::read_all(&mut families, "french", "unseen/french.families", text, &french)?;
        if let Some(folder) = home_assistant {
            home_assistant::add_requests(folder, &mut families, &english)?;
        }
        let languages = BTreeMap::from([("english", (english, spelling)), ("french", (french, french_spelling))]);
        Ok(Self { families, languages })
    }
}

/// Requests for sets of tools with the calls that are right for them: the same for the same seed, none twice. The families
/// of the two parts are different ones.
///
/// It ends when nothing new is found.
#[derive(Debug)]
pub struct UnseenTools<'a> {
    languages: &'a BTreeMap<&'static str, (Rules, Spelling)>,
    families: Vec<&'a Family>,
    random: Random,
    taken: Taken,
    /// The language of requests, the tools on offer, and how many more requests are for them.
    language: &'static str,
    tools: Vec<Offered<'a>>,
    left: usize,
}

impl<'a> UnseenTools<'a> {
    /// Gets ready to draw from the families of a part.
    pub fn new(catalogue: &'a Catalogue, part: Part, seed: u64, taken: Taken) -> Self {
        let part_of = |family: &&Family| {
            let hash = XxHash3_64::oneshot(family.names[0].as_bytes());
            if ((hash & 0xffff) as f64) < VALIDATION * 65536.0 { Part::Validation } else { Part::Training }
        };
        let families = catalogue.families.iter().filter(|family| part_of(family) == part).collect();
        let random = Random::new(seed, 2 + part as u64);
        Self {
            languages: &catalogue.languages,
            families,
            random,
            taken,
            language: "english",
            tools: Vec::new(),
            left: 0,
        }
    }

    /// Another set of tools.
    fn offer(&mut self) {
        let mut more = || self.random.below(MOST_TOOLS - FEWEST_TOOLS + 1);
        // Few more often than many: what a request costs grows with them.
        let count = FEWEST_TOOLS + more().min(more());
        let mut families = self.families.clone();
        self.language = if self.random.chance(FRENCH) { "french" } else { "english" };
        families.retain(|family| family.requests.iter().any(|phrase| phrase.language == self.language));
        if self.random.chance(RELATED) {
            // The catalogue has them side by side.
            let first = self.random.below(families.len());
            families.rotate_left(first);
            families.truncate(count);
            self.random.shuffle(&mut families);
        } else {
            self.random.shuffle(&mut families);
            families.truncate(count);
        }
        self.tools = offer(&families, &mut self.random);
        self.left = REQUESTS_OF_A_SET;
    }

    fn draw(&mut self) -> Option<Example> {
        let shares = SHARES.iter().map(|(ask, share)| (ask, *share));
        let ask = *self.random.by_share(shares)?;
        let language = self.language;
        let (rules, spelling) = self.languages.get(language)?;
        let mut writer = Writer { language, rules, spelling, random: &mut self.random };
        let (messages, calls, question) = match ask {
            Ask::One => writer.several(&self.tools, 1)?,
            Ask::Several(count) => writer.several(&self.tools, count)?,
            Ask::Same(count) => writer.same(&self.tools, count)?,
            Ask::Nothing => writer.nothing()?,
            Ask::OtherTool => writer.other_tool(&self.families, &self.tools)?,
            Ask::Incomplete => writer.incomplete(&self.tools)?,
            Ask::Corrected => writer.corrected(&self.tools)?,
        };
        let tools = self.tools.iter().map(|tool| tool.definition.clone()).collect();
        let origin = Origin { language: language.to_owned(), template: format!("unseen:{ask:?}"), question };
        Some(Example { messages, tools, calls, origin })
    }
}

impl Iterator for UnseenTools<'_> {
    type Item = Example;

    fn next(&mut self) -> Option<Example> {
        for _ in 0..MOST_TRIES {
            if self.left == 0 {
                self.offer();
            }
            let Some(example) = self.draw() else { continue };
            if example.words().all(|words| words.chars().count() <= LONGEST) && self.taken.take(&example) {
                self.left -= 1;
                return Some(example);
            }
        }
        None
    }
}

/// Turns, the right calls at their end, and what to ask where something is missing.
type Conversation = (Vec<Message>, Vec<Call>, Option<String>);

/// Writes requests in one language.
struct Writer<'a, 'r> {
    language: &'static str,
    rules: &'a Rules,
    spelling: &'a Spelling,
    random: &'r mut Random,
}

impl Writer<'_, '_> {
    fn pick<'t, T>(&mut self, list: &'t [T]) -> Option<&'t T> {
        (!list.is_empty()).then(|| &list[self.random.below(list.len())])
    }

    /// One of the phrases that are of this language.
    fn phrase<'t>(&mut self, phrases: &'t [Phrase]) -> Option<&'t Phrase> {
        let phrases: Vec<&Phrase> = phrases.iter().filter(|phrase| phrase.language == self.language).collect();
        self.pick(&phrases).copied()
    }

    /// Words as they come, and how they are written in a hurry.
    fn write(&mut self, mut request: Segments) -> Segments {
        self.spelling.write(&mut request);
        // A list without its commas would be another list.
        let has_list = request.iter().any(|segment| segment.capture.is_some() && segment.text.contains(','));
        if self.random.chance(HURRIED) && !has_list {
            self.spelling.roughen(&mut request, self.random);
        }
        request
    }

    fn expand(&mut self, pattern: &Pattern, part: usize) -> Segments {
        self.rules.expand(pattern, part, self.random)
    }

    /// Requests for these tools in one sentence, and the calls; the first of a tool in whole words.
    fn join(&mut self, tools: &[&Offered<'_>]) -> Option<Conversation> {
        let mut request = Segments::default();
        for (rule, share) in [("greeting_before", GREETING), ("ask_politely", POLITE)] {
            if self.random.chance(share) {
                request.push(format!("{} ", self.rules.optional_words(rule, self.random)?), None);
            }
        }
        let mut before: Option<&Phrase> = None;
        for (part, tool) in tools.iter().enumerate() {
            if part > 0 {
                let joint = self.rules.optional_words("joint", self.random)?;
                request.push(format!(" {} ", joint.trim()), None);
            }
            let is_same = part > 0 && tools[part - 1].name == tool.name;
            // Two lists without words between them would be one.
            let is_short = |phrase: &&Phrase| is_same && !tool.family.names_list(phrase);
            let shortened = before.filter(is_short).filter(|_| self.random.chance(SHORTENED));
            let phrase = match shortened {
                Some(phrase) => phrase,
                None => self.phrase(&tool.family.requests)?,
            };
            let words = self.expand(&phrase.pattern, part);
            request.append(if shortened.is_some() { words.without_opening() } else { words });
            before = Some(phrase);
        }
        if self.random.chance(THANKS) {
            request.push(format!(". {}", self.rules.optional_words("thanks_after", self.random)?), None);
        }
        let request = self.write(request);
        let calls = tools.iter().enumerate().map(|(part, tool)| call(tool, &request.captured(part)));
        let calls = calls.collect::<Option<Vec<_>>>()?;
        Some((vec![Message::new(Role::User, request.text())], calls, None))
    }

    fn several(&mut self, tools: &[Offered<'_>], count: usize) -> Option<Conversation> {
        let mut chosen: Vec<&Offered<'_>> = tools.iter().collect();
        self.random.shuffle(&mut chosen);
        chosen.truncate(count);
        self.join(&chosen)
    }

    fn same(&mut self, tools: &[Offered<'_>], count: usize) -> Option<Conversation> {
        let tool = self.pick(tools)?;
        let conversation = if self.random.chance(DISTRIBUTED) {
            self.distributed(tool, count)?
        } else {
            self.join(&vec![tool; count])?
        };
        // The same call twice is one.
        let calls = &conversation.1;
        let is_again = |(place, call): (usize, &Call)| calls[..place].contains(call);
        (!calls.iter().enumerate().any(is_again)).then_some(conversation)
    }

    fn nothing(&mut self) -> Option<Conversation> {
        let words = self.rules.optional_words("nothing", self.random)?;
        let mut request = Segments::default();
        request.push(words, None);
        let request = self.write(request);
        Some((vec![Message::new(Role::User, request.text())], Vec::new(), None))
    }

    /// What a tool does that is not among those on offer.
    fn other_tool(&mut self, families: &[&Family], tools: &[Offered<'_>]) -> Option<Conversation> {
        let is_offered = |family: &Family| tools.iter().any(|tool| tool.family.does_the_same(family));
        let mut near = families;
        let is_near = self.random.chance(RELATED_OTHER);
        if is_near {
            // The catalogue has neighbours side by side.
            let offered = self.pick(tools)?.family;
            let place = families.iter().position(|family| std::ptr::eq(*family, offered))?;
            near = &families[place.saturating_sub(NEAR)..families.len().min(place + NEAR)];
        }
        let others: Vec<&Family> = near.iter().copied().filter(|family| !is_offered(family)).collect();
        let family = *self.pick(&others)?;
        let phrase = self.phrase(&family.requests)?;
        let request = self.expand(&phrase.pattern, 0);
        let request = self.write(request);
        // One that does not say what it is about could be for a tool on offer.
        let text = request.text().to_lowercase();
        let is_told = |word: &str| tools.iter().all(|tool| !tool.family.words().any(|known| known == word));
        let mut words = family.words().filter(|word| word.len() > 3 && is_told(word));
        (!is_near || words.any(|word| text.contains(word)))
            .then(|| (vec![Message::new(Role::User, request.text())], Vec::new(), None))
    }

    /// A request that lacks something; half the time, what is missing is then told.
    fn incomplete(&mut self, tools: &[Offered<'_>]) -> Option<Conversation> {
        let tool = self.pick(tools)?;
        let phrase = self.phrase(&tool.family.incomplete)?;
        let request = self.expand(&phrase.pattern, 0);
        let request = self.write(request);
        let known = request.captured(0);
        let mut turns = vec![Message::new(Role::User, request.text())];
        let required = tool.family.parameters.iter().filter(|parameter| parameter.is_required);
        let missing: Vec<_> = required.filter(|parameter| !known.contains_key(&parameter.names[0])).collect();
        let [missing] = missing.as_slice() else { return Some((turns, Vec::new(), phrase.question.clone())) };
        if self.random.chance(0.5) {
            return Some((turns, Vec::new(), phrase.question.clone()));
        }
        let slot = tool.family.slot(&missing.names[0], self.language)?;
        let told = self.expand(&Pattern(vec![super::pattern::Node::Slot(slot)]), 0);
        let told = self.write(told);
        let calls = vec![call(tool, &known.into_iter().chain(told.captured(0)).collect())?];
        turns.push(Message::new(Role::Assistant, calls_text(&[], NO_TOOL)));
        turns.push(Message::new(Role::User, told.text()));
        Some((turns, calls, None))
    }

    /// A request, its call, and then "no, " with another value for one of the arguments.
    fn corrected(&mut self, tools: &[Offered<'_>]) -> Option<Conversation> {
        let tool = self.pick(tools)?;
        let (mut turns, before, _) = self.join(&[tool])?;
        let named: Vec<&String> = before[0].arguments.keys().collect();
        let name = (*self.pick(&named)?).clone();
        let (_, parameter) = tool.parameters.iter().find(|(known, _)| *known == name)?;
        let slot = tool.family.slot(&parameter.names[0], self.language)?;
        let mut correction = Segments::default();
        let words = self.rules.optional_words("correct_before", self.random)?;
        correction.push(format!("{words} "), None);
        correction.append(self.expand(&Pattern(vec![super::pattern::Node::Slot(slot)]), 0));
        let correction = self.write(correction);
        let told = correction.captured(0);
        let mut calls = before.clone();
        let value = parameter.kind.value(told.get(&parameter.names[0])?)?;
        calls[0].arguments.insert(name, value);
        if calls == before {
            return None;
        }
        turns.push(Message::new(Role::Assistant, calls_text(&before, NO_TOOL)));
        turns.push(Message::new(Role::User, correction.text()));
        Some((turns, calls, None))
    }
}

/// The call of a tool with these words, in the order of its parameters. None if the tool does not have one of them, or
/// requires another.
fn call(tool: &Offered<'_>, words: &BTreeMap<String, String>) -> Option<Call> {
    let is_missing = |parameter: &Parameter| parameter.is_required && !words.contains_key(&parameter.names[0]);
    if words.keys().any(|name| tool.called(name).is_none()) || tool.family.parameters.iter().any(is_missing) {
        return None;
    }
    let mut arguments = Map::new();
    for (name, parameter) in &tool.parameters {
        if let Some(words) = words.get(&parameter.names[0]) {
            arguments.insert(name.clone(), parameter.kind.value(words)?);
        }
    }
    Some(Call { name: tool.name.clone(), arguments })
}
