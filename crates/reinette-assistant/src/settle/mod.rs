//! What code can tell about calls from the words that were said, after the model has made them.

mod corrections;
mod distances;
mod follow_up;
mod times;
mod titles;
mod together;
mod unknown;

pub(crate) use follow_up::{corrected, is_only_a_correction};
use reinette::{ToolCall, ToolDefinition};
use reinette_apps::time::Clock;

/// The calls that `words` ask for, given those that a model made of them: without those that the user takes back in the
/// same breath, and with times where they belong.
pub(crate) fn settle(words: &str, calls: Vec<ToolCall>, tools: &[ToolDefinition], clock: &Clock) -> Vec<ToolCall> {
    let mut calls = corrections::without_taken_back(words, calls);
    for call in &mut calls {
        corrections::take_back_within(call);
        titles::release_time(words, call, tools, clock);
        titles::leave_out_begun_time(words, call, clock);
    }
    // With several calls, each may have one of the times.
    if let [call] = calls.as_mut_slice() {
        times::join_day_and_hour(words, call, clock);
        unknown::hand_over(words, call, clock);
        distances::ask_the_words(words, call, clock);
    }
    together::give_each_a_call(words, calls, clock)
}
