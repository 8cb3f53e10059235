//! What a thread does that answers requests, one after the other; the threads of a model share all that it takes.

use super::adapter::{LearnedTools, LoraAdapter};
use super::choices::{Choice, Learned, Others, choosing_adapters, offered};
use super::job::{Job, Known, Purpose, send_calls};
use super::prompts::{self, Shown};
use super::sampling::{logits_processor, sampler};
use super::summaries::{after, after_thought, summary};
use super::{DialectChoice, OnDeviceConfig, OtherTools, grammar, messages};
use crate::dialect::{CallText, ChatMessage, ListDialect, ParsedCall, TemplateDialect, ToolDialect, WordsStream};
use crate::{
    Entry, Event, FinishReason, ModelError, Request, SchemaDisplay, Summary, ToolCall, ToolDefinition, ToolMode,
};
use async_channel::Receiver;
use reinette_engine::constraint::{Constraint, ConstraintCompiler, Grammar};
use reinette_engine::template::{ChatTemplate, Message, RenderInput};
use reinette_engine::tokenizer::{SpecialTokens, TokenId};
use reinette_engine::{
    BatchConfig, GenerateError, GenerateRequest, Generated, Generator, Model, PrefixCache, Speculation,
};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A list of that many calls, with long spans, stays below this.
const MAX_CALL_TOKENS: usize = 512;

/// What the beginnings of prompts, and conversations that gave way to others, may take in memory.
const PREFIX_BYTES: usize = 64 << 20;

/// Text of more bytes a token than this does not fit, whatever the vocabulary: it is refused before it is cut into tokens.
const MAX_BYTES_PER_TOKEN: usize = 32;

/// What thoughts stand between, in the models whose template speaks of them.
const BEGINNING_OF_THOUGHTS: &str = "<think>";
const END_OF_THOUGHTS: &str = "</think>";

/// Without a draft model: most of a call, and much of a proofread text, is copied from the prompt.
const LOOKUP: Speculation = Speculation::PromptLookup { max_tokens: 8 };
/// How a draft model is used.
const DRAFT: Speculation = Speculation::DraftModel { max_tokens: 8, least_probability: 0.5 };

/// Whether a model thinks before it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Thinking {
    Allowed,
    LeftOut,
}

/// How many requests are answered at the same time. More of them make each other slower and the whole hardly faster: with
/// eight, products take longer than reading the weights.
pub(super) const MAX_REQUESTS: usize = 8;

/// Everything that answering takes.
pub(super) struct Worker {
    model: Arc<Model>,
    compiler: ConstraintCompiler,
    /// The adapter for tools, unless a request has one of its own.
    tools: Option<LoraAdapter>,
    /// How tools are called that this one has not learned.
    pub(super) others: Others,
    /// The dialect of adapters, and of models that are told their tools in words.
    ours: ListDialect,
    /// The model's own dialect, where it is to be asked in it.
    own: Option<TemplateDialect>,
    generator: Generator,
    speculation: Speculation,
    /// The longest conversation.
    context_tokens: usize,
    answered: AtomicUsize,
}

/// A prompt, and how much of it will be the beginning of the next one.
struct Prompt {
    tokens: Vec<TokenId>,
    prefix_tokens: usize,
}

