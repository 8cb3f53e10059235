//! How a transcript is put to a small model.

use super::outline::outline;
use crate::dialect::{ChatMessage, Definitions, ToolDialect};
use crate::{Entry, Example, Request, SchemaDisplay, ToolCall, ToolDefinition, Transcript};

/// Turns of conversation before the last that are shown to a model that is choosing tools: enough for "no, at ten".
const TURNS_FOR_TOOLS: usize = 4;

/// How many of the examples are shown that are nearest to what the user says.
const NEAREST_EXAMPLES: usize = 4;

/// Bytes of the texts that spans may be copied from, the newest first: a grammar is made of all their words.
const MAX_SOURCE_BYTES: usize = 8 << 10;

/// Bytes of one answer that are shown to a model that has learned its tools.
const MAX_SHOWN_BYTES: usize = 1200;

/// Which calls stand in a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// All of them, as the model wrote them and was answered.
    AllCalls,
    /// Those that the assistant's words came after. Where the turn ended with what a tool answered, that was what the assistant
    /// said.
    CallsBeforeWords,
}

/// The conversation as a chat template takes it; what the answer is to look like stands at its end, next to the answer, where
/// small models heed it.
pub(super) fn conversation(request: &Request, dialect: &dyn ToolDialect, shown: Shown) -> Vec<ChatMessage> {
    let entries = &request.transcript.entries;
    let mut conversation = Conversation::default();
    // What tools answered at the end of a turn.
    let mut told: Vec<&str> = Vec::new();
    for (place, entry) in entries.iter().enumerate() {
        let is_last_word = ended_turn(&entries[place + 1..]);
        match entry {
            Entry::Instructions { text } => conversation.say("system", text),
            Entry::Prompt { text } => {
                if !told.is_empty() {
                    conversation.say("assistant", &std::mem::take(&mut told).join("\n"));
                }
                conversation.say("user", text);
            }
            Entry::Response { text } => conversation.say("assistant", text),
            Entry::ToolCalls { .. } if shown == Shown::CallsBeforeWords && is_last_word => {}
            Entry::ToolCalls { calls } => conversation.call(calls, dialect),
            Entry::ToolOutput { call_id, text, .. } => {
                if shown == Shown::AllCalls || !is_last_word {
                    conversation.answer(&called(entries, call_id), text, dialect);
                }
                if is_last_word {
                    told.push(text.as_str());
                }
            }
            // What is no text is refused before; of what was thought, the conclusion was said.
            Entry::Attachment { .. } | Entry::Reasoning { .. } => {}
        }
    }
    let mut messages = conversation.messages;
    if let (Some(schema), SchemaDisplay::Shown) = (&request.response_schema, request.options.schemas) {
        let told = format!("Answer with JSON: {}", outline(schema.as_json()));
        match messages.last_mut() {
            Some(last) if last.role == "user" => last.content.extend(["\n\n", &told]),
            _ => messages.push(ChatMessage::new("user", told)),
        }
    }
    messages
}

/// What a model that has learned its tools by heart is shown, where it reads nothing else: the words alone.
pub(super) fn last_words(transcript: &Transcript) -> Vec<ChatMessage> {
    vec![ChatMessage::new("user", transcript.last_prompt().unwrap_or_default())]
}

/// What a model that has learned its tools in conversations is shown: the last turns, each the user's words, the calls that
/// were made, and in a turn of the role `tool` what was answered, by tools or in words.
pub(super) fn conversed(transcript: &Transcript, dialect: &dyn ToolDialect) -> Vec<ChatMessage> {
    let mut messages: Vec<ChatMessage> = Vec::new();
    for entry in last_turns(transcript) {
        let role = messages.last().map(|last| last.role);
        match entry {
            Entry::Prompt { text } => messages.push(ChatMessage::new("user", text)),
            Entry::ToolCalls { calls } => messages.push(dialect.calls("", calls)),
            Entry::ToolOutput { text, .. } | Entry::Response { text } if !text.trim().is_empty() => {
                if role == Some("user") {
                    messages.push(dialect.calls("", &[]));
                }
                let shown = &text.trim()[..text.trim().floor_char_boundary(MAX_SHOWN_BYTES)];
                match messages.last_mut() {
                    Some(last) if last.role == "tool" => last.content.extend(["\n", shown]),
                    _ => messages.push(ChatMessage::new("tool", shown)),
                }
            }
            _ => {}
        }
    }
    messages
}

