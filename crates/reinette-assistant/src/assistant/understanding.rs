//! A model with what code can tell of the user's words: what need not be asked of the model, what it may choose among, what
//! is wrong with its calls, and which of its words may be said.

use super::desk::Desk;
use super::own_tools::{OwnTool, UNDO, WRITE, is_only_learned};
use crate::offer::offer;
use crate::sentences;
use crate::settle::{completed, corrected, dictated, is_only_a_correction, missing, settle};
use crate::speech::Speech;
use async_channel::Sender;
use reinette::{
    Capability, Entry, Event, GenerationOptions, LanguageModel, ModelError, ModelInfo, Request, ResponseStream,
    Summary, Tool, ToolCall, ToolDefinition, ToolMode, Transcript,
};
use reinette_apps::{more_tools, tools};
use reinette_time::{Clock, Language, plain};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Small talk of a small model is not worth more.
const MAX_TALK_TOKENS: usize = 120;

/// The model of a conversation, which may be another one from turn to turn.
#[derive(Clone)]
pub(super) struct Understanding {
    desk: Arc<Desk>,
    turn: Arc<Mutex<Turn>>,
    /// The names of the tools that the everyday adapter has learned, and of those that it has not.
    first: Arc<[String]>,
    further: Arc<[String]>,
}

/// What the present turn stands on.
struct Turn {
    model: Arc<dyn LanguageModel>,
    /// All that was said and done before it, hidden from the model or not.
    before: Transcript,
}

/// What is answered without the model.
enum Known {
    Calls(Vec<ToolCall>),
    Words(String),
}

impl Understanding {
    pub(super) fn new(desk: &Arc<Desk>) -> Self {
        let turn = Turn { model: Arc::new(NoModel), before: Transcript::default() };
        let first = tools().into_iter().map(|planner| planner.definition().name.clone()).collect();
        let of_apps = more_tools().into_iter().map(|planner| planner.definition().name.clone());
        let further = of_apps.chain(OwnTool::all(desk).map(|tool| tool.definition().name)).collect();
        Self { desk: Arc::clone(desk), turn: Arc::new(Mutex::new(turn)), first, further }
    }

    /// A turn begins, after all that was said and done before.
    pub(super) fn begin(&self, model: &Arc<dyn LanguageModel>, before: Transcript) {
        *self.turn() = Turn { model: Arc::clone(model), before };
    }

