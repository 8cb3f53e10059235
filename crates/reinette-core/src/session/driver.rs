//! What a turn does: asks the model, carries out its calls, asks again, and keeps the transcript.

use super::response::Timings;
use super::tools::{Carrier, Output, Together};
use super::{
    Concurrency, ContextPolicy, EventStream, Replies, Response, Session, SessionError, State, ToolOrder, Turn,
    TurnEvent, Usage,
};
use crate::session::gate::Pass;
use crate::{
    Audience, Entry, Event, FinishReason, GenerationOptions, LanguageModel, ModelError, Request, Schema, Summary,
    ToolAnswer, ToolCall, ToolDefinition, ToolMode, Transcript,
};
use async_channel::Sender;
use futures_lite::StreamExt;
use serde::de::DeserializeOwned;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// The part of the context that notes on hidden turns may take.
const NOTES_SHARE: usize = 8;
/// How often turns that are to be condensed are cut in half because they do not fit themselves.
const CONDENSING_TRIES: usize = 4;

/// What the model is told of a call that was under way when its turn was dropped or failed.
const CANCELLED: &str = "error: the turn was cancelled before the tool answered";

const CONDENSE: &str = "Condense the conversation below into short notes: names, numbers, dates, decisions, and what is \
                        still open. Write the notes only.";

/// Makes a stream of a turn; its work is done when the stream is polled.
pub(super) fn start(turn: Turn, schema: Option<Schema>) -> EventStream {
    let (events, received) = async_channel::unbounded();
    let replies = Replies::default();
    let answered = replies.clone();
    let driver = async move {
        let sender = events.clone();
        let last = match Driver::new(turn, schema, Reporter(events), answered).run().await {
            Ok(response) => Ok(TurnEvent::Finished(response)),
            Err(error) => Err(error),
        };
        let _ = sender.try_send(last);
    };
    EventStream::new(driver, received, replies)
}

/// The value that a whole answer holds.
pub(super) fn value_of<T: DeserializeOwned>(response: Response) -> Result<Response<T>, SessionError> {
    match serde_json::from_str(&response.raw_content) {
        Ok(value) => Ok(response.with_content(value)),
        Err(error) => Err(SessionError::InvalidAnswer { reason: error.to_string(), text: response.raw_content }),
    }
}

/// A model stopped without saying that it had.
pub(super) fn ended_early() -> SessionError {
    SessionError::Model(ModelError::Engine("the model stopped in the middle of an answer: ask again".into()))
}

/// The session's model, and what it would be asked first about `prompt`.
fn request(session: &Session, prompt: &str) -> (Arc<dyn LanguageModel>, Request) {
    let (model, mut transcript) = {
        let conversation = session.state.conversation();
        (Arc::clone(&conversation.model), conversation.shown())
    };
    transcript.push(Entry::Prompt { text: prompt.to_owned() });
    let tools = session.offered_tools(prompt);
    let options = session.configuration.options.clone();
    (model, Request { transcript, tools, options, ..Request::default() })
}

/// Lets the session's model read what the next prompt begins with.
pub(super) async fn prewarm(session: &Session, prompt_prefix: &str) -> Result<(), SessionError> {
    let (model, request) = request(session, prompt_prefix);
    let mut stream = model.prewarm(request);
    while let Some(event) = StreamExt::next(&mut stream).await {
        event?;
    }
    Ok(())
}

/// The tokens of what the model would be shown.
pub(super) fn token_count(session: &Session, prompt: &str) -> Result<usize, SessionError> {
    let (model, request) = request(session, prompt);
    Ok(model.token_count(&request)?)
}

/// One turn under way.
struct Driver {
    turn: Turn,
    schema: Option<Schema>,
    reporter: Reporter,
    replies: Replies,
    model: Arc<dyn LanguageModel>,
    tools: Vec<ToolDefinition>,
    begun: Instant,
    usage: Usage,
    timings: Timings,
}

/// Tells what happens to whoever polls the turn.
pub(super) struct Reporter(Sender<Result<TurnEvent, SessionError>>);

impl Reporter {
    /// Hands an event on, and goes on when the turn is polled again: it is never ahead of its reader, however fast the model
    /// is.
    pub(super) async fn send(&self, event: TurnEvent) {
        // Unbounded, so that it is never full; closed only where nobody polls the turn any more.
        let _ = self.0.try_send(Ok(event));
        futures_lite::future::yield_now().await;
    }
}

