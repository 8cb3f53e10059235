use super::format::read_item;
use super::*;
use reinette::{Event, ModelInfo, Request, ResponseStream, Summary, ToolCall};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::fs;
use std::sync::Mutex;

/// A model that says what it was told to say.
struct Scripted(Mutex<VecDeque<Vec<Event>>>);

impl LanguageModel for Scripted {
    fn info(&self) -> ModelInfo {
        ModelInfo {
            name: "scripted".into(),
            architecture: "none".into(),
            context_tokens: 4096,
            size_bytes: 0,
            languages: Vec::new(),
        }
    }

    fn respond(&self, _: Request) -> ResponseStream {
        let (events, answer) = async_channel::unbounded();
        for event in self.0.lock().unwrap().pop_front().unwrap_or_default() {
            events.try_send(Ok(event)).unwrap();
        }
        events.try_send(Ok(Event::Finished(Summary::default()))).unwrap();
        ResponseStream::new(answer)
    }

    fn has_learned(&self, tool: &str) -> bool {
        tool != "undo"
    }
}

fn call(name: &str, arguments: &Value) -> Event {
    Event::ToolCall(ToolCall { id: name.into(), name: name.into(), arguments: arguments.as_object().unwrap().clone() })
}

fn say(text: &str) -> Event {
    Event::Text(text.to_owned())
}

/// An evaluation with one home: two events, a reminder that repeats, and a note.
fn evaluation() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("homes/kim");
    let write = |name: &str, content: &str| {
        let path = home.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    };
    let calendar = |kind: &str, lines: &str| {
        format!(
            "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:{kind}\r\nDTSTAMP:20261101T000000Z\r\n{lines}END:{kind}\r\nEND:VCALENDAR\r\n"
        )
    };
    let event = |uid: &str, title: &str, day: u8| {
        let lines = format!(
            "UID:{uid}\r\nSUMMARY:{title}\r\nDTSTART;TZID=Europe/Paris:202611{day}T090000\r\nDTEND;TZID=Europe/Paris:202611{day}T093000\r\n"
        );
        calendar("VEVENT", &lines)
    };
    write("home.toml", "now = \"2026-11-25T10:00:00+01:00[Europe/Paris]\"\nwho = \"Kim\"\nlanguage = \"en\"\n");
    write("calendar/a.ics", &event("a", "Dentist Theo", 26));
    write("calendar/b.ics", &event("b", "Dentist Mia", 27));
    let bins = "UID:c\r\nSUMMARY:Take out the bins\r\nDUE;TZID=Europe/Paris:20261125T190000\r\nDTSTART;TZID=Europe/Paris:20261125T190000\r\nRRULE:FREQ=WEEKLY\r\n";
    write("reminders/c.ics", &calendar("VTODO", bins));
    write("notes/list.md", "# Shopping list\n\n- [ ] milk\n");
    folder
}

fn run(item: &Item, answers: Vec<Vec<Event>>) -> Trial {
    let folder = evaluation();
    let model: Arc<dyn LanguageModel> = Arc::new(Scripted(Mutex::new(answers.into())));
    try_item(item, folder.path(), &model, &|| false).unwrap().unwrap()
}

fn about(kind: &str) -> Value {
    json!({"id": "t1", "split": "work", "language": "en", "kind": kind, "register": "typed", "home": "kim"})
}

/// What becomes of a single request.
fn single(kind: &str, text: &str, right: &Value, answer: Vec<Event>) -> TurnTrial {
    let mut item = about(kind);
    item["text"] = text.into();
    item["right"] = right.clone();
    let item = read_item(&item.to_string(), false).unwrap();
    run(&item, vec![answer]).turns.remove(0)
}

fn remind() -> Vec<Event> {
    vec![call("create_reminder", &json!({"title": "call Ana", "when": "tomorrow at 9"}))]
}

#[test]
fn exactly_the_wanted_changes_are_right() {
    let ask = |right: &Value| single("task", "remind me to call Ana tomorrow at 9", right, remind());
    let right = |fields: Value| {
        let mut change = json!({"added": "reminder"});
        change.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        json!([{"changes": [change]}])
    };
    for fields in [
        json!({"title": ["Ana", "Call Ana"], "due": "2026-11-26T09:00", "repeats": null}),
        json!({"due": ["2026-11-27", "2026-11-26T09:00"]}),
        json!({}),
    ] {
        let turn = ask(&right(fields.clone()));
        assert_eq!(turn.judgement.verdict, Verdict::Right, "{fields}: {turn:?}");
    }
    for (fields, reason) in [
        (json!({"title": "Ana"}), "title is call Ana, not Ana"),
        (json!({"due": "2026-11-26"}), "due is 2026-11-26T09:00, not 2026-11-26"),
        (json!({"repeats": "FREQ=DAILY"}), "repeats is none"),
        (json!({"text_has": ["x"]}), "the text lacks “x”"),
    ] {
        let turn = ask(&right(fields));
        assert_eq!(turn.judgement.verdict, Verdict::Wrong);
        assert!(turn.judgement.reason.as_ref().unwrap().contains(reason), "{turn:?}");
    }
    let nothing = ask(&json!([{"changes": []}]));
    assert!(nothing.judgement.reason.unwrap().starts_with("not wanted: added reminder"));
    let two = ask(&json!([{"changes": [{"added": "reminder"}, {"added": "reminder"}]}]));
    assert_eq!(two.judgement.verdict, Verdict::Wrong);
}

