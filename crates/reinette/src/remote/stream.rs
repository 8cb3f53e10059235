//! One answer of a server, from the request to its last word.

use super::ChatCompletionsConfig;
use super::wire::{self, Chunk, Complaint, Delta};
use crate::outbound::{self, HangUp, Redirect};
use crate::{Event, FinishReason, ModelError, Request, Summary, TokenLogProbability, ToolCall};
use async_channel::Sender;
use serde_json::Value;
use std::io::{self, BufRead, BufReader, Read, Take};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use ureq::http::{Response, StatusCode};
use ureq::{Agent, Timeout};

/// No line of a stream is longer: a whole answer may come in one.
const MAX_LINE_BYTES: u64 = 8 << 20;
/// No more of an error's body is read.
const MAX_ERROR_BYTES: usize = 64 << 10;
/// No longer is an error's body waited for: its status says the most.
const ERROR_TIMEOUT: Duration = Duration::from_secs(10);
/// No more of a server's complaint is told.
const MAX_COMPLAINT_CHARACTERS: usize = 2_000;
/// A shorter key is a stand-in for none, and its letters are in every word.
const SHORTEST_SECRET_BYTES: usize = 3;
/// No answer has more calls.
const MAX_CALLS: usize = 128;

/// A request to a server, and where its answer goes.
pub(super) struct Exchange {
    pub(super) config: ChatCompletionsConfig,
    pub(super) url: String,
    pub(super) events: Sender<Result<Event, ModelError>>,
}

impl Exchange {
    /// Asks, and hands the answer on as it comes; ends early when nobody listens.
    pub(super) fn run(&self, agent: &Agent, request: &Request) -> Result<(), ModelError> {
        let begun = Instant::now();
        let mut post = agent.post(&self.url).content_type("application/json").header("accept", "text/event-stream");
        if let Some(key) = &self.config.api_key {
            post = post.header("authorization", format!("Bearer {key}"));
        }
        let response = post.send(wire::body(&self.config, request).to_string()).map_err(|error| self.unsent(error))?;
        if !response.status().is_success() {
            return Err(self.refusal(agent, response));
        }
        let reading = Reading {
            exchange: self,
            begun,
            first_token_ms: None,
            calls: Vec::new(),
            refused: String::new(),
            log_probabilities: Vec::new(),
            max_tokens: request.options.max_tokens,
            text_bytes: 0,
            call_bytes: 0,
        };
        let body = response.into_body().into_reader();
        reading.read(BufReader::new(body.take(self.config.limits.transfer_bytes as u64)))
    }

    /// The error for `reason`, without the key.
    pub(super) fn failed(&self, reason: impl AsRef<str>) -> ModelError {
        ModelError::Server { server: self.server(), reason: self.redacted(reason.as_ref()) }
    }

    /// Words of the server or of the HTTP library without what is secret: both may repeat what they were given.
    fn redacted(&self, words: &str) -> String {
        let mut words = words.to_owned();
        if let Some(key) = self.config.api_key.as_deref().filter(|key| key.len() >= SHORTEST_SECRET_BYTES) {
            words = words.replace(key, "[key]");
        }
        for url in [&self.url, &self.config.base_url] {
            words = words.replace(url.as_str(), &outbound::shown(url));
        }
        words
    }

    /// What a server complains of, at the length of a message.
    fn quoted(&self, message: &str) -> String {
        self.redacted(message).chars().take(MAX_COMPLAINT_CHARACTERS).collect()
    }

    fn server(&self) -> String {
        outbound::shown(&self.config.base_url)
    }

    fn check_length(&self, what: &'static str, bytes: usize, limit_bytes: usize) -> Result<(), ModelError> {
        if bytes <= limit_bytes {
            return Ok(());
        }
        Err(ModelError::AnswerTooLong { server: self.server(), what, limit_bytes })
    }

    /// The error of a request that got no answer.
    fn unsent(&self, error: ureq::Error) -> ModelError {
        match error {
            ureq::Error::Timeout(timeout) => self.timed_out(timeout),
            error => self.failed(format!("{error}; is the server running, and is its address right?")),
        }
    }

    /// The error of an answer that ended before its end.
    fn broken_off(&self, error: io::Error) -> ModelError {
        match ureq::Error::from(error) {
            ureq::Error::Timeout(timeout) => self.timed_out(timeout),
            error => self.failed(format!("the answer broke off: {error}; ask again")),
        }
    }