impl Worker {
    pub(super) fn new(model: Arc<Model>, config: &OnDeviceConfig) -> Result<Self, ModelError> {
        let compiler = ConstraintCompiler::new(Arc::clone(model.tokenizer()));
        let vocabulary = compiler.clone();
        let weights = Arc::clone(&model);
        // Beside all else that the first answer takes; nobody waits for a thread that is not needed after all.
        std::thread::spawn(move || {
            vocabulary.prepare();
            weights.check_weights();
        });
        let load = |path| Model::load_with_cache(path, config.packed.as_ref()).map(Arc::new).map_err(engine);
        let batch = BatchConfig {
            draft: config.draft.as_deref().map(load).transpose()?,
            kv_type: config.kv_type,
            max_sequences: MAX_REQUESTS,
            // Two conversations of the greatest length, or more that are shorter.
            max_tokens: 2 * config.context_tokens,
            // One of the greatest length waits while tools are chosen for it, with another adapter.
            max_idle_tokens: config.context_tokens,
            prefixes: Arc::new(PrefixCache::new(PREFIX_BYTES, config.snapshots.clone())),
            ..BatchConfig::new(config.context_tokens, config.threads.max(1))
        };
        let own = match config.dialect {
            DialectChoice::Ours => None,
            DialectChoice::Template => {
                model.chat_template().ok().and_then(|template| messages::recognise(template, model.tokenizer()))
            }
        };
        Ok(Self {
            ours: ListDialect::default(),
            own,
            tools: config
                .adapter
                .as_ref()
                .map(|files| LoraAdapter::of_tools("for tools", files, &model))
                .transpose()?,
            others: match &config.other_tools {
                OtherTools::Ignored => Others::Ignored,
                OtherTools::Described => Others::Described,
                OtherTools::Adapter(files) => {
                    Others::Adapter(Box::new(LoraAdapter::of_tools("for other tools", files, &model)?))
                }
            },
            compiler,
            speculation: if config.draft.is_some() { DRAFT } else { LOOKUP },
            context_tokens: config.context_tokens.min(model.context_tokens()),
            generator: Generator::new(Arc::clone(&model), batch).map_err(engine)?,
            model,
            answered: AtomicUsize::new(0),
        })
    }

    /// Answers until nobody can ask any more.
    pub(super) fn run(&self, jobs: &Receiver<Job>) {
        while let Ok(job) = jobs.recv_blocking() {
            let work = || match job.purpose {
                Purpose::Answer => self.answer(&job),
                Purpose::Prewarm => self.prewarm(&job),
            };
            let last = match catch_unwind(AssertUnwindSafe(work)) {
                Ok(Ok(summary)) => Ok(Event::Finished(summary)),
                Ok(Err(error)) => Err(error),
                Err(_) => Err(engine(GenerateError::Failed)),
            };
            // Whoever asked may have stopped listening.
            let _ = job.events.send_blocking(last);
        }
    }

    /// Loads an adapter for single requests.
    pub(super) fn load_adapter(&self, path: &Path) -> Result<LoraAdapter, ModelError> {
        LoraAdapter::load(path, &self.model)
    }

    /// Whether the adapter for tools has learned one of this name, and is shown the user's words alone.
    pub(super) fn has_learned(&self, tool: &str) -> bool {
        self.by_heart().is_some_and(|learned| learned.knows(tool))
    }

    /// The tools that the model's own adapter has learned by heart, if it has.
    pub(super) fn by_heart(&self) -> Option<&LearnedTools> {
        self.tools.as_ref().and_then(LoraAdapter::learned).filter(|learned| !learned.template.tells_tools())
    }

    /// Whether the model thinks before it answers, where it may.
    pub(super) fn reasons(&self) -> bool {
        self.model.chat_template().is_ok_and(ChatTemplate::thinks)
    }

    /// The tokens of the longest prompt that answering would read.
    pub(super) fn token_count(&self, request: &Request) -> Result<usize, ModelError> {
        self.check(request)?;
        if let Some(dialect) = self.own_dialect(request) {
            return Ok(self.own_prompt(request, dialect)?.tokens.len());
        }
        let talking = self.talking_prompt(request)?.tokens.len();
        let chooses = self.chooses(request);
        let choosing = if chooses { self.choosing_prompt(request, self.learned(request))?.tokens.len() } else { 0 };
        Ok(talking.max(choosing))
    }

    /// Whether a request can be answered, as far as can be told without reading it.
    fn check(&self, request: &Request) -> Result<(), ModelError> {
        let bytes: usize = request.transcript.entries.iter().map(text_bytes).sum();
        let least_tokens = bytes / MAX_BYTES_PER_TOKEN;
        if least_tokens > self.context_tokens {
            return Err(ModelError::ContextFull { needed_tokens: least_tokens, limit_tokens: self.context_tokens });
        }
        request.options.adapters.iter().try_for_each(|adapter| LoraAdapter::behind(adapter)?.check(&self.model))
    }

    fn answer(&self, job: &Job) -> Result<Summary, ModelError> {
        let request = &job.request;
        self.check(request)?;
        if let Some(dialect) = self.own_dialect(request) {
            return self.answer_in_own_dialect(job, dialect);
        }
        let mut chosen = None;
        for choice in self.choices(job) {
            let (summary, n_calls) = self.choose(&choice)?;
            let is_cancelled = summary.finish_reason == FinishReason::Cancelled;
            chosen = Some(after(chosen, summary));
            if n_calls > 0 || is_cancelled {
                return Ok(chosen.unwrap_or_default());
            }
        }
        if matches!(request.tool_mode, ToolMode::Required | ToolMode::CallsOnly) {
            return Ok(chosen.unwrap_or_default());
        }
        Ok(after(chosen, self.talk(job)?))
    }

