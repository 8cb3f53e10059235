//! What is remembered: conversations and the journal, in one `SQLite` file.

use jiff::Timestamp;
use reinette::Entry;
use rusqlite::{Connection, ErrorCode, OptionalExtension, params};
use serde::Serialize;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long to wait for another process that is writing.
const BUSY: Duration = Duration::from_secs(5);

/// The steps from an empty file to the present form; `user_version` counts those that were taken.
const MIGRATIONS: [&str; 2] = [
    "
    CREATE TABLE entry (
        id INTEGER PRIMARY KEY,
        conversation INTEGER NOT NULL,
        at TEXT NOT NULL,
        content TEXT NOT NULL
    ) STRICT;
    CREATE INDEX entry_of_conversation ON entry (conversation, id);
    CREATE TABLE journal (
        id INTEGER PRIMARY KEY,
        request INTEGER NOT NULL,
        at TEXT NOT NULL,
        tool TEXT NOT NULL,
        effect TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('pending', 'done', 'undone', 'failed')),
        files TEXT NOT NULL
    ) STRICT;
",
    // A constraint cannot be changed in its place.
    "
    ALTER TABLE journal RENAME TO old_journal;
    CREATE TABLE journal (
        id INTEGER PRIMARY KEY,
        request INTEGER NOT NULL,
        at TEXT NOT NULL,
        tool TEXT NOT NULL,
        effect TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('pending', 'done', 'undoing', 'undone', 'failed')),
        files TEXT NOT NULL
    ) STRICT;
    INSERT INTO journal SELECT * FROM old_journal;
    DROP TABLE old_journal;
",
];

/// Why something could not be remembered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The system does not let it be written.
    #[error("cannot write {}: {source}. Choose another folder with --home DIR.", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The database refused.
    #[error("cannot use the store {}: {reason}. {}", path.display(), advice(reason))]
    Database {
        /// The file.
        path: PathBuf,
        /// What `SQLite` said.
        reason: rusqlite::Error,
    },
    /// The file was written by a later version.
    #[error("the store {} was written by a later version of this program (form {found}, known {known}): update it", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// The form it has.
        found: usize,
        /// The latest form known here.
        known: usize,
    },
    /// What was remembered cannot be read any more.
    #[error("the store {} holds something unreadable: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

/// What the user can do about an error of the database.
fn advice(error: &rusqlite::Error) -> &'static str {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => "Make room on the disk and try again.",
        Some(ErrorCode::SystemIoFailure) => "The disk is full or failing: make room and try again.",
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            "Its folder must be writable: choose another one with --home DIR."
        }
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            "It is damaged: put a backup in its place, or move it away to begin an empty one. It holds the conversations \
             and the journal; events, reminders and notes are in files of their own."
        }
        _ => "Try again when no other process uses it.",
    }
}

/// One thing that was said or done, and when.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Turn {
    /// Tells conversations apart.
    pub conversation: i64,
    /// When it was.
    pub at: Timestamp,
    /// What it was.
    #[serde(flatten)]
    pub entry: Entry,
}

/// The database.
#[derive(Debug)]
pub(crate) struct Store {
    path: PathBuf,
    connection: Connection,
}

impl Store {
    /// Opens the store in a home, and brings it to the present form.
    pub(crate) fn open(home: &Path) -> Result<Self, StoreError> {
        let path = home.join("store.sqlite");
        Self::open_file(path.clone()).map_err(|error| {
            // The system says more precisely than SQLite why a file cannot be written.
            let writable = File::options().create(true).append(true).open(&path);
            writable.err().map_or(error, |source| StoreError::Unwritable { path, source })
        })
    }

    fn open_file(path: PathBuf) -> Result<Self, StoreError> {
        let failed = |reason| StoreError::Database { path: path.clone(), reason };
        let connection = Connection::open(&path).map_err(failed)?;
        connection.busy_timeout(BUSY).map_err(failed)?;
        connection.pragma_update(None, "journal_mode", "WAL").map_err(failed)?;
        connection.pragma_update(None, "synchronous", "FULL").map_err(failed)?;
        let mut store = Self { path, connection };
        store.migrate()?;
        Ok(store)
    }

    fn migrate(&mut self) -> Result<(), StoreError> {
        let path = self.path.clone();
        let failed = |reason| StoreError::Database { path: path.clone(), reason };
        let transaction =
            self.connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).map_err(failed)?;
        let taken: u32 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(failed)?;
        let taken = taken as usize;
        if taken > MIGRATIONS.len() {
            return Err(StoreError::Newer { path: self.path.clone(), found: taken, known: MIGRATIONS.len() });
        }
        for step in &MIGRATIONS[taken..] {
            transaction.execute_batch(step).map_err(failed)?;
        }
        let all = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
        transaction.pragma_update(None, "user_version", all).map_err(failed)?;
        transaction.commit().map_err(failed)
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    pub(crate) fn failed(&self, reason: rusqlite::Error) -> StoreError {
        StoreError::Database { path: self.path.clone(), reason }
    }

