//! Carries out a call: plans it, asks, and makes the change under the journal's lock.

use super::{Assistant, Confirm, Decision, Happening, Listener, Outcome, Proposal};
use crate::journal::{self, Intent, Inverse, Journal, JournalError, Line};
use crate::sentences;
use jiff::Zoned;
use reinette::ToolCall;
use reinette_apps::{Answer, Change, FileChange, Plan, Planner, Question, World, combine};
use reinette_time::{Clock, Language};

/// So often something is planned and asked anew because another process changed the files meanwhile.
const MAX_ATTEMPTS: usize = 4;

/// A request while its calls are carried out.
pub(super) struct Errand {
    pub(super) confirm: Confirm,
    pub(super) language: Language,
    /// Its number in the journal, once something was changed.
    pub(super) request: Option<i64>,
    /// The number of the request that it puts right: what that one did is taken back in the same change.
    pub(super) corrects: Option<i64>,
}

/// The result of a call.
pub(super) struct Deed {
    pub(super) outcome: Outcome,
    pub(super) text: String,
    pub(super) line: Option<Box<Line>>,
}

impl Deed {
    fn nothing(outcome: Outcome, text: String) -> Self {
        Self { outcome, text, line: None }
    }
}

/// A change with all that is to be made and noted of it.
struct Intended {
    change: Change,
    /// The sentence for the user once it is made.
    said: String,
    corrects: Option<i64>,
}

/// Where planning has come to: nothing to change, or a change.
enum Planned {
    Answer(Answer),
    Change(Intended),
}

impl Assistant {
    /// Plans a call, asks what is to be asked, acts; says how it ended.
    pub(super) fn carry_out(&self, call: &ToolCall, errand: &mut Errand, listener: &mut dyn Listener) -> Deed {
        let Some(planner) = self.planners.iter().find(|planner| planner.definition().name == call.name) else {
            return Deed::nothing(Outcome::Failed, sentences::no_app(errand.language));
        };
        let mut planning = Planning { assistant: self, planner: planner.as_ref(), call, chosen: Vec::new() };
        match planning.plan(errand, Some(&mut *listener)) {
            Ok(Planned::Answer(answer)) => {
                listener.on(Happening::Answer { call, answer: &answer });
                errand.answer(call, answer.text, listener)
            }
            Ok(Planned::Change(intended)) => planning.change(intended, errand, listener),
            Err(deed) => deed,
        }
    }
}

/// A call that is being planned.
struct Planning<'a> {
    assistant: &'a Assistant,
    planner: &'a dyn Planner,
    call: &'a ToolCall,
    /// Labels of the choices that the user made, where more than one thing could be meant.
    chosen: Vec<String>,
}

