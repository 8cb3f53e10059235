use crate::testing::{Home, only_file};
use serde_json::json;
use std::fmt::Write;
use std::fs;

#[test]
fn reminders_are_listed_by_when_they_are_due() {
    let home = Home::new();
    home.to_do("old.ics", "UID:o\nSUMMARY:Pay rent\nDUE;VALUE=DATE:20260310");
    home.to_do("done.ics", "UID:d\nSUMMARY:Done\nSTATUS:COMPLETED");
    home.act("create_reminder", &json!({"title": "buy milk"}));
    home.act("create_reminder", &json!({"title": "call the plumber", "when": "tomorrow at 8:30"}));
    home.act("create_reminder", &json!({"title": "water the plants", "when": "every day at 7pm"}));
    assert_eq!(
        home.answer("list_reminders", &json!({})),
        "Overdue\n  Pay rent (yesterday, Tuesday 10 March)\nToday, Wednesday 11 March\n  \
         19:00  water the plants, repeats\nTomorrow, Thursday 12 March\n  08:30  call the plumber\nNo date\n  buy milk"
    );
}

#[test]
fn a_reminder_says_when_and_rings_in_other_programs() {
    let home = Home::new();
    let change = home.act("create_reminder", &json!({"title": "call Ana", "when": "tomorrow at 8:30"}));
    assert_eq!(change.done, "Added the reminder “call Ana”, tomorrow, Thursday 12 March at 08:30.");
    let file = only_file(&home.world.folders.reminders);
    for line in ["DUE;TZID=Europe/Paris:20260312T083000", "STATUS:NEEDS-ACTION", "TRIGGER;RELATED=END:PT0S"] {
        assert!(file.contains(&format!("{line}\r\n")), "{line} in {file}");
    }
}

#[test]
fn a_completed_reminder_is_no_longer_open_and_keeps_what_is_unknown() {
    let home = Home::new();
    let path = home.to_do("a.ics", "UID:a\nX-OTHER:1\nSUMMARY:Buy milk\nSTATUS:NEEDS-ACTION");
    home.act("complete_reminder", &json!({"title": "milk"}));
    let file = fs::read_to_string(path).unwrap();
    for line in ["X-OTHER:1\n", "STATUS:COMPLETED\n", "COMPLETED:20260311T091500Z\n", "PERCENT-COMPLETE:100\n"] {
        assert!(file.contains(line), "{line} in {file}");
    }
    assert_eq!(home.answer("list_reminders", &json!({})), "No open reminders.");
    assert_eq!(home.answer("complete_reminder", &json!({"title": "milk"})), "There is no “milk”.");
}

#[test]
fn a_reminder_that_repeats_moves_on_past_what_was_missed_until_its_count_is_used_up() {
    let home = Home::new();
    let path = home.to_do(
        "a.ics",
        "UID:a\nSUMMARY:Pills\nDTSTART;TZID=Europe/Paris:20260309T080000\nDUE;TZID=Europe/Paris:20260309T090000\n\
         RRULE:FREQ=DAILY;COUNT=4",
    );
    let change = home.act("complete_reminder", &json!({"title": "pills"}));
    assert!(change.effect.contains("next due tomorrow, Thursday 12 March at 09:00"), "{}", change.effect);
    let file = fs::read_to_string(&path).unwrap();
    for line in ["DTSTART;TZID=Europe/Paris:20260312T080000\n", "DUE;TZID=Europe/Paris:20260312T090000\n", "COUNT=1"] {
        assert!(file.contains(line), "{line} in {file}");
    }
    home.act("complete_reminder", &json!({"title": "pills"}));
    assert!(fs::read_to_string(&path).unwrap().contains("STATUS:COMPLETED\n"));
}

