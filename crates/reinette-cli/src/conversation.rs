//! The user's side of a conversation: shows what happens, and asks on the terminal.

use crate::context::Context;
use crate::explanation::{describe, explain};
use crate::printer::{OutputFormat, Printer};
use crate::ringing::Ringers;
use crate::{fetching, interrupt, printer};
use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};
use reinette::{LanguageModel, OnDeviceConfig, OnDeviceModel, ToolAdapter, ToolCall};
use reinette_apps::{FileChange, Question};
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
pub(crate) struct Terminal<'a> {
    printer: Printer,
    /// Who rings in this home.
    ringers: &'a Ringers,
    /// What the app of the present call intends.
    planned: Planned,
    /// The first error of writing, such as a reader that went away.
    failure: Option<anyhow::Error>,
    /// Whether a call failed or was left undone.
    undone: bool,
    /// Whether the user was told that nobody rings.
    hinted: bool,
}

/// What an app answers or intends to change.
#[derive(Default)]
struct Planned {
    files: Vec<FileChange>,
    data: Value,
}

impl<'a> Terminal<'a> {
    pub(crate) fn new(printer: Printer, ringers: &'a Ringers) -> Self {
        Self { printer, ringers, planned: Planned::default(), failure: None, undone: false, hinted: false }
    }

    /// Ends the answer's last line; says what went wrong in writing, and whether everything was done.
    pub(crate) fn finish(&mut self) -> Result<Completion> {
        printer::end_line();
        match self.failure.take() {
            Some(error) => Err(error),
            None if std::mem::take(&mut self.undone) => Ok(Completion::Undone),
            None => Ok(Completion::Done),
        }
    }

    fn write(&mut self, print: impl FnOnce(Printer) -> Result<()>) {
        if let Err(error) = print(self.printer) {
            self.failure.get_or_insert(error);
        }
    }

    fn ended(&mut self, call: &ToolCall, outcome: Outcome, text: &str) {
        self.undone |= matches!(outcome, Outcome::Failed | Outcome::Unconfirmed);
        let Planned { data, .. } = std::mem::take(&mut self.planned);
        let rings = outcome == Outcome::Done && rings(&data);
        self.write(|printer| match printer.format() {
            OutputFormat::Text => print_outcome(printer, outcome, text),
            OutputFormat::JsonLines => Ok(()),
        });
        let hint = rings.then(|| self.ringers.hint()).flatten();
        if self.printer.format() == OutputFormat::JsonLines {
            let mut record = json!({ "tool": call.name, "outcome": outcome, "text": text });
            if matches!(outcome, Outcome::Answered | Outcome::Done) && !data.is_null() {
                record["data"] = data;
            }
            if rings {
                record["daemon_running"] = hint.is_none().into();
            }
            self.write(|printer| printer.print_for_programs("outcome", &record));
        }
        if let Some(hint) = hint.filter(|_| !self.hinted) {
            self.printer.note(&hint);
            self.hinted = true;
        }
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

/// Tells people how a call ended. Those who want nothing but answers get the bare answer, and what was not done as an error.
fn print_outcome(printer: Printer, outcome: Outcome, text: &str) -> Result<()> {
    match outcome {
        Outcome::Answered if printer.is_quiet() => printer.print_answer("", text),
        Outcome::Failed | Outcome::Unconfirmed if printer.is_quiet() => {
            printer.error(text);
            Ok(())
        }
        _ if printer.is_quiet() => Ok(()),
        _ => printer.print_answer(mark(outcome), text),
    }
}

fn mark(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Answered => "·",
        Outcome::Done => "✓",
        Outcome::Declined => "–",
        Outcome::Unconfirmed | Outcome::Failed => "✗",
    }
}

/// Whether a change made something that has to ring.
fn rings(data: &Value) -> bool {
    let mut items = data.as_object().into_iter().flatten().filter_map(|(_, items)| items.as_array()).flatten();
    items.any(|item| item.get("rings_at").is_some())
}

impl Listener for Terminal<'_> {
    fn on(&mut self, happening: Happening<'_>) {
        match happening {
            Happening::Text(text) => self.write(|printer| match printer.format() {
                OutputFormat::Text => printer.print_piece(text),
                OutputFormat::JsonLines => printer.print_for_programs("text", &json!({ "text": text })),
            }),
            Happening::Call(call) => {
                self.printer.note(&format!("→ {}", describe(call)));
                self.write(|printer| printer.print_for_programs("call", call));
            }
            Happening::Answer { answer, .. } => {
                self.planned = Planned { files: Vec::new(), data: answer.data.clone() };
            }
            Happening::Change { change, .. } => {
                self.planned = Planned { files: change.files.clone(), data: change.data.clone() };
            }
            Happening::Ended { call, outcome, text, .. } => self.ended(call, outcome, text),
            Happening::Finished(summary) => {
                printer::end_line();
                self.write(|printer| printer.print_for_programs("finished", summary));
            }
            _ => {}
        }
    }

    fn confirm(&mut self, proposal: &Proposal<'_>) -> Decision {
        if !self.somebody_is_there() {
            return Decision::Nobody;
        }
        let question = format!("{} [Y/n]", proposal.effect);
        let mut above = Vec::new();
        while let Some(answer) = ask(&above, &question) {
            match answer.as_str() {
                "" | "y" | "yes" | "o" | "oui" => return Decision::Yes,
                "n" | "no" | "non" => return Decision::No,
                "?" => above = explain(proposal, &self.planned.files),
                _ => above = vec!["Please answer y (do it), n (leave it) or ? (explain).".to_owned()],
            }
        }
        Decision::No
    }

    fn choose(&mut self, question: &Question) -> Option<usize> {
        let labels: Vec<&str> = question.choices.iter().map(|choice| choice.label.as_str()).collect();
        if !self.somebody_is_there() {
            let record = json!({ "text": question.text, "choices": labels });
            self.write(|printer| printer.print_for_programs("question", &record));
            return None;
        }
        let mut above = vec![question.text.clone()];
        above.extend(labels.iter().zip(1..).map(|(label, number)| format!("{number}. {label}")));
        let count = labels.len();
        let asked = format!("1–{count}, or Enter for none of them?");
        loop {
            match ask(&above, &asked)?.as_str() {
                "" | "n" | "no" | "non" => return None,
                answer => match answer.trim_end_matches('.').parse() {
                    Ok(number) if (1..=count).contains(&number) => return Some(number - 1),
                    _ if answer == "?" => {}
                    _ => above = vec![format!("Please answer a number from 1 to {count}, Enter (none) or ? (list).")],
                },
            }
        }
    }

    fn cancelled(&self) -> bool {
        self.failure.is_some() || interrupt::flag().load(Ordering::Relaxed)
    }
}

/// Asks on the terminal; `None` where the user gave up.
fn ask(above: &[String], question: &str) -> Option<String> {
    printer::prompt(above, question);
    let answer = interrupt::read_answer()?;
    printer::prompt_answered();
    Some(answer.trim().to_lowercase())
}
