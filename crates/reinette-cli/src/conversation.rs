//! The user's side of a conversation: shows what happens, and asks on the terminal.

use crate::context::Context;
use crate::interrupt;
use crate::printer::{OutputFormat, Printer};
use crate::{fetching, printer};
use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};
use reinette::{LanguageModel, OnDeviceConfig, OnDeviceModel, ToolAdapter, ToolCall};
use reinette_apps::Question;
use reinette_assistant::{
    Assistant, Confirm, Decision, Happening, Listener, Outcome, Proposal, Tier, everyday_adapter,
};
use serde_json::{Value, json};
use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// When to ask.
#[derive(Args, Debug, Clone, Copy)]
pub(crate) struct Policy {
    /// When to ask before something is done; where nobody can answer, what would be asked is not done
    #[arg(long, value_enum, default_value_t, env = "REINETTE_CONFIRM")]
    confirm: ConfirmArgument,
}

#[derive(ValueEnum, Debug, Clone, Copy, Default)]
enum ConfirmArgument {
    /// Before every change
    #[default]
    Ask,
    /// Before every call, those that only read included
    Always,
    /// Act without asking
    Never,
}

impl Policy {
    pub(crate) fn confirm(self) -> Confirm {
        match self.confirm {
            ConfirmArgument::Ask => Confirm::Ask,
            ConfirmArgument::Always => Confirm::Always,
            ConfirmArgument::Never => Confirm::Never,
        }
    }
}

/// Loads the model that the user asked for, fetching it first if need be, with what it has learned.
pub(crate) fn load_model(context: &Context) -> Result<Arc<dyn LanguageModel>> {
    let path = fetching::model_file(context)?;
    let mut config = OnDeviceConfig::new(&path);
    config.adapter = match &context.adapter {
        Some(folder) => Some(ToolAdapter::read(folder)?),
        None if fetching::tier(context)? == Tier::Embedded => Some(everyday_adapter()?),
        None => None,
    };
    config.draft = context.draft.as_deref().map(|draft| fetching::named_model(context, draft)).transpose()?;
    config.snapshots.clone_from(&context.snapshots);
    config.packed = context.packed_to_keep().cloned();
    config.kv_type = context.kv_type;
    if let Some(threads) = context.threads {
        config.threads = threads;
    }
    let model = OnDeviceModel::load(&config).with_context(|| format!("cannot use the model {}", path.display()))?;
    Ok(Arc::new(model))
}

/// A conversation in the user's home.
pub(crate) fn open(context: &Context) -> Result<Assistant> {
    Ok(warned(context, Assistant::open(context.home()?, jiff::Zoned::now)?))
}

/// The conversations and the journal of the user's home, read-only where nothing can be written.
pub(crate) fn open_to_read(context: &Context) -> Result<Assistant> {
    Ok(warned(context, Assistant::open_to_read(context.home()?, jiff::Zoned::now)?))
}

fn warned(context: &Context, assistant: Assistant) -> Assistant {
    assistant.warnings().iter().for_each(|warning| context.printer.warn(warning));
    assistant
}

/// Shows what happens and answers for the user.
pub(crate) struct Terminal {
    printer: Printer,
    /// Whether the last piece of an answer ended within a line.
    within_line: bool,
    /// The first error of writing, such as a reader that went away.
    failure: Option<anyhow::Error>,
    /// Whether a call failed or was left undone.
    undone: bool,
}

impl Terminal {
    pub(crate) fn new(printer: Printer) -> Self {
        Self { printer, within_line: false, failure: None, undone: false }
    }

    /// Ends the answer's last line; says what went wrong in writing, and whether everything was done.
    pub(crate) fn finish(&mut self) -> Result<Completion> {
        self.end_line();
        match self.failure.take() {
            Some(error) => Err(error),
            None if std::mem::take(&mut self.undone) => Ok(Completion::Undone),
            None => Ok(Completion::Done),
        }
    }

