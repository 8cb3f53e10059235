//! One answer of a server, from the request to its last word.

use super::ChatCompletionsConfig;
use super::wire::{self, Chunk, Complaint, Delta};
use crate::{Event, FinishReason, ModelError, Request, Summary, TokenLogProbability, ToolCall};
use async_channel::Sender;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::time::Instant;
use ureq::http::{Response, StatusCode};

/// No line of a stream is longer: a whole answer may come in one.
const MAX_LINE_BYTES: u64 = 8 << 20;
/// No more of an error's body is read.
const MAX_ERROR_BYTES: u64 = 64 << 10;
/// No answer has more calls.
const MAX_CALLS: usize = 128;

type Events = Sender<Result<Event, ModelError>>;

/// Asks, and hands the answer on as it comes; ends early when nobody listens.
pub(super) fn answer(
    agent: &ureq::Agent,
    config: &ChatCompletionsConfig,
    request: &Request,
    events: &Events,
) -> Result<(), ModelError> {
    let begun = Instant::now();
    let url = format!("{}/chat/completions", config.base_url.trim_end_matches('/'));
    let mut post = agent.post(&url).content_type("application/json").header("accept", "text/event-stream");
    if let Some(key) = &config.api_key {
        post = post.header("authorization", format!("Bearer {key}"));
    }
    let response = post
        .send(wire::body(config, request).to_string())
        .map_err(|error| server(config, format!("{error}; is the server running, and is its address right?")))?;
    if !response.status().is_success() {
        return Err(refusal(config, response));
    }
    let reading = Reading {
        config,
        events,
        begun,
        first_token_ms: None,
        calls: Vec::new(),
        refused: String::new(),
        log_probabilities: Vec::new(),
        max_tokens: request.options.max_tokens,
    };
    reading.read(BufReader::new(response.into_body().into_reader()))
}

fn server(config: &ChatCompletionsConfig, reason: impl Into<String>) -> ModelError {
    ModelError::Server { server: config.base_url.clone(), reason: reason.into() }
}

/// What a status that is no success means.
fn refusal(config: &ChatCompletionsConfig, response: Response<ureq::Body>) -> ModelError {
    let status = response.status();
    let retry_after_seconds =
        response.headers().get("retry-after").and_then(|value| value.to_str().ok()?.trim().parse().ok());
    let mut text = String::new();
    // Of a body that breaks off, what came says enough.
    let _ = response.into_body().into_reader().take(MAX_ERROR_BYTES).read_to_string(&mut text);
    let json = serde_json::from_str(&text).unwrap_or(Value::String(text));
    let complaint = Complaint::read(&json, config.context_tokens);
    if let Some([needed_tokens, limit_tokens]) = complaint.context {
        return ModelError::ContextFull { needed_tokens, limit_tokens };
    }
    let advice = match status {
        StatusCode::TOO_MANY_REQUESTS => return ModelError::RateLimited { retry_after_seconds },
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => "set `ChatCompletionsConfig::api_key`",
        StatusCode::NOT_FOUND => "check `base_url`, which ends in `/v1` mostly, and `model`",
        _ if status.is_server_error() => "ask again later",
        _ => "the server does not take this request",
    };
    server(config, format!("{status}: {}; {advice}", complaint.message))
}

/// An answer that is being read.
struct Reading<'a> {
    config: &'a ChatCompletionsConfig,
    events: &'a Events,
    begun: Instant,
    first_token_ms: Option<f64>,
    calls: Vec<PartialCall>,
    refused: String,
    log_probabilities: Vec<TokenLogProbability>,
    /// No more tokens were asked for; of more, nothing is kept.
    max_tokens: usize,
}

/// A call of which pieces have come.
#[derive(Default)]
struct PartialCall {
    id: String,
    name: String,
    arguments: String,
}

/// Whether there is more to read.
#[derive(PartialEq)]
enum Listening {
    Yes,
    No,
}

