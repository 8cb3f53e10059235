//! The journal's lines in the database. Each is read on its own: one that is damaged does not hide the others.

use super::places::{self, Located, Place};
use super::{Intent, Line, State, TouchedFile};
use crate::home::Home;
use crate::store::{Store, StoreError};
use reinette_apps::FileChange;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use std::path::PathBuf;

/// Marks files of a line of the former format that could not be parsed; the path column keeps the text.
const UNREADABLE: &str = "unreadable";

/// The numbers of the lines for which a condition of ours holds, oldest first.
pub(super) fn numbers(store: &Store, condition: &str) -> Result<Vec<i64>, StoreError> {
    let sql = format!("SELECT id FROM journal WHERE {condition} ORDER BY id");
    let mut statement = store.connection().prepare(&sql).map_err(|error| store.failed(error))?;
    let numbers = statement.query_map([], |row| row.get(0)).map_err(|error| store.failed(error))?;
    numbers.collect::<Result<_, _>>().map_err(|error| store.failed(error))
}

/// The request that changed something last and was not taken back.
pub(super) fn last_request(store: &Store) -> Result<Option<i64>, StoreError> {
    let sql = "SELECT max(request) FROM journal WHERE state = 'done'";
    store.connection().query_row(sql, [], |row| row.get(0)).map_err(|error| store.failed(error))
}

/// A number for a new request; to be used under the journal's lock.
pub(super) fn new_request(store: &Store) -> Result<i64, StoreError> {
    let sql = "SELECT coalesce(max(request), 0) + 1 FROM journal";
    store.connection().query_row(sql, [], |row| row.get(0)).map_err(|error| store.failed(error))
}

/// The request that `request` put right.
pub(super) fn corrected_by(store: &Store, request: i64) -> Result<Option<i64>, StoreError> {
    let sql = "SELECT corrects FROM journal WHERE request = ?1 AND corrects IS NOT NULL LIMIT 1";
    store.connection().query_row(sql, [request], |row| row.get(0)).optional().map_err(|error| store.failed(error))
}

pub(super) fn set_state(store: &Store, id: i64, state: State) -> Result<(), StoreError> {
    let sql = "UPDATE journal SET state = ?2 WHERE id = ?1";
    let done = store.connection().execute(sql, params![id, state.name()]);
    done.map(drop).map_err(|error| store.failed(error))
}

/// Writes a line and its files, all or nothing.
pub(super) fn insert(store: &Store, home: &Home, intent: &Intent<'_>) -> Result<i64, StoreError> {
    let written = || {
        let transaction = Transaction::new_unchecked(store.connection(), rusqlite::TransactionBehavior::Immediate)?;
        let sql = "INSERT INTO journal (request, at, tool, effect, state, corrects) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        let Intent { request, at, tool, effect, corrects, .. } = intent;
        transaction.execute(sql, params![request, at.to_string(), tool, effect, State::Pending.name(), corrects])?;
        let id = transaction.last_insert_rowid();
        insert_files(&transaction, id, home, intent.files)?;
        transaction.commit()?;
        Ok(id)
    };
    written().map_err(|error| store.failed(error))
}

fn insert_files(connection: &Connection, line: i64, home: &Home, files: &[FileChange]) -> rusqlite::Result<()> {
    for change in files {
        let Located { folder, path } = Located::of(&change.path, home);
        insert_file(connection, line, folder.name(), places::to_bytes(&path), change)?;
    }
    Ok(())
}

fn insert_file(
    connection: &Connection,
    line: i64,
    folder: &str,
    path: &[u8],
    change: &FileChange,
) -> rusqlite::Result<()> {
    let sql = "INSERT INTO journal_file (line, folder, path, old, new) VALUES (?1, ?2, ?3, ?4, ?5)";
    connection.execute(sql, params![line, folder, path, change.before, change.after]).map(drop)
}

