//! A model that says what a test tells it to.

use crate::{
    Capability, Entry, Event, FinishReason, LanguageModel, ModelError, ModelInfo, Request, ResponseStream, Summary,
    ToolCall,
};
use async_channel::Sender;
use serde_json::{Map, Value};
use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Characters of a token, where the script's model counts.
const CHARACTERS_PER_TOKEN: usize = 4;

/// What a [`ScriptedModel`] answers.
#[derive(Debug)]
pub struct Reply {
    thoughts: Vec<String>,
    words: Vec<String>,
    calls: Vec<(String, Map<String, Value>)>,
    ending: Ending,
}

#[derive(Debug)]
enum Ending {
    Finished(FinishReason),
    Error(ModelError),
    /// Goes on until nobody listens.
    Never,
}

impl Reply {
    /// Words, a token each.
    pub fn text(text: &str) -> Self {
        Self {
            thoughts: Vec::new(),
            words: words(text),
            calls: Vec::new(),
            ending: Ending::Finished(FinishReason::Stop),
        }
    }

    /// The same answer after these thoughts, a token a word, if the request lets the model think.
    #[must_use]
    pub fn after_thinking(self, thoughts: &str) -> Self {
        Self { thoughts: words(thoughts), ..self }
    }

    /// A call of the tool `name`; arguments that are no JSON object are none.
    pub fn call(name: &str, arguments: Value) -> Self {
        Self { ending: Ending::Finished(FinishReason::ToolCalls), ..Self::text("") }.and_call(name, arguments)
    }

    /// One more call in the same answer.
    #[must_use]
    pub fn and_call(mut self, name: &str, arguments: Value) -> Self {
        let arguments = match arguments {
            Value::Object(arguments) => arguments,
            _ => Map::new(),
        };
        self.calls.push((name.to_owned(), arguments));
        self
    }

    /// A failure, after `text`.
    pub fn error_after(text: &str, error: ModelError) -> Self {
        Self { ending: Ending::Error(error), ..Self::text(text) }
    }

    /// An answer that goes on until it is cancelled, a word a step.
    pub fn endless() -> Self {
        Self { ending: Ending::Never, ..Self::text("") }
    }
}

fn words(text: &str) -> Vec<String> {
    text.split_inclusive(' ').map(str::to_owned).collect()
}

/// A model that says what a test tells it to, so that an application is tested without weights.
///
/// ```
/// # extern crate reinette_core as reinette;
/// use reinette::testing::{Reply, ScriptedModel};
/// use reinette::Session;
/// use serde_json::json;
///
/// let model = ScriptedModel::new([Reply::call("ring", json!({"bell": "door"})), Reply::text("Nobody is there.")]);
/// let bell = reinette::FunctionTool::dynamic(
///     reinette::ToolDefinition::new::<std::collections::BTreeMap<String, String>>("ring", "Ring a bell."),
///     |_arguments| async { Ok("silence".to_owned()) },
/// );
/// let session = Session::new(&model).tool(bell);
/// assert_eq!(session.respond_blocking("Ring the bell!")?, "Nobody is there.");
/// assert_eq!(model.requests().len(), 2);
/// # Ok::<(), reinette::SessionError>(())
/// ```
#[derive(Clone)]
pub struct ScriptedModel {
    script: Arc<dyn Fn(&Request) -> Reply + Send + Sync>,
    requests: Arc<Mutex<Vec<Request>>>,
    steps: Arc<AtomicUsize>,
    context_tokens: usize,
    languages: Vec<String>,
}

impl fmt::Debug for ScriptedModel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ScriptedModel").field("steps", &self.steps()).finish_non_exhaustive()
    }
}

impl ScriptedModel {
    /// A model that gives one reply after the other, and then fails.
    pub fn new(replies: impl IntoIterator<Item = Reply>) -> Self {
        let replies: Mutex<VecDeque<Reply>> = Mutex::new(replies.into_iter().collect());
        Self::answering(move |_| {
            let next = replies.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            let exhausted = || ModelError::Engine("the script has no reply left: give it one more".into());
            next.unwrap_or_else(|| Reply::error_after("", exhausted()))
        })
    }

    /// A model that answers what `script` makes of each request.
    pub fn answering(script: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let (requests, steps) = (Arc::default(), Arc::default());
        Self { script: Arc::new(script), requests, steps, context_tokens: 8192, languages: Vec::new() }
    }

    /// The same model with a context of so many tokens, of four characters each: it refuses longer conversations, and
    /// ends an answer where the context is full.
    #[must_use]
    pub fn with_context_tokens(self, context_tokens: usize) -> Self {
        Self { context_tokens, ..self }
    }

    /// The same model, made for these languages and no other.
    #[must_use]
    pub fn with_languages<'a>(self, languages: impl IntoIterator<Item = &'a str>) -> Self {
        Self { languages: languages.into_iter().map(str::to_owned).collect(), ..self }
    }

    /// What it was asked, in order; requests that it refused for their length are not among it.
    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many tokens it has made, over all answers: none is made once nobody listens.
    pub fn steps(&self) -> usize {
        self.steps.load(Ordering::SeqCst)
    }

    /// The tokens of a request, as this model counts them.
    pub fn tokens_of(request: &Request) -> usize {
        let characters = |entry: &Entry| match entry {
            Entry::Instructions { text }
            | Entry::Prompt { text }
            | Entry::Response { text }
            | Entry::ToolOutput { text, .. } => text.chars().count(),
            Entry::Reasoning { .. } => 0,
            Entry::Attachment { media_type, url } => media_type.len() + url.len(),
            Entry::ToolCalls { calls } => {
                calls.iter().map(|call| serde_json::to_string(call).map_or(0, |json| json.len())).sum()
            }
        };
        let tools = request.tools.iter().map(|tool| tool.parameters.as_json().to_string().len());
        request
            .transcript
            .entries
            .iter()
            .map(characters)
            .chain(tools)
            .map(|count| count.div_ceil(CHARACTERS_PER_TOKEN))
            .sum()
    }
}

