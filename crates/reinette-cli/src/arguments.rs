//! What can be typed.

use crate::commands::Command;
use crate::global_arguments::GlobalArguments;
use clap::{CommandFactory, Parser};
use reinette_apps::visible::one_line;
use std::ffi::OsString;

/// A private assistant: it understands plain words with a language model on this machine, and does what they say.
#[derive(Debug, Parser)]
#[command(name = "reinette", version, propagate_version = true, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: GlobalArguments,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Reads the command line.
///
/// # Errors
/// What is wrong with it, or the help that was asked for; a value that it quotes is on one line.
pub(crate) fn parse(words: impl Iterator<Item = OsString>) -> Result<Arguments, clap::Error> {
    let words: Vec<OsString> = words.collect();
    Arguments::try_parse_from(&words).map_err(|error| {
        let shown = words.iter().map(|word| one_line(&word.to_string_lossy()).into_owned());
        Arguments::try_parse_from(shown).err().unwrap_or(error)
    })
}

/// The definition of the command line, from which completions and the manual are made.
pub(crate) fn definition() -> clap::Command {
    Arguments::command()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    /// Options of other programs that our messages name.
    const FOREIGN: [&str; 4] = ["--bigendian", "--user", "--now", "--hash"];

    /// Crates whose messages reach the users of the program.
    const CRATES: [&str; 11] = [
        "reinette",
        "reinette-apps",
        "reinette-assistant",
        "reinette-cli",
        "reinette-core",
        "reinette-data",
        "reinette-engine",
        "reinette-mcp",
        "reinette-schema",
        "reinette-time",
        "reinette-train",
    ];

    #[test]
    fn the_definition_of_the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_value_that_the_parser_quotes_is_on_one_line() {
        let words = ["reinette", "setup", "--a\u{1b}[2J\nerror: nothing"].map(OsString::from);
        let error = parse(words.into_iter()).unwrap_err().render().to_string();
        assert!(error.starts_with("error: unexpected argument '--a␛[2J␊error: nothing'"), "{error:?}");
    }

    #[test]
    fn every_option_and_command_that_a_message_names_exists() {
        let mut command = Arguments::command();
        command.build();
        let mut options = BTreeSet::new();
        collect_options(&command, &mut options);
        let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let mut checked = 0;
        for name in CRATES {
            for (file, message) in messages(&crates.join(name).join("src")) {
                for option in named_options(&message) {
                    // Options of `reinette train` do not exist without it.
                    let exists = options.contains(&option)
                        || !cfg!(feature = "train") && ["reinette-data", "reinette-train"].contains(&name);
                    assert!(exists || FOREIGN.contains(&option.as_str()), "{option} in {file}: {message}");
                    checked += 1;
                }
                for words in message.split('`').filter_map(|quoted| quoted.strip_prefix("reinette ")) {
                    assert_command_exists(&command, words, &file);
                    checked += 1;
                }
            }
        }
        assert!(checked > 20, "{checked} options and commands found");
    }

    fn collect_options(command: &clap::Command, options: &mut BTreeSet<String>) {
        options.extend(command.get_arguments().filter_map(|option| Some(format!("--{}", option.get_long()?))));
        command.get_subcommands().for_each(|command| collect_options(command, options));
    }

    fn assert_command_exists(command: &clap::Command, words: &str, file: &str) {
        let is_name = |word: &&str| word.starts_with(|first: char| first.is_ascii_lowercase());
        let mut command = command;
        for word in words.split_whitespace().take_while(is_name) {
            match command.find_subcommand(word) {
                Some(found) => command = found,
                None if word == "train" && !cfg!(feature = "train") => return,
                None => assert!(command.get_positionals().next().is_some(), "`reinette {words}` in {file}"),
            }
        }
    }

    /// The options that a message names; words that are arguments of a program rather than a message name none.
    fn named_options(message: &str) -> Vec<String> {
        let is_part = |character: char| character.is_ascii_lowercase() || character == '-';
        let mut options = Vec::new();
        for (at, _) in message.match_indices("--").filter(|(at, _)| !message[..*at].ends_with(['-', '<', '!'])) {
            let option: String = message[at..].chars().take_while(|character| is_part(*character)).collect();
            let is_name = option.len() > 3 && !option[2..].starts_with('-');
            options.extend(is_name.then(|| option.trim_end_matches('-').to_owned()));
        }
        if message.contains(' ') { options } else { Vec::new() }
    }

    /// The texts of all string literals below a folder, but of tests and of what runs other programs.
    fn messages(folder: &Path) -> Vec<(String, String)> {
        let mut found = Vec::new();
        for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            let name = entry.file_name().unwrap().to_string_lossy().into_owned();
            if entry.is_dir() && !matches!(name.as_str(), "bench" | "tests" | "fuzz") {
                found.extend(messages(&entry));
            } else if entry.extension().is_some_and(|extension| extension == "rs") && !name.contains("tests") {
                let text = fs::read_to_string(&entry).unwrap();
                let code = text.split("#[cfg(test)]").next().unwrap();
                found.extend(literals(code).into_iter().map(|literal| (entry.display().to_string(), literal)));
            }
        }
        found
    }

    /// The string literals of a source file, without their escapes.
    fn literals(code: &str) -> Vec<String> {
        let mut literals = Vec::new();
        for line in joined_lines(code) {
            let mut pieces = line.split('"');
            pieces.next();
            while let Some(literal) = pieces.next() {
                literals.push(literal.to_owned());
                pieces.next();
            }
        }
        literals
    }

    /// The lines of code without comments; a literal that goes on in the next line is one with it.
    fn joined_lines(code: &str) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        let mut goes_on = false;
        for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
            let line = line.replace("'\"'", "").replace("\\\"", "");
            let (text, next) = line.strip_suffix('\\').map_or((line.as_str(), false), |text| (text, true));
            match lines.last_mut().filter(|_| goes_on) {
                Some(last) => last.push_str(text.trim_start()),
                None => lines.push(text.to_owned()),
            }
            goes_on = next;
        }
        lines
    }
}
