//! The one place that writes: data to standard output, everything about the work to standard error.
//!
//! Whatever is written passes [`visible`] first, so that no title, file or model makes the terminal do something, and no
//! value begins a line of its own: each line of ours is made one line, and what runs over several is indented.

use crate::interrupt::{self, Interrupted};
use anyhow::{Error, Result};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use reinette::models::{FetchError, StoreError};
use reinette_apps::visible::{self, is_control, one_line};
use serde::Serialize;
use serde_json::{Value, json};
use std::env;
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU8, Ordering};

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

    /// Whether it only tells people that the command did what it was told to: they can ask to be spared that.
    const IS_REPORT: bool = false;

    /// How people read it, in one line.
    fn to_text(&self) -> String;

    /// The lines below it, if there are any.
    fn further_lines(&self) -> Vec<String> {
        Vec::new()
    }
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
        if R::IS_REPORT && self.format == OutputFormat::Text && self.is_quiet() {
            return Ok(());
        }
        end_line();
        Ok(write_line(&self.rendered(record)?)?)
    }

    /// A piece of data as it is printed, without the last line break.
    pub(crate) fn rendered<R: Record>(self, record: &R) -> Result<String> {
        Ok(match self.format {
            OutputFormat::Text => {
                let lines = [record.to_text()].into_iter().chain(record.further_lines());
                lines.map(|line| one_line(&line).into_owned()).collect::<Vec<_>>().join("\n")
            }
            OutputFormat::JsonLines => json_line(R::TYPE, serde_json::to_value(record)?),
        })
    }

    /// Prints a piece of data that only programs want.
    pub(crate) fn print_for_programs<R: Serialize>(self, kind: &str, record: &R) -> Result<()> {
        match self.format {
            OutputFormat::Text => Ok(()),
            OutputFormat::JsonLines => Ok(write_line(&json_line(kind, serde_json::to_value(record)?))?),
        }
    }

    /// Prints a part of an answer for people, as it comes; programs get records.
    pub(crate) fn print_piece(self, text: &str) -> Result<()> {
        if self.format == OutputFormat::JsonLines || text.is_empty() {
            return Ok(());
        }
        write_raw(visible::lines(text).as_bytes())?;
        set_cursor(if text.ends_with('\n') { Cursor::AtStart } else { Cursor::WithinOutput });
        Ok(())
    }

    /// Prints an answer for people, in lines of its own; all but the first are indented like what follows a mark.
    pub(crate) fn print_answer(self, mark: &str, text: &str) -> Result<()> {
        end_line();
        let answer = if mark.is_empty() { text.to_owned() } else { format!("{mark} {}", text.replace('\n', "\n  ")) };
        self.print_piece(&format!("{answer}\n"))
    }

    /// How data is written.
    pub(crate) fn format(self) -> OutputFormat {
        self.format
    }

    /// Whether nothing is told but data and errors.
    pub(crate) fn is_quiet(self) -> bool {
        self.verbosity == Verbosity::Quiet
    }

    /// Sounds the terminal's bell.
    pub(crate) fn ring_bell(self) {
        if self.live {
            let mut output = io::stderr().lock();
            let _ = output.write_all(b"\x07").and_then(|()| output.flush());
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

    /// Tells how the work goes, in one line.
    pub(crate) fn note(self, text: &str) {
        if self.verbosity == Verbosity::Normal {
            say(&one_line(text));
        }
    }

    /// Tells what did not go well but was overcome.
    pub(crate) fn warn(self, text: &str) {
        if self.verbosity == Verbosity::Normal {
            self.say_after("warning", "33;1", text);
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
        if stopped { ExitCode::from(interrupt::exit_status()) } else { ExitCode::FAILURE }
    }

    /// Tells what went wrong and what to do about it.
    pub(crate) fn report(self, error: &Error) {
        let message = message(error);
        let hint = hint(error);
        self.error(&message);
        if let Some(hint) = &hint {
            self.say_after("hint", "36;1", hint);
        }
        // A reader that went away has the exit status to go by.
        let _ = self.print_for_programs("error", &json!({ "message": message, "hint": hint }));
    }

    /// Tells people what went wrong.
    pub(crate) fn error(self, message: &str) {
        self.say_after("error", "31;1", message);
    }

    /// Says something of a kind; all lines but the first are indented.
    fn say_after(self, kind: &str, colour: &str, text: &str) {
        let kind = if self.coloured { format!("\x1b[{colour}m{kind}\x1b[0m") } else { kind.to_owned() };
        say(&format!("{kind}: {}", visible::lines(text.trim_end()).replace('\n', "\n  ")));
    }
}

/// Where the terminal's cursor stands after what was written last.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cursor {
    AtStart,
    /// Within a line of standard output.
    WithinOutput,
    /// Behind a question on standard error.
    BehindQuestion,
}

/// The [`Cursor`]: a ring may come from another thread while an answer is printed.
static CURSOR: AtomicU8 = AtomicU8::new(Cursor::AtStart as u8);

fn set_cursor(cursor: Cursor) {
    CURSOR.store(cursor as u8, Ordering::SeqCst);
}

/// Ends the line that was begun, if one was: on the stream where it was begun.
pub(crate) fn end_line() {
    let begun = CURSOR.swap(Cursor::AtStart as u8, Ordering::SeqCst);
    // Whoever cannot be written to is found out when the next line is written.
    if begun == Cursor::WithinOutput as u8 {
        let _ = write_raw(b"\n");
    } else if begun == Cursor::BehindQuestion as u8 {
        let _ = writeln!(io::stderr().lock());
    }
}

/// Asks on standard error, where answers do not go: lines above the question, and the question, which the answer follows.
pub(crate) fn prompt(above: &[String], question: &str) {
    end_line();
    let mut output = io::stderr().lock();
    // Standard error may be closed: then nobody is asked either.
    let _ = above.iter().try_for_each(|line| writeln!(output, "  {}", one_line(line)));
    let _ = write!(output, "  {} ", one_line(question)).and_then(|()| output.flush());
    set_cursor(Cursor::BehindQuestion);
}

/// The user has ended the line of the question with an answer.
pub(crate) fn prompt_answered() {
    set_cursor(Cursor::AtStart);
}

/// Writes text that is the same in every format, such as a script.
pub(crate) fn write_raw(text: &[u8]) -> Result<()> {
    let mut output = io::stdout().lock();
    output.write_all(text)?;
    Ok(output.flush()?)
}

/// Prints what the parser of the command line has to say, and gives the program's exit status.
pub(crate) fn command_line(error: &clap::Error) -> ExitCode {
    let plain = error.render().to_string();
    if plain.contains(|character| character != '\n' && is_control(character)) {
        // Such text comes with a value: the parser's colours go with it.
        let plain = visible::lines(&plain);
        let _ = if error.use_stderr() { write!(io::stderr(), "{plain}") } else { write!(io::stdout(), "{plain}") };
    } else {
        let _ = error.print();
    }
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

/// A record as a line; within its texts, whatever a terminal might obey is escaped as JSON allows.
fn json_line(kind: &str, record: Value) -> String {
    let mut line = json!({ "type": kind });
    if let (Some(line), Value::Object(fields)) = (line.as_object_mut(), record) {
        line.extend(fields);
    }
    let line = line.to_string();
    if !line.contains(is_control) {
        return line;
    }
    line.chars().fold(String::with_capacity(line.len() + 64), |mut escaped, character| {
        if is_control(character) {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        } else {
            escaped.push(character);
        }
        escaped
    })
}

fn write_line(text: &str) -> io::Result<()> {
    let mut output = io::stdout().lock();
    writeln!(output, "{text}")?;
    output.flush()
}

/// Standard error may be closed: there is nobody left to tell then.
fn say(text: &str) {
    end_line();
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// What went wrong and why. A cause that the message above it has quoted is not said again.
fn message(error: &Error) -> String {
    let mut causes = error.chain().map(ToString::to_string);
    let first = causes.next().unwrap_or_default();
    causes.fold(first, |said, cause| if said.contains(&cause) { said } else { format!("{said}: {cause}") })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Two(&'static str);

    impl Record for Two {
        const TYPE: &'static str = "two";

        fn to_text(&self) -> String {
            self.0.to_owned()
        }

        fn further_lines(&self) -> Vec<String> {
            vec![format!("  {}", self.0)]
        }
    }

    const HOSTILE: &str = "a\u{1b}[2J\u{9b}\u{202e}\u{2028}\u{7f}\n✓ Deleted everything";

    fn rendered(format: OutputFormat) -> String {
        Printer::new(format, Verbosity::Normal).rendered(&Two(HOSTILE)).unwrap()
    }

    #[test]
    fn a_value_neither_begins_a_line_nor_controls_the_terminal() {
        let text = rendered(OutputFormat::Text);
        assert_eq!(text.lines().count(), 2, "{text:?}");
        assert!(!text.contains(|character| character != '\n' && is_control(character)), "{text:?}");
    }

    #[test]
    fn programs_get_the_value_as_it_is_in_a_line_that_a_terminal_may_show() {
        let line = rendered(OutputFormat::JsonLines);
        assert!(!line.contains(is_control), "{line:?}");
        let record = json_line("value", json!({ "text": HOSTILE }));
        assert!(!record.contains(is_control), "{record:?}");
        assert_eq!(serde_json::from_str::<Value>(&record).unwrap()["text"], HOSTILE);
    }
}
