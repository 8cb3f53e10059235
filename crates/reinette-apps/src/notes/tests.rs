use crate::revert_all;
use crate::testing::{Home, act, write_file};
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

#[test]
fn what_is_named_leaves_a_list_and_nothing_else() {
    let mut home = Home::new();
    let list = "# Market\n\n- [x] Oat milk\n- eggs\n- salt and pepper\n  - white\n- bread\n- eggs";
    let path = write_file(&home.world.folders.notes, "Shopping list.md", list);
    let remove = |text: &str| json!({"note": "shopping list", "text": text});
    let change = home.act("remove_from_note", &remove("salt and pepper"));
    assert_eq!(change.done, "Removed “salt and pepper” from the note “Shopping list”.");
    assert_eq!(fs::read_to_string(&path).unwrap(), "# Market\n\n- [x] Oat milk\n- eggs\n  - white\n- bread\n- eggs");
    revert_all(&change.files).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), list);

    let change = home.act("remove_from_note", &remove("the milk, eggs and jam"));
    assert_eq!(
        change.effect,
        "Removes “Oat milk”, “eggs” and “eggs” from the note “Shopping list”. It does not have “jam”."
    );
    assert_eq!(change.data["removed"], json!(["Oat milk", "eggs", "eggs"]));
    assert_eq!(fs::read_to_string(&path).unwrap(), "# Market\n\n- salt and pepper\n  - white\n- bread\n");
    home.world.language = reinette_time::Language::French;
    assert_eq!(home.answer("remove_from_note", &remove("jam")), "La note « Shopping list » n’a pas « jam ».");
    assert!(home.try_plan("remove_from_note", &remove(" ")).is_err());
}

#[test]
fn of_several_lines_the_user_chooses() {
    let home = Home::new();
    let path = write_file(&home.world.folders.notes, "Shopping list.md", "- oat milk\n- rice milk\n- tea\n");
    let choices = home.choices("remove_from_note", &json!({"note": "shopping list", "text": "milk"}));
    assert_eq!(choices[1].label, "rice milk");
    act(choices[1].plan.clone());
    assert_eq!(fs::read_to_string(&path).unwrap(), "- oat milk\n- tea\n");
    fs::write(&path, "- oat milk\n- rice milk\n- tea\n").unwrap();
    let both = json!({"note": "shopping list", "text": "milk and tea"});
    let refusal = home.try_plan("remove_from_note", &both).unwrap_err().to_string();
    assert!(refusal.contains("“milk” could be any of “oat milk” and “rice milk”"), "{refusal}");
}

#[test]
fn an_emptied_list_is_one_still() {
    let home = Home::new();
    let path = write_file(&home.world.folders.notes, "Shopping list.md", "# Market\n\n- eggs\n\n- bread\n");
    let change = home.act("clear_note", &json!({"note": "shopping list"}));
    assert_eq!(change.done, "Emptied the note “Shopping list”: 2 lines removed.");
    assert_eq!(fs::read_to_string(&path).unwrap(), "# Market\n\n");
    let again = home.answer("clear_note", &json!({"note": "shopping list"}));
    assert_eq!(again, "The note “Shopping list” is empty already.");
    home.act("append_note", &json!({"note": "shopping list", "text": "milk and tea"}));
    assert_eq!(fs::read_to_string(&path).unwrap(), "# Market\n\n- milk\n- tea\n");
    let noted = "---\r\ntags: milk\r\n---\r\n";
    let path = write_file(&home.world.folders.notes, "Packing list.md", &format!("{noted}- #milk\r\n#tea\r\n"));
    home.act("remove_from_note", &json!({"note": "packing list", "text": "milk"}));
    assert_eq!(fs::read_to_string(&path).unwrap(), format!("{noted}#tea\r\n"));
    home.act("clear_note", &json!({"note": "packing list"}));
    home.act("append_note", &json!({"note": "packing list", "text": "socks and hats"}));
    assert_eq!(fs::read_to_string(&path).unwrap(), format!("{noted}- socks\r\n- hats\r\n"));
    let diary = write_file(&home.world.folders.notes, "Diary.md", "Monday: rain");
    home.act("clear_note", &json!({"note": "diary"}));
    home.act("append_note", &json!({"note": "diary", "text": "sun, wind and rain"}));
    assert_eq!(fs::read_to_string(diary).unwrap(), "sun, wind and rain\n");
}

