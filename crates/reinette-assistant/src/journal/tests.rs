use super::*;
use std::path::Path;

/// A home with a store, and the path of a file in it.
struct Desk {
    folder: tempfile::TempDir,
    home: Home,
    store: Store,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::open(Some(folder.path())).unwrap();
        let store = Store::open(&home).unwrap();
        Self { folder, home, store }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn journal(&self) -> Journal<'_> {
        Journal::lock(&self.store, &self.home, &now()).unwrap()
    }

    fn states(&self) -> Vec<State> {
        last_lines(&self.store, &self.home, 100).unwrap().found.iter().map(|line| line.state).collect()
    }

    fn sql(&self, sql: &str) {
        self.store.connection().execute_batch(sql).unwrap();
    }
}

fn now() -> Zoned {
    "2026-03-11T10:15:00+01:00[Europe/Paris]".parse().unwrap()
}

fn intent(request: i64, files: &[FileChange]) -> Intent<'_> {
    Intent { request, at: Timestamp::UNIX_EPOCH, tool: "write", effect: "It wrote.", files, corrects: None }
}

fn content(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn undo_takes_back_the_whole_last_request_and_then_the_one_before() {
    let desk = Desk::new();
    let journal = desk.journal();
    let create = |name: &str| [FileChange::create(desk.path(name), name)];
    journal.make(&intent(1, &create("a"))).unwrap();
    journal.make(&intent(2, &create("b"))).unwrap();
    journal.make(&intent(2, &[FileChange::edit(desk.path("a"), "a", "changed")])).unwrap();

    assert_eq!(journal.undo(&now()).unwrap().len(), 2);
    assert_eq!(std::fs::read_to_string(desk.path("a")).unwrap(), "a");
    assert!(!desk.path("b").exists());
    assert_eq!(journal.undo(&now()).unwrap().len(), 1);
    assert!(!desk.path("a").exists());
    assert!(journal.undo(&now()).unwrap().is_empty());
    assert_eq!(desk.states(), [State::Undone; 3]);
}

#[test]
fn what_another_program_changed_since_is_left_and_told_once() {
    let desk = Desk::new();
    let journal = desk.journal();
    for (request, name) in [(1, "a"), (2, "b"), (3, "c")] {
        journal.make(&intent(request, &[FileChange::create(desk.path(name), "ours")])).unwrap();
    }
    // One program changes a file, another deletes one.
    std::fs::write(desk.path("b"), "theirs").unwrap();
    std::fs::remove_file(desk.path("c")).unwrap();
    for name in ["c", "b"] {
        let undone = journal.undo(&now()).unwrap();
        let [Line { state: State::Abandoned, reason: Some(reason), .. }] = &undone[..] else { panic!("{undone:?}") };
        assert!(reason.contains("by another program") && reason.contains(&format!("/{name} ")), "{reason}");
    }
    assert_eq!(content(&desk.path("b")), "theirs");
    assert_eq!(journal.undo(&now()).unwrap()[0].state, State::Undone);
    assert!(!desk.path("a").exists() && journal.undo(&now()).unwrap().is_empty());
    assert_eq!(desk.states(), [State::Undone, State::Abandoned, State::Abandoned]);
}

#[cfg(unix)]
#[test]
fn a_change_that_fails_leaves_nothing_and_is_noted() {
    let desk = Desk::new();
    // A link to nothing is no folder, and none can be made in its place.
    std::os::unix::fs::symlink("nowhere", desk.path("b")).unwrap();
    let files = [FileChange::create(desk.path("a"), "a"), FileChange::create(desk.path("b/b"), "b")];
    assert!(matches!(desk.journal().make(&intent(1, &files)), Err(JournalError::Change(ChangeError::Io { .. }))));
    assert!(!desk.path("a").exists());
    assert_eq!(desk.states(), [State::Failed]);
}

#[test]
fn what_is_not_as_planned_is_refused_before_anything_is_written() {
    let desk = Desk::new();
    let files = [FileChange::create(desk.path("a"), "a"), FileChange::edit(desk.path("b"), "not there", "b")];
    assert!(desk.journal().make(&intent(1, &files)).unwrap_err().is_conflict());
    assert!(!desk.path("a").exists() && desk.states().is_empty());
}

#[test]
fn nothing_is_changed_outside_of_the_home() {
    let (desk, other) = (Desk::new(), tempfile::tempdir().unwrap());
    let files = [FileChange::create(other.path().join("a"), "a")];
    let error = desk.journal().make(&intent(1, &files)).unwrap_err();
    assert!(matches!(error, JournalError::Outside { .. }) && error.is_conflict(), "{error}");
    assert!(desk.states().is_empty() && !other.path().join("a").exists());
}

#[test]
fn the_journal_of_a_copied_home_is_the_copys() {
    let desk = Desk::new();
    desk.journal().make(&intent(1, &[FileChange::create(desk.path("notes/a.md"), "a")])).unwrap();
    let copy = tempfile::tempdir().unwrap();
    let copied = std::process::Command::new("cp").arg("-r").arg(desk.path(".")).arg(copy.path()).status().unwrap();
    assert!(copied.success());
    let home = Home::open(Some(copy.path())).unwrap();
    let store = Store::open(&home).unwrap();
    let undone = Journal::lock(&store, &home, &now()).unwrap().undo(&now()).unwrap();
    assert_eq!(undone[0].files[0].located, Located { folder: Place::Notes, path: "a.md".into() });
    assert_eq!(undone[0].files[0].absolute, Some(copy.path().join("notes/a.md")));
    assert!(!copy.path().join("notes/a.md").exists());
    assert_eq!(content(&desk.path("notes/a.md")), "a");
}

/// Lines of the form before are moved: with paths in the home from its folders on; others stay, and are not touched.
#[test]
fn lines_with_absolute_paths_are_the_homes_if_they_are_in_it() {
    let desk = Desk::new();
    let elsewhere = tempfile::tempdir().unwrap();
    let former =
        [FileChange::create(desk.path("calendar/a.ics"), "a"), FileChange::create(elsewhere.path().join("b"), "b")];
    desk.sql(
        "DROP TABLE journal_file; DROP TABLE journal; DROP TABLE conversation; PRAGMA user_version = 1;
        CREATE TABLE journal (id INTEGER PRIMARY KEY, request INTEGER NOT NULL, at TEXT NOT NULL, tool TEXT NOT NULL,
        effect TEXT NOT NULL, state TEXT NOT NULL, files TEXT NOT NULL) STRICT;",
    );
    for (id, change) in former.iter().enumerate() {
        change.apply().unwrap();
        let files = serde_json::to_string(&[change]).unwrap();
        desk.sql(&format!(
            "INSERT INTO journal VALUES ({id}, {id}, '2026-03-11T09:15:00Z', 'a', 'b', 'done', '{files}')"
        ));
    }
    desk.sql("INSERT INTO journal VALUES (9, 9, '2026-03-11T09:15:00Z', 'a', 'b', 'done', 'no JSON')");

    let store = Store::open(&desk.home).unwrap();
    let journal = Journal::lock(&store, &desk.home, &now()).unwrap();
    let undo = || journal.undo(&now()).unwrap().remove(0);
    let unreadable = undo();
    assert!(unreadable.state == State::Abandoned && unreadable.reason.unwrap().contains("line 9"));
    assert_eq!((undo().state, undo().state), (State::Abandoned, State::Undone));
    assert!(!desk.path("calendar/a.ics").exists());
    assert_eq!(content(&elsewhere.path().join("b")), "b");
}

#[test]
fn an_unreadable_line_is_passed_over_and_told() {
    let desk = Desk::new();
    let journal = desk.journal();
    for (request, name) in [(1, "a"), (2, "b"), (3, "c")] {
        journal.make(&intent(request, &[FileChange::create(desk.path(name), "ours")])).unwrap();
    }
    desk.sql(
        "UPDATE journal SET at = 'whenever' WHERE id = 2; UPDATE journal_file SET path = x'2e2e2f78' WHERE line = 3",
    );
    let listing = last_lines(&desk.store, &desk.home, 10).unwrap();
    assert_eq!((listing.found.len(), listing.unreadable.len()), (2, 1));
    assert_eq!(journal.undo(&now()).unwrap()[0].state, State::Abandoned);
    journal.undo(&now()).unwrap();
    assert_eq!(journal.undo(&now()).unwrap()[0].state, State::Undone);
    assert!(!desk.path("a").exists());
}

#[test]
fn what_cannot_be_recovered_stays_pending_and_is_told_and_blocks_nothing() {
    let desk = Desk::new();
    desk.journal().make(&intent(1, &[FileChange::create(desk.path("notes/a"), "a")])).unwrap();
    desk.sql("UPDATE journal SET state = 'pending'");
    // A folder in the place of the file that would be removed, as far as the system lets it be looked at.
    std::fs::rename(desk.path("notes"), desk.path("kept")).unwrap();
    std::fs::write(desk.path("notes"), "no folder").unwrap();

    let journal = desk.journal();
    assert_eq!(journal.recovery.failures.len(), 1);
    journal.make(&intent(2, &[FileChange::create(desk.path("b"), "b")])).unwrap();
    assert_eq!(desk.states(), [State::Pending, State::Done]);
    drop(journal);

    std::fs::remove_file(desk.path("notes")).unwrap();
    std::fs::rename(desk.path("kept"), desk.path("notes")).unwrap();
    assert!(desk.journal().recovery.failures.is_empty());
    assert_eq!(desk.states(), [State::Failed, State::Done]);
    assert!(!desk.path("notes/a").exists());
}

#[test]
fn what_a_killed_process_left_half_done_is_taken_back() {
    let desk = Desk::new();
    let files = [FileChange::create(desk.path("a"), "a"), FileChange::create(desk.path("b"), "b")];
    desk.journal().make(&intent(1, &files)).unwrap();
    // As if the process had died between the two files.
    std::fs::remove_file(desk.path("b")).unwrap();
    desk.sql("UPDATE journal SET state = 'pending'");

    drop(desk.journal());
    assert!(!desk.path("a").exists() && !desk.path("b").exists());
    assert_eq!(desk.states(), [State::Failed]);
    assert!(desk.journal().undo(&now()).unwrap().is_empty());
}

#[test]
fn what_a_killed_process_left_half_undone_is_undone() {
    let desk = Desk::new();
    let files = [FileChange::create(desk.path("a"), "a"), FileChange::create(desk.path("b"), "b")];
    desk.journal().make(&intent(1, &files)).unwrap();
    // As if the process had died between the two files of an undo.
    std::fs::remove_file(desk.path("b")).unwrap();
    desk.sql("UPDATE journal SET state = 'undoing'");

    drop(desk.journal());
    assert!(!desk.path("a").exists());
    assert_eq!(desk.states(), [State::Undone]);
}

#[test]
fn a_change_that_cannot_be_noted_is_not_made() {
    let desk = Desk::new();
    let full = "CREATE TRIGGER full BEFORE UPDATE ON journal BEGIN SELECT RAISE(ABORT, 'full'); END";
    desk.sql(full);
    let files = [FileChange::create(desk.path("a"), "a")];
    assert!(matches!(desk.journal().make(&intent(1, &files)), Err(JournalError::Store(_))));
    assert!(!desk.path("a").exists());
    assert_eq!(desk.states(), [State::Pending]);

    desk.sql("DROP TRIGGER full");
    drop(desk.journal());
    assert_eq!(desk.states(), [State::Failed]);
}

#[test]
fn what_a_killed_process_left_unfinished_is_removed() {
    let desk = Desk::new();
    desk.journal().make(&intent(1, &[FileChange::create(desk.path("a"), "a")])).unwrap();
    desk.sql("UPDATE journal SET state = 'pending'");
    std::fs::write(desk.path(".reinette-x.tmp"), "half").unwrap();
    drop(desk.journal());
    assert!(!desk.path(".reinette-x.tmp").exists());
}

/// A timer's file, as the apps write it.
fn timer(rings_at: &str, rule: Option<&str>) -> Vec<u8> {
    let mut timer = serde_json::json!({"kind": "alarm", "rings_at": rings_at});
    timer.as_object_mut().unwrap().extend(rule.map(|rule| ("rule".to_owned(), rule.into())));
    timer.to_string().into_bytes()
}

#[test]
fn a_timer_that_rang_is_over_and_what_was_before_is_taken_back() {
    let desk = Desk::new();
    let journal = desk.journal();
    journal.make(&intent(1, &[FileChange::create(desk.path("notes/a.md"), "a")])).unwrap();
    let rung = timer("2026-03-11T10:00:00+01:00[Europe/Paris]", None);
    journal.make(&intent(2, &[FileChange::create(desk.path("timers/t.json"), rung)])).unwrap();
    std::fs::remove_file(desk.path("timers/t.json")).unwrap();
    let states: Vec<State> = journal.undo(&now()).unwrap().iter().map(|line| line.state).collect();
    assert_eq!(states, [State::Spent, State::Undone]);
    assert!(!desk.path("notes/a.md").exists());
}

#[test]
fn an_alarm_that_was_set_to_its_next_time_can_be_taken_back() {
    let desk = Desk::new();
    let journal = desk.journal();
    let file = desk.path("timers/t.json");
    let alarm = |day: u32| timer(&format!("2026-03-{day}T07:00:00+01:00[Europe/Paris]"), Some("FREQ=DAILY"));
    journal.make(&intent(1, &[FileChange::create(file.clone(), alarm(11))])).unwrap();
    FileChange::edit(file.clone(), alarm(11), alarm(12)).apply().unwrap();
    assert_eq!(journal.undo(&now()).unwrap()[0].state, State::Undone);
    assert!(!file.exists());
}

#[test]
fn a_timer_that_somebody_else_deleted_before_it_rang_is_a_conflict() {
    let desk = Desk::new();
    let journal = desk.journal();
    let coming = timer("2026-03-11T11:00:00+01:00[Europe/Paris]", None);
    journal.make(&intent(1, &[FileChange::create(desk.path("timers/t.json"), coming)])).unwrap();
    std::fs::remove_file(desk.path("timers/t.json")).unwrap();
    assert_eq!(journal.undo(&now()).unwrap()[0].state, State::Abandoned);
}
