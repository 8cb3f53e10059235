//! Disks that are full or may not be written, as users meet them.

#![cfg(target_os = "linux")]

use crate::program::{DONE, Household, home, reinette, stderr, stdout};
use reinette_testkit::TinyDisk;
use std::fs::{self, File};
use std::io::Write;
use std::net::TcpListener;
use std::path::Path;
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::Duration;

/// The sizes of the default model and of the light one, as `models.toml` has them.
const DEFAULT_BYTES: usize = 491_400_064;
const LIGHT_BYTES: usize = 98_362_432;

/// Takes all the room that a disk has; dropping it gives the room back.
struct Filler<'a> {
    disk: &'a Path,
}

impl<'a> Filler<'a> {
    fn fill(disk: &'a Path) -> Self {
        let mut file = File::create(disk.join("filler")).unwrap();
        // The last write, which does not fit, still writes what fits.
        while file.write_all(&[0; 4096]).is_ok() {}
        Self { disk }
    }

    /// Gives some of the room back.
    fn shrink(&self, bytes: u64) {
        let file = File::options().write(true).open(self.disk.join("filler")).unwrap();
        let length = file.metadata().unwrap().len();
        file.set_len(length.saturating_sub(bytes)).unwrap();
    }
}

impl Drop for Filler<'_> {
    fn drop(&mut self) {
        let _ = fs::remove_file(self.disk.join("filler"));
    }
}

#[test]
fn setup_on_a_disk_without_room_says_how_much_it_needs() {
    let home = home();
    let models = home.path().join("models");
    let Some(_disk) = TinyDisk::mount(&models, "size=1m") else { return };
    let output = reinette(home.path()).arg("--models").arg(&models).arg("setup").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = stderr(&output);
    assert!(text.contains(&format!("error: the disk is full: {}", models.display())), "{text}");
    assert!(text.contains(&format!("needs {DEFAULT_BYTES} more bytes, has ")) && text.contains("hint: free"), "{text}");
}

/// A hub that sends the beginning of every file, waits for a word, and sends more.
fn halting_hub() -> (String, Sender<()>) {
    let part = vec![7; 1 << 20];
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (go_on, word) = mpsc::channel();
    thread::spawn(move || {
        for connection in listener.incoming() {
            let mut stream = connection.unwrap();
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {LIGHT_BYTES}\r\n\r\n").unwrap();
            stream.write_all(&part).unwrap();
            let _ = word.recv();
            // The other side hangs up when its disk is full.
            while stream.write_all(&part).is_ok() {}
        }
    });
    (address, go_on)
}

#[test]
fn a_disk_that_fills_up_during_setup_is_said_and_nothing_half_written_is_taken_for_a_model() {
    let home = home();
    let models = home.path().join("models");
    let Some(_disk) = TinyDisk::mount(&models, "size=100m") else { return };
    let (hub, go_on) = halting_hub();
    let with_models = || {
        let mut command = reinette(home.path());
        command.arg("--models").arg(&models);
        command
    };
    let mut fetching = with_models();
    fetching.args(["models", "add", "smollm2-135m", "--hub", &hub]).stderr(std::process::Stdio::piped());
    let mut child = fetching.spawn().unwrap();
    while fs::metadata(models.join(".partial")).is_err() {
        assert!(child.try_wait().unwrap().is_none(), "the fetch begins");
        thread::sleep(Duration::from_millis(20));
    }
    let filler = Filler::fill(&models);
    go_on.send(()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("error: the disk is full") && text.contains("has been fetched so far is kept"), "{text}");
    drop(filler);
    let listed = stdout(&with_models().args(["--json", "models", "list"]).output().unwrap());
    assert!(!listed.contains(r#""installed":true"#), "{listed}");
}

#[test]
fn on_a_full_disk_everything_is_done_whole_or_not_at_all() {
    let folder = home();
    let disk = folder.path().join("disk");
    let Some(_disk) = TinyDisk::mount(&disk, "size=1m") else { return };
    let household = Household::new(&disk);
    household.ask(DONE[0]);
    let before = household.check();
    let filler = Filler::fill(&disk);
    for request in DONE {
        let output = household.try_ask(request);
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(text.contains("error: cannot use the store") && text.to_lowercase().contains("make room"), "{text}");
    }
    // Room for the database but not for the file, for the file but not for the journal, and so on.
    let mut failures = 0;
    for step in 0..14 {
        filler.shrink(4096);
        let output = household.try_ask(DONE[step % DONE.len()]);
        let said = format!("{}{}", stderr(&output), String::from_utf8_lossy(&output.stdout));
        if !output.status.success() {
            failures += 1;
            assert!(said.to_lowercase().contains("make room"), "{said}");
        }
    }
    assert!(failures > 2, "the disk was never full");
    drop(filler);
    household.ask(DONE[0]);
    assert!(household.check().len() > before.len());
    household.undo_everything();
}

/// The output of both forms of `history`.
fn told(household: &Household) -> [String; 2] {
    [&["--json", "history"][..], &["--json", "history", "--changes"]].map(|command| stdout(&household.run(command)))
}

#[test]
fn a_home_that_is_read_only_is_named_by_every_command_that_writes_and_read_by_the_others() {
    let folder = home();
    let disk = folder.path().join("disk");
    let Some(mounted) = TinyDisk::mount(&disk, "size=1m") else { return };
    let household = Household::new(&disk);
    household.ask(DONE[0]);
    let before = household.check();
    let said = told(&household);
    assert!(mounted.remount("ro"));
    assert_eq!(told(&household), said);
    for command in [&["ask", "--confirm", "never", DONE[0]][..], &["undo"], &["daemon"]] {
        let output = household.run(command);
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{command:?}: {text}");
        assert!(text.contains("Read-only file system") && text.contains(disk.to_str().unwrap()), "{text}");
        assert_eq!(text.matches("Read-only file system").count(), 1, "once is enough: {text}");
    }
    assert!(mounted.remount("rw"));
    assert_eq!(household.check(), before);
}

#[test]
fn on_a_full_disk_what_was_said_and_done_can_be_read() {
    let folder = home();
    let disk = folder.path().join("disk");
    let Some(_mounted) = TinyDisk::mount(&disk, "size=1m") else { return };
    let household = Household::new(&disk);
    household.ask(DONE[0]);
    let said = told(&household);
    let filler = Filler::fill(&disk);
    assert_eq!(told(&household), said);
    let output = household.run(&["undo"]);
    assert!(output.status.success() || stderr(&output).to_lowercase().contains("make room"), "{}", stderr(&output));
    drop(filler);
    household.undo_everything();
}
