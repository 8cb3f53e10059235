//! From words to a done task.

use crate::home::Home;
use crate::instructions::instructions;
use crate::journal::{self, Intent, Journal, JournalError, Line};
use crate::offer::offer;
use crate::sentences;
use crate::settle::{corrected, is_only_a_correction, settle};
use crate::store::{Store, StoreError, Turn};
use jiff::Zoned;
use reinette::{
    ContextWindow, Entry, Event, GenerationOptions, LanguageModel, ModelError, Request, Summary, ToolCall,
    ToolDefinition, ToolMode, Transcript,
};
use reinette_apps::time::{Clock, Language};
use reinette_apps::{Change, Plan, Planner, Question, World, examples, tools};
use serde::Serialize;
use std::sync::Arc;

/// An answer in words ends here: what a small model says beyond it is seldom worth reading.
const MAX_ANSWER_TOKENS: usize = 512;
/// Keeps a small model from turning in circles.
const REPETITION_PENALTY: f32 = 1.1;

/// When the user is asked before something is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Confirm {
    /// Before every change.
    #[default]
    Ask,
    /// Before every call, those that only read included.
    Always,
    /// Not at all.
    Never,
}

/// What the user is asked to allow.
#[derive(Clone, Debug, Serialize)]
pub struct Proposal<'a> {
    /// The call as the model made it.
    pub call: &'a ToolCall,
    /// What will happen, in one sentence.
    pub effect: &'a str,
}

/// What the user says to a proposal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Do it.
    Yes,
    /// Leave it.
    No,
    /// Nobody is there to answer.
    Nobody,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was answered; nothing was changed.
    Answered,
    /// It was done.
    Done,
    /// The user declined.
    Declined,
    /// Nobody could be asked.
    Unconfirmed,
    /// It could not be done.
    Failed,
}