/// What a model said at once.
struct Answer {
    reasoning: String,
    text: String,
    calls: Vec<ToolCall>,
    summary: Summary,
}

impl Answer {
    /// What is said where there is nothing to add.
    fn nothing(summary: Summary) -> Self {
        Self { reasoning: String::new(), text: String::new(), calls: Vec::new(), summary }
    }
}

/// What a turn adds to the transcript; when it is dropped, what was not kept is taken back.
struct Record<'a> {
    state: &'a State,
    begin: usize,
    keep: usize,
}

impl<'a> Record<'a> {
    fn begin(state: &'a State, prompt: &str, attachments: &[Entry]) -> Self {
        let mut conversation = state.conversation();
        let begin = conversation.transcript.entries.len();
        conversation.transcript.push(Entry::Prompt { text: prompt.to_owned() });
        conversation.transcript.entries.extend_from_slice(attachments);
        Self { state, begin, keep: begin }
    }

    fn push(&self, entry: Entry) {
        self.state.conversation().transcript.push(entry);
    }

    /// What the model thought, if anything, and said.
    fn push_words(&self, reasoning: String, text: Option<String>) {
        if !reasoning.trim().is_empty() {
            self.push(Entry::Reasoning { text: reasoning, signature: None });
        }
        if let Some(text) = text {
            self.push(Entry::Response { text });
        }
    }

    /// Calls begin: from here on they stay in the transcript, whatever becomes of the turn.
    fn open(&self, calls: &[ToolCall]) {
        let mut conversation = self.state.conversation();
        conversation.transcript.push(Entry::ToolCalls { calls: calls.to_vec() });
        conversation.pending = calls.iter().map(|call| (call.id.clone(), None)).collect();
    }

    /// A call ended.
    fn close(&self, id: &str, answer: ToolAnswer) {
        let mut conversation = self.state.conversation();
        if let Some((_, output)) = conversation.pending.iter_mut().find(|(pending, _)| pending == id) {
            *output = Some(answer);
        }
    }

    /// Writes the outputs of the calls that were opened; those that have none were cancelled.
    fn settle(&mut self) {
        let mut conversation = self.state.conversation();
        let pending = std::mem::take(&mut conversation.pending);
        if pending.is_empty() {
            return;
        }
        for (call_id, answer) in pending {
            let ToolAnswer { text, data, sources, is_error, .. } =
                answer.unwrap_or_else(|| ToolAnswer::error(CANCELLED));
            conversation.transcript.push(Entry::ToolOutput { call_id, text, data, sources, is_error });
        }
        self.keep = conversation.transcript.entries.len();
    }

    /// Keeps everything so far.
    fn keep(&mut self) {
        self.keep = self.state.conversation().transcript.entries.len();
    }

    /// Whether the turn has called tools.
    fn has_called(&self) -> bool {
        let conversation = self.state.conversation();
        conversation.transcript.entries[self.begin..].iter().any(|entry| matches!(entry, Entry::ToolCalls { .. }))
    }

    fn entries(&self) -> Vec<Entry> {
        self.state.conversation().transcript.entries[self.begin..].to_vec()
    }
}

impl Drop for Record<'_> {
    fn drop(&mut self) {
        self.settle();
        self.state.conversation().transcript.entries.truncate(self.keep);
    }
}

impl Driver {
    fn new(turn: Turn, schema: Option<Schema>, reporter: Reporter, replies: Replies) -> Self {
        let model = Arc::clone(&turn.session.state.conversation().model);
        let tools = turn.session.offered_tools(&turn.prompt);
        let (usage, timings) = (Usage::default(), Timings::default());
        Self { turn, schema, reporter, replies, model, tools, begun: Instant::now(), usage, timings }
    }

    async fn send(&self, event: TurnEvent) {
        self.reporter.send(event).await;
    }