#[test]
fn any_of_the_ends_is_enough_and_the_nearest_miss_is_told() {
    let alarm = json!({"changes": [{"added": "alarm"}]});
    let wrong = json!({"changes": [{"added": "reminder", "title": "call Ana"}], "says": [["nowhere to be read"]]});
    let ask = |right: Value| single("task", "remind me to call Ana tomorrow at 9", &right, remind()).judgement;
    assert_eq!(ask(json!([alarm, {"changes": [{"added": "reminder"}]}])).end, 2);
    let miss = ask(json!([alarm, wrong]));
    assert_eq!((miss.verdict, miss.end), (Verdict::Wrong, 2));
    assert_eq!(miss.reason.unwrap(), "it does not say nowhere to be read");
}

#[test]
fn what_is_moved_removed_and_done_is_told_apart() {
    let moved = single(
        "task",
        "move the dentist appointment of Theo to Friday at 3 pm",
        &json!([{"changes": [{"changed": "event", "was": "dentist theo", "start": "2026-11-27T15:00", "minutes": 30}]}]),
        vec![call("move_event", &json!({"title": "Dentist Theo", "when": "Friday at 3 pm"}))],
    );
    assert_eq!(moved.judgement.verdict, Verdict::Right, "{moved:?}");
    let delete = || vec![call("delete_event", &json!({"title": "Dentist Theo"}))];
    for (was, verdict) in [("Dentist Theo", Verdict::Right), ("Dentist Mia", Verdict::Wrong)] {
        let right = json!([{"changes": [{"removed": "event", "was": was}]}]);
        let removed = single("task", "cancel the dentist for Theo", &right, delete());
        assert_eq!(removed.judgement.verdict, verdict, "{removed:?}");
    }
    for (verb, verdict) in [("done", Verdict::Right), ("removed", Verdict::Wrong)] {
        let right = json!([{"changes": [{(verb): "reminder", "was": "Take out the bins"}]}]);
        let answer = vec![call("complete_reminder", &json!({"title": "bins"}))];
        let done = single("task", "I took out the bins", &right, answer);
        assert_eq!(done.judgement.verdict, verdict, "{done:?}");
    }
}

#[test]
fn a_timer_and_an_alarm_are_both_what_rings_when() {
    for right in [
        json!([{"changes": [{"added": "timer", "seconds": 601}]}]),
        json!([{"changes": [{"added": "alarm", "rings": "2026-11-25T10:10", "repeats": null}]}]),
    ] {
        let answer = vec![call("set_timer", &json!({"duration": "10 minutes"}))];
        let turn = single("task", "set a timer for 10 minutes", &right, answer);
        assert_eq!(turn.judgement.verdict, Verdict::Right, "{turn:?}");
    }
}

#[test]
fn what_is_said_and_what_is_never_said_both_count() {
    let ask =
        |right: Value| single("own", "when is the dentist for Mia?", &right, vec![say("It is on Friday at 9:00.")]);
    let verdict = |right: Value| ask(right).judgement.verdict;
    assert_eq!(
        verdict(json!([{"says": [["FRIDAY", "27"], ["~\\b9([:h]00)?\\b"]], "never": ["Thursday"]}])),
        Verdict::Right
    );
    assert_eq!(verdict(json!([{"says": [["Friday"], ["noon"]]}])), Verdict::Wrong);
    assert_eq!(verdict(json!([{"says": [["Friday"]], "never": ["friday"]}])), Verdict::Wrong);
}

#[test]
fn a_question_left_open_and_one_of_the_models_own_ask_back() {
    let asks = json!([{"asks": true, "says": [["Theo"]]}]);
    let choices =
        single("missing", "cancel the dentist", &asks, vec![call("delete_event", &json!({"title": "dentist"}))]);
    assert_eq!(choices.judgement.verdict, Verdict::Right, "{choices:?}");
    let own = single("missing", "the dentist is elsewhere", &asks, vec![say("Which one do you mean, Theo or Mia?")]);
    assert_eq!(own.judgement.verdict, Verdict::Right, "{own:?}");
    for request in [
        "set a timer",
        "remind me at noon",
        "wake me up",
        "write a note",
        "rappelle-moi",
        "mets un minuteur",
        "réveille-moi",
        "prends une note",
    ] {
        let turn = single("missing", request, &json!([{"asks": true}]), Vec::new());
        assert_eq!(turn.judgement.verdict, Verdict::Right, "{turn:?}");
    }
    let answer = single("missing", "the dentist is elsewhere", &asks, vec![say("Theo is a fine name.")]);
    assert_eq!(answer.judgement.verdict, Verdict::Wrong);
}

