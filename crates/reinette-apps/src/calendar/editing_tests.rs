//! Tests of what makes events longer, renames them and skips them.

use crate::testing::{Home, act};
use crate::{Change, Plan, revert_all};
use reinette_time::Language;
use serde_json::json;
use std::fs;
use std::path::Path;

/// Takes a change back and expects the file as it was.
fn undo(change: &Change, path: &Path, before: &str) {
    revert_all(&change.files).unwrap();
    assert_eq!(fs::read_to_string(path).unwrap(), before);
}

#[test]
fn an_event_lasts_as_long_as_is_said() {
    let with_end =
        "UID:d\nSUMMARY:Dentist\nDTSTART;TZID=Europe/Paris:20260312T140000\nDTEND;TZID=Europe/Paris:20260312T150000";
    let with_length = "UID:d\nSUMMARY:Dentist\nDTSTART;TZID=Europe/Paris:20260312T140000\nDURATION:PT1H";
    for (duration, end) in [
        ("an hour longer", "160000"),
        ("30 more minutes", "153000"),
        ("15 minutes shorter", "144500"),
        ("2 hours", "160000"),
        ("to an hour and a half", "153000"),
        ("until 4", "160000"),
        ("until 5:30pm", "173000"),
        ("to end at 5", "170000"),
        ("une heure de plus", "160000"),
        ("jusqu’à 17h", "170000"),
    ] {
        for lines in [with_end, with_length] {
            let home = Home::new();
            let path = home.event("d.ics", lines);
            let before = fs::read_to_string(&path).unwrap();
            let change = home.act("change_event_duration", &json!({"title": "dentist", "duration": duration}));
            let file = fs::read_to_string(&path).unwrap();
            let end = format!("DTEND;TZID=Europe/Paris:20260312T{end}\n");
            assert!(file.contains(&end) && !file.contains("DURATION"), "{duration}: {file}");
            assert!(file.contains("DTSTART;TZID=Europe/Paris:20260312T140000\n"), "{file}");
            undo(&change, &path, &before);
        }
    }
    let mut home = Home::new();
    let path = home.event("d.ics", with_end);
    let longer = json!({"title": "dentist", "duration": "half an hour longer"});
    let change = home.act("change_event_duration", &longer);
    assert_eq!(
        change.effect,
        "Makes “Dentist” last 1 h 30 min instead of 1 h: tomorrow, Thursday 12 March from 14:00 to 15:30."
    );
    assert_eq!(change.data["changed"][0]["end"], "2026-03-12T15:30:00+01:00");
    home.world.language = Language::French;
    let change = home.act("change_event_duration", &longer);
    assert!(change.done.starts_with("« Dentist » dure maintenant 2 h : demain"), "{}", change.done);
    let choices = home.choices("change_event_duration", &json!({"title": "dentist", "duration": "d’une heure"}));
    assert_eq!(choices.iter().map(|choice| choice.label.as_str()).collect::<Vec<_>>(), ["plus long", "plus court"]);
    act(choices[1].plan.clone());
    assert!(fs::read_to_string(path).unwrap().contains("DTEND;TZID=Europe/Paris:20260312T150000\n"));
}

#[test]
fn a_concert_ends_after_it_begins() {
    for (duration, end) in [("until 10", "20260312T220000"), ("until 1am", "20260313T010000")] {
        let home = Home::new();
        let path =
            home.event("c.ics", "UID:c\nSUMMARY:Concert\nDTSTART;TZID=Europe/Paris:20260312T200000\nDURATION:PT1H");
        home.act("change_event_duration", &json!({"title": "concert", "duration": duration}));
        let file = fs::read_to_string(&path).unwrap();
        assert!(file.contains(&format!("DTEND;TZID=Europe/Paris:{end}\n")), "{duration}: {file}");
        for impossible in ["12 hours shorter", "until noon"] {
            let impossible = json!({"title": "concert", "duration": impossible});
            let refusal = home.try_plan("change_event_duration", &impossible).unwrap_err().to_string();
            assert!(refusal.contains("would end before it begins"), "{refusal}");
        }
        let unclear = json!({"title": "concert", "duration": "bananas"});
        assert!(home.try_plan("change_event_duration", &unclear).unwrap_err().to_string().contains("bananas"));
    }
}

#[test]
fn days_are_counted_for_what_takes_whole_days() {
    for (duration, end) in [("3 days", "20260328"), ("a day longer", "20260327"), ("until March 29", "20260330")] {
        let home = Home::new();
        let path = home.event("f.ics", "UID:f\nSUMMARY:Fair\nDTSTART;VALUE=DATE:20260325\nDTEND;VALUE=DATE:20260326");
        home.act("change_event_duration", &json!({"title": "fair", "duration": duration}));
        let file = fs::read_to_string(&path).unwrap();
        assert!(file.contains(&format!("DTEND;VALUE=DATE:{end}\n")), "{duration}: {file}");
        let hours = json!({"title": "fair", "duration": "an hour longer"});
        let refusal = home.try_plan("change_event_duration", &hours).unwrap_err().to_string();
        assert!(refusal.contains("Say in days how long “Fair” lasts"), "{refusal}");
    }
}

