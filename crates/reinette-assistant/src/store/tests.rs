use super::*;

fn home(folder: &tempfile::TempDir) -> Home {
    Home::open(Some(folder.path())).unwrap()
}

#[test]
fn what_was_said_is_remembered_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let at = Timestamp::from_second(1_800_000_000).unwrap();
    let say = |text: &str| Entry::Prompt { text: text.to_owned() };
    {
        let store = Store::open(&home(&folder)).unwrap();
        let first = store.new_conversation().unwrap();
        store.remember(first, at, &say("one")).unwrap();
        let second = store.new_conversation().unwrap();
        assert_ne!(first, second);
        store.remember(second, at, &say("two")).unwrap();
        store.remember(second, at, &say("three")).unwrap();
    }
    let store = Store::open(&home(&folder)).unwrap();
    let last = store.last_conversation().unwrap();
    let of = |conversation, limit| {
        let turns = store.turns(conversation, limit).unwrap();
        turns.found.into_iter().map(|turn| turn.entry).collect::<Vec<_>>()
    };
    assert_eq!(of(last, 10), [say("two"), say("three")]);
    assert_eq!(of(None, 2), [say("two"), say("three")]);
    assert_eq!(of(None, 10).len(), 3);
}

#[test]
fn a_store_of_a_later_version_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    Store::open(&home(&folder)).unwrap().connection.pragma_update(None, "user_version", 99).unwrap();
    assert!(matches!(Store::open(&home(&folder)), Err(StoreError::Newer { found: 99, .. })));
}

/// A store as an earlier version left it, with these lines of a journal: number, state and files.
fn earlier_store(folder: &Path, steps: usize, lines: &[(i64, &str, &str)]) {
    let old = Connection::open(folder.join(FILE)).unwrap();
    MIGRATIONS[..steps].iter().for_each(|step| old.execute_batch(step).unwrap());
    old.pragma_update(None, "user_version", i64::try_from(steps).unwrap()).unwrap();
    for (id, state, files) in lines {
        let line = "INSERT INTO journal VALUES (?1, ?1, '2026-03-11T09:15:00Z', 'write', 'It wrote.', ?2, ?3)";
        old.execute(line, params![id, state, files]).unwrap();
    }
}

#[test]
fn a_store_of_any_earlier_version_is_brought_to_the_present_form() {
    for steps in 1..MIGRATIONS.len() {
        let folder = tempfile::tempdir().unwrap();
        earlier_store(folder.path(), steps, &[(7, "done", "[]")]);
        let store = Store::open(&home(&folder)).unwrap();
        let changed = store.connection.execute("UPDATE journal SET state = 'abandoned' WHERE id = 7", []);
        assert_eq!(changed.unwrap(), 1);
    }
}

#[test]
fn conversations_begun_at_once_have_numbers_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    earlier_store(folder.path(), 2, &[]);
    let old = Connection::open(folder.path().join(FILE)).unwrap();
    let entry = "INSERT INTO entry (conversation, at, content) VALUES (5, '2026-03-11T09:15:00Z', '{}')";
    old.execute(entry, []).unwrap();
    drop(old);
    let home = home(&folder);
    let begin = || Store::open(&home).unwrap().new_conversation().unwrap();
    let mut numbers: Vec<i64> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..20).map(|_| scope.spawn(begin)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    numbers.sort_unstable();
    assert_eq!(numbers, (6..26).collect::<Vec<i64>>());
}

#[test]
fn an_unreadable_entry_does_not_hide_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&home(&folder)).unwrap();
    let at = Timestamp::from_second(1_800_000_000).unwrap();
    for text in ["one", "two"] {
        store.remember(1, at, &Entry::Prompt { text: text.to_owned() }).unwrap();
    }
    store.connection.execute("UPDATE entry SET content = 'no JSON' WHERE id = 1", []).unwrap();
    let turns = store.turns(None, 10).unwrap();
    assert_eq!((turns.found.len(), turns.unreadable.len()), (1, 1));
}

#[test]
fn a_store_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("store.sqlite")).unwrap();
    let error = Store::open(&home(&folder)).unwrap_err().to_string();
    assert!(error.contains("store.sqlite: Is a directory") && error.contains("--home"), "{error}");
}

#[test]
fn a_damaged_store_is_said_and_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.sqlite");
    std::fs::write(&path, "this is no database, but long enough to look like one ".repeat(100)).unwrap();
    let before = std::fs::read(&path).unwrap();
    assert!(matches!(Store::open(&home(&folder)), Err(StoreError::Database { .. })));
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[cfg(unix)]
#[test]
fn nobody_else_can_read_what_is_remembered() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let home = home(&folder);
    let store = Store::open(&home).unwrap();
    store.new_conversation().unwrap();
    drop(crate::journal::Journal::lock(&store, &home, &jiff::Zoned::now()).unwrap());
    for name in ["store.sqlite", "store.sqlite-wal", "store.sqlite-shm", "journal.lock"] {
        let mode = std::fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[cfg(unix)]
#[test]
fn a_store_behind_a_link_is_refused_and_a_pipe_is_not_waited_for() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = folder.path().join(FILE);
    std::os::unix::fs::symlink(other.path().join("other"), &path).unwrap();
    assert!(matches!(Store::open(&home(&folder)), Err(StoreError::Unwritable { .. })));
    assert!(!other.path().join("other").exists());
    std::fs::remove_file(&path).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    assert!(matches!(Store::open(&home(&folder)), Err(StoreError::Unwritable { .. })));
}
