//! The apps as tools of a session: a call is planned, and its change of files is written into the journal before it is made.

use super::Confirm;
use super::desk::Desk;
use crate::explanation::preview;
use crate::journal::{self, Intent, Inverse, Journal, JournalError};
use crate::sentences;
use crate::store::Store;
use reinette::{
    Action, Commit, CommitFuture, Committer, Committing, Effect, Invocation, Preparation, Prepared, Question, Risk,
    Tool, ToolAnswer, ToolCall, ToolDefinition, ToolError,
};
use reinette_apps::{Change, FileChange, Plan, Planner, World, apply_all, combine, more_tools, tools};
use serde_json::{Map, Value};
use std::any::Any;
use std::sync::Arc;

/// One tool of an app, at a desk.
pub(super) struct AppTool {
    planner: Arc<dyn Planner>,
    desk: Arc<Desk>,
}

impl AppTool {
    /// The tools of all apps, at a desk.
    pub(super) fn all(desk: &Arc<Desk>) -> impl Iterator<Item = Self> {
        let planners = tools().into_iter().chain(more_tools());
        planners.map(|planner| Self { planner: planner.into(), desk: Arc::clone(desk) })
    }

    /// Whether no call of it is an effect.
    pub(super) fn only_reads(&self) -> bool {
        self.planner.only_reads()
    }
}

impl Tool for AppTool {
    fn definition(&self) -> ToolDefinition {
        self.planner.definition().clone()
    }

    fn asks_for_missing(&self) -> bool {
        true
    }

    fn prepare(&self, invocation: Invocation) -> Preparation {
        let mut invocation = invocation;
        if invocation.chosen.is_empty() {
            invocation.chosen = self.desk.take_chosen();
        }
        let planned = PlannedCall::new(Arc::clone(&self.planner), invocation).plan(&self.desk, &self.desk.store());
        Box::pin(async move { Ok(planned) })
    }
}

/// A call with what the user chose.
#[derive(Clone)]
struct PlannedCall {
    planner: Arc<dyn Planner>,
    arguments: Map<String, Value>,
    chosen: Vec<String>,
}

/// Changes files, and knows how to plan them again.
struct FileAction {
    call: PlannedCall,
    change: Change,
    /// The sentence for the user once it is done.
    said: String,
    /// The request that it takes the place of.
    corrects: Option<i64>,
}

impl Action for FileAction {
    /// Makes the change without a journal.
    fn commit(self: Box<Self>) -> CommitFuture {
        Box::pin(async move {
            apply_all(&self.change.files).map_err(|error| ToolError::new(error.to_string()))?;
            Ok(done(*self))
        })
    }

    fn can_undo(&self) -> bool {
        true
    }
}

fn done(action: FileAction) -> ToolAnswer {
    ToolAnswer::new(action.said).for_user().with_data(action.change.data)
}

impl PlannedCall {
    fn new(planner: Arc<dyn Planner>, invocation: Invocation) -> Self {
        let Invocation { arguments, chosen } = invocation;
        Self { planner, arguments, chosen }
    }

    /// Plans the call, as if what it puts right were taken back.
    fn plan(self, desk: &Desk, store: &Store) -> Prepared {
        let request = *desk.request();
        let failed = |text: String| Prepared::Answer(ToolAnswer::error(text).for_user());
        let clock = desk.clock();
        let inverse = match request.corrects {
            Some(earlier) => match journal::inverse(store, &desk.home, earlier, &clock.now) {
                Ok(inverse) => inverse,
                Err(error) => return failed(error.to_string()),
            },
            None => Inverse::default(),
        };
        let folders = desk.home.folders.clone().after(&inverse.files);
        let world = World { clock, folders, language: request.language, focus: desk.focus() };
        let mut plan = match self.planner.plan(&self.arguments, &world) {
            Ok(plan) => plan,
            Err(error) => return failed(error.told(request.language)),
        };
        let mut chosen = self.chosen.iter();
        loop {
            plan = match plan {
                Plan::Answer(answer) => {
                    return Prepared::Answer(ToolAnswer::new(answer.text).for_user().with_data(answer.data));
                }
                Plan::Change(change) => return self.effect(change, inverse, desk),
                Plan::Ask(question) => {
                    let label = chosen.next();
                    let text = question.text;
                    let choices: Vec<String> = question.choices.iter().map(|choice| choice.label.clone()).collect();
                    match question.choices.into_iter().find(|choice| Some(&choice.label) == label) {
                        Some(choice) => choice.plan,
                        // Nothing was chosen yet, or what was chosen is gone.
                        None => return Prepared::Question(Question { text, choices }),
                    }
                }
            };
        }
    }

