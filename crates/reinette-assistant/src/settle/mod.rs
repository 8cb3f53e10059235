//! What code can tell from the words that were said: calls that need no model, what is wrong with those that a model made, and
//! what a model may say.

mod claims;
mod corrections;
mod dictation;
mod distances;
mod follow_up;
mod missing;
mod phrases;
mod times;
mod titles;
mod together;
mod unknown;

pub(crate) use claims::{Claims, asks_for_text, poses_as_deed};
pub(crate) use dictation::dictated;
pub(crate) use follow_up::{corrected, is_only_a_correction};
pub(crate) use missing::{asks_for_deed, completed, missing};
use reinette::{ToolCall, ToolDefinition};
use reinette_time::Clock;

/// The calls that `words` ask for, given those that a model made of them: without those that the user takes back in the
/// same breath, and with times where they belong.
pub(crate) fn settle(words: &str, calls: Vec<ToolCall>, tools: &[ToolDefinition], clock: &Clock) -> Vec<ToolCall> {
    let mut calls = corrections::without_taken_back(words, calls);
    for call in &mut calls {
        corrections::take_back_within(call);
        titles::release_time(words, call, tools, clock);
        titles::leave_out_begun_time(words, call, clock);
    }
    // With several calls, each may have one of the times, and what is not in one text may be another call's.
    if let [call] = calls.as_mut_slice() {
        times::join_day_and_hour(words, call, clock);
        unknown::hand_over(words, call, clock);
        dictation::keep_whole(words, call);
        distances::ask_the_words(words, call, clock);
    }
    together::give_each_a_call(words, calls, clock)
}