const GYM: &str = "UID:g\nSUMMARY:Gym\nDTSTART;TZID=Europe/Paris:20260302T180000\nDURATION:PT1H\nRRULE:FREQ=WEEKLY";

#[test]
fn of_a_series_one_or_all_become_longer() {
    let home = Home::new();
    let path = home.event("g.ics", GYM);
    let before = fs::read_to_string(&path).unwrap();
    let choices = home.choices("change_event_duration", &json!({"title": "gym", "duration": "half an hour longer"}));
    assert_eq!(choices[0].label, "only the next: Monday 16 March from 18:00 to 19:00");
    let list = |home: &Home| home.answer("list_events", &json!({"when": "from March 16 to March 23"}));
    let change = act(choices[0].plan.clone());
    assert_eq!(list(&home), "Monday 16 March\n  18:00–19:30  Gym\nMonday 23 March\n  18:00–19:00  Gym");
    undo(&change, &path, &before);
    let change = act(choices[1].plan.clone());
    assert_eq!(list(&home), "Monday 16 March\n  18:00–19:30  Gym\nMonday 23 March\n  18:00–19:30  Gym");
    assert!(change.done.ends_with("Monday 16 March from 18:00 to 19:30. All of them."), "{}", change.done);
    assert!(fs::read_to_string(&path).unwrap().contains("SEQUENCE:1\n"));
    undo(&change, &path, &before);
}

#[test]
fn a_renamed_event_keeps_everything_else() {
    let lines = "UID:d\nX-COLOR:red\nSUMMARY;LANGUAGE=en:Dentist\\, Dr Ana\nDESCRIPTION:Dentist\\, Dr Ana\n\
                 DTSTART;TZID=Europe/Paris:20260312T090000\nSEQUENCE:2\nBEGIN:VALARM\nACTION:DISPLAY\nTRIGGER:-PT10M\n\
                 DESCRIPTION:Dentist\\, Dr Ana\nEND:VALARM";
    let home = Home::new();
    let path = home.event("d.ics", lines);
    let before = fs::read_to_string(&path).unwrap();
    let change = home.act("rename_event", &json!({"title": "dentist", "new_title": "Orthodontist; upstairs"}));
    assert_eq!(change.effect, "Renames “Dentist, Dr Ana” to “Orthodontist; upstairs”.");
    let item = &change.data["changed"][0];
    assert_eq!((&item["title"], &item["renamed_from"]), (&json!("Orthodontist; upstairs"), &json!("Dentist, Dr Ana")));
    let file = fs::read_to_string(&path).unwrap();
    assert!(file.contains("\nSUMMARY:Orthodontist\\; upstairs\n") && file.contains("\nSEQUENCE:3\n"), "{file}");
    assert!(file.contains("TRIGGER:-PT10M\nDESCRIPTION:Orthodontist\\; upstairs\nEND:VALARM\n"), "{file}");
    // What somebody wrote about it is theirs, even if it says the same.
    assert!(file.contains("\nDESCRIPTION:Dentist\\, Dr Ana\nDTSTART") && file.contains("X-COLOR:red"), "{file}");
    undo(&change, &path, &before);
    for new_title in ["  ", "Dentist, Dr Ana"] {
        assert!(home.try_plan("rename_event", &json!({"title": "dentist", "new_title": new_title})).is_err());
    }
}

#[test]
fn all_of_a_series_that_has_the_title_is_renamed() {
    let mut home = Home::new();
    let changed = |day: u8, title: &str| {
        format!(
            "\nEND:VEVENT\nBEGIN:VEVENT\nUID:g\nSUMMARY:{title}\nRECURRENCE-ID;TZID=Europe/Paris:202603{day}T180000\n\
             DTSTART;TZID=Europe/Paris:202603{day}T190000\nDURATION:PT1H"
        )
    };
    let path = home.event("g.ics", &format!("{GYM}{}{}", changed(16, "Gym"), changed(23, "Swimming")));
    home.world.language = Language::French;
    let change = home.act("rename_event", &json!({"title": "gym", "new_title": "Boxe"}));
    assert_eq!(change.done, "« Gym » s’appelle maintenant « Boxe ».");
    let file = fs::read_to_string(path).unwrap();
    assert_eq!((file.matches("SUMMARY:Boxe").count(), file.matches("SUMMARY:Swimming").count()), (2, 1), "{file}");
}

