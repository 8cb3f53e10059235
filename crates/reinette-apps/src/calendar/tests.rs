use crate::revert_all;
use crate::testing::{Home, act, only_file, write_file};
use serde_json::json;
use std::fs;

#[test]
fn an_event_is_written_with_its_zone_and_takes_an_hour() {
    let home = Home::new();
    let change = home.act("create_event", &json!({"title": "dentist, Dr; Ana", "when": "tomorrow at 9"}));
    let file = only_file(&home.world.folders.calendar);
    for line in [
        "SUMMARY:dentist\\, Dr\\; Ana\r\n",
        "DTSTART;TZID=Europe/Paris:20260312T090000\r\n",
        "DTEND;TZID=Europe/Paris:20260312T100000\r\n",
        "DTSTAMP:20260311T091500Z\r\n",
        "BEGIN:VTIMEZONE\r\nTZID:Europe/Paris\r\n",
    ] {
        assert!(file.contains(line), "{line} in {file}");
    }
    assert_eq!(
        change.effect,
        "Adds “dentist, Dr; Ana” to your calendar: tomorrow, Thursday 12 March from 09:00 to 10:00."
    );
    revert_all(&change.files).unwrap();
    assert_eq!(fs::read_dir(&home.world.folders.calendar).unwrap().count(), 0);
}

#[test]
fn days_ranges_and_repetitions_are_written_as_such() {
    let cases = [
        ("on Friday", vec!["DTSTART;VALUE=DATE:20260313", "DTEND;VALUE=DATE:20260314"]),
        ("next week", vec!["DTSTART;VALUE=DATE:20260316", "DTEND;VALUE=DATE:20260323"]),
        (
            "tomorrow from 2pm to 3:30pm",
            vec!["DTSTART;TZID=Europe/Paris:20260312T140000", "DTEND;TZID=Europe/Paris:20260312T153000"],
        ),
        ("every Monday at 9", vec!["DTSTART;TZID=Europe/Paris:20260316T090000", "RRULE:FREQ=WEEKLY;BYDAY=MO"]),
    ];
    for (when, lines) in cases {
        let home = Home::new();
        home.act("create_event", &json!({"title": "fair", "when": when}));
        let file = only_file(&home.world.folders.calendar);
        for line in lines {
            assert!(file.contains(&format!("{line}\r\n")), "{when}: {line} in {file}");
        }
    }
}

#[test]
fn a_time_that_is_none_is_an_error_and_nothing_is_planned() {
    let error = Home::new().try_plan("create_event", &json!({"title": "x", "when": "blorp"})).unwrap_err();
    assert!(error.to_string().contains("blorp"), "{error}");
}

#[test]
fn the_agenda_groups_days_and_expands_repetitions_with_their_exceptions() {
    let home = Home::new();
    home.event(
        "weekly.ics",
        "UID:w\nSUMMARY:Standup\nDTSTART;TZID=Europe/Paris:20260302T090000\nDURATION:PT15M\n\
         RRULE:FREQ=DAILY;UNTIL=20260317T080000Z\nEXDATE;TZID=Europe/Paris:20260312T090000\nEND:VEVENT\n\
         BEGIN:VEVENT\nUID:w\nSUMMARY:Late standup\nRECURRENCE-ID;TZID=Europe/Paris:20260313T090000\n\
         DTSTART;TZID=Europe/Paris:20260313T110000\nDURATION:PT15M",
    );
    home.event(
        "fair.ics",
        "UID:f\nSUMMARY:Fair\nLOCATION:Lyon\nDTSTART;VALUE=DATE:20260310\nDTEND;VALUE=DATE:20260313",
    );
    home.event("utc.ics", "UID:u\nSUMMARY:Call\nDTSTART:20260312T130000Z\nDTEND:20260312T140000Z");
    home.event("past.ics", "UID:p\nSUMMARY:Past\nDTSTART:20260301T130000Z\nDTEND:20260301T140000Z");
    let broken = write_file(&home.world.folders.calendar, "broken.ics", "BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:cut");
    assert_eq!(
        home.answer("list_events", &json!({"when": "from today to Friday"})),
        "Today, Wednesday 11 March\n  all day      Fair (Lyon), until tomorrow, Thursday 12 March\n  \
         09:00–09:15  Standup\nTomorrow, Thursday 12 March\n  14:00–15:00  Call\nFriday 13 March\n  \
         11:00–11:15  Late standup\n(Left alone, since they cannot be read: broken.ics)\n4 events."
    );
    assert!(broken.exists());
    let week = home.answer("list_events", &json!({}));
    assert_eq!(week.matches("Standup").count(), 5, "11, 14, 15, 16, 17 March:\n{week}");
}