impl Planning<'_> {
    /// Plans the call, as if what it puts right were taken back. Without a listener, the user's former choices hold.
    fn plan(&mut self, errand: &Errand, mut listener: Option<&mut dyn Listener>) -> Result<Planned, Deed> {
        let failed = |text: String| Deed::nothing(Outcome::Failed, text);
        let Assistant { home, store, now, .. } = self.assistant;
        let now = now();
        let inverse = match errand.corrects {
            Some(request) => journal::inverse(store, home, request, &now).map_err(|error| failed(error.to_string()))?,
            None => Inverse::default(),
        };
        let folders = home.folders.clone().after(&inverse.files);
        let world = World { clock: Clock { now }, folders, language: errand.language };
        let mut plan =
            self.planner.plan(&self.call.arguments, &world).map_err(|error| failed(error.told(errand.language)))?;
        let mut former = self.chosen.clone().into_iter();
        loop {
            plan = match plan {
                Plan::Answer(answer) => return Ok(Planned::Answer(answer)),
                Plan::Change(change) => return Ok(Planned::Change(instead(change, inverse, errand))),
                Plan::Ask(mut question) => {
                    let index = match (&mut listener, former.next()) {
                        (Some(listener), _) => listener.choose(&question),
                        (None, label) => {
                            question.choices.iter().position(|choice| Some(&choice.label) == label.as_ref())
                        }
                    };
                    let Some(index) = index.filter(|index| *index < question.choices.len()) else {
                        return Err(unanswered(&question, errand));
                    };
                    let choice = question.choices.swap_remove(index);
                    if listener.is_some() {
                        self.chosen.push(choice.label);
                    }
                    choice.plan
                }
            };
        }
    }

    /// Asks, and makes the change. Where another process was faster, the call is planned again under the lock; a change
    /// that has become another one is asked about again.
    fn change(&mut self, mut intended: Intended, errand: &mut Errand, listener: &mut dyn Listener) -> Deed {
        for _ in 0..MAX_ATTEMPTS {
            listener.on(Happening::Change { call: self.call, change: &intended.change });
            if let Err(refused) = errand.allow(Confirm::Never, self.call, &intended.change.effect, listener) {
                return refused;
            }
            match self.make(intended, errand) {
                Ok(deed) => return deed,
                Err(other) => intended = *other,
            }
        }
        let path = intended.change.files.into_iter().next().map(|change| change.path).unwrap_or_default();
        Deed::nothing(Outcome::Failed, reinette_apps::ChangeError::Conflict { path }.to_string())
    }

    /// Makes a change; gives another one that it has become, if that must be asked about.
    fn make(&mut self, mut intended: Intended, errand: &mut Errand) -> Result<Deed, Box<Intended>> {
        let failed = |error: &dyn std::fmt::Display| Deed::nothing(Outcome::Failed, error.to_string());
        let Assistant { home, store, now, .. } = self.assistant;
        let journal = match Journal::lock(store, home, &now()) {
            Ok(journal) => journal,
            Err(error) => return Ok(failed(&error)),
        };
        let mut made = self.note(&journal, &intended, errand, &now());
        if made.as_ref().is_err_and(JournalError::is_conflict) {
            let again = match self.plan(errand, None) {
                Ok(Planned::Change(again)) => again,
                Ok(Planned::Answer(answer)) => return Ok(Deed::nothing(Outcome::Failed, answer.text)),
                Err(deed) => return Ok(deed),
            };
            if errand.confirm != Confirm::Never && again.change.effect != intended.change.effect {
                return Err(Box::new(again));
            }
            intended = again;
            // Under the lock, only another program can have changed something since this plan.
            made = self.note(&journal, &intended, errand, &now());
        }
        Ok(match made {
            Ok(line) => Deed { outcome: Outcome::Done, text: intended.said, line: Some(Box::new(line)) },
            Err(error) => failed(&error),
        })
    }

    fn note(
        &self,
        journal: &Journal<'_>,
        intended: &Intended,
        errand: &mut Errand,
        now: &Zoned,
    ) -> Result<Line, JournalError> {
        let request = errand.request.map_or_else(|| journal.new_request(), Ok)?;
        let Intended { change, corrects, .. } = intended;
        let (tool, effect, files) = (&self.call.name, &change.done, &change.files);
        let line = journal.make(&Intent { request, at: now.timestamp(), tool, effect, files, corrects: *corrects })?;
        errand.request = Some(request);
        Ok(line)
    }
}

/// The change that takes back what was done and does another thing in its place.
fn instead(change: Change, inverse: Inverse, errand: &Errand) -> Intended {
    let said = change.done.clone();
    if inverse.files.is_empty() {
        return Intended { change, said, corrects: None };
    }
    let files: Vec<FileChange> = combine(inverse.files.into_iter().chain(change.files));
    let (effect, said) = match inverse.effects.first() {
        Some(before) => (
            sentences::will_be_instead(errand.language, &change.effect, before),
            sentences::instead(errand.language, &said, before),
        ),
        None => (change.effect, said),
    };
    Intended { change: Change { effect, files, done: change.done, data: change.data }, said, corrects: errand.corrects }
}

fn unanswered(question: &Question, errand: &Errand) -> Deed {
    Deed::nothing(Outcome::Unconfirmed, sentences::unanswered(errand.language, question))
}

impl Errand {
    fn answer(&self, call: &ToolCall, text: String, listener: &mut dyn Listener) -> Deed {
        match self.allow(Confirm::Ask, call, &call.name, listener) {
            Ok(()) => Deed::nothing(Outcome::Answered, text),
            Err(refused) => refused,
        }
    }

    /// Asks the user, unless the policy says that at this level nobody need be asked.
    fn allow(&self, unasked: Confirm, call: &ToolCall, effect: &str, listener: &mut dyn Listener) -> Result<(), Deed> {
        if self.confirm == Confirm::Never || (unasked == Confirm::Ask && self.confirm == Confirm::Ask) {
            return Ok(());
        }
        match listener.confirm(&Proposal { call, effect }) {
            Decision::Yes => Ok(()),
            Decision::No => Err(Deed::nothing(Outcome::Declined, sentences::declined(self.language))),
            Decision::Nobody => Err(Deed::nothing(Outcome::Unconfirmed, sentences::unconfirmed(self.language, effect))),
        }
    }
}
