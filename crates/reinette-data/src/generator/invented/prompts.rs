//! What a teacher is asked, and the shapes of its answers.

use super::record::InventedRecord;
use crate::random::Random;
use serde_json::{Map, Value, json};

/// Requests that are asked for of each tool.
pub(super) const REQUESTS: usize = 4;
/// How freely tools and requests are written.
const TOOL_TEMPERATURE: f32 = 1.0;
const REQUEST_TEMPERATURE: f32 = 0.8;
/// Of tools, those that are about a verb as well, and those that are to have something.
const WITH_VERB: f64 = 0.6;
const WITH_WISH: f64 = 0.65;

const INSTRUCTIONS: &str = "You invent functions that an assistant can call, what its users say, and the right calls. Requests \
                            are natural and specific; arguments are what the words of the request say, and nothing else.";

/// The pattern of a name, or of the parts of one with a dot.
const NAME: &str = "[a-z]{2,14}(_[a-z]{2,12}){0,3}";

const REQUESTS_OF_IT: &str = "Users say, each in another way, and the arguments:";

const VERBS: [&str; 24] = [
    "get",
    "find",
    "calculate",
    "search",
    "compute",
    "create",
    "check",
    "compare",
    "convert",
    "estimate",
    "book",
    "list",
    "predict",
    "analyze",
    "fetch",
    "send",
    "update",
    "recommend",
    "determine",
    "retrieve",
    "generate",
    "track",
    "plan",
    "measure",
];

const WISHES: [&str; 10] = [
    "with choices",
    "with a place",
    "with a list",
    "with a date",
    "with names",
    "with yes or no",
    "with two numbers",
    "with many parameters",
    "with a single parameter",
    "with three numbers",
];

/// A turn of the conversation with the teacher.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    /// What it is to do.
    Instructions(String),
    /// What it is asked.
    Asked(String),
    /// What it answered.
    Teacher(String),
}

/// What a teacher is asked.
#[derive(Clone, Debug)]
pub struct Question {
    /// The conversation; the last turn is to be answered.
    pub turns: Vec<Turn>,
    /// The JSON Schema of the answer.
    pub schema: Value,
    /// How freely it is answered, and the seed of that.
    pub sampling: (f32, u64),
}

/// The beginning of all conversations: what the teacher goes on like.
pub(super) fn beginning(shown: &[InventedRecord]) -> Vec<Turn> {
    let mut turns = vec![Turn::Instructions(INSTRUCTIONS.to_owned())];
    for record in shown {
        let pairs: Vec<Value> =
            record.requests.iter().map(|request| json!([request.words, request.arguments])).collect();
        turns.push(Turn::Asked(format!("A function: {}", record.field)));
        turns.push(Turn::Teacher(record.told().to_string()));
        turns.push(Turn::Asked(REQUESTS_OF_IT.to_owned()));
        turns.push(Turn::Teacher(Value::from(pairs).to_string()));
    }
    turns
}

pub(super) fn ask_for_tool(beginning: &[Turn], field: &str, topic: &str, random: &mut Random) -> Question {
    let mut asked = format!("A function: {topic} ({field})");
    if random.chance(WITH_VERB) {
        asked = format!("{asked}, to {}", VERBS[random.below(VERBS.len())]);
    }
    if random.chance(WITH_WISH) {
        asked = format!("{asked}, {}", WISHES[random.below(WISHES.len())]);
    }
    let words = json!({ "type": "string", "minLength": 8, "maxLength": 110, "pattern": "^[A-Z][^\"\\\\\\n]*[.]$" });
    let signature = json!({ "type": "string", "pattern": parameter_pattern() });
    let parameter = json!({ "type": "array", "prefixItems": [signature, words], "items": false, "minItems": 2 });
    let schema = object(&[
        ("name", json!({ "type": "string", "pattern": format!("^{NAME}(\\.{NAME})?$") })),
        ("description", words),
        ("parameters", json!({ "type": "array", "items": parameter, "minItems": 1, "maxItems": 5 })),
    ]);
    Question { turns: followed(beginning, asked), schema, sampling: (TOOL_TEMPERATURE, random.next_number()) }
}

pub(super) fn ask_for_requests(conversation: &[Turn], tool: &Value, random: &mut Random) -> Question {
    let words = json!({ "type": "string", "minLength": 12, "maxLength": 200 });
    let pair = json!({ "type": "array", "prefixItems": [words, tool["parameters"]], "items": false, "minItems": 2 });
    let schema = json!({ "type": "array", "items": pair, "minItems": REQUESTS, "maxItems": REQUESTS });
    Question {
        turns: followed(conversation, REQUESTS_OF_IT.to_owned()),
        schema,
        sampling: (REQUEST_TEMPERATURE, random.next_number()),
    }
}

pub(super) fn followed(conversation: &[Turn], asked: String) -> Vec<Turn> {
    conversation.iter().cloned().chain([Turn::Asked(asked)]).collect()
}

/// An object with these properties, all of them required, in this order.
fn object(properties: &[(&str, Value)]) -> Value {
    let names: Vec<&str> = properties.iter().map(|(name, _)| *name).collect();
    let properties: Map<String, Value> =
        properties.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect();
    json!({ "type": "object", "properties": properties, "required": names, "additionalProperties": false })
}

/// The pattern of `parameter: type` and `parameter?: type`.
fn parameter_pattern() -> String {
    let choice = "[A-Za-z][A-Za-z-]{1,13}";
    let kind =
        format!("(string|integer|number|boolean|string\\[\\]|number\\[\\]|integer\\[\\]|{choice}(\\|{choice}){{1,4}})");
    format!("^[a-z]{{1,14}}(_[a-z0-9]{{1,12}}){{0,2}}\\??: {kind}$")
}
