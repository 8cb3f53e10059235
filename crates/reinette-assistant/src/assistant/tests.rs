use super::*;
use reinette::{ModelInfo, ResponseStream};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::Mutex;

/// What a model says, or that it cannot.
struct Said(Result<Event, ModelError>);

impl From<Event> for Said {
    fn from(event: Event) -> Self {
        Self(Ok(event))
    }
}

/// A model that says what it was told to say, and remembers what it was asked.
#[derive(Default)]
struct ScriptedModel {
    answers: Mutex<VecDeque<Vec<Said>>>,
    asked: Mutex<Vec<Request>>,
}

impl ScriptedModel {
    fn says(answers: impl IntoIterator<Item = Vec<Said>>) -> Arc<Self> {
        Arc::new(Self { answers: Mutex::new(answers.into_iter().collect()), asked: Mutex::default() })
    }
}

impl LanguageModel for ScriptedModel {
    fn info(&self) -> ModelInfo {
        ModelInfo {
            name: "scripted".into(),
            architecture: "none".into(),
            context_tokens: 100,
            size_bytes: 0,
            languages: Vec::new(),
        }
    }

    fn respond(&self, request: Request) -> ResponseStream {
        self.asked.lock().unwrap().push(request);
        let (events, answer) = async_channel::unbounded();
        for event in self.answers.lock().unwrap().pop_front().unwrap_or_default() {
            events.try_send(event.0).unwrap();
        }
        ResponseStream::new(answer)
    }
}

/// A user who always gives the same answer.
struct User {
    decision: Decision,
    choice: Option<usize>,
    proposals: Vec<String>,
    ended: Vec<(Outcome, String)>,
    text: String,
}

impl User {
    fn who_says(decision: Decision) -> Self {
        Self { decision, choice: None, proposals: Vec::new(), ended: Vec::new(), text: String::new() }
    }

    fn outcomes(&self) -> Vec<Outcome> {
        self.ended.iter().map(|(outcome, _)| *outcome).collect()
    }
}

impl Listener for User {
    fn on(&mut self, happening: Happening<'_>) {
        match happening {
            Happening::Text(text) => self.text.push_str(text),
            Happening::Ended { outcome, text, .. } => self.ended.push((outcome, text.to_owned())),
            _ => {}
        }
    }

    fn confirm(&mut self, proposal: &Proposal<'_>) -> Decision {
        self.proposals.push(proposal.effect.to_owned());
        self.decision
    }

    fn choose(&mut self, _question: &Question) -> Option<usize> {
        self.choice
    }

    fn cancelled(&self) -> bool {
        false
    }
}

fn now() -> Zoned {
    "2026-03-11T10:15:00+01:00[Europe/Paris]".parse().unwrap()
}

fn call(name: &str, arguments: &Value) -> Said {
    let arguments = arguments.as_object().unwrap().clone();
    Event::ToolCall(ToolCall { id: name.to_owned(), name: name.to_owned(), arguments }).into()
}

fn remind(title: &str) -> Said {
    call("create_reminder", &json!({"title": title, "when": "tomorrow at 9"}))
}

fn say(text: &str) -> Said {
    Event::Text(text.to_owned()).into()
}

/// An assistant in an empty home.
struct Desk {
    folder: tempfile::TempDir,
    assistant: Assistant,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::open(Some(folder.path())).unwrap();
        Self { assistant: Assistant::open(home, now).unwrap(), folder }
    }

    fn ask(&mut self, words: &str, model: &Arc<ScriptedModel>, confirm: Confirm, user: &mut User) {
        let model: Arc<dyn LanguageModel> = Arc::clone(model) as _;
        self.assistant.ask(words, &model, confirm, user).unwrap();
    }

    /// The contents of all reminders.
    fn reminders(&self) -> Vec<String> {
        let files = std::fs::read_dir(self.folder.path().join("reminders")).into_iter().flatten();
        files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap()).collect()
    }
}