    fn turn(&self) -> MutexGuard<'_, Turn> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn model(&self) -> Arc<dyn LanguageModel> {
        Arc::clone(&self.turn().model)
    }

    /// What the words say without a model.
    fn known(&self, words: &str, before: &Transcript, tools: &[ToolDefinition], clock: &Clock) -> Option<Known> {
        if let Some(call) = corrected(words, before, clock) {
            self.desk.corrects_the_one_before();
            return Some(Known::Calls(vec![call]));
        }
        let has_called = before.entries.iter().any(|entry| matches!(entry, Entry::ToolCalls { .. }));
        if is_only_a_correction(words, clock) && !has_called {
            return Some(Known::Words(sentences::nothing_to_correct(self.desk.request().language)));
        }
        if let Some((call, language)) = completed(words, before, clock) {
            self.desk.request().language = language;
            // A note is kept as it was said.
            let is_literal = call.arguments.contains_key("text");
            let calls = if is_literal { vec![call] } else { settle(words, vec![call], tools, clock) };
            return Some(Known::Calls(calls));
        }
        missing(words, clock).map(|missing| Known::Words(missing.question.to_owned()))
    }

    /// Whether the model has learned our tools in conversations, and has one for everything that is said.
    fn converses(&self) -> bool {
        self.model().has_learned(UNDO)
    }

    /// Lets a model that converses answer: it reads the last turns itself, and leaves out what was not said. Where it calls
    /// nothing, it talks, and knows nothing of what was done that it could imitate.
    fn converse(&self, mut request: Request) -> ResponseStream {
        if let Some(call) = self.desk.answered(request.transcript.last_prompt().unwrap_or_default()) {
            return at_once([Event::ToolCall(call)]);
        }
        let model = self.model();
        let known = self.known_to_model(&request.tools).into_iter();
        let is_learned = |tool: &ToolDefinition| model.has_learned(&tool.name);
        request.tools =
            known.map(|tool| if is_learned(&tool) { tool.with_optional_arguments() } else { tool }).collect();
        let talk = in_words(&request, MAX_TALK_TOKENS);
        request.tool_mode = ToolMode::CallsOnly;
        // It has a call for everything, so the tools of servers that speak of what was said are tried before.
        let others = about_others(&request, |tool| model.has_learned(tool));
        let mut requests = others.into_iter().chain([request, talk]).collect::<VecDeque<_>>();
        let Some(first) = requests.pop_front() else { return at_once([]) };
        let settled = self.settled_at_first(&first);
        self.listen(first, None, settled, Speech::talk(self.desk.request().language), requests)
    }

    /// What code can tell of the calls for the first words of a conversation; later ones stand on what was said before.
    fn settled_at_first(&self, request: &Request) -> impl FnOnce(Vec<ToolCall>) -> Vec<ToolCall> + Send + 'static {
        let prompts = request.transcript.entries.iter().filter(|entry| matches!(entry, Entry::Prompt { .. }));
        let is_first = prompts.count() == 1;
        let words = request.transcript.last_prompt().unwrap_or_default().to_owned();
        let (tools, clock) = (request.tools.clone(), self.desk.clock());
        move |calls| if is_first { settle(&words, calls, &tools, &clock) } else { calls }
    }

    /// Answers the user's words.
    fn hear(&self, mut request: Request) -> ResponseStream {
        if self.converses() {
            return self.converse(request);
        }
        let (clock, tools) = (self.desk.clock(), request.tools.clone());
        let words = request.transcript.last_prompt().unwrap_or_default().to_owned();
        let before = self.turn().before.clone();
        match self.known(&words, &before, &tools, &clock) {
            Some(Known::Calls(calls)) => return at_once(calls.into_iter().map(Event::ToolCall)),
            Some(Known::Words(text)) => return at_once([Event::Text(text)]),
            None => {}
        }
        // What is dictated is taken as it was said and is not for the model.
        let (dictated, rest) = match dictated(&words) {
            Some(dictation) => {
                self.desk.request().language = Language::of(dictation.cue);
                (Some(dictation.call), dictation.rest.to_owned())
            }
            None => (None, words),
        };
        if rest.is_empty() {
            return at_once(dictated.map(Event::ToolCall));
        }
        if let Some(Entry::Prompt { text }) = request.transcript.entries.last_mut() {
            text.clone_from(&rest);
        }
        request.tools = offer(&self.known_to_model(&tools), &rest, &clock);
        let speech = Speech::new(&rest, self.desk.request().language);
        self.listen(request, dictated, move |calls| settle(&rest, calls, &tools, &clock), speech, VecDeque::new())
    }

    /// A model that has learned the apps' first tools has not learned the later ones, and would not read what they are.
    fn known_to_model(&self, tools: &[ToolDefinition]) -> Vec<ToolDefinition> {
        let model = self.model();
        let knows_by_heart = tools.iter().any(|tool| model.has_learned(&tool.name));
        let is_known = |tool: &&ToolDefinition| {
            if knows_by_heart {
                model.has_learned(&tool.name) || !self.further.contains(&tool.name)
            } else {
                !is_only_learned(&tool.name)
            }
        };
        tools.iter().filter(is_known).cloned().collect()
    }

    /// Asks the model; its words are heard as they come, its calls are settled when it has ended. Where it called nothing, it
    /// is asked what comes `next`, one after the other.
    fn listen(
        &self,
        request: Request,
        dictated: Option<ToolCall>,
        settled: impl FnOnce(Vec<ToolCall>) -> Vec<ToolCall> + Send + 'static,
        mut speech: Speech,
        mut next: VecDeque<Request>,
    ) -> ResponseStream {
        let (events, answer) = async_channel::unbounded();
        let model = self.model();
        let mut stream = model.respond(request);
        std::thread::spawn(move || {
            let say = |text: &str| send(&events, Ok(Event::Text(text.to_owned())));
            let (mut calls, mut ended) = (Vec::new(), Err(ended_early()));
            loop {
                let Some(event) = stream.next() else {
                    match next.pop_front().filter(|_| calls.is_empty() && ended.is_ok()) {
                        Some(next) => stream = model.respond(next),
                        None => break,
                    }
                    continue;
                };
                match event {
                    Ok(Event::Text(text)) => {
                        if speech.hear(&text, &mut |text| say(text)).is_break() {
                            ended = Ok(Summary::default());
                            break;
                        }
                    }
                    Ok(Event::ToolCall(call)) => calls.push(call),
                    Ok(Event::Finished(summary)) => ended = Ok(summary),
                    Ok(other) => send(&events, Ok(other)),
                    Err(error) => ended = Err(error),
                }
                if events.is_closed() {
                    return;
                }
            }
            if ended.is_ok() {
                speech.finish(&mut |text| say(text));
                for call in dictated.into_iter().chain(settled(calls)) {
                    send(&events, Ok(Event::ToolCall(call)));
                }
            }
            send(&events, ended.map(Event::Finished));
        });
        ResponseStream::new(answer)
    }

    /// Whether the last call was that a text is to be written.
    fn writes(&self, transcript: &Transcript) -> bool {
        let is_call = |entry: &&Entry| matches!(entry, Entry::ToolCalls { .. });
        match transcript.entries.iter().rev().find(is_call) {
            Some(Entry::ToolCalls { calls }) => self.converses() && calls.iter().any(|call| call.name == WRITE),
            _ => false,
        }
    }

    /// Lets the model write what the user asked for, as if it had called nothing.
    fn write(&self, request: &Request) -> ResponseStream {
        let text = in_words(request, request.options.max_tokens);
        self.listen(text, None, |_| Vec::new(), Speech::text(self.desk.request().language), VecDeque::new())
    }

    /// Goes on after tools have answered.
    fn go_on(&self, mut request: Request) -> ResponseStream {
        let model = self.model();
        if self.writes(&request.transcript) {
            return self.write(&request);
        }
        request.tools = self.known_to_model(&request.tools);
        let is_blind = request.tools.iter().all(|tool| model.has_learned(&tool.name));
        let last = request.transcript.entries.iter().rev();
        let mut outputs = last.map_while(|entry| match entry {
            Entry::ToolOutput { is_error, .. } => Some(*is_error),
            _ => None,
        });
        // The user has been told what was done, or what is wrong: only what was looked up may lead to more.
        let is_told = request.tool_mode == ToolMode::CallsOnly;
        if is_blind || (is_told && (self.desk.request().number.is_some() || outputs.any(|is_error| is_error))) {
            return at_once([]);
        }
        let speech = {
            let request = self.desk.request();
            Speech::after_tools(request.number.is_some(), request.language)
        };
        self.listen(request, None, |calls| calls, speech, VecDeque::new())
    }
}

