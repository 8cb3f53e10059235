//! What a thread does that answers requests, one after the other; the threads of a model share all that it takes.

use super::adapter::ToolAdapter;
use super::{OnDeviceConfig, calls, prompts};
use crate::{Event, FinishReason, ModelError, Request, Sampling, Schema, Summary, ToolDefinition, ToolMode};
use async_channel::{Receiver, Sender};
use reinette_engine::constraint::{CallGrammar, CallTool, Constraint, ConstraintCompiler, Grammar, NoCall};
use reinette_engine::template::{ChatTemplate, Message, RenderInput};
use reinette_engine::tokenizer::{SpecialTokens, TokenId, Tokenizer};
use reinette_engine::{
    Adapter, BatchConfig, GenerateError, GenerateRequest, Generated, Generator, Model, PrefixCache, Sampler,
    Speculation,
};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The most calls that one request may ask for.
const MAX_CALLS: usize = 6;
/// A list of that many calls, with long spans, stays below this.
const MAX_CALL_TOKENS: usize = 512;

/// What conversations that are not under way may take in memory: some 9,000 tokens of a model of 1.5 billion weights.
const PREFIX_BYTES: usize = 256 << 20;

/// Without a draft model: most of a call, and much of a proofread text, is copied from the prompt.
const LOOKUP: Speculation = Speculation::PromptLookup { max_tokens: 8 };
/// How a draft model is used.
const DRAFT: Speculation = Speculation::DraftModel { max_tokens: 8, least_probability: 0.5 };

/// A request and where its answer goes.
pub(super) struct Job {
    pub(super) request: Request,
    pub(super) events: Sender<Result<Event, ModelError>>,
}

/// How many requests are answered at the same time. More of them make each other slower and the whole hardly faster: with
/// eight, products take longer than reading the weights.
pub(super) const MAX_REQUESTS: usize = 8;

/// Everything that answering takes.
pub(super) struct Worker {
    model: Arc<Model>,
    compiler: ConstraintCompiler,
    tools: Option<LearnedTools>,
    generator: Generator,
    speculation: Speculation,
    answered: AtomicUsize,
}

/// A prompt, and how much of it will be the beginning of the next one.
struct Prompt {
    tokens: Vec<TokenId>,
    prefix_tokens: usize,
}

/// The adapter that learned tools, ready for this model.
struct LearnedTools {
    adapter: Arc<Adapter>,
    template: ChatTemplate,
    definitions: Vec<ToolDefinition>,
}

/// What generating one text takes, besides the prompt.
struct Plan {
    adapter: Option<Arc<Adapter>>,
    sampler: Sampler,
    constraint: Option<Constraint>,
    max_tokens: usize,
    stop: Vec<String>,
}

impl Worker {
    pub(super) fn new(model: Arc<Model>, config: &OnDeviceConfig) -> Result<Self, ModelError> {
        let compiler = ConstraintCompiler::new(Arc::clone(model.tokenizer()));
        let vocabulary = compiler.clone();
        // Beside all else that the first answer takes; nobody waits for a thread that is not needed after all.
        std::thread::spawn(move || vocabulary.prepare());
        let load = |path| Model::load_with_cache(path, config.packed.as_ref()).map(Arc::new).map_err(engine);
        let batch = BatchConfig {
            draft: config.draft.as_deref().map(load).transpose()?,
            kv_type: config.kv_type,
            max_sequences: MAX_REQUESTS,
            // Two conversations of the greatest length, or more that are shorter.
            max_tokens: 2 * config.context_tokens,
            prefixes: Arc::new(PrefixCache::new(PREFIX_BYTES, config.snapshots.clone())),
            ..BatchConfig::new(config.context_tokens, config.threads.max(1))
        };
        Ok(Self {
            tools: config.adapter.as_ref().map(|adapter| LearnedTools::new(adapter, &model)).transpose()?,
            compiler,
            speculation: if config.draft.is_some() { DRAFT } else { LOOKUP },
            generator: Generator::new(Arc::clone(&model), batch).map_err(engine)?,
            model,
            answered: AtomicUsize::new(0),
        })
    }

    /// Answers until nobody can ask any more.
    pub(super) fn run(&self, jobs: &Receiver<Job>) {
        while let Ok(job) = jobs.recv_blocking() {
            let last = match catch_unwind(AssertUnwindSafe(|| self.answer(&job))) {
                Ok(Ok(summary)) => Ok(Event::Finished(summary)),
                Ok(Err(error)) => Err(error),
                Err(_) => Err(engine(GenerateError::Failed)),
            };
            // Whoever asked may have stopped listening.
            let _ = job.events.send_blocking(last);
        }
    }

