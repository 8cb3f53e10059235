//! The manners of every command.

use reinette_testkit::{TestModel, model};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// The program with everything of its own in `folder`, and nothing of the tester's.
pub(crate) fn reinette(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reinette"));
    for variable in
        ["REINETTE_HOME", "REINETTE_MODELS", "REINETTE_MODEL", "REINETTE_HUB", "XDG_DATA_HOME", "XDG_CACHE_HOME"]
    {
        command.env_remove(variable);
    }
    command.env("HOME", folder).stdin(Stdio::null());
    command
}

pub(crate) fn run(folder: &Path, arguments: &[&str]) -> Output {
    reinette(folder).args(arguments).output().unwrap()
}

/// What a successful run printed.
pub(crate) fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}", stderr(output));
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// An empty home.
pub(crate) fn home() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// Requests that the light model understands: two files of two apps, one of each of them, one of a third.
pub(crate) const DONE: [&str; 4] = [
    "Remind me to call Ana tomorrow at 9, and put lunch with Pierre in my calendar on Friday at noon",
    "remind me to buy milk",
    "put dinner with Zoe in my calendar on Saturday at 8pm",
    "note that the garage code is 4312",
];

/// A home, and the light model to act in it: what the program does is tried, not what the model understands.
pub(crate) struct Household {
    home: PathBuf,
    models: PathBuf,
}