#[test]
fn a_repetition_keeps_its_hour_when_the_clocks_change() {
    // Paris changes to summer time on 29 March 2026, New York on 8 March.
    let home = Home::new();
    home.event("a.ics", "UID:a\nSUMMARY:Gym\nDTSTART;TZID=Europe/Paris:20260327T090000\nRRULE:FREQ=DAILY;COUNT=4");
    home.event("b.ics", "UID:b\nSUMMARY:Ny\nDTSTART;TZID=America/New_York:20260327T090000\nRRULE:FREQ=DAILY;COUNT=4");
    let list = home.answer("list_events", &json!({"when": "from March 27 to March 31"}));
    assert_eq!(list.matches("09:00        Gym").count(), 4, "{list}");
    // Nine in New York is 14:00 in Paris until its change, 15:00 from then on.
    assert_eq!(list.matches("14:00        Ny").count(), 2, "{list}");
    assert_eq!(list.matches("15:00        Ny").count(), 2, "{list}");
}

#[test]
fn an_empty_calendar_says_so() {
    let home = Home::new();
    let answer = home.answer("list_events", &json!({"when": "tomorrow"}));
    assert_eq!(answer, "Nothing in your calendar tomorrow, Thursday 12 March.");
}

#[test]
fn a_moved_event_keeps_its_length_its_day_or_its_hour_and_everything_unknown() {
    let lines = "X-COLOR:red\nUID:d\nSUMMARY:Dentist\nDTSTART;TZID=Europe/Paris:20260312T090000\n\
                 DTEND;TZID=Europe/Paris:20260312T093000\nATTENDEE;CN=Ana:mailto:ana@example.org\n\
                 BEGIN:VALARM\nACTION:DISPLAY\nTRIGGER:-PT10M\nEND:VALARM";
    for (when, start, end) in [
        ("at 4", "20260312T160000", "20260312T163000"),
        ("friday", "20260313T090000", "20260313T093000"),
        ("friday at the same time", "20260313T090000", "20260313T093000"),
        ("vendredi à la même heure", "20260313T090000", "20260313T093000"),
        ("friday at 11:00", "20260313T110000", "20260313T113000"),
        ("today at 5pm", "20260311T170000", "20260311T173000"),
        ("friday from 2pm to 4pm", "20260313T140000", "20260313T160000"),
    ] {
        let home = Home::new();
        let path = home.event("d.ics", lines);
        let before = fs::read_to_string(&path).unwrap();
        let change = home.act("move_event", &json!({"title": "dentist", "when": when}));
        let after = fs::read_to_string(&path).unwrap();
        assert!(after.contains(&format!("DTSTART;TZID=Europe/Paris:{start}\n")), "{when}: {after}");
        assert!(after.contains(&format!("DTEND;TZID=Europe/Paris:{end}\n")), "{when}: {after}");
        for line in before.lines().filter(|line| !line.starts_with("DT")) {
            assert!(after.lines().any(|kept| kept == line), "{line}");
        }
        revert_all(&change.files).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), before);
    }
}

#[test]
fn an_event_is_moved_by_a_length_from_where_it_is() {
    let lines = "UID:d\nSUMMARY:Dentist\nDTSTART;TZID=Europe/Paris:20260313T090000\nDURATION:PT30M";
    for (when, start) in [
        ("an hour later", "20260313T100000"),
        ("30 minutes earlier", "20260313T083000"),
        ("two days later", "20260315T090000"),
    ] {
        let home = Home::new();
        let path = home.event("d.ics", lines);
        home.act("move_event", &json!({"title": "dentist", "when": when}));
        let file = fs::read_to_string(path).unwrap();
        assert!(file.contains(&format!("DTSTART;TZID=Europe/Paris:{start}\nDURATION:PT30M\n")), "{when}: {file}");
    }
    let home = Home::new();
    let path = home.event("d.ics", lines);
    // By an hour, not to one o’clock.
    assert_eq!(home.choices("move_event", &json!({"title": "dentist", "when": "d’une heure"})).len(), 2);
    let choices = home.choices("move_event", &json!({"title": "dentist", "when": "by an hour"}));
    assert_eq!(choices.iter().map(|choice| choice.label.as_str()).collect::<Vec<_>>(), ["later", "earlier"]);
    act(choices[1].plan.clone());
    assert!(fs::read_to_string(path).unwrap().contains("DTSTART;TZID=Europe/Paris:20260313T080000\n"));
    home.event("f.ics", "UID:f\nSUMMARY:Fair\nDTSTART;VALUE=DATE:20260325");
    let refusal = home.try_plan("move_event", &json!({"title": "fair", "when": "an hour later"})).unwrap_err();
    assert!(refusal.to_string().contains("takes whole days"), "{refusal}");
}

