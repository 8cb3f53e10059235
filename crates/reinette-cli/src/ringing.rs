//! Rings timers, alarms and reminders: for the daemon, and for a chat while it is open.
//!
//! One process at a time rings in a home, under a lock that the system releases when the process dies: the daemon holds it
//! as long as it runs, a chat only while it looks. What is due is told first and acknowledged after, so that a process
//! which dies in between rings once more instead of never.

use crate::context::Context;
use crate::notification;
use crate::printer::{Printer, Record};
use anyhow::{Context as _, Result};
use jiff::Zoned;
use reinette_apps::{ChangeError, Focus, Ring, World, due_reminders, due_timers, open_private};
use reinette_assistant::{Home, HomeError};
use reinette_time::{Clock, Language};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How often the folder of timers is looked at: a timer that another process sets is seen within this.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How often the reminders are read, some thousand of which take some tens of milliseconds.
const READ_REMINDERS_EVERY: Duration = Duration::from_secs(10);

/// After how long an acknowledgement that failed is tried again; twice as long each time, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_mins(10);

/// What rang.
#[derive(Serialize)]
pub(crate) struct Rang<'a> {
    kind: &'a str,
    id: &'a str,
    at: &'a str,
    missed: bool,
    text: &'a str,
}

impl Record for Rang<'_> {
    const TYPE: &'static str = "rang";

    fn to_text(&self) -> String {
        format!("🔔 {}", self.text)
    }
}

impl<'a> Rang<'a> {
    pub(crate) fn of(ring: &'a Ring) -> Self {
        let Ring { kind, id, rings_at, missed, text, .. } = ring;
        Self { kind, id, at: rings_at, missed: *missed, text }
    }
}

/// The right to ring in a home, until it is dropped.
pub(crate) struct RingLock {
    _file: File,
}

impl RingLock {
    /// Takes the lock; `None` if another process rings.
    pub(crate) fn try_take(home: &Home) -> Result<Option<Self>> {
        let path = home.data.join("daemon.lock");
        let file = open_private(&path);
        let file = file.map_err(|source| HomeError::Unwritable { path: path.clone(), source })?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("cannot lock {}", path.display())),
        }
    }
}

/// A daemon that runs, as the file beside its lock has it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RunningDaemon {
    pub(crate) process: u32,
    pub(crate) since: String,
}

impl RunningDaemon {
    /// The daemon of this home, if one runs: the file may be left from one that was killed, the lock cannot.
    pub(crate) fn find(home: &Home) -> Option<Self> {
        let daemon = serde_json::from_slice(&fs::read(Self::path(home)).ok()?).ok()?;
        matches!(RingLock::try_take(home), Ok(None)).then_some(daemon)
    }

    /// Tells others that this process is the daemon, which has the lock.
    pub(crate) fn announce(home: &Home) -> Result<()> {
        let since = Zoned::now().strftime("%Y-%m-%dT%H:%M:%S%:z").to_string();
        let path = Self::path(home);
        let daemon = serde_json::to_vec(&Self { process: std::process::id(), since })?;
        fs::write(&path, daemon).with_context(|| format!("cannot write {}", path.display()))
    }

    /// The daemon ends.
    pub(crate) fn withdraw(home: &Home) {
        let _ = fs::remove_file(Self::path(home));
    }

    fn path(home: &Home) -> PathBuf {
        home.data.join("daemon.json")
    }
}

/// Who rings in a home, beside the process that asks.
pub(crate) struct Ringers {
    home: Home,
    /// Whether this process rings itself as long as it runs.
    rings_here: bool,
    /// The home that the user named, to be named again.
    named_home: Option<PathBuf>,
}

impl Ringers {
    pub(crate) fn new(context: &Context, rings_here: bool) -> Result<Self> {
        Ok(Self { home: context.home()?, rings_here, named_home: context.named_home().map(Path::to_owned) })
    }

    /// What the user has to know who has just set something that rings; `None` where a daemon runs.
    pub(crate) fn hint(&self) -> Option<String> {
        if RunningDaemon::find(&self.home).is_some() {
            return None;
        }
        let command = daemon_command(self.named_home.as_deref());
        let rings =
            if self.rings_here { "It rings only while this chat is open" } else { "It does not ring by itself" };
        Some(format!("{rings}, since no daemon runs: start one with `{command} install`"))
    }
}

