//! Free use: the whole assistant answers requests as people type and say them, in filled homes; what it did to the files
//! and what it said decide. `evals/free/README.md` describes the format and the rules.
//!
//! Each item gets a copy of its home and an assistant of its own. Approval is always given; a question with choices is
//! left open, which counts as asking back.

mod changes;
mod figures;
mod format;
mod score;
mod snapshot;
#[cfg(test)]
mod tests;
mod words;

pub use figures::{Figures, Share};
pub use format::{About, FreeError, Item, Turn, read_items};
pub use score::{Judgement, Verdict};

use crate::{Assistant, AssistantError, Confirm, Home};
use changes::{Change, Names, changes};
use format::FilledHome;
use jiff::Zoned;
use reinette::{Approval, LanguageModel, Replies, ToolOutcome, TurnEvent};
use score::Seen;
use serde::Serialize;
use snapshot::Snapshot;
use std::cell::RefCell;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

thread_local! {
    /// The moment at which the clock of this thread's assistant stands: [`Assistant::open`] takes a plain function.
    static NOW: RefCell<Zoned> = RefCell::new(Zoned::default());
}

fn standing_clock() -> Zoned {
    NOW.with_borrow(Zoned::clone)
}

/// What became of an item.
#[derive(Clone, Debug, Serialize)]
pub struct Trial {
    /// What the item is.
    #[serde(flatten)]
    pub about: About,
    /// Whether it is a dialogue.
    pub is_dialogue: bool,
    /// What became of each turn.
    pub turns: Vec<TurnTrial>,
}

impl Trial {
    /// Whether every turn is right.
    pub fn verdict(&self) -> Verdict {
        let any = |verdict| self.turns.iter().any(|turn| turn.judgement.verdict == verdict);
        if any(Verdict::Wrong) {
            Verdict::Wrong
        } else if any(Verdict::Judge) {
            Verdict::Judge
        } else {
            Verdict::Right
        }
    }
}

/// What became of a turn.
#[derive(Clone, Debug, Serialize)]
pub struct TurnTrial {
    /// The words of the user.
    pub text: String,
    /// All that was said.
    pub said: String,
    /// What changed, in one line each.
    pub changes: Vec<String>,
    /// Whether that is right.
    #[serde(flatten)]
    pub judgement: Judgement,
    /// Whether a deed was claimed and no file changed.
    pub is_false_claim: bool,
    /// How long it took.
    pub seconds: f64,
}

/// Lets the assistant answer an item of the evaluation in `folder`. `is_stopped` is asked before each turn; then there is no
/// result.
///
/// # Errors
/// If the home cannot be used, or the assistant fails.
pub fn try_item(
    item: &Item,
    folder: &Path,
    model: &Arc<dyn LanguageModel>,
    is_stopped: &dyn Fn() -> bool,
) -> Result<Option<Trial>, FreeError> {
    let filled = FilledHome::read(folder.join("homes").join(&item.about.home))?;
    let copy = tempfile::tempdir().map_err(|source| FreeError::File { path: std::env::temp_dir(), source })?;
    filled.copy_to(copy.path())?;
    NOW.set(filled.now.clone());
    let home = Home::open(Some(copy.path()))?;
    let mut assistant = Assistant::open(home.clone(), standing_clock)?;
    let mut names = Names::default();
    let mut before = Snapshot::read(&home, &filled.now)?;
    let mut turns = Vec::new();
    for turn in &item.turns {
        if is_stopped() {
            return Ok(None);
        }
        let started = Instant::now();
        let heard = ask(&mut assistant, &turn.text, model)?;
        let seconds = started.elapsed().as_secs_f64();
        let after = Snapshot::read(&home, &filled.now)?;
        let changed = changes(&before, &after);
        let real: Vec<Change> = changed.iter().filter(|change| change.is_real()).cloned().collect();
        let seen = Seen { changes: real, asks: heard.asks(), admits: heard.admits(), said: heard.said };
        let judgement = score::judge(&turn.right, &seen, &names, &filled.now);
        let wanted: Vec<_> = turn.right.iter().flat_map(|end| &end.changes).collect();
        names.learn(&wanted, &changed, &filled.now);
        let is_untouched = before.files == after.files;
        turns.push(TurnTrial {
            text: turn.text.clone(),
            changes: seen.changes.iter().map(ToString::to_string).collect(),
            judgement,
            is_false_claim: is_untouched && score::is_false_claim(&turn.text, &item.about.kind, &heard.claimed),
            said: seen.said,
            seconds,
        });
        before = after;
    }
    Ok(Some(Trial { about: item.about.clone(), is_dialogue: item.is_dialogue, turns }))
}

/// Lets the assistant answer. What is too long to be read is told to the user, who is not helped by it.
fn ask(assistant: &mut Assistant, words: &str, model: &Arc<dyn LanguageModel>) -> Result<Heard, FreeError> {
    let mut heard = Heard::default();
    let mut asking = match assistant.ask(words, model, Confirm::Ask) {
        Err(error @ AssistantError::TooLong { .. }) => {
            heard.was_too_long = true;
            heard.say_line(&error.to_string());
            return Ok(heard);
        }
        asking => asking?,
    };
    let replies = asking.replies();
    while let Some(event) = asking.next_blocking() {
        heard.hear(&event?, &replies);
    }
    Ok(heard)
}

/// A user who agrees to everything, chooses nothing, and remembers what was said.
#[derive(Default)]
struct Heard {
    /// All that was said.
    said: String,
    /// What the model said itself, or what was not done: it may ask or admit.
    talk: String,
    /// What may claim a deed: talk, and the reports of what was done.
    claimed: String,
    was_asked: bool,
    was_too_long: bool,
}

impl Heard {
    fn asks(&self) -> bool {
        self.was_asked || words::asks_back(&self.talk)
    }

    fn admits(&self) -> bool {
        self.was_too_long || words::admits(&self.talk)
    }

    fn hear(&mut self, event: &TurnEvent, replies: &Replies) {
        match event {
            TurnEvent::Text { text } => {
                for heard in [&mut self.said, &mut self.talk, &mut self.claimed] {
                    heard.push_str(text);
                }
            }
            TurnEvent::ToolOutput { answer, outcome, .. } => {
                self.say_line(&answer.text);
                match outcome {
                    ToolOutcome::Answered => {}
                    ToolOutcome::Asks => self.was_asked = true,
                    ToolOutcome::Done => add_line(&mut self.claimed, &answer.text),
                    _ => add_line(&mut self.talk, &answer.text),
                }
            }
            TurnEvent::Proposed { id, .. } => {
                replies.decide(id, Approval::Allowed);
            }
            TurnEvent::Asked { id, .. } => {
                self.was_asked = true;
                replies.choose(id, None);
            }
            _ => {}
        }
    }

    fn say_line(&mut self, text: &str) {
        add_line(&mut self.said, text);
    }
}

fn add_line(to: &mut String, text: &str) {
    if !to.is_empty() && !to.ends_with('\n') {
        to.push('\n');
    }
    to.push_str(text);
    to.push('\n');
}
