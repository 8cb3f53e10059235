//! Timers, alarms and reminders that ring: in the daemon, in a chat, and how the daemon is installed.

#![cfg(unix)]

use crate::program::{Household, home, reinette, run, stderr, stdout};
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_mins(1);

/// Writes a timer that has run out.
fn write_due_timer(home: &Path, name: &str) -> PathBuf {
    let folder = home.join("timers");
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join(format!("{name}.json"));
    let timer = r#"{"kind": "timer", "rings_at": "2026-01-01T10:00:00+00:00[UTC]", "duration": "PT10M"}"#;
    fs::write(&path, timer).unwrap();
    path
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < PATIENCE, "{what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Ends a process as the system does.
fn terminate(child: &mut Child) -> Option<i32> {
    // Whoever waits for a process closes its input: the end of that must not come before the signal.
    let _input = child.stdin.take();
    assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
    child.wait().unwrap().code()
}

fn records(output: &str) -> Vec<Value> {
    output.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The daemon of a home, which runs.
fn start_daemon(folder: &Path) -> Child {
    let mut command = reinette(folder);
    command.arg("--home").arg(folder).arg("daemon").stdout(Stdio::piped()).stderr(Stdio::null());
    let child = command.spawn().unwrap();
    wait_until("the daemon runs", || folder.join("daemon.json").exists());
    child
}

#[test]
fn what_is_due_rings_once_and_is_told_to_programs() {
    let folder = home();
    let home = folder.path().to_str().unwrap();
    let file = write_due_timer(folder.path(), "tea");
    let rang = records(&stdout(&run(folder.path(), &["--json", "--home", home, "daemon", "--once"])));
    assert_eq!(rang.len(), 1, "{rang:?}");
    assert_eq!((&rang[0]["type"], &rang[0]["kind"], &rang[0]["id"]), (&"rang".into(), &"timer".into(), &"tea".into()));
    assert!(rang[0]["at"].as_str().unwrap().starts_with("2026-01-01T") && rang[0]["missed"] == true, "{rang:?}");
    assert!(!file.exists());
    assert_eq!(stdout(&run(folder.path(), &["--home", home, "daemon", "--once"])), "");
}

#[test]
fn a_reader_that_went_away_keeps_the_ring() {
    let folder = home();
    let file = write_due_timer(folder.path(), "tea");
    let mut command = reinette(folder.path());
    command.arg("--home").arg(folder.path()).args(["daemon", "--once"]).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    child.wait().unwrap();
    assert!(file.exists(), "nobody has heard it");
}

#[test]
fn the_daemon_ends_when_the_system_asks_and_tells_of_itself_meanwhile() {
    let folder = home();
    let home = folder.path().to_str().unwrap();
    let status = || records(&stdout(&run(folder.path(), &["--json", "--home", home, "daemon", "status"]))).remove(0);
    let stopped = status();
    assert_eq!(
        (&stopped["running"], &stopped["installed"], &stopped["next"]),
        (&false.into(), &false.into(), &Value::Null)
    );
    let mut daemon = start_daemon(folder.path());
    let running = status();
    assert_eq!((&running["running"], &running["process"]), (&true.into(), &daemon.id().into()), "{running}");
    assert!(running["since"].as_str().unwrap().contains('T'));
    let second = run(folder.path(), &["--home", home, "daemon"]);
    assert!(stderr(&second).contains("a daemon is running in this home already"));
    assert_eq!(terminate(&mut daemon), Some(0));
    assert_eq!(status()["running"], false);
}

#[test]
fn status_tells_what_rings_next() {
    let folder = home();
    let timers = folder.path().join("timers");
    fs::create_dir_all(&timers).unwrap();
    for (name, year) in [("late", 2126), ("soon", 2099)] {
        let alarm = format!(r#"{{"kind": "alarm", "rings_at": "{year}-01-01T10:00:00+00:00[UTC]"}}"#);
        fs::write(timers.join(format!("{name}.json")), alarm).unwrap();
    }
    let arguments = ["--home", folder.path().to_str().unwrap(), "daemon", "status"];
    let text = stdout(&run(folder.path(), &arguments));
    assert!(text.contains("next ring: alarm, ") && text.contains("2099"), "{text}");
    assert!(text.contains("installed: no") && text.contains("daemon install"), "{text}");
}

/// A folder with a `systemctl` that notes how it is called and exits with `status`.
fn stub(folder: &Path, status: i32) -> PathBuf {
    let programs = folder.join("programs");
    fs::create_dir_all(&programs).unwrap();
    let path = programs.join("systemctl");
    let log = folder.join("called.txt");
    let script = format!("#!/bin/sh\necho \"$*\" >> '{}'\necho 'no bus here' >&2\nexit {status}\n", log.display());
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    programs
}

fn daemon(folder: &Path, programs: &Path, home: Option<&Path>, action: &str) -> Value {
    let mut command = reinette(folder);
    command.env("PATH", programs).env("XDG_CONFIG_HOME", folder.join("config")).env("LANG", "fr_FR.UTF-8");
    if let Some(home) = home {
        command.arg("--home").arg(home);
    }
    records(&stdout(&command.args(["--json", "daemon", action]).output().unwrap())).remove(0)
}

#[cfg(target_os = "linux")]
#[test]
fn the_service_is_installed_for_its_home_and_uninstalled() {
    let folder = home();
    let programs = stub(folder.path(), 0);
    let named = folder.path().join("50% \"of\" $HOME");
    for home in [None, Some(named.as_path())] {
        let installed = daemon(folder.path(), &programs, home, "install");
        assert_eq!(installed["started"], true, "{installed}");
        let path = PathBuf::from(installed["path"].as_str().unwrap());
        let name = path.file_name().unwrap().to_str().unwrap();
        assert_eq!(path.parent().unwrap(), folder.path().join("config/systemd/user"));
        assert_eq!(name == "reinette.service", home.is_none(), "{name}");
        let unit = fs::read_to_string(&path).unwrap();
        let program = env!("CARGO_BIN_EXE_reinette");
        assert!(
            unit.contains(&format!("ExecStart=\"{program}\" --home \"/")) && unit.contains("LANG=fr_FR.UTF-8"),
            "{unit}"
        );
        assert_eq!(unit.contains(r#"/50%% \"of\" $$HOME" daemon"#), home.is_some(), "{unit}");
        let called = fs::read_to_string(folder.path().join("called.txt")).unwrap();
        assert!(called.contains(&format!("--user enable {name}\n--user restart {name}\n")), "{called}");
        assert_eq!(daemon(folder.path(), &programs, home, "status")["installed"], true);
        // Once more changes nothing.
        daemon(folder.path(), &programs, home, "install");
        assert_eq!(fs::read_to_string(&path).unwrap(), unit);
    }
    for home in [None, Some(named.as_path())] {
        let removed = daemon(folder.path(), &programs, home, "uninstall");
        assert_eq!(removed["was_installed"], true);
        assert!(!PathBuf::from(removed["path"].as_str().unwrap()).exists());
        assert_eq!(daemon(folder.path(), &programs, home, "uninstall")["was_installed"], false);
    }
    let called = fs::read_to_string(folder.path().join("called.txt")).unwrap();
    assert_eq!(called.matches("--user disable --now reinette").count(), 2, "{called}");
}

#[cfg(target_os = "linux")]
#[test]
fn where_no_service_can_be_started_the_user_is_told_what_to_do() {
    let folder = home();
    let broken = stub(folder.path(), 1);
    let none = folder.path().join("none");
    for (programs, reason) in [(&broken, "systemctl: no bus here"), (&none, "there is no systemctl")] {
        let mut command = reinette(folder.path());
        command.env("PATH", programs).env_remove("XDG_CONFIG_HOME").args(["daemon", "install"]);
        let text = stdout(&command.output().unwrap());
        assert!(text.contains(reason), "{text}");
        assert!(text.contains("systemctl --user enable --now reinette.service"), "{text}");
        assert!(text.contains("daemon\n"), "the command to be started otherwise: {text}");
        assert!(folder.path().join(".config/systemd/user/reinette.service").exists());
    }
}

/// The lines that a process prints, one by one.
fn lines(child: &mut Child) -> impl Iterator<Item = String> + use<> {
    BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok)
}

#[test]
fn a_chat_rings_while_it_waits_and_leaves_it_to_a_daemon_where_one_runs() {
    let folder = home();
    let household = Household::new(folder.path());
    let chat = || {
        let mut command = household.command(&["chat"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
    };
    write_due_timer(folder.path(), "first");
    let mut alone = chat();
    let line = lines(&mut alone).next().unwrap();
    assert!(line.starts_with("🔔 ") && line.contains("10 min"), "{line}");
    wait_until("it is acknowledged", || !folder.path().join("timers/first.json").exists());
    // It waits for a line of its user: nothing is under way.
    assert_eq!(terminate(&mut alone), Some(143));

    let mut daemon = start_daemon(folder.path());
    let mut beside = chat();
    let second = write_due_timer(folder.path(), "second");
    let line = lines(&mut daemon).next().unwrap();
    assert!(line.starts_with("🔔 "), "{line}");
    wait_until("it is acknowledged", || !second.exists());
    drop(beside.stdin.take());
    assert_eq!(lines(&mut beside).count(), 0);
    assert!(beside.wait().unwrap().success());
    assert_eq!(terminate(&mut daemon), Some(0));
}

#[test]
fn whoever_sets_what_rings_is_told_when_nobody_rings() {
    let folder = home();
    let household = Household::new(folder.path());
    let request = "set a timer for 10 minutes";
    let alone = household.run(&["--json", "ask", "--confirm", "never", request]);
    let said = stderr(&alone);
    assert!(said.contains("no daemon runs") && said.contains("' daemon install`"), "{said}");
    let outcome = records(&stdout(&alone)).into_iter().find(|record| record["type"] == "outcome").unwrap();
    assert_eq!(outcome["daemon_running"], false, "{outcome}");
    let timer = &outcome["data"]["created"][0];
    assert_eq!((&timer["kind"], &timer["duration_seconds"]), (&"timer".into(), &600.into()));
    assert!(Path::new(timer["path"].as_str().unwrap()).exists(), "{timer}");

    let mut daemon = start_daemon(folder.path());
    let beside = household.run(&["--json", "ask", "--confirm", "never", request]);
    assert!(!stderr(&beside).contains("daemon"), "{}", stderr(&beside));
    let outcome = records(&stdout(&beside)).into_iter().find(|record| record["type"] == "outcome").unwrap();
    assert_eq!(outcome["daemon_running"], true, "{outcome}");
    terminate(&mut daemon);
    drop(daemon.stdout.take().map(|mut output| std::io::copy(&mut output, &mut std::io::sink())));

    // What does not ring needs nobody to ring it.
    let note = household.run(&["ask", "--confirm", "never", "remind me to buy milk"]);
    assert!(!stderr(&note).contains("daemon"), "{}", stderr(&note));
}

#[test]
fn a_chat_ends_when_its_input_does() {
    let folder = home();
    let household = Household::new(folder.path());
    let mut command = household.command(&["chat", "--confirm", "never"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"remind me to buy milk\nremind me to feed the cat").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(stdout(&output).matches('✓').count(), 2, "{output:?}");
}
