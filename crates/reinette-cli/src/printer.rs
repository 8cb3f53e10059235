//! The one place that writes: data to standard output, everything about the work to standard error.

use crate::interrupt::{INTERRUPTED_STATUS, Interrupted};
use anyhow::{Error, Result};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use reinette::models::{FetchError, StoreError};
use serde::Serialize;
use serde_json::{Value, json};
use std::env;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

/// How data is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OutputFormat {
    /// For people.
    Text,
    /// For programs: one JSON object a line.
    JsonLines,
}

/// How much is told about the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verbosity {
    /// Progress, warnings and errors.
    Normal,
    /// Errors.
    Quiet,
}

/// A piece of data that a command prints, in both formats.
pub(crate) trait Record: Serialize {
    /// Its `type` in JSON Lines.
    const TYPE: &'static str;

    /// How people read it; lines of their own, without the last line break.
    fn to_text(&self) -> String;
}

/// Writes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Printer {
    format: OutputFormat,
    verbosity: Verbosity,
    /// Whether standard error may be coloured and redrawn.
    live: bool,
    coloured: bool,
}

impl Printer {
    pub(crate) fn new(format: OutputFormat, verbosity: Verbosity) -> Self {
        let live = io::stderr().is_terminal() && env::var_os("TERM").is_none_or(|terminal| terminal != "dumb");
        let coloured = live && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self { format, verbosity, live, coloured }
    }

    /// Prints a piece of data.
    pub(crate) fn print<R: Record>(self, record: &R) -> Result<()> {
        match self.format {
            OutputFormat::Text => Ok(write_line(&record.to_text())?),
            OutputFormat::JsonLines => write_json(R::TYPE, serde_json::to_value(record)?),
        }
    }

    /// Prints a piece of data that only programs want.
    pub(crate) fn print_for_programs<R: Serialize>(self, kind: &str, record: &R) -> Result<()> {
        match self.format {
            OutputFormat::Text => Ok(()),
            OutputFormat::JsonLines => write_json(kind, serde_json::to_value(record)?),
        }
    }

    /// Prints a part of an answer for people, as it comes; programs get records.
    pub(crate) fn print_piece(self, text: &str) -> Result<()> {
        match self.format {
            OutputFormat::Text => write_raw(text.as_bytes()),
            OutputFormat::JsonLines => Ok(()),
        }
    }

    /// How data is written.
    pub(crate) fn format(self) -> OutputFormat {
        self.format
    }

    /// Sounds the terminal's bell.
    pub(crate) fn ring_bell(self) {
        if self.live {
            prompt("\x07");
        }
    }

    /// A bar that counts to `total`; invisible where nobody looks.
    pub(crate) fn count_bar(self, total: u64) -> ProgressBar {
        let target = match (self.live, self.verbosity) {
            (true, Verbosity::Normal) => ProgressDrawTarget::stderr(),
            _ => ProgressDrawTarget::hidden(),
        };
        let bar = ProgressBar::with_draw_target(Some(total), target);
        match ProgressStyle::with_template("  {bar:32} {pos} of {len} · {eta} left") {
            Ok(style) => bar.with_style(style.progress_chars("━╸─")),
            Err(_) => bar,
        }
    }

    /// Tells how the work goes.
    pub(crate) fn note(self, text: &str) {
        if self.verbosity == Verbosity::Normal {
            say(text);
        }
    }

    /// Tells what did not go well but was overcome.
    pub(crate) fn warn(self, text: &str) {
        if self.verbosity == Verbosity::Normal {
            say(&format!("{}: {text}", self.paint("warning", "33;1")));
        }
    }

    /// A bar of bytes on standard error, if that is a terminal and the user wants to see such things.
    pub(crate) fn byte_bar(self, total_bytes: u64) -> Option<ProgressBar> {
        if !self.live || self.verbosity == Verbosity::Quiet {
            return None;
        }
        let template = "  {bar:32} {decimal_bytes} of {decimal_total_bytes} · {decimal_bytes_per_sec} · {eta} left";
        let style = ProgressStyle::with_template(template).ok()?.progress_chars("━╸─");
        Some(ProgressBar::with_draw_target(Some(total_bytes), ProgressDrawTarget::stderr()).with_style(style))
    }

    /// Tells why a command failed and what to do about it, and gives the program's exit status.
    pub(crate) fn failure(self, error: &Error) -> ExitCode {
        if is_broken_pipe(error) {
            return ExitCode::SUCCESS;
        }
        self.report(error);
        let stopped = error.is::<Interrupted>() || matches!(error.downcast_ref(), Some(FetchError::Cancelled));
        if stopped { ExitCode::from(INTERRUPTED_STATUS) } else { ExitCode::FAILURE }
    }

    /// Tells what went wrong and what to do about it.
    pub(crate) fn report(self, error: &Error) {
        let message = message(error);
        let hint = hint(error);
        say(&format!("{}: {message}", self.paint("error", "31;1")));
        if let Some(hint) = &hint {
            say(&format!("{}: {hint}", self.paint("hint", "36;1")));
        }
        // A reader that went away has the exit status to go by.
        let _ = self.print_for_programs("error", &json!({ "message": message, "hint": hint }));
    }

    fn paint(self, text: &str, colour: &str) -> String {
        if self.coloured { format!("\x1b[{colour}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// What went wrong and why. A cause that the message above it has quoted is not said again.
fn message(error: &Error) -> String {
    let mut causes = error.chain().map(ToString::to_string);
    let first = causes.next().unwrap_or_default();
    causes.fold(first, |said, cause| if said.contains(&cause) { said } else { format!("{said}: {cause}") })
}

/// Asks on standard error, where answers do not go.
pub(crate) fn prompt(text: &str) {
    let mut output = io::stderr().lock();
    let _ = write!(output, "{text}").and_then(|()| output.flush());
}

/// Writes text that is the same in every format, such as a script.
pub(crate) fn write_raw(text: &[u8]) -> Result<()> {
    let mut output = io::stdout().lock();
    output.write_all(text)?;
    Ok(output.flush()?)
}

fn write_json(kind: &str, record: Value) -> Result<()> {
    let mut line = json!({ "type": kind });
    if let (Some(line), Value::Object(fields)) = (line.as_object_mut(), record) {
        line.extend(fields);
    }
    Ok(write_line(&line.to_string())?)
}

fn write_line(text: &str) -> io::Result<()> {
    let mut output = io::stdout().lock();
    writeln!(output, "{text}")?;
    output.flush()
}

/// Standard error may be closed: there is nobody left to tell then.
fn say(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

fn is_broken_pipe(error: &Error) -> bool {
    let is_broken = |error: &io::Error| error.kind() == io::ErrorKind::BrokenPipe;
    error.chain().any(|cause| cause.downcast_ref().is_some_and(is_broken))
}

/// What the user can do about an error, as far as the error knows.
fn hint(error: &Error) -> Option<String> {
    error.chain().find_map(|cause| match (cause.downcast_ref(), cause.downcast_ref()) {
        (Some(error), _) => FetchError::hint(error),
        (_, Some(error)) => StoreError::hint(error),
        _ => None,
    })
}