#[test]
fn one_occurrence_is_skipped_or_those_of_some_days() {
    let home = Home::new();
    let path = home.event("g.ics", GYM);
    let before = fs::read_to_string(&path).unwrap();
    let change = home.act("skip_event", &json!({"title": "gym"}));
    assert_eq!(change.effect, "Takes out of the series “Gym”: Monday 16 March from 18:00 to 19:00. The others stay.");
    assert_eq!(change.data["deleted"][0]["start"], "2026-03-16T18:00:00+01:00");
    assert!(fs::read_to_string(&path).unwrap().contains("EXDATE;TZID=Europe/Paris:20260316T180000\n"));
    undo(&change, &path, &before);
    home.act("skip_event", &json!({"title": "gym", "when": "March 23"}));
    let list = home.answer("list_events", &json!({"when": "from March 16 to April 6"}));
    assert_eq!(list.matches("Gym").count(), 3, "{list}");
    assert!(!list.contains("23 March"), "{list}");
    let not_then = home.try_plan("skip_event", &json!({"title": "gym", "when": "tomorrow"})).unwrap_err().to_string();
    assert!(not_then.contains("Thursday 12 March; there is: Gym, Monday 16 March"), "{not_then}");
    for when in ["next time", "la prochaine fois"] {
        let plan = home.plan("skip_event", &json!({"title": "gym", "when": when}));
        assert!(matches!(&plan, Plan::Change(change) if change.effect.contains("Monday 16 March")), "{plan:?}");
    }
    assert!(
        home.answer("skip_event", &json!({"title": "chess", "when": "tomorrow"})).starts_with("There is no “chess”")
    );
}

#[test]
fn a_week_of_a_series_is_skipped_with_what_was_changed_in_it() {
    let home = Home::new();
    let path = home.event(
        "s.ics",
        "UID:s\nSUMMARY:Standup\nDTSTART;TZID=Europe/Paris:20260302T090000\nDURATION:PT15M\nRRULE:FREQ=DAILY\n\
         END:VEVENT\nBEGIN:VEVENT\nUID:s\nSUMMARY:Standup\nRECURRENCE-ID;TZID=Europe/Paris:20260317T090000\n\
         DTSTART;TZID=Europe/Paris:20260317T110000\nDURATION:PT15M",
    );
    let before = fs::read_to_string(&path).unwrap();
    let change = home.act("skip_event", &json!({"title": "standup", "when": "next week"}));
    let list = home.answer("list_events", &json!({"when": "next week"}));
    assert!(list.starts_with("Nothing in your calendar"), "{list}");
    assert_eq!(home.answer("list_events", &json!({"when": "March 23"})).matches("Standup").count(), 1);
    assert_eq!(change.data["deleted"].as_array().unwrap().len(), 7);
    undo(&change, &path, &before);
}

#[test]
fn what_does_not_repeat_is_deleted_when_it_is_skipped() {
    let home = Home::new();
    let path = home.event("d.ics", "UID:d\nSUMMARY:Dentist\nDTSTART:20260312T090000Z");
    let change = home.act("skip_event", &json!({"title": "dentist", "when": "tomorrow"}));
    assert_eq!(change.effect, "Deletes from your calendar: Dentist, tomorrow, Thursday 12 March at 10:00.");
    assert!(!path.exists());
}

#[test]
fn a_duration_is_read_among_the_words_that_come_with_it() {
    for (said, end) in [
        ("to 2 hours", "2026-03-12T21:00:00+01:00"),
        ("an hour and a half instead", "2026-03-12T20:30:00+01:00"),
        ("makes it 45 minutes", "2026-03-12T19:45:00+01:00"),
        ("till half nine", "2026-03-12T21:30:00+01:00"),
        ("make it end at 10", "2026-03-12T22:00:00+01:00"),
        ("30 more minutes please", "2026-03-12T20:30:00+01:00"),
    ] {
        let home = Home::new();
        home.event("a.ics", "UID:a\nSUMMARY:Concert\nDTSTART;TZID=Europe/Paris:20260312T190000\nDURATION:PT1H");
        let change = home.act("change_event_duration", &json!({"title": "concert", "duration": said}));
        assert_eq!(change.data["changed"][0]["end"], end, "{said}");
    }
}

#[test]
fn all_day_beside_a_date_makes_a_whole_day() {
    let home = Home::new();
    for (when, start, rule) in [
        ("all day saturday", "2026-03-14", None),
        ("saturday at 9, all day", "2026-03-14", None),
        ("samedi toute la journée", "2026-03-14", None),
        ("saturday all day, every year", "2026-03-14", Some("FREQ=YEARLY")),
        ("every mon n thurs all day", "2026-03-12", Some("FREQ=WEEKLY")),
        ("every mon n thurs 8pm", "2026-03-12T20:00:00+01:00", Some("FREQ=WEEKLY")),
        ("every year on the 14th of March", "2026-03-14", Some("FREQ=YEARLY")),
    ] {
        let change = home.act("create_event", &json!({"title": "fair", "when": when}));
        let created = &change.data["created"][0];
        assert_eq!(created["start"], start, "{when}");
        assert_eq!(created["rule"].as_str().map(|rule| rule.split(';').next().unwrap_or_default()), rule, "{when}");
    }
    assert!(home.try_plan("create_event", &json!({"title": "fair", "when": "all day"})).is_err());
    let change = home.act("create_reminder", &json!({"title": "fast", "when": "all day saturday"}));
    assert_eq!(change.data["created"][0]["due"], "2026-03-14");
}