#[test]
fn what_is_confirmed_is_done_and_can_be_taken_back() {
    let mut desk = Desk::new();
    let model = ScriptedModel::says([vec![remind("call Ana"), remind("buy milk")]]);
    let mut user = User::who_says(Decision::Yes);
    desk.ask("Remind me tomorrow at 9 to call Ana and to buy milk", &model, Confirm::Ask, &mut user);
    assert_eq!(user.outcomes(), [Outcome::Done; 2]);
    assert_eq!(user.proposals.len(), 2);
    let reminders = desk.reminders();
    assert!(reminders.iter().any(|ics| ics.contains("SUMMARY:call Ana")), "{reminders:?}");

    let undone = desk.assistant.undo().unwrap();
    assert_eq!(undone.len(), 2, "both changes of the request are taken back");
    assert_eq!(desk.reminders().len(), 0);
    assert!(desk.assistant.undo().unwrap().is_empty());
}

#[test]
fn the_policy_decides_who_is_asked() {
    let read = || vec![call("list_reminders", &json!({}))];
    let write = || vec![remind("call Ana")];
    let cases = [
        (Confirm::Ask, read as fn() -> _, 0),
        (Confirm::Ask, write, 1),
        (Confirm::Always, read, 1),
        (Confirm::Always, write, 1),
        (Confirm::Never, read, 0),
        (Confirm::Never, write, 0),
    ];
    for (confirm, calls, asked) in cases {
        let mut user = User::who_says(Decision::Yes);
        Desk::new().ask("do it", &ScriptedModel::says([calls()]), confirm, &mut user);
        assert_eq!(user.proposals.len(), asked, "{confirm:?}");
    }
}

#[test]
fn nothing_is_done_without_a_yes() {
    for (decision, outcome) in [(Decision::No, Outcome::Declined), (Decision::Nobody, Outcome::Unconfirmed)] {
        let mut desk = Desk::new();
        let mut user = User::who_says(decision);
        desk.ask("remind me", &ScriptedModel::says([vec![remind("call Ana")]]), Confirm::Ask, &mut user);
        assert_eq!(user.outcomes(), [outcome]);
        assert!(desk.reminders().is_empty());
        assert!(desk.assistant.journal(10).unwrap().is_empty());
    }
}

#[test]
fn what_an_app_cannot_do_is_said_and_the_rest_is_done() {
    let mut desk = Desk::new();
    let broken = call("create_reminder", &json!({"title": "x", "when": "the blue hour of glory"}));
    let unknown = call("send_message", &json!({"to": "Ana", "text": "hi"}));
    let mut user = User::who_says(Decision::Yes);
    desk.ask("do", &ScriptedModel::says([vec![broken, unknown, remind("call Ana")]]), Confirm::Ask, &mut user);
    assert_eq!(user.outcomes(), [Outcome::Failed, Outcome::Failed, Outcome::Done]);
    assert!(user.ended[1].1.contains("send_message"));
    assert_eq!(desk.reminders().len(), 1);
}

#[test]
fn a_conversation_goes_on_where_it_stopped() {
    let mut desk = Desk::new();
    let mut user = User::who_says(Decision::No);
    desk.ask("Hello", &ScriptedModel::says([vec![say("Good "), say("morning")]]), Confirm::Ask, &mut user);
    assert_eq!(user.text, "Good morning");

    let home = Home::open(Some(desk.folder.path())).unwrap();
    let mut later = Assistant::open(home, now).unwrap();
    later.resume().unwrap();
    let model = ScriptedModel::says([vec![say("Yes")]]);
    later.ask("Still there?", &(Arc::clone(&model) as Arc<dyn LanguageModel>), Confirm::Ask, &mut user).unwrap();
    let asked = model.asked.lock().unwrap();
    let said: Vec<&Entry> = asked[0].transcript.entries.iter().skip(1).collect();
    let [Entry::Prompt { text: first }, Entry::Response { text: second }, Entry::Prompt { text: third }] = said[..]
    else {
        panic!("{said:?}")
    };
    assert_eq!([first, second, third], ["Hello", "Good morning", "Still there?"]);
    assert!(matches!(&asked[0].transcript.entries[0], Entry::Instructions { text } if text.contains("11 March 2026")));
    assert_eq!(later.history(10).unwrap().len(), 4);
}

