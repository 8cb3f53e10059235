//! Every change of the user's files, written down before it is made, so that it can be taken back.

mod places;
mod rows;

use crate::home::Home;
use crate::store::{Store, StoreError};
use jiff::{Timestamp, Zoned};
pub use places::{Located, Place};
use reinette_apps::{ChangeError, FileChange, Rung, apply_all, open_private, revert_all, rung, take_back};
pub(crate) use rows::migrate;
use serde::Serialize;
use std::fs::File;
use std::path::PathBuf;

/// How far a journaled change has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// About to be made.
    Pending,
    /// Made.
    Done,
    /// Made, and about to be taken back.
    Undoing,
    /// Made, and taken back.
    Undone,
    /// Not made.
    Failed,
    /// Made, and cannot be taken back: another program has changed a file since.
    Abandoned,
    /// Made, and over: the timer has rung.
    Spent,
}

impl State {
    const ALL: [State; 7] =
        [Self::Pending, Self::Done, Self::Undoing, Self::Undone, Self::Failed, Self::Abandoned, Self::Spent];

    /// The name that the database has for it.
    fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Done => "done",
            Self::Undoing => "undoing",
            Self::Undone => "undone",
            Self::Failed => "failed",
            Self::Abandoned => "abandoned",
            Self::Spent => "spent",
        }
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// A line of the journal.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    /// Its number.
    pub id: i64,
    /// Changes of one request have the same number.
    pub request: i64,
    /// When it was made.
    pub at: Timestamp,
    /// The tool that made it.
    pub tool: String,
    /// What it did, in one sentence.
    pub effect: String,
    /// How far it has come.
    pub state: State,
    /// The request that it put right, whose changes it took back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub corrects: Option<i64>,
    /// Why it was not taken back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The files that it changed.
    pub files: Vec<TouchedFile>,
}

/// A file that a change is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TouchedFile {
    /// Its path in the home.
    #[serde(flatten)]
    pub located: Located,
    /// Its path in the file system.
    pub absolute: Option<PathBuf>,
    /// How the change affects it.
    pub change: Touch,
}

/// How a change affects a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Touch {
    /// It comes to be.
    Created,
    /// Its content changes.
    Edited,
    /// It goes.
    Removed,
}

impl TouchedFile {
    fn new(located: Located, home: &Home, existed: bool, exists: bool) -> Self {
        let change = match (existed, exists) {
            (false, _) => Touch::Created,
            (true, true) => Touch::Edited,
            (true, false) => Touch::Removed,
        };
        Self { absolute: located.absolute(home), located, change }
    }
}

/// Records that could be read, and the errors of those that could not.
#[derive(Debug)]
pub struct Listing<T> {
    /// The readable ones, oldest first.
    pub found: Vec<T>,
    /// One error for each of the others.
    pub unreadable: Vec<StoreError>,
}

impl<T> Listing<T> {
    pub(crate) fn of(read: impl IntoIterator<Item = Result<T, StoreError>>) -> Self {
        let mut listing = Self { found: Vec::new(), unreadable: Vec::new() };
        for result in read {
            match result {
                Ok(found) => listing.found.push(found),
                Err(error) => listing.unreadable.push(error),
            }
        }
        listing
    }
}

/// Why a change could not be made or taken back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The journal cannot be written, so nothing was changed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file cannot be changed.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// A file lies in no folder of the home.
    #[error("{} is in no folder of this home ({}) and is left as it is", path.display(), home.display())]
    Outside {
        /// The file.
        path: PathBuf,
        /// The home.
        home: PathBuf,
    },
    /// Another process cannot be kept out.
    #[error("cannot lock {}: {source}", path.display())]
    Lock {
        /// The lock's file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl JournalError {
    /// Whether a file is not what the change is about: not as it was, not a plain file, not in a folder of the home.
    pub(crate) fn is_conflict(&self) -> bool {
        match self {
            Self::Change(error) => error.is_conflict(),
            Self::Outside { .. } => true,
            Self::Store(_) | Self::Lock { .. } => false,
        }
    }
}

/// What is about to be changed.
#[derive(Debug)]
pub(crate) struct Intent<'a> {
    pub(crate) request: i64,
    pub(crate) at: Timestamp,
    pub(crate) tool: &'a str,
    pub(crate) effect: &'a str,
    pub(crate) files: &'a [FileChange],
    /// The request that this one puts right: `files` take back what that one did as well.
    pub(crate) corrects: Option<i64>,
}