    fn answer(&self, job: &Job) -> Result<Summary, ModelError> {
        let request = &job.request;
        let mut chosen = None;
        if !request.tools.is_empty() && request.tool_mode != ToolMode::Disallowed {
            let (generated, prompt_tokens, n_calls) = self.choose(job)?;
            let mut summary = summarise(&generated, prompt_tokens);
            if n_calls > 0 {
                summary.finish_reason = FinishReason::ToolCalls;
            }
            if n_calls > 0
                || request.tool_mode == ToolMode::Required
                || summary.finish_reason == FinishReason::Cancelled
            {
                return Ok(summary);
            }
            chosen = Some(summary);
        }
        let summary = self.talk(job)?;
        Ok(match chosen {
            None => summary,
            Some(before) => Summary {
                prompt_tokens: before.prompt_tokens + summary.prompt_tokens,
                cached_tokens: before.cached_tokens + summary.cached_tokens,
                first_token_ms: before.total_ms + summary.first_token_ms,
                total_ms: before.total_ms + summary.total_ms,
                ..summary
            },
        })
    }

    /// Lets the model choose tools, and sends the calls.
    fn choose(&self, job: &Job) -> Result<(Generated, usize, usize), ModelError> {
        let request = &job.request;
        let offered = self.offered(&request.tools);
        let grammar = Grammar::Calls(CallGrammar {
            tools: offered.iter().map(call_tool).collect(),
            words: request.transcript.last_prompt().unwrap_or_default().to_owned(),
            max_calls: MAX_CALLS,
            no_call: if request.tool_mode == ToolMode::Required { NoCall::Refused } else { NoCall::Allowed },
        });
        let plan = Plan {
            adapter: self.tools.as_ref().map(|tools| Arc::clone(&tools.adapter)),
            sampler: Sampler::new(Sampling::Greedy, 1.0),
            constraint: Some(self.compiler.compile(&grammar).map_err(schema("the tools"))?),
            max_tokens: MAX_CALL_TOKENS,
            stop: Vec::new(),
        };
        let prompt = if let Some(tools) = &self.tools {
            render(&self.model, &tools.template, prompts::learned(&request.transcript))?
        } else {
            let messages = prompts::described(request, &offered);
            render(&self.model, self.model.chat_template().map_err(engine)?, messages)?
        };
        let prompt_tokens = prompt.tokens.len();
        let mut text = String::new();
        let generated = self.generate(prompt, plan, job, &mut |piece| text.push_str(piece))?;
        let number = 1 + self.answered.fetch_add(1, Ordering::Relaxed);
        let calls = calls::parse(&text, &format!("call-{number}")).unwrap_or_default();
        let n_calls = calls.len();
        for call in calls {
            let _ = job.events.send_blocking(Ok(Event::ToolCall(call)));
        }
        Ok((generated, prompt_tokens, n_calls))
    }

    /// The tools that the model may call: those asked for, as far as it knows them. A learned tool stays possible
    /// even where nobody offers it, because a model kept from the right tool would call a wrong one.
    fn offered(&self, asked: &[ToolDefinition]) -> Vec<ToolDefinition> {
        let Some(tools) = &self.tools else { return asked.to_vec() };
        let definition =
            |learned: &ToolDefinition| asked.iter().find(|tool| tool.name == learned.name).unwrap_or(learned).clone();
        tools.definitions.iter().map(definition).collect()
    }

    /// Lets the model answer in words, or in the shape that was asked for.
    fn talk(&self, job: &Job) -> Result<Summary, ModelError> {
        let request = &job.request;
        let constraint = match &request.response_schema {
            None => None,
            Some(shape) => {
                let grammar = Grammar::JsonSchema(shape.as_json().clone());
                Some(self.compiler.compile(&grammar).map_err(schema("the answer"))?)
            }
        };
        let plan = Plan {
            adapter: None,
            sampler: Sampler::new(request.options.sampling, request.options.repetition_penalty),
            constraint,
            max_tokens: request.options.max_tokens,
            stop: request.options.stop.clone(),
        };
        let template = self.model.chat_template().map_err(engine)?;
        let prompt = render(&self.model, template, prompts::conversation(&request.transcript))?;
        let prompt_tokens = prompt.tokens.len();
        let generated = self.generate(prompt, plan, job, &mut |piece| {
            let _ = job.events.send_blocking(Ok(Event::Text(piece.to_owned())));
        })?;
        Ok(summarise(&generated, prompt_tokens))
    }