    /// A change with the one that takes back what was done before, if there is one.
    fn effect(self, change: Change, inverse: Inverse, desk: &Desk) -> Prepared {
        let request = *desk.request();
        let said = change.done.clone();
        let action = if inverse.files.is_empty() {
            FileAction { call: self, change, said, corrects: None }
        } else {
            let files: Vec<FileChange> = combine(inverse.files.into_iter().chain(change.files));
            let (effect, said) = match inverse.effects.first() {
                Some(before) => (
                    sentences::will_be_instead(request.language, &change.effect, before),
                    sentences::instead(request.language, &said, before),
                ),
                None => (change.effect, said),
            };
            let change = Change { effect, files, done: change.done, data: change.data };
            FileAction { call: self, change, said, corrects: request.corrects }
        };
        Prepared::Effect(Effect {
            summary: action.change.effect.clone(),
            risk: Risk::Changes,
            preview: preview(&action.change.files),
            data: action.change.data.clone(),
            action: Box::new(action),
        })
    }
}

impl Committer for super::Journaled {
    fn commit(&self, call: &ToolCall, effect: Effect) -> Committing<'_> {
        self.commit_effect(call, effect)
    }
}

impl super::Journaled {
    /// Writes a change of files into the journal and makes it; whatever else a tool does is committed as it is.
    pub(super) fn commit_effect(&self, call: &ToolCall, effect: Effect) -> Committing<'static> {
        if !(&*effect.action as &dyn Any).is::<FileAction>() {
            let committing = effect.action.commit();
            return Box::pin(async { committing.await.map(Commit::Done) });
        }
        let action: Box<dyn Any> = effect.action;
        let made = match action.downcast::<FileAction>() {
            Ok(action) => make(&self.0, call, *action).map_err(|error| ToolError::new(error.to_string())),
            Err(_) => Ok(Commit::Stale),
        };
        Box::pin(async { made })
    }
}

/// Makes a change under the journal's lock. Where another process was faster, the call is planned again under it; a change
/// that has become another one is given back, to be asked about.
fn make(desk: &Desk, call: &ToolCall, mut action: FileAction) -> Result<Commit, JournalError> {
    let (store, now) = (desk.store(), (desk.now)());
    let journal = Journal::lock(&store, &desk.home, &now)?;
    let mut made = note(desk, &journal, call, &action);
    if made.as_ref().is_err_and(JournalError::is_conflict) {
        let Prepared::Effect(again) = action.call.clone().plan(desk, &store) else { return Ok(Commit::Stale) };
        if desk.request().confirm != Confirm::Never && again.summary != action.change.effect {
            return Ok(Commit::Stale);
        }
        let again: Box<dyn Any> = again.action;
        let Ok(again) = again.downcast::<FileAction>() else { return Ok(Commit::Stale) };
        action = *again;
        // Under the lock, only another program can have changed something since this plan.
        made = note(desk, &journal, call, &action);
    }
    made.map(|()| Commit::Done(done(action)))
}

fn note(desk: &Desk, journal: &Journal<'_>, call: &ToolCall, action: &FileAction) -> Result<(), JournalError> {
    let number = desk.request().number.map_or_else(|| journal.new_request(), Ok)?;
    let FileAction { change, corrects, .. } = action;
    let (tool, effect, files, at) = (&call.name, &change.done, &change.files, (desk.now)().timestamp());
    journal.make(&Intent { request: number, at, tool, effect, files, corrects: *corrects })?;
    desk.request().number = Some(number);
    Ok(())
}
