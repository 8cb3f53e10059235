//! Every system call of a change fails in turn, or is the last one of the process.
//!
//! `strace` does that to a child process. By default some of the calls are tried; `REINETTE_FAULTS=all` tries each.

use super::*;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

/// Set in the child process: its home, and what it does there.
const HOME: &str = "REINETTE_FAULTS_HOME";
const DEED: &str = "REINETTE_FAULTS_DEED";

/// So many faults of each kind and deed are tried, unless all are.
const FAULTS: usize = 8;

/// The system calls that touch files.
const CALLS: &str = "openat,read,pread64,write,pwrite64,fsync,fdatasync,ftruncate,rename,renameat2,link,linkat,unlink,\
                     unlinkat,fcntl,flock,fchmod,chmod,mkdir,newfstatat,statx,fstat,lstat,stat,getdents64,lseek,mmap";

const DEEDS: [&str; 3] = ["ask", "correct", "undo"];

fn event(title: &str) -> Said {
    call("create_event", &json!({"title": title, "when": "Friday at noon"}))
}

fn ask(assistant: &mut Assistant, words: &str, calls: Vec<Said>) -> Result<Vec<ToolOutcome>, AssistantError> {
    let model: Arc<dyn LanguageModel> = ScriptedModel::says([calls]);
    let mut user = User::who_says(Approval::Allowed);
    user.ask(assistant, words, &model, Confirm::Ask).map(|()| user.outcomes())
}

fn lunch_and_list() -> Vec<Said> {
    vec![event("lunch"), call("append_note", &json!({"note": "shopping list", "text": "milk"}))]
}

/// Does one deed in the home, and says how each call ended.
fn act(home: &Path, deed: &str) -> Result<Vec<ToolOutcome>, AssistantError> {
    let home = Home::open(Some(home)).unwrap();
    if deed == "undo" {
        let undone = Assistant::open_to_read(home, now)?.undo()?;
        return Ok(undone.iter().map(|_| ToolOutcome::Answered).collect());
    }
    let mut assistant = Assistant::open(home, now)?;
    if deed == "ask" {
        return ask(&mut assistant, "lunch, and milk", lunch_and_list());
    }
    let mut outcomes = ask(&mut assistant, "put dinner in my calendar", vec![event("dinner")])?;
    outcomes.extend(ask(&mut assistant, "no, make it Thursday", Vec::new())?);
    Ok(outcomes)
}

/// Not a test of its own: what the tests below start. It waits until `strace` has it.
#[test]
fn victim() {
    let Some(home) = std::env::var_os(HOME) else { return };
    std::io::stdout().write_all(b"\nREADY\n").unwrap();
    std::io::stdin().read_line(&mut String::new()).unwrap();
    let outcomes = act(Path::new(&home), &std::env::var(DEED).unwrap()).unwrap();
    let done = outcomes.iter().filter(|outcome| **outcome == ToolOutcome::Done).count();
    std::io::stdout().write_all(format!("\nDONE {done}\n").as_bytes()).unwrap();
}

/// A process with `strace` at it; `None` where that is not there or not allowed.
struct Traced {
    victim: Child,
    strace: Child,
}

impl Traced {
    fn start(home: &Path, deed: &str, options: &[&str]) -> Option<Self> {
        let mut victim = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "assistant::tests::faults::victim", "--nocapture"])
            .env(HOME, home)
            .env(DEED, deed)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // A thread that begins while `strace` looks for threads would not be seen: the one that acts says that it is there.
        let mut said = BufReader::new(victim.stdout.take().unwrap());
        let mut line = String::new();
        while !line.contains("READY") && said.read_line(&mut line).unwrap() > 0 {}
        let trace = home.join("trace");
        let strace = Command::new("strace")
            .args(["-f", "-o", trace.to_str().unwrap(), "-p", &victim.id().to_string()])
            .args(options)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        let Ok(mut strace) = strace else {
            let _ = victim.kill();
            victim.wait().unwrap();
            return None;
        };
        let mut attached = String::new();
        BufReader::new(strace.stderr.take().unwrap()).read_line(&mut attached).unwrap();
        if !attached.contains("attached") {
            let _ = (victim.kill(), strace.kill());
            victim.wait().unwrap();
            strace.wait().unwrap();
            return None;
        }
        victim.stdout = Some(said.into_inner());
        Some(Self { victim, strace })
    }

    /// Lets it act; gives how much it said was done, and the trace.
    fn finish(mut self, home: &Path) -> (usize, String) {
        self.victim.stdin.take().unwrap().write_all(b"\n").unwrap();
        let output = self.victim.wait_with_output().unwrap();
        self.strace.wait().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let done = said.lines().find_map(|line| line.strip_prefix("DONE ")?.parse().ok());
        (done.unwrap_or(0), std::fs::read_to_string(home.join("trace")).unwrap())
    }
}

/// How often the thread that acts makes each call, from a trace without faults.
fn calls(trace: &str) -> BTreeMap<String, usize> {
    let mut threads = trace.lines().filter(|line| line.contains("store.sqlite"));
    let thread = threads.find_map(|line| line.split(' ').next()).unwrap();
    let mut counts = BTreeMap::new();
    for line in trace.lines().filter_map(|line| line.strip_prefix(thread)) {
        if let Some((name, _)) = line.trim_start().split_once('(') {
            *counts.entry(name.to_owned()).or_default() += 1;
        }
    }
    counts
}

