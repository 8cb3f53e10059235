//! Takes turns with the assistant: what it tells becomes [`Event`]s that are shown, what it asks is asked on the terminal.

use super::asking::{self, Reply};
use super::event::{Ended, Event, Outcome, Proposal, Question};
use super::showing::{Piece, Showing};
use crate::interrupt;
use crate::policy::{ConfirmArgument, Policy};
use crate::printer::{self, OutputFormat, Printer};
use crate::ringing::Ringers;
use anyhow::Result;
use reinette::LanguageModel;
use reinette_apps::FileChange;
use reinette_assistant::{Assistant, AssistantError, Confirm, Decision, Happening, Listener};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Whether everything that was asked for was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Completion {
    Done,
    Undone,
}

/// The user's side of a conversation.
pub(crate) struct Terminal<'a> {
    printer: Printer,
    /// Who rings in this home.
    ringers: &'a Ringers,
    showing: Showing,
}

impl<'a> Terminal<'a> {
    pub(crate) fn new(printer: Printer, ringers: &'a Ringers) -> Self {
        Self { printer, ringers, showing: Showing::new(printer.format(), printer.is_quiet()) }
    }

    /// Lets the assistant answer `words`, shows what happens and answers for the user.
    ///
    /// # Errors
    /// If nothing can be written any more, such as to a reader that went away. What the assistant could not do is the
    /// inner error: a conversation can go on after it.
    pub(crate) fn take_turn(
        &mut self,
        assistant: &mut Assistant,
        words: &str,
        model: &Arc<dyn LanguageModel>,
        policy: Policy,
    ) -> Result<Result<Completion, AssistantError>> {
        let mut turn =
            Turn { terminal: self, planned: Planned::default(), failure: None, completion: Completion::Done };
        let answered = assistant.ask(words, model, confirm(policy), &mut turn);
        let Turn { failure, completion, .. } = turn;
        printer::end_line();
        match failure {
            Some(error) => Err(error),
            None => Ok(answered.map(|()| completion)),
        }
    }

    fn show(&mut self, event: Event) -> Result<()> {
        let pieces = self.showing.show(event, || self.ringers.hint())?;
        pieces.into_iter().try_for_each(|piece| print(self.printer, piece))
    }

    fn is_somebody_there(&self) -> bool {
        self.printer.format() == OutputFormat::Text && asking::is_somebody_there()
    }
}

fn print(printer: Printer, piece: Piece) -> Result<()> {
    match piece {
        Piece::Words(text) => return printer.print_piece(&text),
        Piece::LineEnd => printer::end_line(),
        Piece::Answer { mark, text } => return printer.print_answer(mark, &text),
        Piece::Note(text) => printer.note(&text),
        Piece::Error(text) => printer.error(&text),
        Piece::Record { kind, record } => return printer.print_for_programs(kind, &record),
    }
    Ok(())
}

/// How the assistant knows when to ask.
fn confirm(policy: Policy) -> Confirm {
    match policy.confirm {
        ConfirmArgument::Ask => Confirm::Ask,
        ConfirmArgument::Always => Confirm::Always,
        ConfirmArgument::Never => Confirm::Never,
    }
}

/// A turn that is under way.
struct Turn<'a, 'b> {
    terminal: &'a mut Terminal<'b>,
    /// What the app of the present call answers or intends to change.
    planned: Planned,
    /// The first error of writing.
    failure: Option<anyhow::Error>,
    completion: Completion,
}

#[derive(Default)]
struct Planned {
    files: Vec<FileChange>,
    data: Value,
}

impl Turn<'_, '_> {
    fn show(&mut self, event: Event) {
        if let Err(error) = self.terminal.show(event) {
            self.failure.get_or_insert(error);
        }
    }
}

impl Listener for Turn<'_, '_> {
    fn on(&mut self, happening: Happening<'_>) {
        match happening {
            Happening::Text(text) => self.show(Event::Text(text.to_owned())),
            Happening::Call(call) => self.show(Event::Call(call.clone())),
            Happening::Answer { answer, .. } => {
                self.planned = Planned { files: Vec::new(), data: answer.data.clone() };
            }
            Happening::Change { change, .. } => {
                self.planned = Planned { files: change.files.clone(), data: change.data.clone() };
            }
            Happening::Ended { call, outcome, text, .. } => {
                let outcome = outcome_of(outcome);
                if matches!(outcome, Outcome::Failed | Outcome::Unconfirmed) {
                    self.completion = Completion::Undone;
                }
                let data = std::mem::take(&mut self.planned).data;
                self.show(Event::Ended(Ended { tool: call.name.clone(), outcome, text: text.to_owned(), data }));
            }
            Happening::Finished(summary) => self.show(Event::Finished(summary.clone())),
            _ => {}
        }
    }

    fn confirm(&mut self, proposal: &reinette_assistant::Proposal<'_>) -> Decision {
        if !self.terminal.is_somebody_there() {
            return Decision::Nobody;
        }
        let (call, effect) = (proposal.call.clone(), proposal.effect.to_owned());
        let proposal = Proposal { call, effect, files: self.planned.files.clone() };
        match asking::confirm(&proposal, &mut asking::on_terminal) {
            Reply::Yes => Decision::Yes,
            Reply::No => Decision::No,
        }
    }

    fn choose(&mut self, question: &reinette_apps::Question) -> Option<usize> {
        let choices = question.choices.iter().map(|choice| choice.label.clone()).collect();
        let question = Question { text: question.text.clone(), choices };
        if self.terminal.is_somebody_there() {
            return asking::choose(&question, &mut asking::on_terminal);
        }
        self.show(Event::Unanswered(question));
        None
    }

    fn cancelled(&self) -> bool {
        self.failure.is_some() || interrupt::flag().load(Ordering::Relaxed)
    }
}

fn outcome_of(outcome: reinette_assistant::Outcome) -> Outcome {
    match outcome {
        reinette_assistant::Outcome::Answered => Outcome::Answered,
        reinette_assistant::Outcome::Done => Outcome::Done,
        reinette_assistant::Outcome::Declined => Outcome::Declined,
        reinette_assistant::Outcome::Unconfirmed => Outcome::Unconfirmed,
        reinette_assistant::Outcome::Failed => Outcome::Failed,
    }
}
