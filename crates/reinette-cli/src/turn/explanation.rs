//! What a question is about: the call as the model made it, and what would be done to which files.

use super::event::Proposal;
use reinette::ToolCall;
use reinette_apps::FileChange;
use serde_json::Value;
use std::iter;

/// The most lines of a file that are shown.
const MAX_LINES: usize = 40;

/// A call as people read it: `create_reminder  title: call Ana · when: tomorrow at 9`.
pub(super) fn describe(call: &ToolCall) -> String {
    let value = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let arguments: Vec<String> =
        call.arguments.iter().map(|(name, argument)| format!("{name}: {}", value(argument))).collect();
    format!("{}  {}", call.name, arguments.join(" · ")).trim_end().to_owned()
}

/// What is asked, line by line.
pub(super) fn explain(proposal: &Proposal) -> Vec<String> {
    let Proposal { call, files, .. } = proposal;
    let mut lines = vec![format!("The model understood your request as this call: {}", describe(call))];
    lines.push(if files.is_empty() { "It only reads: no file changes." } else { "It would change:" }.to_owned());
    lines.extend(files.iter().flat_map(file_lines));
    lines.push("y or Enter: do it (`reinette undo` takes a change back) · n: leave it · ?: explain".to_owned());
    lines
}

/// A file, and the lines that go and come.
fn file_lines(change: &FileChange) -> Vec<String> {
    let text = |content: &Option<Vec<u8>>| String::from_utf8_lossy(content.as_deref().unwrap_or_default()).into_owned();
    let (before, after) = (text(&change.before), text(&change.after));
    let verb = match (&change.before, &change.after) {
        (None, _) => "new file",
        (_, None) => "deleted file",
        _ => "file",
    };
    let differing = differing_lines(&before, &after);
    let more = differing.len().saturating_sub(MAX_LINES);
    let shown = differing.into_iter().take(MAX_LINES).map(|(sign, line)| format!("    {sign} {line}"));
    let rest = (more > 0).then(|| format!("    … and {more} lines more"));
    iter::once(format!("  {verb} {}", change.path.display())).chain(shown).chain(rest).collect()
}

/// The lines of `before` and `after` between those that both begin and end with.
fn differing_lines<'a>(before: &'a str, after: &'a str) -> Vec<(char, &'a str)> {
    let (before, after): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let same = |(a, b): &(&&str, &&str)| a == b;
    let first = before.iter().zip(&after).take_while(same).count();
    let (before, after) = (&before[first..], &after[first..]);
    let last = before.iter().rev().zip(after.iter().rev()).take_while(same).count();
    let gone = before[..before.len() - last].iter().map(|line| ('-', *line));
    gone.chain(after[..after.len() - last].iter().map(|line| ('+', *line))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_that_differ_are_shown() {
        assert_eq!(differing_lines("a\nb\nc\n", "a\nx\ny\nc\n"), [('-', "b"), ('+', "x"), ('+', "y")]);
        assert_eq!(differing_lines("a\na\n", "a\na\na\n"), [('+', "a")]);
        assert_eq!(differing_lines("", "a\n"), [('+', "a")]);
        assert_eq!(differing_lines("a", ""), [('-', "a")]);
    }

    #[test]
    fn an_explanation_tells_the_call_the_change_and_the_answers() {
        let arguments = serde_json::json!({ "title": "milk" });
        let call = ToolCall {
            id: String::new(),
            name: "create_reminder".to_owned(),
            arguments: arguments.as_object().unwrap().clone(),
        };
        let many = "line\n".repeat(MAX_LINES + 5);
        let files = vec![FileChange::create("/notes/a.ics".into(), many)];
        let mut proposal = Proposal { call, effect: "Adds the reminder “milk”.".to_owned(), files };
        let lines = explain(&proposal);
        assert!(lines[0].contains("create_reminder  title: milk"), "{lines:?}");
        assert!(lines.contains(&"  new file /notes/a.ics".to_owned()) && lines.contains(&"    + line".to_owned()));
        assert!(lines.contains(&"    … and 5 lines more".to_owned()), "{lines:?}");
        proposal.files.clear();
        assert!(explain(&proposal)[1].contains("only reads"));
    }
}
