//! Changes single properties of an iCalendar file and leaves every other byte as it is.
//!
//! Other programs keep things in these files that no reader of ours knows (alarms, attendees, `X-` properties, their
//! own order and line ends). So an existing file is never parsed and written again: its lines are edited.

use jiff::Zoned;
use jiff::tz::TimeZone;
use std::ops::Range;

/// Longest line that RFC 5545 §3.1 allows, in bytes without the line end.
const MAX_LINE_BYTES: usize = 75;

/// With which some programs begin a file of UTF-8.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// An iCalendar file as lines of bytes: a program may have folded a line within a character.
#[derive(Clone, Debug)]
pub(crate) struct Editor {
    content: Vec<u8>,
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
    pub(crate) fn new(content: &[u8]) -> Self {
        Self { content: content.to_vec() }
    }

    pub(crate) fn into_content(self) -> Vec<u8> {
        self.content
    }

    /// How many components of a kind the file has; `None` when it is cut off or not nested as it should be: then nobody
    /// can say where a component ends.
    pub(crate) fn count(&self, kind: &str) -> Option<usize> {
        let mut open: Vec<&[u8]> = Vec::new();
        let mut count = 0;
        for line in physical_lines(&self.content) {
            match edge(line) {
                Some((Edge::Begin, name)) => {
                    open.push(name);
                    count += usize::from(name.eq_ignore_ascii_case(kind.as_bytes()));
                }
                Some((Edge::End, name)) if !open.pop()?.eq_ignore_ascii_case(name) => return None,
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
            Some(old) => self.replace(old.bytes, line.as_bytes()),
            None => self.replace(end.start..end.start, line.as_bytes()),
        }
        true
    }

    /// Adds a line for the property `name`, beside those that the component has. Returns false when it does not exist.
    pub(crate) fn add(&mut self, at: ComponentPath<'_>, name: &str, parameters_and_value: &str) -> bool {
        let Some((_, _, end)) = self.component(at) else { return false };
        let line = self.content_line(name, parameters_and_value);
        self.replace(end.start..end.start, line.as_bytes());
        true
    }

    /// Adds `lines` at the end of a component. Returns false when it does not exist.
    pub(crate) fn add_lines(&mut self, at: ComponentPath<'_>, lines: &[String]) -> bool {
        let Some((_, _, end)) = self.component(at) else { return false };
        let lines = lines.iter().map(|line| fold(line, self.line_end())).collect::<Vec<_>>().concat();
        self.replace(end.start..end.start, lines.as_bytes());
        true
    }

    /// Whether there is a component of a kind inside another.
    pub(crate) fn holds(&self, at: ComponentPath<'_>, kind: &str) -> bool {
        let Some(bytes) = self.component_bytes(at) else { return false };
        let is_begin =
            |line| matches!(edge(line), Some((Edge::Begin, name)) if name.eq_ignore_ascii_case(kind.as_bytes()));
        physical_lines(&self.content[bytes]).any(is_begin)
    }

    /// Replaces the lines that are exactly `old` in the components inside another: the same text in its alarms.
    pub(crate) fn replace_inside(&mut self, at: ComponentPath<'_>, old: &str, new: &str) {
        let Some(bytes) = self.component_bytes(at) else { return };
        let lines: Vec<Line> = self.lines().into_iter().filter(|line| bytes.contains(&line.bytes.start)).collect();
        let depth = lines.first().map_or(0, |line| line.depth);
        let is_old = |line: &Line| unfolded(&self.content[line.bytes.clone()]).trim_end() == old;
        let found: Vec<Line> = lines.into_iter().filter(|line| line.depth > depth && is_old(line)).collect();
        let new = fold(new, self.line_end());
        for line in found.into_iter().rev() {
            self.replace(line.bytes, new.as_bytes());
        }
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
            self.replace(line.bytes, &[]);
        }
    }

    /// Removes a component with all that is in it.
    pub(crate) fn delete(&mut self, at: ComponentPath<'_>) {
        if let Some(bytes) = self.component_bytes(at) {
            self.replace(bytes, &[]);
        }
    }

