//! Requests of several turns: "no, make it Thursday", and words that lack something until they are asked for it.

use super::pattern::Pattern;
use super::product::Product;
use super::rules::{Rules, lines};
use super::template::Part;
use crate::DataError;
use std::collections::BTreeMap;
use twox_hash::XxHash3_64;

/// What is said in a turn, and in which part of the examples.
#[derive(Clone, Debug)]
struct Turn {
    pattern: Pattern,
    part: Part,
}

/// The turns about one tool.
#[derive(Clone, Debug, Default)]
struct Turns {
    corrections: Vec<Turn>,
    openings: Vec<Turn>,
    answers: Vec<Turn>,
}

/// The turns of one language, by the tool that they are about.
#[derive(Clone, Debug, Default)]
pub(super) struct Dialogues(BTreeMap<String, Turns>);

/// What can be said in two turns about a tool.
#[derive(Clone, Debug)]
pub(super) struct Choices<'a> {
    /// What corrects a call that was just made.
    pub(super) corrections: Vec<&'a Pattern>,
    /// What lacks something …
    pub(super) openings: Vec<&'a Pattern>,
    /// … and what is said when asked for it.
    pub(super) answers: Vec<&'a Pattern>,
}

impl Dialogues {
    /// Reads `LANGUAGE.dialogues`: `> tool` names the tool of the lines below it; `~` begins what corrects a call, `?` what
    /// lacks something that the tool needs, `=` what is answered when asked for it.
    pub(super) fn read(file: &str, text: &str, product: &Product, rules: &Rules) -> Result<Self, DataError> {
        let mut dialogues = Self::default();
        let mut tool = None;
        for (line, words) in lines(text) {
            let error = |problem| DataError::line(file, line, problem);
            if let Some(name) = words.strip_prefix('>') {
                let name = name.trim();
                product.arguments(name).map_err(error)?;
                tool = Some(name.to_owned());
                continue;
            }
            let Some(tool) = &tool else { return Err(error("stands before the first `> tool`".to_owned())) };
            let (kind, words) = words.split_at_checked(1).unwrap_or((words, ""));
            let pattern = Pattern::parse(words.trim()).map_err(error)?;
            rules.check(file, line, &pattern)?;
            let arguments = product.arguments(tool).map_err(error)?;
            let named: Vec<&str> = pattern.slots().iter().filter_map(|slot| slot.argument.as_deref()).collect();
            if let Some(name) = named.iter().find(|name| !arguments.iter().any(|known| known == *name)) {
                return Err(error(format!("the tool {tool} has no argument {name}")));
            }
            if kind != "?" && named.is_empty() {
                return Err(error("names no argument: write {argument=rule}".to_owned()));
            }
            let hash = XxHash3_64::oneshot(format!("{tool} {kind} {words}").as_bytes());
            let is_validation = ((hash & 0xffff) as f64) < product.mix.validation * 65536.0;
            let part = if is_validation { Part::Validation } else { Part::Training };
            let turns = dialogues.0.entry(tool.clone()).or_default();
            match kind {
                "~" => turns.corrections.push(Turn { pattern, part }),
                "?" => turns.openings.push(Turn { pattern, part }),
                "=" => turns.answers.push(Turn { pattern, part }),
                _ => return Err(error(format!("begins with `{kind}`: write ~, ? or ="))),
            }
        }
        Ok(dialogues)
    }

    /// The tools that have turns in a part, with these.
    pub(super) fn choices(&self, part: Part) -> Vec<(&str, Choices<'_>)> {
        fn of_part(turns: &[Turn], part: Part) -> Vec<&Pattern> {
            turns.iter().filter(|turn| turn.part == part).map(|turn| &turn.pattern).collect()
        }
        let choices = self.0.iter().map(|(tool, turns)| {
            let mut choices = Choices {
                corrections: of_part(&turns.corrections, part),
                openings: of_part(&turns.openings, part),
                answers: of_part(&turns.answers, part),
            };
            if choices.openings.is_empty() || choices.answers.is_empty() {
                choices.openings.clear();
            }
            (tool.as_str(), choices)
        });
        choices.filter(|(_, choices)| !choices.corrections.is_empty() || !choices.openings.is_empty()).collect()
    }
}
