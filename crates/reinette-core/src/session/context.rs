//! What of a conversation the model is shown when not all of it fits.

use super::response::ContextReduction;
use crate::{Entry, ToolDefinition, Transcript};
use std::ops::Range;

/// What becomes of a conversation that outgrows the model's context. Instructions, the last prompt and the calls that
/// belong to it always stay; the session's own transcript loses nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ContextPolicy {
    /// The model no longer sees the oldest turns: about half of the context is freed at once, so that the beginning of
    /// the prompt, which models keep computed, changes rarely.
    #[default]
    DropOldest,
    /// As [`DropOldest`](Self::DropOldest), and the model writes notes on the turns first, which stand in their place.
    Condense,
    /// The turn fails with [`PromptTooLong`](super::SessionError::PromptTooLong); the session stays as it was.
    Refuse,
}

/// Tokens that 1,000 bytes take, until a model's own counts tell better.
const TOKENS_PER_KILOBYTE: usize = 333;
/// What counts of models are believed: a token of a dozen bytes to a token and a quarter each byte.
const BELIEVABLE_TOKENS_PER_KILOBYTE: [usize; 2] = [80, 1250];
/// Outputs of tools are not shortened further.
const LEAST_OUTPUT_CHARACTERS: usize = 64;
/// The part of the context that is aimed at when room is made.
const TARGET: f64 = 0.5;

/// The part of the context that an answer should find free, at most.
const ANSWER_SHARE: usize = 4;

/// What of a conversation a model is shown, whose transcript grows beyond the model's context.
///
/// About half of the context is freed at once, and what was hidden stays hidden: from one request to the next a prompt
/// begins as it did, so that a model which keeps what it has read reads little more than what is new.
#[derive(Clone, Debug)]
pub(super) struct ContextWindow {
    /// Entries before this one are hidden, instructions excepted. A prompt stands here, or the end.
    start: usize,
    notes: Option<String>,
    output_characters: Option<usize>,
    tokens_per_kilobyte: usize,
}

impl Default for ContextWindow {
    fn default() -> Self {
        Self { start: 0, notes: None, output_characters: None, tokens_per_kilobyte: TOKENS_PER_KILOBYTE }
    }
}

impl ContextWindow {
    /// The transcript as the model is shown it.
    pub(super) fn of(&self, transcript: &Transcript) -> Transcript {
        let (hidden, shown) = transcript.entries.split_at(self.start.min(transcript.entries.len()));
        let mut entries: Vec<Entry> = hidden.iter().filter(|entry| is_instructions(entry)).cloned().collect();
        if let Some(notes) = &self.notes {
            entries.push(Entry::Instructions { text: format!("Earlier in this conversation:\n{notes}") });
        }
        entries.extend(shown.iter().map(|entry| self.shortened(entry)));
        Transcript { entries }
    }

    fn shortened(&self, entry: &Entry) -> Entry {
        match (entry, self.output_characters) {
            (Entry::ToolOutput { text, .. }, Some(limit)) if text.chars().count() > limit => {
                let mut entry = entry.clone();
                if let Entry::ToolOutput { text, .. } = &mut entry {
                    let kept: String = text.chars().take(limit).collect();
                    *text = format!("{kept}… (shortened)");
                }
                entry
            }
            _ => entry.clone(),
        }
    }

    /// The tokens that the next prompt and room for its answer are likely to take, if they are more than there are.
    pub(super) fn needed_ahead(
        &self,
        transcript: &Transcript,
        tools: &[ToolDefinition],
        max_tokens: usize,
        limit_tokens: usize,
    ) -> Option<usize> {
        let needed = self.estimate(transcript, tools) + max_tokens.min(limit_tokens / ANSWER_SHARE);
        (limit_tokens > 0 && needed > limit_tokens).then_some(needed)
    }

    /// The tokens that showing `transcript` with `tools` is likely to take.
    fn estimate(&self, transcript: &Transcript, tools: &[ToolDefinition]) -> usize {
        bytes(&self.of(transcript), tools) * self.tokens_per_kilobyte / 1000
    }