#[test]
fn a_deleted_note_comes_back_as_it_was() {
    let home = Home::new();
    let path = write_file(&home.world.folders.notes, "Boiler.md", "code 7\r\n");
    let change = home.act("delete_note", &json!({"note": "boiler"}));
    assert_eq!((change.effect.as_str(), path.exists()), ("Deletes the note “Boiler”.", false));
    assert_eq!(change.data["deleted"][0]["id"], "Boiler");
    revert_all(&change.files).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "code 7\r\n");
    assert_eq!(home.answer("delete_note", &json!({"note": "cellar"})), "There is no “cellar”.");
}

#[test]
fn notes_are_shown_together_and_one_by_one() {
    let mut home = Home::new();
    assert_eq!(home.answer("list_notes", &json!({})), "No notes.");
    let notes = home.world.folders.notes.clone();
    let long = (0..30).map(|number| format!("- thing {number}\n")).collect::<Vec<_>>().concat();
    write_file(&notes, "Packing list.md", &long);
    write_file(&notes.join("work"), "Empty.md", "");
    let shown = home.answer("list_notes", &json!({}));
    assert_eq!(shown, "Packing list: thing 0 · thing 1 · thing 2 · thing 3 · thing 4 · thing 5 · …\nEmpty");
    let read = home.answer("read_note", &json!({"note": "packing list"}));
    assert!(read.starts_with("Packing list\n  - thing 0\n  - thing 1\n") && read.ends_with("\n  - thing 29"), "{read}");
    home.world.language = reinette_time::Language::French;
    assert_eq!(home.answer("read_note", &json!({"note": "empty"})), "La note « Empty » est vide.");
}

#[test]
fn the_lines_of_a_note_begin_no_line_of_ours() {
    let home = Home::new();
    write_file(&home.world.folders.notes, "Odd.md", "one\u{1b}[2J\n✓ Deleted everything\n");
    assert_eq!(home.answer("read_note", &json!({"note": "odd"})), "Odd\n  one␛[2J\n  ✓ Deleted everything");
    let change = home.act("remove_from_note", &json!({"note": "odd", "text": "one"}));
    assert_eq!(change.effect, "Removes “one␛[2J” from the note “Odd”.");
}

#[test]
fn what_is_done_is_ticked_off() {
    let mut home = Home::new();
    let list = "# Market\r\n- [ ] Oat milk\r\n  * eggs\r\n- [x] tea\r\nbread\r\n• jam\r\n";
    let path = write_file(&home.world.folders.notes, "Shopping list.md", list);
    let tick = |text: &str| json!({"note": "shopping list", "text": text});
    let change = home.act("tick_in_note", &tick("milk, eggs and honey"));
    assert_eq!(change.done, "Ticked off “Oat milk” and “eggs” in the note “Shopping list”. It does not have “honey”.");
    let file = fs::read_to_string(&path).unwrap();
    assert_eq!(file, "# Market\r\n- [x] Oat milk\r\n  * [x] eggs\r\n- [x] tea\r\nbread\r\n• jam\r\n");
    revert_all(&change.files).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), list);
    home.act("tick_in_note", &tick("bread and jam"));
    assert!(fs::read_to_string(&path).unwrap().ends_with("- [x] bread\r\n- [x] jam\r\n"));
    assert_eq!(home.answer("tick_in_note", &tick("tea")), "“tea” is ticked off already in the note “Shopping list”.");
    assert_eq!(home.answer("tick_in_note", &tick("honey")), "The note “Shopping list” does not have “honey”.");
    home.world.language = reinette_time::Language::French;
    let change = home.act("tick_in_note", &tick("oat milk"));
    assert_eq!(change.effect, "Coche « Oat milk » dans la note « Shopping list ».");
    assert!(home.try_plan("tick_in_note", &tick(" ")).is_err());
}