impl LanguageModel for ScriptedModel {
    fn info(&self) -> ModelInfo {
        ModelInfo {
            name: "scripted".to_owned(),
            architecture: "script".to_owned(),
            context_tokens: self.context_tokens,
            size_bytes: 0,
            languages: self.languages.clone(),
        }
    }

    fn supports(&self, capability: Capability) -> bool {
        use Capability::{Reasoning, SameTextForSameSeed, TokenCount, ToolCalling};
        matches!(capability, ToolCalling | SameTextForSameSeed | TokenCount | Reasoning)
    }

    fn token_count(&self, request: &Request) -> Result<usize, ModelError> {
        Ok(Self::tokens_of(request))
    }

    fn version(&self) -> Option<String> {
        Some("script".to_owned())
    }

    /// Reads nothing: a script has nothing to read ahead.
    fn prewarm(&self, request: Request) -> ResponseStream {
        let (events, answer) = async_channel::bounded(1);
        let _ = events.try_send(Ok(Event::Finished(summary(Self::tokens_of(&request), 0, FinishReason::Stop))));
        ResponseStream::new(answer)
    }

    fn respond(&self, request: Request) -> ResponseStream {
        // Of one event: a step is made when the one before was taken, so that cancelling can be counted.
        let (events, answer) = async_channel::bounded(1);
        if let Err(refused) = request.check_supported(self) {
            let _ = events.try_send(Err(refused));
            return ResponseStream::new(answer);
        }
        let prompt_tokens = Self::tokens_of(&request);
        if prompt_tokens >= self.context_tokens {
            let full = ModelError::ContextFull { needed_tokens: prompt_tokens, limit_tokens: self.context_tokens };
            let _ = events.try_send(Err(full));
            return ResponseStream::new(answer);
        }
        let reply = (self.script)(&request);
        let reasoning_tokens = request.options.reasoning_tokens;
        let answer_tokens = request.options.max_tokens.min(self.context_tokens - prompt_tokens);
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        requests.push(request);
        let performance = Performance {
            steps: Arc::clone(&self.steps),
            events,
            prompt_tokens,
            reasoning_tokens,
            answer_tokens,
            number: requests.len(),
        };
        std::thread::spawn(move || performance.give(reply));
        ResponseStream::new(answer)
    }
}

/// One reply under way.
struct Performance {
    steps: Arc<AtomicUsize>,
    events: Sender<Result<Event, ModelError>>,
    prompt_tokens: usize,
    reasoning_tokens: usize,
    answer_tokens: usize,
    number: usize,
}

impl Performance {
    /// Makes a token, if anybody listens.
    fn step(&self, event: Event) -> bool {
        if self.events.is_closed() {
            return false;
        }
        self.steps.fetch_add(1, Ordering::SeqCst);
        self.events.send_blocking(Ok(event)).is_ok()
    }

    fn give(self, reply: Reply) {
        let mut thought = 0;
        for word in reply.thoughts.into_iter().take(self.reasoning_tokens) {
            if !self.step(Event::Reasoning(word)) {
                return;
            }
            thought += 1;
        }
        let finished = |made, reason| {
            let summary = summary(self.prompt_tokens, thought + made, reason);
            Ok(Event::Finished(Summary { reasoning_tokens: thought, ..summary }))
        };
        let mut made = 0;
        let endless = matches!(reply.ending, Ending::Never).then(|| std::iter::repeat_with(|| "on ".to_owned()));
        for word in reply.words.into_iter().chain(endless.into_iter().flatten()) {
            if made == self.answer_tokens {
                return self.end(finished(made, FinishReason::Length));
            }
            if !self.step(Event::Text(word)) {
                return;
            }
            made += 1;
        }
        for (index, (name, arguments)) in reply.calls.into_iter().enumerate() {
            let id = format!("call-{}-{index}", self.number);
            if !self.step(Event::ToolCall(ToolCall { id, name, arguments })) {
                return;
            }
            made += 1;
        }
        self.end(match reply.ending {
            Ending::Error(error) => Err(error),
            Ending::Finished(reason) => finished(made, reason),
            Ending::Never => return,
        });
    }

    fn end(&self, last: Result<Event, ModelError>) {
        // Whoever asked may have stopped listening.
        let _ = self.events.send_blocking(last);
    }
}

fn summary(prompt_tokens: usize, output_tokens: usize, finish_reason: FinishReason) -> Summary {
    Summary {
        finish_reason,
        prompt_tokens,
        cached_tokens: 0,
        output_tokens,
        reasoning_tokens: 0,
        forced_tokens: 0,
        log_probabilities: Vec::new(),
        first_token_ms: 0.0,
        total_ms: 0.0,
    }
}