#[test]
fn only_one_occurrence_of_a_repetition_is_moved() {
    let home = Home::new();
    let path = home.event(
        "g.ics",
        "UID:g\nSUMMARY:Gym\nDTSTART;TZID=Europe/Paris:20260302T180000\nDURATION:PT1H\nRRULE:FREQ=WEEKLY",
    );
    let change = home.act("move_event", &json!({"title": "gym", "when": "at 8pm"}));
    assert!(change.effect.contains("the others stay"), "{}", change.effect);
    let file = fs::read_to_string(path).unwrap();
    assert_eq!(file.matches("RRULE").count(), 1, "{file}");
    assert!(file.contains("RECURRENCE-ID;TZID=Europe/Paris:20260316T180000\n"), "{file}");
    let list = home.answer("list_events", &json!({"when": "from March 16 to March 23"}));
    assert_eq!(list, "Monday 16 March\n  20:00–21:00  Gym\nMonday 23 March\n  18:00–19:00  Gym");
}

#[test]
fn of_two_that_fit_the_user_chooses_and_each_choice_is_a_plan() {
    let home = Home::new();
    home.event("a.ics", "UID:a\nSUMMARY:Lunch with Ana\nDTSTART:20260312T110000Z\nDTEND:20260312T120000Z");
    home.event("b.ics", "UID:b\nSUMMARY:Lunch with Bo\nDTSTART:20260313T110000Z\nDTEND:20260313T120000Z");
    let choices = home.choices("delete_event", &json!({"title": "lunch"}));
    assert_eq!(choices[1].label, "Lunch with Bo, Friday 13 March from 12:00 to 13:00");
    act(choices[1].plan.clone());
    assert!(!home.world.folders.calendar.join("b.ics").exists() && home.world.folders.calendar.join("a.ics").exists());
    let answer = home.answer("delete_event", &json!({"title": "lunch with Carla"}));
    assert!(answer.starts_with("There is no “lunch with Carla”. The nearest: Lunch with Ana"), "{answer}");
}

#[test]
fn a_repetition_is_deleted_once_or_as_a_whole() {
    let home = Home::new();
    let lines = "UID:g\nSUMMARY:Gym\nDTSTART;TZID=Europe/Paris:20260302T180000\nRRULE:FREQ=WEEKLY";
    let path = home.event("g.ics", lines);
    let choices = home.choices("delete_event", &json!({"title": "gym"}));
    act(choices[0].plan.clone());
    assert!(fs::read_to_string(&path).unwrap().contains("EXDATE;TZID=Europe/Paris:20260316T180000\n"));
    let list = home.answer("list_events", &json!({"when": "from March 16 to March 23"}));
    assert_eq!(list, "Monday 23 March\n  18:00        Gym");
    act(home.choices("delete_event", &json!({"title": "gym"}))[1].plan.clone());
    assert!(!path.exists());
}

#[test]
fn events_are_found_by_any_of_their_words_what_comes_first() {
    let home = Home::new();
    home.event("a.ics", "UID:a\nSUMMARY:Dîner\nLOCATION:Chez Paul\nDTSTART:20260320T180000Z\nDTEND:20260320T200000Z");
    home.event("b.ics", "UID:b\nSUMMARY:Paul's birthday\nDTSTART;VALUE=DATE:20260101");
    assert_eq!(
        home.answer("find_event", &json!({"query": "paul"})),
        "Dîner, Friday 20 March from 19:00 to 21:00 (Chez Paul)\nPaul's birthday, Thursday 1 January, over"
    );
    assert_eq!(home.answer("find_event", &json!({"query": "zumba"})), "No event has “zumba”.");
}

/// Processor time, since the time on the wall measures what else the machine does.
#[cfg(target_os = "linux")]
#[test]
fn ten_thousand_files_are_listed_with_less_than_a_second_of_work() {
    let home = Home::new();
    for number in 0..10_000 {
        let (month, day) = (number % 12 + 1, number % 28 + 1);
        let lines = format!("UID:{number}\nSUMMARY:Event {number}\nDTSTART:2025{month:02}{day:02}T100000Z");
        home.event(&format!("{number}.ics"), &lines);
    }
    let before = ticks_of_this_thread();
    assert!(home.answer("list_events", &json!({})).starts_with("Nothing"));
    let ticks = ticks_of_this_thread() - before;
    assert!(ticks < TICKS_PER_SECOND, "{ticks}");
}

/// What Linux counts processor time in, on every architecture that Rust has a standard library for.
#[cfg(target_os = "linux")]
const TICKS_PER_SECOND: u64 = 100;

/// The time spent in user and in system mode: the 14th and 15th field, the second being a name in parentheses (proc(5)).
#[cfg(target_os = "linux")]
fn ticks_of_this_thread() -> u64 {
    let status = fs::read_to_string("/proc/thread-self/stat").unwrap();
    let (_, fields) = status.rsplit_once(')').unwrap();
    fields.split_whitespace().skip(11).take(2).map(|field| field.parse::<u64>().unwrap()).sum()
}
