//! A program that is measured: when it says what, how much memory it takes, and that it ends when the user stops us.

use crate::interrupt::{self, Interrupted};
use anyhow::{Context as _, Result, bail};
use std::io::{ErrorKind, Read};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// How long anything waits before it looks at the user and the memory again: rare enough to cost nothing.
pub(super) const TICK: Duration = Duration::from_millis(10);

/// What is kept of the last words of a program that fails.
const LAST_WORDS_BYTES: usize = 4 << 10;

/// A program that ended well.
#[derive(Debug)]
pub(super) struct Watched {
    /// What it printed.
    pub(super) output: Vec<Line>,
    /// The most memory that it had at once, where the system tells it.
    pub(super) peak_mebibytes: Option<f64>,
}

/// A line that a program printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// From the start of the program to the line's first byte.
    pub(super) after: Duration,
    pub(super) text: String,
}

/// A child that does not outlive us.
pub(super) struct Running(pub(super) Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a program to its end. `None` if there is no such program.
///
/// # Errors
/// If it fails, with its last words, or the user stops us, in which case it is killed.
pub(super) fn watch(command: &mut Command) -> Result<Option<Watched>> {
    let name = command.get_program().to_string_lossy().into_owned();
    let started = Instant::now();
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = match child {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        child => Running(child.with_context(|| format!("cannot start {name}"))?),
    };
    let (output, pieces) = mpsc::channel();
    let (errors, last_words) = mpsc::channel();
    forward(child.0.stdout.take(), move |piece| output.send((started.elapsed(), piece.to_vec())).is_ok());
    forward(child.0.stderr.take(), move |piece| errors.send(piece.to_vec()).is_ok());

    let mut peak_mebibytes = None;
    let mut printed = Printed::default();
    loop {
        match pieces.recv_timeout(TICK) {
            Ok((after, piece)) => printed.add(after, &piece),
            Err(RecvTimeoutError::Timeout) => {}
            // It has nothing more to say.
            Err(RecvTimeoutError::Disconnected) => break,
        }
        peak_mebibytes = crate::measure::peak_mebibytes(child.0.id()).or(peak_mebibytes);
        check_interrupted()?;
    }
    let status = loop {
        if let Some(status) = child.0.try_wait()? {
            break status;
        }
        check_interrupted()?;
        thread::sleep(TICK);
    };
    // A Ctrl-C in a terminal reaches the child as well.
    check_interrupted()?;
    if !status.success() {
        let said: Vec<u8> = last_words.iter().flatten().collect();
        bail!("{name} failed ({status}): {}", last_line(&said[said.len().saturating_sub(LAST_WORDS_BYTES)..]));
    }
    Ok(Some(Watched { output: printed.lines(), peak_mebibytes }))
}

/// Fails if the user pressed Ctrl-C.
pub(super) fn check_interrupted() -> Result<()> {
    if interrupt::flag().load(Ordering::Relaxed) {
        bail!(Interrupted);
    }
    Ok(())
}

/// Reads what a child says on a thread of its own, so that neither waits for the other.
pub(super) fn forward(
    source: Option<impl Read + Send + 'static>,
    mut take: impl FnMut(&[u8]) -> bool + Send + 'static,
) {
    let Some(mut source) = source else { return };
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = source.read(&mut buffer) {
            if !take(&buffer[..length]) {
                break;
            }
        }
    });
}

/// The last line with words in it.
pub(super) fn last_line(said: &[u8]) -> String {
    let said = String::from_utf8_lossy(said);
    let line = said.lines().rev().find(|line| !line.trim().is_empty());
    line.map_or_else(|| "it does not say why".to_owned(), |line| line.trim().to_owned())
}

/// What came of a program's output.
#[derive(Default)]
struct Printed {
    lines: Vec<(Duration, Vec<u8>)>,
    within_line: bool,
}

impl Printed {
    fn add(&mut self, after: Duration, piece: &[u8]) {
        for bytes in piece.split_inclusive(|byte| *byte == b'\n') {
            match self.lines.last_mut() {
                Some((_, line)) if self.within_line => line.extend_from_slice(bytes),
                _ => self.lines.push((after, bytes.to_vec())),
            }
            self.within_line = !bytes.ends_with(b"\n");
        }
    }

    fn lines(self) -> Vec<Line> {
        let line = |(after, bytes): (Duration, Vec<u8>)| Line {
            after,
            text: String::from_utf8_lossy(&bytes).trim_end().to_owned(),
        };
        self.lines.into_iter().map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_begins_when_its_first_byte_comes() {
        let mut printed = Printed::default();
        let at = Duration::from_millis;
        printed.add(at(1), b"one\ntw");
        printed.add(at(2), b"o\n");
        printed.add(at(3), b"three");
        let line = |after, text: &str| Line { after: at(after), text: text.to_owned() };
        assert_eq!(printed.lines(), [line(1, "one"), line(1, "two"), line(3, "three")]);
    }

    #[test]
    fn a_program_that_is_not_there_is_told_from_one_that_fails() {
        assert!(watch(&mut Command::new("no-such-program-anywhere")).unwrap().is_none());
        let error = watch(Command::new("sh").args(["-c", "echo why >&2; exit 3"])).unwrap_err().to_string();
        assert!(error.contains("sh failed") && error.contains("why"), "{error}");
    }
}
