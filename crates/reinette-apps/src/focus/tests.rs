use crate::Plan;
use crate::testing::{Home, act, write_file};
use serde_json::{Value, json};

/// Two meetings and a dentist, a weekly class.
fn home() -> Home {
    let home = Home::new();
    home.event("a.ics", "UID:a\nSUMMARY:Meeting with Ana\nDTSTART;TZID=Europe/Paris:20260312T100000\nDURATION:PT1H");
    home.event("b.ics", "UID:b\nSUMMARY:Meeting with Bo\nDTSTART;TZID=Europe/Paris:20260313T150000\nDURATION:PT1H");
    home.event("d.ics", "UID:d\nSUMMARY:Dentist\nDTSTART;TZID=Europe/Paris:20260317T090000\nDURATION:PT1H");
    home.event(
        "y.ics",
        "UID:y\nSUMMARY:Yoga\nDTSTART;TZID=Europe/Paris:20260305T180000\nDURATION:PT1H\nRRULE:FREQ=WEEKLY",
    );
    home
}

fn data(plan: Plan) -> Value {
    match plan {
        Plan::Answer(answer) => answer.data,
        Plan::Change(change) => change.data,
        Plan::Ask(question) => panic!("{question:?}"),
    }
}

fn shown(home: &Home, when: &str) -> Value {
    data(home.plan("list_events", &json!({"when": when})))
}

fn effect(home: &Home, tool: &str, arguments: &Value) -> String {
    match home.plan(tool, arguments) {
        Plan::Change(change) => change.effect,
        other => panic!("{arguments}: {other:?}"),
    }
}

#[test]
fn of_several_that_fit_the_newest_answer_decides() {
    let mut home = home();
    let call = json!({"title": "the meeting"});
    assert_eq!(home.choices("delete_event", &call).len(), 2);
    let (tomorrow, friday, both) = (shown(&home, "tomorrow"), shown(&home, "Friday"), shown(&home, "this week"));
    home.focus_on(&[&friday, &tomorrow]);
    assert!(effect(&home, "delete_event", &call).contains("Meeting with Bo"));
    home.focus_on(&[&shown(&home, "March 17"), &tomorrow, &friday]);
    assert!(effect(&home, "delete_event", &call).contains("Meeting with Ana"), "the newest that has any");
    home.focus_on(&[&both, &friday]);
    assert_eq!(home.choices("delete_event", &call).len(), 2, "it has both");
}

#[test]
fn what_only_points_means_the_one_thing_that_was_told_of() {
    let mut home = home();
    home.act("create_reminder", &json!({"title": "call Bo", "when": "Friday at 9"}));
    let (dentist, both) = (shown(&home, "March 17"), shown(&home, "March 12 to 13"));
    let reminders = data(home.plan("list_reminders", &json!({})));
    for title in ["it", "that one", "the appointment", "celui-là"] {
        home.focus_on(&[&dentist, &reminders]);
        let moved = effect(&home, "move_event", &json!({"title": title, "when": "March 18 at 9"}));
        assert!(moved.contains("Dentist"), "{title}: {moved}");
    }
    home.focus_on(&[&reminders, &dentist]);
    let moved = effect(&home, "move_event", &json!({"title": "it", "when": "Saturday at 9"}));
    assert!(moved.contains("call Bo"), "the newest, of whatever kind: {moved}");
    assert!(effect(&home, "complete_reminder", &json!({"title": "that"})).contains("call Bo"));
    home.focus_on(&[&both, &dentist]);
    let answer = home.answer("delete_event", &json!({"title": "it"}));
    assert!(answer.starts_with("There is no “it”"), "two were told of: {answer}");
    home.focus_on(&[]);
    assert!(home.answer("delete_event", &json!({"title": "it"})).starts_with("There is no “it”"));
}

#[test]
fn of_what_repeats_the_occurrence_that_was_told_of_is_meant() {
    let mut home = home();
    let later = shown(&home, "March 19");
    for title in ["yoga", "it"] {
        home.focus_on(&[&later]);
        let moved = effect(&home, "move_event", &json!({"title": title, "when": "at 19:00"}));
        assert!(moved.contains("Thursday 19 March from 19:00"), "{title}: {moved}");
    }
    home.focus_on(&[&shown(&home, "March 17"), &later]);
    let moved = effect(&home, "move_event", &json!({"title": "yoga", "when": "at 19:00"}));
    assert!(moved.contains("Thursday 12 March from 19:00"), "{moved}");
}

