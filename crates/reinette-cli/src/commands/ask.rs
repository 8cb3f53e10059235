//! `reinette ask`: from one request to a done task.

use crate::context::Context;
use crate::conversation;
use crate::interrupt::{self, Interrupted};
use crate::policy::Policy;
use crate::printer;
use crate::ringing::Ringers;
use crate::turn::{Completion, Terminal};
use anyhow::{Context as _, Result, bail};
use clap::Args;
use std::io::{self, IsTerminal, Read};
use std::process::ExitCode;
use std::sync::atomic::Ordering;

/// The longest input that is read: far more than a model takes, far less than would fill the memory.
const MAX_REQUEST_BYTES: u64 = 1 << 20;

/// What the help of the command tells after its options.
const MORE: &str = "\
With --json, every line is an object, and its `type` says what it tells:\n  \
  text      the next words of an answer\n  \
  call      what the model wants done: `name` and `arguments`\n  \
  question  more than one thing may be meant, and nobody can be asked: `text` and `choices`\n  \
  outcome   how a call ended: `tool`, `outcome` (answered, done, declined, unconfirmed, asks or failed),\n            \
            `text` and `data`; of what rings also `daemon_running`\n  \
  finished  what the answer took\n  \
  progress  a model is being fetched\n  \
  error     why it ended: `message` and `hint`\n\n\
`reinette undo` takes back what the last request changed.\n\n\
Exit status: 0 if all was done, 1 if not, 2 for a mistake on the command line, 130 if you stopped it.";

/// Do what the words say, or answer them
///
/// Without words, every line of standard input is a request, one after the other in one conversation; a line with a colon
/// before other words takes the lines after it along, up to the next empty one: "note: shopping list", "eggs", "milk".
#[derive(Args, Debug)]
#[command(after_long_help = MORE)]
pub(crate) struct Ask {
    /// The words; without any, they are read from standard input, a request a line
    words: Vec<String>,

    #[command(flatten)]
    policy: Policy,
}

pub(crate) fn run(context: &Context, arguments: &Ask) -> Result<ExitCode> {
    let requests = match arguments.words.join(" ").trim() {
        "" if arguments.words.is_empty() => requests(&standard_input(context)?),
        "" => Vec::new(),
        words => vec![words.to_owned()],
    };
    if requests.is_empty() {
        bail!("there is no request; say what to do, such as: reinette ask \"remind me to call Ana tomorrow at 9\"");
    }
    let mut assistant = conversation::open(context)?;
    let model = conversation::load_model(context)?;
    let ringers = Ringers::new(context, false)?;
    let mut terminal = Terminal::new(context.printer, &ringers);
    // From here on a signal stops the answer, not the program in the middle of a change.
    let interrupted = interrupt::flag();
    let mut completion = Completion::Done;
    for request in &requests {
        if terminal.take_turn(&mut assistant, request, &model, arguments.policy)?? == Completion::Undone {
            completion = Completion::Undone;
        }
        if interrupted.load(Ordering::Relaxed) {
            bail!(Interrupted);
        }
    }
    Ok(if completion == Completion::Done { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn standard_input(context: &Context) -> Result<String> {
    if io::stdin().is_terminal() && !context.printer.is_quiet() {
        printer::prompt(&[], "What can I do? (end with Ctrl-D)");
        printer::prompt_answered();
    }
    let mut text = String::new();
    let read = interrupt::while_waiting(|| io::stdin().lock().take(MAX_REQUEST_BYTES + 1).read_to_string(&mut text));
    read.context("cannot read the request")?;
    if text.len() as u64 > MAX_REQUEST_BYTES {
        bail!("the request is longer than {MAX_REQUEST_BYTES} bytes; nothing of it was done");
    }
    Ok(text)
}

/// The requests of an input: its lines, but a line with a colon that introduces a text is one with those that follow it, up
/// to an empty one.
fn requests(input: &str) -> Vec<String> {
    let mut requests: Vec<String> = Vec::new();
    let mut within_text = false;
    for line in input.lines() {
        if line.trim().is_empty() {
            within_text = false;
        } else if let Some(request) = requests.last_mut().filter(|_| within_text) {
            request.push('\n');
            request.push_str(line.trim_end());
        } else {
            // Of "at 10:30" and "https://", the colon introduces nothing.
            within_text = line.trim_end().ends_with(':') || line.contains(": ");
            requests.push(line.trim().to_owned());
        }
    }
    requests
}

#[cfg(test)]
mod tests {
    use super::requests;

    #[test]
    fn every_line_of_the_input_is_a_request() {
        for (input, expected) in [
            ("remind me to buy milk", &["remind me to buy milk"][..]),
            ("  buy milk \r\n\nset a timer for 5 minutes\n", &["buy milk", "set a timer for 5 minutes"]),
            ("wake me at 6:30\nand at 7:15", &["wake me at 6:30", "and at 7:15"]),
            ("note: shopping\n  - eggs\n- milk\n\nbuy bread", &["note: shopping\n  - eggs\n- milk", "buy bread"]),
            ("écris une note :\nle wifi\nest 42", &["écris une note :\nle wifi\nest 42"]),
            ("\n \n", &[]),
        ] {
            assert_eq!(requests(input), expected, "{input:?}");
        }
    }
}