    /// The whole turn.
    async fn run(mut self) -> Result<Response, SessionError> {
        if let Some(schema) = &self.schema {
            schema.check("the answer")?;
        }
        self.turn.session.configuration.guardrails.check_prompt(&self.turn.prompt)?;
        let _pass = self.enter().await?;
        let state = Arc::clone(&self.turn.session.state);
        // The model may have been changed while the turn stood in line.
        self.model = Arc::clone(&state.conversation().model);
        self.begun = Instant::now();
        let mut record = Record::begin(&state, &self.turn.prompt, &self.turn.attachments);
        let max_tool_rounds = self.turn.session.configuration.max_tool_rounds;
        let may_call = !self.tools.is_empty() && max_tool_rounds > 0;
        let mut tool_mode = if may_call { self.turn.tool_mode } else { ToolMode::Disallowed };
        let mut made: Vec<ToolCall> = Vec::new();
        for round in 1.. {
            let answer = self.ask(tool_mode).await?;
            if answer.calls.is_empty() || tool_mode == ToolMode::Disallowed {
                return self.finish(answer, &mut record);
            }
            let calls = self.fresh_calls(answer.calls, &made);
            if calls.is_empty() {
                if tool_mode == ToolMode::CallsOnly {
                    return self.finish(Answer { calls, ..answer }, &mut record);
                }
                // Small models ask again for what they were told already: now they have to answer.
                tool_mode = ToolMode::Disallowed;
                continue;
            }
            record.push_words(answer.reasoning, Some(answer.text).filter(|text| !text.trim().is_empty()));
            let audience = self.call(&calls, &record).await;
            record.settle();
            made.extend(calls);
            tool_mode = match (round < max_tool_rounds, audience) {
                (true, Audience::User) => ToolMode::CallsOnly,
                (true, Audience::Model) => ToolMode::Allowed,
                (false, Audience::User) => return self.finish(Answer::nothing(answer.summary), &mut record),
                (false, Audience::Model) => ToolMode::Disallowed,
            };
        }
        Err(ended_early())
    }

    /// Waits in line, if that is what the session does.
    async fn enter(&self) -> Result<Pass, SessionError> {
        let gate = &self.turn.session.state.gate;
        match self.turn.session.configuration.concurrency {
            Concurrency::Refuse => gate.try_enter().ok_or(SessionError::Busy),
            Concurrency::Queue => Ok(gate.queue().turn().await),
        }
    }

    /// Those calls that this turn has not made yet, under names that the transcript does not know.
    fn fresh_calls(&self, calls: Vec<ToolCall>, made: &[ToolCall]) -> Vec<ToolCall> {
        let transcript = self.turn.session.transcript();
        let mut fresh: Vec<ToolCall> = Vec::new();
        for mut call in calls {
            let is_same = |other: &ToolCall| other.name == call.name && other.arguments == call.arguments;
            if made.iter().chain(&fresh).any(is_same) {
                continue;
            }
            let id = call.id.clone();
            let mut number = 2;
            while transcript.has_call(&call.id) || fresh.iter().any(|other| other.id == call.id) {
                call.id = format!("{id}-{number}");
                number += 1;
            }
            fresh.push(call);
        }
        fresh
    }

    /// Carries out calls, and records each with its output. Tells for whom the outputs are: for the user if all are.
    async fn call(&self, calls: &[ToolCall], record: &Record<'_>) -> Audience {
        record.open(calls);
        self.send(TurnEvent::ToolCalls { calls: calls.to_vec() }).await;
        let (configuration, approvals) = (&*self.turn.session.configuration, self.turn.approvals);
        let is_for_model = AtomicBool::new(false);
        let work = calls.iter().map(|call| {
            let (is_for_model, reporter, replies) = (&is_for_model, &self.reporter, &self.replies);
            async move {
                let Output { answer, outcome } =
                    Carrier { call, configuration, approvals, reporter, replies }.carry_out().await;
                if answer.audience == Audience::Model {
                    is_for_model.store(true, Ordering::Relaxed);
                }
                let (call_id, answer) = (call.id.clone(), *answer);
                record.close(&call_id, answer.clone());
                self.send(TurnEvent::ToolOutput { call_id, answer, outcome }).await;
            }
        });
        match configuration.tool_order {
            ToolOrder::Parallel => Together::new(work).await,
            ToolOrder::Series => {
                for call in work {
                    call.await;
                }
            }
        }
        if is_for_model.into_inner() { Audience::Model } else { Audience::User }
    }

