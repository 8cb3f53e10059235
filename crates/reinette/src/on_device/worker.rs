//! The thread on which a model answers, one request after the other.

use super::adapter::ToolAdapter;
use super::{OnDeviceConfig, calls, prompts};
use crate::{Event, FinishReason, ModelError, Request, Sampling, Schema, Summary, ToolDefinition, ToolMode};
use async_channel::{Receiver, Sender};
use reinette_engine::constraint::{CallGrammar, CallTool, Constraint, ConstraintCompiler, Grammar, NoCall};
use reinette_engine::template::{ChatTemplate, Message, RenderInput};
use reinette_engine::tokenizer::{SpecialTokens, TokenId, Tokenizer};
use reinette_engine::{
    Adapter, EndOfGeneration, GenerateError, GenerateRequest, Generated, KvType, Model, PrefixCache, Sampler, Sequence,
    Speculation,
};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// The most calls that one request may ask for.
const MAX_CALLS: usize = 6;
/// A list of that many calls, with long spans, stays below this.
const MAX_CALL_TOKENS: usize = 512;

/// What conversations that are not under way may take in memory: some 9,000 tokens of a model of 1.5 billion weights.
const PREFIX_BYTES: usize = 256 << 20;

/// A request and where its answer goes.
pub(super) struct Job {
    pub(super) request: Request,
    pub(super) events: Sender<Result<Event, ModelError>>,
}

/// Everything that answering takes.
///
/// Choosing tools and talking have prompts that begin differently: each has a sequence of its own, so that neither
/// makes the other read its beginning again.
pub(super) struct Worker {
    model: Arc<Model>,
    compiler: ConstraintCompiler,
    tools: Option<LearnedTools>,
    choosing: Sequence,
    talking: Sequence,
    sequences: SequenceConfig,
    answered: usize,
}

/// What a sequence is made with.
struct SequenceConfig {
    context_tokens: usize,
    n_threads: usize,
    kv_type: KvType,
    prefixes: Arc<PrefixCache>,
}

impl SequenceConfig {
    fn sequence(&self, model: &Arc<Model>) -> Result<Sequence, ModelError> {
        let sequence = Sequence::new(Arc::clone(model), self.context_tokens, self.n_threads).map_err(engine)?;
        let sequence = sequence.with_kv_type(self.kv_type).map_err(engine)?;
        Ok(sequence.with_prefixes(Arc::clone(&self.prefixes)))
    }
}

/// A prompt, and how much of it will be the beginning of the next one.
struct Prompt {
    tokens: Vec<TokenId>,
    prefix_tokens: usize,
}

/// The adapter that learned tools, ready for this model.
struct LearnedTools {
    adapter: Adapter,
    template: ChatTemplate,
    definitions: Vec<ToolDefinition>,
}

/// What generating one text takes, besides the prompt.
struct Plan<'a> {
    sampler: Sampler,
    constraint: Option<Constraint>,
    max_tokens: usize,
    stop: &'a [String],
}

impl Worker {
    pub(super) fn new(model: Arc<Model>, config: &OnDeviceConfig) -> Result<Self, ModelError> {
        let compiler = ConstraintCompiler::new(Arc::clone(model.tokenizer()));
        let vocabulary = compiler.clone();
        // Beside all else that the first answer takes; nobody waits for a thread that is not needed after all.
        std::thread::spawn(move || vocabulary.prepare());
        let sequences = SequenceConfig {
            context_tokens: config.context_tokens,
            n_threads: config.threads.max(1),
            kv_type: config.kv_type,
            prefixes: Arc::new(PrefixCache::new(PREFIX_BYTES, config.snapshots.clone())),
        };
        Ok(Self {
            tools: config.adapter.as_ref().map(|adapter| LearnedTools::new(adapter, &model)).transpose()?,
            compiler,
            choosing: sequences.sequence(&model)?,
            talking: sequences.sequence(&model)?,
            model,
            sequences,
            answered: 0,
        })
    }

    /// Answers until nobody can ask any more.
    pub(super) fn run(mut self, jobs: &Receiver<Job>) {
        while let Ok(job) = jobs.recv_blocking() {
            let answer = catch_unwind(AssertUnwindSafe(|| self.answer(&job)));
            let last = match answer {
                Ok(Ok(summary)) => Ok(Event::Finished(summary)),
                Ok(Err(error)) => Err(error),
                Err(_) => {
                    if self.forget().is_err() {
                        return;
                    }
                    Err(ModelError::Engine("the engine failed on this request; please report it".into()))
                }
            };
            // Whoever asked may have stopped listening.
            let _ = job.events.send_blocking(last);
            self.choosing.save_prefix();
            self.talking.save_prefix();
        }
    }

