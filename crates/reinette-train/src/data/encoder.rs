//! From lines to tokens, exactly as the model is asked later.

use crate::TrainError;
use crate::batch::Example;
use reinette_core::dialect::NO_TOOL;
use reinette_data::lines::{Call, Chat, Completion, Line, Preference, Text, Tool, Tools, Turn, calls_text};
use reinette_engine::Model;
use reinette_engine::template::{ChatTemplate, GenerationPrompt, Message, RenderInput, TemplateError};
use reinette_engine::tokenizer::{SpecialTokens, TokenId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;

/// A tool that is learned by heart: a line of an adapter's `tools.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LearnedTool {
    /// Its name.
    pub name: String,
    /// The names of its arguments, in the order in which they are learned.
    pub arguments: Vec<String>,
}

/// Turns examples into tokens and keeps account of the tools that they call.
#[derive(Debug)]
pub struct Encoder {
    model: Arc<Model>,
    template: ChatTemplate,
    template_source: String,
    /// The tools that examples called, empty where the template tells of them; `None` until an example is about tools.
    tools: Option<Vec<LearnedTool>>,
    max_tokens: usize,
}

impl Encoder {
    /// Renders prompts with the given template.
    ///
    /// # Errors
    /// If the template is not valid.
    pub fn new(model: Arc<Model>, template_source: String, max_tokens: usize) -> Result<Self, TemplateError> {
        let template = ChatTemplate::from_source(&template_source)?;
        Ok(Self { model, template, template_source, tools: None, max_tokens })
    }

    /// Takes over the tools that an adapter has learned before, in its order.
    ///
    /// # Errors
    /// If its `tools.json` is there but not as it should be.
    pub fn know_tools_of(&mut self, adapter: &Path) -> Result<(), TrainError> {
        let path = adapter.join("tools.json");
        let Ok(text) = std::fs::read(&path) else { return Ok(()) };
        let tools = serde_json::from_slice(&text).map_err(|error| TrainError::Adapter {
            folder: adapter.to_owned(),
            problem: format!("tools.json: {error}"),
        })?;
        self.tools = Some(tools);
        Ok(())
    }

    /// The tools that examples called, those known before first, and empty where prompts tell of the tools; `None` if no
    /// example was about tools.
    pub fn tools(&self) -> Option<&[LearnedTool]> {
        self.tools.as_deref()
    }

    /// The source of the template that renders prompts.
    pub fn template_source(&self) -> &str {
        &self.template_source
    }

    /// Reads a line; what a teacher said of it has the given weight against its own words.
    pub(crate) fn read(&mut self, text: &str, weight: f64) -> Result<Example, String> {
        let (line, taught) = Line::parse(text)?;
        let mut example = self.encode(&line)?;
        if let Some(taught) = taught.filter(|_| weight > 0.0) {
            if example.rejected.is_some() {
                return Err("has a teacher and a rejected answer: leave out one of them".to_owned());
            }
            let vocab_size = self.model.tokenizer().vocab_size();
            example.taught = taught.shares(example.answer_tokens(), vocab_size, weight)?;
        }
        Ok(example)
    }

    /// The tokens of an example.
    pub(super) fn encode(&mut self, line: &Line) -> Result<Example, String> {
        let example = match line {
            Line::Chat(Chat { messages }) => match messages.split_last() {
                Some((answer, before)) => self.answer(before, &[], &answer.content)?,
                None => return Err("has no turns".to_owned()),
            },
            Line::Tools(Tools { messages, calls, offered, .. }) => {
                let tools = self.tools.get_or_insert_default();
                if !self.template.tells_tools() {
                    let earlier = messages.iter().filter_map(|turn| turn.calls.as_deref()).flatten();
                    learn_by_heart(tools, offered, earlier.chain(calls));
                }
                self.dialogue(messages, offered, &calls_text(calls, NO_TOOL))?
            }
            Line::Completion(Completion { prompt, completion }) => {
                let prompt = self.beginning(prompt);
                self.joined(prompt, completion)
            }
            Line::Text(Text { text }) => {
                let mut example = self.joined(self.beginning(""), text);
                // Nothing foretells the first token where sequences have no beginning of their own.
                example.prompt_tokens = example.prompt_tokens.max(1);
                example
            }
            Line::Preference(preference) => self.preference(preference)?,
        };
        let Example { ref tokens, prompt_tokens, ref rejected, .. } = example;
        if prompt_tokens == 0 || prompt_tokens == tokens.len() || rejected.as_ref().is_some_and(Vec::is_empty) {
            return Err("the prompt or the answer has no tokens".to_owned());
        }
        let longest = tokens.len().max(prompt_tokens + rejected.as_ref().map_or(0, Vec::len));
        if longest > self.max_tokens {
            let (found, limit) = (longest, self.max_tokens);
            return Err(format!("has {found} tokens, the limit is {limit}: shorten it or raise data.max_tokens"));
        }
        Ok(example)
    }

