//! How much a server may send.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, ReadBuf};

/// The longest message: 64 kB of text in an answer come in far less, but an answer may hold a picture as well.
const MAX_MESSAGE_BYTES: usize = 8 << 20;

/// How much may come, and in how many lines, in one [`WINDOW`].
const MAX_WINDOW_BYTES: usize = 64 << 20;
const MAX_WINDOW_LINES: usize = 100_000;
const WINDOW: Duration = Duration::from_secs(10);

/// Counts what a server sends, and knows when it is too much.
#[derive(Clone, Debug)]
pub(crate) struct Meter(Arc<Mutex<Count>>);

#[derive(Debug)]
struct Count {
    window_begun: Instant,
    window_bytes: usize,
    window_lines: usize,
    line_bytes: usize,
    excess: Option<String>,
}

impl Meter {
    pub(crate) fn new() -> Self {
        let window_begun = Instant::now();
        Self(Arc::new(Mutex::new(Count {
            window_begun,
            window_bytes: 0,
            window_lines: 0,
            line_bytes: 0,
            excess: None,
        })))
    }

    /// Counts what came.
    ///
    /// # Errors
    /// What was too much. It stays too much.
    pub(crate) fn count(&self, bytes: &[u8]) -> Result<(), String> {
        let mut count = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if count.window_begun.elapsed() > WINDOW {
            (count.window_begun, count.window_bytes, count.window_lines) = (Instant::now(), 0, 0);
        }
        count.window_bytes += bytes.len();
        let mut lines = bytes.split(|byte| *byte == b'\n');
        let mut longest = count.line_bytes + lines.next().map_or(0, <[u8]>::len);
        count.line_bytes = longest;
        for line in lines {
            count.window_lines += 1;
            count.line_bytes = line.len();
            longest = longest.max(line.len());
        }
        if longest > MAX_MESSAGE_BYTES {
            count.excess = Some(format!("sent a message of more than {} MiB", MAX_MESSAGE_BYTES >> 20));
        } else if count.window_bytes > MAX_WINDOW_BYTES {
            count.excess = Some(format!("sent more than {} MiB within {WINDOW:?}", MAX_WINDOW_BYTES >> 20));
        } else if count.window_lines > MAX_WINDOW_LINES {
            count.excess = Some(format!("sent more than {MAX_WINDOW_LINES} messages within {WINDOW:?}"));
        }
        count.excess.clone().map_or(Ok(()), Err)
    }

    /// What was too much.
    pub(crate) fn excess(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).excess.clone()
    }
}

/// A stream of a server's, which ends in an error when it is too much.
pub(crate) struct Metered<R> {
    inner: R,
    meter: Meter,
}

impl<R> Metered<R> {
    pub(crate) fn new(inner: R, meter: Meter) -> Self {
        Self { inner, meter }
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Metered<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = buffer.filled().len();
        std::task::ready!(Pin::new(&mut self.inner).poll_read(context, buffer))?;
        Poll::Ready(self.meter.count(&buffer.filled()[before..]).map_err(std::io::Error::other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_without_end_and_too_many_messages_are_too_much() {
        let meter = Meter::new();
        let piece = vec![b'x'; 1 << 20];
        for _ in 0..8 {
            assert_eq!(meter.count(&piece), Ok(()));
        }
        let excess = meter.count(&piece).unwrap_err();
        assert!(excess.contains("8 MiB"), "{excess}");
        assert_eq!(meter.excess(), Some(excess));

        let meter = Meter::new();
        for _ in 0..8 {
            assert_eq!(meter.count(&piece), Ok(()));
            assert_eq!(meter.count(b"\n"), Ok(()));
        }
        let excess = meter.count(&b"{}\n".repeat(MAX_WINDOW_LINES)).unwrap_err();
        assert!(excess.contains("messages"), "{excess}");
    }
}