impl Household {
    pub(crate) fn new(home: &Path) -> Self {
        let model = model(TestModel::SmolLm2);
        Self { home: home.to_owned(), models: model.parent().unwrap().to_owned() }
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = reinette(&self.home);
        command.arg("--home").arg(&self.home).arg("--models").arg(&self.models);
        command.args(["--model", TestModel::SmolLm2.name()]).args(arguments);
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    pub(crate) fn try_ask(&self, request: &str) -> Output {
        self.run(&["ask", "--confirm", "never", request])
    }

    pub(crate) fn ask(&self, request: &str) {
        stdout(&self.try_ask(request));
    }

    /// Takes back what the last request changed; whether there was anything.
    pub(crate) fn undo(&self) -> bool {
        let output = self.run(&["undo"]);
        let is_over = stderr(&output).contains("nothing to take back");
        assert!(output.status.success() || is_over, "{}", stderr(&output));
        !is_over
    }

    /// Takes back one request after the other; nothing that was made is left.
    pub(crate) fn undo_everything(&self) {
        while self.undo() {
            self.check();
        }
        assert_eq!(self.check(), [""; 0]);
    }

    /// Checks that every file is whole and that the journal tells of exactly these files; gives their contents. Asking for
    /// the journal starts the program, which first clears away what a killed one left.
    pub(crate) fn check(&self) -> Vec<String> {
        let journal = stdout(&self.run(&["--json", "history", "--changes", "--limit", "1000"]));
        let lines: Vec<Value> = journal.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(lines.iter().all(|line| line["state"] != "pending" && line["state"] != "undoing"), "{journal}");
        let mut contents = Vec::new();
        for (folder, tool) in [("calendar", "create_event"), ("reminders", "create_reminder"), ("notes", "create_note")]
        {
            let done = lines.iter().filter(|line| line["tool"] == tool && line["state"] == "done").count();
            let files = fs::read_dir(self.home.join(folder)).into_iter().flatten().map(|entry| entry.unwrap().path());
            let found: Vec<PathBuf> = files.collect();
            assert_eq!(found.len(), done, "{found:?} in {folder}: {journal}");
            for path in found {
                let text = fs::read_to_string(&path).unwrap();
                let is_whole = match path.extension().and_then(|extension| extension.to_str()) {
                    Some("ics") => text.starts_with("BEGIN:VCALENDAR") && text.ends_with("END:VCALENDAR\r\n"),
                    Some("md") => text.contains("4312"),
                    _ => false,
                };
                assert!(is_whole, "{}: {text}", path.display());
                contents.push(text);
            }
        }
        contents.sort();
        contents
    }
}

#[test]
fn a_mistake_on_the_command_line_is_status_2() {
    let home = home();
    for arguments in [&["--no-such-option"][..], &["no-such-command"], &["models", "remove"], &["setup", "extra"]] {
        let output = run(home.path(), arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(stderr(&output).starts_with("error: "), "{arguments:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn a_failure_is_status_1_and_says_what_to_do() {
    let home = home();
    let output = run(home.path(), &["models", "remove", "plum"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    let lines: Vec<String> = stderr(&output).lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert_eq!(lines[0], "error: there is no model called `plum`");
    assert!(lines[1].starts_with("hint: known here: qwen2.5-coder-0.5b"), "{lines:?}");
}

#[test]
fn a_failure_is_a_record_for_programs() {
    let home = home();
    let output = run(home.path(), &["--json", "models", "verify", "plum"]);
    assert_eq!(output.status.code(), Some(1));
    let record: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(record["type"], "error");
    assert_eq!(record["message"], "there is no model called `plum`");
    assert!(record["hint"].is_string());
}

#[test]
fn a_reader_that_went_away_is_no_error() {
    let home = home();
    let mut child =
        reinette(home.path()).args(["models", "list"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    assert_eq!(stderr(&output), "");
}

#[test]
fn every_shell_gets_completions() {
    let home = home();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = stdout(&run(home.path(), &["completions", shell]));
        assert!(script.contains("reinette") && script.contains("verify"), "{shell}");
    }
}

#[test]
fn the_manual_has_a_page_for_every_command() {
    let home = home();
    assert!(stdout(&run(home.path(), &["man"])).contains(".TH reinette 1"));
    let folder = home.path().join("man1");
    assert_eq!(stdout(&run(home.path(), &["man", folder.to_str().unwrap()])), "");
    for page in ["reinette.1", "reinette-setup.1", "reinette-models.1", "reinette-models-add.1"] {
        assert!(fs::read_to_string(folder.join(page)).unwrap().contains(".TH "), "{page}");
    }
}

#[test]
fn nothing_is_written_by_commands_that_only_tell() {
    let home = home();
    for arguments in
        [&["models", "list"][..], &["cache", "show"], &["--version"], &["--help"], &["completions", "bash"], &["man"]]
    {
        stdout(&run(home.path(), arguments));
    }
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
}

#[test]
fn the_cache_is_shown_and_cleared_where_the_home_is() {
    let home = home();
    let snapshots = home.path().join("cache/prefixes");
    fs::create_dir_all(&snapshots).unwrap();
    for name in ["one.kv", "two.kv", "note.txt"] {
        fs::write(snapshots.join(name), "12345").unwrap();
    }
    let packed = home.path().join("cache/packed");
    fs::create_dir_all(&packed).unwrap();
    for name in ["model.packed", "note.txt"] {
        fs::write(packed.join(name), "123").unwrap();
    }
    let cache = |action: &str| {
        let arguments = ["--json", "--cache-limit", "7", "--home", home.path().to_str().unwrap(), "cache", action];
        serde_json::from_str::<serde_json::Value>(&stdout(&run(home.path(), &arguments))).unwrap()
    };
    let shown = cache("show");
    assert_eq!((&shown["snapshots"], &shown["size_bytes"]), (&2.into(), &10.into()), "{shown}");
    assert_eq!((&shown["limit_bytes"], &shown["path"]), (&7_000_000.into(), &snapshots.to_str().unwrap().into()));
    assert_eq!((&shown["packed_models"], &shown["packed_bytes"]), (&1.into(), &3.into()), "{shown}");
    assert_eq!(shown["packed_path"], packed.to_str().unwrap());
    let cleared = cache("clear");
    assert_eq!((&cleared["snapshots"], &cleared["packed_models"]), (&2.into(), &1.into()), "{cleared}");
    let shown = cache("show");
    assert_eq!((&shown["snapshots"], &shown["packed_models"]), (&0.into(), &0.into()), "{shown}");
    for folder in [snapshots, packed] {
        assert!(folder.join("note.txt").exists(), "what is not ours stays");
    }
}
