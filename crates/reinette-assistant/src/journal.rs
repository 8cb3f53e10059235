//! Every change of the user's files, written down before it is made, so that it can be taken back.

use crate::store::{Store, StoreError};
use jiff::Timestamp;
use reinette_apps::{ChangeError, FileChange, apply_all, revert_all, take_back};
use rusqlite::params;
use serde::Serialize;
use std::fs::File;
use std::path::{Path, PathBuf};

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
}

impl State {
    const ALL: [State; 5] = [Self::Pending, Self::Done, Self::Undoing, Self::Undone, Self::Failed];

    /// What the database calls it.
    fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Done => "done",
            Self::Undoing => "undoing",
            Self::Undone => "undone",
            Self::Failed => "failed",
        }
    }

    /// The state that the database calls `name`, which its constraint holds to be one of them.
    fn named(name: &str) -> Self {
        Self::ALL.into_iter().find(|state| state.name() == name).unwrap_or(Self::Failed)
    }
}

/// A line of the journal.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    #[serde(skip)]
    id: i64,
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
    /// The files that it changed.
    #[serde(skip)]
    files: Vec<FileChange>,
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
    /// Another process cannot be kept out.
    #[error("cannot lock {}: {source}", path.display())]
    Lock {
        /// The lock's file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// What is about to be changed.
#[derive(Debug)]
pub(crate) struct Intent<'a> {
    pub(crate) request: i64,
    pub(crate) at: Timestamp,
    pub(crate) tool: &'a str,
    pub(crate) effect: &'a str,
    pub(crate) files: &'a [FileChange],
}

/// The journal of one home.
///
/// A line is written with the state *pending*, then the files are changed, then it becomes *done*; likewise *undoing* and
/// *undone*. One process at a time does so, under a lock that the system releases when a process dies; whoever takes the
/// lock next finds what was left between two states and takes it back.
pub(crate) struct Journal<'a> {
    store: &'a Store,
    /// Released when it is closed.
    _lock: File,
}

impl<'a> Journal<'a> {
    /// Takes the lock, waiting for another process if need be, and takes back what a killed process left half done.
    pub(crate) fn lock(store: &'a Store, home: &Path) -> Result<Self, JournalError> {
        let path = home.join("journal.lock");
        let failed = |source| JournalError::Lock { path: path.clone(), source };
        let lock = File::options().create(true).append(true).open(&path).map_err(failed)?;
        lock.lock().map_err(failed)?;
        let journal = Self { store, _lock: lock };
        for line in read(store, "state IN ('pending', 'undoing')")? {
            take_back(&line.files);
            let ended = if line.state == State::Undoing { State::Undone } else { State::Failed };
            journal.set_state(line.id, ended)?;
        }
        Ok(journal)
    }

    /// A number for a new request.
    pub(crate) fn new_request(&self) -> Result<i64, JournalError> {
        let sql = "SELECT coalesce(max(request), 0) + 1 FROM journal";
        Ok(self.store.connection().query_row(sql, [], |row| row.get(0)).map_err(|error| self.store.failed(error))?)
    }

    /// Makes a change: all of it or nothing of it.
    pub(crate) fn make(&self, intent: &Intent<'_>) -> Result<(), JournalError> {
        let files = serde_json::to_string(intent.files).map_err(|error| self.store.unreadable(&error))?;
        let sql =
            "INSERT INTO journal (request, at, tool, effect, state, files) VALUES (?1, ?2, ?3, ?4, 'pending', ?5)";
        let connection = self.store.connection();
        connection
            .execute(sql, params![intent.request, intent.at.to_string(), intent.tool, intent.effect, files])
            .map_err(|error| self.store.failed(error))?;
        let id = connection.last_insert_rowid();
        let made = apply_all(intent.files).map_err(JournalError::from).and_then(|()| {
            // What cannot be noted must not stay.
            Ok(self.set_state(id, State::Done).inspect_err(|_| take_back(intent.files))?)
        });
        if made.is_err() {
            // The first error is what the user must hear. On a full disk the line stays pending: whoever takes the lock
            // next closes it.
            drop(self.set_state(id, State::Failed));
        }
        made
    }

    /// Takes back all changes of the last request that made any, the last one first; gives what was taken back.
    ///
    /// If one cannot be taken back, because another program has changed its file since, those after it stay taken
    /// back, and the error says which file it is.
    pub(crate) fn undo(&self) -> Result<Vec<Line>, JournalError> {
        self.take_back("(SELECT max(request) FROM journal WHERE state = 'done')")
    }

    /// As [`Journal::undo`], of one request.
    pub(crate) fn undo_request(&self, request: i64) -> Result<Vec<Line>, JournalError> {
        self.take_back(&request.to_string())
    }

    /// Makes again what was taken back, in the order in which it was done first.
    pub(crate) fn redo(&self, undone: &[Line], at: Timestamp) -> Result<(), JournalError> {
        undone.iter().rev().try_for_each(|line| {
            let Line { request, tool, effect, files, .. } = line;
            self.make(&Intent { request: *request, at, tool, effect, files })
        })
    }

    fn take_back(&self, request: &str) -> Result<Vec<Line>, JournalError> {
        let mut lines = read(self.store, &format!("state = 'done' AND request = {request}"))?;
        lines.reverse();
        for line in &mut lines {
            self.set_state(line.id, State::Undoing)?;
            if let Err(error) = revert_all(&line.files) {
                self.set_state(line.id, State::Done)?;
                return Err(error.into());
            }
            self.set_state(line.id, State::Undone)?;
            line.state = State::Undone;
        }
        Ok(lines)
    }

    fn set_state(&self, id: i64, state: State) -> Result<(), StoreError> {
        let sql = "UPDATE journal SET state = ?2 WHERE id = ?1";
        let done = self.store.connection().execute(sql, params![id, state.name()]);
        done.map(drop).map_err(|error| self.store.failed(error))
    }
}

/// The last lines of the journal, oldest first.
pub(crate) fn last_lines(store: &Store, limit: usize) -> Result<Vec<Line>, StoreError> {
    read(store, &format!("id IN (SELECT id FROM journal ORDER BY id DESC LIMIT {limit})"))
}

/// The lines for which a condition of ours holds, oldest first.
fn read(store: &Store, condition: &str) -> Result<Vec<Line>, StoreError> {
    let sql = format!("SELECT id, request, at, tool, effect, state, files FROM journal WHERE {condition} ORDER BY id");
    let mut statement = store.connection().prepare(&sql).map_err(|error| store.failed(error))?;
    let mut rows = statement.query([]).map_err(|error| store.failed(error))?;
    let mut lines = Vec::new();
    while let Some(row) = rows.next().map_err(|error| store.failed(error))? {
        let column = |index: usize| row.get::<_, String>(index).map_err(|error| store.failed(error));
        let number = |index: usize| row.get::<_, i64>(index).map_err(|error| store.failed(error));
        lines.push(Line {
            id: number(0)?,
            request: number(1)?,
            at: column(2)?.parse().map_err(|error: jiff::Error| store.unreadable(&error))?,
            tool: column(3)?,
            effect: column(4)?,
            state: State::named(&column(5)?),
            files: serde_json::from_str(&column(6)?).map_err(|error| store.unreadable(&error))?,
        });
    }
    Ok(lines)
}

#[cfg(test)]
mod tests;