    fn generate(
        &self,
        prompt: Prompt,
        plan: Plan,
        job: &Job,
        on_text: &mut dyn FnMut(&str),
    ) -> Result<Generated, ModelError> {
        let events = job.events.clone();
        let request = GenerateRequest {
            prefix_tokens: prompt.prefix_tokens,
            adapter: plan.adapter,
            sampler: plan.sampler,
            constraint: plan.constraint,
            speculation: self.speculation,
            max_tokens: plan.max_tokens,
            stop: plan.stop,
            cancelled: Box::new(move || events.is_closed()),
            ..GenerateRequest::new(prompt.tokens)
        };
        self.generator.generate(request, on_text).map_err(|error| match error {
            GenerateError::ContextFull { prompt_tokens, limit_tokens } => {
                ModelError::ContextFull { needed_tokens: prompt_tokens, limit_tokens }
            }
            error => engine(error),
        })
    }
}

impl LearnedTools {
    fn new(adapter: &ToolAdapter, model: &Model) -> Result<Self, ModelError> {
        Ok(Self {
            adapter: Arc::new(Adapter::from_parts(adapter.config.as_bytes(), &adapter.weights, model).map_err(engine)?),
            template: ChatTemplate::from_source(&adapter.chat_template).map_err(engine)?,
            definitions: adapter.tools.clone(),
        })
    }
}

/// Any error of the engine.
pub(super) fn engine(error: impl std::error::Error + Send + Sync + 'static) -> ModelError {
    ModelError::Engine(Box::new(error))
}

fn schema<E: std::error::Error>(what: &'static str) -> impl Fn(E) -> ModelError {
    move |error| ModelError::Schema { what: what.to_owned(), reason: error.to_string() }
}

fn call_tool(tool: &ToolDefinition) -> CallTool {
    CallTool { name: tool.name.clone(), parameters: Schema::as_json(&tool.parameters).clone() }
}

fn render(model: &Model, template: &ChatTemplate, mut messages: Vec<Message>) -> Result<Prompt, ModelError> {
    let tokenizer = model.tokenizer();
    for message in &mut messages {
        defuse(tokenizer, &mut message.content);
    }
    let encode = |messages: &[Message]| {
        let text = template.render(&RenderInput::new(messages, tokenizer)).map_err(engine)?;
        Ok::<_, ModelError>(tokenizer.encode(&text, SpecialTokens::Parse))
    };
    let tokens = encode(&messages)?;
    // What is the same when the user says something else. Where the instructions end in a prompt is the template's
    // business, and whether a token reaches across that end is the tokenizer's.
    let system = messages.into_iter().next().filter(|first| first.role == "system");
    let other = system.and_then(|system| encode(&[system, Message::new("user", "\u{203D}".to_owned())]).ok());
    let prefix_tokens = other.iter().flatten().zip(&tokens).take_while(|(other, token)| other == token).count();
    Ok(Prompt { tokens, prefix_tokens })
}

/// Breaks up whatever in a text a tokenizer would take for a control token: nothing that a user, a file or a web page
/// says can end a turn or begin another.
fn defuse(tokenizer: &Tokenizer, text: &mut String) {
    for id in tokenizer.encode(text, SpecialTokens::Parse).into_iter().filter(|id| tokenizer.is_special(*id)) {
        let name = String::from_utf8_lossy(tokenizer.token_bytes(id));
        let Some(first) = name.chars().next() else { continue };
        *text = text.replace(&*name, &format!("{first}\u{200B}{}", &name[first.len_utf8()..]));
    }
}

fn summarise(generated: &Generated, prompt_tokens: usize) -> Summary {
    use reinette_engine::FinishReason as Engine;
    Summary {
        finish_reason: match generated.finish_reason {
            Engine::Stop => FinishReason::Stop,
            Engine::Length | Engine::ContextFull => FinishReason::Length,
            Engine::Cancelled => FinishReason::Cancelled,
        },
        prompt_tokens,
        cached_tokens: generated.cached_tokens,
        output_tokens: generated.output_tokens,
        forced_tokens: generated.forced_tokens,
        first_token_ms: generated.first_token_ms,
        total_ms: generated.total_ms,
    }
}