/// The last turns, the first of them whole.
fn last_turns(transcript: &Transcript) -> &[Entry] {
    let entries = &transcript.entries;
    let prompts = entries.iter().enumerate().filter(|(_, entry)| matches!(entry, Entry::Prompt { .. }));
    let first = prompts.map(|(place, _)| place).rev().take(TURNS_FOR_TOOLS + 1).last().unwrap_or_default();
    &entries[first..]
}

/// What a model that has to be told about its tools is shown: their definitions, or the instructions in their place, then the
/// examples nearest to the last words as turns of their own, the nearest last, then the last turns.
pub(super) fn described(request: &Request, tools: &[ToolDefinition], dialect: &dyn ToolDialect) -> Vec<ChatMessage> {
    let instructions = || {
        request.transcript.entries.iter().find_map(|entry| match entry {
            Entry::Instructions { text } => Some(text.clone()),
            _ => None,
        })
    };
    let examples = request.examples.as_deref();
    let told = match request.options.schemas {
        SchemaDisplay::Shown => match dialect.definitions(tools, examples.and_then(crate::Examples::preamble)) {
            Definitions::Words(words) => Some(words),
            Definitions::Template(_) => None,
        },
        SchemaDisplay::LeftOut => instructions(),
    };
    let mut messages: Vec<ChatMessage> = told.into_iter().map(|told| ChatMessage::new("system", told)).collect();
    let offered = |example: &Example| example.needs_only(tools);
    let words = request.transcript.last_prompt().unwrap_or_default();
    let nearest = examples.into_iter().flat_map(|examples| examples.nearest(words, NEAREST_EXAMPLES, offered));
    for example in nearest.collect::<Vec<_>>().into_iter().rev() {
        let call = |call: &crate::ExampleCall| ToolCall {
            id: String::new(),
            name: call.tool.clone(),
            arguments: call.arguments.clone(),
        };
        let calls: Vec<ToolCall> = example.calls.iter().map(call).collect();
        messages.push(ChatMessage::new("user", &example.words));
        messages.push(dialect.calls("", &calls));
    }
    messages.extend(turns(&request.transcript, dialect));
    messages
}

/// The last turns, with calls in the form in which they are generated and what the tools answered. Where words followed, no
/// call was chosen.
pub(super) fn turns(transcript: &Transcript, dialect: &dyn ToolDialect) -> Vec<ChatMessage> {
    let entries = &transcript.entries;
    let mut turns: Vec<ChatMessage> = Vec::new();
    for entry in last_turns(transcript) {
        let is_open = turns.last().is_some_and(|turn| turn.role == "user");
        match entry {
            Entry::Prompt { text } => {
                let is_answered = turns.len() > 1 && is_open;
                turns.extend(is_answered.then(|| dialect.calls("", &[])));
                turns.push(ChatMessage::new("user", text));
            }
            Entry::ToolCalls { calls } => turns.push(dialect.calls("", calls)),
            Entry::ToolOutput { call_id, text, .. } => {
                let output = dialect.output(&called(entries, call_id), text);
                match turns.last_mut() {
                    Some(last) if last.role == output.role && last.is_words() && output.is_words() => {
                        last.content.extend(["\n", &output.content]);
                    }
                    _ => turns.push(output),
                }
            }
            Entry::Response { .. } if is_open => turns.push(dialect.calls("", &[])),
            Entry::Response { .. }
            | Entry::Reasoning { .. }
            | Entry::Instructions { .. }
            | Entry::Attachment { .. } => {}
        }
    }
    turns
}

