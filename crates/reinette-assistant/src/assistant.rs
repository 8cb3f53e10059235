//! From words to a done task.

mod deeds;

use crate::home::Home;
use crate::instructions::instructions;
use crate::journal::{self, Journal, JournalError, Line, Listing};
use crate::offer::offer;
use crate::sentences;
use crate::settle::{completed, corrected, dictated, is_only_a_correction, missing, settle};
use crate::speech::Speech;
use crate::store::{Store, StoreError, Turn};
use deeds::{Deed, Errand};
use jiff::Zoned;
use reinette::{
    ContextWindow, Entry, Event, GenerationOptions, LanguageModel, ModelError, Request, Summary, ToolCall,
    ToolDefinition, ToolMode, Transcript,
};
use reinette_apps::{Planner, Question, examples, tools};
use reinette_time::{Clock, Language};
use serde::Serialize;
use std::sync::Arc;

/// An answer in words ends here: what a small model says beyond it is seldom worth reading.
const MAX_ANSWER_TOKENS: usize = 512;
/// A token of a model stands for about so many characters of what people write; whoever uses fewer is told by the model.
const CHARACTERS_PER_TOKEN: usize = 4;
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
    /// What an app answers, before anybody is asked whether it may be told.
    Answer {
        /// The call.
        call: &'a ToolCall,
        /// The words, and what programs are told.
        answer: &'a reinette_apps::Answer,
    },
    /// What an app is about to change, before anybody is asked.
    Change {
        /// The call.
        call: &'a ToolCall,
        /// The sentences, the files before and after, and what programs are told.
        change: &'a reinette_apps::Change,
    },
    /// How a call ended, in words.
    Ended {
        /// The call.
        call: &'a ToolCall,
        /// How it ended.
        outcome: Outcome,
        /// What there is to say.
        text: &'a str,
        /// The change that was made, with its files.
        line: Option<&'a Line>,
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
    /// The request is longer than what the model can read.
    #[error(
        "the request has {length} characters, and this model reads at most {limit}: shorten it, or save it as a file of its own"
    )]
    TooLong {
        /// How many characters it has.
        length: usize,
        /// How many it may have.
        limit: usize,
    },
}

/// A conversation with a user in a home.
pub struct Assistant {
    home: Home,
    store: Store,
    planners: Vec<Box<dyn Planner>>,
    transcript: Transcript,
    /// What of it the model is shown.
    window: ContextWindow,
    /// Its number, once something was said.
    conversation: Option<i64>,
    /// The number that the last request has in the journal, if it changed anything.
    last_request: Option<i64>,
    /// Changes that a killed process was taking back; recovery has finished that.
    interrupted_undo: Vec<Line>,
    warnings: Vec<String>,
    now: fn() -> Zoned,
}

impl Assistant {
    /// Starts a conversation, and takes back what a killed process left half done; `now` is the one place from which the
    /// time is read.
    ///
    /// # Errors
    /// If the store cannot be opened.
    pub fn open(home: Home, now: fn() -> Zoned) -> Result<Self, AssistantError> {
        let store = Store::open(&home)?;
        let recovery = Journal::lock(&store, &home, &now())?.into_recovery();
        let warnings = recovery.failures.iter().map(sentences::not_recovered).collect();
        let assistant = Self::new(home, store, now);
        Ok(Self { interrupted_undo: recovery.undone, warnings, ..assistant })
    }

