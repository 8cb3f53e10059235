use crate::testing::{Home, act, write_file};
use crate::{Change, Plan};
use reinette_time::Language;
use serde_json::json;
use std::fs;

const DENTIST: &str = "UID:e\nSUMMARY:Dentist\nDTSTART;TZID=Europe/Paris:20260312T140000\nDURATION:PT1H";
const RENT: &str = "UID:r\nSUMMARY:Pay the rent\nDUE;TZID=Europe/Paris:20260312T090000";

fn change(home: &Home, tool: &str, arguments: &serde_json::Value) -> Change {
    match home.plan(tool, arguments) {
        Plan::Change(change) => change,
        other => panic!("{tool} {arguments}: {other:?}"),
    }
}

#[test]
fn what_is_asked_of_an_event_is_done_to_a_reminder_that_fits_and_the_other_way_round() {
    let mut home = Home::new();
    home.event("e.ics", DENTIST);
    home.to_do("r.ics", RENT);
    for (tool, arguments, effect) in [
        ("move_event", json!({"title": "rent", "when": "Friday at 10"}), "Moves the reminder “Pay the rent”: tomorrow"),
        ("rename_event", json!({"title": "pay rent", "new_title": "Pay"}), "Renames “Pay the rent” to “Pay”."),
        ("delete_event", json!({"title": "the rent"}), "Deletes the reminder: Pay the rent, tomorrow"),
        ("move_reminder", json!({"title": "dentist", "when": "Friday at 10"}), "Moves “Dentist”: tomorrow"),
        ("rename_reminder", json!({"title": "dentist", "new_title": "Dr Ana"}), "Renames “Dentist” to “Dr Ana”."),
        ("delete_reminder", json!({"title": "dentist"}), "Deletes from your calendar: Dentist, tomorrow"),
    ] {
        let Change { effect: found, done, .. } = change(&home, tool, &arguments);
        let note =
            if tool.ends_with("event") { "It is a reminder, not an event." } else { "It is an event, not a reminder." };
        assert!(found.starts_with(effect) && found.ends_with(note) && done.ends_with(note), "{found} {done}");
    }
    let refusal = home.try_plan("complete_reminder", &json!({"title": "dentist"})).unwrap_err().to_string();
    assert!(refusal.starts_with("“dentist” is an event in your calendar and not a reminder"), "{refusal}");
    assert_eq!(home.answer("delete_event", &json!({"title": "zumba"})), "There is no “zumba”.");
    home.world.language = Language::French;
    let moved = change(&home, "move_event", &json!({"title": "rent", "when": "vendredi à 10h"}));
    assert!(moved.done.ends_with("C’est un rappel, pas un évènement."), "{}", moved.done);
}

#[test]
fn the_kind_that_was_asked_for_wins_unless_only_another_has_the_very_words() {
    let home = Home::new();
    home.event("e.ics", DENTIST);
    home.to_do("d.ics", "UID:d\nSUMMARY:Call the dentist");
    home.event("y.ics", "UID:y\nSUMMARY:Yoga with Bo\nDTSTART:20260312T180000Z");
    home.to_do("y.ics", "UID:y\nSUMMARY:Yoga");
    let told = |tool, title| change(&home, tool, &json!({"title": title})).effect;
    assert_eq!(
        told("delete_event", "dentist"),
        "Deletes from your calendar: Dentist, tomorrow, Thursday 12 March from 14:00 to 15:00."
    );
    assert!(told("delete_reminder", "dentist").starts_with("Deletes from your calendar: Dentist"), "word for word");
    assert!(told("delete_reminder", "call dentist").starts_with("Deletes the reminder: Call the dentist."));
    assert!(told("complete_reminder", "dentist").starts_with("Marks “Call the dentist” as done"));
    assert!(told("delete_event", "yoga").starts_with("Deletes the reminder: Yoga."));
    assert!(told("delete_event", "yoga with Bo").starts_with("Deletes from your calendar: Yoga with Bo"));
    // What is over is meant only if nothing else is.
    home.event("o.ics", "UID:o\nSUMMARY:Boiler\nDTSTART:20260101T180000Z");
    home.to_do("o.ics", "UID:o\nSUMMARY:Boiler");
    assert!(told("delete_event", "boiler").starts_with("Deletes the reminder: Boiler."));
}