#[test]
fn a_deleted_reminder_leaves_the_others_of_its_file() {
    let home = Home::new();
    let path = home.to_do("a.ics", "UID:a\nSUMMARY:One\nEND:VTODO\nBEGIN:VTODO\nUID:b\nSUMMARY:Two");
    home.act("delete_reminder", &json!({"title": "one"}));
    let file = fs::read_to_string(&path).unwrap();
    assert!(!file.contains("One") && file.contains("Two"), "{file}");
    home.act("delete_reminder", &json!({"title": "two"}));
    assert!(!path.exists());
}

#[test]
fn what_another_program_marked_as_done_is_not_open() {
    for sign in [
        "STATUS:COMPLETED",
        "COMPLETED:20260310T080000Z",
        "PERCENT-COMPLETE:100",
        "STATUS:CANCELLED",
        "STATUS:NEEDS-ACTION\nCOMPLETED:20260310T080000Z",
        "RRULE:FREQ=DAILY;COUNT=2\nDTSTART:20260309T080000Z\nEXDATE:20260309T080000Z,20260310T080000Z",
    ] {
        let home = Home::new();
        home.to_do("a.ics", &format!("UID:a\nSUMMARY:Pills\n{sign}"));
        assert_eq!(home.answer("list_reminders", &json!({})), "No open reminders.", "{sign}");
        assert_eq!(home.answer("complete_reminder", &json!({"title": "pills"})), "There is no “pills”.", "{sign}");
    }
    let home = Home::new();
    home.to_do("a.ics", "UID:a\nSUMMARY:Pills\nPERCENT-COMPLETE:50\nSTATUS:IN-PROCESS");
    assert_eq!(home.answer("list_reminders", &json!({})), "No date\n  Pills");
}

/// A daily to-do since 9 March, of which some occurrences have a component of their own.
fn with_occurrences(home: &Home, of: &[(&str, &str)]) -> std::path::PathBuf {
    let mut text = "UID:c\nSUMMARY:Plants\nDTSTART;TZID=Europe/Paris:20260309T080000\n\
                    DUE;TZID=Europe/Paris:20260309T090000\nRRULE:FREQ=DAILY\nSTATUS:NEEDS-ACTION"
        .to_owned();
    for (day, lines) in of {
        let _ = write!(
            text,
            "\nEND:VTODO\nBEGIN:VTODO\nUID:c\nSUMMARY:Plants\nRECURRENCE-ID;TZID=Europe/Paris:{day}T080000\n\
             DTSTART;TZID=Europe/Paris:{day}T080000\nDUE;TZID=Europe/Paris:{day}T090000\n{lines}"
        );
    }
    home.to_do("a.ics", &text)
}

#[test]
fn occurrences_that_are_done_leave_the_next_one_open() {
    let home = Home::new();
    with_occurrences(&home, &[("20260309", "STATUS:COMPLETED"), ("20260310", "COMPLETED:20260310T080000Z")]);
    let list = home.answer("list_reminders", &json!({}));
    assert_eq!(list, "Overdue\n  Plants (today, Wednesday 11 March at 09:00), repeats");

    // Marked as done here, it is marked as that program does.
    let change = home.act("complete_reminder", &json!({"title": "plants"}));
    assert!(change.done.contains("next due tomorrow, Thursday 12 March at 09:00"), "{}", change.done);
    let file = only_file(&home.world.folders.reminders);
    assert_eq!(file.matches("RRULE").count(), 1, "{file}");
    assert!(file.contains("DTSTART;TZID=Europe/Paris:20260309T080000\n"), "{file}");
    assert!(file.contains("RECURRENCE-ID;TZID=Europe/Paris:20260311T080000\n"), "{file}");
    let list = home.answer("list_reminders", &json!({}));
    assert_eq!(list, "Tomorrow, Thursday 12 March\n  09:00  Plants, repeats");

    // One that was put off is what is open.
    let home = Home::new();
    let later = "SUMMARY:Plants and trees";
    let path = with_occurrences(&home, &[("20260309", "STATUS:COMPLETED"), ("20260310", later)]);
    home.act("complete_reminder", &json!({"title": "plants"}));
    let file = fs::read_to_string(&path).unwrap();
    assert_eq!((file.matches("BEGIN:VTODO").count(), file.matches("PERCENT-COMPLETE:100").count()), (3, 1), "{file}");
    home.act("delete_reminder", &json!({"title": "plants"}));
    assert!(!path.exists(), "with all that it was");
}

