use crate::testing::{Home, act, only_file};
use reinette_time::Language;
use serde_json::json;

/// A dentist tomorrow at 15:00, a flight on Friday 20 March at 13:30 (written in UTC), a fair on the 25th.
fn home() -> Home {
    let home = Home::new();
    home.event("d.ics", "UID:d\nSUMMARY:Dentist\nDTSTART;TZID=Europe/Paris:20260312T150000\nDURATION:PT1H");
    home.event("f.ics", "UID:f\nSUMMARY:Flight to Oslo\nDTSTART:20260320T123000Z\nDTEND:20260320T153000Z");
    home.event("a.ics", "UID:a\nSUMMARY:Fair\nDTSTART;VALUE=DATE:20260325\nDTEND;VALUE=DATE:20260326");
    home
}

/// When a reminder is due that was asked for so.
fn due(home: &Home, title: &str, when: &str) -> String {
    let change = act(home.plan("create_reminder", &json!({"title": title, "when": when})));
    change.data["created"][0]["due"].as_str().unwrap().to_owned()
}

#[test]
fn a_moment_is_counted_from_the_start_of_an_event() {
    for (when, expected) in [
        ("an hour before the dentist", "2026-03-12T14:00:00+01:00"),
        ("30 minutes before my dentist appointment", "2026-03-12T14:30:00+01:00"),
        ("two hours after my flight", "2026-03-20T15:30:00+01:00"),
        ("une heure avant le vol pour Oslo", "2026-03-20T12:30:00+01:00"),
        ("a quarter of an hour prior to the flight", "2026-03-20T13:15:00+01:00"),
        ("the day before the flight", "2026-03-19"),
        ("two days before my flight", "2026-03-18"),
        ("a week before the fair", "2026-03-18"),
        ("the day before my flight at 6pm", "2026-03-19T18:00:00+01:00"),
        ("at 6pm the day before my flight", "2026-03-19T18:00:00+01:00"),
        ("la veille de mon vol à 18h", "2026-03-19T18:00:00+01:00"),
        ("the evening before my flight", "2026-03-19T19:00:00+01:00"),
        ("le soir avant mon vol", "2026-03-19T19:00:00+01:00"),
        ("la veille au soir de mon vol", "2026-03-19T19:00:00+01:00"),
        ("the morning before my flight", "2026-03-20T09:00:00+01:00"),
        ("the morning of my flight", "2026-03-20T09:00:00+01:00"),
        ("le matin du vol", "2026-03-20T09:00:00+01:00"),
        ("the morning after my flight", "2026-03-21T09:00:00+01:00"),
        ("the day after the fair", "2026-03-26"),
        ("an hour before the dentist tomorrow", "2026-03-12T14:00:00+01:00"),
        ("an hour before my 3pm dentist", "2026-03-12T14:00:00+01:00"),
    ] {
        let home = home();
        home.event("v.ics", "UID:v\nSUMMARY:Vol pour Oslo\nDTSTART:20260320T123000Z\nDTEND:20260320T153000Z");
        assert_eq!(due(&home, "take my card", when), expected, "{when}");
    }
}

#[test]
fn the_title_names_the_event_where_the_time_only_points_at_it() {
    for when in ["an hour before", "an hour before it", "une heure avant"] {
        assert_eq!(due(&home(), "the dentist", when), "2026-03-12T14:00:00+01:00", "{when}");
    }
    assert_eq!(due(&home(), "flight to Oslo", "the evening before"), "2026-03-19T19:00:00+01:00");
}

#[test]
fn events_alarms_and_moves_are_counted_from_events_too() {
    let home = home();
    home.act("create_event", &json!({"title": "drop off the cat", "when": "two hours before my flight"}));
    let list = home.answer("list_events", &json!({"when": "March 20"}));
    assert!(list.contains("11:30–12:30  drop off the cat"), "{list}");
    home.act("move_event", &json!({"title": "cat", "when": "an hour after the dentist"}));
    let list = home.answer("list_events", &json!({"when": "tomorrow"}));
    assert!(list.contains("16:00–17:00  drop off the cat"), "{list}");
    home.act("set_alarm", &json!({"when": "3 hours before my flight"}));
    assert!(only_file(&home.world.folders.timers).contains("2026-03-20T10:30:00+01:00"));
}

#[test]
fn of_several_events_the_user_chooses_and_one_that_is_not_there_is_named() {
    let mut home = home();
    home.event("e.ics", "UID:e\nSUMMARY:Dentist\nDTSTART;TZID=Europe/Paris:20260401T100000\nDURATION:PT1H");
    let when = json!({"title": "take my card", "when": "an hour before the dentist"});
    let choices = home.choices("create_reminder", &when);
    assert_eq!(choices.len(), 2);
    assert_eq!(choices[1].label, "Dentist, Wednesday 1 April from 10:00 to 11:00");
    assert_eq!(act(choices[1].plan.clone()).data["created"][0]["due"], "2026-04-01T09:00:00+02:00");
    assert_eq!(due(&home, "take my card", "an hour before the dentist on April 1"), "2026-04-01T09:00:00+02:00");

    let unknown = |home: &Home, when: &str| {
        home.try_plan("create_reminder", &json!({"title": "pack", "when": when})).unwrap_err().told(home.world.language)
    };
    let told = unknown(&home, "an hour before the concert");
    assert!(told.starts_with("There is no event “concert” in your calendar"), "{told}");
    // The one on another day is not meant.
    assert!(unknown(&home, "an hour before the flight on Saturday").contains("“flight on Saturday”"));
    assert!(unknown(&home, "an hour before the fair").contains("“Fair” takes whole days"));
    home.world.language = Language::French;
    let told = unknown(&home, "une heure avant le concert");
    assert!(told.starts_with("Je ne trouve pas « concert » dans votre agenda"), "{told}");
}

#[test]
fn what_only_looks_like_it_stays_what_it_is() {
    let home = home();
    for (when, error) in
        [("tomorrow after work", "after work"), ("before the dentist", "dentist"), ("an hour before", "“pack”")]
    {
        let told = home.try_plan("create_reminder", &json!({"title": "pack", "when": when})).unwrap_err();
        assert!(told.told(Language::English).contains(error), "{when}: {told}");
    }
    assert_eq!(due(&home, "pack", "the day before Christmas"), "2026-12-24");
    let home = home.at("2026-03-12T14:30:00+01:00[Europe/Paris]");
    let told = home.try_plan("create_reminder", &json!({"title": "go", "when": "an hour before the dentist"}));
    assert!(told.unwrap_err().to_string().contains("has already passed"));
}

#[test]
fn of_what_repeats_the_next_that_has_not_begun_counts() {
    let home = Home::new();
    home.event(
        "g.ics",
        "UID:g\nSUMMARY:Gym\nDTSTART;TZID=Europe/Paris:20260309T100000\nDURATION:PT1H\nRRULE:FREQ=DAILY",
    );
    assert_eq!(due(&home, "pack", "10 minutes before the gym"), "2026-03-12T09:50:00+01:00");
}
