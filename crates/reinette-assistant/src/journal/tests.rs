use super::*;

/// A home with a store, and the path of a file in it.
struct Desk {
    folder: tempfile::TempDir,
    store: Store,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        Self { folder, store }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn journal(&self) -> Journal<'_> {
        Journal::lock(&self.store, self.folder.path()).unwrap()
    }

    fn states(&self) -> Vec<State> {
        last_lines(&self.store, 100).unwrap().iter().map(|line| line.state).collect()
    }
}

fn intent(request: i64, files: &[FileChange]) -> Intent<'_> {
    Intent { request, at: Timestamp::UNIX_EPOCH, tool: "write", effect: "writes", files }
}

#[test]
fn undo_takes_back_the_whole_last_request_and_then_the_one_before() {
    let desk = Desk::new();
    let journal = desk.journal();
    let create = |name: &str| [FileChange::create(desk.path(name), name)];
    journal.make(&intent(1, &create("a"))).unwrap();
    journal.make(&intent(2, &create("b"))).unwrap();
    journal.make(&intent(2, &[FileChange::edit(desk.path("a"), "a", "changed")])).unwrap();

    assert_eq!(journal.undo().unwrap().len(), 2);
    assert_eq!(std::fs::read_to_string(desk.path("a")).unwrap(), "a");
    assert!(!desk.path("b").exists());
    assert_eq!(journal.undo().unwrap().len(), 1);
    assert!(!desk.path("a").exists());
    assert!(journal.undo().unwrap().is_empty());
    assert_eq!(desk.states(), [State::Undone; 3]);
}

#[test]
fn what_another_program_changed_since_is_not_overwritten() {
    let desk = Desk::new();
    let journal = desk.journal();
    journal.make(&intent(1, &[FileChange::create(desk.path("a"), "ours")])).unwrap();
    std::fs::write(desk.path("a"), "theirs").unwrap();
    assert!(matches!(journal.undo(), Err(JournalError::Change(ChangeError::Conflict { .. }))));
    assert_eq!(std::fs::read_to_string(desk.path("a")).unwrap(), "theirs");
    assert_eq!(desk.states(), [State::Done]);
}

#[test]
fn a_change_that_fails_leaves_nothing_and_is_noted() {
    let desk = Desk::new();
    let journal = desk.journal();
    let files = [FileChange::create(desk.path("a"), "a"), FileChange::edit(desk.path("b"), "not there", "b")];
    assert!(journal.make(&intent(1, &files)).is_err());
    assert!(!desk.path("a").exists());
    assert_eq!(desk.states(), [State::Failed]);
}

#[test]
fn what_a_killed_process_left_half_done_is_taken_back() {
    let desk = Desk::new();
    let files = [FileChange::create(desk.path("a"), "a"), FileChange::create(desk.path("b"), "b")];
    desk.journal().make(&intent(1, &files)).unwrap();
    // As if the process had died between the two files.
    std::fs::remove_file(desk.path("b")).unwrap();
    desk.store.connection().execute("UPDATE journal SET state = 'pending'", []).unwrap();

    drop(desk.journal());
    assert!(!desk.path("a").exists() && !desk.path("b").exists());
    assert_eq!(desk.states(), [State::Failed]);
    assert!(desk.journal().undo().unwrap().is_empty());
}

#[test]
fn what_a_killed_process_left_half_undone_is_undone() {
    let desk = Desk::new();
    let files = [FileChange::create(desk.path("a"), "a"), FileChange::create(desk.path("b"), "b")];
    desk.journal().make(&intent(1, &files)).unwrap();
    // As if the process had died between the two files of an undo.
    std::fs::remove_file(desk.path("b")).unwrap();
    desk.store.connection().execute("UPDATE journal SET state = 'undoing'", []).unwrap();

    drop(desk.journal());
    assert!(!desk.path("a").exists());
    assert_eq!(desk.states(), [State::Undone]);
}

#[test]
fn a_change_that_cannot_be_noted_is_not_made() {
    let desk = Desk::new();
    let full = "CREATE TRIGGER full BEFORE UPDATE ON journal BEGIN SELECT RAISE(ABORT, 'full'); END";
    desk.store.connection().execute(full, []).unwrap();
    let files = [FileChange::create(desk.path("a"), "a")];
    assert!(matches!(desk.journal().make(&intent(1, &files)), Err(JournalError::Store(_))));
    assert!(!desk.path("a").exists());
    assert_eq!(desk.states(), [State::Pending]);

    desk.store.connection().execute("DROP TRIGGER full", []).unwrap();
    drop(desk.journal());
    assert_eq!(desk.states(), [State::Failed]);
}

#[test]
fn what_a_killed_process_left_unfinished_is_removed() {
    let desk = Desk::new();
    desk.journal().make(&intent(1, &[FileChange::create(desk.path("a"), "a")])).unwrap();
    desk.store.connection().execute("UPDATE journal SET state = 'pending'", []).unwrap();
    std::fs::write(desk.path(".reinette-x.tmp"), "half").unwrap();
    drop(desk.journal());
    assert!(!desk.path(".reinette-x.tmp").exists());
}
