//! `reinette daemon`: rings timers, alarms and reminders.

use crate::context::Context;
use crate::interrupt;
use crate::notification;
use crate::printer::Record;
use anyhow::{Context as _, Result, bail};
use clap::Args;
use jiff::Zoned;
use reinette_apps::time::{Clock, Language};
use reinette_apps::{Ring, World, due_reminders, due_timers, open_private, remove_temporary_files};
use reinette_assistant::HomeError;
use serde::Serialize;
use std::fs::TryLockError;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

/// How often the folder of timers is looked at: a timer that another process sets is seen within this.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How often the reminders are read, some thousand of which take some tens of milliseconds.
const READ_REMINDERS_EVERY: Duration = Duration::from_secs(10);

/// No write takes this long: an older unfinished file was left by a process that was killed.
const UNFINISHED_FOR: Duration = Duration::from_hours(1);

/// Ring timers, alarms and reminders when their time comes, until Ctrl-C
#[derive(Args, Debug)]
pub(crate) struct Daemon {
    /// Ring what is due now, and end
    #[arg(long)]
    once: bool,
}

/// What rang.
#[derive(Serialize)]
struct Rang {
    at: Zoned,
    missed: bool,
    text: String,
}

impl Record for Rang {
    const TYPE: &'static str = "rang";

    fn to_text(&self) -> String {
        format!("🔔 {}", self.text)
    }
}

pub(crate) fn run(context: &Context, arguments: &Daemon) -> Result<()> {
    let home = context.home()?;
    let path = home.data.join("daemon.lock");
    let lock = open_private(&path);
    let lock = lock.map_err(|source| HomeError::Unwritable { path: path.clone(), source })?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => bail!("a daemon is running in this home already"),
        Err(TryLockError::Error(error)) => {
            return Err(error).with_context(|| format!("cannot lock {}", path.display()));
        }
    }
    remove_temporary_files(&home.folders.timers, UNFINISHED_FOR);
    let interrupted = interrupt::flag();
    let mut reminders_read: Option<Instant> = None;
    loop {
        let language = Language::of(&std::env::var("LANG").unwrap_or_default());
        let world = World { clock: Clock { now: Zoned::now() }, folders: home.folders.clone(), language };
        let mut rings = due_timers(&world)?;
        if reminders_read.is_none_or(|read| read.elapsed() >= READ_REMINDERS_EVERY) {
            rings.extend(due_reminders(&world)?);
            reminders_read = Some(Instant::now());
        }
        for ring in rings {
            // Whoever cancelled the timer at this very moment wins: then it does not ring.
            if ring.acknowledgement.apply().is_ok() {
                notify(context, ring)?;
            }
        }
        if arguments.once || interrupted.load(Ordering::Relaxed) {
            return Ok(());
        }
        thread::sleep(LOOK_EVERY);
    }
}

/// Shows a ring on the desktop, and in any case here.
fn notify(context: &Context, ring: Ring) -> Result<()> {
    if let Err(error) = notification::show(&ring.text) {
        context.printer.warn(&format!("there is no desktop to notify ({error})"));
    }
    context.printer.ring_bell();
    context.printer.print(&Rang { at: ring.rings_at, missed: ring.missed, text: ring.text })
}
