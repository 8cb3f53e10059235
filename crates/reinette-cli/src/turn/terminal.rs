//! Takes turns with the assistant: what it tells becomes [`Event`]s that are shown, what it asks is asked on the terminal.

use super::asking;
use super::event::{Ended, Event, Outcome, Proposal};
use super::showing::{Piece, Showing};
use crate::interrupt;
use crate::policy::{ConfirmArgument, Policy};
use crate::printer::{self, OutputFormat, Printer};
use crate::ringing::Ringers;
use anyhow::Result;
use reinette::{Approval, LanguageModel, ToolOutcome, TurnEvent};
use reinette_assistant::{Asking, Assistant, AssistantError, Confirm};
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
        let mut asking = match assistant.ask(words, model, confirm(policy)) {
            Ok(asking) => asking,
            Err(error) => return Ok(Err(error)),
        };
        assistant.take_warnings().iter().for_each(|warning| self.printer.warn(warning));
        let mut completion = Completion::Done;
        let mut answered = Ok(());
        while let Some(event) = asking.next_blocking() {
            match event {
                Ok(event) => self.hear(event, &asking, &mut completion)?,
                Err(error) => answered = Err(error),
            }
            if interrupt::flag().load(Ordering::Relaxed) {
                break;
            }
        }
        printer::end_line();
        Ok(answered.map(|()| completion))
    }

    /// Shows an event, and answers it if it asks.
    fn hear(&mut self, event: TurnEvent, asking: &Asking, completion: &mut Completion) -> Result<()> {
        match event {
            TurnEvent::Text { text } => self.show(Event::Text(text)),
            TurnEvent::ToolCalls { calls } => calls.into_iter().try_for_each(|call| self.show(Event::Call(call))),
            TurnEvent::Proposed { id, call_id, summary, risk, preview, can_undo, needs_reply: true, .. } => {
                let approval = match asking.call(&call_id).filter(|_| self.is_somebody_there()) {
                    Some(call) => {
                        let (call, is_change) = (call.clone(), risk.is_some());
                        let proposal = Proposal { call, effect: summary, preview, is_change, can_undo };
                        asking::confirm(&proposal, &mut asking::on_terminal)
                    }
                    None => Approval::Nobody,
                };
                asking.replies().decide(&id, approval);
                Ok(())
            }
            TurnEvent::Asked { id, question, .. } => {
                if self.is_somebody_there() {
                    let choice = asking::choose(&question, &mut asking::on_terminal);
                    asking.replies().choose(&id, choice);
                    return Ok(());
                }
                asking.replies().choose(&id, None);
                self.show(Event::Unanswered(question))
            }
            TurnEvent::ToolOutput { call_id, answer, outcome } => {
                let outcome = outcome_of(outcome);
                if matches!(outcome, Outcome::Failed | Outcome::Unconfirmed | Outcome::Asks) {
                    *completion = Completion::Undone;
                }
                let tool = asking.call(&call_id).map(|call| call.name.clone()).unwrap_or_default();
                self.show(Event::Ended(Ended { tool, outcome, text: answer.text, data: answer.data }))
            }
            TurnEvent::Finished(response) => self.show(Event::Finished(Box::new(response))),
            _ => Ok(()),
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

fn outcome_of(outcome: ToolOutcome) -> Outcome {
    match outcome {
        ToolOutcome::Answered => Outcome::Answered,
        ToolOutcome::Done => Outcome::Done,
        ToolOutcome::Declined => Outcome::Declined,
        ToolOutcome::Unasked => Outcome::Unconfirmed,
        ToolOutcome::Asks => Outcome::Asks,
        _ => Outcome::Failed,
    }
}
