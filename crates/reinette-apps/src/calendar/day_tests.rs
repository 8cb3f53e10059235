//! Tests of what tells where and with whom events are, which come next, and which hours and days are free.

use crate::testing::Home;
use crate::{Plan, revert_all};
use reinette_time::Language;
use serde_json::json;
use std::fs;

const GYM: &str = "UID:g\nSUMMARY:Gym\nDTSTART;TZID=Europe/Paris:20260302T180000\nDURATION:PT1H\nRRULE:FREQ=WEEKLY";
const LUNCH: &str = "UID:l\nSUMMARY:Lunch\nX-COLOR:red\nLOCATION;LANGUAGE=en:Canteen\nSEQUENCE:1\n\
                     ATTENDEE;CN=\"Kim, Lee\":mailto:kim@example.org\nATTENDEE:mailto:bo@example.org\n\
                     DTSTART;TZID=Europe/Paris:20260312T120000\nDTEND;TZID=Europe/Paris:20260312T133000";

#[test]
fn an_event_is_at_a_place_and_everything_else_stays() {
    let mut home = Home::new();
    let path = home.event("l.ics", LUNCH);
    let before = fs::read_to_string(&path).unwrap();
    let change = home.act("place_event", &json!({"title": "lunch", "place": "at Chez Paul, 3; rue X"}));
    assert_eq!(change.effect, "Sets the place of “Lunch”: Chez Paul, 3; rue X.");
    assert_eq!(change.done, "“Lunch” is now at Chez Paul, 3; rue X.");
    assert_eq!(change.data["changed"][0]["location"], "Chez Paul, 3; rue X");
    let file = fs::read_to_string(&path).unwrap();
    assert!(file.contains("\nLOCATION:Chez Paul\\, 3\\; rue X\n") && file.contains("\nSEQUENCE:2\n"), "{file}");
    assert!(file.contains("X-COLOR:red\n") && !file.contains("Canteen"), "{file}");
    revert_all(&change.files).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), before);
    let again = home.try_plan("place_event", &json!({"title": "lunch", "place": "Canteen"})).unwrap_err().to_string();
    assert_eq!(again, "“Lunch” is at Canteen already.");
    home.event("g.ics", GYM);
    home.world.language = Language::French;
    let change = home.act("place_event", &json!({"title": "gym", "place": "Salle 4"}));
    assert_eq!(change.done, "« Gym » a maintenant pour lieu : Salle 4. Tous.");
    assert!(home.answer("find_event", &json!({"query": "gym"})).contains("(Salle 4)"));
}

#[test]
fn people_are_added_once_and_nothing_is_sent() {
    let home = Home::new();
    let path = home.event("l.ics", LUNCH);
    let found = home.answer("find_event", &json!({"query": "lunch"}));
    assert_eq!(
        found,
        "Lunch, tomorrow, Thursday 12 March from 12:00 to 13:30 (Canteen), with Kim, Lee and bo@example.org"
    );
    let change = home.act("invite", &json!({"title": "lunch", "people": "Sam and Zoé, Lea et sam"}));
    assert_eq!(change.done, "“Lunch” is now with Sam, Zoé and Lea; nothing was sent to anybody.");
    let file = fs::read_to_string(&path).unwrap();
    assert!(file.contains("\nATTENDEE;CN=Sam:invalid:nomail\nATTENDEE;CN=Zoé:invalid:nomail\n"), "{file}");
    let found = home.answer("find_event", &json!({"query": "lunch"}));
    assert!(found.ends_with("with Kim, Lee, bo@example.org, Sam, Zoé and Lea"), "{found}");
    let change = home.act("invite", &json!({"title": "lunch", "people": "with Lea & Ana: boss"}));
    assert_eq!(change.effect, "Adds Ana: boss to “Lunch”; nothing is sent to anybody. Already there: Lea.");
    assert!(fs::read_to_string(&path).unwrap().contains("ATTENDEE;CN=\"Ana: boss\":invalid:nomail\n"));
    assert_eq!(home.answer("invite", &json!({"title": "lunch", "people": "zoe"})), "“Lunch” is with zoe already.");
    let Plan::Answer(answer) = home.plan("find_event", &json!({"query": "lunch"})) else { panic!() };
    assert_eq!(answer.data["events"][0]["people"].as_array().unwrap().len(), 6);
    assert!(home.try_plan("invite", &json!({"title": "lunch", "people": " and "})).is_err());
}