    /// Reads the prompts that answering would read, and says nothing.
    fn prewarm(&self, job: &Job) -> Result<Summary, ModelError> {
        let request = &job.request;
        self.check(request)?;
        let read = |prompt: Prompt, adapters| {
            let prompt_tokens = prompt.tokens.len();
            // A sequence ends with a token that was picked: one, which nobody sees.
            let request = GenerateRequest { adapters, max_tokens: 1, ..self.request(prompt, job) };
            Ok::<_, ModelError>(self.summarise(self.generate(request, &mut |_| {})?, prompt_tokens))
        };
        if let Some(dialect) = self.own_dialect(request) {
            return read(self.own_prompt(request, dialect)?, talking_adapters(request));
        }
        let mut chosen = None;
        for Choice { job, learned, .. } in self.choices(job) {
            let (prompt, adapters) =
                (self.choosing_prompt(&job.request, learned)?, choosing_adapters(&job.request, learned));
            chosen = Some(after(chosen, read(prompt, adapters)?));
        }
        Ok(after(chosen, read(self.talking_prompt(request)?, talking_adapters(request))?))
    }

    /// The adapter that has learned the tools, where there is one: of the request's own the last.
    pub(super) fn learned<'a>(&'a self, request: &'a Request) -> Option<Learned<'a>> {
        let mut adapters = LoraAdapter::of(request).rev().chain(&self.tools);
        adapters.find_map(|adapter| Some((adapter, adapter.learned()?)))
    }

    /// Whether tools are chosen before the model talks. An adapter that has learned its tools by heart reads the user's words
    /// alone, and chooses once a turn: what its tools answered, the model talks about.
    pub(super) fn chooses(&self, request: &Request) -> bool {
        let by_heart = self.learned(request).is_some_and(|(_, learned)| !learned.template.tells_tools());
        let is_done = by_heart && request.tool_mode != ToolMode::Required && prompts::has_outputs(&request.transcript);
        may_call(request) && !is_done
    }

    /// The model's own dialect, if the request is answered in it: with tools, free words, and no adapter that has learned ours.
    fn own_dialect(&self, request: &Request) -> Option<&TemplateDialect> {
        let is_free = request.response_schema.is_none() && self.learned(request).is_none();
        self.own.as_ref().filter(|_| is_free && may_call(request))
    }

    fn choosing_prompt(&self, request: &Request, learned: Option<Learned<'_>>) -> Result<Prompt, ModelError> {
        let Some((_, learned)) = learned else {
            let messages = prompts::described(request, &request.tools, &self.ours);
            let template = self.model.chat_template().map_err(engine)?;
            return self.render(template, &self.ours, messages, &[], Thinking::LeftOut);
        };
        let template = &learned.template;
        if !template.tells_tools() {
            let messages = if learned.reads_turns() {
                prompts::conversed(&request.transcript, &self.ours)
            } else {
                prompts::last_words(&request.transcript)
            };
            return self.render(template, &self.ours, messages, &[], Thinking::LeftOut);
        }
        let told = if request.options.schemas == SchemaDisplay::Shown { request.tools.as_slice() } else { &[] };
        let messages = prompts::turns(&request.transcript, &self.ours);
        self.render(template, &self.ours, messages, told, Thinking::LeftOut)
    }

    fn talking_prompt(&self, request: &Request) -> Result<Prompt, ModelError> {
        let template = self.model.chat_template().map_err(engine)?;
        let (dialect, shown): (&dyn ToolDialect, _) = match &self.own {
            Some(own) => (own, Shown::AllCalls),
            None => (&self.ours, Shown::CallsBeforeWords),
        };
        let messages = prompts::conversation(request, dialect, shown);
        self.render(template, dialect, messages, &[], thinking_of(request))
    }