    /// The same, or, where nothing can be written, what is there to be read: then every change is refused.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn open_to_read(home: Home, now: fn() -> Zoned) -> Result<Self, AssistantError> {
        let store = Store::open_to_read(&home)?;
        if store.must_be_writable().is_err() {
            return Ok(Self::new(home, store, now));
        }
        match Journal::lock(&store, &home, &now()).map(Journal::into_recovery) {
            Ok(recovery) => {
                let warnings = recovery.failures.iter().map(sentences::not_recovered).collect();
                let assistant = Self::new(home, store, now);
                Ok(Self { interrupted_undo: recovery.undone, warnings, ..assistant })
            }
            Err(error) => {
                let warnings = vec![sentences::not_recovered(&error)];
                Ok(Self { warnings, ..Self::new(home, store, now) })
            }
        }
    }

    fn new(home: Home, store: Store, now: fn() -> Zoned) -> Self {
        Self {
            home,
            store,
            planners: tools(),
            transcript: Transcript::default(),
            window: ContextWindow::default(),
            conversation: None,
            last_request: None,
            interrupted_undo: Vec::new(),
            warnings: Vec::new(),
            now,
        }
    }

    /// Problems found when the home was opened: interrupted changes that could not be taken back yet.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Goes on with the last conversation, if there was one, as far as it can be read.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn resume(&mut self) -> Result<(), AssistantError> {
        if let Some(conversation) = self.store.last_conversation()? {
            let turns = self.store.turns(Some(conversation), usize::MAX)?;
            self.warnings.extend(turns.unreadable.iter().map(ToString::to_string));
            self.window = ContextWindow::default();
            self.transcript = Transcript { entries: turns.found.into_iter().map(|turn| turn.entry).collect() };
            self.conversation = Some(conversation);
        }
        Ok(())
    }

    /// The tools of all apps.
    pub fn tools(&self) -> Vec<ToolDefinition> {
        self.planners.iter().map(|planner| planner.definition().clone()).collect()
    }

    /// The last entries of all conversations.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn history(&self, limit: usize) -> Result<Listing<Turn>, AssistantError> {
        Ok(self.store.turns(None, limit)?)
    }

    /// The last changes.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn journal(&self, limit: usize) -> Result<Listing<Line>, AssistantError> {
        Ok(journal::last_lines(&self.store, &self.home, limit)?)
    }

    /// Takes back what the last request changed; gives what became of each change, the last first: it is
    /// [taken back](journal::State::Undone), [left](journal::State::Abandoned) with a reason, which is told once, or
    /// [over](journal::State::Spent).
    ///
    /// # Errors
    /// When the system refuses.
    pub fn undo(&mut self) -> Result<Vec<Line>, AssistantError> {
        // Whoever says it again after it was interrupted means the same change.
        if !self.interrupted_undo.is_empty() {
            return Ok(std::mem::take(&mut self.interrupted_undo));
        }
        let now = (self.now)();
        Ok(Journal::lock(&self.store, &self.home, &now)?.undo(&now)?)
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
        check_length(words, model.as_ref())?;
        let clock = Clock { now: (self.now)() };
        let corrected = corrected(words, &self.transcript, &clock);
        let completed = completed(words, &self.transcript, &clock);
        self.say(Entry::Prompt { text: words.to_owned() })?;
        let mut errand = Errand { confirm, language: Language::of(words), request: None, corrects: None };
        let before = self.last_request.take();
        if let Some(call) = corrected {
            listener.on(Happening::Call(&call));
            self.say(Entry::ToolCalls { calls: vec![call.clone()] })?;
            errand.corrects = before;
            let deed = self.carry_out(&call, &mut errand, listener);
            self.end(&call, &deed, listener)?;
            // A correction that was declined can be tried again.
            errand.request = errand.request.or(before);
        } else if is_only_a_correction(words, &clock) && !self.has_acted() {
            let text = sentences::nothing_to_correct(errand.language);
            listener.on(Happening::Text(&text));
            self.say(Entry::Response { text })?;
        } else if let Some((call, language)) = completed {
            errand.language = language;
            // A note is kept as it was said.
            let is_literal = call.arguments.contains_key("text");
            let calls = if is_literal { vec![call] } else { settle(words, vec![call], &self.tools(), &clock) };
            self.act(Answer { calls, ..Answer::default() }, &mut errand, listener)?;
        } else if let Some(missing) = missing(words, &clock) {
            listener.on(Happening::Text(missing.question));
            self.say(Entry::Response { text: missing.question.to_owned() })?;
        } else {
            let answer = self.understand(words, model, &mut errand, listener)?;
            self.act(answer, &mut errand, listener)?;
        }
        self.last_request = errand.request;
        Ok(())
    }

    fn has_acted(&self) -> bool {
        self.transcript.entries.iter().any(|entry| matches!(entry, Entry::ToolCalls { .. }))
    }

    /// What `words` ask for: what they dictate is taken as it was said, the rest is the model's to understand.
    fn understand(
        &mut self,
        words: &str,
        model: &Arc<dyn LanguageModel>,
        errand: &mut Errand,
        listener: &mut dyn Listener,
    ) -> Result<Answer, AssistantError> {
        let Some(dictation) = dictated(words) else { return self.respond(words, model, errand.language, listener) };
        errand.language = Language::of(dictation.cue);
        let mut answer = match dictation.rest {
            "" => Answer::default(),
            rest => self.respond(rest, model, errand.language, listener)?,
        };
        answer.calls.insert(0, dictation.call);
        Ok(answer)
    }

    /// Remembers an answer and carries out its calls.
    fn act(&mut self, answer: Answer, errand: &mut Errand, listener: &mut dyn Listener) -> Result<(), AssistantError> {
        if !answer.text.is_empty() {
            self.say(Entry::Response { text: answer.text })?;
        }
        if !answer.calls.is_empty() {
            answer.calls.iter().for_each(|call| listener.on(Happening::Call(call)));
            self.say(Entry::ToolCalls { calls: answer.calls.clone() })?;
            for call in &answer.calls {
                if listener.cancelled() {
                    break;
                }
                let deed = self.carry_out(call, errand, listener);
                self.end(call, &deed, listener)?;
            }
        }
        if let Some(summary) = &answer.summary {
            listener.on(Happening::Finished(summary));
        }
        Ok(())
    }

    /// Tells how a call ended, and remembers it.
    fn end(&mut self, call: &ToolCall, deed: &Deed, listener: &mut dyn Listener) -> Result<(), AssistantError> {
        let Deed { outcome, text, line } = deed;
        listener.on(Happening::Ended { call, outcome: *outcome, text, line: line.as_deref() });
        self.say(Entry::ToolOutput { call_id: call.id.clone(), text: text.clone() })
    }

    fn say(&mut self, entry: Entry) -> Result<(), AssistantError> {
        let conversation = match self.conversation {
            Some(conversation) => conversation,
            None => *self.conversation.insert(self.store.new_conversation()?),
        };
        self.store.remember(conversation, (self.now)().timestamp(), &entry)?;
        self.transcript.push(entry);
        Ok(())
    }

    /// Asks the model for what `words` say, leaving out the oldest turns if the conversation has become too long for it.
    fn respond(
        &mut self,
        words: &str,
        model: &Arc<dyn LanguageModel>,
        language: Language,
        listener: &mut dyn Listener,
    ) -> Result<Answer, AssistantError> {
        self.window.make_room_ahead(&self.transcript, MAX_ANSWER_TOKENS, model.info().context_tokens);
        loop {
            match self.respond_to(&self.window.of(&self.transcript), words, model, language, listener) {
                Err(ModelError::ContextFull { needed_tokens, limit_tokens })
                    if self.window.make_room(&self.transcript, needed_tokens, limit_tokens) => {}
                answer => return Ok(answer?),
            }
        }
    }

    fn respond_to(
        &self,
        recent: &Transcript,
        words: &str,
        model: &Arc<dyn LanguageModel>,
        language: Language,
        listener: &mut dyn Listener,
    ) -> Result<Answer, ModelError> {
        let mut transcript = Transcript::default();
        transcript.push(Entry::Instructions { text: instructions(&(self.now)()) });
        transcript.entries.extend(recent.entries.iter().cloned());
        if let Some(Entry::Prompt { text }) = transcript.entries.last_mut() {
            // What was dictated is not for the model.
            words.clone_into(text);
        }
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
        let (mut answer, mut speech) = (Answer::default(), Speech::new(words, language));
        for event in model.respond(request) {
            match event? {
                Event::Text(text) if speech.hear(&text, &mut |text| listener.on(Happening::Text(text))).is_break() => {
                    break;
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
        answer.text = speech.finish(&mut |text| listener.on(Happening::Text(text)));
        answer.calls = settle(words, answer.calls, &tools, &clock);
        Ok(answer)
    }
}

/// What the model said.
#[derive(Default)]
struct Answer {
    text: String,
    calls: Vec<ToolCall>,
    summary: Option<Summary>,
}

/// Whether the model can read a request, before anything is done about it.
fn check_length(words: &str, model: &dyn LanguageModel) -> Result<(), AssistantError> {
    let limit = model.info().context_tokens.saturating_mul(CHARACTERS_PER_TOKEN);
    let length = words.chars().count();
    // A server may not tell what its model reads.
    if limit > 0 && length > limit { Err(AssistantError::TooLong { length, limit }) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
