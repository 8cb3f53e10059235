//! `reinette chat`: a conversation.

mod slash;

use super::undo;
use crate::context::Context;
use crate::conversation;
use crate::interrupt::{self, Interrupted};
use crate::policy::Policy;
use crate::printer::{Printer, end_line};
use crate::ringing::{BackgroundRinger, Display, Rang, Ringers};
use crate::turn::Terminal;
use anyhow::{Context as _, Result, bail};
use clap::Args;
use reinette::LanguageModel;
use reinette_assistant::Assistant;
use rustyline::error::ReadlineError;
use rustyline::{DefaultEditor, ExternalPrinter};
use slash::{Help, SlashCommand};
use std::io::{self, BufRead, IsTerminal};
use std::ops::ControlFlow;
use std::sync::Arc;

/// Talk: every line is a request; Ctrl-C stops an answer, Ctrl-D ends the conversation
///
/// /help tells what can be said, /undo takes back what the last request changed, /quit ends the conversation too.
///
/// Timers, alarms and reminders ring while the conversation is open, unless a daemon rings them.
#[derive(Args, Debug)]
pub(crate) struct Chat {
    /// Go on with the last conversation
    #[arg(long = "continue", short = 'c')]
    resume: bool,

    #[command(flatten)]
    policy: Policy,
}

pub(crate) fn run(context: &Context, arguments: &Chat) -> Result<()> {
    let assistant = if arguments.resume { conversation::resume(context)? } else { conversation::open(context)? };
    let model = conversation::load_model(context)?;
    let ringers = Ringers::new(context, true)?;
    let terminal = Terminal::new(context.printer, &ringers);
    let mut session = Session { context, policy: arguments.policy, assistant, model, terminal };
    if io::stdin().is_terminal() { session.edit_lines() } else { session.read_lines() }
}

struct Session<'a> {
    context: &'a Context,
    policy: Policy,
    assistant: Assistant,
    model: Arc<dyn LanguageModel>,
    terminal: Terminal<'a>,
}

impl Session<'_> {
    /// Reads lines from a pipe or a file to its end.
    fn read_lines(&mut self) -> Result<()> {
        let printer = self.context.printer;
        let _ringer = BackgroundRinger::start(self.context.home()?, printer, Output(printer));
        let mut input = io::stdin().lock();
        let mut line = String::new();
        while interrupt::while_waiting(|| input.read_line(&mut line)).context("cannot read the conversation")? > 0 {
            if self.answer(&line)?.is_break() {
                break;
            }
            line.clear();
        }
        Ok(())
    }

    /// Reads lines with editing and history until the user leaves.
    fn edit_lines(&mut self) -> Result<()> {
        let home = self.context.home()?;
        let history = home.data.join("chat_history.txt");
        let mut editor = DefaultEditor::new().context("cannot edit lines on this terminal")?;
        // Without a history yet, there is nothing to load.
        let _ = editor.load_history(&history);
        let printer = self.context.printer;
        let _ringer = match editor.create_external_printer() {
            Ok(editor) => BackgroundRinger::start(home, printer, EditedLine { printer, editor }),
            Err(_) => BackgroundRinger::start(home, printer, Output(printer)),
        };
        printer.note("Say what to do, or just talk; /help tells more. Ctrl-C stops an answer, Ctrl-D ends.");
        loop {
            match interrupt::while_waiting(|| editor.readline("› ")) {
                Ok(line) => {
                    // A line that cannot be remembered is no reason not to answer it.
                    let _ = editor.add_history_entry(&line);
                    let _ = editor.append_history(&history);
                    if self.answer(&line)?.is_break() {
                        return Ok(());
                    }
                }
                Err(ReadlineError::Interrupted) => printer.note("Ctrl-D or /quit ends the conversation."),
                Err(ReadlineError::Eof) => return Ok(()),
                Err(error) => return Err(error).context("cannot read from the terminal"),
            }
        }
    }

    /// Answers a line; what goes wrong is told, and the conversation goes on unless the user ends it.
    fn answer(&mut self, line: &str) -> Result<ControlFlow<()>> {
        if line.trim().is_empty() {
            return Ok(ControlFlow::Continue(()));
        }
        interrupt::reset();
        let printer = self.context.printer;
        let outcome = match SlashCommand::read(line) {
            Some(Ok(SlashCommand::Help)) => Ok(printer.print(&Help::new(self.assistant.tools(), self.policy.confirm))?),
            Some(Ok(SlashCommand::Undo)) => undo::take_back(printer, &mut self.assistant)?,
            Some(Ok(SlashCommand::Quit)) => return Ok(ControlFlow::Break(())),
            Some(Err(unknown)) => Err(unknown.into()),
            None => {
                let turn = self.terminal.take_turn(&mut self.assistant, line.trim(), &self.model, self.policy)?;
                turn.map(|_| ()).map_err(Into::into)
            }
        };
        if let Err(error) = outcome {
            printer.report(&error);
        }
        if interrupt::is_ending() {
            bail!(Interrupted);
        }
        interrupt::reset();
        Ok(ControlFlow::Continue(()))
    }
}

/// Rings where answers are printed.
struct Output(Printer);

impl Display for Output {
    fn show(&mut self, rang: &Rang<'_>) -> Result<()> {
        self.0.print(rang)
    }

    fn warn(&mut self, text: &str) {
        self.0.warn(text);
    }
}

/// Rings above the line that the user edits.
struct EditedLine<P> {
    printer: Printer,
    editor: P,
}

impl<P: ExternalPrinter + Send> Display for EditedLine<P> {
    fn show(&mut self, rang: &Rang<'_>) -> Result<()> {
        end_line();
        Ok(self.editor.print(format!("{}\n", self.printer.rendered(rang)?))?)
    }

    fn warn(&mut self, text: &str) {
        end_line();
        let text = reinette_apps::visible::one_line(text).into_owned();
        // A terminal that is gone ends the chat.
        let _ = self.editor.print(format!("warning: {text}\n"));
    }
}
