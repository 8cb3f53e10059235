//! Sets of tools as a program might offer them: names, descriptions and parameters vary from one to the next.

use super::family::{Family, Parameter};
use crate::random::Random;
use serde_json::{Map, Value, json};
use std::fmt::Write;

/// Of the parameters that may be left out, those that a tool has.
const OPTIONAL_KEPT: f64 = 0.7;
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
    pub(super) parameters: Vec<(String, &'a Parameter)>,
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
        let mut parameters: Vec<(String, &Parameter)> = Vec::new();
        for parameter in kept {
            let chosen = pick(&parameter.names, random);
            // Two parameters must not be called the same.
            let is_taken = |name: &str| parameters.iter().any(|(known, _)| known == name);
            let style = if is_camel { Style::Camel } else { Style::Snake };
            let written = write_name(chosen, style, random);
            let written = if is_taken(&written) { write_name(&parameter.names[0], style, random) } else { written };
            parameters.push((written, parameter));
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

/// A set of tools in one style, no two of the same name.
pub(super) fn offer<'a>(families: &[&'a Family], random: &mut Random) -> Vec<Offered<'a>> {
    let style = STYLES[random.below(STYLES.len())];
    let mut tools: Vec<Offered<'a>> = Vec::new();
    for family in families {
        let tool = Offered::new(family, style, random);
        if !tools.iter().any(|known| known.name == tool.name) {
            tools.push(tool);
        }
    }
    tools
}

fn define(name: &str, description: &str, parameters: &[(String, &Parameter)], random: &mut Random) -> Value {
    let mut properties = Map::new();
    for (name, parameter) in parameters {
        let mut schema = parameter.kind.schema();
        if !random.chance(UNDESCRIBED) {
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

/// How tools are described to the model: a signature a line, then what each parameter is.
pub(super) fn describe(tools: &[Value]) -> String {
    let mut text = String::from(
        "Answer the last words of the user with calls of these tools: a JSON list, one object a call, in the order of the \
         words. Where no tool does what is asked, or something that it requires is missing, answer [{\"tool\": \
         \"none\"}].\n\nTools:\n",
    );
    for tool in tools {
        let parameters = &tool["parameters"];
        let required: Vec<&str> =
            parameters["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let properties: Vec<(&String, &Value)> = parameters["properties"].as_object().into_iter().flatten().collect();
        let signature = properties.iter().map(|(name, schema)| {
            let mark = if required.contains(&name.as_str()) { "" } else { "?" };
            format!("{name}{mark}: {}", kind(schema))
        });
        let signature: Vec<String> = signature.collect();
        let (name, description) = (text_of(&tool["name"]), text_of(&tool["description"]));
        let _ = writeln!(text, "- {name}({}): {description}", signature.join(", "));
        let described = properties.iter().filter_map(|(name, schema)| Some((name, schema["description"].as_str()?)));
        for (name, description) in described {
            let _ = writeln!(text, "    {name}: {description}");
        }
    }
    text
}

/// The kind of a parameter in a signature.
fn kind(schema: &Value) -> String {
    if let Some(values) = schema["enum"].as_array() {
        return values.iter().map(ToString::to_string).collect::<Vec<_>>().join("|");
    }
    match (text_of(&schema["type"]), text_of(&schema["format"])) {
        ("array", _) => format!("{}[]", text_of(&schema["items"]["type"])),
        (_, "date") => "date".to_owned(),
        (kind, _) => kind.to_owned(),
    }
}

fn text_of(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn pick<'a>(list: &'a [String], random: &mut Random) -> &'a str {
    &list[random.below(list.len())]
}

fn write_name(name: &str, style: Style, random: &mut Random) -> String {
    let capitalised = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect::<String>()
    };
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_are_described_by_signature() {
        let tools = [json!({
            "name": "dim",
            "description": "Dims lights.",
            "parameters": {
                "type": "object",
                "properties": {
                    "room": { "type": "string", "description": "Where." },
                    "level": { "type": "string", "enum": ["low", "high"] },
                    "names": { "type": "array", "items": { "type": "string" } },
                },
                "required": ["room"],
            },
        })];
        let text = describe(&tools);
        let expected =
            "- dim(room: string, level?: \"low\"|\"high\", names?: string[]): Dims lights.\n    room: Where.\n";
        assert!(text.ends_with(expected), "{text}");
    }
}