    /// Copies a component behind itself; the copy is the next of its kind.
    pub(crate) fn duplicate(&mut self, at: ComponentPath<'_>) -> bool {
        let Some(bytes) = self.component_bytes(at) else { return false };
        let mut copy = self.content[bytes.clone()].to_vec();
        if !copy.ends_with(b"\n") {
            copy.splice(..0, self.line_end().bytes());
        }
        self.replace(bytes.end..bytes.end, &copy);
        true
    }

    fn replace(&mut self, bytes: Range<usize>, by: &[u8]) {
        self.content.splice(bytes, by.iter().copied());
    }

    /// Where a component stands, from its `BEGIN` line to its `END` line.
    fn component_bytes(&self, at: ComponentPath<'_>) -> Option<Range<usize>> {
        let (begin, _, end) = self.component(at)?;
        Some(begin.start..end.end)
    }

    /// Where the `BEGIN` line of a component stands, the property lines directly inside it, and where its `END` stands.
    fn component(&self, at: ComponentPath<'_>) -> Option<(Range<usize>, Vec<Line>, Range<usize>)> {
        let lines = self.lines();
        let begins = |line: &Line| {
            matches!(edge(&self.content[line.bytes.clone()]), Some((Edge::Begin, name))
                if name.eq_ignore_ascii_case(at.kind.as_bytes()))
        };
        let begin = (0..lines.len()).filter(|i| begins(&lines[*i])).nth(at.index)?;
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
        for physical in physical_lines(&self.content) {
            let end = start + physical.len();
            match lines.last_mut() {
                Some(line) if physical.starts_with(b" ") || physical.starts_with(b"\t") => line.bytes.end = end,
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
        match self.content.iter().position(|byte| *byte == b'\n') {
            Some(at) if !self.content[..at].ends_with(b"\r") => "\n",
            _ => "\r\n",
        }
    }
}

/// The first or the last line of a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Edge {
    Begin,
    End,
}

fn physical_lines(content: &[u8]) -> impl Iterator<Item = &[u8]> {
    content.split_inclusive(|byte| *byte == b'\n')
}

/// The edge of a component that a line is, and the component's name.
fn edge(line: &[u8]) -> Option<(Edge, &[u8])> {
    let line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
    let (name, value) = line.split_at(line.iter().position(|byte| b":;".contains(byte))?);
    let edge = match name.trim_ascii() {
        name if name.eq_ignore_ascii_case(b"BEGIN") => Edge::Begin,
        name if name.eq_ignore_ascii_case(b"END") => Edge::End,
        _ => return None,
    };
    let colon = value.iter().position(|byte| *byte == b':')?;
    Some((edge, value[colon + 1..].trim_ascii()))
}

fn property_name(line: &[u8]) -> String {
    let line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
    let length = line.iter().position(|byte| b":;".contains(byte)).unwrap_or(0);
    String::from_utf8_lossy(&line[..length]).trim().to_ascii_uppercase()
}

/// A file as the text of its unfolded lines (RFC 5545 §3.1: the octets are joined before they are characters). What is not
/// UTF-8 is read as Latin-1, byte by byte: such files exist, and nothing that is shown is ever written back.
pub(crate) fn unfolded(content: &[u8]) -> String {
    let content = content.strip_prefix(BYTE_ORDER_MARK).unwrap_or(content);
    let mut joined: Vec<u8> = Vec::with_capacity(content.len());
    for line in physical_lines(content) {
        match line {
            [b' ' | b'\t', rest @ ..] if joined.ends_with(b"\n") => {
                joined.pop();
                joined.pop_if(|byte| *byte == b'\r');
                joined.extend(rest);
            }
            _ => joined.extend(line),
        }
    }
    String::from_utf8(joined).unwrap_or_else(|error| {
        let latin =
            |byte: &u8| if (0x80..0xa0).contains(byte) { char::REPLACEMENT_CHARACTER } else { char::from(*byte) };
        let chunks = error.as_bytes().utf8_chunks();
        chunks.flat_map(|chunk| chunk.valid().chars().chain(chunk.invalid().iter().map(latin))).collect()
    })
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