#[test]
fn what_cannot_be_done_is_admitted() {
    let admits = json!([{"admits": true}]);
    let ask = |answer: Vec<Event>| single("cannot", "order me a pizza", &admits, answer).judgement.verdict;
    assert_eq!(ask(vec![say("I can't order food.")]), Verdict::Right);
    assert_eq!(ask(vec![call("order_pizza", &json!({}))]), Verdict::Right);
    assert_eq!(ask(vec![say("Pizza is a fine dish.")]), Verdict::Wrong);
    let done = single("cannot", "remind me to call Ana tomorrow at 9", &admits, remind());
    assert_eq!(done.judgement.verdict, Verdict::Wrong);
}

#[test]
fn what_strings_cannot_tell_is_left_to_be_judged() {
    let ends = json!([{"judge": "It is kind.", "never": ["boring"]}]);
    let ask = |text: &str| single("talk", "I am tired", &ends, vec![say(text)]).judgement;
    assert_eq!(ask("Rest a little then.").judge, ["It is kind."]);
    assert_eq!(ask("That is boring to hear.").verdict, Verdict::Wrong);
    let either = json!([{"judge": "It is kind."}, {"says": [["rest"]]}]);
    assert_eq!(single("talk", "I am tired", &either, vec![say("Rest a little.")]).judgement.verdict, Verdict::Right);
}

#[test]
fn a_deed_that_is_claimed_and_not_done_is_a_false_claim() {
    let claims =
        |text: &str, answer: Vec<Event>| single("task", text, &json!([{"changes": []}]), answer).is_false_claim;
    assert!(claims("please tell mum", vec![say("I'll call your mum right away.")]));
    assert!(claims("the dentist is later now", vec![say("Alright then. Moved everything to Friday for you.")]));
    assert!(!claims("remind me to call Ana tomorrow at 9", remind()));
    assert!(!claims("please tell mum", vec![say("I can't call anybody.")]));
    assert!(!claims("write an email to Bob", vec![say("Dear Bob, I've sent the parcel.")]));
}

#[test]
fn a_dialogue_goes_on_from_turn_to_turn() {
    let mut item = about("task");
    item["turns"] = json!([
        {"text": "put lunch with Ana in my calendar, Friday at noon",
         "right": [{"changes": [{"added": "event", "title": ["lunch", "lunch with Ana"], "start": "2026-11-27T12:00"}]}]},
        {"text": "delete the lunch again", "right": [{"changes": [{"removed": "event", "was": "lunch"}]}]},
        {"text": "thank you for that", "right": [{"judge": "It is polite."}]},
    ]);
    let item = read_item(&item.to_string(), true).unwrap();
    let trial = run(
        &item,
        vec![
            vec![call("create_event", &json!({"title": "lunch with Ana", "when": "Friday at noon"}))],
            vec![call("delete_event", &json!({"title": "lunch with Ana"}))],
            vec![say("You are welcome.")],
        ],
    );
    let verdicts: Vec<Verdict> = trial.turns.iter().map(|turn| turn.judgement.verdict).collect();
    assert_eq!(verdicts, [Verdict::Right, Verdict::Right, Verdict::Judge], "{trial:?}");
    assert_eq!(trial.verdict(), Verdict::Judge);
    let figures = Figures::of(&[trial]);
    assert_eq!(
        (figures.dialogue_turns.rate.right, figures.dialogue_turns.rate.of, figures.dialogue_turns.to_judge),
        (2, 2, 1)
    );
    assert_eq!((figures.dialogues.rate.of, figures.dialogues.to_judge, figures.turns), (0, 1, 3));
}

#[test]
fn a_stop_comes_between_turns() {
    let item = read_item(
        &{
            let mut item = about("talk");
            item["text"] = "hello".into();
            item["right"] = json!([{"judge": "It greets."}]);
            item
        }
        .to_string(),
        false,
    )
    .unwrap();
    let model: Arc<dyn LanguageModel> = Arc::new(Scripted(Mutex::default()));
    assert!(try_item(&item, evaluation().path(), &model, &|| true).unwrap().is_none());
}

#[test]
fn a_line_that_is_wrong_is_named() {
    let folder = evaluation();
    fs::write(folder.path().join("singles-x.jsonl"), "\n{\"id\": 3}\n").unwrap();
    let error = read_items(folder.path()).unwrap_err().to_string();
    assert!(error.contains("singles-x.jsonl, line 2"), "{error}");
    let mut item = about("talk");
    item["home"] = "nobody".into();
    item["text"] = "hello".into();
    item["right"] = json!([{"asks": true, "says": [["~("]]}]);
    assert!(read_item(&item.to_string(), false).is_err());
    item["right"] = json!([{"asks": true}]);
    let item = read_item(&item.to_string(), false).unwrap();
    let model: Arc<dyn LanguageModel> = Arc::new(Scripted(Mutex::default()));
    let error = try_item(&item, folder.path(), &model, &|| false).unwrap_err().to_string();
    assert!(error.contains("nobody"), "{error}");
}
