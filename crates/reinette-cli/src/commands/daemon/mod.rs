//! `reinette daemon`: rings timers, alarms and reminders.

mod service;

use crate::context::Context;
use crate::interrupt;
use crate::printer::Record;
use crate::ringing::{LOOK_EVERY, Rang, RingLock, Ringer, RunningDaemon, daemon_command, notify_desktop};
use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use jiff::Zoned;
use reinette_apps::{Focus, NextRing, Ring, World, next_reminder, next_timer, remove_temporary_files};
use reinette_assistant::Home;
use reinette_time::{Clock, Language};
use serde::Serialize;
use service::Service;
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

/// No write takes this long: an older unfinished file was left by a process that was killed.
const UNFINISHED_FOR: Duration = Duration::from_hours(1);

/// How long to wait for a chat that rings at this moment.
const LOCK_PATIENCE: Duration = Duration::from_secs(3);

/// Ring timers, alarms and reminders when their time comes, until Ctrl-C
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Daemon {
    /// Ring what is due now, and end
    #[arg(long)]
    once: bool,

    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Let the system run the daemon from now on, whenever you are logged in
    Install,
    /// Let the system run it no longer
    Uninstall,
    /// Tell whether it is installed and running, and what rings next
    Status,
}

pub(crate) fn run(context: &Context, arguments: &Daemon) -> Result<()> {
    let home = context.home()?;
    match arguments.action {
        Some(Action::Install) => install(context, &home),
        Some(Action::Uninstall) => uninstall(context, &home),
        Some(Action::Status) => status(context, &home),
        None => ring(context, &home, arguments.once),
    }
}

fn ring(context: &Context, home: &Home, once: bool) -> Result<()> {
    let Some(_lock) = take_lock(home)? else { bail!("a daemon is running in this home already") };
    // Without it the daemon rings as well; it is only not told of.
    if let Err(error) = RunningDaemon::announce(home) {
        context.printer.warn(&format!("{error:#}"));
    }
    remove_temporary_files(&home.folders.timers, UNFINISHED_FOR);
    let rung = ring_until_stopped(context, home, once);
    RunningDaemon::withdraw(home);
    rung
}

fn take_lock(home: &Home) -> Result<Option<RingLock>> {
    let started = Instant::now();
    loop {
        let lock = RingLock::try_take(home)?;
        if lock.is_some() || started.elapsed() >= LOCK_PATIENCE {
            return Ok(lock);
        }
        thread::sleep(LOOK_EVERY / 10);
    }
}

fn ring_until_stopped(context: &Context, home: &Home, once: bool) -> Result<()> {
    let printer = context.printer;
    let interrupted = interrupt::flag();
    let mut ringer = Ringer::new(home.clone());
    let mut said = HashSet::new();
    let mut written = Ok(());
    loop {
        let looked = ringer.look(&mut |ring: &Ring| {
            let no_desktop = notify_desktop(printer, ring);
            written = printer.print(&Rang::of(ring));
            if written.is_err() {
                bail!("it cannot be written that it rang");
            }
            if let Some(reason) = no_desktop {
                printer.warn(&reason);
            }
            Ok(())
        });
        std::mem::replace(&mut written, Ok(()))?;
        let warning = match looked {
            Err(error) if once => return Err(error),
            // A folder that cannot be read now may be readable soon.
            Err(error) => Some(format!("{error:#}")),
            Ok(warning) => warning,
        };
        if let Some(warning) = warning.filter(|warning| said.insert(warning.clone())) {
            printer.warn(&warning);
        }
        if once || interrupted.load(Ordering::Relaxed) {
            return Ok(());
        }
        thread::sleep(LOOK_EVERY);
    }
}

/// What `daemon install` did.
#[derive(Serialize)]
struct Installed {
    path: PathBuf,
    started: bool,
    /// Why it was not started.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip)]
    advice: Vec<String>,
}

impl Record for Installed {
    const TYPE: &'static str = "daemon_installed";
    const IS_REPORT: bool = true;