    fn timed_out(&self, timeout: Timeout) -> ModelError {
        let silence = ("silence_timeout", self.config.silence_timeout);
        let (failing, (setting, limit)) = match timeout {
            Timeout::Resolve | Timeout::Connect => {
                return self
                    .failed("no connection came about in time; is the server running, and is its address right?");
            }
            Timeout::Global => ("was not done", ("total_timeout", self.config.total_timeout.unwrap_or_default())),
            Timeout::PerWrite => ("took nothing of the request", silence),
            Timeout::PerRead => ("sent nothing", silence),
            _ => ("did not begin its answer", silence),
        };
        self.failed(format!("it {failing} for {limit:?}; ask again, or raise `ChatCompletionsConfig::{setting}`"))
    }

    /// What a status that is no success means.
    fn refusal(&self, agent: &Agent, response: Response<ureq::Body>) -> ModelError {
        let status = response.status();
        match Redirect::read(&self.url, status, response.headers()) {
            Ok(None) => {}
            Ok(Some(redirect)) => {
                let target = outbound::shown(&redirect.target());
                return self.failed(format!(
                    "{status}: it sends the request on to {target}, and no conversation is sent where nobody asked for; \
                     if that is the right server, set `base_url` to it"
                ));
            }
            Err(reason) => return self.failed(reason),
        }
        let retry_after_seconds =
            response.headers().get("retry-after").and_then(|value| value.to_str().ok()?.trim().parse().ok());
        let text = read_error(agent, response.into_body(), self.config.silence_timeout.min(ERROR_TIMEOUT));
        let json = serde_json::from_str(&text).unwrap_or(Value::String(text));
        let complaint = Complaint::read(&json, self.config.context_tokens);
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
        self.failed(format!("{status}: {}; {advice}", self.quoted(&complaint.message)))
    }
}

/// As much of an error's body as comes within the limits of size and time; of a body that breaks off, what came says
/// enough.
fn read_error(agent: &Agent, body: ureq::Body, timeout: Duration) -> String {
    let deadline = Instant::now() + timeout;
    let (sender, pieces) = mpsc::sync_channel::<Vec<u8>>(1);
    // Wakes the thread when all is read that will be.
    let _hang_up = HangUp::of(agent);
    std::thread::spawn(move || {
        let mut body = body.into_reader();
        let mut piece = vec![0; 4 << 10];
        while let Ok(count @ 1..) = body.read(&mut piece) {
            if sender.send(piece[..count].to_vec()).is_err() {
                return;
            }
        }
    });
    let mut text = Vec::new();
    while text.len() < MAX_ERROR_BYTES
        && let Ok(piece) = pieces.recv_timeout(deadline.saturating_duration_since(Instant::now()))
    {
        text.extend(piece);
    }
    String::from_utf8_lossy(&text).into_owned()
}

