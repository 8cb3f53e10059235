use crate::testing::{Home, only_file};
use serde_json::json;
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