    fn to_text(&self) -> String {
        let path = self.path.display();
        match &self.reason {
            None => format!("The daemon runs now, and whenever you are logged in: {path}"),
            Some(reason) => format!("Written, but not started ({reason}): {path}"),
        }
    }

    fn further_lines(&self) -> Vec<String> {
        self.advice.clone()
    }
}

fn install(context: &Context, home: &Home) -> Result<()> {
    let service = Service::of(context, home)?;
    service.write(home)?;
    let reason = service.start().err();
    let advice = match &reason {
        None => Vec::new(),
        Some(_) => vec![
            format!("  Where that is possible, start it with: {}", service.start_command()),
            format!("  Otherwise let your session start it when you log in: {}", daemon_command(Some(&home.data))),
        ],
    };
    context.printer.print(&Installed { path: service.path().to_owned(), started: reason.is_none(), reason, advice })
}

/// What `daemon uninstall` did.
#[derive(Serialize)]
struct Uninstalled {
    path: PathBuf,
    was_installed: bool,
}

impl Record for Uninstalled {
    const TYPE: &'static str = "daemon_uninstalled";
    const IS_REPORT: bool = true;

    fn to_text(&self) -> String {
        let path = self.path.display();
        if self.was_installed {
            format!("The system runs the daemon no longer; deleted {path}")
        } else {
            format!("No daemon was installed: there is no {path}")
        }
    }
}

fn uninstall(context: &Context, home: &Home) -> Result<()> {
    let service = Service::of(context, home)?;
    let was_installed = service.is_installed();
    if was_installed {
        if let Err(reason) = service.stop() {
            context.printer.warn(&format!("it could not be stopped ({reason})"));
        }
        service.delete()?;
    }
    context.printer.print(&Uninstalled { path: service.path().to_owned(), was_installed })
}

/// How the daemon of a home is.
#[derive(Serialize)]
struct Status {
    installed: bool,
    /// Of the service's file, wherever it is or would be.
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<PathBuf>,
    running: bool,
    #[serde(flatten)]
    daemon: Option<RunningDaemon>,
    next: Option<NextRing>,
    #[serde(skip)]
    next_text: String,
    #[serde(skip)]
    advice: Option<String>,
}

impl Record for Status {
    const TYPE: &'static str = "daemon";

    fn to_text(&self) -> String {
        match &self.path {
            Some(path) if self.installed => format!("installed: yes, {}", path.display()),
            _ => "installed: no".to_owned(),
        }
    }

    fn further_lines(&self) -> Vec<String> {
        let running = match &self.daemon {
            Some(daemon) => format!("running:   yes, since {} (process {})", daemon.since, daemon.process),
            None => "running:   no".to_owned(),
        };
        [running, format!("next ring: {}", self.next_text)].into_iter().chain(self.advice.clone()).collect()
    }
}

fn status(context: &Context, home: &Home) -> Result<()> {
    let language = Language::of(&std::env::var("LANG").unwrap_or_default());
    let world =
        World { clock: Clock { now: Zoned::now() }, folders: home.folders.clone(), language, focus: Focus::default() };
    let next = [next_timer(&world)?, next_reminder(&world)?].into_iter().flatten().reduce(NextRing::earlier);
    let service = Service::of(context, home).ok();
    let installed = service.as_ref().is_some_and(Service::is_installed);
    let daemon = RunningDaemon::find(home);
    let command = daemon_command(context.named_home());
    let advice = match (installed, daemon.is_some()) {
        (_, true) => None,
        (true, false) => service.as_ref().map(|service| format!("Start it with: {}", service.start_command())),
        (false, false) => Some(format!("Install it with: {command} install")),
    };
    context.printer.print(&Status {
        installed,
        path: service.map(|service| service.path().to_owned()),
        running: daemon.is_some(),
        daemon,
        next_text: next.as_ref().map_or_else(|| "nothing is set".to_owned(), |next| next.to_text(&world)),
        next,
        advice,
    })
}
