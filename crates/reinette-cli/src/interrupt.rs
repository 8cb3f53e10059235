//! Ctrl-C: asks the work to stop; the second time, stops it.

use std::process;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

/// The exit status of a program that SIGINT stopped, as shells have it.
pub(crate) const INTERRUPTED_STATUS: u8 = 130;

/// The user stopped the work.
#[derive(Debug, thiserror::Error)]
#[error("stopped")]
pub(crate) struct Interrupted;

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// The flag that Ctrl-C sets. From the first call on, Ctrl-C sets it instead of ending the program.
pub(crate) fn flag() -> &'static AtomicBool {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        // Where no handler can be installed, Ctrl-C ends the program, which is safe at any moment.
        let _ = ctrlc::set_handler(|| {
            if INTERRUPTED.swap(true, Ordering::Relaxed) {
                process::exit(INTERRUPTED_STATUS.into());
            }
        });
    });
    &INTERRUPTED
}

/// Forgets Ctrl-C: the next one stops the next answer.
pub(crate) fn reset() {
    flag().store(false, Ordering::Relaxed);
}