#[test]
fn alarms_and_notes_are_deleted_when_nothing_else_fits() {
    let home = Home::new();
    home.act("set_alarm", &json!({"when": "tomorrow at 7 am"}));
    write_file(&home.world.folders.notes, "Boiler.md", "code 7\n");
    let told = |tool, title| change(&home, tool, &json!({"title": title})).effect;
    assert!(told("delete_event", "the 7 o'clock alarm").starts_with("Cancels alarm: tomorrow"));
    assert!(told("delete_reminder", "my alarm").ends_with("It is an alarm or a timer, not a reminder."));
    assert!(told("delete_reminder", "the boiler note").starts_with("Deletes the note “Boiler”. It is a note"));
    assert_eq!(home.answer("delete_event", &json!({"title": "boiler code"})), "There is no “boiler code”.");
    assert_eq!(home.answer("delete_event", &json!({"title": "tomorrow"})), "There is no “tomorrow”.");
    home.event("b.ics", "UID:b\nSUMMARY:Boiler check\nDTSTART:20260312T180000Z");
    assert!(told("delete_event", "boiler").starts_with("Deletes from your calendar: Boiler check"));
}

#[test]
fn of_several_of_another_kind_the_user_chooses() {
    let home = Home::new();
    for (name, title) in [("a", "Pay the rent"), ("b", "Rent a car")] {
        home.to_do(&format!("{name}.ics"), &format!("UID:{name}\nSUMMARY:{title}"));
    }
    let Plan::Ask(question) = home.plan("delete_event", &json!({"title": "rent"})) else { panic!() };
    assert_eq!(question.text, "It is a reminder, not an event. Which “rent”?");
    let done = act(question.choices[1].plan.clone()).done;
    assert_eq!(done, "Deleted the reminder: Rent a car. It is a reminder, not an event.");
}

#[test]
fn what_is_not_found_in_one_place_is_looked_for_in_the_others() {
    let mut home = Home::new();
    home.event("e.ics", DENTIST);
    home.to_do("r.ics", RENT);
    write_file(&home.world.folders.notes, "Wifi.md", "the password is 42\n");
    assert_eq!(
        home.answer("find_event", &json!({"query": "rent"})),
        "No event has “rent”. Among your reminders:\n  Pay the rent, tomorrow, Thursday 12 March at 09:00"
    );
    assert_eq!(
        home.answer("find_event", &json!({"query": "wifi password"})),
        "No event has “wifi password”. In your notes:\n  Wifi.md: the password is 42"
    );
    home.world.language = Language::French;
    assert_eq!(
        home.answer("find_note", &json!({"query": "dentist"})),
        "Aucune note ne contient « dentist ». Dans votre agenda :\n  Dentist, demain, jeudi 12 mars de 14:00 à 15:00"
    );
    let Plan::Answer(answer) = home.plan("find_note", &json!({"query": "rent"})) else { panic!() };
    assert_eq!(answer.data["notes"], json!([]));
    assert_eq!(answer.data["reminders"][0]["title"], "Pay the rent");
    assert_eq!(home.answer("find_event", &json!({"query": "zumba"})), "Aucun évènement ne contient « zumba ».");
    home.event("v.ics", "UID:v\nSUMMARY:Rent viewing\nDTSTART:20260312T180000Z");
    let found = home.answer("find_event", &json!({"query": "pay the rent"}));
    assert!(found.contains("Parmi vos rappels :\n  Pay the rent"), "{found}");
}

#[test]
fn all_open_reminders_are_deleted_or_done_at_once() {
    let mut home = Home::new();
    assert_eq!(home.answer("delete_reminder", &json!({"title": "all"})), "No open reminders.");
    let two = home.to_do("a.ics", "UID:a\nSUMMARY:One\nEND:VTODO\nBEGIN:VTODO\nUID:b\nSUMMARY:Two");
    let daily = "UID:p\nSUMMARY:Pills\nDTSTART:20260311T070000Z\nDUE:20260311T080000Z\nRRULE:FREQ=DAILY\nEND:VTODO\nBEGIN:VTODO\nUID:q\nSUMMARY:Tea";
    let path = home.to_do("p.ics", daily);
    home.to_do("z.ics", "UID:z\nSUMMARY:Done\nSTATUS:COMPLETED");
    let before = fs::read_to_string(&path).unwrap();
    let done = home.act("complete_reminder", &json!({"title": "all of them"}));
    assert_eq!(done.effect, "Marks 4 open reminders as done: “Two”, “One”, “Tea” and “Pills”.");
    assert_eq!(done.data["completed"].as_array().unwrap().len(), 4);
    assert_eq!(fs::read_to_string(&two).unwrap().matches("STATUS:COMPLETED").count(), 2);
    assert_eq!(home.answer("list_reminders", &json!({})), "Tomorrow, Thursday 12 March\n  09:00  Pills, repeats");
    crate::revert_all(&done.files).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), before);
    home.world.language = Language::French;
    let deleted = home.act("delete_reminder", &json!({"title": "tous mes rappels"}));
    assert!(deleted.done.starts_with("Supprimé 4 rappels en cours : « Two »"), "{}", deleted.done);
    assert!(!two.exists() && !path.exists());
    assert_eq!(home.answer("list_reminders", &json!({})), "Aucun rappel en cours.");
}
