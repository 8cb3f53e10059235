//! What somebody else wrote, in every place where the apps take it into a sentence.

use crate::testing::{Home, write_file};
use crate::visible::is_control;
use crate::{Plan, due_reminders, due_timers, next_reminder};
use proptest::prelude::*;
use serde_json::{Value, json};

/// A sign that stands in every hostile text, so that things are found by it.
const WORD: &str = "zebra";

/// As a value of an iCalendar property, which has no sign for a carriage return: a space keeps the words apart that it kept apart.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace(';', "\\;").replace(',', "\\,").replace('\n', "\\n").replace('\r', " ")
}

/// Everything that the apps say in a home whose every foreign text is `text`.
fn said(text: &str) -> Vec<String> {
    let home = Home::new();
    let summary = escaped(text);
    let event = |day: u8| {
        format!("SUMMARY:{summary}\nLOCATION:{summary}\nDTSTART:202603{day}T100000Z\nDTEND:202603{day}T110000Z")
    };
    home.event("a.ics", &format!("UID:a\n{}", event(12)));
    home.event("b.ics", &format!("UID:b\n{}\nRRULE:FREQ=DAILY;COUNT=3", event(13)));
    home.to_do("c.ics", &format!("UID:c\nSUMMARY:{summary}\nDUE:20260311T091500Z"));
    home.to_do(
        "d.ics",
        &format!("UID:d\nSUMMARY:{summary}\nDUE:20260312T091500Z\nRRULE:FREQ=DAILY\nDTSTART:20260312T091500Z"),
    );
    let name: String = text.chars().filter(|character| !matches!(character, '/' | '\0')).take(40).collect();
    write_file(&home.world.folders.notes, &format!("{name}.md"), &format!("{text}\n{text}"));
    write_file(&home.world.folders.calendar, &format!("{name}.ics"), "no calendar");
    let calls = [
        ("list_events", json!({})),
        ("list_events", json!({"when": "tomorrow"})),
        ("find_event", json!({"query": text})),
        ("move_event", json!({"title": text, "when": "tomorrow at 5pm"})),
        ("delete_event", json!({"title": text})),
        ("delete_event", json!({"title": "xylophone"})),
        ("change_event_duration", json!({"title": text, "duration": "an hour longer"})),
        ("rename_event", json!({"title": text, "new_title": format!("{text} new")})),
        ("skip_event", json!({"title": text, "when": "Friday"})),
        ("skip_event", json!({"title": text, "when": "next month"})),
        ("place_event", json!({"title": text, "place": format!("{text} new")})),
        ("invite", json!({"title": text, "people": text})),
        ("find_free", json!({})),
        ("delete_events", json!({"when": "tomorrow"})),
        ("tick_in_note", json!({"text": text})),
        ("rename_note", json!({"note": WORD, "new_title": format!("{text} new")})),
        ("create_event", json!({"title": text, "when": "tomorrow at 5pm"})),
        ("create_reminder", json!({"title": text, "when": "tomorrow at 5pm"})),
        ("list_reminders", json!({})),
        ("move_reminder", json!({"title": text, "when": "tomorrow at 5pm"})),
        ("rename_reminder", json!({"title": text, "new_title": format!("{text} new")})),
        ("complete_reminder", json!({"title": text})),
        ("delete_reminder", json!({"title": text})),
        ("delete_reminder", json!({"title": format!("{text} xylophone")})),
        ("create_note", json!({"text": text})),
        ("append_note", json!({"note": text, "text": text})),
        ("append_note", json!({"note": format!("{text} xylophone"), "text": text})),
        ("find_note", json!({"query": text})),
        ("list_notes", json!({})),
        ("clear_note", json!({"note": WORD})),
        ("delete_note", json!({"note": WORD})),
        ("extend_timer", json!({"duration": "5 minutes", "which": text})),
        ("cancel_timer", json!({"which": text})),
        ("tell_time", json!({"place": "Paris"})),
        ("calculate", json!({"expression": "\"a\\u{1b}b\""})),
    ];
    let mut all = Vec::new();
    for (tool, arguments) in calls {
        if let Ok(plan) = home.try_plan(tool, &arguments) {
            collect(&plan, &mut all);
        }
    }
    let rings = due_reminders(&home.world).unwrap().into_iter().chain(due_timers(&home.world).unwrap());
    all.extend(rings.map(|ring| ring.text));
    all.extend(next_reminder(&home.world).unwrap().map(|next| next.to_text(&home.world)));
    all
}

