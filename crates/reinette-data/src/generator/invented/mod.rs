//! Tools, requests and calls that a larger model writes: it is asked for a tool about something drawn at random, for what
//! users say to have it called, and for the calls; what does not hold together is dropped.
//!
//! Paper: Self-Instruct: Aligning Language Models with Self-Generated Instructions, arXiv:2212.10560.

mod check;
mod offer;
mod prompts;
mod record;
mod written;

pub use offer::InventedTools;
pub use record::{InventedRecord, InventedRequest};

use super::rules::lines;
use super::taken::Taken;
use crate::DataError;
use crate::random::Random;
use check::{Checked, check};
use serde_json::{Map, Value, json};
use std::ops::AddAssign;

pub use prompts::{Question, Turn};

/// Of the records that are written by hand, the first ones that a teacher is shown.
const SHOWN: usize = 5;

/// What a teacher invents tools about.
#[derive(Clone, Debug)]
pub struct Topics(Vec<(String, String)>);

impl Topics {
    /// Reinette's own: hundreds, of all that programs are asked for.
    ///
    /// # Errors
    /// If a line is not in the notation `field: topic | topic`.
    pub fn own() -> Result<Self, DataError> {
        Self::read("unseen/english.topics", include_str!("../../../grammars/unseen/english.topics"))
    }

    fn read(file: &str, text: &str) -> Result<Self, DataError> {
        let mut topics = Vec::new();
        for (line, words) in lines(text) {
            let no_field = || DataError::line(file, line, "has no field: write `field: topic | topic`".to_owned());
            let (field, named) = words.split_once(':').ok_or_else(no_field)?;
            topics.extend(named.split('|').map(|topic| (field.trim().to_owned(), topic.trim().to_owned())));
        }
        Ok(Self(topics))
    }
}

/// Why what a teacher wrote was dropped, and how often.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Requests that are good.
    pub kept: usize,
    /// Tools that are none, or that models are judged by.
    pub tools: usize,
    /// Requests with values that the words do not say, or words that the values lack.
    pub unfaithful: usize,
    /// Requests that models are judged by, or that are nearly another one.
    pub taken: usize,
    /// Requests that are no sentence a user would say.
    pub odd: usize,
}

impl AddAssign for Dropped {
    fn add_assign(&mut self, other: Self) {
        self.kept += other.kept;
        self.tools += other.tools;
        self.unfaithful += other.unfaithful;
        self.taken += other.taken;
        self.odd += other.odd;
    }
}

/// Asks a teacher for tools, what users say, and calls.
#[derive(Debug)]
pub struct Inventor<'a> {
    topics: &'a Topics,
    taken: &'a Taken,
    beginning: Vec<Turn>,
    seed: u64,
}

impl<'a> Inventor<'a> {
    /// Gets ready to ask about topics; nothing is kept that is taken.
    ///
    /// # Errors
    /// If what the teacher is shown cannot be read.
    pub fn new(topics: &'a Topics, taken: &'a Taken, seed: u64) -> Result<Self, DataError> {
        let shown = InventedRecord::own()?;
        Ok(Self { topics, taken, beginning: prompts::beginning(&shown[..SHOWN.min(shown.len())]), seed })
    }

    /// What all conversations begin with, as a question: a teacher that has answered it has read that.
    pub fn beginning_only(&self) -> Question {
        let schema = json!({ "const": "yes" });
        Question { turns: prompts::followed(&self.beginning, "Ready?".to_owned()), schema, sampling: (1.0, 0) }
    }

    /// The record of a number: the same for the same number, seed and teacher. `ask` gives the teacher's answer to a
    /// question, which follows the question's schema.
    ///
    /// # Errors
    /// Those of `ask`.
    pub fn invent<E>(
        &self,
        number: u64,
        mut ask: impl FnMut(&Question) -> Result<String, E>,
    ) -> Result<(Option<InventedRecord>, Dropped), E> {
        let mut random = Random::new(self.seed, number);
        let (field, topic) = &self.topics.0[random.below(self.topics.0.len())];
        let mut dropped = Dropped::default();
        let mut conversation = Vec::new();
        let question = prompts::ask_for_tool(&self.beginning, field, topic, &mut random);
        let answer = put(&question, &mut conversation, &mut ask)?;
        let Some(tool) = record::tool(&answer).filter(|tool| !self.is_taken_tool(tool)) else {
            dropped.tools += 1;
            return Ok((None, dropped));
        };
        let question = prompts::ask_for_requests(&conversation, &tool, &mut random);
        let pairs = put(&question, &mut conversation, &mut ask)?;
        let mut record = InventedRecord { number, field: field.clone(), tool, requests: Vec::new() };
        for pair in pairs.as_array().into_iter().flatten() {
            if let (Some(words), Some(arguments)) = (pair[0].as_str(), pair[1].as_object()) {
                self.add(&mut record, words.trim(), arguments, &mut dropped);
            }
        }
        record.require_what_is_said();
        Ok((Some(record), dropped))
    }

