//! `reinette ask`: from one request to a done task.

use crate::context::Context;
use crate::conversation::{self, Completion, Policy, Terminal};
use crate::interrupt::Interrupted;
use crate::{interrupt, printer};
use anyhow::{Context as _, Result, bail};
use clap::Args;
use std::io::{self, IsTerminal, Read};
use std::process::ExitCode;
use std::sync::atomic::Ordering;

/// The longest request that is read: far more than a model takes, far less than would fill the memory.
const MAX_REQUEST_BYTES: u64 = 1 << 20;

/// Do what the words say, or answer them
#[derive(Args, Debug)]
pub(crate) struct Ask {
    /// The words; without any, they are read from standard input
    words: Vec<String>,

    #[command(flatten)]
    policy: Policy,
}

pub(crate) fn run(context: &Context, arguments: &Ask) -> Result<ExitCode> {
    let words = request(&arguments.words)?;
    let mut assistant = conversation::open(context)?;
    let model = conversation::load_model(context)?;
    let mut terminal = Terminal::new(context.printer);
    // From here on Ctrl-C stops the answer, not the program in the middle of a change.
    let interrupted = interrupt::flag();
    assistant.ask(&words, &model, arguments.policy.confirm(), &mut terminal)?;
    let completion = terminal.finish()?;
    if interrupted.load(Ordering::Relaxed) {
        bail!(Interrupted);
    }
    Ok(if completion == Completion::Done { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn request(words: &[String]) -> Result<String> {
    let mut text = words.join(" ");
    if words.is_empty() {
        if io::stdin().is_terminal() {
            printer::prompt("What can I do? (end with Ctrl-D) ");
        }
        io::stdin().lock().take(MAX_REQUEST_BYTES).read_to_string(&mut text).context("cannot read the request")?;
    }
    if text.trim().is_empty() {
        bail!("there is no request; say what to do, such as: reinette ask \"remind me to call Ana tomorrow at 9\"");
    }
    Ok(text.trim().to_owned())
}