    /// The end of the turn.
    fn finish(self, answer: Answer, record: &mut Record<'_>) -> Result<Response, SessionError> {
        if let Some(schema) = &self.schema {
            check(schema, &answer)?;
        }
        // Where tools have spoken to the user, there may be nothing to add.
        let has_spoken = record.has_called() && answer.text.is_empty();
        record.push_words(answer.reasoning, (!has_spoken).then(|| answer.text.clone()));
        record.keep();
        let elapsed_ms = self.begun.elapsed().as_secs_f64() * 1e3;
        Ok(Response {
            content: answer.text.clone(),
            raw_content: answer.text,
            entries: record.entries(),
            usage: self.usage,
            timings: Timings {
                total_ms: elapsed_ms,
                output_tokens_per_second: Timings::speed(&answer.summary),
                ..self.timings
            },
            model: self.model.info(),
            model_version: self.model.version(),
            finish_reason: answer.summary.finish_reason,
            log_probabilities: answer.summary.log_probabilities,
        })
    }

    /// Asks the model once, and makes room for as long as the conversation does not fit.
    async fn ask(&mut self, tool_mode: ToolMode) -> Result<Answer, SessionError> {
        self.make_room_ahead().await;
        loop {
            let transcript = self.turn.session.state.conversation().shown();
            let request = Request {
                transcript: transcript.clone(),
                tools: if tool_mode == ToolMode::Disallowed { Vec::new() } else { self.tools.clone() },
                examples: self.turn.examples.clone(),
                tool_mode,
                response_schema: self.schema.clone(),
                options: self.turn.options.clone(),
            };
            // A model that chooses tools first reads two prompts, and tells the sum of both.
            let is_one_prompt = request.tools.is_empty();
            match self.listen(request).await {
                Ok(answer) => {
                    if is_one_prompt {
                        let mut conversation = self.turn.session.state.conversation();
                        conversation.view.learn(&transcript, answer.summary.prompt_tokens);
                    }
                    return Ok(answer);
                }
                Err(SessionError::Model(ModelError::ContextFull { needed_tokens, limit_tokens })) => {
                    self.make_room(needed_tokens, limit_tokens).await?;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// One answer of the model, words handed on as they come.
    async fn listen(&mut self, request: Request) -> Result<Answer, SessionError> {
        let mut stream = self.model.respond(request);
        let (mut reasoning, mut text, mut calls) = (String::new(), String::new(), Vec::new());
        while let Some(event) = StreamExt::next(&mut stream).await {
            let event = event?;
            if self.timings.first_token_ms == 0.0 && !matches!(event, Event::Finished(_)) {
                self.timings.first_token_ms = self.begun.elapsed().as_secs_f64() * 1e3;
            }
            match event {
                Event::Text(words) => {
                    text.push_str(&words);
                    self.turn.session.configuration.guardrails.check_response(&text)?;
                    self.send(TurnEvent::Text { text: words }).await;
                }
                Event::Reasoning(words) => {
                    reasoning.push_str(&words);
                    self.send(TurnEvent::Reasoning { text: words }).await;
                }
                Event::ToolCall(call) => calls.push(call),
                Event::Finished(summary) => {
                    self.usage.add(&summary);
                    return Ok(Answer { reasoning, text, calls, summary });
                }
            }
        }
        Err(ended_early())
    }

    /// Hides the oldest turns when the next answer would hardly have room.
    async fn make_room_ahead(&self) {
        let limit = self.model.info().context_tokens;
        let needed = {
            let conversation = self.turn.session.state.conversation();
            let max_tokens = self.turn.options.max_tokens;
            let told: Vec<_> = self.tools.iter().filter(|tool| !self.model.has_learned(&tool.name)).cloned().collect();
            conversation.view.needed_ahead(&conversation.transcript, &told, max_tokens, limit)
        };
        if let Some(needed) = needed {
            self.hide_oldest(needed, limit).await;
        }
    }

    /// Makes room for a conversation that takes `needed_tokens` where there are `limit_tokens`.
    async fn make_room(&self, needed_tokens: usize, limit_tokens: usize) -> Result<(), SessionError> {
        let too_long = SessionError::PromptTooLong { needed_tokens, limit_tokens };
        if self.policy() == ContextPolicy::Refuse {
            return Err(too_long);
        }
        if self.hide_oldest(needed_tokens, limit_tokens).await {
            return Ok(());
        }
        let reduction = {
            let mut conversation = self.turn.session.state.conversation();
            let conversation = &mut *conversation;
            if !conversation.view.shorten(&conversation.transcript) {
                return Err(too_long);
            }
            conversation.view.reduction(&conversation.transcript)
        };
        self.send(TurnEvent::ContextReduced(reduction)).await;
        Ok(())
    }

    fn policy(&self) -> ContextPolicy {
        self.turn.session.configuration.context_policy
    }

    /// Hides the oldest turns, as the policy says. Tells whether there were any to hide.
    async fn hide_oldest(&self, needed_tokens: usize, limit_tokens: usize) -> bool {
        if self.policy() == ContextPolicy::Refuse {
            return false;
        }
        let state = &self.turn.session.state;
        let oldest = {
            let conversation = state.conversation();
            conversation.view.oldest(&conversation.transcript, needed_tokens, limit_tokens)
        };
        let Some(oldest) = oldest else { return false };
        let notes = match self.policy() {
            ContextPolicy::Condense => self.condense(oldest.clone(), limit_tokens).await,
            _ => None,
        };
        let reduction = {
            let mut conversation = state.conversation();
            conversation.view.hide(oldest, notes);
            conversation.view.reduction(&conversation.transcript)
        };
        self.send(TurnEvent::ContextReduced(reduction)).await;
        true
    }

    /// The model's notes on turns that are to be hidden; `None` if it makes none, for whatever reason.
    async fn condense(&self, hidden: Range<usize>, limit_tokens: usize) -> Option<String> {
        let mut text = {
            let conversation = self.turn.session.state.conversation();
            let earlier = conversation.view.notes().map(|notes| format!("Earlier: {notes}\n")).unwrap_or_default();
            earlier + &conversation.transcript.entries[hidden].iter().map(told).collect::<String>()
        };
        for _ in 0..CONDENSING_TRIES {
            let mut transcript = Transcript::default();
            transcript.push(Entry::Instructions { text: CONDENSE.to_owned() });
            transcript.push(Entry::Prompt { text: text.clone() });
            let max_tokens = (limit_tokens / NOTES_SHARE).max(16);
            let options = GenerationOptions { max_tokens, ..GenerationOptions::default() };
            let mut stream = self.model.respond(Request { transcript, options, ..Request::default() });
            let mut notes = String::new();
            loop {
                match StreamExt::next(&mut stream).await {
                    Some(Ok(Event::Text(words))) => notes.push_str(&words),
                    Some(Ok(Event::Finished(_))) => {
                        let notes = notes.trim().to_owned();
                        return (!notes.is_empty()).then_some(notes);
                    }
                    Some(Ok(_)) => {}
                    Some(Err(ModelError::ContextFull { .. })) => break,
                    Some(Err(_)) | None => return None,
                }
            }
            // What was said last is worth more.
            let half = text.chars().count() / 2;
            text = text.chars().skip(half).collect();
        }
        None
    }
}

/// An entry as notes are made of it.
fn told(entry: &Entry) -> String {
    match entry {
        Entry::Instructions { text } => format!("Instructions: {text}\n"),
        Entry::Prompt { text } => format!("User: {text}\n"),
        Entry::Response { text } => format!("Assistant: {text}\n"),
        Entry::ToolOutput { text, .. } => format!("Tool: {text}\n"),
        // Its conclusion follows.
        Entry::Reasoning { .. } => String::new(),
        Entry::Attachment { media_type, .. } => format!("User attached something ({media_type})\n"),
        Entry::ToolCalls { calls } => {
            let name = |call: &ToolCall| call.name.clone();
            format!("Assistant called {}\n", calls.iter().map(name).collect::<Vec<_>>().join(", "))
        }
    }
}

/// Whether the answer is a value of the schema: a model's word for it is not taken.
fn check(schema: &Schema, answer: &Answer) -> Result<(), SessionError> {
    let text = || answer.text.clone();
    let value = match serde_json::from_str(&answer.text) {
        Ok(value) => value,
        Err(_) if answer.summary.finish_reason == FinishReason::Length => {
            return Err(SessionError::Truncated { output_tokens: answer.summary.output_tokens, text: text() });
        }
        Err(error) => return Err(SessionError::InvalidAnswer { reason: error.to_string(), text: text() }),
    };
    schema.validate(&value).map_err(|reason| SessionError::InvalidAnswer { reason, text: text() })
}