    fn add(&self, record: &mut InventedRecord, words: &str, arguments: &Map<String, Value>, dropped: &mut Dropped) {
        let arguments = match check(words, arguments, &record.tool) {
            Checked::Faithful(arguments) => arguments,
            Checked::Odd => {
                dropped.odd += 1;
                return;
            }
            Checked::Unfaithful => {
                dropped.unfaithful += 1;
                return;
            }
        };
        let is_again = record.requests.iter().any(|known| check::is_near(&known.words, words));
        if is_again || self.taken.is_judged(words) || self.taken.is_nearly_judged(words) {
            dropped.taken += 1;
            return;
        }
        dropped.kept += 1;
        record.requests.push(InventedRequest { words: words.to_owned(), arguments, further: Vec::new() });
    }

    fn is_taken_tool(&self, tool: &Value) -> bool {
        tool["name"].as_str().is_none_or(|name| self.taken.is_judged_tool(name))
    }
}

/// Puts a question and keeps it with its answer in the conversation. An answer that was cut off is null.
fn put<E>(
    question: &Question,
    conversation: &mut Vec<Turn>,
    ask: &mut impl FnMut(&Question) -> Result<String, E>,
) -> Result<Value, E> {
    let answer = ask(question)?;
    conversation.clone_from(&question.turns);
    conversation.push(Turn::Teacher(answer.clone()));
    Ok(serde_json::from_str(&answer).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::convert::Infallible;
    use std::path::Path;

    /// A teacher that has learned two answers.
    fn invent(tool: &Value, pairs: &Value) -> (Option<InventedRecord>, Dropped) {
        let (topics, taken) = (Topics::own().unwrap(), taken());
        let inventor = Inventor::new(&topics, &taken, 1).unwrap();
        let mut answers = vec![pairs.to_string(), tool.to_string()];
        let mut questions = Vec::new();
        let invented = inventor.invent(3, |question| {
            questions.push(question.clone());
            Ok::<_, Infallible>(answers.pop().unwrap())
        });
        // The second question goes on from the first answer, under the tool's own schema.
        if let Some(second) = questions.get(1) {
            assert!(second.turns.starts_with(&questions[0].turns));
            assert_eq!(second.schema["items"]["prefixItems"][1]["properties"]["city"]["type"], "string");
        }
        let Ok(invented) = invented;
        invented
    }

    fn taken() -> Taken {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("judged.jsonl");
        std::fs::write(&file, "{\"text\": \"Find a vet in Lyon\"}\n{\"tool\": \"pets.find_vet\"}\n").unwrap();
        let mut taken = Taken::default();
        taken.exclude(&file).unwrap();
        taken
    }

    fn tool(name: &str) -> Value {
        let parameters =
            json!([["city: string", "Where it is."], ["kind?: cat|dog", "Animal."], ["fee: number", "Most."]]);
        json!({ "name": name, "description": "Finds a vet.", "parameters": parameters })
    }

    #[test]
    fn what_holds_together_is_kept_and_what_is_never_said_may_be_left_out() {
        let pairs = json!([
            ["Is there a vet for my dog in Ghent?", { "city": "Ghent", "kind": "dog", "fee": 50 }],
            ["I need a vet in Bruges", { "city": "Bruges", "fee": 20 }],
            ["find a vet in Lyon!", { "city": "Lyon", "fee": 20 }],
            ["Which vet in Antwerp takes 30?", { "city": "Antwerp", "fee": 40 }],
        ]);
        let (record, dropped) = invent(&tool("vets.nearby"), &pairs);
        let record = record.unwrap();
        assert_eq!(dropped, Dropped { kept: 2, taken: 1, unfaithful: 1, ..Dropped::default() });
        assert_eq!(record.tool["parameters"]["required"], json!(["city"]));
        assert_eq!(record.tool["parameters"]["properties"]["kind"]["enum"], json!(["cat", "dog"]));
        assert_eq!(Value::Object(record.requests[0].arguments.clone()), json!({ "city": "Ghent", "kind": "dog" }));
        // A line of the file, and back.
        let line = serde_json::to_string(&record).unwrap();
        assert_eq!(serde_json::from_str::<InventedRecord>(&line).unwrap(), record);
    }

    #[test]
    fn tools_that_models_are_judged_by_are_dropped() {
        for name in ["pets.find_vet", "petsFindVet", "pets_find_vet"] {
            let (record, dropped) = invent(&tool(name), &json!([]));
            assert!(record.is_none() && dropped.tools == 1, "{name}");
        }
    }

    #[test]
    fn what_the_adapter_learned_from_can_be_read() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../adapters/offered");
        let (by_hand, teacher) = (folder.join("written.inventions"), folder.join("invented.jsonl"));
        let records = InventedRecord::read_file(&by_hand).unwrap();
        let names: HashSet<&str> = records.iter().map(InventedRecord::name).collect();
        assert_eq!(names.len(), records.len(), "a name stands twice");
        let is_for_one = |request: &InventedRequest| request.further.is_empty();
        assert!(records.iter().all(|record| record.requests.iter().any(is_for_one)));
        assert!(!InventedRecord::read_file(&teacher).unwrap().is_empty());
    }

    #[test]
    fn what_is_written_by_hand_holds_together() {
        let records = InventedRecord::own().unwrap();
        assert!(records.len() > 200 && records.iter().all(|record| !record.requests.is_empty()));
        // What a teacher is shown of them is what it is to write.
        for record in &records {
            let again = record::tool(&record.told());
            let plain = record.tool["parameters"]["properties"].as_object().unwrap();
            if plain.values().all(|schema| schema["description"].is_string()) {
                assert_eq!(again.as_ref(), Some(&record.tool), "{}", record.name());
            }
        }
    }
}