/// The outcome of recovering changes that a killed process left half done.
#[derive(Debug, Default)]
pub(crate) struct Recovery {
    /// Lines whose undo was interrupted and is now finished.
    pub(crate) undone: Vec<Line>,
    /// Failures to recover a line, which stays as it is and is tried again.
    pub(crate) failures: Vec<JournalError>,
}

/// The journal of one home.
///
/// A line is written with the state *pending*, then the files are changed, then it becomes *done*; likewise *undoing* and
/// *undone*. One process at a time does so, under a lock that the system releases when a process dies; whoever takes the
/// lock next finds what was left between two states and takes it back.
pub(crate) struct Journal<'a> {
    store: &'a Store,
    home: &'a Home,
    recovery: Recovery,
    /// Released when it is closed.
    _lock: File,
}

impl<'a> Journal<'a> {
    /// Takes the lock, waiting for another process if need be, and takes back what a killed process left half done.
    pub(crate) fn lock(store: &'a Store, home: &'a Home, now: &Zoned) -> Result<Self, JournalError> {
        store.must_be_writable()?;
        let path = home.data.join("journal.lock");
        let failed = |source| JournalError::Lock { path: path.clone(), source };
        let lock = open_private(&path).map_err(failed)?;
        lock.lock().map_err(failed)?;
        let mut journal = Self { store, home, recovery: Recovery::default(), _lock: lock };
        for id in rows::numbers(store, "state IN ('pending', 'undoing')")? {
            match journal.recover(id, now) {
                Ok(line) if line.state == State::Undone => journal.recovery.undone.push(line),
                Ok(_) => {}
                Err(error) => journal.recovery.failures.push(error),
            }
        }
        Ok(journal)
    }

    /// The recovery that was done when the lock was taken.
    pub(crate) fn into_recovery(self) -> Recovery {
        self.recovery
    }

    /// Takes back what is left of a line between two states.
    fn recover(&self, id: i64, now: &Zoned) -> Result<Line, JournalError> {
        let mut line = rows::line(self.store, self.home, id)?;
        let was_undoing = line.state == State::Undoing;
        let files = match self.present_files(id, now) {
            Err(JournalError::Outside { .. }) => Vec::new(),
            files => files?,
        };
        take_back(&files)?;
        line.state = if was_undoing { State::Undone } else { State::Failed };
        rows::set_state(self.store, id, line.state)?;
        Ok(line)
    }

    /// A number for a new request.
    pub(crate) fn new_request(&self) -> Result<i64, JournalError> {
        Ok(rows::new_request(self.store)?)
    }

    /// Makes a change: all of it or nothing of it; gives its line.
    ///
    /// A file that is not as it was when the change was planned is a conflict, found before anything is written.
    pub(crate) fn make(&self, intent: &Intent<'_>) -> Result<Line, JournalError> {
        for change in intent.files {
            self.must_be_inside(&Located::of(&change.path, self.home), change)?;
            if !change.can_be_made()? {
                return Err(ChangeError::Conflict { path: change.path.clone() }.into());
            }
        }
        let id = rows::insert(self.store, self.home, intent)?;
        let made = apply_all(intent.files)
            .map_err(JournalError::from)
            .and_then(|()| Ok(rows::set_state(self.store, id, State::Done)?));
        if let Err(error) = made {
            // A change that cannot be noted must not stay. The first error is the one to report; a line that cannot be
            // closed stays pending, and whoever takes the lock next tries again.
            if take_back(intent.files).is_ok() {
                let _ = rows::set_state(self.store, id, State::Failed);
            }
            return Err(error);
        }
        Ok(rows::line(self.store, self.home, id)?)
    }

    /// Takes back all changes of the last request that made any, the last one first, and gives each with what became of it.
    ///
    /// A file that another program has changed since is left as it is; the line is closed, so this is told once. A request
    /// of which nothing is left but timers that have rung is passed over.
    ///
    /// # Errors
    /// When the system refuses; what was not yet taken back can be taken back later.
    pub(crate) fn undo(&self, now: &Zoned) -> Result<Vec<Line>, JournalError> {
        let mut lines = Vec::new();
        while let Some(request) = rows::last_request(self.store)? {
            for id in rows::numbers(self.store, &format!("state = 'done' AND request = {request}"))?.into_iter().rev() {
                lines.push(self.undo_line(id, now)?);
            }
            if lines.iter().any(|line| line.state != State::Spent) {
                break;
            }
        }
        Ok(lines)
    }