/// The command that runs the daemon of a home, as a shell takes it.
pub(crate) fn daemon_command(named_home: Option<&Path>) -> String {
    let quoted = |home: &Path| format!("'{}'", home.display().to_string().replace('\'', r"'\''"));
    named_home.map_or_else(
        || "reinette daemon".to_owned(),
        |home| format!("reinette --home {} daemon", quoted(&std::path::absolute(home).unwrap_or(home.to_owned()))),
    )
}

/// Tells the user of a ring. What cannot be told is not acknowledged.
pub(crate) type Tell<'a> = dyn FnMut(&Ring) -> Result<()> + 'a;

/// Tells of what is due in a home, once each.
pub(crate) struct Ringer {
    home: Home,
    /// What was told and could not be acknowledged, by identifier and time.
    unacknowledged: HashSet<(String, String)>,
    pause: Duration,
    try_again_at: Instant,
    reminders: Vec<Ring>,
    reminders_read: Option<Instant>,
}

impl Ringer {
    pub(crate) fn new(home: Home) -> Self {
        Self {
            home,
            unacknowledged: HashSet::new(),
            pause: FIRST_PAUSE,
            try_again_at: Instant::now(),
            reminders: Vec::new(),
            reminders_read: None,
        }
    }

    /// Tells of all that is due and has not been told, then acknowledges it; to be called under the lock. Gives what is
    /// wrong with the acknowledgement of what was told now.
    pub(crate) fn look(&mut self, tell: &mut Tell<'_>) -> Result<Option<String>> {
        let rings = self.due()?;
        let key = |ring: &Ring| (ring.id.clone(), ring.rings_at.clone());
        let mut told = false;
        for ring in rings.iter().filter(|ring| !self.unacknowledged.contains(&key(ring))).collect::<Vec<_>>() {
            tell(ring)?;
            told |= self.unacknowledged.insert(key(ring));
        }
        let waits = Instant::now() < self.try_again_at;
        if rings.is_empty() || (waits && !told) {
            return Ok(None);
        }
        let mut failed = HashSet::new();
        let mut first_error = None;
        for ring in &rings {
            if let Err(error) = ring.acknowledgement.apply() {
                // Whoever changed or cancelled it at this very moment wins; it is looked at anew.
                let is_conflict = matches!(error, ChangeError::Conflict { .. });
                failed.insert(key(ring));
                first_error = first_error.or((!is_conflict).then_some(error));
            }
        }
        self.reminders_read = None;
        if failed.is_empty() {
            self.pause = FIRST_PAUSE;
        } else {
            self.try_again_at = Instant::now() + self.pause;
            self.pause = LONGEST_PAUSE.min(self.pause * 2);
        }
        self.unacknowledged = failed;
        let warning = |error: ChangeError| {
            format!("it cannot be noted that this rang, so that a later start rings it again: {error}")
        };
        Ok(first_error.filter(|_| told).map(warning))
    }

    /// What is due, what rang first coming first among timers, then among reminders.
    fn due(&mut self) -> Result<Vec<Ring>> {
        let language = Language::of(&std::env::var("LANG").unwrap_or_default());
        let world = World {
            clock: Clock { now: Zoned::now() },
            folders: self.home.folders.clone(),
            language,
            focus: Focus::default(),
        };
        let mut rings = due_timers(&world)?;
        if self.reminders_read.is_none_or(|read| read.elapsed() >= READ_REMINDERS_EVERY) {
            self.reminders = due_reminders(&world)?;
            self.reminders_read = Some(Instant::now());
        }
        rings.extend(self.reminders.iter().cloned());
        Ok(rings)
    }
}

/// Shows a ring on the desktop and sounds the bell; gives why there is no desktop.
pub(crate) fn notify_desktop(printer: Printer, ring: &Ring) -> Option<String> {
    printer.ring_bell();
    notification::show(&ring.text).err().map(|error| format!("there is no desktop to notify ({error})"))
}