    /// The whole conversation and the tools, as the model's own template has them.
    fn own_prompt(&self, request: &Request, dialect: &TemplateDialect) -> Result<Prompt, ModelError> {
        let template = self.model.chat_template().map_err(engine)?;
        let told = if request.options.schemas == SchemaDisplay::Shown { request.tools.as_slice() } else { &[] };
        let messages = prompts::conversation(request, dialect, Shown::AllCalls);
        self.render(template, dialect, messages, told, thinking_of(request))
    }

    /// A prompt after which the model thinks, or answers at once.
    fn render(
        &self,
        template: &ChatTemplate,
        dialect: &dyn ToolDialect,
        messages: Vec<ChatMessage>,
        tools: &[ToolDefinition],
        thinking: Thinking,
    ) -> Result<Prompt, ModelError> {
        let tokenizer = self.model.tokenizer();
        let messages: Vec<Message> =
            messages.into_iter().map(|message| messages::harmless(message, dialect, tokenizer)).collect();
        let tools = messages::definitions(tools, tokenizer);
        let encode = |messages: &[Message]| {
            let thinks = template.thinks().then_some(thinking == Thinking::Allowed);
            let input = RenderInput { thinking: thinks, tools: &tools, ..RenderInput::new(messages, tokenizer) };
            let mut text = template.render(&input).map_err(engine)?;
            // Templates differ in whether they begin a thought themselves; some begin one whatever they are told.
            let is_begun = text.trim_end().ends_with(BEGINNING_OF_THOUGHTS);
            match (thinks, is_begun) {
                (Some(true), false) => text.extend([BEGINNING_OF_THOUGHTS, "\n"]),
                (Some(false), true) => text.extend(["\n", END_OF_THOUGHTS, "\n\n"]),
                _ => {}
            }
            Ok::<_, ModelError>(tokenizer.encode(&text, SpecialTokens::Parse))
        };
        let tokens = encode(&messages)?;
        // What is the same when the user says something else. Where the instructions end in a prompt is the template's
        // business, and whether a token reaches across that end is the tokenizer's.
        let instructions = messages.into_iter().next().filter(|first| first.role == "system");
        let has_prefix = instructions.is_some() || !tools.is_empty();
        let others: Vec<Message> = instructions.into_iter().chain([Message::new("user", "\u{203D}")]).collect();
        let other = has_prefix.then(|| encode(&others).ok()).flatten();
        let prefix_tokens = other.iter().flatten().zip(&tokens).take_while(|(other, token)| other == token).count();
        Ok(Prompt { tokens, prefix_tokens })
    }

    /// Refuses a prompt that cannot be read, before a grammar is made of its words.
    fn check_length(&self, prompt: &Prompt) -> Result<(), ModelError> {
        let (needed_tokens, limit_tokens) = (prompt.tokens.len(), self.context_tokens);
        if needed_tokens < limit_tokens { Ok(()) } else { Err(ModelError::ContextFull { needed_tokens, limit_tokens }) }
    }

    /// Lets the model choose tools, sends the calls, and tells how many there are.
    fn choose(&self, choice: &Choice<'_>) -> Result<(Summary, usize), ModelError> {
        let Choice { job, known, learned } = choice;
        let request = &job.request;
        // First what does not wait for the vocabulary, which another thread is building when a process is new.
        let prompt = self.choosing_prompt(request, *learned)?;
        self.check_length(&prompt)?;
        let adapters = choosing_adapters(request, *learned);
        self.generator.expect(&prompt.tokens, prompt.prefix_tokens, &adapters);
        let tools = offered(request, *learned);
        let mut sources = prompts::sources(&request.transcript);
        if learned.is_some_and(|(_, learned)| !learned.reads_turns()) {
            // It reads nothing else.
            sources.truncate(1);
        }
        let constraint = Some(self.call_constraint(request, &tools, sources, &self.ours)?);
        let prompt_tokens = prompt.tokens.len();
        let mut text = String::new();
        let asked = GenerateRequest { adapters, constraint, max_tokens: MAX_CALL_TOKENS, ..self.request(prompt, job) };
        let generated = self.generate(asked, &mut |piece| text.push_str(piece))?;
        let mut summary = self.summarise(generated, prompt_tokens);
        let calls = self.calls(&text, &tools, &self.ours);
        let is_on_offer = |call: &ToolCall| request.tools.iter().any(|tool| tool.name == call.name);
        let is_meant = *known == Known::Learned || calls.iter().any(is_on_offer);
        let n_calls = if is_meant { send_calls(job, calls) } else { 0 };
        if n_calls > 0 {
            summary.finish_reason = FinishReason::ToolCalls;
        }
        Ok((summary, n_calls))
    }

