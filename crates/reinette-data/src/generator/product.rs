//! One product's tools and how people ask for them.

use super::dialogue::Dialogues;
use super::rules::Rules;
use super::source::GrammarSource;
use super::spelling::Spelling;
use super::template::Template;
use crate::DataError;
use serde::Deserialize;
use std::collections::BTreeMap;

/// The tools of a product and the languages in which they are asked for.
#[derive(Clone, Debug)]
pub struct Product {
    tools: Vec<Tool>,
    pub(super) mix: Mix,
    pub(super) languages: Vec<Language>,
}

/// A tool and its arguments, in the order of the answer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tool {
    name: String,
    arguments: Vec<String>,
}

/// `mix.toml`: how often what is drawn.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mix {
    /// The languages by their shares.
    pub(super) languages: BTreeMap<String, f64>,
    /// The tools of the first call by their shares.
    pub(super) tools: BTreeMap<String, f64>,
    /// Of all requests, those that join several.
    #[serde(default)]
    pub(super) joined: f64,
    /// Of all requests, those of several turns.
    #[serde(default)]
    pub(super) dialogues: f64,
    /// Of all templates, those for validation.
    #[serde(default)]
    pub(super) validation: f64,
    /// Letters of a request, at most.
    pub(super) longest: usize,
    /// The name of the section of requests that ask for no tool.
    pub(super) no_tool: String,
    /// Tools that are learned, but not among the examples for other models.
    #[serde(default)]
    pub(super) unshown: Vec<String>,
    /// Tools with the argument that is a normal form.
    #[serde(default)]
    pub(super) composed: BTreeMap<String, String>,
}

/// How a language is spoken and written.
#[derive(Clone, Debug)]
pub(super) struct Language {
    pub(super) name: String,
    pub(super) rules: Rules,
    pub(super) templates: Vec<Template>,
    pub(super) dialogues: Dialogues,
    pub(super) spelling: Spelling,
}

impl Product {
    /// Reads a grammar.
    ///
    /// # Errors
    /// With file and line, if something is missing or wrong: a rule that does not exist, an argument that the tool does
    /// not have, a parenthesis that is not closed.
    pub fn read(source: &GrammarSource) -> Result<Self, DataError> {
        let text = source.read("tools.json")?;
        let json =
            |error: serde_json::Error| DataError::line(&source.name("tools.json"), error.line(), error.to_string());
        let tools: Vec<Tool> = serde_json::from_str(&text).map_err(json)?;
        let mix: Mix = read_toml(&source.name("mix.toml"), &source.read("mix.toml")?)?;
        let mut product = Self { tools, mix, languages: Vec::new() };
        product.check_mix().map_err(|problem| DataError::line(&source.name("mix.toml"), 0, problem))?;
        let names: Vec<String> = product.mix.languages.keys().cloned().collect();
        for name in names {
            let language = Language::read(source, &name, &product)?;
            product.languages.push(language);
        }
        Ok(product)
    }

    /// The names of the arguments of a tool; the error says that there is no such tool.
    pub(super) fn arguments(&self, tool: &str) -> Result<&[String], String> {
        let found = self.tools.iter().find(|known| known.name == tool);
        found.map(|tool| tool.arguments.as_slice()).ok_or_else(|| format!("there is no tool {tool} in tools.json"))
    }

    fn check_mix(&self) -> Result<(), String> {
        let Mix { languages, tools, joined, dialogues, validation, no_tool, composed, .. } = &self.mix;
        for (name, share) in [("joined", joined), ("dialogues", dialogues), ("validation", validation)] {
            if !(0.0..=1.0).contains(share) {
                return Err(format!("{name} is {share}: write a share from 0 to 1"));
            }
        }
        for (name, shares) in [("languages", languages), ("tools", tools)] {
            let is_wrong = |share: &&f64| !share.is_finite() || **share < 0.0;
            if let Some(share) = shares.values().find(is_wrong) {
                return Err(format!("a share of the {name} is {share}: write a number that is not negative"));
            }
            if shares.values().sum::<f64>() <= 0.0 {
                return Err(format!("the shares of the {name} are all 0"));
            }
        }
        for tool in tools.keys().filter(|tool| *tool != no_tool) {
            self.arguments(tool)?;
        }
        for (tool, argument) in composed {
            if !self.arguments(tool)?.contains(argument) {
                return Err(format!("the tool {tool} has no argument {argument} that could be composed"));
            }
        }
        Ok(())
    }
}

impl Language {
    fn read(source: &GrammarSource, name: &str, product: &Product) -> Result<Self, DataError> {
        let [grammar, templates, dialogues, spelling] =
            ["grammar", "templates", "dialogues", "toml"].map(|ending| format!("{name}.{ending}"));
        let mut rules = Rules::default();
        rules.read(&source.name(&grammar), &source.read(&grammar)?)?;
        let templates = Template::read_all(&source.name(&templates), &source.read(&templates)?, product, &rules)?;
        let dialogues = match source.find(&dialogues)? {
            Some(text) => Dialogues::read(&source.name(&dialogues), &text, product, &rules)?,
            None => Dialogues::default(),
        };
        let spelling = match source.find(&spelling)? {
            Some(text) => Spelling::read(&source.name(&spelling), &text)?,
            None => Spelling::default(),
        };
        Ok(Self { name: name.to_owned(), rules, templates, dialogues, spelling })
    }
}

/// Reads TOML; the error has the line.
pub(super) fn read_toml<T: for<'de> Deserialize<'de>>(file: &str, text: &str) -> Result<T, DataError> {
    toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(0, |span| text[..span.start.min(text.len())].lines().count().max(1));
        DataError::line(file, line, error.message().to_owned())
    })
}