/// A line as the user is shown it.
pub(super) fn line(store: &Store, home: &Home, id: i64) -> Result<Line, StoreError> {
    let sql = "SELECT id, request, at, tool, effect, state, corrects FROM journal WHERE id = ?1";
    let read = |row: &Row<'_>| {
        let columns = (row.get(0)?, row.get(1)?, row.get(3)?, row.get(4)?, row.get(6)?);
        Ok((columns, row.get::<_, String>(2)?, row.get::<_, String>(5)?))
    };
    let found = store.connection().query_row(sql, [id], read);
    let ((id, request, tool, effect, corrects), at, state) = found.map_err(|error| store.failed(error))?;
    let at = at.parse().map_err(|error| store.unreadable(&format!("line {id} of the journal: {error}")))?;
    let state = State::named(&state).ok_or_else(|| store.unreadable(&format!("line {id} of the journal: {state}")))?;
    let files = touched(store, home, id)?;
    Ok(Line { id, request, at, tool, effect, state, corrects, reason: None, files })
}

fn touched(store: &Store, home: &Home, line: i64) -> Result<Vec<TouchedFile>, StoreError> {
    let sql = "SELECT folder, path, old IS NOT NULL, new IS NOT NULL FROM journal_file WHERE line = ?1 ORDER BY id";
    let rows = file_rows(store, sql, line, |row| Ok((row.get(2)?, row.get(3)?)))?;
    let located = rows.into_iter().filter(|(folder, ..)| folder != UNREADABLE);
    let touched = located.map(|(folder, path, (before, after))| {
        let located = locate(&folder, &path).ok_or_else(|| damaged(store, line))?;
        Ok(TouchedFile::new(located, home, before, after))
    });
    touched.collect()
}

/// The changes of a line, with where each is.
pub(super) fn files(store: &Store, home: &Home, line: i64) -> Result<Vec<(Located, FileChange)>, StoreError> {
    let sql = "SELECT folder, path, old, new FROM journal_file WHERE line = ?1 ORDER BY id";
    let rows = file_rows(store, sql, line, |row| Ok((row.get(2)?, row.get(3)?)))?;
    let changes = rows.into_iter().map(|(folder, path, (before, after))| {
        let located = locate(&folder, &path).ok_or_else(|| damaged(store, line))?;
        let path = located.absolute(home).ok_or_else(|| damaged(store, line))?;
        Ok((located, FileChange { path, before, after }))
    });
    changes.collect()
}

fn locate(folder: &str, path: &[u8]) -> Option<Located> {
    Some(Located { folder: Place::named(folder)?, path: places::from_bytes(path)? })
}

fn damaged(store: &Store, line: i64) -> StoreError {
    store.unreadable(&format!("the files of line {line} of the journal"))
}

fn file_rows<T>(
    store: &Store,
    sql: &str,
    line: i64,
    read: fn(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<(String, Vec<u8>, T)>, StoreError> {
    let rows = || {
        let mut statement = store.connection().prepare(sql)?;
        let rows = statement.query_map([line], |row| Ok((row.get(0)?, row.get(1)?, read(row)?)))?;
        rows.collect::<rusqlite::Result<Vec<_>>>()
    };
    rows().map_err(|error| store.failed(error))
}

/// Moves the lines of the form before, which had absolute paths and lists of numbers, to the present one.
pub(crate) fn migrate(connection: &Connection, home: &Home) -> rusqlite::Result<()> {
    let mut statement = connection.prepare("SELECT id, files FROM old_journal")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    for row in rows {
        let (line, files): (i64, String) = row?;
        if let Ok(changes) = serde_json::from_str::<Vec<FileChange>>(&files) {
            let changes: Vec<FileChange> =
                changes.into_iter().map(|change| FileChange { path: absolute(change.path, home), ..change }).collect();
            insert_files(connection, line, home, &changes)?;
        } else {
            let nothing = FileChange { path: PathBuf::new(), before: None, after: None };
            insert_file(connection, line, UNREADABLE, files.as_bytes(), &nothing)?;
        }
    }
    Ok(())
}

/// The path as the home's folders are told now: one that was told through a link, or from the working folder, is told so.
fn absolute(path: PathBuf, home: &Home) -> PathBuf {
    if Located::of(&path, home).folder != Place::Elsewhere {
        return path;
    }
    let real = path.parent().and_then(|folder| Some(folder.canonicalize().ok()?.join(path.file_name()?)));
    let homes = [&home.folders.calendar, &home.folders.reminders, &home.folders.notes, &home.folders.timers];
    let told = homes.into_iter().find_map(|folder| {
        let rest = real.as_ref()?.strip_prefix(folder.canonicalize().ok()?).ok()?.to_owned();
        Some(folder.join(rest))
    });
    told.unwrap_or(path)
}