/// The texts that spans may be copied from: what the user said last, then what tools answered and the user said before in
/// the last turns, the newest first.
pub(super) fn sources(transcript: &Transcript) -> Vec<String> {
    let mut left = MAX_SOURCE_BYTES;
    let turns = last_turns(transcript);
    let is_last_prompt = |place: usize| !turns[place + 1..].iter().any(|entry| matches!(entry, Entry::Prompt { .. }));
    let said = turns.iter().enumerate().rev().filter_map(|(place, entry)| match entry {
        Entry::ToolOutput { text, .. } => Some(text.clone()),
        Entry::Prompt { text } if !is_last_prompt(place) => Some(text.clone()),
        _ => None,
    });
    let fitting = said.take_while(|text| {
        let fits = text.len() <= left;
        left = left.saturating_sub(text.len());
        fits
    });
    let words = transcript.last_prompt().unwrap_or_default().to_owned();
    std::iter::once(words).chain(fitting).collect()
}

/// Whether a tool has answered since the user said something.
pub(super) fn has_outputs(transcript: &Transcript) -> bool {
    let since = transcript.entries.iter().rev().take_while(|entry| !matches!(entry, Entry::Prompt { .. }));
    since.into_iter().any(|entry| matches!(entry, Entry::ToolOutput { .. }))
}

/// Whether the user spoke next: nothing was said or called after what came before `entries`.
fn ended_turn(entries: &[Entry]) -> bool {
    let next = entries.iter().find(|entry| !matches!(entry, Entry::ToolOutput { .. } | Entry::Attachment { .. }));
    matches!(next, Some(Entry::Prompt { .. }))
}

/// The call of an id. A call that is no longer shown has no name.
fn called(entries: &[Entry], id: &str) -> ToolCall {
    let calls = entries.iter().rev().filter_map(|entry| match entry {
        Entry::ToolCalls { calls } => Some(calls),
        _ => None,
    });
    let found = calls.flatten().find(|call| call.id == id).cloned();
    found.unwrap_or_else(|| ToolCall { id: id.to_owned(), name: String::new(), arguments: serde_json::Map::new() })
}

/// Messages in turns that alternate, as templates insist on.
#[derive(Default)]
struct Conversation {
    messages: Vec<ChatMessage>,
}

impl Conversation {
    fn say(&mut self, role: &'static str, text: &str) {
        self.push(ChatMessage::new(role, text));
    }

    fn push(&mut self, message: ChatMessage) {
        match self.messages.last_mut() {
            Some(last) if last.role == message.role && last.is_words() && message.is_words() => {
                last.content.extend(["\n", &message.content]);
            }
            _ => self.messages.push(message),
        }
    }

    /// Calls, after the words that were said before them in the same answer.
    fn call(&mut self, calls: &[ToolCall], dialect: &dyn ToolDialect) {
        let words = self.messages.pop_if(|last| last.role == "assistant" && last.is_words());
        let words = words.map(|message| message.content).unwrap_or_default();
        let message = dialect.calls(&words, calls);
        if message.content != words && !words.is_empty() {
            // The dialect has no place for them.
            self.say("assistant", &words);
        }
        self.push(message);
    }

