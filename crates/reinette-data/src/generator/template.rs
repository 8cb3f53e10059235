//! Whole requests by the calls that they ask for.

use super::pattern::Pattern;
use super::product::Product;
use super::rules::{Rules, lines};
use crate::DataError;
use crate::lines::Call;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use twox_hash::XxHash3_64;

/// The two parts of the examples: no template belongs to both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// What is learned.
    Training,
    /// What shows how well it was learned.
    Validation,
}

/// One pattern of a request.
#[derive(Clone, Debug)]
pub(super) struct Template {
    /// The tools of the calls.
    pub(super) tools: Vec<String>,
    pub(super) pattern: Pattern,
    /// The normal forms of the arguments that are composed, such as `{a} + {b}`, one a call that has such an argument.
    forms: Vec<String>,
    /// Whether "please" may stand before it.
    pub(super) is_imperative: bool,
    /// Tells templates apart and is the same in every run.
    pub(super) name: String,
    /// Which part it belongs to.
    pub(super) part: Part,
}

impl Template {
    /// Reads `LANGUAGE.templates`: `> tool tool` names the tools of the lines below it; `!` begins an imperative; ` => `
    /// stands before the normal form of an argument.
    pub(super) fn read_all(file: &str, text: &str, product: &Product, rules: &Rules) -> Result<Vec<Self>, DataError> {
        let mut tools: Option<Vec<String>> = None;
        let mut templates = Vec::new();
        for (line, words) in lines(text) {
            let error = |problem| DataError::line(file, line, problem);
            if let Some(names) = words.strip_prefix('>') {
                let names: Vec<String> = names.split_whitespace().map(str::to_owned).collect();
                if names.is_empty() {
                    return Err(error("names no tool".to_owned()));
                }
                for name in names.iter().filter(|name| **name != product.mix.no_tool) {
                    product.arguments(name).map_err(error)?;
                }
                tools = Some(names);
                continue;
            }
            let Some(tools) = &tools else { return Err(error("stands before the first `> tool`".to_owned())) };
            let template = Self::parse(words, tools, product).map_err(error)?;
            rules.check(file, line, &template.pattern)?;
            templates.push(template);
        }
        Ok(templates)
    }

    fn parse(line: &str, tools: &[String], product: &Product) -> Result<Self, String> {
        let words = line.strip_prefix('!').unwrap_or(line);
        let mut pieces = words.split(" => ");
        let pattern = Pattern::parse(pieces.next().unwrap_or_default())?;
        let forms: Vec<String> = pieces.map(str::to_owned).collect();
        let composed = tools.iter().filter(|tool| product.mix.composed.contains_key(*tool)).count();
        if composed != forms.len() {
            return Err(format!("has {} normal forms behind `=>`, but its calls take {composed}", forms.len()));
        }
        let identity = format!("{} {line}", tools.join(" "));
        let hash = XxHash3_64::oneshot(identity.as_bytes());
        // The lowest bits of a hash are as random as any.
        let is_validation = ((hash & 0xffff) as f64) < product.mix.validation * 65536.0;
        let part = if is_validation { Part::Validation } else { Part::Training };
        let template = Self {
            tools: tools.to_vec(),
            pattern,
            forms,
            is_imperative: line.starts_with('!'),
            name: format!("{}:{:08x}", tools.join("+"), hash >> 32),
            part,
        };
        template.check(product)?;
        Ok(template)
    }

    /// Every argument belongs to a tool or a normal form, and every normal form is whole.
    fn check(&self, product: &Product) -> Result<(), String> {
        let slots = self.pattern.slots();
        let names: Vec<&str> = slots.iter().filter_map(|slot| slot.argument.as_deref()).collect();
        for name in &names {
            if self.forms.iter().any(|form| form.contains(&format!("{{{name}}}"))) {
                continue;
            }
            let (argument, call) = match name.split_once('.') {
                Some((argument, number)) => (argument, number.parse().map_err(|_| format!("`{name}` is no argument"))?),
                None => (*name, 1_usize),
            };
            let tool = call.checked_sub(1).and_then(|index| self.tools.get(index));
            let tool = tool.ok_or_else(|| format!("`{name}` is of a call that the section does not name"))?;
            let arguments = if *tool == product.mix.no_tool { &[] } else { product.arguments(tool)? };
            if !arguments.iter().any(|known| known == argument) {
                return Err(format!("the tool {tool} has no argument {argument} (it has: {})", arguments.join(", ")));
            }
        }
        for form in &self.forms {
            let variables = Pattern::parse(&form.replace(['(', ')', '|'], ""))?;
            if let Some(name) = variables.rules().find(|name| !names.contains(name)) {
                return Err(format!("the normal form `{form}` names {name}, which the request does not"));
            }
        }
        Ok(())
    }

    /// The calls that the words of the arguments stand for.
    pub(super) fn calls(&self, captured: &BTreeMap<String, String>, product: &Product) -> Vec<Call> {
        let mut forms = self.forms.iter();
        let mut calls = Vec::new();
        for (index, tool) in self.tools.iter().enumerate().filter(|(_, tool)| **tool != product.mix.no_tool) {
            let mut arguments = Map::new();
            if let Some(argument) = product.mix.composed.get(tool) {
                let form = forms.next().map_or("", String::as_str);
                let composed = captured
                    .iter()
                    .fold(form.to_owned(), |form, (name, words)| form.replace(&format!("{{{name}}}"), words));
                arguments.insert(argument.clone(), Value::String(composed));
            } else {
                for argument in product.arguments(tool).unwrap_or_default() {
                    let name = if index == 0 { argument.clone() } else { format!("{argument}.{}", index + 1) };
                    if let Some(words) = captured.get(&name) {
                        arguments.insert(argument.clone(), Value::String(words.clone()));
                    }
                }
            }
            calls.push(Call { name: tool.clone(), arguments });
        }
        calls
    }
}