    pub(crate) fn unreadable(&self, error: &impl ToString) -> StoreError {
        StoreError::Unreadable { path: self.path.clone(), reason: error.to_string() }
    }

    /// A number for a new conversation.
    pub(crate) fn new_conversation(&self) -> Result<i64, StoreError> {
        let sql = "SELECT coalesce(max(conversation), 0) + 1 FROM entry";
        self.connection.query_row(sql, [], |row| row.get(0)).map_err(|error| self.failed(error))
    }

    /// The conversation in which something was said last.
    pub(crate) fn last_conversation(&self) -> Result<Option<i64>, StoreError> {
        let sql = "SELECT conversation FROM entry ORDER BY id DESC LIMIT 1";
        self.connection.query_row(sql, [], |row| row.get(0)).optional().map_err(|error| self.failed(error))
    }

    /// Remembers an entry.
    pub(crate) fn remember(&self, conversation: i64, at: Timestamp, entry: &Entry) -> Result<(), StoreError> {
        let content = serde_json::to_string(entry).map_err(|error| self.unreadable(&error))?;
        let sql = "INSERT INTO entry (conversation, at, content) VALUES (?1, ?2, ?3)";
        let done = self.connection.execute(sql, params![conversation, at.to_string(), content]);
        done.map(drop).map_err(|error| self.failed(error))
    }

    /// The entries of one conversation, or the last of all, oldest first.
    pub(crate) fn turns(&self, conversation: Option<i64>, limit: usize) -> Result<Vec<Turn>, StoreError> {
        let sql = "SELECT conversation, at, content FROM entry WHERE ?1 IS NULL OR conversation = ?1
                   ORDER BY id DESC LIMIT ?2";
        let mut statement = self.connection.prepare(sql).map_err(|error| self.failed(error))?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = statement
            .query_map(params![conversation, limit], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .map_err(|error| self.failed(error))?;
        let mut turns = Vec::new();
        for row in rows {
            let (conversation, at, content): (i64, String, String) = row.map_err(|error| self.failed(error))?;
            turns.push(Turn {
                conversation,
                at: at.parse().map_err(|error: jiff::Error| self.unreadable(&error))?,
                entry: serde_json::from_str(&content).map_err(|error| self.unreadable(&error))?,
            });
        }
        turns.reverse();
        Ok(turns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_is_remembered_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let at = Timestamp::from_second(1_800_000_000).unwrap();
        let say = |text: &str| Entry::Prompt { text: text.to_owned() };
        {
            let store = Store::open(folder.path()).unwrap();
            let first = store.new_conversation().unwrap();
            store.remember(first, at, &say("one")).unwrap();
            let second = store.new_conversation().unwrap();
            assert_ne!(first, second);
            store.remember(second, at, &say("two")).unwrap();
            store.remember(second, at, &say("three")).unwrap();
        }
        let store = Store::open(folder.path()).unwrap();
        let last = store.last_conversation().unwrap();
        let of = |conversation, limit| {
            let turns = store.turns(conversation, limit).unwrap();
            turns.into_iter().map(|turn| turn.entry).collect::<Vec<_>>()
        };
        assert_eq!(of(last, 10), [say("two"), say("three")]);
        assert_eq!(of(None, 2), [say("two"), say("three")]);
        assert_eq!(of(None, 10).len(), 3);
    }

    #[test]
    fn a_store_of_a_later_version_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        Store::open(folder.path()).unwrap().connection.pragma_update(None, "user_version", 99).unwrap();
        assert!(matches!(Store::open(folder.path()), Err(StoreError::Newer { found: 99, .. })));
    }

    #[test]
    fn a_store_of_an_earlier_version_is_brought_to_the_present_form() {
        let folder = tempfile::tempdir().unwrap();
        {
            let old = Connection::open(folder.path().join("store.sqlite")).unwrap();
            old.execute_batch(MIGRATIONS[0]).unwrap();
            old.pragma_update(None, "user_version", 1).unwrap();
            let line = "INSERT INTO journal VALUES (7, 1, '2026-03-11T09:15:00Z', 'a', 'b', 'done', '[]')";
            old.execute(line, []).unwrap();
        }
        let store = Store::open(folder.path()).unwrap();
        let changed = store.connection.execute("UPDATE journal SET state = 'undoing' WHERE id = 7", []);
        assert_eq!(changed.unwrap(), 1);
    }

    #[test]
    fn a_store_that_cannot_be_written_is_named() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("store.sqlite")).unwrap();
        let error = Store::open(folder.path()).unwrap_err().to_string();
        assert!(error.contains("store.sqlite: Is a directory") && error.contains("--home"), "{error}");
    }

    #[test]
    fn a_damaged_store_is_said_and_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.sqlite");
        std::fs::write(&path, "this is no database, but long enough to look like one ".repeat(100)).unwrap();
        let before = std::fs::read(&path).unwrap();
        assert!(matches!(Store::open(folder.path()), Err(StoreError::Database { .. })));
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }
}
