//! Changes single properties of an iCalendar file and leaves every other byte as it is.
//!
//! Other programs keep things in these files that no reader of ours knows (alarms, attendees, `X-` properties, their
//! own order and line ends). So an existing file is never parsed and written again: its lines are edited.

use jiff::Zoned;
use jiff::tz::TimeZone;
use std::ops::Range;

/// Longest line that RFC 5545 §3.1 allows, in bytes without the line end.
const MAX_LINE_BYTES: usize = 75;

/// An iCalendar file as lines.
#[derive(Clone, Debug)]
pub(crate) struct Editor {
    text: String,
}

/// One property line, unfolded by [`Editor::lines`]: where it stands, with its folded continuation and line end.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    bytes: Range<usize>,
    name: String,
    /// How many components are open around the line, `BEGIN` and `END` counted inside their own.
    depth: usize,
}

/// A component in the file: `index` counts those of its kind from the top.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ComponentPath<'a> {
    pub(crate) kind: &'a str,
    pub(crate) index: usize,
}

impl Editor {
    pub(crate) fn new(text: &str) -> Self {
        Self { text: text.to_owned() }
    }

    pub(crate) fn into_text(self) -> String {
        self.text
    }

    /// How many components of a kind the file has; `None` when it is cut off or not nested as it should be: then nobody
    /// can say where a component ends.
    pub(crate) fn count(&self, kind: &str) -> Option<usize> {
        let mut open: Vec<&str> = Vec::new();
        let mut count = 0;
        for line in self.lines() {
            let edge = self.text[line.bytes].split_once(':').map_or("", |(_, value)| value.trim());
            match line.name.as_str() {
                "BEGIN" => {
                    open.push(edge);
                    count += usize::from(edge.eq_ignore_ascii_case(kind));
                }
                "END" if !open.pop()?.eq_ignore_ascii_case(edge) => return None,
                _ => {}
            }
        }
        open.is_empty().then_some(count)
    }

    /// Sets the property `name` of a component to `;parameters:value`, in the place of the first it has, or just before
    /// its end. Returns false when the component does not exist.
    pub(crate) fn set(&mut self, at: ComponentPath<'_>, name: &str, parameters_and_value: &str) -> bool {
        let Some((_, component, end)) = self.component(at) else { return false };
        let line = self.content_line(name, parameters_and_value);
        match component.into_iter().find(|line| line.name == name) {
            Some(old) => self.text.replace_range(old.bytes, &line),
            None => self.text.insert_str(end.start, &line),
        }
        true
    }

    /// Adds a line for the property `name`, beside those that the component has. Returns false when it does not exist.
    pub(crate) fn add(&mut self, at: ComponentPath<'_>, name: &str, parameters_and_value: &str) -> bool {
        let Some((_, _, end)) = self.component(at) else { return false };
        let line = self.content_line(name, parameters_and_value);
        self.text.insert_str(end.start, &line);
        true
    }

    /// Notes that a component was changed at `now`.
    pub(crate) fn stamp(&mut self, at: ComponentPath<'_>, now: &Zoned) {
        let stamp = format!(":{}", utc(now));
        self.set(at, "DTSTAMP", &stamp);
        self.set(at, "LAST-MODIFIED", &stamp);
    }

    /// Removes every line of the property `name` of a component.
    pub(crate) fn remove(&mut self, at: ComponentPath<'_>, name: &str) {
        let Some((_, component, _)) = self.component(at) else { return };
        for line in component.into_iter().rev().filter(|line| line.name == name) {
            self.text.replace_range(line.bytes, "");
        }
    }

    /// Removes a component with all that is in it.
    pub(crate) fn delete(&mut self, at: ComponentPath<'_>) {
        if let Some(bytes) = self.component_bytes(at) {
            self.text.replace_range(bytes, "");
        }
    }