    /// Learns from a model's count of a prompt without tools.
    pub(super) fn learn(&mut self, shown: &Transcript, prompt_tokens: usize) {
        let bytes = bytes(shown, &[]);
        if bytes > 0 && prompt_tokens > 0 {
            let [least, most] = BELIEVABLE_TOKENS_PER_KILOBYTE;
            self.tokens_per_kilobyte = (prompt_tokens * 1000 / bytes).clamp(least, most);
        }
    }

    /// The entries to hide next so that what takes `needed_tokens` now takes half of `limit_tokens`: whole turns, never
    /// the last. `None` if the last turn is all there is.
    pub(super) fn oldest(
        &self,
        transcript: &Transcript,
        needed_tokens: usize,
        limit_tokens: usize,
    ) -> Option<Range<usize>> {
        let entries = &transcript.entries;
        let starts: Vec<usize> =
            (self.start..entries.len()).filter(|index| matches!(entries[*index], Entry::Prompt { .. })).collect();
        let later = starts.iter().copied().filter(|start| *start > self.start);
        // What stands before the first prompt is instructions, or part of a turn that is hidden already.
        let later: Vec<usize> =
            later.filter(|start| entries[self.start..*start].iter().any(|entry| !is_instructions(entry))).collect();
        let all = entries[self.start..].iter().map(entry_bytes).sum::<usize>().max(1);
        let kept_share = limit_tokens as f64 * TARGET / needed_tokens.max(1) as f64;
        let fits = |start: &&usize| {
            entries[**start..].iter().map(entry_bytes).sum::<usize>() as f64 / all as f64 <= kept_share
        };
        let start = later.iter().find(fits).or(later.last())?;
        Some(self.start..*start)
    }

    /// Hides entries, with `notes` in their place.
    pub(super) fn hide(&mut self, entries: Range<usize>, notes: Option<String>) {
        self.start = entries.end;
        self.notes = notes;
    }

    /// What stands in the place of what is hidden.
    pub(super) fn notes(&self) -> Option<&str> {
        self.notes.as_deref()
    }

    /// Makes room without hiding turns: drops the notes, then halves outputs of tools. Tells whether there was any.
    pub(super) fn shorten(&mut self, transcript: &Transcript) -> bool {
        if self.notes.take().is_some() {
            return true;
        }
        let outputs = transcript.entries.iter().skip(self.start).filter_map(|entry| match entry {
            Entry::ToolOutput { text, .. } => Some(text.chars().count()),
            _ => None,
        });
        let longest = outputs.max().unwrap_or(0).min(self.output_characters.unwrap_or(usize::MAX));
        if longest <= LEAST_OUTPUT_CHARACTERS {
            return false;
        }
        self.output_characters = Some((longest / 2).max(LEAST_OUTPUT_CHARACTERS));
        true
    }

    /// What is not shown.
    pub(super) fn reduction(&self, transcript: &Transcript) -> ContextReduction {
        let hidden = transcript.entries.iter().take(self.start).filter(|entry| !is_instructions(entry)).count();
        ContextReduction {
            hidden_entries: hidden,
            notes: self.notes.clone(),
            output_characters: self.output_characters,
        }
    }
}

fn is_instructions(entry: &Entry) -> bool {
    matches!(entry, Entry::Instructions { .. })
}

fn bytes(transcript: &Transcript, tools: &[ToolDefinition]) -> usize {
    let tools = tools.iter().map(|tool| tool.description.len() + tool.parameters.as_json().to_string().len());
    transcript.entries.iter().map(entry_bytes).chain(tools).sum()
}

/// About what an entry takes in a prompt, the marks of its turn included.
fn entry_bytes(entry: &Entry) -> usize {
    const MARKS: usize = 24;
    // Some thousand tokens: what models take for a picture, however large its file.
    const ATTACHMENT_BYTES: usize = 3000;
    MARKS
        + match entry {
            Entry::Instructions { text }
            | Entry::Prompt { text }
            | Entry::Response { text }
            | Entry::ToolOutput { text, .. } => text.len(),
            Entry::Reasoning { .. } => 0,
            Entry::Attachment { .. } => ATTACHMENT_BYTES,
            Entry::ToolCalls { calls } => calls
                .iter()
                .map(|call| call.name.len() + serde_json::to_string(&call.arguments).map_or(0, |json| json.len()))
                .sum(),
        }
}
