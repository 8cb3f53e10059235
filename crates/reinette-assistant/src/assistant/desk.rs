//! What a conversation works with: the home, the store, the clock, and the request under way.

use super::Confirm;
use crate::home::Home;
use crate::journal::{Journal, JournalError, Line};
use crate::store::{Store, StoreError};
use jiff::Zoned;
use reinette::Entry;
use reinette_time::{Clock, Language};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What the model, the tools and the journal of one conversation share.
pub(super) struct Desk {
    pub(super) home: Home,
    pub(super) now: fn() -> Zoned,
    store: Mutex<Store>,
    request: Mutex<RequestState>,
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
        Self { home, now, store: Mutex::new(store), request: Mutex::new(request) }
    }

    /// The time now.
    pub(super) fn clock(&self) -> Clock {
        Clock { now: (self.now)() }
    }

    pub(super) fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The request under way, for a moment.
    pub(super) fn request(&self) -> MutexGuard<'_, RequestState> {
        self.request.lock().unwrap_or_else(PoisonError::into_inner)
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