    /// Lets the model answer as its own template has it: in words, with calls, or both, in one prompt.
    fn answer_in_own_dialect(&self, job: &Job, dialect: &TemplateDialect) -> Result<Summary, ModelError> {
        let request = &job.request;
        let prompt = self.own_prompt(request, dialect)?;
        self.check_length(&prompt)?;
        self.generator.expect(&prompt.tokens, prompt.prefix_tokens, &talking_adapters(request));
        let constraint =
            self.call_constraint(request, &request.tools, prompts::sources(&request.transcript), dialect)?;
        let (thought, prompt) = self.think(job, prompt)?;
        if let Some(thought) = thought.as_ref().filter(|thought| thought.finish_reason == FinishReason::Cancelled) {
            return Ok(thought.clone());
        }
        let prompt_tokens = prompt.tokens.len();
        let (mut text, mut words) = (String::new(), WordsStream::new(dialect.syntax()));
        let say = |words: String| {
            if !words.is_empty() {
                let _ = job.events.send_blocking(Ok(Event::Text(words)));
            }
        };
        let asked = GenerateRequest { constraint: Some(constraint), ..self.talking_request(prompt, job) };
        let generated = self.generate(asked, &mut |piece| {
            text.push_str(piece);
            say(words.push(piece));
        })?;
        say(words.finish());
        let mut summary = self.summarise(generated, prompt_tokens);
        if send_calls(job, self.calls(&text, &request.tools, dialect)) > 0 {
            summary.finish_reason = FinishReason::ToolCalls;
        }
        Ok(after_thought(thought, summary))
    }

    /// Holds an answer to calls of these tools, and to words where the dialect has place for them.
    fn call_constraint(
        &self,
        request: &Request,
        tools: &[ToolDefinition],
        sources: Vec<String>,
        dialect: &dyn ToolDialect,
    ) -> Result<Constraint, ModelError> {
        let grammar = Grammar::Calls(grammar::calls(request.tool_mode, tools, sources, dialect.syntax()));
        self.compiler.compile(&grammar).map_err(schema("the tools"))
    }

    /// The calls of an answer; one that was cut short has none.
    fn calls(&self, text: &str, tools: &[ToolDefinition], dialect: &dyn ToolDialect) -> Vec<ToolCall> {
        let number = 1 + self.answered.fetch_add(1, Ordering::Relaxed);
        let calls = dialect.syntax().parse(text, tools).unwrap_or_default().calls.into_iter().enumerate();
        let call = |(index, call): (usize, ParsedCall)| {
            let id = format!("call-{number}-{index}");
            ToolCall { id, name: call.name, arguments: call.arguments }
        };
        calls.map(call).collect()
    }

    /// Lets the model answer in words, or in the shape that was asked for.
    fn talk(&self, job: &Job) -> Result<Summary, ModelError> {
        let request = &job.request;
        let prompt = self.talking_prompt(request)?;
        let constraint = match &request.response_schema {
            None => None,
            Some(shape) => {
                let grammar = Grammar::JsonSchema(shape.as_json().clone());
                self.generator.expect(&prompt.tokens, prompt.prefix_tokens, &talking_adapters(request));
                Some(self.compiler.compile(&grammar).map_err(schema("the answer"))?)
            }
        };
        let (thought, prompt) = self.think(job, prompt)?;
        if let Some(thought) = thought.as_ref().filter(|thought| thought.finish_reason == FinishReason::Cancelled) {
            return Ok(thought.clone());
        }
        let prompt_tokens = prompt.tokens.len();
        let asked = GenerateRequest { constraint, ..self.talking_request(prompt, job) };
        let generated = self.generate(asked, &mut |piece| {
            let _ = job.events.send_blocking(Ok(Event::Text(piece.to_owned())));
        })?;
        Ok(after_thought(thought, self.summarise(generated, prompt_tokens)))
    }