impl Reading<'_> {
    fn read(mut self, mut lines: impl BufRead) -> Result<(), ModelError> {
        let mut usage = wire::Usage::default();
        let mut finish_reason = None;
        let mut line = String::new();
        loop {
            line.clear();
            let bytes = lines.by_ref().take(MAX_LINE_BYTES).read_line(&mut line);
            let count =
                bytes.map_err(|error| server(self.config, format!("the answer broke off: {error}; ask again")))?;
            if count as u64 == MAX_LINE_BYTES {
                return Err(server(self.config, "it sent a line of 8 MiB: it does not stream as this API does"));
            }
            let data = line.trim().strip_prefix("data:").map(str::trim);
            if count == 0 || data == Some("[DONE]") {
                break;
            }
            // Comments keep a connection alive; other fields say nothing here.
            let Some(data) = data else { continue };
            let chunk: Chunk = serde_json::from_str(data)
                .map_err(|error| server(self.config, format!("it sent what is no piece of an answer: {error}")))?;
            if let Some(error) = chunk.error {
                let complaint = Complaint::read(&error, self.config.context_tokens);
                return Err(match complaint.context {
                    Some([needed_tokens, limit_tokens]) => ModelError::ContextFull { needed_tokens, limit_tokens },
                    None => server(self.config, complaint.message),
                });
            }
            usage = chunk.usage.unwrap_or(usage);
            for choice in chunk.choices.into_iter().take(1) {
                finish_reason = choice.finish_reason().or(finish_reason);
                let told = choice.logprobs.and_then(|told| told.content).into_iter().flatten();
                let room = self.max_tokens.saturating_sub(self.log_probabilities.len());
                self.log_probabilities.extend(told.take(room).map(wire::SaidToken::into_log_probability));
                if self.take(choice.delta)? == Listening::No {
                    return Ok(());
                }
            }
        }
        let finish_reason =
            finish_reason.ok_or_else(|| server(self.config, "the answer broke off before its end: ask again"))?;
        self.end(&usage, finish_reason)
    }

    fn send(&mut self, event: Event) -> Listening {
        self.first_token_ms.get_or_insert_with(|| self.begun.elapsed().as_secs_f64() * 1e3);
        if self.events.send_blocking(Ok(event)).is_ok() { Listening::Yes } else { Listening::No }
    }

    fn take(&mut self, mut delta: Delta) -> Result<Listening, ModelError> {
        let thought = delta.take_thought();
        self.refused.push_str(&delta.refusal.unwrap_or_default());
        for piece in delta.tool_calls.into_iter().flatten() {
            if piece.index >= MAX_CALLS {
                return Err(server(self.config, format!("it makes more than {MAX_CALLS} calls at once")));
            }
            while self.calls.len() <= piece.index {
                self.calls.push(PartialCall::default());
            }
            let call = &mut self.calls[piece.index];
            call.id = piece.id.filter(|id| !id.is_empty()).unwrap_or(std::mem::take(&mut call.id));
            call.name.push_str(&piece.function.name.unwrap_or_default());
            call.arguments.push_str(&piece.function.arguments.unwrap_or_default());
        }
        if let Some(thought) = thought
            && self.send(Event::Reasoning(thought)) == Listening::No
        {
            return Ok(Listening::No);
        }
        match delta.content.filter(|text| !text.is_empty()) {
            Some(text) => Ok(self.send(Event::Text(text))),
            None if self.events.is_closed() => Ok(Listening::No),
            None => Ok(Listening::Yes),
        }
    }

    fn end(mut self, usage: &wire::Usage, finish_reason: FinishReason) -> Result<(), ModelError> {
        if !self.refused.is_empty() {
            return Err(ModelError::Refused { explanation: self.refused });
        }
        let calls = std::mem::take(&mut self.calls);
        let called = !calls.is_empty();
        for (index, PartialCall { id, name, arguments }) in calls.into_iter().enumerate() {
            let arguments = wire::arguments(&arguments).map_err(|error| {
                server(
                    self.config,
                    format!("its call of `{name}` has arguments that are no JSON object ({error}): ask again"),
                )
            })?;
            let id = if id.is_empty() { format!("call-{index}") } else { id };
            if self.send(Event::ToolCall(ToolCall { id, name, arguments })) == Listening::No {
                return Ok(());
            }
        }
        let summary = Summary {
            finish_reason: if called { FinishReason::ToolCalls } else { finish_reason },
            prompt_tokens: usage.prompt_tokens,
            cached_tokens: usage.cached_tokens(),
            output_tokens: usage.completion_tokens,
            reasoning_tokens: usage.reasoning_tokens(),
            forced_tokens: 0,
            log_probabilities: self.log_probabilities,
            first_token_ms: self.first_token_ms.unwrap_or_default(),
            total_ms: self.begun.elapsed().as_secs_f64() * 1e3,
        };
        let _ = self.events.send_blocking(Ok(Event::Finished(summary)));
        Ok(())
    }
}