#[test]
fn a_conversation_that_has_become_too_long_forgets_its_oldest_turns() {
    let mut desk = Desk::new();
    let mut user = User::who_says(Decision::No);
    let full = |needed_tokens| vec![Said(Err(ModelError::ContextFull { needed_tokens, limit_tokens: 100 }))];
    let turns = ["1", "2", "3"].map(|text| vec![say(text)]);
    let model = ScriptedModel::says(turns.into_iter().chain([
        full(101),
        vec![say("4")],
        vec![say("5")],
        full(400),
        vec![say("6")],
    ]));
    for words in ["one", "two", "three", "four", "five", "six"] {
        desk.ask(words, &model, Confirm::Ask, &mut user);
    }
    let asked = model.asked.lock().unwrap();
    let lengths: Vec<usize> = asked.iter().map(|request| request.transcript.entries.len()).collect();
    // Of four turns two stay, at once; the next prompt begins as the last one did. Instructions and the last prompt stay always.
    assert_eq!(lengths, [2, 4, 6, 8, 4, 6, 8, 2]);
    assert_eq!(asked[4].transcript.entries[..], asked[5].transcript.entries[..4]);
    assert_eq!(user.text, "123456");
}

#[test]
fn a_request_that_never_fits_is_an_error() {
    let mut desk = Desk::new();
    let model =
        ScriptedModel::says([vec![Said(Err(ModelError::ContextFull { needed_tokens: 200, limit_tokens: 100 }))]]);
    let model: Arc<dyn LanguageModel> = model;
    let answer = desk.assistant.ask("far too long", &model, Confirm::Ask, &mut User::who_says(Decision::No));
    assert!(matches!(answer, Err(AssistantError::Model(ModelError::ContextFull { .. }))));
}

#[test]
fn a_correction_takes_the_place_of_what_was_done() {
    let mut desk = Desk::new();
    let model = ScriptedModel::says([vec![remind("call Ana")]]);
    let mut user = User::who_says(Decision::Yes);
    desk.ask("Remind me tomorrow at 9 to call Ana", &model, Confirm::Ask, &mut user);
    desk.ask("no, make it Friday", &model, Confirm::Ask, &mut user);
    assert_eq!(user.outcomes(), [Outcome::Done; 2]);
    assert!(user.ended[1].1.contains("took back"), "{}", user.ended[1].1);
    let [reminder] = &desk.reminders()[..] else { panic!("one reminder") };
    assert!(reminder.contains("20260313T090000"), "{reminder}");
    assert_eq!(model.asked.lock().unwrap().len(), 1, "the model is not asked");

    // And once more, and back to nothing.
    desk.ask("sorry, at 10", &model, Confirm::Ask, &mut user);
    let [reminder] = &desk.reminders()[..] else { panic!("one reminder") };
    assert!(reminder.contains("20260313T100000"), "{reminder}");
    desk.assistant.undo().unwrap();
    assert!(desk.reminders().is_empty());
}

#[test]
fn a_correction_of_nothing_does_nothing() {
    for words in ["no, make it Friday", "actually, at 10", "non, plutôt vendredi"] {
        let mut desk = Desk::new();
        let model = ScriptedModel::says([vec![remind("make it")]]);
        let mut user = User::who_says(Decision::Yes);
        desk.ask(words, &model, Confirm::Never, &mut user);
        assert!(user.text.contains("nothing yet") || user.text.contains("encore rien"), "{}", user.text);
        assert!(desk.reminders().is_empty() && model.asked.lock().unwrap().is_empty(), "{words}");
    }
}

#[test]
fn a_correction_that_is_declined_leaves_what_was_done() {
    let mut desk = Desk::new();
    let model = ScriptedModel::says([vec![remind("call Ana")]]);
    desk.ask("Remind me tomorrow at 9 to call Ana", &model, Confirm::Ask, &mut User::who_says(Decision::Yes));
    let mut user = User::who_says(Decision::No);
    desk.ask("no, make it Friday", &model, Confirm::Ask, &mut user);
    assert_eq!(user.outcomes(), [Outcome::Declined]);
    let [reminder] = &desk.reminders()[..] else { panic!("one reminder") };
    assert!(reminder.contains("20260312T090000"), "{reminder}");
    assert_eq!(desk.assistant.undo().unwrap().len(), 1, "it can still be taken back");
    assert!(desk.reminders().is_empty());
}