/// A home with another program's event, a list and two requests that can be taken back.
fn prepared() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("calendar")).unwrap();
    std::fs::create_dir_all(folder.path().join("notes")).unwrap();
    std::fs::write(folder.path().join("calendar/theirs.ics"), "BEGIN:VCALENDAR\nEND:VCALENDAR\n").unwrap();
    std::fs::write(folder.path().join("notes/Shopping list.md"), "- eggs\n").unwrap();
    let mut assistant = Assistant::open(Home::open(Some(folder.path())).unwrap(), now).unwrap();
    ask(&mut assistant, "breakfast", vec![event("breakfast")]).unwrap();
    ask(&mut assistant, "lunch, and milk", lunch_and_list()).unwrap();
    folder
}

/// The files of the home that other programs see.
fn seen(home: &Path) -> BTreeMap<String, String> {
    let folders = ["calendar", "notes", "reminders", "timers"].map(|name| home.join(name));
    let files = folders.into_iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten().flatten();
    let named = files.map(|file| (file.file_name().into_string().unwrap(), file.path()));
    let visible = named.filter(|(name, _)| !name.starts_with('.'));
    visible.map(|(name, path)| (name, std::fs::read_to_string(path).unwrap())).collect()
}

/// Nothing is half done, what was said to be done is, and everything can be taken back, one request after the other.
fn check(home: &Path, said_done: usize, what: &str) {
    let mut assistant = Assistant::open(Home::open(Some(home)).unwrap(), now).unwrap();
    assert_eq!(assistant.take_warnings(), [""; 0], "{what}");
    let lines = assistant.journal(100).unwrap();
    assert!(lines.unreadable.is_empty(), "{what}: {lines:?}");
    let lines = lines.found;
    let in_between = |line: &Line| matches!(line.state, journal::State::Pending | journal::State::Undoing);
    assert!(!lines.iter().any(in_between), "{what}: {lines:?}");
    let done = |line: &&Line| line.state == journal::State::Done;
    // Three lines were there before, of which one or two may have been taken back.
    assert!(lines.iter().skip(3).filter(done).count() >= said_done, "{what}: said {said_done}: {lines:?}");
    let events = seen(home).values().filter(|text| text.contains("BEGIN:VEVENT")).count();
    let made = lines.iter().filter(done).filter(|line| line.tool == "create_event" && line.corrects.is_none()).count();
    assert_eq!(events, made, "{what}: {lines:?}");
    assert!(seen(home).values().all(|text| text.starts_with("- ") || text.trim_end().ends_with("END:VCALENDAR")));
    loop {
        let undone = assistant.undo().unwrap_or_else(|error| panic!("{what}: {error}"));
        assert!(undone.iter().all(|line| line.state == journal::State::Undone), "{what}: {undone:?}");
        if undone.is_empty() {
            break;
        }
    }
    let left = seen(home);
    assert_eq!(left.len(), 2, "{what}: {left:?}");
    assert_eq!((left["theirs.ics"].as_str(), left["Shopping list.md"].as_str()), (THEIRS, LIST), "{what}");
}

const THEIRS: &str = "BEGIN:VCALENDAR\nEND:VCALENDAR\n";
const LIST: &str = "- eggs\n";

fn copy(prepared: &Path) -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    let copied = Command::new("cp").arg("-r").arg(prepared.join(".")).arg(home.path()).status().unwrap();
    assert!(copied.success());
    home
}

fn try_faults(fault: &str, calls_that_fail: &str) {
    let prepared = prepared();
    for deed in DEEDS {
        let home = copy(prepared.path());
        let Some(traced) = Traced::start(home.path(), deed, &["-e", &format!("trace={CALLS}")]) else {
            return tell_that_it_is_skipped();
        };
        let counts = calls(&traced.finish(home.path()).1);
        let fails = |name: &str| calls_that_fail.split(',').any(|known| known == name);
        let all: Vec<(String, usize)> = counts
            .into_iter()
            .filter(|(name, _)| fails(name))
            .flat_map(|(name, count)| (1..=count).map(move |number| (name.clone(), number)))
            .collect();
        let step = if std::env::var_os("REINETTE_FAULTS").is_some() { 1 } else { all.len().div_ceil(FAULTS).max(1) };
        for (name, number) in all.iter().step_by(step) {
            let home = copy(prepared.path());
            let inject = format!("inject={name}:{fault}:when={number}");
            let traced = Traced::start(home.path(), deed, &["-e", &format!("trace={name}"), "-e", &inject]).unwrap();
            let (said_done, trace) = traced.finish(home.path());
            let said_done = if fault.starts_with("signal") { 0 } else { said_done };
            check(home.path(), said_done, &format!("{deed}, {inject}\n{trace}"));
        }
    }
}

fn tell_that_it_is_skipped() {
    eprintln!("skipped: strace is not there or may not trace");
}

/// Calls that may find a disk full.
const WRITES: &str = "openat,write,pwrite64,fsync,fdatasync,ftruncate,rename,renameat2,link,linkat,mkdir,mmap";

#[test]
fn whatever_call_fails_nothing_is_lost_and_everything_can_be_taken_back() {
    try_faults("error=EIO", CALLS);
}

#[test]
fn wherever_the_disk_is_full_nothing_is_lost_and_everything_can_be_taken_back() {
    try_faults("error=ENOSPC", WRITES);
}

#[test]
fn at_whatever_call_a_process_dies_nothing_is_lost_and_everything_can_be_taken_back() {
    try_faults("signal=KILL", CALLS);
}