#[test]
fn what_is_free_is_told_day_by_day() {
    let mut home = Home::new();
    home.event("l.ics", LUNCH);
    home.event("a.ics", "UID:a\nSUMMARY:Walk\nDTSTART;TZID=Europe/Paris:20260312T130000\nDURATION:PT2H");
    home.event("b.ics", "UID:b\nSUMMARY:Call\nDTSTART;TZID=Europe/Paris:20260312T193000");
    home.event(
        "c.ics",
        "UID:c\nSUMMARY:Hint\nTRANSP:TRANSPARENT\nDTSTART;TZID=Europe/Paris:20260312T090000\nDURATION:PT2H",
    );
    home.event("d.ics", "UID:d\nSUMMARY:Fair\nDTSTART;VALUE=DATE:20260312");
    let free = |home: &Home, arguments| home.answer("find_free", &arguments);
    assert_eq!(
        free(&home, json!({"when": "tomorrow"})),
        "Free for 1 h or more:\n  Tomorrow, Thursday 12 March (all day: Fair): 08:00–12:00, 15:00–19:30"
    );
    assert!(
        free(&home, json!({"when": "tomorrow", "duration": "at least 4 hours and a half"})).ends_with(": 15:00–19:30")
    );
    assert!(free(&home, json!({"when": "tomorrow afternoon"})).ends_with(": 15:00–18:00"));
    assert!(free(&home, json!({"when": "tomorrow at 4pm"})).ends_with(": 16:00–19:30"));
    assert!(free(&home, json!({"when": "tomorrow evening"})).ends_with(": 18:00–19:30, 20:30–00:00"));
    assert!(free(&home, json!({"when": "tomorrow from 9pm to 11pm"})).ends_with(": 21:00–23:00"));
    assert!(free(&home, json!({"when": "today"})).ends_with("Today, Wednesday 11 March: 10:15–20:00"));
    let week = free(&home, json!({}));
    assert_eq!((week.lines().count(), week.contains("Tuesday 17 March")), (8, true), "{week}");
    assert_eq!(
        free(&home, json!({"when": "tomorrow", "duration": "5 hours"})),
        "Nothing free for 5 h: tomorrow, Thursday 12 March."
    );
    assert!(free(&home, json!({"when": "from tomorrow to December 31"})).ends_with("more days"));
    assert!(
        home.try_plan("find_free", &json!({"when": "yesterday"})).unwrap_err().to_string().contains("already passed")
    );
    let Plan::Answer(answer) = home.plan("find_free", &json!({"when": "tomorrow"})) else { panic!() };
    assert_eq!(
        answer.data["free"][0],
        json!({"start": "2026-03-12T08:00:00+01:00", "end": "2026-03-12T12:00:00+01:00"})
    );
    home.world.language = Language::French;
    assert!(
        free(&home, json!({"when": "demain", "duration": "une heure"}))
            .starts_with("Libre pendant 1 h ou plus :\n  Demain")
    );
}