#[test]
fn notes_and_timers_are_pointed_at_too() {
    let mut home = home();
    write_file(&home.world.folders.notes, "Packing.md", "- tent\n");
    write_file(&home.world.folders.notes, "Ideas.md", "- kite\n");
    let note = data(home.plan("read_note", &json!({"note": "packing"})));
    let timer = act(home.plan("set_timer", &json!({"duration": "10 minutes"}))).data;
    home.act("set_timer", &json!({"duration": "20 minutes"}));
    home.focus_on(&[&note, &timer]);
    assert!(effect(&home, "append_note", &json!({"note": "it", "text": "pegs"})).contains("Packing"));
    assert!(effect(&home, "delete_note", &json!({"note": "that list"})).contains("Packing"));
    assert!(effect(&home, "cancel_timer", &json!({"which": "it"})).contains("timer of 10 min"));
    assert!(effect(&home, "extend_timer", &json!({"duration": "5 more"})).contains("timer of 10 min"));
}

#[test]
fn times_count_from_the_one_thing_that_was_told_of() {
    let mut home = home();
    let (dentist, both) = (shown(&home, "March 17"), shown(&home, "March 12 to 13"));
    home.focus_on(&[&dentist, &both]);
    for (when, expected) in [
        ("the evening before", "2026-03-16T19:00:00+01:00"),
        ("the evening before at 6", "2026-03-16T18:00:00+01:00"),
        ("at 6 the evening before", "2026-03-16T18:00:00+01:00"),
        ("an hour before", "2026-03-17T08:00:00+01:00"),
        ("an hour before it", "2026-03-17T08:00:00+01:00"),
        ("a day earlier", "2026-03-16"),
        ("the day before at noon", "2026-03-16T12:00:00+01:00"),
        ("la veille", "2026-03-16"),
        ("la veille à 18h", "2026-03-16T18:00:00+01:00"),
        ("le lendemain", "2026-03-18"),
        ("the following morning", "2026-03-18T09:00:00+01:00"),
        ("that day", "2026-03-17"),
        ("the same day at noon", "2026-03-17T12:00:00+01:00"),
        ("that evening at 8", "2026-03-17T20:00:00+01:00"),
        ("the same evening", "2026-03-17T19:00:00+01:00"),
        ("ce soir-là", "2026-03-17T19:00:00+01:00"),
        ("ce jour-là à 14h", "2026-03-17T14:00:00+01:00"),
        ("same time", "2026-03-17T09:00:00+01:00"),
        ("the day after at the same time", "2026-03-18T09:00:00+01:00"),
        ("Friday at the same time", "2026-03-13T09:00:00+01:00"),
        ("vendredi à la même heure", "2026-03-13T09:00:00+01:00"),
        ("this evening", "2026-03-11T19:00:00+01:00"),
    ] {
        let change = data(home.plan("create_reminder", &json!({"title": "pack", "when": when})));
        assert_eq!(change["created"][0]["due"], expected, "{when}");
    }
    // Things of one day have that day, and no hour.
    home.event("e.ics", "UID:e\nSUMMARY:Lunch\nDTSTART;TZID=Europe/Paris:20260317T120000\nDURATION:PT1H");
    home.focus_on(&[&shown(&home, "March 17"), &both]);
    let change = data(home.plan("create_event", &json!({"title": "walk", "when": "that day at 3pm"})));
    assert_eq!(change["created"][0]["start"], "2026-03-17T15:00:00+01:00");
    assert!(home.try_plan("create_event", &json!({"title": "walk", "when": "an hour before"})).is_err());
}

#[test]
fn a_named_event_outweighs_what_was_told_of_and_what_moves_counts_from_itself_at_last() {
    let mut home = home();
    home.focus_on(&[&shown(&home, "March 17")]);
    let due = |home: &Home, title: &str, when: &str| {
        data(home.plan("create_reminder", &json!({"title": title, "when": when})))["created"][0]["due"].clone()
    };
    assert_eq!(due(&home, "pack", "an hour before the meeting with Ana"), "2026-03-12T09:00:00+01:00");
    assert_eq!(due(&home, "meeting with Ana", "an hour before"), "2026-03-12T09:00:00+01:00");
    assert_eq!(due(&home, "pack", "the evening before the meeting with Ana at 6"), "2026-03-11T18:00:00+01:00");
    let start = |home: &Home, when: &str| {
        let change = data(home.plan("move_event", &json!({"title": "meeting with Bo", "when": when})));
        change["changed"][0]["start"].clone()
    };
    assert_eq!(start(&home, "the evening before at 6"), "2026-03-16T18:00:00+01:00");
    assert_eq!(start(&home, "that day"), "2026-03-17T15:00:00+01:00");
    home.focus_on(&[]);
    assert_eq!(start(&home, "the evening before at 6"), "2026-03-12T18:00:00+01:00");
    assert!(home.try_plan("create_event", &json!({"title": "x", "when": "that day"})).is_err());
}
