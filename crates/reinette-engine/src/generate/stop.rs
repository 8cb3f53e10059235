//! Stop strings in a text that comes piece by piece.

/// Holds back as much of a text as might still become a stop string.
#[derive(Debug)]
pub(crate) struct StopStrings {
    stops: Vec<String>,
    held: String,
}

/// What of a text may be shown.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Released {
    /// This much is certain; more may come.
    Text(String),
    /// The last of the text: a stop string came after it.
    End(String),
}

impl StopStrings {
    pub(crate) fn new(stops: &[String]) -> Self {
        Self { stops: stops.iter().filter(|stop| !stop.is_empty()).cloned().collect(), held: String::new() }
    }

    /// Takes the next piece and gives back what no stop string can cut off any more.
    pub(crate) fn push(&mut self, piece: &str) -> Released {
        self.held.push_str(piece);
        if let Some(at) = self.stops.iter().filter_map(|stop| self.held.find(stop.as_str())).min() {
            self.held.truncate(at);
            return Released::End(std::mem::take(&mut self.held));
        }
        let certain = self.held.len() - self.stops.iter().map(|stop| self.overlap(stop)).max().unwrap_or(0);
        let rest = self.held.split_off(certain);
        Released::Text(std::mem::replace(&mut self.held, rest))
    }

    /// The text that was held back, when no more comes.
    pub(crate) fn finish(&mut self) -> String {
        std::mem::take(&mut self.held)
    }

    /// The length in bytes of the longest end of the held text that begins `stop`.
    fn overlap(&self, stop: &str) -> usize {
        let lengths = (1..stop.len()).rev().filter(|length| stop.is_char_boundary(*length));
        lengths.into_iter().find(|length| self.held.ends_with(&stop[..*length])).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds a text character by character; gives what came out, and whether a stop string ended it.
    fn run(stops: &[&str], text: &str) -> (String, bool) {
        let mut strings = StopStrings::new(&stops.iter().map(ToString::to_string).collect::<Vec<_>>());
        let mut out = String::new();
        for character in text.chars() {
            match strings.push(&character.to_string()) {
                Released::Text(text) => out.push_str(&text),
                Released::End(text) => return (out + &text, true),
            }
        }
        (out + &strings.finish(), false)
    }

    #[test]
    fn text_ends_before_the_first_stop_string() {
        assert_eq!(run(&["END"], "one EN two END three"), ("one EN two ".into(), true));
        assert_eq!(run(&["aab"], "aaab"), ("a".into(), true));
        assert_eq!(run(&["é\n", "zz"], "cafés, café\nz"), ("cafés, caf".into(), true));
        assert_eq!(run(&[], "all of it"), ("all of it".into(), false));
        assert_eq!(run(&["", "never"], "nev"), ("nev".into(), false));
    }

    #[test]
    fn what_might_be_a_stop_string_is_held_back() {
        let mut strings = StopStrings::new(&["###".into()]);
        assert_eq!(strings.push("a#"), Released::Text("a".into()));
        assert_eq!(strings.push("#"), Released::Text(String::new()));
        assert_eq!(strings.push("b"), Released::Text("##b".into()));
    }
}
