//! `reinette chat`: a conversation.

use crate::context::Context;
use crate::conversation::{self, Policy, Terminal};
use crate::interrupt;
use anyhow::{Context as _, Result};
use clap::Args;
use reinette::LanguageModel;
use reinette_assistant::Assistant;
use rustyline::DefaultEditor;
use rustyline::error::ReadlineError;
use std::io::{self, IsTerminal};
use std::sync::Arc;

/// Talk: every line is a request; Ctrl-C stops an answer, Ctrl-D ends the conversation
#[derive(Args, Debug)]
pub(crate) struct Chat {
    /// Go on with the last conversation
    #[arg(long = "continue", short = 'c')]
    resume: bool,

    #[command(flatten)]
    policy: Policy,
}

pub(crate) fn run(context: &Context, arguments: &Chat) -> Result<()> {
    let mut assistant = conversation::open(context)?;
    if arguments.resume {
        assistant.resume()?;
    }
    let model = conversation::load_model(context)?;
    let mut session = Session { context, policy: arguments.policy, assistant, model };
    if io::stdin().is_terminal() {
        session.edit_lines()?;
    } else {
        for line in io::stdin().lines() {
            session.answer(&line.context("cannot read the conversation")?)?;
        }
    }
    Ok(())
}

struct Session<'a> {
    context: &'a Context,
    policy: Policy,
    assistant: Assistant,
    model: Arc<dyn LanguageModel>,
}

impl Session<'_> {
    /// Reads lines with editing and history until the user leaves.
    fn edit_lines(&mut self) -> Result<()> {
        let history = self.context.home()?.data.join("chat_history.txt");
        let mut editor = DefaultEditor::new().context("cannot edit lines on this terminal")?;
        // Without a history yet, there is nothing to load.
        let _ = editor.load_history(&history);
        self.context.printer.note("Say what to do, or just talk. Ctrl-C stops an answer, Ctrl-D ends.");
        loop {
            match editor.readline("› ") {
                Ok(line) => {
                    // A line that cannot be remembered is no reason not to answer it.
                    let _ = editor.add_history_entry(&line);
                    let _ = editor.append_history(&history);
                    self.answer(&line)?;
                }
                Err(ReadlineError::Interrupted) => {}
                Err(ReadlineError::Eof) => return Ok(()),
                Err(error) => return Err(error).context("cannot read from the terminal"),
            }
        }
    }

    /// Answers a line; what goes wrong is told, and the conversation goes on.
    fn answer(&mut self, line: &str) -> Result<()> {
        if line.trim().is_empty() {
            return Ok(());
        }
        interrupt::reset();
        let mut terminal = Terminal::new(self.context.printer);
        let answer = self.assistant.ask(line.trim(), &self.model, self.policy.confirm(), &mut terminal);
        terminal.finish()?;
        if let Err(error) = answer {
            self.context.printer.report(&error.into());
        }
        interrupt::reset();
        Ok(())
    }
}