    fn end_line(&mut self) {
        if std::mem::take(&mut self.within_line) {
            self.write(|printer| printer.print_piece("\n"));
        }
    }

    fn write(&mut self, print: impl FnOnce(Printer) -> Result<()>) {
        if let Err(error) = print(self.printer) {
            self.failure.get_or_insert(error);
        }
    }

    fn ended(&mut self, call: &ToolCall, outcome: Outcome, text: &str) {
        self.end_line();
        self.undone |= matches!(outcome, Outcome::Failed | Outcome::Unconfirmed);
        self.write(|printer| match printer.format() {
            OutputFormat::Text => printer.print_piece(&format!("{} {text}\n", mark(outcome))),
            OutputFormat::JsonLines => {
                let record = json!({ "tool": call.name, "outcome": outcome, "text": text });
                printer.print_for_programs("outcome", &record)
            }
        });
    }

    /// Whether somebody can be asked: a person types and reads.
    fn somebody_is_there(&self) -> bool {
        self.printer.format() == OutputFormat::Text && io::stdin().is_terminal() && io::stderr().is_terminal()
    }
}

/// Whether everything that was asked for was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Completion {
    Done,
    Undone,
}

fn mark(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Answered => "·",
        Outcome::Done => "✓",
        Outcome::Declined => "–",
        Outcome::Unconfirmed | Outcome::Failed => "✗",
    }
}

/// A call as people read it: `create_reminder  title: call Ana · when: tomorrow at 9`.
fn describe(call: &ToolCall) -> String {
    let value = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let arguments: Vec<String> =
        call.arguments.iter().map(|(name, argument)| format!("{name}: {}", value(argument))).collect();
    format!("{}  {}", call.name, arguments.join(" · ")).trim_end().to_owned()
}

impl Listener for Terminal {
    fn on(&mut self, happening: Happening<'_>) {
        match happening {
            Happening::Text(text) => {
                self.within_line = !text.ends_with('\n');
                self.write(|printer| match printer.format() {
                    OutputFormat::Text => printer.print_piece(text),
                    OutputFormat::JsonLines => printer.print_for_programs("text", &json!({ "text": text })),
                });
            }
            Happening::Call(call) => {
                self.end_line();
                self.printer.note(&format!("→ {}", describe(call)));
                self.write(|printer| printer.print_for_programs("call", call));
            }
            Happening::Ended { call, outcome, text, .. } => self.ended(call, outcome, text),
            Happening::Finished(summary) => {
                self.end_line();
                self.write(|printer| printer.print_for_programs("finished", summary));
            }
            _ => {}
        }
    }

    fn confirm(&mut self, proposal: &Proposal<'_>) -> Decision {
        if !self.somebody_is_there() {
            return Decision::Nobody;
        }
        match ask(&format!("  {} [Y/n] ", proposal.effect)).as_deref() {
            Some("" | "y" | "yes" | "o" | "oui") => Decision::Yes,
            _ => Decision::No,
        }
    }

    fn choose(&mut self, question: &Question) -> Option<usize> {
        if !self.somebody_is_there() {
            return None;
        }
        let choices =
            question.choices.iter().zip(1..).map(|(choice, number)| format!("  {number}. {}\n", choice.label));
        let answer = ask(&format!("  {}\n{}  ? ", question.text, choices.collect::<String>()))?;
        answer.parse::<usize>().ok()?.checked_sub(1)
    }

    fn cancelled(&self) -> bool {
        self.failure.is_some() || interrupt::flag().load(Ordering::Relaxed)
    }
}

/// Asks on the terminal; `None` where the user gave up.
fn ask(question: &str) -> Option<String> {
    printer::prompt(question);
    let mut line = String::new();
    let read = io::stdin().read_line(&mut line);
    let gone = interrupt::flag().load(Ordering::Relaxed) || !matches!(read, Ok(length) if length > 0);
    (!gone).then(|| line.trim().to_lowercase())
}