/// What happens while a request is answered.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Happening<'a> {
    /// The next words of an answer.
    Text(&'a str),
    /// A call, before anything is done about it.
    Call(&'a ToolCall),
    /// How a call ended, in words.
    Ended {
        /// The call.
        call: &'a ToolCall,
        /// How it ended.
        outcome: Outcome,
        /// What there is to say.
        text: &'a str,
    },
    /// The answer is complete.
    Finished(&'a Summary),
}

/// Whoever shows what happens, and answers for the user.
pub trait Listener {
    /// Something happened.
    fn on(&mut self, happening: Happening<'_>);

    /// May this be done?
    fn confirm(&mut self, proposal: &Proposal<'_>) -> Decision;

    /// Which of these is meant? The index of a choice, or `None`.
    fn choose(&mut self, question: &Question) -> Option<usize>;

    /// Whether the user wants this answer to stop.
    fn cancelled(&self) -> bool;
}

/// Why a request could not be answered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AssistantError {
    /// The model failed.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// Something could not be remembered.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Something could not be taken back.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// A conversation with a user in a home.
pub struct Assistant {
    home: Home,
    store: Store,
    planners: Vec<Box<dyn Planner>>,
    transcript: Transcript,
    /// What of it the model is shown.
    window: ContextWindow,
    conversation: i64,
    /// The number that the last request has in the journal, if it changed anything.
    last_request: Option<i64>,
    now: fn() -> Zoned,
}

impl Assistant {
    /// Starts a conversation, and takes back what a killed process left half done; `now` is the one place from which the
    /// time is read.
    ///
    /// # Errors
    /// If the store cannot be opened.
    pub fn open(home: Home, now: fn() -> Zoned) -> Result<Self, AssistantError> {
        let store = Store::open(&home.data)?;
        drop(Journal::lock(&store, &home.data)?);
        let conversation = store.new_conversation()?;
        Ok(Self {
            home,
            store,
            planners: tools(),
            transcript: Transcript::default(),
            window: ContextWindow::default(),
            conversation,
            last_request: None,
            now,
        })
    }

    /// Goes on with the last conversation, if there was one.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn resume(&mut self) -> Result<(), AssistantError> {
        if let Some(conversation) = self.store.last_conversation()? {
            let turns = self.store.turns(Some(conversation), usize::MAX)?;
            self.window = ContextWindow::default();
            self.transcript = Transcript { entries: turns.into_iter().map(|turn| turn.entry).collect() };
            self.conversation = conversation;
        }
        Ok(())
    }

    /// The tools of all apps.
    pub fn tools(&self) -> Vec<ToolDefinition> {
        self.planners.iter().map(|planner| planner.definition().clone()).collect()
    }

    /// What was said, in all conversations, oldest first.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn history(&self, limit: usize) -> Result<Vec<Turn>, AssistantError> {
        Ok(self.store.turns(None, limit)?)
    }

    /// What was done, oldest first.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn journal(&self, limit: usize) -> Result<Vec<Line>, AssistantError> {
        Ok(journal::last_lines(&self.store, limit)?)
    }

    /// Takes back what the last request changed; gives what was taken back, the last first.
    ///
    /// # Errors
    /// If a file was changed by another program since.
    pub fn undo(&self) -> Result<Vec<Line>, AssistantError> {
        Ok(Journal::lock(&self.store, &self.home.data)?.undo()?)
    }

    /// Answers what the user says: understands it with the model, acts as the policy and the user allow, remembers.
    ///
    /// # Errors
    /// If the model fails or the conversation cannot be remembered. What an app cannot do is not an error but an
    /// [`Outcome`].
    pub fn ask(
        &mut self,
        words: &str,
        model: &Arc<dyn LanguageModel>,
        confirm: Confirm,
        listener: &mut dyn Listener,
    ) -> Result<(), AssistantError> {
        let clock = Clock { now: (self.now)() };
        let corrected = corrected(words, &self.transcript, &clock);
        self.say(Entry::Prompt { text: words.to_owned() })?;
        let mut errand = Errand { confirm, language: Language::of(words), request: None };
        let before = self.last_request.take();
        if let Some(call) = corrected {
            listener.on(Happening::Call(&call));
            self.say(Entry::ToolCalls { calls: vec![call.clone()] })?;
            self.carry_out_instead(before, &call, &mut errand, listener)?;
        } else if is_only_a_correction(words, &clock) && !self.has_acted() {
            let text = sentences::nothing_to_correct(errand.language);
            listener.on(Happening::Text(&text));
            self.say(Entry::Response { text })?;
        } else {
            self.ask_model(model, &mut errand, listener)?;
        }
        self.last_request = errand.request;
        Ok(())
    }

    fn has_acted(&self) -> bool {
        self.transcript.entries.iter().any(|entry| matches!(entry, Entry::ToolCalls { .. }))
    }

    fn ask_model(
        &mut self,
        model: &Arc<dyn LanguageModel>,
        errand: &mut Errand,
        listener: &mut dyn Listener,
    ) -> Result<(), AssistantError> {
        let answer = self.respond(model, listener)?;
        if !answer.text.is_empty() {
            self.say(Entry::Response { text: answer.text })?;
        }
        if !answer.calls.is_empty() {
            self.say(Entry::ToolCalls { calls: answer.calls.clone() })?;
            for call in &answer.calls {
                if listener.cancelled() {
                    break;
                }
                let (outcome, text) = self.carry_out(call, errand, listener);
                self.end(call, outcome, text, listener)?;
            }
        }
        if let Some(summary) = &answer.summary {
            listener.on(Happening::Finished(summary));
        }
        Ok(())
    }

    /// Carries out a call that puts right what the request `before` did: that is taken back, and done again if nothing
    /// comes of the call.
    fn carry_out_instead(
        &mut self,
        before: Option<i64>,
        call: &ToolCall,
        errand: &mut Errand,
        listener: &mut dyn Listener,
    ) -> Result<(), AssistantError> {
        let journal = || Journal::lock(&self.store, &self.home.data);
        let undone = before.map_or(Ok(Vec::new()), |before| journal()?.undo_request(before))?;
        let (outcome, mut text) = self.carry_out(call, errand, listener);
        if let [line] = undone.as_slice()
            && outcome == Outcome::Done
        {
            text = sentences::instead(errand.language, &text, &line.effect);
        } else if outcome != Outcome::Done && !undone.is_empty() {
            journal()?.redo(&undone, (self.now)().timestamp())?;
            errand.request = before;
        }
        self.end(call, outcome, text, listener)
    }

    /// Tells how a call ended, and remembers it.
    fn end(
        &mut self,
        call: &ToolCall,
        outcome: Outcome,
        text: String,
        listener: &mut dyn Listener,
    ) -> Result<(), AssistantError> {
        listener.on(Happening::Ended { call, outcome, text: &text });
        self.say(Entry::ToolOutput { call_id: call.id.clone(), text })
    }

    fn say(&mut self, entry: Entry) -> Result<(), AssistantError> {
        self.store.remember(self.conversation, (self.now)().timestamp(), &entry)?;
        self.transcript.push(entry);
        Ok(())
    }

    /// Asks the model, leaving out the oldest turns if the conversation has become too long for it.
    fn respond(
        &mut self,
        model: &Arc<dyn LanguageModel>,
        listener: &mut dyn Listener,
    ) -> Result<Answer, AssistantError> {
        self.window.make_room_ahead(&self.transcript, MAX_ANSWER_TOKENS, model.info().context_tokens);
        loop {
            match self.respond_to(&self.window.of(&self.transcript), model, listener) {
                Err(ModelError::ContextFull { needed_tokens, limit_tokens })
                    if self.window.make_room(&self.transcript, needed_tokens, limit_tokens) => {}
                answer => return Ok(answer?),
            }
        }
    }

    fn respond_to(
        &self,
        recent: &Transcript,
        model: &Arc<dyn LanguageModel>,
        listener: &mut dyn Listener,
    ) -> Result<Answer, ModelError> {
        let mut transcript = Transcript::default();
        transcript.push(Entry::Instructions { text: instructions(&(self.now)()) });
        transcript.entries.extend(recent.entries.iter().cloned());
        let words = recent.last_prompt().unwrap_or_default();
        let (tools, clock) = (self.tools(), Clock { now: (self.now)() });
        let request = Request {
            transcript,
            tools: offer(&tools, words, &clock),
            examples: Some(examples()),
            tool_mode: ToolMode::Allowed,
            response_schema: None,
            options: GenerationOptions {
                repetition_penalty: REPETITION_PENALTY,
                max_tokens: MAX_ANSWER_TOKENS,
                ..GenerationOptions::default()
            },
        };
        let mut answer = Answer::default();
        for event in model.respond(request) {
            match event? {
                Event::Text(text) => {
                    listener.on(Happening::Text(&text));
                    answer.text.push_str(&text);
                }
                Event::ToolCall(call) => answer.calls.push(call),
                Event::Finished(summary) => answer.summary = Some(summary),
                _ => {}
            }
            if listener.cancelled() {
                answer.calls.clear();
                break;
            }
        }
        answer.calls = settle(words, answer.calls, &tools, &clock);
        answer.calls.iter().for_each(|call| listener.on(Happening::Call(call)));
        Ok(answer)
    }

    /// Plans a call, asks what is to be asked, acts; says how it ended.
    fn carry_out(&self, call: &ToolCall, errand: &mut Errand, listener: &mut dyn Listener) -> (Outcome, String) {
        let Some(planner) = self.planners.iter().find(|planner| planner.definition().name == call.name) else {
            return (Outcome::Failed, sentences::no_app(errand.language, &call.name));
        };
        let clock = Clock { now: (self.now)() };
        let world = World { clock, folders: self.home.folders.clone(), language: errand.language };
        let mut plan = match planner.plan(&call.arguments, &world) {
            Ok(plan) => plan,
            Err(error) => return (Outcome::Failed, error.to_string()),
        };
        loop {
            match plan {
                Plan::Answer(text) => return errand.answer(call, text, listener),
                Plan::Change(change) => return self.change(call, &change, errand, listener),
                Plan::Ask(mut question) => match listener.choose(&question) {
                    Some(index) if index < question.choices.len() => plan = question.choices.swap_remove(index).plan,
                    _ => return (Outcome::Unconfirmed, sentences::unanswered(errand.language, &question)),
                },
            }
        }
    }

    fn change(
        &self,
        call: &ToolCall,
        change: &Change,
        errand: &mut Errand,
        listener: &mut dyn Listener,
    ) -> (Outcome, String) {
        if let Err(refused) = errand.allow(Confirm::Never, call, &change.effect, listener) {
            return refused;
        }
        let made = Journal::lock(&self.store, &self.home.data).and_then(|journal| {
            let request = errand.request.map_or_else(|| journal.new_request(), Ok)?;
            errand.request = Some(request);
            let at = (self.now)().timestamp();
            journal.make(&Intent { request, at, tool: &call.name, effect: &change.done, files: &change.files })
        });
        match made {
            Ok(()) => (Outcome::Done, change.done.clone()),
            Err(error) => (Outcome::Failed, error.to_string()),
        }
    }
}

/// What the model said.
#[derive(Default)]
struct Answer {
    text: String,
    calls: Vec<ToolCall>,
    summary: Option<Summary>,
}

/// A request while its calls are carried out.
struct Errand {
    confirm: Confirm,
    language: Language,
    /// Its number in the journal, once something was changed.
    request: Option<i64>,
}

impl Errand {
    fn answer(&self, call: &ToolCall, text: String, listener: &mut dyn Listener) -> (Outcome, String) {
        match self.allow(Confirm::Ask, call, &call.name, listener) {
            Ok(()) => (Outcome::Answered, text),
            Err(refused) => refused,
        }
    }

    /// Asks the user, unless the policy says that at this level nobody need be asked.
    fn allow(
        &self,
        unasked: Confirm,
        call: &ToolCall,
        effect: &str,
        listener: &mut dyn Listener,
    ) -> Result<(), (Outcome, String)> {
        if self.confirm == Confirm::Never || (unasked == Confirm::Ask && self.confirm == Confirm::Ask) {
            return Ok(());
        }
        match listener.confirm(&Proposal { call, effect }) {
            Decision::Yes => Ok(()),
            Decision::No => Err((Outcome::Declined, sentences::declined(self.language))),
            Decision::Nobody => Err((Outcome::Unconfirmed, sentences::unconfirmed(self.language, effect))),
        }
    }
}

#[cfg(test)]
mod tests;