/// Where a chat shows what rings while it is open.
pub(crate) trait Display: Send {
    /// Shows a ring.
    fn show(&mut self, rang: &Rang<'_>) -> Result<()>;

    /// Tells what did not go well.
    fn warn(&mut self, text: &str);
}

/// Rings beside other work, until it is dropped, whenever no other process does.
pub(crate) struct BackgroundRinger {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl BackgroundRinger {
    /// Starts to ring in `home`.
    pub(crate) fn start(home: Home, printer: Printer, mut display: impl Display + 'static) -> Self {
        let (stop, stopped) = mpsc::channel();
        let thread = thread::spawn(move || {
            let mut ringer = Ringer::new(home.clone());
            let mut said = HashSet::new();
            while matches!(stopped.recv_timeout(LOOK_EVERY), Err(RecvTimeoutError::Timeout)) {
                let mut tell = |ring: &Ring| {
                    display.show(&Rang::of(ring))?;
                    // Where there is no desktop, the ring stands in the chat.
                    notify_desktop(printer, ring);
                    Ok(())
                };
                let looked = RingLock::try_take(&home)
                    .and_then(|lock| lock.map_or(Ok(None), |_lock| ringer.look(&mut tell)))
                    .unwrap_or_else(|error| Some(format!("timers and reminders cannot ring here: {error:#}")));
                // What goes wrong may go wrong twice a second: it is said once.
                if let Some(warning) = looked.filter(|warning| said.insert(warning.clone())) {
                    display.warn(&warning);
                }
            }
        });
        Self { stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for BackgroundRinger {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reinette_apps::Folders;

    /// A home with timers that are over.
    fn home(folder: &Path, timers: &[&str]) -> Home {
        let home = Home { data: folder.to_owned(), folders: Folders::inside(folder) };
        fs::create_dir_all(&home.folders.timers).unwrap();
        for timer in timers {
            let timer_file = r#"{"kind": "timer", "rings_at": "2026-01-01T10:00:00+00:00[UTC]"}"#;
            fs::write(home.folders.timers.join(format!("{timer}.json")), timer_file).unwrap();
        }
        home
    }

    fn look(ringer: &mut Ringer) -> (Vec<String>, Option<String>) {
        let mut told = Vec::new();
        let warning = ringer.look(&mut |ring| {
            told.push(ring.id.clone());
            Ok(())
        });
        (told, warning.unwrap())
    }

    #[test]
    fn what_is_due_is_told_before_it_is_acknowledged() {
        let folder = tempfile::tempdir().unwrap();
        let home = home(folder.path(), &["a", "b"]);
        let mut ringer = Ringer::new(home.clone());
        let mut there = Vec::new();
        let timers = home.folders.timers.clone();
        ringer
            .look(&mut |_| {
                there.push(fs::read_dir(&timers).unwrap().count());
                Ok(())
            })
            .unwrap();
        assert_eq!(there, [2, 2]);
        assert_eq!(fs::read_dir(&home.folders.timers).unwrap().count(), 0);
        assert_eq!(look(&mut ringer), (Vec::new(), None));
    }

    #[test]
    fn what_could_not_be_told_rings_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut ringer = Ringer::new(home(folder.path(), &["a"]));
        assert!(ringer.look(&mut |_| anyhow::bail!("nobody listens")).is_err());
        assert_eq!(look(&mut ringer), (vec!["a".to_owned()], None));
    }

    #[cfg(unix)]
    #[test]
    fn what_cannot_be_acknowledged_rings_once_and_is_tried_again_later() {
        let folder = tempfile::tempdir().unwrap();
        let home = home(folder.path(), &["a"]);
        let mut ringer = Ringer::new(home.clone());
        // A folder that takes the place of the file while it is told: nobody can remove it as a file.
        let file = home.folders.timers.join("a.json");
        let content = fs::read(&file).unwrap();
        let mut told = 0;
        let warning = ringer.look(&mut |_| {
            told += 1;
            fs::remove_file(&file).unwrap();
            fs::create_dir(&file).unwrap();
            Ok(())
        });
        assert_eq!(told, 1);
        assert!(warning.unwrap().is_some_and(|warning| warning.contains("a.json")));
        fs::remove_dir(&file).unwrap();
        fs::write(&file, content).unwrap();
        assert_eq!(look(&mut ringer), (Vec::new(), None), "not told again, not tried yet");
        assert!(file.exists());
        ringer.try_again_at = Instant::now();
        assert_eq!(look(&mut ringer), (Vec::new(), None));
        assert!(!file.exists(), "it is acknowledged in the end");
    }

    #[test]
    fn the_command_names_the_home_as_a_shell_takes_it() {
        assert_eq!(daemon_command(None), "reinette daemon");
        assert_eq!(daemon_command(Some(Path::new("/it's here"))), r"reinette --home '/it'\''s here' daemon");
    }
}
