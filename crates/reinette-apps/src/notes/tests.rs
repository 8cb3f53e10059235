use crate::testing::{Home, write_file};
use serde_json::json;
use std::fs;

#[test]
fn a_note_is_a_markdown_file_named_after_its_first_words() {
    let home = Home::new();
    let change = home.act("create_note", &json!({"text": "the wifi password is été/42, do not tell Bo"}));
    assert_eq!(change.done, "Wrote the note “The wifi password is été 42”.");
    let path = home.world.folders.notes.join("The wifi password is été 42.md");
    assert_eq!(fs::read_to_string(path).unwrap(), "the wifi password is été/42, do not tell Bo\n");
    assert!(home.try_plan("create_note", &json!({"text": "  "})).is_err());
}

#[test]
fn a_second_note_of_the_same_name_gets_a_number() {
    let home = Home::new();
    home.act("create_note", &json!({"text": "ideas"}));
    home.act("create_note", &json!({"text": "ideas"}));
    assert!(home.world.folders.notes.join("Ideas.md").exists() && home.world.folders.notes.join("Ideas 2.md").exists());
}

#[test]
fn a_list_goes_on_as_a_list_and_begins_when_there_is_none() {
    let home = Home::new();
    let change = home.act("append_note", &json!({"note": "shopping list", "text": "milk"}));
    assert!(change.effect.contains("no note “shopping list” yet"), "{}", change.effect);
    home.act("append_note", &json!({"note": "my Shopping list", "text": "eggs"}));
    assert_eq!(fs::read_to_string(home.world.folders.notes.join("Shopping list.md")).unwrap(), "- milk\n- eggs\n");
}

#[test]
fn what_is_said_as_a_list_becomes_one() {
    let mut home = Home::new();
    let notes = home.world.folders.notes.clone();
    let change = home.act("append_note", &json!({"note": "shopping list", "text": "eggs, bread and coffee"}));
    assert_eq!(
        change.done,
        "There was no note “shopping list” yet, so I started one with “eggs”, “bread” and “coffee”."
    );
    home.world.language = reinette_time::Language::French;
    let change = home.act("append_note", &json!({"note": "shopping list", "text": "du sel et du poivre"}));
    assert_eq!(change.done, "J’ai ajouté « du sel » et « du poivre » à la note « Shopping list ».");
    let list = fs::read_to_string(notes.join("Shopping list.md")).unwrap();
    assert_eq!(list, "- eggs\n- bread\n- coffee\n- du sel\n- du poivre\n");
    // A diary is no list.
    let path = write_file(&notes, "Diary.md", "Monday: rain\n");
    home.act("append_note", &json!({"note": "diary", "text": "sun, wind and rain"}));
    assert_eq!(fs::read_to_string(path).unwrap(), "Monday: rain\nsun, wind and rain\n");
    home.act("append_note", &json!({"note": "thoughts", "text": "it rained, and I slept"}));
    assert_eq!(fs::read_to_string(notes.join("Thoughts.md")).unwrap(), "- it rained, and I slept\n");
}

#[test]
fn what_a_note_holds_stays_as_it_is() {
    let home = Home::new();
    let notes = home.world.folders.notes.clone();
    let path = write_file(&notes, "Diary.md", "# Diary\r\n\r\nMonday: rain");
    home.act("append_note", &json!({"note": "diary", "text": "Tuesday: sun"}));
    assert_eq!(fs::read_to_string(path).unwrap(), "# Diary\r\n\r\nMonday: rain\r\nTuesday: sun\r\n");
    let path = write_file(&notes.join("work"), "Tasks.md", "- [x] plan\n");
    home.act("append_note", &json!({"note": "tasks", "text": "do"}));
    assert_eq!(fs::read_to_string(path).unwrap(), "- [x] plan\n- [ ] do\n");
}

#[test]
fn a_note_is_found_in_its_title_and_its_text() {
    let home = Home::new();
    let notes = home.world.folders.notes.clone();
    write_file(&notes, "House.md", "Address: 3 rue X\nThe wifi password is 42\nBin day: Monday\n");
    write_file(&notes, "Wifi password.md", "at work: 43\n");
    write_file(&notes, ".hidden.md", "wifi password");
    fs::write(notes.join("bytes.md"), [0xff]).unwrap();
    assert_eq!(
        home.answer("find_note", &json!({"query": "wifi password"})),
        "Wifi password.md: at work: 43\nHouse.md: The wifi password is 42 · Bin day: Monday\n\
         (Left alone, since they cannot be read: bytes.md (not UTF-8 text))"
    );
    assert!(home.answer("find_note", &json!({"query": "zebra"})).starts_with("No note has “zebra”."));
}
