//! Sets of tools as a program might offer them: names, descriptions and parameters vary from one to the next.

use super::family::{Family, Kind, Parameter};
use super::written::{capitalised, write};
use crate::random::Random;
use serde_json::{Map, Value, json};

/// Of the parameters that may be left out, those that a tool has.
const OPTIONAL_KEPT: f64 = 0.8;
/// Of parameters, those without a description.
const UNDESCRIBED: f64 = 0.15;

/// How a name is written.
#[derive(Clone, Copy, Debug)]
enum Style {
    Snake,
    Camel,
    Pascal,
    /// `set_brightness` of some part of a program: `home.set_brightness`.
    Dotted,
}

const STYLES: [Style; 6] = [Style::Snake, Style::Snake, Style::Snake, Style::Camel, Style::Pascal, Style::Dotted];
const PARTS: [&str; 8] = ["app", "api", "home", "tools", "service", "core", "v2", "assistant"];

/// A tool on offer.
#[derive(Clone, Debug)]
pub(super) struct Offered<'a> {
    pub(super) family: &'a Family,
    pub(super) name: String,
    /// Its parameters in order, each with what it is called here.
    pub(super) parameters: Vec<(String, Parameter)>,
    /// As programs write it: name, description, and a JSON Schema of the arguments.
    pub(super) definition: Value,
}

impl<'a> Offered<'a> {
    fn new(family: &'a Family, style: Style, random: &mut Random) -> Self {
        let name = write_name(pick(&family.names, random), style, random);
        let has = |parameter: &&Parameter| parameter.is_required;
        let mut kept: Vec<&Parameter> = family.parameters.iter().filter(has).collect();
        let optional = family.parameters.iter().filter(|parameter| !parameter.is_required);
        kept.extend(optional.filter(|_| random.chance(OPTIONAL_KEPT)).collect::<Vec<_>>());
        random.shuffle(&mut kept);
        let is_camel = matches!(style, Style::Camel | Style::Pascal);
        let mut parameters: Vec<(String, Parameter)> = Vec::new();
        for parameter in kept {
            let chosen = pick(&parameter.names, random);
            // Two parameters must not be called the same.
            let is_taken = |name: &str| parameters.iter().any(|(known, _)| known == name);
            let style = if is_camel { Style::Camel } else { Style::Snake };
            let written = write_name(chosen, style, random);
            let written = if is_taken(&written) { write_name(&parameter.names[0], style, random) } else { written };
            parameters.push((written, write(parameter, random)));
        }
        let definition = define(&name, pick(&family.descriptions, random), &parameters, random);
        Self { family, name, parameters, definition }
    }

    /// What a parameter is called here; none if this tool does not have it.
    pub(super) fn called(&self, parameter: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|(_, known)| known.names[0] == parameter);
        found.map(|(name, _)| name.as_str())
    }
}

/// A set of tools in one style, no two of the same name or for the same thing.
pub(super) fn offer<'a>(families: &[&'a Family], random: &mut Random) -> Vec<Offered<'a>> {
    let style = STYLES[random.below(STYLES.len())];
    let mut tools: Vec<Offered<'a>> = Vec::new();
    for family in families {
        let tool = Offered::new(family, style, random);
        if !tools.iter().any(|known| known.name == tool.name || known.family.does_the_same(family)) {
            tools.push(tool);
        }
    }
    tools
}

fn define(name: &str, description: &str, parameters: &[(String, Parameter)], random: &mut Random) -> Value {
    let mut properties = Map::new();
    for (name, parameter) in parameters {
        let mut schema = parameter.kind.schema();
        // What only a description tells is told.
        let is_told = matches!(parameter.kind, Kind::WrittenDate(_) | Kind::Options(_));
        if is_told || !random.chance(UNDESCRIBED) {
            schema["description"] = json!(pick(&parameter.descriptions, random));
        }
        properties.insert(name.clone(), schema);
    }
    let required: Vec<&str> =
        parameters.iter().filter(|(_, parameter)| parameter.is_required).map(|(name, _)| name.as_str()).collect();
    json!({
        "name": name,
        "description": description,
        "parameters": { "type": "object", "properties": properties, "required": required },
    })
}

fn pick<'a>(list: &'a [String], random: &mut Random) -> &'a str {
    &list[random.below(list.len())]
}

fn write_name(name: &str, style: Style, random: &mut Random) -> String {
    match style {
        Style::Snake => name.to_owned(),
        Style::Dotted => format!("{}.{name}", PARTS[random.below(PARTS.len())]),
        Style::Pascal => name.split('_').map(capitalised).collect(),
        Style::Camel => {
            let mut words = name.split('_');
            let first = words.next().unwrap_or_default().to_owned();
            words.fold(first, |written, word| written + &capitalised(word))
        }
    }
}