    /// Lets the model think, if it may, and gives the prompt that it answers to: with its thoughts, which are ended for it if
    /// it does not end them itself.
    fn think(&self, job: &Job, mut prompt: Prompt) -> Result<(Option<Summary>, Prompt), ModelError> {
        let options = &job.request.options;
        if options.reasoning_tokens == 0 {
            return Ok((None, prompt));
        }
        let prompt_tokens = prompt.tokens.len();
        let mut thoughts = String::new();
        let beginning = Prompt { tokens: prompt.tokens.clone(), prefix_tokens: prompt.prefix_tokens };
        let asked = GenerateRequest {
            adapters: talking_adapters(&job.request),
            sampler: sampler(options),
            max_tokens: options.reasoning_tokens,
            stop: vec![END_OF_THOUGHTS.to_owned()],
            ..self.request(beginning, job)
        };
        let generated = self.generate(asked, &mut |piece| {
            thoughts.push_str(piece);
            let _ = job.events.send_blocking(Ok(Event::Reasoning(piece.to_owned())));
        })?;
        let tokenizer = self.model.tokenizer();
        prompt.tokens.extend(tokenizer.encode(thoughts.trim_end(), SpecialTokens::AsText));
        prompt.tokens.extend(tokenizer.encode(&format!("\n{END_OF_THOUGHTS}\n\n"), SpecialTokens::Parse));
        Ok((Some(self.summarise(generated, prompt_tokens)), prompt))
    }

    /// The most likely answer to a prompt, for as long as somebody listens.
    fn request(&self, prompt: Prompt, job: &Job) -> GenerateRequest {
        let events = job.events.clone();
        GenerateRequest {
            prefix_tokens: prompt.prefix_tokens,
            speculation: self.speculation,
            cancelled: Box::new(move || events.is_closed()),
            ..GenerateRequest::new(prompt.tokens)
        }
    }

    /// An answer in words, as the request's options have it.
    fn talking_request(&self, prompt: Prompt, job: &Job) -> GenerateRequest {
        let options = &job.request.options;
        GenerateRequest {
            adapters: talking_adapters(&job.request),
            sampler: sampler(options),
            logits_processor: logits_processor(options, self.model.tokenizer()),
            log_probabilities: options.log_probabilities,
            max_tokens: options.max_tokens,
            stop: options.stop.clone(),
            ..self.request(prompt, job)
        }
    }

    fn generate(&self, request: GenerateRequest, on_text: &mut dyn FnMut(&str)) -> Result<Generated, ModelError> {
        self.generator.generate(request, on_text).map_err(|error| match error {
            GenerateError::ContextFull { prompt_tokens, limit_tokens } => {
                ModelError::ContextFull { needed_tokens: prompt_tokens, limit_tokens }
            }
            error => engine(error),
        })
    }

    fn summarise(&self, generated: Generated, prompt_tokens: usize) -> Summary {
        summary(self.model.tokenizer(), generated, prompt_tokens)
    }
}

/// Whether there is anything to choose before the model talks.
pub(super) fn may_call(request: &Request) -> bool {
    !request.tools.is_empty() && request.tool_mode != ToolMode::Disallowed
}

/// The adapters to talk with: all that are not for tools.
pub(super) fn talking_adapters(request: &Request) -> Vec<Arc<reinette_engine::Adapter>> {
    let adapters = LoraAdapter::of(request).filter(|adapter| adapter.learned().is_none());
    adapters.map(|adapter| Arc::clone(adapter.weights())).collect()
}

/// How long the text of an entry is that is read.
fn text_bytes(entry: &Entry) -> usize {
    match entry {
        Entry::Instructions { text }
        | Entry::Prompt { text }
        | Entry::Response { text }
        | Entry::ToolOutput { text, .. } => text.len(),
        // Thoughts are not read again.
        Entry::Reasoning { .. } | Entry::ToolCalls { .. } | Entry::Attachment { .. } => 0,
    }
}

/// Any error of the engine.
pub(super) fn engine(error: impl std::error::Error + Send + Sync + 'static) -> ModelError {
    ModelError::Engine(Box::new(error))
}

fn schema<E: std::error::Error>(what: &'static str) -> impl Fn(E) -> ModelError {
    move |error| ModelError::Schema { what: what.to_owned(), reason: error.to_string() }
}

/// Whether the model is to think before it answers a request.
fn thinking_of(request: &Request) -> Thinking {
    if request.options.reasoning_tokens > 0 { Thinking::Allowed } else { Thinking::LeftOut }
}