#[test]
fn korganizers_current_occurrence_is_the_one_that_is_open() {
    let home = Home::new();
    let path = home.to_do(
        "a.ics",
        "UID:k\nSUMMARY:Plants\nDTSTART:20260301T080000Z\nDUE:20260301T080000Z\nRRULE:FREQ=DAILY\n\
         X-KDE-LIBKCAL-DTRECURRENCE:20260312T080000Z",
    );
    let list = home.answer("list_reminders", &json!({}));
    assert_eq!(list, "Tomorrow, Thursday 12 March\n  09:00  Plants, repeats");
    home.act("complete_reminder", &json!({"title": "plants"}));
    assert!(home.answer("list_reminders", &json!({})).starts_with("Friday 13 March"));
    assert!(!fs::read_to_string(path).unwrap().contains("DTRECURRENCE"));
}

#[test]
fn what_repeats_in_no_way_that_is_known_is_not_ended() {
    let home = Home::new();
    home.to_do("a.ics", "UID:a\nSUMMARY:Pills\nDTSTART:20260310T080000Z\nRRULE:FREQ=SOMETIMES");
    let refusal = home.try_plan("complete_reminder", &json!({"title": "pills"})).unwrap_err().to_string();
    assert!(refusal.contains("cannot be followed"), "{refusal}");
}

#[cfg(unix)]
#[test]
fn pipes_are_waited_for_nowhere() {
    let home = Home::new();
    let folders = home.world.folders.clone();
    for path in [
        folders.reminders.join("a.ics"),
        folders.notes.join("a.md"),
        folders.timers.join("a.json"),
        folders.timers.join(".reminders-told-until"),
    ] {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
    }
    for (tool, arguments, name) in [
        ("list_reminders", json!({}), "a.ics"),
        ("find_note", json!({"query": "x"}), "a.md"),
        ("list_timers", json!({}), "a.json"),
    ] {
        let answer = home.answer(tool, &arguments);
        assert_eq!(answer.matches(&format!("{name} (not a file)")).count(), 1, "{answer}");
    }
    let error = crate::due_reminders(&home.world).unwrap_err().to_string();
    assert!(error.contains("it is no file"), "{error}");
    crate::due_timers(&home.world).unwrap();
}

#[test]
fn the_reminders_of_some_days_are_listed() {
    let home = Home::new();
    home.to_do("old.ics", "UID:o\nSUMMARY:Pay rent\nDUE;VALUE=DATE:20260310");
    home.act("create_reminder", &json!({"title": "buy milk"}));
    home.act("create_reminder", &json!({"title": "call the plumber", "when": "tomorrow at 8:30"}));
    home.act("create_reminder", &json!({"title": "water the plants", "when": "every day at 7pm"}));
    let list = |when: &str| home.answer("list_reminders", &json!({"when": when}));
    let today = "Overdue\n  Pay rent (yesterday, Tuesday 10 March)\nToday, Wednesday 11 March\n  19:00  water the plants, repeats";
    assert_eq!(list("today"), today);
    assert_eq!(
        list("tomorrow"),
        "Tomorrow, Thursday 12 March\n  08:30  call the plumber\n  19:00  water the plants, repeats"
    );
    assert_eq!(list("yesterday"), "Overdue\n  Pay rent (yesterday, Tuesday 10 March)");
    assert_eq!(list("last Monday"), "No open reminders Monday 9 March.");
    assert_eq!(list("all"), home.answer("list_reminders", &json!({})));
    assert!(home.try_plan("list_reminders", &json!({"when": "blorp"})).is_err());
}