impl LanguageModel for Understanding {
    fn info(&self) -> ModelInfo {
        self.model().info()
    }

    fn respond(&self, request: Request) -> ResponseStream {
        match request.transcript.entries.last() {
            Some(Entry::ToolOutput { .. }) => self.go_on(request),
            _ => self.hear(request),
        }
    }

    fn supports(&self, capability: Capability) -> bool {
        self.model().supports(capability)
    }

    fn token_count(&self, request: &Request) -> Result<usize, ModelError> {
        self.model().token_count(request)
    }

    fn version(&self) -> Option<String> {
        self.model().version()
    }

    /// What a model that knows tools by heart is not shown, it need not read either.
    fn has_learned(&self, tool: &str) -> bool {
        let model = self.model();
        model.has_learned(tool)
            || (self.further.iter().any(|further| further == tool)
                && self.first.iter().any(|first| model.has_learned(first)))
    }

    fn prewarm(&self, request: Request) -> ResponseStream {
        self.model().prewarm(request)
    }
}

/// A word says what a tool is about from so many letters on.
const TELLING_LETTERS: usize = 4;

/// The request that puts the words to the tools alone that a model has not learned, if the words share one with what these
/// say of themselves. The examples are of other tools.
pub(super) fn about_others(request: &Request, is_learned: impl Fn(&str) -> bool) -> Option<Request> {
    let words = |text: &str| -> Vec<String> {
        let words = text.split(|letter: char| !letter.is_alphanumeric()).map(plain);
        words.filter(|word| word.chars().count() >= TELLING_LETTERS).collect()
    };
    let said = words(request.transcript.last_prompt().unwrap_or_default());
    let is_about = |tool: &&ToolDefinition| {
        let told = words(&tool.name).into_iter().chain(words(&tool.description));
        told.into_iter().any(|word| said.contains(&word))
    };
    let others = request.tools.iter().filter(|tool| !is_learned(&tool.name));
    let tools: Vec<ToolDefinition> = others.cloned().collect();
    tools.iter().any(|tool| is_about(&tool)).then(|| Request { tools, examples: None, ..request.clone() })
}