    /// One prompt and its two answers.
    fn preference(&self, Preference { messages, prompt, chosen, rejected }: &Preference) -> Result<Example, String> {
        let with = |answer: &str| match prompt {
            Some(prompt) => Ok(self.joined(self.beginning(prompt), answer)),
            None => self.answer(messages, &[], answer),
        };
        let (mut example, mut other) = (with(chosen)?, with(rejected)?);
        example.rejected = Some(other.tokens.split_off(other.prompt_tokens));
        Ok(example)
    }

    /// A conversation about tools with the last calls and those before them, each up to the token that ends it.
    fn dialogue(&self, messages: &[Turn], offered: &[Tool], last: &str) -> Result<Example, String> {
        let mut messages = messages.to_vec();
        let mut earlier = Vec::new();
        for place in 0..messages.len() {
            let Some(calls) = messages[place].calls.take() else { continue };
            messages[place].content = calls_text(&calls, NO_TOOL);
            let Example { tokens, prompt_tokens, .. } =
                self.answer(&messages[..place], offered, &messages[place].content)?;
            earlier.push((tokens, prompt_tokens));
        }
        let mut example = self.answer(&messages, offered, last)?;
        for (tokens, prompt_tokens) in earlier {
            if !example.prompt().starts_with(&tokens) {
                return Err("the chat template writes earlier turns differently from the last: give another one with \
                     data.chat_template"
                    .to_owned());
            }
            example.earlier.push(prompt_tokens..tokens.len());
        }
        Ok(example)
    }

    /// A conversation and the assistant's answer to it, up to the token that ends the answer.
    fn answer(&self, before: &[Turn], offered: &[Tool], answer: &str) -> Result<Example, String> {
        let message = |turn: &Turn| Message::new(turn.role.clone(), turn.content.clone());
        let mut messages: Vec<Message> = before.iter().map(message).collect();
        let tools: Vec<Value> = offered.iter().map(|tool| json!({ "type": "function", "function": tool })).collect();
        let prompt = self.render(&messages, &tools, GenerationPrompt::Added)?;
        messages.push(Message::new("assistant", answer));
        let whole = self.render(&messages, &tools, GenerationPrompt::Omitted)?;
        let Some(rest) = whole.strip_prefix(&prompt) else {
            return Err("the chat template writes the conversation differently once it is answered: give another one \
                 with data.chat_template"
                .to_owned());
        };
        let prompt = self.tokens(&prompt);
        let mut answer = self.tokens(rest);
        let tokenizer = self.model.tokenizer();
        if let Some(end) = answer.iter().position(|token| tokenizer.is_end_of_generation(TokenId(*token))) {
            answer.truncate(end + 1);
        } else {
            answer.extend(tokenizer.eos().map(|token| token.0));
        }
        let prompt_tokens = prompt.len();
        Ok(Example { tokens: [prompt, answer].concat(), prompt_tokens, ..Example::default() })
    }

    /// A bare text and what follows it, up to the token that ends a sequence.
    fn joined(&self, mut tokens: Vec<u32>, rest: &str) -> Example {
        let prompt_tokens = tokens.len();
        let plain = self.model.tokenizer().encode(rest, SpecialTokens::AsText);
        tokens.extend(plain.into_iter().chain(self.model.tokenizer().eos()).map(|token| token.0));
        Example { tokens, prompt_tokens, ..Example::default() }
    }

    /// The tokens of a bare text at the beginning of a sequence.
    fn beginning(&self, text: &str) -> Vec<u32> {
        let tokenizer = self.model.tokenizer();
        let first = tokenizer.bos().filter(|_| tokenizer.adds_bos());
        first.into_iter().chain(tokenizer.encode(text, SpecialTokens::AsText)).map(|token| token.0).collect()
    }

    fn tokens(&self, text: &str) -> Vec<u32> {
        self.model.tokenizer().encode(text, SpecialTokens::Parse).into_iter().map(|token| token.0).collect()
    }

    fn render(
        &self,
        messages: &[Message],
        tools: &[Value],
        generation_prompt: GenerationPrompt,
    ) -> Result<String, String> {
        let input = RenderInput { tools, generation_prompt, ..RenderInput::new(messages, self.model.tokenizer()) };
        self.template.render(&input).map_err(|error| error.to_string())
    }
}