/// An answer that is being read.
struct Reading<'a> {
    exchange: &'a Exchange,
    begun: Instant,
    first_token_ms: Option<f64>,
    calls: Vec<PartialCall>,
    refused: String,
    log_probabilities: Vec<TokenLogProbability>,
    /// No more tokens were asked for; of more, nothing is kept.
    max_tokens: usize,
    text_bytes: usize,
    call_bytes: usize,
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
    fn read(mut self, mut lines: BufReader<Take<impl Read>>) -> Result<(), ModelError> {
        let exchange = self.exchange;
        let mut usage = wire::Usage::default();
        let mut finish_reason = None;
        let mut line = Vec::new();
        loop {
            line.clear();
            let bytes = lines.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut line);
            let count = bytes.map_err(|error| exchange.broken_off(error))?;
            if count as u64 == MAX_LINE_BYTES {
                return Err(exchange.failed("it sent a line of 8 MiB: it does not stream as this API does"));
            }
            if lines.get_ref().limit() == 0 && lines.buffer().is_empty() {
                let limit_bytes = exchange.config.limits.transfer_bytes;
                return exchange.check_length(
                    "its answer (`transfer_bytes`)",
                    limit_bytes.saturating_add(1),
                    limit_bytes,
                );
            }
            // Comments keep a connection alive; other fields say nothing here.
            let data = line.trim_ascii().strip_prefix(b"data:").map(<[u8]>::trim_ascii);
            if count == 0 || data == Some(b"[DONE]") {
                break;
            }
            let Some(data) = data else { continue };
            let mut chunk = self.parse(data)?;
            usage = chunk.usage.take().unwrap_or(usage);
            for choice in chunk.choices.into_iter().take(1) {
                finish_reason = choice.finish_reason().or(finish_reason);
                self.keep_probabilities(choice.logprobs)?;
                if self.take(choice.delta)? == Listening::No {
                    return Ok(());
                }
            }
        }
        let finish_reason =
            finish_reason.ok_or_else(|| exchange.failed("the answer broke off before its end: ask again"))?;
        self.end(&usage, finish_reason)
    }

    fn parse(&self, data: &[u8]) -> Result<Chunk, ModelError> {
        let chunk: Chunk = serde_json::from_slice(data)
            .map_err(|error| self.exchange.failed(format!("it sent what is no piece of an answer: {error}")))?;
        let Some(error) = chunk.error else { return Ok(chunk) };
        let complaint = Complaint::read(&error, self.exchange.config.context_tokens);
        Err(match complaint.context {
            Some([needed_tokens, limit_tokens]) => ModelError::ContextFull { needed_tokens, limit_tokens },
            None => self.exchange.failed(self.exchange.quoted(&complaint.message)),
        })
    }

    fn keep_probabilities(&mut self, told: Option<wire::LogProbabilities>) -> Result<(), ModelError> {
        for token in told.and_then(|told| told.content).into_iter().flatten() {
            if self.log_probabilities.len() < self.max_tokens {
                let token = token.into_log_probability();
                let likeliest = token.likeliest.iter().map(|token| token.bytes.len()).sum::<usize>();
                self.count_text(token.bytes.len() + likeliest)?;
                self.log_probabilities.push(token);
            }
        }
        Ok(())
    }

    fn count_text(&mut self, bytes: usize) -> Result<(), ModelError> {
        self.text_bytes = self.text_bytes.saturating_add(bytes);
        self.exchange.check_length("text (`text_bytes`)", self.text_bytes, self.exchange.config.limits.text_bytes)
    }

    fn count_call(&mut self, bytes: usize) -> Result<(), ModelError> {
        self.call_bytes = self.call_bytes.saturating_add(bytes);
        self.exchange.check_length("calls (`call_bytes`)", self.call_bytes, self.exchange.config.limits.call_bytes)
    }

    fn send(&mut self, event: Event) -> Listening {
        self.first_token_ms.get_or_insert_with(|| self.begun.elapsed().as_secs_f64() * 1e3);
        if self.exchange.events.send_blocking(Ok(event)).is_ok() { Listening::Yes } else { Listening::No }
    }

    fn take(&mut self, mut delta: Delta) -> Result<Listening, ModelError> {
        let thought = delta.take_thought();
        let refused = delta.refusal.unwrap_or_default();
        let texts = [thought.as_deref(), Some(refused.as_str()), delta.content.as_deref()];
        self.count_text(texts.into_iter().flatten().map(str::len).sum())?;
        self.refused.push_str(&refused);
        for piece in delta.tool_calls.into_iter().flatten() {
            self.take_call(piece)?;
        }
        if let Some(thought) = thought
            && self.send(Event::Reasoning(thought)) == Listening::No
        {
            return Ok(Listening::No);
        }
        match delta.content.filter(|text| !text.is_empty()) {
            Some(text) => Ok(self.send(Event::Text(text))),
            None if self.exchange.events.is_closed() => Ok(Listening::No),
            None => Ok(Listening::Yes),
        }
    }

    fn take_call(&mut self, piece: wire::CallPiece) -> Result<(), ModelError> {
        if piece.index >= MAX_CALLS {
            return Err(self.exchange.failed(format!("it makes more than {MAX_CALLS} calls at once")));
        }
        let texts = [&piece.id, &piece.function.name, &piece.function.arguments];
        self.count_call(texts.into_iter().flatten().map(String::len).sum())?;
        while self.calls.len() <= piece.index {
            self.calls.push(PartialCall::default());
        }
        let call = &mut self.calls[piece.index];
        call.id = piece.id.filter(|id| !id.is_empty()).unwrap_or(std::mem::take(&mut call.id));
        call.name.push_str(&piece.function.name.unwrap_or_default());
        call.arguments.push_str(&piece.function.arguments.unwrap_or_default());
        Ok(())
    }

    fn end(mut self, usage: &wire::Usage, finish_reason: FinishReason) -> Result<(), ModelError> {
        if !self.refused.is_empty() {
            return Err(ModelError::Refused { explanation: self.exchange.redacted(&self.refused) });
        }
        let calls = std::mem::take(&mut self.calls);
        let called = !calls.is_empty();
        for (index, PartialCall { id, name, arguments }) in calls.into_iter().enumerate() {
            let arguments = wire::arguments(&arguments).map_err(|error| {
                let shown: String = name.chars().take(80).collect();
                self.exchange
                    .failed(format!("its call of `{shown}` has arguments that are no JSON object ({error}): ask again"))
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
        let _ = self.exchange.events.send_blocking(Ok(Event::Finished(summary)));
        Ok(())
    }
}