/// The request that lets a model talk or write: with the last words, and with turns in which nothing but words was said, but
/// with none of what tools answered.
fn in_words(request: &Request, max_tokens: usize) -> Request {
    let mut kept: Vec<Entry> = Vec::new();
    let mut turn: Vec<Entry> = Vec::new();
    let mut is_words = true;
    for entry in &request.transcript.entries {
        match entry {
            Entry::Instructions { .. } => kept.push(entry.clone()),
            Entry::Prompt { .. } => {
                kept.extend(std::mem::take(&mut turn).into_iter().filter(|_| is_words));
                turn.push(entry.clone());
                is_words = false;
            }
            Entry::ToolCalls { calls } if calls.iter().any(|call| call.name != WRITE) => turn.clear(),
            Entry::Response { .. } if !turn.is_empty() => {
                turn.push(entry.clone());
                is_words = true;
            }
            _ => {}
        }
    }
    // Of the last turn the prompt alone: nothing was said to it yet.
    let last = request.transcript.last_prompt().map(|text| Entry::Prompt { text: text.to_owned() });
    let transcript = Transcript { entries: kept.into_iter().chain(last).collect() };
    let options = GenerationOptions { max_tokens, ..request.options.clone() };
    Request { transcript, options, tools: Vec::new(), tool_mode: ToolMode::Disallowed, ..request.clone() }
}

/// An answer that needs no model.
fn at_once(events: impl IntoIterator<Item = Event>) -> ResponseStream {
    let (sender, answer) = async_channel::unbounded();
    events.into_iter().chain([Event::Finished(Summary::default())]).for_each(|event| send(&sender, Ok(event)));
    ResponseStream::new(answer)
}

fn send(events: &Sender<Result<Event, ModelError>>, event: Result<Event, ModelError>) {
    // The channel is unbounded, and whoever asked may have stopped listening.
    let _ = events.try_send(event);
}

fn ended_early() -> ModelError {
    ModelError::Engine("the model stopped in the middle of an answer: ask again".into())
}

/// Stands where no model was named yet.
struct NoModel;

impl LanguageModel for NoModel {
    fn info(&self) -> ModelInfo {
        ModelInfo {
            name: String::new(),
            architecture: String::new(),
            context_tokens: 0,
            size_bytes: 0,
            languages: Vec::new(),
        }
    }

    fn respond(&self, _: Request) -> ResponseStream {
        let (sender, answer) = async_channel::unbounded();
        send(&sender, Err(ModelError::Engine("no model was named".into())));
        ResponseStream::new(answer)
    }
}
