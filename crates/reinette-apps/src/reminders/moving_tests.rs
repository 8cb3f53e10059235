//! Tests of what moves and renames reminders.

use crate::testing::{Home, act};
use crate::{due_reminders, revert_all};
use reinette_time::Language;
use serde_json::json;
use std::fs;

const PLUMBER: &str = "UID:p\nX-OTHER:1\nSUMMARY:Call the plumber\nDTSTART;TZID=Europe/Paris:20260313T080000\n\
                       DUE;TZID=Europe/Paris:20260313T090000\nSTATUS:NEEDS-ACTION";

#[test]
fn a_reminder_moves_with_its_start_and_keeps_its_hour_or_its_day() {
    for (when, start, due) in [
        ("Monday", "20260316T080000", "20260316T090000"),
        ("at 5pm", "20260313T160000", "20260313T170000"),
        ("tomorrow at noon", "20260312T110000", "20260312T120000"),
        ("an hour later", "20260313T090000", "20260313T100000"),
        ("two days earlier", "20260311T080000", "20260311T090000"),
        ("next week", "20260316T080000", "20260316T090000"),
        ("de deux heures plus tard", "20260313T100000", "20260313T110000"),
    ] {
        let home = Home::new();
        let path = home.to_do("p.ics", PLUMBER);
        let before = fs::read_to_string(&path).unwrap();
        if when == "two days earlier" {
            // That would be an hour ago.
            let refusal = home.try_plan("move_reminder", &json!({"title": "plumber", "when": when})).unwrap_err();
            assert!(refusal.to_string().contains("already passed"), "{refusal}");
            continue;
        }
        let change = home.act("move_reminder", &json!({"title": "plumber", "when": when}));
        let file = fs::read_to_string(&path).unwrap();
        assert!(file.contains(&format!("DTSTART;TZID=Europe/Paris:{start}\n")), "{when}: {file}");
        assert!(file.contains(&format!("DUE;TZID=Europe/Paris:{due}\n")), "{when}: {file}");
        assert!(file.contains("X-OTHER:1\n"), "{file}");
        revert_all(&change.files).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), before);
    }
}

#[test]
fn what_was_done_is_told_to_people_and_programs() {
    let mut home = Home::new();
    home.to_do("p.ics", PLUMBER);
    let change = home.act("move_reminder", &json!({"title": "plumber", "when": "Monday"}));
    assert_eq!(
        change.effect,
        "Moves the reminder “Call the plumber”: Friday 13 March at 09:00 → Monday 16 March at 09:00."
    );
    let item = &change.data["changed"][0];
    assert_eq!((&item["due"], &item["rings_at"]), (&json!("2026-03-16T09:00:00+01:00"), &item["due"]));
    assert_eq!(item["moved_from"], "2026-03-13T09:00:00+01:00");
    home.world.language = Language::French;
    let change = home.act("move_reminder", &json!({"title": "plumber", "when": "mardi"}));
    assert_eq!(change.done, "Le rappel « Call the plumber » est déplacé : mardi 17 mars à 09:00.");
    let choices = home.choices("move_reminder", &json!({"title": "plumber", "when": "d’une heure"}));
    assert_eq!(choices[0].label, "plus tard");
    let change = act(choices[0].plan.clone());
    assert_eq!(change.data["changed"][0]["due"], "2026-03-17T10:00:00+01:00");
}

#[test]
fn what_is_overdue_is_put_off_from_now_and_rings_again() {
    for (when, due) in [
        ("an hour later", "2026-03-11T11:15:00"),
        ("in 20 minutes", "2026-03-11T10:35:00"),
        ("at 5pm", "2026-03-11T17:00:00"),
        ("tomorrow", "2026-03-12T09:00:00"),
    ] {
        let home = Home::new();
        let path = home.to_do("p.ics", "UID:p\nSUMMARY:Pay rent\nDUE;TZID=Europe/Paris:20260310T090000");
        home.act("move_reminder", &json!({"title": "rent", "when": when}));
        let file = fs::read_to_string(&path).unwrap();
        let written = due.replace(['-', ':'], "");
        assert!(file.contains(&format!("DUE;TZID=Europe/Paris:{written}\n")), "{when}: {file}");
        let rings = |home: &Home| due_reminders(&home.world).unwrap().len();
        assert_eq!(rings(&home), 0, "{when}");
        assert_eq!(rings(&home.at(&format!("{due}+01:00[Europe/Paris]"))), 1, "{when}");
    }
}

