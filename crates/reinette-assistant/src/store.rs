//! What is remembered: conversations and the journal, in one `SQLite` file.

use crate::home::Home;
use crate::journal::{self, Listing};
use jiff::Timestamp;
use reinette::Entry;
use reinette_apps::open_private;
use rusqlite::backup::Backup;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, params};
use serde::Serialize;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The file's name in the home.
const FILE: &str = "store.sqlite";

/// So many pages are copied at a time.
const PAGES_A_STEP: std::ffi::c_int = 1024;

/// How long to wait for another process that is writing.
const BUSY: Duration = Duration::from_secs(5);

/// The steps from an empty file to the present form; `user_version` counts those that were taken.
const MIGRATIONS: [&str; 3] = [
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
    // Files in a table of their own, with paths from the home's folders on and bytes as they are; a table that gives
    // conversations their numbers.
    "
    CREATE TABLE conversation (id INTEGER PRIMARY KEY) STRICT;
    INSERT INTO conversation SELECT DISTINCT conversation FROM entry;
    ALTER TABLE journal RENAME TO old_journal;
    CREATE TABLE journal (
        id INTEGER PRIMARY KEY,
        request INTEGER NOT NULL,
        at TEXT NOT NULL,
        tool TEXT NOT NULL,
        effect TEXT NOT NULL,
        state TEXT NOT NULL
            CHECK (state IN ('pending', 'done', 'undoing', 'undone', 'failed', 'abandoned', 'spent')),
        corrects INTEGER
    ) STRICT;
    INSERT INTO journal SELECT id, request, at, tool, effect, state, NULL FROM old_journal;
    CREATE TABLE journal_file (
        id INTEGER PRIMARY KEY,
        line INTEGER NOT NULL REFERENCES journal (id),
        folder TEXT NOT NULL,
        path BLOB NOT NULL,
        old BLOB,
        new BLOB
    ) STRICT;
    CREATE INDEX journal_file_of_line ON journal_file (line, id);
",
];

/// After this step the files of the lines of the former journal are moved.
const FILES_STEP: usize = 2;

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
    /// Why nothing can be written, if it is open to be read only.
    read_only: Option<std::io::Error>,
}

impl Store {
    /// Opens the store in a home, and brings it to the present form.
    pub(crate) fn open(home: &Home) -> Result<Self, StoreError> {
        let path = home.data.join(FILE);
        Self::open_file(path.clone(), home).map_err(|error| unwritable(&path).unwrap_or(error))
    }

    /// The same, or what is there to be read where nothing can be written.
    pub(crate) fn open_to_read(home: &Home) -> Result<Self, StoreError> {
        let path = home.data.join(FILE);
        let error = match Self::open_file(path.clone(), home) {
            Err(StoreError::Database { path, reason }) if is_refusal_to_write(&reason) => {
                StoreError::Database { path, reason }
            }
            Err(error @ StoreError::Unwritable { .. }) => error,
            opened => return opened,
        };
        let Ok(connection) = read_copy(&path) else { return Err(unwritable(&path).unwrap_or(error)) };
        let reason = match unwritable(&path).unwrap_or(error) {
            StoreError::Unwritable { source, .. } => source,
            error => std::io::Error::other(error.to_string()),
        };
        let mut store = Self { path, connection, read_only: Some(reason) };
        store.migrate(home)?;
        Ok(store)
    }

    fn open_file(path: PathBuf, home: &Home) -> Result<Self, StoreError> {
        let failed = |reason| StoreError::Database { path: path.clone(), reason };
        make_private(&path).map_err(|source| StoreError::Unwritable { path: path.clone(), source })?;
        let connection = Connection::open(&path).map_err(failed)?;
        connection.busy_timeout(BUSY).map_err(failed)?;
        connection.pragma_update(None, "journal_mode", "WAL").map_err(failed)?;
        connection.pragma_update(None, "synchronous", "FULL").map_err(failed)?;
        let mut store = Self { path, connection, read_only: None };
        store.migrate(home)?;
        Ok(store)
    }

