//! What can be typed in a chat beside requests: `/help`, `/undo`, `/quit`.

use crate::policy::ConfirmArgument;
use crate::printer::Record;
use reinette::ToolDefinition;
use serde::Serialize;

/// What a line that begins with a slash asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SlashCommand {
    Help,
    Undo,
    Quit,
}

/// The commands, as they are typed, with what they do.
const COMMANDS: [(&str, &str, SlashCommand); 3] = [
    ("/help", "show this", SlashCommand::Help),
    ("/undo", "take back what the last request changed; again, what the one before changed", SlashCommand::Undo),
    ("/quit", "end the conversation; so does Ctrl-D", SlashCommand::Quit),
];

/// A line that looks like a command and is none.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no command {0}; /help tells which there are")]
pub(super) struct UnknownCommand(String);

impl SlashCommand {
    /// The command that a line is; `None` for a request. A command is a slash and one word: a path is none.
    pub(super) fn read(line: &str) -> Option<Result<Self, UnknownCommand>> {
        let line = line.trim();
        let word = line.strip_prefix('/')?;
        if word.is_empty() || !word.chars().all(char::is_alphabetic) {
            return None;
        }
        let known = COMMANDS.iter().find(|(name, ..)| *name == line);
        Some(known.map(|(.., command)| *command).ok_or_else(|| UnknownCommand(line.to_owned())))
    }
}

/// What can be typed in a chat.
#[derive(Serialize)]
pub(super) struct Help {
    /// A request for each tool.
    requests: Vec<String>,
    commands: Vec<CommandHelp>,
    #[serde(skip)]
    confirm: ConfirmArgument,
}

#[derive(Serialize)]
struct CommandHelp {
    name: &'static str,
    description: &'static str,
}

impl Help {
    /// Of tools without an example, their description stands for a request.
    pub(super) fn new(tools: Vec<ToolDefinition>, confirm: ConfirmArgument) -> Self {
        let request = |tool: ToolDefinition| {
            let example = tool.examples.into_iter().next();
            example.map_or(tool.description, |example| example.words)
        };
        let commands = COMMANDS.iter().map(|&(name, description, _)| CommandHelp { name, description });
        Self { requests: tools.into_iter().map(request).collect(), commands: commands.collect(), confirm }
    }
}

impl Record for Help {
    const TYPE: &'static str = "help";

    fn to_text(&self) -> String {
        "Say what to do in your own words, in English or French, or just talk. Such as:".to_owned()
    }

    fn further_lines(&self) -> Vec<String> {
        let asked = match self.confirm {
            ConfirmArgument::Ask => "You are asked before every change:",
            ConfirmArgument::Always => "You are asked before every call:",
            ConfirmArgument::Never => "Changes are made without asking. Where more than one thing is meant, answer",
        };
        let answers = match self.confirm {
            ConfirmArgument::Never => "a number, or Enter for none.",
            _ => "y or Enter does it, n leaves it, ? explains it.",
        };
        let requests = self.requests.iter().map(|request| format!("  {request}"));
        let commands = self.commands.iter().map(|command| format!("{:<7} {}", command.name, command.description));
        let rest = [
            format!("{asked} {answers}"),
            "Ctrl-C stops an answer; up and down bring lines back that were typed before.".to_owned(),
        ];
        requests.chain(rest).chain(commands).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_a_slash_and_one_word() {
        for (name, _, command) in COMMANDS {
            assert_eq!(SlashCommand::read(&format!(" {name}\n")), Some(Ok(command)));
        }
        assert_eq!(SlashCommand::read("/undu"), Some(Err(UnknownCommand("/undu".to_owned()))));
        for request in ["undo", "/etc/hosts", "/", "/ 2", "/24", "/undo the last one", "add 1/2 a pound of rice"] {
            assert_eq!(SlashCommand::read(request), None, "{request}");
        }
    }

    #[test]
    fn help_tells_of_every_command_and_every_tool() {
        let tools: Vec<_> = reinette_apps::tools().iter().map(|tool| tool.definition().clone()).collect();
        let lines = Help::new(tools.clone(), ConfirmArgument::Ask).further_lines();
        for tool in &tools {
            let request = &tool.examples[0].words;
            assert!(lines.iter().any(|line| line.trim() == request), "{request}: {lines:?}");
        }
        for (name, description, _) in COMMANDS {
            assert!(lines.iter().any(|line| line.starts_with(name) && line.ends_with(description)), "{lines:?}");
        }
    }

    #[test]
    fn a_tool_without_an_example_is_described() {
        let tool = ToolDefinition::new::<String>("weather", "Tells the weather.");
        let help = Help::new(vec![tool], ConfirmArgument::Never);
        assert_eq!(help.requests, ["Tells the weather."]);
        assert!(help.further_lines().iter().any(|line| line.contains("without asking")));
    }
}