    /// Starts afresh after a failure that may have left the sequences half-written.
    fn forget(&mut self) -> Result<(), ModelError> {
        let sequence = || self.sequences.sequence(&self.model);
        (self.choosing, self.talking) = (sequence()?, sequence()?);
        Ok(())
    }

    fn answer(&mut self, job: &Job) -> Result<Summary, ModelError> {
        self.answered += 1;
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
    fn choose(&mut self, job: &Job) -> Result<(Generated, usize, usize), ModelError> {
        let request = &job.request;
        let offered = self.offered(&request.tools);
        let grammar = Grammar::Calls(CallGrammar {
            tools: offered.iter().map(call_tool).collect(),
            words: request.transcript.last_prompt().unwrap_or_default().to_owned(),
            max_calls: MAX_CALLS,
            no_call: if request.tool_mode == ToolMode::Required { NoCall::Refused } else { NoCall::Allowed },
        });
        let plan = Plan {
            sampler: Sampler::new(Sampling::Greedy, 1.0),
            constraint: Some(self.compiler.compile(&grammar).map_err(schema("the tools"))?),
            max_tokens: MAX_CALL_TOKENS,
            stop: &[],
        };
        let prompt = if let Some(tools) = &self.tools {
            render(&self.model, &tools.template, prompts::learned(&request.transcript))?
        } else {
            let messages = prompts::described(request, &offered);
            render(&self.model, self.model.chat_template().map_err(engine)?, messages)?
        };
        let adapter = self.tools.as_ref().map(|tools| &tools.adapter);
        let mut text = String::new();
        let generated = generate(&mut self.choosing, &prompt, adapter, plan, job, &mut |piece| text.push_str(piece))?;
        let calls = calls::parse(&text, &format!("call-{}", self.answered)).unwrap_or_default();
        let n_calls = calls.len();
        for call in calls {
            let _ = job.events.send_blocking(Ok(Event::ToolCall(call)));
        }
        Ok((generated, prompt.tokens.len(), n_calls))
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
    fn talk(&mut self, job: &Job) -> Result<Summary, ModelError> {
        let request = &job.request;
        let constraint = match &request.response_schema {
            None => None,
            Some(shape) => {
                let grammar = Grammar::JsonSchema(shape.as_json().clone());
                Some(self.compiler.compile(&grammar).map_err(schema("the answer"))?)
            }
        };
        let plan = Plan {
            sampler: Sampler::new(request.options.sampling, request.options.repetition_penalty),
            constraint,
            max_tokens: request.options.max_tokens,
            stop: &request.options.stop,
        };
        let template = self.model.chat_template().map_err(engine)?;
        let prompt = render(&self.model, template, prompts::conversation(&request.transcript))?;
        let generated = generate(&mut self.talking, &prompt, None, plan, job, &mut |piece| {
            let _ = job.events.send_blocking(Ok(Event::Text(piece.to_owned())));
        })?;
        Ok(summarise(&generated, prompt.tokens.len()))
    }
}

impl LearnedTools {
    fn new(adapter: &ToolAdapter, model: &Model) -> Result<Self, ModelError> {
        Ok(Self {
            adapter: Adapter::from_parts(adapter.config.as_bytes(), &adapter.weights, model).map_err(engine)?,
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

fn generate(
    sequence: &mut Sequence,
    prompt: &Prompt,
    adapter: Option<&Adapter>,
    plan: Plan<'_>,
    job: &Job,
    on_text: &mut dyn FnMut(&str),
) -> Result<Generated, ModelError> {
    let request = GenerateRequest {
        prompt: &prompt.tokens,
        prefix_tokens: prompt.prefix_tokens,
        adapter,
        sampler: plan.sampler,
        constraint: plan.constraint,
        speculation: Speculation::Off,
        end_of_generation: EndOfGeneration::Ends,
        max_tokens: plan.max_tokens,
        stop: plan.stop,
        cancelled: &|| job.events.is_closed(),
    };
    sequence.generate(request, on_text).map_err(|error| match error {
        GenerateError::ContextFull { prompt_tokens, limit_tokens } => {
            ModelError::ContextFull { needed_tokens: prompt_tokens, limit_tokens }
        }
        error => engine(error),
    })
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