/// Takes down the tools that an example is about, and their arguments.
fn learn_by_heart<'a>(tools: &mut Vec<LearnedTool>, offered: &[Tool], calls: impl Iterator<Item = &'a Call>) {
    for tool in offered {
        let properties = tool.parameters["properties"].as_object();
        learn(tools, &tool.name, properties.into_iter().flatten().map(|(name, _)| name.as_str()));
    }
    for call in calls {
        learn(tools, &call.name, call.arguments.keys().map(String::as_str));
    }
}

fn learn<'a>(tools: &mut Vec<LearnedTool>, name: &str, arguments: impl Iterator<Item = &'a str>) {
    let known = tools.iter().position(|tool| tool.name == name);
    let place = known.unwrap_or_else(|| {
        tools.push(LearnedTool { name: name.to_owned(), arguments: Vec::new() });
        tools.len() - 1
    });
    let learned = &mut tools[place].arguments;
    for argument in arguments {
        if !learned.iter().any(|known| known == argument) {
            learned.push(argument.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reinette_engine::gguf::Gguf;
    use reinette_testkit::TinyDecoder;

    const TEMPLATE: &str = "{%- for message in messages -%}{{- '<|im_start|>' + message.role + '\n' + message.content + \
        '<|im_end|>\n' -}}{%- endfor -%}{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\n' -}}{%- endif -%}";

    fn encoder() -> Encoder {
        let model = Model::unpacked(Gguf::from_bytes(TinyDecoder::Llama.file(1)).unwrap()).unwrap();
        Encoder::new(Arc::new(model), TEMPLATE.to_owned(), 200).unwrap()
    }

    /// Prompt and answer as text.
    fn texts(encoder: &Encoder, example: &Example) -> [String; 2] {
        let text = |tokens: &[u32]| {
            let ids: Vec<TokenId> = tokens.iter().copied().map(TokenId).collect();
            String::from_utf8(encoder.model.tokenizer().decode(&ids)).unwrap()
        };
        let (prompt, answer) = example.tokens.split_at(example.prompt_tokens);
        [text(prompt), text(answer)]
    }

    #[test]
    fn calls_are_learned_as_the_grammar_writes_them() {
        let mut encoder = encoder();
        let line = r#"{"messages": [{"role": "user", "content": "6 and 7"}], "calls": [
            {"name": "set_alarm", "arguments": {"when": "6"}}, {"name": "set_alarm", "arguments": {"when": "é\"", "n": 1}}]}"#;
        let example = encoder.read(line, 0.0).unwrap();
        let [prompt, answer] = texts(&encoder, &example);
        assert_eq!(prompt, "<|im_start|>user\n6 and 7<|im_end|>\n<|im_start|>assistant\n");
        let calls = r#"[{"tool": "set_alarm", "when": "6"}, {"tool": "set_alarm", "when": "é\"", "n": 1}]"#;
        assert_eq!(answer, format!("{calls}<|im_end|>"));
        let arguments = vec!["when".to_owned(), "n".to_owned()];
        assert_eq!(encoder.tools(), Some([LearnedTool { name: "set_alarm".to_owned(), arguments }].as_slice()));
        let none = r#"{"messages": [{"role": "user", "content": "Hi"}], "calls": []}"#;
        let example = encoder.read(none, 0.0).unwrap();
        assert_eq!(texts(&encoder, &example)[1], "[{\"tool\": \"none\"}]<|im_end|>");
    }

    #[test]
    fn the_calls_of_all_turns_are_learned() {
        let mut encoder = encoder();
        let line = r#"{"messages": [{"role": "user", "content": "6"}, {"role": "assistant", "calls": [
            {"name": "set_alarm", "arguments": {"when": "6"}}]}, {"role": "tool", "content": "Set."}, {"role": "user",
            "content": "Hi"}, {"role": "assistant", "calls": []}, {"role": "user", "content": "7"}], "calls": [
            {"name": "move_alarm", "arguments": {"when": "7"}}]}"#;
        let example = encoder.read(line, 0.0).unwrap();
        let text = |tokens: &[u32]| {
            let ids: Vec<TokenId> = tokens.iter().copied().map(TokenId).collect();
            String::from_utf8(encoder.model.tokenizer().decode(&ids)).unwrap()
        };
        let earlier: Vec<String> = example.earlier.iter().map(|place| text(&example.tokens[place.clone()])).collect();
        let first = r#"[{"tool": "set_alarm", "when": "6"}]<|im_end|>"#;
        assert_eq!(earlier, [first, "[{\"tool\": \"none\"}]<|im_end|>"]);
        assert!(text(example.prompt()).ends_with("<|im_start|>user\n7<|im_end|>\n<|im_start|>assistant\n"));
        assert!(text(example.prompt()).contains("<|im_start|>tool\nSet.<|im_end|>\n"));
        let names: Vec<&str> = encoder.tools().unwrap().iter().map(|tool| tool.name.as_str()).collect();
        assert_eq!(names, ["set_alarm", "move_alarm"]);
    }

    #[test]
    fn a_template_that_speaks_of_tools_is_told_of_them_and_none_is_learned_by_heart() {
        let model = Model::unpacked(Gguf::from_bytes(TinyDecoder::Llama.file(1)).unwrap()).unwrap();
        let template =
            "{%- for tool in tools -%}{{- tool.function.name + ' ' + tool.function.description + '\n' -}}{%- endfor -%}"
                .to_owned() + TEMPLATE;
        let mut encoder = Encoder::new(Arc::new(model), template, 200).unwrap();
        let line = r#"{"messages": [{"role": "user", "content": "6"}], "calls": [{"name": "a", "arguments": {}}],
            "tools": [{"name": "a", "description": "hello", "parameters": {"type": "object"}}]}"#;
        let example = encoder.read(line, 0.0).unwrap();
        assert_eq!(texts(&encoder, &example)[0], "a hello\n<|im_start|>user\n6<|im_end|>\n<|im_start|>assistant\n");
        assert_eq!(encoder.tools(), Some([].as_slice()));
    }

    #[test]
    fn conversations_are_not_about_tools() {
        let mut encoder = encoder();
        let turns = r#"{"messages": [{"role": "user", "content": "6"}, {"role": "assistant", "content": "7"}]}"#;
        encoder.read(turns, 0.0).unwrap();
        assert_eq!(encoder.tools(), None);
    }

    #[test]
    fn the_other_forms_learn_what_they_say() {
        let mut encoder = encoder();
        let mut both = |line: &str| {
            let example = encoder.read(line, 0.0).unwrap();
            texts(&encoder, &example)
        };
        let chat = r#"{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}"#;
        let prompt = "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n";
        assert_eq!(both(chat), [prompt, "Hello<|im_end|>"]);
        assert!(both(r#"{"prompt": "1 + 1 =", "completion": " 2"}"#)[1].starts_with(" 2"));
        assert!(both(r#"{"text": "hello there"}"#).concat().contains("hello there"));
        let turns = r#""messages": [{"role": "user", "content": "Hi"}]"#;
        let line = format!(r#"{{{turns}, "chosen": "Hello", "rejected": "Bye"}}"#);
        let example = encoder.read(&line, 0.0).unwrap();
        assert_eq!(texts(&encoder, &example), [prompt, "Hello<|im_end|>"]);
        let rejected =
            Example { tokens: [example.prompt(), &example.rejected.clone().unwrap()].concat(), ..example.clone() };
        assert_eq!(texts(&encoder, &rejected), [prompt, "Bye<|im_end|>"]);
    }

    #[test]
    fn lines_of_others_are_learned_as_ours() {
        let mut encoder = encoder();
        let mut read = |line: &str| encoder.read(line, 0.0).unwrap();
        let chat = r#"{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}"#;
        let chat = read(chat);
        for line in [
            r#"{"messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]},
                {"role": "assistant", "content": "Hello", "tool_calls": null}]}"#,
            r#"{"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}]}"#,
            r#"{"instruction": "Hi", "input": "", "output": "Hello"}"#,
        ] {
            assert_eq!(read(line), chat, "{line}");
        }
        let ours =
            r#"{"messages": [{"role": "user", "content": "6"}], "calls": [{"name": "a", "arguments": {"x": 1}}]}"#;
        let openai = r#"{"messages": [{"role": "user", "content": "6"}, {"role": "assistant", "content": null,
            "tool_calls": [{"id": "1", "type": "function", "function": {"name": "a", "arguments": "{\"x\": 1}"}}]}]}"#;
        assert_eq!(read(openai), read(ours));
    }

    #[test]
    fn what_is_too_long_is_refused() {
        let mut encoder = encoder();
        let long = format!(r#"{{"text": "{}"}}"#, "x y ".repeat(100));
        let problem = encoder.read(&long, 0.0).unwrap_err();
        assert!(problem.contains("data.max_tokens"), "{problem}");
    }
}