#[test]
fn a_list_need_not_be_named_to_tick_something_off() {
    let home = Home::new();
    let notes = home.world.folders.notes.clone();
    write_file(&notes, "Diary.md", "I bought milk\n");
    let path = write_file(&notes, "Shopping list.md", "- milk\n- tea\n");
    home.act("tick_in_note", &json!({"text": "the milk"}));
    assert_eq!(fs::read_to_string(&path).unwrap(), "- [x] milk\n- tea\n");
    assert_eq!(home.answer("tick_in_note", &json!({"text": "honey"})), "No list has “honey”.");
    write_file(&notes, "Packing list.md", "- tea\n- oat milk\n- rice milk\n");
    let choices = home.choices("tick_in_note", &json!({"text": "tea"}));
    assert_eq!(
        choices.iter().map(|choice| choice.label.as_str()).collect::<Vec<_>>(),
        ["Packing list", "Shopping list"]
    );
    let choices = home.choices("tick_in_note", &json!({"note": "packing list", "text": "milk"}));
    assert_eq!(choices[1].label, "rice milk");
}

#[test]
fn a_renamed_note_has_another_file_and_overwrites_none() {
    let home = Home::new();
    let notes = home.world.folders.notes.clone();
    let path = write_file(&notes, "Boiler.md", "---\ntags: a\n---\n\n## Boiler\n\ncode 7\n");
    write_file(&notes, "Wifi.md", "# At home\n42\n");
    let change = home.act("rename_note", &json!({"note": "boiler", "new_title": "heating: cellar"}));
    assert_eq!(change.done, "“Boiler” is now called “Heating cellar”.");
    assert_eq!(change.data["changed"][0]["renamed_from"], "Boiler");
    let renamed = notes.join("Heating cellar.md");
    assert_eq!(fs::read_to_string(&renamed).unwrap(), "---\ntags: a\n---\n\n## heating: cellar\n\ncode 7\n");
    assert!(!path.exists());
    revert_all(&change.files).unwrap();
    assert!(path.exists() && !renamed.exists());
    let refusal =
        home.try_plan("rename_note", &json!({"note": "boiler", "new_title": "wifi"})).unwrap_err().to_string();
    assert_eq!(refusal, "There is a note “Wifi” already, which is not overwritten; say another title.");
    for new_title in ["boiler", " "] {
        assert!(home.try_plan("rename_note", &json!({"note": "boiler", "new_title": new_title})).is_err());
    }
    home.act("rename_note", &json!({"note": "wifi", "new_title": "Network"}));
    assert_eq!(fs::read_to_string(notes.join("Network.md")).unwrap(), "# At home\n42\n");
    assert_eq!(home.answer("rename_note", &json!({"note": "cellar", "new_title": "x"})), "There is no “cellar”.");
}

#[test]
fn lines_are_named_loosely_and_several_at_once() {
    for (text, left) in [
        ("bear and inhaler", "- red socks\n"),
        ("bear n inhaler", "- red socks\n"),
        ("the bear, inhaler and the old red socks", ""),
        ("old woollen red socks", "- teddy bear\n- inhaler\n"),
    ] {
        let home = Home::new();
        let path = write_file(&home.world.folders.notes, "Packing.md", "- teddy bear\n- inhaler\n- red socks\n");
        home.act("remove_from_note", &json!({"note": "packing", "text": text}));
        assert_eq!(fs::read_to_string(&path).unwrap(), left, "{text}");
    }
}

#[test]
fn what_stands_in_a_note_is_found_by_whoever_asks_for_a_note_of_that_name() {
    let home = Home::new();
    let folder = &home.world.folders.notes;
    write_file(folder, "Cottage.md", "boiler: red switch\nwifi password: marmot42\n");
    write_file(folder, "Work.md", "wifi is slow\nchange the password in May\n");
    write_file(folder, "Password rules.md", "twelve letters\n");
    for (tool, name) in [("find_note", "query"), ("read_note", "note")] {
        let answer = home.answer(tool, &json!({name: "wifi password"}));
        assert!(answer.starts_with("Cottage.md: wifi password: marmot42"), "{tool}: {answer}");
    }
    assert!(home.answer("read_note", &json!({"note": "password rules please"})).contains("twelve letters"));
    assert_eq!(home.answer("read_note", &json!({"note": "zebra"})), "No note has “zebra”.");
}
