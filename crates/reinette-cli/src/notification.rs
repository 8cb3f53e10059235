//! Notifications on the desktop, shown by the programs that desktops have for it: a client of the message bus of our own
//! would be a tenth of what is built for the first start.

use std::io::ErrorKind;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// No program takes longer to hand a notification on.
const PATIENCE: Duration = Duration::from_secs(5);

/// What stands above the words.
const TITLE: &str = "Reinette";

/// Where there is an argument list, no word is read as an option or as code: it stands behind `--`, or in a place of its own.
#[cfg(target_os = "macos")]
fn commands(text: &str) -> Vec<Command> {
    let mut script = Command::new("osascript");
    script.args(["-e", "on run words", "-e", "display notification (item 1 of words) with title (item 2 of words)"]);
    script.args(["-e", "end run", "--", text, TITLE]);
    vec![script]
}

/// As [`commands`] for a Mac; what a desktop reads as markup is escaped.
#[cfg(not(target_os = "macos"))]
fn commands(text: &str) -> Vec<Command> {
    let body = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let mut of_desktops = Command::new("notify-send");
    of_desktops.args(["--urgency=critical", "--app-name", TITLE, "--", TITLE, &body]);
    // Where that is not installed, one of these mostly is; a text in them is quoted as theirs are.
    let quoted = format!("'{}'", body.replace('\\', "\\\\").replace('\'', "\\'"));
    let mut of_glib = Command::new("gdbus");
    of_glib.args(["call", "--session", "--dest=org.freedesktop.Notifications"]);
    of_glib.args(["--object-path=/org/freedesktop/Notifications", "--method=org.freedesktop.Notifications.Notify"]);
    of_glib.args(["--", "'Reinette'", "0", "''", "'Reinette'", &quoted, "[]", "{'urgency': <byte 2>}", "-1"]);
    vec![of_desktops, of_glib]
}

/// Shows a notification that stays until it is dismissed.
///
/// # Errors
/// Why there is none: no program to show it, or no desktop.
pub(crate) fn show(text: &str) -> Result<(), String> {
    // No desktop shows more, and none of it is to be taken for a command of the terminal that it may be.
    let text: String =
        text.chars().map(|character| if character.is_control() { ' ' } else { character }).take(500).collect();
    let mut missing = Vec::new();
    for mut command in commands(&text) {
        match run(&mut command) {
            Ok(()) => return Ok(()),
            Err(Failure::Missing) => missing.push(command.get_program().to_string_lossy().into_owned()),
            Err(Failure::Other(reason)) => return Err(reason),
        }
    }
    Err(format!("install {}", missing.first().map_or("notify-send", String::as_str)))
}

enum Failure {
    Missing,
    Other(String),
}

fn run(command: &mut Command) -> Result<(), Failure> {
    let name = command.get_program().to_string_lossy().into_owned();
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let mut child = child.map_err(|error| match error.kind() {
        ErrorKind::NotFound => Failure::Missing,
        _ => Failure::Other(format!("{name}: {error}")),
    })?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => return Err(Failure::Other(format!("{name} failed, {status}"))),
            Ok(None) if Instant::now() < deadline => thread::sleep(Duration::from_millis(20)),
            outcome => {
                // It may have ended by itself just now.
                let _ = child.kill();
                let _ = child.wait();
                let reason = outcome.err().map_or("did not answer".to_owned(), |error| error.to_string());
                return Err(Failure::Other(format!("{name}: {reason}")));
            }
        }
    }
}

#[cfg(all(test, not(target_os = "macos")))]
mod tests {
    use super::commands;

    fn arguments(text: &str) -> Vec<Vec<String>> {
        let of = |command: &std::process::Command| {
            command.get_args().map(|argument| argument.to_string_lossy().into_owned()).collect()
        };
        commands(text).iter().map(of).collect()
    }

    #[test]
    fn words_are_neither_options_nor_markup_nor_another_argument() {
        let [of_desktops, of_glib] =
            arguments("--help, it's <b>5 \\ 6</b>").try_into().expect("two programs are tried");
        assert_eq!(of_desktops[3..], ["--", "Reinette", "--help, it's &lt;b&gt;5 \\ 6&lt;/b&gt;"]);
        assert!(of_glib.contains(&"'--help, it\\'s &lt;b&gt;5 \\\\ 6&lt;/b&gt;'".to_owned()), "{of_glib:?}");
    }
}
