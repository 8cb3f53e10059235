//! From words to a done task: a session with a journal, a memory and a policy.

mod app_tool;
mod asking;
mod choosing;
mod desk;
mod host;
mod own_tools;
mod servers;
mod understanding;
mod undoing;

pub use asking::Asking;
pub(crate) use own_tools::is_only_learned;

use crate::home::Home;
use crate::instructions::instructions;
use crate::journal::{self, Journal, JournalError, Line, Listing, Recovery};
use crate::sentences;
use crate::store::{Store, StoreError, Turn};
use app_tool::AppTool;
use desk::Desk;
use jiff::Zoned;
use own_tools::OwnTool;
use reinette::{
    Approvals, Entry, GenerationOptions, LanguageModel, Session, SessionError, Tool, ToolDefinition, ToolOrder,
    Transcript,
};
use reinette_apps::{examples, tools};
use reinette_mcp::{Host, McpConfig};
use reinette_time::Language;
use servers::Connections;
use std::sync::Arc;
use understanding::Understanding;

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

/// Why a request could not be answered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AssistantError {
    /// The model failed, or the request does not fit it.
    #[error(transparent)]
    Session(#[from] SessionError),
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

impl Confirm {
    fn approvals(self) -> Approvals {
        match self {
            Self::Ask => Approvals::Ask,
            Self::Always => Approvals::AskAlways,
            Self::Never => Approvals::Allow,
        }
    }
}

/// A conversation with a user in a home.
pub struct Assistant {
    desk: Arc<Desk>,
    session: Session,
    understanding: Understanding,
    /// The servers whose tools are offered beside the apps'.
    connections: Connections,
    /// Changes that a killed process was taking back; recovery has finished that.
    interrupted_undo: Vec<Line>,
    warnings: Vec<String>,
}

/// Writes the changes of files that a session makes into the journal of a desk.
struct Journaled(Arc<Desk>);

impl Assistant {
    /// Starts a conversation, and takes back what a killed process left half done; `now` is the one place from which the
    /// time is read.
    ///
    /// # Errors
    /// If the store cannot be opened.
    pub fn open(home: Home, now: fn() -> Zoned) -> Result<Self, AssistantError> {
        let store = Store::open(&home)?;
        let recovery = Journal::lock(&store, &home, &now())?.into_recovery();
        Ok(Self::new(home, store, now).after(recovery))
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
            Ok(recovery) => Ok(Self::new(home, store, now).after(recovery)),
            Err(error) => {
                let mut assistant = Self::new(home, store, now);
                assistant.warnings.push(sentences::not_recovered(&error));
                Ok(assistant)
            }
        }
    }

    fn new(home: Home, store: Store, now: fn() -> Zoned) -> Self {
        let desk = Arc::new(Desk::new(home, store, now));
        let understanding = Understanding::new(&desk);
        let session = session(&understanding, &desk, Transcript::default());
        let (config, warnings) = match desk.home.mcp() {
            Ok(config) => (config, Vec::new()),
            Err(error) => (McpConfig::default(), vec![error.to_string()]),
        };
        let connections = Connections::new(&config);
        Self { desk, session, understanding, connections, interrupted_undo: Vec::new(), warnings }
    }

    /// The same, after interrupted changes were taken back as far as they could be.
    fn after(mut self, recovery: Recovery) -> Self {
        self.warnings.extend(recovery.failures.iter().map(sentences::not_recovered));
        Self { interrupted_undo: recovery.undone, ..self }
    }

    /// Problems found since they were last taken: interrupted changes that could not be taken back yet, servers that
    /// cannot be used.
    pub fn take_warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.warnings)
    }

    /// What is offered to other programs: the apps, the journal and undo.
    pub fn into_host(self) -> impl Host {
        host::AppHost::new(&self.desk)
    }

    /// Goes on with the last conversation, if there was one, as far as it can be read.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn resume(&mut self) -> Result<(), AssistantError> {
        let Some(conversation) = self.desk.store().last_conversation()? else { return Ok(()) };
        let turns = self.desk.store().turns(Some(conversation), usize::MAX)?;
        self.warnings.extend(turns.unreadable.iter().map(ToString::to_string));
        let transcript = Transcript { entries: turns.found.into_iter().map(|turn| turn.entry).collect() };
        for entry in &transcript.entries {
            if let Entry::ToolOutput { data, .. } = entry {
                self.desk.saw(data);
            }
        }
        self.session = session(&self.understanding, &self.desk, transcript);
        self.desk.request().conversation = Some(conversation);
        Ok(())
    }

    /// The tools of all apps.
    pub fn tools(&self) -> Vec<ToolDefinition> {
        tools().iter().map(|planner| planner.definition().clone()).collect()
    }

    /// The last entries of all conversations.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn history(&self, limit: usize) -> Result<Listing<Turn>, AssistantError> {
        Ok(self.desk.store().turns(None, limit)?)
    }

    /// The last changes.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn journal(&self, limit: usize) -> Result<Listing<Line>, AssistantError> {
        Ok(journal::last_lines(&self.desk.store(), &self.desk.home, limit)?)
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
        Ok(self.desk.undo()?)
    }

    /// Answers what the user says: understands it with the model, acts as the policy and the user allow, remembers. Nothing
    /// happens until what it gives is read.
    ///
    /// # Errors
    /// If the request is longer than what the model can read, or cannot be remembered.
    pub fn ask(
        &mut self,
        words: &str,
        model: &Arc<dyn LanguageModel>,
        confirm: Confirm,
    ) -> Result<Asking, AssistantError> {
        check_length(words, model.as_ref())?;
        self.offer_tools_of_servers();
        self.desk.begin(confirm, Language::of(words));
        self.desk.remember(&Entry::Prompt { text: words.to_owned() })?;
        self.understanding.begin(model, self.session.transcript());
        self.session = self.session.clone().instructions(instructions(&(self.desk.now)()));
        let turn = self.session.turn(words).examples(examples()).approvals(confirm.approvals());
        Ok(Asking::new(turn.events(), &self.desk))
    }
}

/// The session of a conversation: its tools are the apps', its effects are journaled.
fn session(understanding: &Understanding, desk: &Arc<Desk>, transcript: Transcript) -> Session {
    let options = GenerationOptions {
        repetition_penalty: REPETITION_PENALTY,
        max_tokens: MAX_ANSWER_TOKENS,
        ..GenerationOptions::default()
    };
    Session::from_transcript(understanding, transcript)
        .options(options)
        .tool_order(ToolOrder::Series)
        .committer(Journaled(Arc::clone(desk)))
        .tools(tools_at(desk))
}

/// The tools that need no server: the apps' and the assistant's own.
fn tools_at(desk: &Arc<Desk>) -> impl Iterator<Item = Arc<dyn Tool>> {
    let of_apps = AppTool::all(desk).map(|tool| Arc::new(tool) as Arc<dyn Tool>);
    of_apps.chain(OwnTool::all(desk).map(|tool| Arc::new(tool) as Arc<dyn Tool>))
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
