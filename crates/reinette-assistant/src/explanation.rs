//! What a change would do to which files, line by line.

use reinette_apps::FileChange;
use std::iter;

/// The most lines of a file that are shown.
const MAX_LINES: usize = 40;

/// The files of a change, each with the lines that go and come.
pub(crate) fn preview(files: &[FileChange]) -> Vec<String> {
    files.iter().flat_map(file_lines).collect()
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
    fn a_long_file_is_shown_in_part() {
        let many = "line\n".repeat(MAX_LINES + 5);
        let lines = preview(&[FileChange::create("/notes/a.ics".into(), many)]);
        assert!(lines.contains(&"  new file /notes/a.ics".to_owned()) && lines.contains(&"    + line".to_owned()));
        assert!(lines.contains(&"    … and 5 lines more".to_owned()), "{lines:?}");
    }
}
