//! An answer, what it took, and what happened on the way.

use super::approval::Approval;
use crate::{Entry, FinishReason, ModelInfo, Question, Risk, Summary, TokenLogProbability, ToolAnswer, ToolCall};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A whole answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Response<T = String> {
    /// What was asked for: words, or a value.
    pub content: T,
    /// What the model said, character by character; for a value its JSON.
    pub raw_content: String,
    /// What this turn added to the transcript: the prompt, calls of tools with their outputs, the response.
    pub entries: Vec<Entry>,
    /// Tokens read and written, over all rounds of tools.
    pub usage: Usage,
    /// How long it took.
    pub timings: Timings,
    /// The model that answered.
    pub model: ModelInfo,
    /// Which version of it, if it knows; see [`LanguageModel::version`](crate::LanguageModel::version).
    pub model_version: Option<String>,
    /// Why the answer ended.
    pub finish_reason: FinishReason,
    /// What the model held of each token of its words, where [`GenerationOptions`](crate::GenerationOptions) ask for it.
    pub log_probabilities: Vec<TokenLogProbability>,
}

impl<T> Response<T> {
    /// The same response with another content.
    pub(super) fn with_content<U>(self, content: U) -> Response<U> {
        Response {
            content,
            raw_content: self.raw_content,
            entries: self.entries,
            usage: self.usage,
            timings: self.timings,
            model: self.model,
            model_version: self.model_version,
            finish_reason: self.finish_reason,
            log_probabilities: self.log_probabilities,
        }
    }
}

/// Tokens that a turn took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens of the prompts, one for each round of tools.
    pub input_tokens: usize,
    /// Of these, how many the model had read before.
    pub cached_input_tokens: usize,
    /// Tokens of the answers.
    pub output_tokens: usize,
    /// Of these, how many the model thought with.
    #[serde(default)]
    pub reasoning_output_tokens: usize,
    /// Of these, how many the constraint forced, without a step of the model.
    pub forced_output_tokens: usize,
}

impl Usage {
    pub(super) fn add(&mut self, summary: &Summary) {
        self.input_tokens += summary.prompt_tokens;
        self.cached_input_tokens += summary.cached_tokens;
        self.output_tokens += summary.output_tokens;
        self.reasoning_output_tokens += summary.reasoning_tokens;
        self.forced_output_tokens += summary.forced_tokens;
    }
}

/// How long a turn took, as the caller saw it: waiting in line not included, tools included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Timings {
    /// Milliseconds until the first words, or the first call of a tool.
    pub first_token_ms: f64,
    /// Milliseconds until the end.
    pub total_ms: f64,
    /// Tokens a second that the model wrote, as it measured the last round itself.
    pub output_tokens_per_second: f64,
}

impl Timings {
    /// The speed of writing that a model's own summary tells; 0 where it tells none.
    pub(super) fn speed(summary: &Summary) -> f64 {
        let seconds = (summary.total_ms - summary.first_token_ms) / 1e3;
        if seconds > 0.0 { summary.output_tokens.saturating_sub(1) as f64 / seconds } else { 0.0 }
    }
}

/// What happens during a turn, as it happens: owned, and serialisable for whoever shows it elsewhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum TurnEvent {
    /// The next words.
    Text {
        /// The words.
        text: String,
    },
    /// The next words of what the model thinks before it answers.
    Reasoning {
        /// The words.
        text: String,
    },
    /// The model calls tools; outputs follow, one a call.
    ToolCalls {
        /// The calls.
        calls: Vec<ToolCall>,
    },
    /// The user must choose what is meant: answered by [`Replies::choose`](super::Replies::choose).
    Asked {
        /// Names the question in its answer.
        id: String,
        /// The [`ToolCall::id`] that it is about.
        call_id: String,
        /// The question.
        question: Question,
    },
    /// The question was answered.
    Answered {
        /// Which question.
        id: String,
        /// The place of the choice among [`Question::choices`]; `None` if none was made.
        choice: Option<usize>,
    },
    /// Something is about to be done.
    Proposed {
        /// Names the proposal in its answer.
        id: String,
        /// The [`ToolCall::id`] that it is about.
        call_id: String,
        /// What will happen, in one sentence. Of a call that only reads, and about which one is asked as well, the name of
        /// the tool.
        summary: String,
        /// What kind of thing it is; `None` where nothing is changed.
        risk: Option<Risk>,
        /// What exactly it would do, line by line: see [`Effect::preview`](crate::Effect::preview).
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        preview: Vec<String>,
        /// For programs: what would be created, changed or deleted.
        #[serde(default, skip_serializing_if = "Value::is_null")]
        data: Value,
        /// Whether it can be taken back afterwards.
        can_undo: bool,
        /// Whether the turn waits for [`Replies::decide`](super::Replies::decide).
        needs_reply: bool,
    },
    /// The proposal was answered.
    Decided {
        /// Which proposal.
        id: String,
        /// The answer.
        approval: Approval,
    },
    /// What was proposed has been done; the output of the call follows.
    Committed {
        /// The [`ToolCall::id`] of what was done.
        call_id: String,
        /// What there is to say of it.
        answer: ToolAnswer,
    },
    /// What a tool said, as the model will see it.
    ToolOutput {
        /// The [`ToolCall::id`] it answers.
        call_id: String,
        /// What the tool said, or why it said nothing.
        answer: ToolAnswer,
        /// Whether the tool did what it was asked.
        outcome: ToolOutcome,
    },
    /// The conversation had outgrown the model's context, and the session's policy made room.
    ContextReduced(ContextReduction),
    /// The end; nothing follows.
    Finished(Response),
}

/// How a call of a tool ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ToolOutcome {
    /// The tool answered; nothing was changed.
    Answered,
    /// The tool's effect was made.
    Done,
    /// The user did not let it happen.
    Declined,
    /// The user had to be asked, and nobody was there to answer.
    Unasked,
    /// Something was not said that the tool asks for; what the user says next may tell it.
    Asks,
    /// The tool failed, or took arguments that it cannot use.
    Failed,
    /// The tool took longer than it may.
    TimedOut,
    /// The application did not let it happen.
    Refused,
    /// No such tool is offered.
    Unknown,
}

/// What the model no longer sees. The session's transcript keeps all of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ContextReduction {
    /// How many entries the model no longer sees, over the whole conversation.
    pub hidden_entries: usize,
    /// The notes that stand in their place, where the policy is to condense.
    pub notes: Option<String>,
    /// The characters to which outputs of tools are shortened, where dropping turns was not enough.
    pub output_characters: Option<usize>,
}
