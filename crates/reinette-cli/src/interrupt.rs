//! Ctrl-C, and the system's requests to end the program (SIGTERM, SIGHUP): the work stops where nothing is half done.
//!
//! While the program only waits for the user there is nothing to stop, and it ends at once; so it does when it is asked a
//! second time.

use std::process;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

/// SIGINT: what Ctrl-C sends.
const INTERRUPT: u8 = 2;

/// SIGHUP: the terminal was closed.
const HANG_UP: u8 = 1;

/// Shells report a program that a signal stopped as this and the signal's number.
const SIGNALLED_STATUS: u8 = 128;

/// The user stopped the work.
#[derive(Debug, thiserror::Error)]
#[error("stopped")]
pub(crate) struct Interrupted;

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// The signal that asks the program to end, not only its work; 0 is none.
static ENDING: AtomicU8 = AtomicU8::new(0);

static WAITING: AtomicBool = AtomicBool::new(false);

/// The flag that a signal sets. From the first call on, signals set it instead of ending the program.
pub(crate) fn flag() -> &'static AtomicBool {
    static INSTALLED: Once = Once::new();
    // Where no handler can be installed, a signal ends the program, which is safe at any moment.
    INSTALLED.call_once(signals::install);
    &INTERRUPTED
}

/// Forgets Ctrl-C: the next one stops the next answer. A request to end the program is not forgotten.
pub(crate) fn reset() {
    flag().store(is_ending(), Ordering::SeqCst);
}

/// Whether the program shall end.
pub(crate) fn is_ending() -> bool {
    ENDING.load(Ordering::SeqCst) != 0
}

/// The exit status of a program that was stopped, as shells have it.
pub(crate) fn exit_status() -> u8 {
    SIGNALLED_STATUS + ENDING.load(Ordering::SeqCst).max(INTERRUPT)
}

/// Reads what the user says next. Nothing is under way meanwhile: a signal ends the program.
pub(crate) fn while_waiting<T>(read: impl FnOnce() -> T) -> T {
    flag();
    signals::remember_terminal();
    WAITING.store(true, Ordering::SeqCst);
    if is_ending() {
        end(ENDING.load(Ordering::SeqCst));
    }
    let said = read();
    WAITING.store(false, Ordering::SeqCst);
    said
}

/// Reads a line from the terminal in the midst of the work; `None` where the user gave up, by a signal or the end of input.
pub(crate) fn read_answer() -> Option<String> {
    let stopped = || flag().load(Ordering::SeqCst);
    while !stopped() {
        if signals::is_input_there() {
            let mut line = String::new();
            let read = std::io::stdin().read_line(&mut line);
            return (!stopped() && matches!(read, Ok(length) if length > 0)).then_some(line);
        }
    }
    None
}

/// A signal came.
fn on_signal(signal: u8) {
    let again = INTERRUPTED.swap(true, Ordering::SeqCst);
    let was_ending = if signal == INTERRUPT { again } else { ENDING.swap(signal, Ordering::SeqCst) == signal };
    // A closed terminal is often told twice, by the shell and by the system.
    let insists = was_ending && signal != HANG_UP;
    if insists || WAITING.load(Ordering::SeqCst) {
        end(signal);
    }
}

fn end(signal: u8) -> ! {
    signals::restore_terminal();
    process::exit((SIGNALLED_STATUS + signal).into())
}

#[cfg(unix)]
mod signals {
    use super::{HANG_UP, on_signal};
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    use nix::sys::termios::{SetArg, Termios, tcgetattr, tcsetattr};
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    use signal_hook::iterator::Signals;
    use std::fs;
    use std::io;
    use std::os::fd::AsFd;
    use std::sync::Mutex;
    use std::thread;

    /// How soon a signal ends a question.
    const LOOK_EVERY_MILLISECONDS: u8 = 100;

    /// How the terminal was before lines were edited on it.
    static TERMINAL: Mutex<Option<Termios>> = Mutex::new(None);

    pub(super) fn install() {
        let mut wanted = vec![SIGINT, SIGTERM];
        wanted.extend(is_hang_up_heard().then_some(SIGHUP));
        if let Ok(mut signals) = Signals::new(wanted) {
            thread::spawn(move || signals.forever().filter_map(|signal| u8::try_from(signal).ok()).for_each(on_signal));
        }
    }

    /// Whether the program was started to end with its terminal: `nohup` makes programs ignore that, and a handler would
    /// undo it. Where the system does not tell, its way of ending programs is left in place.
    fn is_hang_up_heard() -> bool {
        let ignored = || -> Option<u64> {
            let status = fs::read_to_string("/proc/self/status").ok()?;
            let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
            u64::from_str_radix(mask.trim(), 16).ok()
        };
        ignored().is_some_and(|mask| mask & (1 << (HANG_UP - 1)) == 0)
    }

    pub(super) fn remember_terminal() {
        if let Ok(mut terminal) = TERMINAL.lock() {
            *terminal = tcgetattr(io::stdin()).ok();
        }
    }

    pub(super) fn restore_terminal() {
        if let Ok(terminal) = TERMINAL.lock()
            && let Some(terminal) = terminal.as_ref()
        {
            let _ = tcsetattr(io::stdin(), SetArg::TCSANOW, terminal);
        }
    }

    /// Waits a moment for input; whether there is some, or its end.
    pub(super) fn is_input_there() -> bool {
        let input = io::stdin();
        let mut waited = [PollFd::new(input.as_fd(), PollFlags::POLLIN)];
        !matches!(poll(&mut waited, PollTimeout::from(LOOK_EVERY_MILLISECONDS)), Ok(0) | Err(nix::Error::EINTR))
    }
}

#[cfg(not(unix))]
mod signals {
    pub(super) fn install() {
        let _ = ctrlc::set_handler(|| super::on_signal(super::INTERRUPT));
    }

    pub(super) fn remember_terminal() {}

    pub(super) fn restore_terminal() {}

    pub(super) fn is_input_there() -> bool {
        true
    }
}
