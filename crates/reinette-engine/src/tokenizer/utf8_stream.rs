//! Bytes in, whole characters out.

/// Turns the bytes of tokens into text as they come, never splitting a character.
///
/// ```
/// use reinette_engine::tokenizer::Utf8Stream;
///
/// let mut stream = Utf8Stream::default();
/// assert_eq!(stream.push(b"caf\xc3"), "caf");
/// assert_eq!(stream.push(b"\xa9"), "é");
/// assert_eq!(stream.push(b"\xf0\x9f"), "");
/// assert_eq!(stream.flush(), "\u{fffd}");
/// ```
#[derive(Debug, Clone, Default)]
pub struct Utf8Stream {
    /// The beginning of a character whose end has not come yet: at most three bytes.
    pending: Vec<u8>,
}

impl Utf8Stream {
    /// Takes `bytes` and gives the characters that are complete by now; bytes that can be no part of any become
    /// U+FFFD.
    pub fn push(&mut self, bytes: &[u8]) -> String {
        self.pending.extend_from_slice(bytes);
        let mut text = String::with_capacity(self.pending.len());
        let mut kept = 0;
        for chunk in self.pending.utf8_chunks() {
            text.push_str(chunk.valid());
            kept = chunk.invalid().len();
            if kept > 0 {
                text.push(char::REPLACEMENT_CHARACTER);
            }
        }
        // Only what stands at the very end may still become a character.
        let tail = &self.pending[self.pending.len() - kept..];
        if kept > 0 && std::str::from_utf8(tail).is_err_and(|error| error.error_len().is_none()) {
            text.pop();
        } else {
            kept = 0;
        }
        self.pending.drain(..self.pending.len() - kept);
        text
    }

    /// Ends the stream: a character that was never completed becomes U+FFFD.
    pub fn flush(&mut self) -> &'static str {
        let broken = !self.pending.is_empty();
        self.pending.clear();
        if broken { "\u{fffd}" } else { "" }
    }
}