    fn undo_line(&self, id: i64, now: &Zoned) -> Result<Line, JournalError> {
        let line = rows::line(self.store, self.home, id);
        let (state, reason) = match self.take_back_files(id, now) {
            Ok(state) => (state, None),
            Err(JournalError::Store(error @ StoreError::Unreadable { .. })) => {
                (State::Abandoned, Some(error.to_string()))
            }
            Err(error) if error.is_conflict() => (State::Abandoned, Some(error.to_string())),
            Err(error) => {
                // A half undone line keeps its state: whoever takes the lock next finishes it.
                if self.present_files(id, now).is_ok_and(|files| files.iter().all(FileChange::is_made)) {
                    let _ = rows::set_state(self.store, id, State::Done);
                }
                return Err(error);
            }
        };
        rows::set_state(self.store, id, state)?;
        let line = line.unwrap_or_else(|_| Line::unreadable(id));
        Ok(Line { state, reason, ..line })
    }

    fn take_back_files(&self, id: i64, now: &Zoned) -> Result<State, JournalError> {
        let files = self.present_files(id, now)?;
        if files.is_empty() {
            return Ok(State::Spent);
        }
        rows::set_state(self.store, id, State::Undoing)?;
        revert_all(&files)?;
        Ok(State::Undone)
    }

    /// The changes of a line as they are to be taken back now; none if they are spent.
    fn present_files(&self, id: i64, now: &Zoned) -> Result<Vec<FileChange>, JournalError> {
        let files = rows::files(self.store, self.home, id)?;
        for (located, change) in &files {
            self.must_be_inside(located, change)?;
        }
        Ok(without_spent(files, now))
    }

    fn must_be_inside(&self, located: &Located, change: &FileChange) -> Result<(), JournalError> {
        let path = &change.path;
        let inside = located.is_inside(self.home);
        if inside.map_err(|source| ChangeError::Io { action: "find the folder of", path: path.clone(), source })? {
            return Ok(());
        }
        Err(JournalError::Outside { path: path.clone(), home: self.home.data.clone() })
    }
}

impl Line {
    fn unreadable(id: i64) -> Self {
        Self {
            id,
            request: 0,
            at: Timestamp::UNIX_EPOCH,
            tool: String::new(),
            effect: format!("line {id} of the journal"),
            state: State::Abandoned,
            corrects: None,
            reason: None,
            files: Vec::new(),
        }
    }
}

/// Leaves out the timers that have rung for good, or everything if nothing else was made; an alarm that has rung and is
/// set to its next time counts as it is now.
fn without_spent(files: Vec<(Located, FileChange)>, now: &Zoned) -> Vec<FileChange> {
    let (mut kept, mut spent, mut made) = (Vec::new(), false, false);
    for (located, mut change) in files {
        let written = change.after.as_deref().filter(|_| located.folder == Place::Timers);
        let found = written.and_then(|_| change.content().ok());
        if let (Some(written), Some(found)) = (written, found) {
            match rung(written, found.as_deref(), now) {
                Rung::Gone => {
                    spent = true;
                    continue;
                }
                Rung::Again => change.after = found,
                Rung::Not => {}
            }
        }
        made |= change.after.is_some();
        kept.push(change);
    }
    if spent && !made { Vec::new() } else { kept }
}

/// The changes that take back what `request` did and, if it put another right, what that one had done.
pub(crate) fn inverse(store: &Store, home: &Home, request: i64, now: &Zoned) -> Result<Inverse, StoreError> {
    let mut inverse = Inverse::default();
    let mut next = Some(request);
    while let Some(request) = next {
        for id in rows::numbers(store, &format!("state = 'done' AND request = {request}"))?.into_iter().rev() {
            let files = without_spent(rows::files(store, home, id)?, now);
            inverse.effects.extend((!files.is_empty()).then_some(rows::line(store, home, id)?.effect));
            inverse.files.extend(files.into_iter().rev().map(FileChange::inverse));
        }
        // A number is given once, and only to what comes after.
        next = rows::corrected_by(store, request)?.filter(|earlier| *earlier < request);
    }
    Ok(inverse)
}

/// The changes that take a request back.
#[derive(Debug, Default)]
pub(crate) struct Inverse {
    pub(crate) files: Vec<FileChange>,
    /// Sentences that tell its effects, the last first.
    pub(crate) effects: Vec<String>,
}

/// The last lines of the journal.
pub(crate) fn last_lines(store: &Store, home: &Home, limit: usize) -> Result<Listing<Line>, StoreError> {
    let last = format!("id IN (SELECT id FROM journal ORDER BY id DESC LIMIT {limit})");
    Ok(Listing::of(rows::numbers(store, &last)?.into_iter().map(|id| rows::line(store, home, id))))
}

#[cfg(test)]
mod tests;