    fn answer(&mut self, call: &ToolCall, text: &str, dialect: &dyn ToolDialect) {
        self.push(dialect.output(call, text));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::ListDialect;
    use serde_json::json;

    fn transcript(entries: &[Entry]) -> Transcript {
        Transcript { entries: entries.to_vec() }
    }

    fn said(text: &str) -> Entry {
        Entry::Prompt { text: text.to_owned() }
    }

    fn call(id: &str, name: &str, argument: &str) -> Entry {
        let arguments = json!({ "name": argument }).as_object().cloned().unwrap_or_default();
        Entry::ToolCalls { calls: vec![ToolCall { id: id.to_owned(), name: name.to_owned(), arguments }] }
    }

    fn output(call_id: &str, text: &str) -> Entry {
        Entry::tool_output(call_id, text)
    }

    fn lines(messages: &[ChatMessage]) -> Vec<String> {
        messages.iter().map(|message| format!("{}: {}", message.role, message.content)).collect()
    }

    #[test]
    fn the_next_step_reads_what_tools_answered() {
        let transcript = transcript(&[
            said("When does Ana's order come?"),
            call("1", "find_order", "Ana"),
            output("1", "order 17"),
            call("2", "order_status", "17"),
            output("2", "on Friday"),
        ]);
        let expected = [
            "user: When does Ana's order come?",
            "assistant: [{\"tool\": \"find_order\", \"name\": \"Ana\"}]",
            "user: Result: order 17",
            "assistant: [{\"tool\": \"order_status\", \"name\": \"17\"}]",
            "user: Result: on Friday",
        ];
        let dialect = ListDialect::default();
        assert_eq!(lines(&turns(&transcript, &dialect)), expected);
        assert_eq!(sources(&transcript), ["When does Ana's order come?", "on Friday", "order 17"]);
        assert!(has_outputs(&transcript));
        let request = Request { transcript, ..Request::default() };
        assert_eq!(lines(&conversation(&request, &dialect, Shown::CallsBeforeWords)), expected);
    }

    #[test]
    fn a_model_that_learned_in_conversations_reads_them() {
        let response = Entry::Response { text: "Glad to hear it.".to_owned() };
        let transcript = transcript(&[
            said("Call Ana"),
            call("1", "remind", "Ana"),
            output("1", "Noted."),
            said("thanks"),
            response,
            said("And Tom"),
        ]);
        let expected = [
            "user: Call Ana",
            "assistant: [{\"tool\": \"remind\", \"name\": \"Ana\"}]",
            "tool: Noted.",
            "user: thanks",
            "assistant: [{\"tool\": \"none\"}]",
            "tool: Glad to hear it.",
            "user: And Tom",
        ];
        assert_eq!(lines(&conversed(&transcript, &ListDialect::default())), expected);
        assert_eq!(sources(&transcript), ["And Tom", "thanks", "Noted.", "Call Ana"]);
    }

    #[test]
    fn what_ended_a_turn_was_the_assistants_word() {
        let transcript =
            transcript(&[said("Call Ana"), call("1", "remind", "Ana"), output("1", "Noted."), said("And Tom")]);
        let dialect = ListDialect::default();
        let expected = [
            "user: Call Ana",
            "assistant: [{\"tool\": \"remind\", \"name\": \"Ana\"}]",
            "user: Result: Noted.",
            "assistant: [{\"tool\": \"none\"}]",
            "user: And Tom",
        ];
        assert_eq!(lines(&turns(&transcript, &dialect)), expected);
        assert!(!has_outputs(&transcript), "of this turn");
        let request = Request { transcript, ..Request::default() };
        let talk = conversation(&request, &dialect, Shown::CallsBeforeWords);
        assert_eq!(lines(&talk), ["user: Call Ana", "assistant: Noted.", "user: And Tom"]);
        let all = conversation(&request, &dialect, Shown::AllCalls);
        assert_eq!(lines(&all)[1..4], [expected[1], expected[2], "assistant: Noted."]);
    }

    #[test]
    fn no_more_than_the_last_turns_are_shown_and_words_were_no_call() {
        let response = |text: &str| Entry::Response { text: text.to_owned() };
        let entries: Vec<Entry> =
            (0..7).flat_map(|number| [said(&number.to_string()), response("Yes.")]).chain([said("now")]).collect();
        let shown = lines(&turns(&transcript(&entries), &ListDialect::default()));
        assert_eq!((shown.len(), shown[0].as_str(), shown[8].as_str()), (9, "user: 3", "user: now"));
        assert_eq!(shown[1], "assistant: [{\"tool\": \"none\"}]");
    }

    #[test]
    fn spans_are_copied_from_so_much_of_what_tools_answered() {
        let long = "x".repeat(MAX_SOURCE_BYTES - 3);
        let transcript = transcript(&[said("a"), output("1", "old"), output("2", &long), output("3", "new")]);
        assert_eq!(sources(&transcript), ["a", "new", &long]);
    }
}
