//! What is sent and what comes back, as the API has it. Reading is lenient: compatible servers leave things out.

use super::ChatCompletionsConfig;
use crate::{
    Entry, FinishReason, LikelyToken, MAX_LIKELIEST_TOKENS, Request, Sampling, TokenLogProbability, ToolCall, ToolMode,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// Up to so many tokens of reasoning are what the API calls little effort, and some: it takes no number.
const LITTLE_EFFORT: usize = 1_024;
const SOME_EFFORT: usize = 8_192;

/// The body of a request.
pub(super) fn body(config: &ChatCompletionsConfig, request: &Request) -> Value {
    let mut body = json!({
        "model": config.model,
        "messages": messages(&request.transcript.entries),
        "stream": true,
        "stream_options": {"include_usage": true},
        "max_tokens": request.options.max_tokens,
    });
    let mut set = |name: &str, value: Value| {
        if let Some(fields) = body.as_object_mut() {
            fields.insert(name.to_owned(), value);
        }
    };
    match request.options.sampling {
        Sampling::Greedy => set("temperature", json!(0.0)),
        Sampling::Random { temperature, top_k, top_p, min_p, seed } => {
            set("temperature", json!(temperature));
            set("top_p", json!(top_p));
            set("seed", json!(seed));
            // Not of the original API, which refuses what it does not know: sent only where they say something.
            if top_k > 0 {
                set("top_k", json!(top_k));
            }
            if min_p > 0.0 {
                set("min_p", json!(min_p));
            }
        }
    }
    if request.options.repetition_penalty > 1.0 {
        set("repeat_penalty", json!(request.options.repetition_penalty));
    }
    let effort = match request.options.reasoning_tokens {
        0 => None,
        1..=LITTLE_EFFORT => Some("low"),
        tokens if tokens <= SOME_EFFORT => Some("medium"),
        _ => Some("high"),
    };
    if let Some(effort) = effort {
        set("reasoning_effort", json!(effort));
        set("max_tokens", json!(request.options.max_tokens.saturating_add(request.options.reasoning_tokens)));
    }
    if !request.options.stop.is_empty() {
        set("stop", json!(request.options.stop));
    }
    if let Some(count) = request.options.log_probabilities {
        set("logprobs", json!(true));
        set("top_logprobs", json!(count.min(MAX_LIKELIEST_TOKENS)));
    }
    if let Some(schema) = &request.response_schema {
        let format = json!({"name": "answer", "strict": true, "schema": plain(schema.as_json())});
        set("response_format", json!({"type": "json_schema", "json_schema": format}));
    }
    if !request.tools.is_empty() && request.tool_mode != ToolMode::Disallowed {
        let tool = |tool: &crate::ToolDefinition| {
            let parameters = plain(tool.parameters.as_json());
            json!({"type": "function", "function": {
                "name": tool.name, "description": tool.description, "parameters": parameters,
            }})
        };
        set("tools", request.tools.iter().map(tool).collect());
        let choice = if request.tool_mode == ToolMode::Required { "required" } else { "auto" };
        set("tool_choice", json!(choice));
    }
    body
}

/// A schema without keywords of our own, which strict servers refuse.
fn plain(schema: &Value) -> Value {
    match schema {
        Value::Object(keywords) => {
            let known = keywords.iter().filter(|(name, _)| !name.starts_with("x-"));
            Value::Object(known.map(|(name, value)| (name.clone(), plain(value))).collect())
        }
        Value::Array(values) => values.iter().map(plain).collect(),
        value => value.clone(),
    }
}

fn messages(entries: &[Entry]) -> Vec<Value> {
    let mut messages: Vec<Value> = Vec::new();
    for entry in entries {
        let message = match entry {
            Entry::Instructions { text } => json!({"role": "system", "content": text}),
            Entry::Prompt { text } => json!({"role": "user", "content": text}),
            Entry::Response { text } => json!({"role": "assistant", "content": text}),
            Entry::Attachment { url, .. } => {
                let part = json!({"type": "image_url", "image_url": {"url": url}});
                // What is attached belongs to the message with the words before it.
                match messages.last_mut() {
                    Some(said) if said["role"] == "user" => {
                        attach(&mut said["content"], part);
                        continue;
                    }
                    _ => json!({"role": "user", "content": [part]}),
                }
            }
            // The API keeps no thoughts.
            Entry::Reasoning { .. } => continue,
            Entry::ToolOutput { call_id, text, .. } => {
                json!({"role": "tool", "tool_call_id": call_id, "content": text})
            }
            Entry::ToolCalls { calls } => {
                let calls: Vec<Value> = calls.iter().map(call).collect();
                // Words before a call belong to the same message.
                match messages.last_mut() {
                    Some(said) if said["role"] == "assistant" && said.get("tool_calls").is_none() => {
                        said["tool_calls"] = Value::Array(calls);
                        continue;
                    }
                    _ => json!({"role": "assistant", "content": null, "tool_calls": calls}),
                }
            }
        };
        messages.push(message);
    }
    messages
}

/// Adds a part to a message, which is words alone until then.
fn attach(content: &mut Value, part: Value) {
    match content {
        Value::Array(parts) => parts.push(part),
        words => *words = json!([{"type": "text", "text": words.take()}, part]),
    }
}

fn call(call: &ToolCall) -> Value {
    let arguments = Value::Object(call.arguments.clone()).to_string();
    json!({"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}})
}

/// A piece of a streamed answer.
#[derive(Debug, Deserialize)]
pub(super) struct Chunk {
    #[serde(default)]
    pub(super) choices: Vec<Choice>,
    #[serde(default)]
    pub(super) usage: Option<Usage>,
    #[serde(default)]
    pub(super) error: Option<Value>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Choice {
    #[serde(default)]
    pub(super) delta: Delta,
    #[serde(default)]
    finish_reason: Option<String>,
    #[serde(default)]
    pub(super) logprobs: Option<LogProbabilities>,
}

/// What the model held of the tokens of a piece.
#[derive(Debug, Deserialize)]
pub(super) struct LogProbabilities {
    #[serde(default)]
    pub(super) content: Option<Vec<SaidToken>>,
}

/// A token with its probability, where there is one.
#[derive(Debug, Deserialize)]
pub(super) struct SaidToken {
    token: String,
    #[serde(default)]
    bytes: Option<Vec<u8>>,
    #[serde(default)]
    logprob: Option<f32>,
    #[serde(default)]
    top_logprobs: Vec<SaidToken>,
}

impl SaidToken {
    fn into_bytes(self) -> Vec<u8> {
        self.bytes.unwrap_or(self.token.into_bytes())
    }

    /// The token as the framework tells of it.
    pub(super) fn into_log_probability(mut self) -> TokenLogProbability {
        let likeliest = std::mem::take(&mut self.top_logprobs).into_iter().take(MAX_LIKELIEST_TOKENS);
        let likely = |token: Self| {
            let log_probability = token.logprob?;
            Some(LikelyToken { bytes: token.into_bytes(), log_probability })
        };
        let likeliest = likeliest.filter_map(likely).collect();
        TokenLogProbability { log_probability: self.logprob, likeliest, bytes: self.into_bytes() }
    }
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Delta {
    #[serde(default)]
    pub(super) content: Option<String>,
    /// What the model thinks: servers use one name or the other, and some both for the same words.
    #[serde(default)]
    reasoning_content: Option<String>,
    #[serde(default)]
    reasoning: Option<String>,
    #[serde(default)]
    pub(super) refusal: Option<String>,
    #[serde(default)]
    pub(super) tool_calls: Option<Vec<CallPiece>>,
}

impl Delta {
    /// What the model thinks, if anything.
    pub(super) fn take_thought(&mut self) -> Option<String> {
        self.reasoning_content.take().or(self.reasoning.take()).filter(|text| !text.is_empty())
    }
}

/// A piece of a call; those of one index belong together.
#[derive(Debug, Deserialize)]
pub(super) struct CallPiece {
    #[serde(default)]
    pub(super) index: usize,
    #[serde(default)]
    pub(super) id: Option<String>,
    #[serde(default)]
    pub(super) function: FunctionPiece,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct FunctionPiece {
    #[serde(default)]
    pub(super) name: Option<String>,
    #[serde(default)]
    pub(super) arguments: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Usage {
    #[serde(default)]
    pub(super) prompt_tokens: usize,
    #[serde(default)]
    pub(super) completion_tokens: usize,
    #[serde(default)]
    prompt_tokens_details: Option<PromptDetails>,
    #[serde(default)]
    completion_tokens_details: Option<CompletionDetails>,
}

#[derive(Debug, Deserialize)]
struct CompletionDetails {
    #[serde(default)]
    reasoning_tokens: Option<usize>,
}

#[derive(Debug, Deserialize)]
struct PromptDetails {
    #[serde(default)]
    cached_tokens: Option<usize>,
}

impl Usage {
    pub(super) fn reasoning_tokens(&self) -> usize {
        self.completion_tokens_details.as_ref().and_then(|details| details.reasoning_tokens).unwrap_or(0)
    }

    pub(super) fn cached_tokens(&self) -> usize {
        self.prompt_tokens_details.as_ref().and_then(|details| details.cached_tokens).unwrap_or(0)
    }
}

impl Choice {
    /// Why the answer ended, if this is its end.
    pub(super) fn finish_reason(&self) -> Option<FinishReason> {
        Some(match self.finish_reason.as_deref()? {
            "length" => FinishReason::Length,
            "tool_calls" | "function_call" => FinishReason::ToolCalls,
            _ => FinishReason::Stop,
        })
    }
}

/// The arguments of a call from their JSON; none if there are none.
pub(super) fn arguments(json: &str) -> Result<Map<String, Value>, serde_json::Error> {
    if json.trim().is_empty() { Ok(Map::new()) } else { serde_json::from_str(json) }
}

/// What an error says.
pub(super) struct Complaint {
    pub(super) message: String,
    /// What the conversation takes and what there is, where the complaint is about that.
    pub(super) context: Option<[usize; 2]>,
}

impl Complaint {
    /// Reads the body of an error, or the error in a stream.
    pub(super) fn read(error: &Value, context_tokens: usize) -> Self {
        let error = error.get("error").unwrap_or(error);
        let text = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default();
        let message = error.as_str().unwrap_or_else(|| text("message")).to_owned();
        let number =
            |name: &str| error.get(name).and_then(Value::as_u64).and_then(|number| usize::try_from(number).ok());
        // What OpenAI's own API says, and what llama.cpp says.
        let is_about_context = text("code") == "context_length_exceeded" || text("type") == "exceed_context_size_error";
        let limit = number("n_ctx").unwrap_or(context_tokens);
        let needed = number("n_prompt_tokens").unwrap_or(limit.saturating_add(1));
        Self { message, context: is_about_context.then_some([needed, limit]) }
    }
}
