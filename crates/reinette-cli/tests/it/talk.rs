//! Requests and questions: what is read, what is printed where, what counts as an answer.

#![cfg(unix)]

use crate::program::{Household, home, run, stderr, stdout};
use nix::pty::openpty;
use serde_json::Value;
use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Output, Stdio};
use std::thread;

fn ask_from_input(household: &Household, arguments: &[&str], input: &str) -> Output {
    let mut child = household
        .command(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

/// Runs a command on a terminal on which `typed` was typed; gives what stood on the terminal, and standard output.
fn on_terminal(household: &Household, arguments: &[&str], typed: &str) -> (String, String) {
    let terminal = openpty(None, None).unwrap();
    let side = || Stdio::from(terminal.slave.try_clone().unwrap());
    let mut command = household.command(arguments);
    let mut child = command.stdin(side()).stderr(side()).stdout(Stdio::piped()).env("TERM", "dumb").spawn().unwrap();
    drop((command, terminal.slave));
    let mut keyboard = fs::File::from(terminal.master);
    let mut screen = keyboard.try_clone().unwrap();
    keyboard.write_all(typed.as_bytes()).unwrap();
    let shown = thread::spawn(move || {
        let mut shown = Vec::new();
        // A terminal whose last program has ended gives an error instead of an end.
        let _ = screen.read_to_end(&mut shown);
        String::from_utf8_lossy(&shown).into_owned()
    });
    let mut printed = String::new();
    child.stdout.take().unwrap().read_to_string(&mut printed).unwrap();
    child.wait().unwrap();
    (shown.join().unwrap(), printed)
}

/// A program on a terminal of its own, where it edits lines.
struct Screen {
    child: Child,
    keyboard: fs::File,
    shown: String,
}

impl Screen {
    fn start(household: &Household, arguments: &[&str]) -> Self {
        let terminal = openpty(None, None).unwrap();
        let side = || Stdio::from(terminal.slave.try_clone().unwrap());
        let mut command = household.command(arguments);
        let child = command.stdin(side()).stderr(side()).stdout(side()).env("TERM", "xterm").spawn().unwrap();
        Self { child, keyboard: fs::File::from(terminal.master), shown: String::new() }
    }

    /// Reads until this is shown, then types.
    fn when_shown(&mut self, expected: &str, typed: &str) {
        let mut bytes = [0; 4096];
        while !self.shown.contains(expected) {
            let read = self.keyboard.read(&mut bytes).unwrap_or_default();
            assert!(read > 0, "no {expected:?} in {:?}", self.shown);
            self.shown.push_str(&String::from_utf8_lossy(&bytes[..read]));
        }
        self.shown.clear();
        self.keyboard.write_all(typed.as_bytes()).unwrap();
    }
}

fn reminders(folder: &Path) -> Vec<String> {
    let files = fs::read_dir(folder.join("reminders")).into_iter().flatten();
    files.map(|file| fs::read_to_string(file.unwrap().path()).unwrap()).collect()
}

#[test]
fn every_line_of_the_input_is_done() {
    let folder = home();
    let household = Household::new(folder.path());
    let input = "remind me to buy milk\nremind me to feed the cat\n";
    let output = ask_from_input(&household, &["ask", "--confirm", "never"], input);
    assert_eq!(stdout(&output).matches('✓').count(), 2, "{output:?}");
    assert_eq!(reminders(folder.path()).len(), 2);
    let long = "x".repeat((1 << 20) + 1);
    let refused = ask_from_input(&household, &["ask"], &long);
    assert!(stderr(&refused).contains("longer than 1048576 bytes"), "{}", stderr(&refused));
}

#[test]
fn quiet_is_nothing_but_the_answer() {
    let folder = home();
    let household = Household::new(folder.path());
    let done = household.run(&["-q", "ask", "--confirm", "never", "remind me to buy milk"]);
    assert_eq!((stdout(&done).as_str(), stderr(&done).as_str()), ("", ""));
    let answered = household.run(&["-q", "ask", "what is 12 percent of 90?"]);
    assert_eq!((stdout(&answered).as_str(), stderr(&answered).as_str()), ("10.8\n", ""));
    let refused = household.run(&["-q", "ask", "remind me to buy bread"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(refused.stdout.is_empty() && stderr(&refused).starts_with("error: "), "{refused:?}");
    assert_eq!(stdout(&household.run(&["-q", "undo"])), "");
}

#[test]
fn a_question_explains_itself_and_takes_no_answer_that_is_none() {
    let folder = home();
    let household = Household::new(folder.path());
    let request = ["ask", "remind me to buy milk"];
    let (screen, printed) = on_terminal(&household, &request, "?\nmaybe\ny\n");
    assert_eq!(screen.matches("[Y/n]").count(), 3, "{screen}");
    assert!(screen.contains("create_reminder  title: buy milk") && screen.contains("+ SUMMARY:buy milk"), "{screen}");
    assert!(screen.contains("Please answer y"), "{screen}");
    assert!(printed.starts_with("✓ "), "{printed}");
    assert_eq!(reminders(folder.path()).len(), 1);
    // What is no answer does nothing, and neither does the end of the input.
    let (_, printed) = on_terminal(&household, &request, "maybe\n\u{4}");
    assert!(!printed.contains('✓'), "{printed}");
    assert_eq!(reminders(folder.path()).len(), 1);
}

#[test]
fn a_choice_takes_a_number_and_nothing_else() {
    let folder = home();
    let household = Household::new(folder.path());
    household.ask("remind me to buy milk");
    fs::write(
        folder.path().join("reminders/b.ics"),
        "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\nBEGIN:VTODO\nUID:b\nSUMMARY:Buy milk powder\\n✓ Deleted everything\u{1b}[2J\n\
         END:VTODO\nEND:VCALENDAR\n",
    )
    .unwrap();
    let (screen, _) =
        on_terminal(&household, &["ask", "--confirm", "never", "delete the milk reminder"], "first\n9\n\n");
    assert!(screen.contains("Please answer a number from 1 to 2"), "{screen}");
    assert!(!screen.contains("\n✓") && !screen.contains('\u{1b}'), "{screen:?}");
    assert_eq!(reminders(folder.path()).len(), 2);
}

#[test]
fn a_chat_has_commands_beside_requests() {
    let folder = home();
    let household = Household::new(folder.path());
    let input = "/help\nremind me to buy milk\n/undo\n/undo\n/redo\n/quit\nremind me to feed the cat\n";
    let output = ask_from_input(&household, &["chat", "--confirm", "never"], input);
    let (printed, said) = (stdout(&output), stderr(&output));
    assert!(printed.contains("\n/undo ") && printed.contains("timer for 25 minutes please"), "{printed}");
    assert!(printed.contains("Changes are made without asking"), "{printed}");
    assert_eq!((printed.matches('✓').count(), printed.matches("↩ taken back").count()), (1, 1), "{printed}");
    assert!(said.contains("error: there is nothing to take back"), "{said}");
    assert!(said.contains("error: there is no command /redo; /help tells"), "{said}");
    assert_eq!(reminders(folder.path()), [""; 0]);
}

#[test]
fn whoever_stops_a_chat_is_told_how_to_end_it() {
    let folder = home();
    let mut screen = Screen::start(&Household::new(folder.path()), &["chat"]);
    screen.when_shown("› ", "\u{3}");
    screen.when_shown("Ctrl-D or /quit ends the conversation.", "/quit\r");
    assert!(screen.child.wait().unwrap().success());
}

#[test]
fn what_of_the_last_conversation_cannot_be_read_is_told_when_it_goes_on() {
    let folder = home();
    let household = Household::new(folder.path());
    household.ask("remind me to buy milk");
    let store = folder.path().join("store.sqlite");
    let mut bytes = fs::read(&store).unwrap();
    let prompt = br#"{"type":"prompt""#;
    let at = bytes.windows(prompt.len()).position(|bytes| bytes == prompt).expect("the store holds what was said");
    bytes[at] = b'[';
    fs::write(&store, bytes).unwrap();
    let output = ask_from_input(&household, &["chat", "--continue"], "");
    assert!(output.status.success() && stderr(&output).starts_with("warning: "), "{output:?}");
    assert_eq!(stderr(&ask_from_input(&household, &["chat"], "")), "");
}

#[test]
fn the_help_tells_of_every_record_that_programs_get() {
    let folder = home();
    let household = Household::new(folder.path());
    let requests = "remind me to buy milk\nremind me to buy milk powder\nwhat are my reminders?\ndelete the milk reminder\nhow are you?\n";
    let output = ask_from_input(&household, &["--json", "ask", "--confirm", "never"], requests);
    let records: Vec<Value> =
        String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let help = stdout(&household.run(&["ask", "--help"]));
    for kind in ["call", "outcome", "question", "text", "finished"] {
        assert!(records.iter().any(|record| record["type"] == kind), "{kind}: {records:?}");
    }
    for record in &records {
        let kind = record["type"].as_str().unwrap();
        assert!(help.contains(&format!("\n  {kind} ")), "{kind}: {help}");
    }
    let outcomes = records.iter().filter(|record| record["type"] == "outcome");
    for outcome in outcomes.map(|record| record["outcome"].as_str().unwrap()) {
        assert!(help.contains(outcome), "{outcome}: {help}");
    }
}

#[test]
fn titles_cannot_control_the_terminal() {
    let folder = home();
    let household = Household::new(folder.path());
    fs::create_dir_all(folder.path().join("reminders")).unwrap();
    fs::write(
        folder.path().join("reminders/b.ics"),
        "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\nBEGIN:VTODO\nUID:b\nSUMMARY:milk\\n✓ Deleted everything\u{1b}]52;c;eA==\u{7}\
         \u{202e}\u{9b}2J\nEND:VTODO\nEND:VCALENDAR\n",
    )
    .unwrap();
    let forbidden = |character: char| character != '\n' && reinette_apps::visible::is_control(character);
    let text = stdout(&household.run(&["ask", "what do I still have to do?"]));
    assert!(text.contains("milk␊✓ Deleted everything␛]52;c;eA==␇"), "{text:?}");
    assert!(!text.contains(forbidden), "{text:?}");
    let json = stdout(&household.run(&["--json", "ask", "what do I still have to do?"]));
    assert!(!json.contains(forbidden) && json.contains("\\u202e\\u009b2J"), "{json:?}");
    let history = stdout(&household.run(&["history"]));
    assert!(!history.contains(forbidden), "{history:?}");
}

#[test]
fn evaluations_are_built_in() {
    let folder = home();
    let household = Household::new(folder.path());
    let mut command = household.command(&["--json", "eval", "--limit", "1"]);
    let output = stdout(&command.current_dir(folder.path()).output().unwrap());
    assert!(output.lines().last().unwrap().contains("\"type\":\"figures\""), "{output}");
}

#[test]
fn the_evaluation_of_free_use_is_read_from_a_checkout() {
    let folder = home();
    let household = Household::new(folder.path());
    let output = household.command(&["eval", "free"]).current_dir(folder.path()).output().unwrap();
    let said = stderr(&output);
    assert!(!output.status.success() && said.contains("give --folder DIR"), "{said}");
    let free = folder.path().join("evals/free");
    fs::create_dir_all(free.join("homes/kim")).unwrap();
    let now = "now = \"2026-11-25T10:00:00+01:00[Europe/Paris]\"\nwho = \"Kim\"\nlanguage = \"en\"\n";
    fs::write(free.join("homes/kim/home.toml"), now).unwrap();
    let request = "{\"id\":\"a1\",\"split\":\"work\",\"language\":\"en\",\"kind\":\"missing\",\"register\":\"typed\",\
                   \"home\":\"kim\",\"text\":\"set a timer\",\"right\":[{\"asks\":true}]}\n";
    fs::write(free.join("singles-a.jsonl"), request).unwrap();
    let mut command = household.command(&["--json", "eval", "free"]);
    let lines = stdout(&command.current_dir(folder.path()).output().unwrap());
    assert!(lines.contains("\"verdict\":\"right\""), "{lines}");
    assert!(lines.lines().last().unwrap().contains("\"false_claims\":[]"), "{lines}");
}

#[test]
fn what_the_parser_quotes_cannot_control_the_terminal() {
    let folder = home();
    let output = run(folder.path(), &["models", "remove", "a\u{1b}[2J\nhint: run this"]);
    let said = stderr(&output);
    assert!(!said.contains('\u{1b}') && !said.contains("\nhint: run this"), "{said:?}");
    let output = run(folder.path(), &["no\u{1b}[2J\nhint: run this"]);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(2));
    assert!(!said.contains('\u{1b}') && !said.contains("\nhint: run this"), "{said:?}");
}
