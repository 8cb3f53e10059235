//! What a conversation works with: the home, the store, the clock, and the request under way.

use super::Confirm;
use super::choosing::chosen;
use crate::home::Home;
use crate::journal::{Journal, JournalError, Line};
use crate::store::{Store, StoreError};
use jiff::Zoned;
use reinette::{Entry, ToolCall};
use reinette_apps::Focus;
use reinette_time::{Clock, Language};
use serde_json::Value;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// So many answers back, things are still pointed at.
const MAX_SEEN: usize = 12;

/// What the model, the tools and the journal of one conversation share.
pub(super) struct Desk {
    pub(super) home: Home,
    pub(super) now: fn() -> Zoned,
    store: Mutex<Store>,
    request: Mutex<RequestState>,
    /// A question that nobody answered: the next words may.
    open: Mutex<Option<OpenQuestion>>,
    /// What they chose, for the call that is made again.
    chosen: Mutex<Vec<String>>,
    /// What answers and changes carried, the newest first.
    seen: Mutex<VecDeque<Value>>,
}

/// A question about a call.
#[derive(Clone, Debug)]
pub(super) struct OpenQuestion {
    pub(super) call: ToolCall,
    pub(super) choices: Vec<String>,
}

/// The request under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct RequestState {
    pub(super) confirm: Confirm,
    pub(super) language: Language,
    /// The conversation's number, once something was said.
    pub(super) conversation: Option<i64>,
    /// Its number in the journal, once something was changed.
    pub(super) number: Option<i64>,
    /// The number of the request that it puts right: what that one did is taken back in the same change.
    pub(super) corrects: Option<i64>,
    /// The number of the request before it, if that changed anything.
    pub(super) before: Option<i64>,
}

impl Desk {
    pub(super) fn new(home: Home, store: Store, now: fn() -> Zoned) -> Self {
        let request = RequestState {
            confirm: Confirm::default(),
            language: Language::English,
            conversation: None,
            number: None,
            corrects: None,
            before: None,
        };
        Self {
            home,
            now,
            store: Mutex::new(store),
            request: Mutex::new(request),
            open: Mutex::default(),
            chosen: Mutex::default(),
            seen: Mutex::default(),
        }
    }

    /// The time now.
    pub(super) fn clock(&self) -> Clock {
        Clock { now: (self.now)() }
    }

    pub(super) fn store(&self) -> MutexGuard<'_, Store> {
        lock(&self.store)
    }

    /// The request under way, for a moment.
    pub(super) fn request(&self) -> MutexGuard<'_, RequestState> {
        lock(&self.request)
    }

    /// A request begins.
    pub(super) fn begin(&self, confirm: Confirm, language: Language) {
        let mut request = self.request();
        let before = request.number.or(request.before.filter(|_| request.corrects.is_some()));
        *request = RequestState { confirm, language, number: None, corrects: None, before, ..*request };
    }

    /// The request puts right what the one before did.
    pub(super) fn corrects_the_one_before(&self) {
        let mut request = self.request();
        request.corrects = request.before;
    }

    /// Nobody answered a question; the next words may.
    pub(super) fn leave_open(&self, question: OpenQuestion) {
        *lock(&self.open) = Some(question);
    }

    /// The call that the question was about that was left open, if the user's words answer it.
    pub(super) fn answered(&self, words: &str) -> Option<ToolCall> {
        let OpenQuestion { call, choices } = lock(&self.open).take()?;
        let choice = chosen(words, &choices)?;
        *lock(&self.chosen) = vec![choices[choice].clone()];
        Some(ToolCall { id: format!("{}-again", call.id), ..call })
    }

    /// What was chosen for the call that is planned, once.
    pub(super) fn take_chosen(&self) -> Vec<String> {
        std::mem::take(&mut *lock(&self.chosen))
    }

    /// Something was shown, made or changed.
    pub(super) fn saw(&self, data: &Value) {
        if data.is_object() {
            let mut seen = lock(&self.seen);
            seen.push_front(data.clone());
            seen.truncate(MAX_SEEN);
        }
    }

    /// What was last shown, made or changed.
    pub(super) fn focus(&self) -> Focus {
        Focus::of(&*lock(&self.seen))
    }

    /// Keeps an entry of the conversation for later processes.
    pub(super) fn remember(&self, entry: &Entry) -> Result<(), StoreError> {
        let (store, mut request) = (self.store(), self.request());
        let conversation = match request.conversation {
            Some(conversation) => conversation,
            None => *request.conversation.insert(store.new_conversation()?),
        };
        store.remember(conversation, (self.now)().timestamp(), entry)
    }

    /// Takes back what the last request changed.
    pub(super) fn undo(&self) -> Result<Vec<Line>, JournalError> {
        let (store, now) = (self.store(), (self.now)());
        Journal::lock(&store, &self.home, &now)?.undo(&now)
    }
}

/// What a thread that panicked held is as good as before: each is whole after every step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
