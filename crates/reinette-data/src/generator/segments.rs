//! A request as it is put together: words, of which some are arguments.

use fancy_regex::Regex;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Of two spaces the first, and a space before a mark or at the end.
static SPARE_SPACE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r" (?=[ ,.;?!]|$)|^ ").ok());

/// Of several spaces all but the last.
static DOUBLE_SPACE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(" (?= )").ok());

/// The part of what belongs to all of the joined requests.
pub(super) const EVERY_PART: usize = usize::MAX;

/// What words are the value of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Capture {
    /// Which of the requests that were joined it belongs to, or `EVERY_PART`.
    pub(super) part: usize,
    /// The argument, such as `title`, or `title.2` for one of the second call.
    pub(super) name: String,
    /// The value, where it is not the words themselves.
    pub(super) value: Option<String>,
}

/// Words that are an argument, or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) text: String,
    pub(super) capture: Option<Capture>,
}

/// Words that know which of them are arguments. Whatever is done to the words, the arguments stay parts of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Segments(Vec<Segment>);

impl Segments {
    /// Appends words.
    pub(super) fn push(&mut self, text: impl Into<String>, capture: Option<Capture>) {
        let text = text.into();
        if text.is_empty() {
            return;
        }
        match self.0.last_mut() {
            Some(last) if last.capture.is_none() && capture.is_none() => last.text.push_str(&text),
            _ => self.0.push(Segment { text, capture }),
        }
    }

    /// Appends all words of another request.
    pub(super) fn append(&mut self, other: Self) {
        for segment in other.0 {
            self.push(segment.text, segment.capture);
        }
    }

    /// Appends some words of another request.
    pub(super) fn extend(&mut self, segments: &[Segment]) {
        self.append(Self(segments.to_vec()));
    }

    /// What is left without the words before the first argument.
    pub(super) fn without_opening(self) -> Self {
        Self(self.0.into_iter().skip_while(|segment| segment.capture.is_none()).collect())
    }

    /// The words.
    pub(super) fn text(&self) -> String {
        self.0.iter().map(|segment| segment.text.as_str()).collect()
    }

    /// The segments in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Segment> {
        self.0.iter()
    }

    /// Each segment's words anew.
    pub(super) fn map(&mut self, new_text: impl Fn(&Segment) -> String) {
        for segment in &mut self.0 {
            segment.text = new_text(segment);
        }
    }

    /// The words of one segment anew.
    pub(super) fn set_text(&mut self, index: usize, text: String) {
        self.0[index].text = text;
    }

    /// What is cut off the end.
    pub(super) fn trim_end_matches(&mut self, marks: &[char]) {
        if let Some(last) = self.0.last_mut() {
            last.text.truncate(last.text.trim_end_matches(marks).len());
        }
    }

    /// Replaces what a pattern finds in the whole text, where it lies in one segment; `$1` stands for its first group.
    pub(super) fn rewrite(&mut self, pattern: &Regex, replacement: &str) {
        let text = self.text();
        let mut edits = Vec::new();
        for found in pattern.captures_iter(text.as_str()) {
            // A pattern that is too costly here finds nothing more.
            let Ok(found) = found else { break };
            let Some(whole) = found.get(0) else { continue };
            let mut new_text = String::new();
            found.expand(replacement, &mut new_text);
            edits.push((whole.start(), whole.end(), new_text));
        }
        // From the end, so that what was found before keeps its place.
        for (start, end, new_text) in edits.into_iter().rev() {
            let mut offset = 0;
            for segment in &mut self.0 {
                let length = segment.text.len();
                if offset <= start && end <= offset + length {
                    segment.text.replace_range(start - offset..end - offset, &new_text);
                    break;
                }
                offset += length;
            }
        }
    }

    /// Single spaces, none before a mark or at the ends.
    pub(super) fn tidy(&mut self) {
        if let Some(pattern) = &*SPARE_SPACE {
            self.rewrite(pattern, "");
            // What was the second space may be the first letter now.
            self.rewrite(pattern, "");
        }
    }

    /// Single spaces, none at the ends; those before marks stay.
    pub(super) fn squeeze(&mut self) {
        if let Some(pattern) = &*DOUBLE_SPACE {
            self.rewrite(pattern, "");
        }
        if let Some(first) = self.0.first_mut() {
            first.text = first.text.trim_start().to_owned();
        }
        if let Some(last) = self.0.last_mut() {
            last.text.truncate(last.text.trim_end().len());
        }
    }

    /// The arguments of one of the joined requests and their words; the values where these are not the words.
    pub(super) fn captured(&self, part: usize) -> BTreeMap<String, String> {
        let of_part = |segment: &Segment| {
            let capture = segment.capture.as_ref().filter(|capture| [part, EVERY_PART].contains(&capture.part))?;
            let value = capture.value.clone().unwrap_or_else(|| segment.text.trim().to_owned());
            (!value.is_empty()).then(|| (capture.name.clone(), value))
        };
        self.0.iter().filter_map(of_part).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> Segments {
        let capture = |name: &str| Some(Capture { part: 0, name: name.to_owned(), value: None });
        let mut segments = Segments::default();
        segments.push("rappelle-moi  de ", None);
        segments.push("appeler  Ana", capture("title"));
        segments.push(" , à ", None);
        segments.push("midi", capture("when"));
        segments.push(" ?", None);
        segments
    }

    #[test]
    fn arguments_stay_parts_of_the_words() {
        let mut segments = request();
        segments.tidy();
        assert_eq!(segments.text(), "rappelle-moi de appeler Ana, à midi?");
        segments.rewrite(&Regex::new(r"\bde (?=[aeiou])").unwrap(), "d'");
        segments.rewrite(&Regex::new(r"(\w)ppel").unwrap(), "${1}pel");
        assert_eq!(segments.text(), "rapelle-moi d'apeler Ana, à midi?");
        assert_eq!(segments.captured(0)["title"], "apeler Ana");
        assert_eq!(segments.captured(0)["when"], "midi");
        assert!(segments.captured(1).is_empty());
    }

    #[test]
    fn what_lies_in_two_segments_is_left() {
        let mut segments = request();
        segments.rewrite(&Regex::new("de appeler").unwrap(), "x");
        assert_eq!(segments, request());
    }
}