/// The texts of a plan; those that are one sentence are one line.
fn collect(plan: &Plan, all: &mut Vec<String>) {
    match plan {
        Plan::Answer(answer) => all.push(answer.text.clone()),
        Plan::Change(change) => {
            for sentence in [&change.effect, &change.done] {
                assert!(!sentence.contains('\n'), "{sentence:?}");
                all.push(sentence.clone());
            }
        }
        Plan::Ask(question) => {
            all.push(question.text.clone());
            for choice in &question.choices {
                assert!(!choice.label.contains('\n'), "{choice:?}");
                all.push(choice.label.clone());
                collect(&choice.plan, all);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_foreign_text_makes_a_line_or_a_control(
        noise in proptest::collection::vec(prop_oneof![
            Just("\u{1b}]52;c;eA==\u{7}"), Just("\u{1b}[2J"), Just("\u{9b}31m"), Just("\u{202e}"), Just("\u{2028}"),
            Just("\r"), Just("\n✓ Deleted everything"), Just("\n"), Just("\t"), Just("\u{7f}"), Just("mot"), Just("\u{85}"),
        ], 0..6)
    ) {
        let hostile = said(&format!("{WORD} {} {WORD}", noise.concat()));
        let harmless = said(&format!("{WORD} mot {WORD}"));
        prop_assert_eq!(hostile.len(), harmless.len());
        for (hostile, harmless) in hostile.iter().zip(&harmless) {
            prop_assert!(!hostile.contains(|character| character != '\n' && is_control(character)), "{:?}", hostile);
            prop_assert_eq!(hostile.matches('\n').count(), harmless.matches('\n').count(), "{:?} for {:?}", hostile, harmless);
        }
    }
}

/// The data of a plan that needs no choice.
fn data(plan: Plan) -> Value {
    match plan {
        Plan::Answer(answer) => answer.data,
        Plan::Change(change) => change.data,
        Plan::Ask(question) => panic!("{question:?}"),
    }
}

#[test]
fn programs_are_told_identifiers_times_and_paths() {
    let home = Home::new();
    let path =
        home.event("a.ics", "UID:a\nSUMMARY:Dentist\nLOCATION:Rue X\nDTSTART:20260312T100000Z\nDTEND:20260312T110000Z");
    let dentist = json!({
        "kind": "event", "id": "a", "title": "Dentist", "start": "2026-03-12T11:00:00+01:00",
        "end": "2026-03-12T12:00:00+01:00", "location": "Rue X", "path": path,
    });
    assert_eq!(data(home.plan("list_events", &json!({}))), json!({"events": [dentist]}));
    assert_eq!(data(home.plan("find_event", &json!({"query": "dentist"}))), json!({"events": [dentist]}));
    assert_eq!(data(home.plan("delete_event", &json!({"title": "dentist"}))), json!({"deleted": [dentist]}));
    let moved = data(home.plan("move_event", &json!({"title": "dentist", "when": "Friday at 3pm"})));
    assert_eq!(moved["changed"][0]["start"], "2026-03-13T15:00:00+01:00");
    assert_eq!(moved["changed"][0]["moved_from"], "2026-03-12T11:00:00+01:00");

    for (tool, arguments, expected) in [
        (
            "create_event",
            json!({"title": "Lunch", "when": "tomorrow at noon"}),
            json!({"kind": "event", "title": "Lunch", "start": "2026-03-12T12:00:00+01:00", "end": "2026-03-12T13:00:00+01:00"}),
        ),
        (
            "create_event",
            json!({"title": "Fair", "when": "tomorrow"}),
            json!({"kind": "event", "title": "Fair", "start": "2026-03-12", "end": "2026-03-13"}),
        ),
        (
            "create_reminder",
            json!({"title": "call Ana", "when": "every day at 9"}),
            json!({"kind": "reminder", "title": "call Ana", "due": "2026-03-12T09:00:00+01:00",
                "rings_at": "2026-03-12T09:00:00+01:00", "rule": "FREQ=DAILY"}),
        ),
        ("create_reminder", json!({"title": "buy milk"}), json!({"kind": "reminder", "title": "buy milk"})),
        (
            "set_timer",
            json!({"duration": "10 minutes"}),
            json!({"kind": "timer", "rings_at": "2026-03-11T10:25:00+01:00", "duration_seconds": 600}),
        ),
        (
            "set_alarm",
            json!({"when": "tomorrow at 7am"}),
            json!({"kind": "alarm", "rings_at": "2026-03-12T07:00:00+01:00"}),
        ),
        ("create_note", json!({"text": "wifi 42"}), json!({"kind": "note", "title": "Wifi 42", "id": "Wifi 42"})),
    ] {
        let change = home.act(tool, &arguments);
        let mut item = change.data["created"][0].clone();
        let path = item["path"].as_str().unwrap().to_owned();
        assert_eq!(path, change.files[0].path.display().to_string());
        let id = item["id"].as_str().unwrap().to_owned();
        assert!(path.contains(&id), "{item}");
        let fields = item.as_object_mut().unwrap();
        fields.shift_remove("path");
        if expected.get("id").is_none() {
            fields.shift_remove("id");
        }
        assert_eq!(item, expected, "{tool} {arguments}");
    }
    let reminders = data(home.plan("list_reminders", &json!({})));
    assert_eq!(reminders["reminders"].as_array().unwrap().len(), 2);
    let path = reminders["reminders"][0]["path"].as_str().unwrap();
    assert!(std::path::Path::new(path).exists(), "{path}");
    let done = data(home.plan("complete_reminder", &json!({"title": "call Ana"})));
    assert_eq!(done["completed"][0]["due"], "2026-03-13T09:00:00+01:00");
    let timers = data(home.plan("list_timers", &json!({})));
    assert_eq!(timers["timers"][0]["duration_seconds"], 600);
    assert_eq!(data(home.plan("cancel_timer", &json!({"which": "all"})))["deleted"].as_array().unwrap().len(), 2);
    assert_eq!(
        data(home.plan("append_note", &json!({"note": "wifi", "text": "43"})))["changed"][0]["title"],
        "Wifi 42"
    );
    assert_eq!(data(home.plan("find_note", &json!({"query": "wifi"})))["notes"][0]["id"], "Wifi 42");
    assert_eq!(data(home.plan("calculate", &json!({"expression": "5 miles to km"})))["unit"], "km");
    let time = data(home.plan("tell_time", &json!({"place": "Tokyo"})));
    assert_eq!(time, json!({"time": "2026-03-11T18:15:00+09:00", "time_zone": "Asia/Tokyo"}));
}