    /// Copies a component behind itself; the copy is the next of its kind.
    pub(crate) fn duplicate(&mut self, at: ComponentPath<'_>) -> bool {
        let Some(bytes) = self.component_bytes(at) else { return false };
        let mut copy = self.text[bytes.clone()].to_owned();
        if !copy.ends_with('\n') {
            copy.insert_str(0, self.line_end());
        }
        self.text.insert_str(bytes.end, &copy);
        true
    }

    /// Where a component stands, from its `BEGIN` line to its `END` line.
    fn component_bytes(&self, at: ComponentPath<'_>) -> Option<Range<usize>> {
        let (begin, _, end) = self.component(at)?;
        Some(begin.start..end.end)
    }

    /// Where the `BEGIN` line of a component stands, the property lines directly inside it, and where its `END` stands.
    fn component(&self, at: ComponentPath<'_>) -> Option<(Range<usize>, Vec<Line>, Range<usize>)> {
        let lines = self.lines();
        let is = |line: &Line, edge: &str| line.name == edge && value(&self.text[line.bytes.clone()], edge, at.kind);
        let begin = (0..lines.len()).filter(|i| is(&lines[*i], "BEGIN")).nth(at.index)?;
        let (depth, start) = (lines[begin].depth, lines[begin].bytes.clone());
        let inside = &lines[begin + 1..];
        let length = inside.iter().position(|line| line.depth == depth && line.name == "END")?;
        let end = inside[length].bytes.clone();
        Some((start, inside[..length].iter().filter(|line| line.depth == depth).cloned().collect(), end))
    }

    fn lines(&self) -> Vec<Line> {
        let mut lines: Vec<Line> = Vec::new();
        let mut start = 0;
        let mut depth = 0_usize;
        for physical in self.text.split_inclusive('\n') {
            let end = start + physical.len();
            match lines.last_mut() {
                Some(line) if physical.starts_with([' ', '\t']) => line.bytes.end = end,
                _ => {
                    let name = property_name(physical);
                    if name == "BEGIN" {
                        depth += 1;
                    }
                    let is_end = name == "END";
                    lines.push(Line { bytes: start..end, name, depth });
                    if is_end {
                        depth = depth.saturating_sub(1);
                    }
                }
            }
            start = end;
        }
        lines
    }

    fn content_line(&self, name: &str, parameters_and_value: &str) -> String {
        fold(&format!("{name}{parameters_and_value}"), self.line_end())
    }

    /// The line end that the file uses.
    fn line_end(&self) -> &'static str {
        match self.text.find('\n') {
            Some(at) if !self.text[..at].ends_with('\r') => "\n",
            _ => "\r\n",
        }
    }
}

fn property_name(line: &str) -> String {
    let line = line.trim_start_matches('\u{feff}');
    line[..line.find([':', ';']).unwrap_or(0)].trim().to_ascii_uppercase()
}

/// Whether a `BEGIN` or `END` line is of the component `kind`.
fn value(line: &str, edge: &str, kind: &str) -> bool {
    let line = line.trim_start_matches('\u{feff}');
    line.get(edge.len() + 1..).is_some_and(|value| value.trim().eq_ignore_ascii_case(kind))
}

/// Breaks a line into lines of at most 75 bytes, never inside a character, and ends it.
pub(crate) fn fold(line: &str, line_end: &str) -> String {
    let mut folded = String::with_capacity(line.len() + 16);
    let mut width = 0;
    for character in line.chars() {
        if width + character.len_utf8() > MAX_LINE_BYTES {
            folded.push_str(line_end);
            folded.push(' ');
            width = 1;
        }
        folded.push(character);
        width += character.len_utf8();
    }
    folded.push_str(line_end);
    folded
}

/// An instant as a UTC value: `20260312T080000Z`.
pub(crate) fn utc(instant: &Zoned) -> String {
    instant.with_time_zone(TimeZone::UTC).strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// Escapes a text value (RFC 5545 §3.3.11); control characters, which it forbids, are left out.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' | ';' | ',' => escaped.extend(['\\', character]),
            '\n' => escaped.push_str("\\n"),
            control if control.is_control() && control != '\t' => {}
            other => escaped.push(other),
        }
    }
    escaped
}