    fn migrate(&mut self, home: &Home) -> Result<(), StoreError> {
        let path = self.path.clone();
        let failed = |reason| StoreError::Database { path: path.clone(), reason };
        let taken: u32 = self.connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(failed)?;
        if taken as usize == MIGRATIONS.len() {
            return Ok(());
        }
        let transaction =
            self.connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).map_err(failed)?;
        // Another process may have taken steps meanwhile.
        let taken: u32 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(failed)?;
        let taken = taken as usize;
        if taken > MIGRATIONS.len() {
            return Err(StoreError::Newer { path: self.path.clone(), found: taken, known: MIGRATIONS.len() });
        }
        for (number, step) in MIGRATIONS.iter().enumerate().skip(taken) {
            transaction.execute_batch(step).map_err(failed)?;
            if number == FILES_STEP {
                journal::migrate(&transaction, home).map_err(failed)?;
                transaction.execute_batch("DROP TABLE old_journal").map_err(failed)?;
            }
        }
        let all = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
        transaction.pragma_update(None, "user_version", all).map_err(failed)?;
        transaction.commit().map_err(failed)
    }

    /// Refuses where the store could only be opened to be read.
    pub(crate) fn must_be_writable(&self) -> Result<(), StoreError> {
        let Some(reason) = &self.read_only else { return Ok(()) };
        let source = reason
            .raw_os_error()
            .map_or_else(|| std::io::Error::new(reason.kind(), reason.to_string()), std::io::Error::from_raw_os_error);
        Err(StoreError::Unwritable { path: self.path.clone(), source })
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    pub(crate) fn failed(&self, reason: rusqlite::Error) -> StoreError {
        match reason {
            rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::Utf8Error(..) => self.unreadable(&reason),
            reason => StoreError::Database { path: self.path.clone(), reason },
        }
    }

    pub(crate) fn unreadable(&self, error: &impl ToString) -> StoreError {
        StoreError::Unreadable { path: self.path.clone(), reason: error.to_string() }
    }

    /// A number for a new conversation, which no other process gets.
    pub(crate) fn new_conversation(&self) -> Result<i64, StoreError> {
        self.must_be_writable()?;
        let done = self.connection.execute("INSERT INTO conversation DEFAULT VALUES", []);
        done.map(|_| self.connection.last_insert_rowid()).map_err(|error| self.failed(error))
    }

    /// The conversation in which something was said last.
    pub(crate) fn last_conversation(&self) -> Result<Option<i64>, StoreError> {
        let sql = "SELECT conversation FROM entry ORDER BY id DESC LIMIT 1";
        self.connection.query_row(sql, [], |row| row.get(0)).optional().map_err(|error| self.failed(error))
    }

    /// Remembers an entry.
    pub(crate) fn remember(&self, conversation: i64, at: Timestamp, entry: &Entry) -> Result<(), StoreError> {
        self.must_be_writable()?;
        let content = serde_json::to_string(entry).map_err(|error| self.unreadable(&error))?;
        let sql = "INSERT INTO entry (conversation, at, content) VALUES (?1, ?2, ?3)";
        let done = self.connection.execute(sql, params![conversation, at.to_string(), content]);
        done.map(drop).map_err(|error| self.failed(error))
    }

    /// The entries of one conversation, or the last of all.
    pub(crate) fn turns(&self, conversation: Option<i64>, limit: usize) -> Result<Listing<Turn>, StoreError> {
        let sql = "SELECT conversation, at, content FROM entry WHERE ?1 IS NULL OR conversation = ?1
                   ORDER BY id DESC LIMIT ?2";
        let mut statement = self.connection.prepare(sql).map_err(|error| self.failed(error))?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut rows = statement.query(params![conversation, limit]).map_err(|error| self.failed(error))?;
        let mut turns = Vec::new();
        while let Some(row) = rows.next().map_err(|error| self.failed(error))? {
            turns.push(self.turn(row));
        }
        turns.reverse();
        Ok(Listing::of(turns))
    }

    fn turn(&self, row: &rusqlite::Row<'_>) -> Result<Turn, StoreError> {
        let column = |index| row.get::<_, String>(index).map_err(|error| self.failed(error));
        Ok(Turn {
            conversation: row.get(0).map_err(|error| self.failed(error))?,
            at: column(1)?.parse().map_err(|error: jiff::Error| self.unreadable(&error))?,
            entry: serde_json::from_str(&column(2)?).map_err(|error| self.unreadable(&error))?,
        })
    }
}

/// Makes the file if need be: as SQLite gives its other files the same mode, nobody else can read any of them.
fn make_private(path: &Path) -> std::io::Result<()> {
    match std::fs::symlink_metadata(path) {
        // Opening and closing it here would end the locks that SQLite has on it in this process.
        Ok(metadata) if metadata.is_file() => Ok(()),
        _ => open_private(path).map(drop),
    }
}

/// The system's error when the file is opened for writing, which is more precise than SQLite's.
fn unwritable(path: &Path) -> Option<StoreError> {
    let refused = make_private(path).and_then(|()| open_private(path).map(drop));
    refused.err().map(|source| StoreError::Unwritable { path: path.to_owned(), source })
}

/// Whether the database could not be opened only because nothing can be written.
fn is_refusal_to_write(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::ReadOnly
                | ErrorCode::CannotOpen
                | ErrorCode::DiskFull
                | ErrorCode::SystemIoFailure
                | ErrorCode::PermissionDenied
        )
    )
}

/// The database as a copy in memory, read from a file beside which nothing can be written.
fn read_copy(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    // Where its helper files are missing and cannot be made, it can be read only as if nobody would ever write it; then
    // what a killed process has left in them cannot be seen.
    let name = percent_encoded(path);
    let copied = ["mode=ro", "mode=ro&immutable=1"].into_iter().map(|how| {
        let file = Connection::open_with_flags(format!("file:{name}?{how}"), flags)?;
        let mut copy = Connection::open_in_memory()?;
        Backup::new(&file, &mut copy)?.run_to_completion(PAGES_A_STEP, Duration::ZERO, None)?;
        Ok(copy)
    });
    let mut last = Err(rusqlite::Error::InvalidPath(path.to_owned()));
    for copy in copied {
        last = copy;
        if last.is_ok() {
            break;
        }
    }
    last
}

/// A path as SQLite's addresses of files have it.
fn percent_encoded(path: &Path) -> String {
    let mut encoded = String::new();
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => encoded.push(char::from(*byte)),
            // Writing to a string cannot fail.
            other => _ = write!(encoded, "%{other:02X}"),
        }
    }
    encoded
}

#[cfg(test)]
mod tests;
