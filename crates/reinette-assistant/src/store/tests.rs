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