#[test]
fn one_without_an_hour_gets_one_and_rings_in_other_programs() {
    let home = Home::new();
    let path = home.to_do("m.ics", "UID:m\nSUMMARY:Buy milk");
    let refusal = home.try_plan("move_reminder", &json!({"title": "milk", "when": "an hour later"})).unwrap_err();
    assert!(refusal.to_string().contains("has no date to count from"), "{refusal}");
    home.act("move_reminder", &json!({"title": "milk", "when": "Friday"}));
    let file = fs::read_to_string(&path).unwrap();
    assert!(file.contains("DUE;VALUE=DATE:20260313\n") && !file.contains("VALARM"), "{file}");
    let hours = home.try_plan("move_reminder", &json!({"title": "milk", "when": "an hour later"})).unwrap_err();
    assert!(hours.to_string().contains("takes whole days"), "{hours}");
    home.act("move_reminder", &json!({"title": "milk", "when": "Friday at 6pm"}));
    home.act("move_reminder", &json!({"title": "milk", "when": "Saturday"}));
    let file = fs::read_to_string(&path).unwrap();
    assert!(file.contains("DUE:20260314T170000Z\n"), "{file}");
    assert_eq!(file.matches("TRIGGER;RELATED=END:PT0S\nDESCRIPTION:Buy milk\nEND:VALARM\n").count(), 1, "{file}");
}

#[test]
fn of_one_that_repeats_only_the_next_is_moved() {
    let home = Home::new();
    let path = home.to_do(
        "w.ics",
        "UID:w\nSUMMARY:Water\nDTSTART;TZID=Europe/Paris:20260312T080000\nDUE;TZID=Europe/Paris:20260312T080000\n\
         RRULE:FREQ=DAILY",
    );
    let change = home.act("move_reminder", &json!({"title": "water", "when": "at 6pm"}));
    assert!(change.effect.ends_with("at 18:00. Only this one; the others stay where they are."), "{}", change.effect);
    let file = fs::read_to_string(&path).unwrap();
    assert_eq!(file.matches("RRULE").count(), 1, "{file}");
    assert!(file.contains("RECURRENCE-ID;TZID=Europe/Paris:20260312T080000\n"), "{file}");
    assert_eq!(home.answer("list_reminders", &json!({})), "Tomorrow, Thursday 12 March\n  18:00  Water, repeats");
    let change = home.act("complete_reminder", &json!({"title": "water"}));
    assert!(change.done.contains("next due Friday 13 March at 08:00"), "{}", change.done);
    let odd = "UID:o\nSUMMARY:Pills\nDTSTART:20260312T080000Z\nRRULE:FREQ=SOMETIMES";
    home.to_do("o.ics", odd);
    let refusal = home.try_plan("move_reminder", &json!({"title": "pills", "when": "Friday"})).unwrap_err();
    assert!(refusal.to_string().contains("cannot be followed"), "{refusal}");
    let every_day = home.try_plan("move_reminder", &json!({"title": "water", "when": "every day at 9"})).unwrap_err();
    assert!(every_day.to_string().contains("moved to one time"), "{every_day}");
}

#[test]
fn a_reminder_is_counted_from_an_event() {
    let home = Home::new();
    home.event("d.ics", "UID:d\nSUMMARY:Dentist\nDTSTART;TZID=Europe/Paris:20260312T150000\nDURATION:PT1H");
    home.to_do("p.ics", PLUMBER);
    let change = home.act("move_reminder", &json!({"title": "plumber", "when": "an hour before the dentist"}));
    assert_eq!(change.data["changed"][0]["due"], "2026-03-12T14:00:00+01:00");
}

#[test]
fn a_renamed_reminder_rings_by_its_new_title() {
    let home = Home::new();
    home.act("create_reminder", &json!({"title": "call Ana", "when": "tomorrow at 8:30"}));
    let change = home.act("rename_reminder", &json!({"title": "ana", "new_title": "call Ana and Leo"}));
    assert_eq!(change.done, "“call Ana” is now called “call Ana and Leo”.");
    assert_eq!(change.data["changed"][0]["renamed_from"], "call Ana");
    let file = fs::read_to_string(&change.files[0].path).unwrap();
    assert!(!file.contains("call Ana\r\n"), "{file}");
    assert_eq!(file.matches("call Ana and Leo\r\n").count(), 2, "{file}");
    assert!(!file.contains("SEQUENCE"), "{file}");
    let home = home.at("2026-03-12T08:30:00+01:00[Europe/Paris]");
    assert!(due_reminders(&home.world).unwrap()[0].text.contains("call Ana and Leo"));
}
