//! Processes that are killed in the middle of their work.

#![cfg(unix)]

use crate::program::{DONE, Household, home};
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How many processes are killed; `REINETTE_KILLS` says another number.
const KILLS: u32 = 12;

/// Waits until the model has said what is to be done, and gives the moment.
fn wait_for_call(child: &mut Child) -> Instant {
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|line| line.starts_with('→')), "the model calls a tool");
    Instant::now()
}

/// The `part`th of 16 equal parts of `whole`.
fn fraction(whole: Duration, part: u32) -> Duration {
    whole * (part % 16) / 16
}

#[test]
fn a_process_killed_while_it_writes_leaves_nothing_half_done() {
    let kills = std::env::var("REINETTE_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(KILLS);
    let folder = home();
    let household = Household::new(&folder.path().join("home"));
    let start = |request: &str| {
        let mut command = household.command(&["ask", "--confirm", "never", request]);
        command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn()
    };

    // How long the writing takes, from the call to the end.
    let mut child = start(DONE[0]).unwrap();
    let called = wait_for_call(&mut child);
    assert!(child.wait().unwrap().success());
    let writing = called.elapsed();

    for round in 0..kills {
        let mut child = start(DONE[round as usize % DONE.len()]).unwrap();
        wait_for_call(&mut child);
        // Another part of the work each time: 7 and 16 have no divisor in common.
        thread::sleep(fraction(writing, round * 7));
        child.kill().unwrap();
        child.wait().unwrap();
        household.check();
    }

    // The same for a process that takes things back.
    let started = Instant::now();
    household.undo();
    let undoing = started.elapsed();
    for round in 0..kills / 3 {
        let mut child = household.command(&["undo"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        thread::sleep(fraction(undoing, 15 - round * 7 % 16));
        child.kill().unwrap();
        child.wait().unwrap();
        household.check();
    }
    household.ask(DONE[0]);
    household.undo_everything();
}