#[test]
fn the_events_of_a_day_are_deleted_and_of_series_only_those() {
    let home = Home::new();
    let gym = home.event("g.ics", GYM);
    let lunch = home.event("l.ics", &LUNCH.replace("20260312", "20260316"));
    let two = home.event(
        "t.ics",
        "UID:x\nSUMMARY:One\nDTSTART:20260316T080000Z\nEND:VEVENT\nBEGIN:VEVENT\nUID:y\nSUMMARY:Two\n\
         DTSTART:20260309T100000Z\nRRULE:FREQ=WEEKLY\nEND:VEVENT\nBEGIN:VEVENT\nUID:y\nSUMMARY:Two late\n\
         RECURRENCE-ID:20260316T100000Z\nDTSTART:20260316T160000Z",
    );
    home.event("w.ics", "UID:w\nSUMMARY:Holidays\nDTSTART;VALUE=DATE:20260314\nDTEND;VALUE=DATE:20260320");
    let before: Vec<_> = [&gym, &lunch, &two].map(|path| fs::read_to_string(path).unwrap()).into();
    let change = home.act("delete_events", &json!({"when": "Monday"}));
    assert_eq!(
        change.effect,
        "Deletes from your calendar: One, Monday 16 March at 09:00; Lunch, Monday 16 March from 12:00 to 13:30; \
         Two late, Monday 16 March at 17:00; Gym, Monday 16 March from 18:00 to 19:00. Of what repeats, the others stay."
    );
    assert_eq!((change.files.len(), change.data["deleted"].as_array().unwrap().len()), (3, 4));
    assert!(!lunch.exists());
    let list = home.answer("list_events", &json!({"when": "from March 16 to March 23"}));
    assert_eq!(
        list,
        "Monday 16 March\n  all day      Holidays, until Thursday 19 March\nMonday 23 March\n  11:00        Two\n  18:00–19:00  Gym"
    );
    revert_all(&change.files).unwrap();
    let after: Vec<_> = [&gym, &lunch, &two].map(|path| fs::read_to_string(path).unwrap()).into();
    assert_eq!(before, after);
    let effect = |when| match home.plan("delete_events", &json!({"when": when})) {
        Plan::Change(change) => change.effect,
        other => panic!("{other:?}"),
    };
    assert_eq!(effect("Monday morning"), "Deletes from your calendar: One, Monday 16 March at 09:00.");
    assert_eq!(effect("Monday at 1pm"), "Deletes from your calendar: Lunch, Monday 16 March from 12:00 to 13:30.");
    assert_eq!(
        home.answer("delete_events", &json!({"when": "tomorrow"})),
        "Nothing in your calendar begins then: “tomorrow”."
    );
    home.event("m.ics", "UID:m\nSUMMARY:Pills\nDTSTART:20260315T080000Z\nRRULE:FREQ=HOURLY");
    let refusal = home.try_plan("delete_events", &json!({"when": "Monday"})).unwrap_err().to_string();
    assert!(refusal.starts_with("That would delete ") && refusal.contains("at most 20"), "{refusal}");
}

#[test]
fn the_next_event_is_the_one_that_begins_next() {
    let mut home = Home::new();
    assert_eq!(home.answer("list_events", &json!({"when": "next"})), "Nothing ahead in your calendar.");
    home.event("l.ics", LUNCH);
    home.event("g.ics", GYM);
    home.event(
        "d.ics",
        "UID:d\nSUMMARY:Course\nDTSTART;TZID=Europe/Paris:20260309T100000\nDURATION:PT30M\nRRULE:FREQ=DAILY",
    );
    home.event("f.ics", "UID:f\nSUMMARY:Fair\nDTSTART;VALUE=DATE:20260311");
    for when in ["next", "my next meeting", "the next one"] {
        let next = home.answer("list_events", &json!({"when": when}));
        assert_eq!(next, "Course, tomorrow, Thursday 12 March from 10:00 to 10:30, repeats", "{when}");
    }
    home.world.language = Language::French;
    let Plan::Answer(answer) = home.plan("list_events", &json!({"when": "mon prochain rendez-vous"})) else { panic!() };
    assert_eq!(answer.data["events"].as_array().unwrap().len(), 1);
    assert!(answer.text.starts_with("Course, demain"), "{}", answer.text);
    assert!(home.answer("list_events", &json!({"when": "la semaine prochaine"})).ends_with("\n8 évènements."));
    assert!(home.answer("list_events", &json!({"when": "demain"})).ends_with("(Canteen)"), "two are seen at a glance");
}
