//! One HTTP request, whose answer can be awaited and given up at any time.

use super::{Failure, FetchSettings, TICK, check_cancelled};
use crate::models::SourceError;
use crate::outbound::{self, Deadlines, HangUp, Redirect};
use std::io::Read;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};
use ureq::http::{HeaderMap, StatusCode, header};

/// The size of the pieces that pass from the network to the disk.
const CHUNK_BYTES: usize = 256 << 10;

/// How many pieces wait for a slow disk before the network waits too.
const QUEUED_CHUNKS: usize = 8;

/// How many redirects are followed: hubs send a download on to a server of files, and that one at most to another.
const MOST_REDIRECTS: usize = 5;

/// Speaks HTTP.
pub(super) struct Client {
    connect_timeout: Duration,
    stall_timeout: Duration,
    slowest_bytes_per_second: u64,
}

/// The beginning of an answer.
pub(super) struct Head {
    /// The status.
    pub(super) status: StatusCode,
    /// The first byte that the body holds; 0 unless the server took up where it was asked to.
    pub(super) first_byte: u64,
    /// The size of the whole file, of which the body may be the end; `None` when the server does not say.
    pub(super) total_bytes: Option<u64>,
}

/// An answer as it comes.
pub(super) struct Answer<'a> {
    messages: Receiver<Message>,
    pace: Pace,
    cancelled: &'a AtomicBool,
    _hang_up: HangUp,
}

/// How fast bytes come: a server that sends one now and then has stalled, too.
struct Pace {
    window: Duration,
    least_bytes: u64,
    begun: Instant,
    bytes: u64,
}

enum Message {
    Redirect(Redirect),
    Head(Head),
    Chunk(Vec<u8>),
    End,
    Failed(SourceError),
}

impl Client {
    pub(super) fn new(settings: &FetchSettings) -> Self {
        let FetchSettings { connect_timeout, stall_timeout, slowest_bytes_per_second, .. } = *settings;
        Self { connect_timeout, stall_timeout, slowest_bytes_per_second }
    }

    /// Asks for the file at `url` from `first_byte` on. The server may well answer with the whole of it, or send on to
    /// another server: that is followed as long as it leads to an encrypted connection or stays with the same server.
    /// No request carries a secret, so that there is none to send on.
    pub(super) fn get<'a>(
        &self,
        url: &str,
        first_byte: u64,
        cancelled: &'a AtomicBool,
    ) -> Result<(Head, Answer<'a>), Failure> {
        let mut url = url.to_owned();
        for _ in 0..=MOST_REDIRECTS {
            let mut answer = self.ask(&url, first_byte, cancelled)?;
            match answer.receive()? {
                Message::Head(head) => return Ok((head, answer)),
                Message::Failed(error) => return Err(error.into()),
                Message::Redirect(redirect) if redirect.is_safe() => url = redirect.target(),
                Message::Redirect(redirect) => {
                    return Err(SourceError::Redirected { target: outbound::shown(&redirect.target()) }.into());
                }
                Message::Chunk(_) | Message::End => unreachable!("the head is sent before anything else"),
            }
        }
        Err(SourceError::Redirected { target: outbound::shown(&url) }.into())
    }

    fn ask<'a>(&self, url: &str, first_byte: u64, cancelled: &'a AtomicBool) -> Result<Answer<'a>, Failure> {
        let deadlines = Deadlines { connect: self.connect_timeout, silence: self.stall_timeout, total: None };
        let agent = outbound::agent(url, deadlines).map_err(|reason| SourceError::Unreachable { reason })?;
        let (sender, messages) = sync_channel(QUEUED_CHUNKS);
        let hang_up = HangUp::of(&agent);
        let url = url.to_owned();
        // A thread of its own, because a read that blocks cannot look whether it was cancelled: hanging up ends it.
        std::thread::spawn(move || {
            let last = transfer(&agent, &url, first_byte, &sender).map_or_else(Message::Failed, |()| Message::End);
            // Nobody may be listening any more.
            let _ = sender.send(last);
        });
        let pace = Pace::new(self.stall_timeout, self.slowest_bytes_per_second);
        Ok(Answer { messages, pace, cancelled, _hang_up: hang_up })
    }
}

impl Answer<'_> {
    /// The next bytes of the body; `None` at its end.
    pub(super) fn next(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        match self.receive()? {
            Message::Chunk(bytes) => {
                self.pace.count(bytes.len() as u64)?;
                Ok(Some(bytes))
            }
            Message::End => Ok(None),
            Message::Failed(error) => Err(error.into()),
            Message::Head(_) | Message::Redirect(_) => unreachable!("an answer has one head, and `get` took it"),
        }
    }

    fn receive(&mut self) -> Result<Message, Failure> {
        let deadline = Instant::now() + self.pace.window;
        loop {
            check_cancelled(self.cancelled)?;
            match self.messages.recv_timeout(TICK) {
                Ok(message) => return Ok(message),
                Err(RecvTimeoutError::Timeout) if Instant::now() < deadline => {}
                Err(RecvTimeoutError::Timeout) => return Err(stalled(self.pace.window).into()),
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(interrupted(0, "the transfer ended unexpectedly").into());
                }
            }
        }
    }
}

impl Pace {
    fn new(window: Duration, bytes_per_second: u64) -> Self {
        let window_ms = u64::try_from(window.as_millis()).unwrap_or(u64::MAX);
        let least_bytes = bytes_per_second.saturating_mul(window_ms) / 1000;
        Self { window, least_bytes, begun: Instant::now(), bytes: 0 }
    }

    /// Counts bytes that came; fails when the window is over and too few did.
    fn count(&mut self, bytes: u64) -> Result<(), SourceError> {
        self.bytes += bytes;
        if self.begun.elapsed() < self.window {
            return Ok(());
        }
        if self.bytes < self.least_bytes {
            return Err(SourceError::TooSlow { received_bytes: self.bytes, seconds: self.window.as_secs() });
        }
        (self.begun, self.bytes) = (Instant::now(), 0);
        Ok(())
    }
}

/// Sends the head and the body of the answer to a request; stops early when nobody listens.
fn transfer(agent: &ureq::Agent, url: &str, first_byte: u64, sender: &SyncSender<Message>) -> Result<(), SourceError> {
    let mut request = agent.get(url);
    if first_byte > 0 {
        request = request.header(header::RANGE, format!("bytes={first_byte}-"));
    }
    let response = request.call().map_err(source_error)?;
    let redirect = Redirect::read(url, response.status(), response.headers());
    if let Some(redirect) = redirect.map_err(|reason| SourceError::Unreachable { reason })? {
        let _ = sender.send(Message::Redirect(redirect));
        return Ok(());
    }
    let head = Head::new(response.status(), response.headers());
    if sender.send(Message::Head(head)).is_err() {
        return Ok(());
    }
    let mut body = response.into_body().into_reader();
    let mut buffer = vec![0; CHUNK_BYTES];
    loop {
        let count = body.read(&mut buffer).map_err(|error| interrupted(0, error.to_string()))?;
        if count == 0 || sender.send(Message::Chunk(buffer[..count].to_vec())).is_err() {
            return Ok(());
        }
    }
}

impl Head {
    fn new(status: StatusCode, headers: &HeaderMap) -> Self {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        if status == StatusCode::PARTIAL_CONTENT {
            let range = text(header::CONTENT_RANGE).and_then(parse_content_range);
            let (first_byte, total_bytes) = range.unwrap_or_default();
            return Self { status, first_byte, total_bytes };
        }
        let total_bytes = text(header::CONTENT_LENGTH).and_then(|length| length.trim().parse().ok());
        Self { status, first_byte: 0, total_bytes }
    }
}

/// The first byte and the total of `bytes FIRST-LAST/TOTAL`.
fn parse_content_range(value: &str) -> Option<(u64, Option<u64>)> {
    let (range, total) = value.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (first, _last) = range.split_once('-')?;
    Some((first.trim().parse().ok()?, total.trim().parse().ok()))
}

fn stalled(timeout: Duration) -> SourceError {
    SourceError::Stalled { seconds: timeout.as_secs() }
}

fn interrupted(received_bytes: u64, reason: impl Into<String>) -> SourceError {
    SourceError::Interrupted { received_bytes, reason: reason.into() }
}

/// What an error of the HTTP library means for the source.
fn source_error(error: ureq::Error) -> SourceError {
    use std::io::ErrorKind;
    use ureq::Timeout;
    match error {
        ureq::Error::Timeout(Timeout::Resolve | Timeout::Connect) => {
            SourceError::Unreachable { reason: "no connection came about in time".to_owned() }
        }
        ureq::Error::Timeout(_) => interrupted(0, "the server sent nothing for too long"),
        ureq::Error::BadUri(_) => SourceError::Unreachable { reason: "its address is not one".to_owned() },
        ureq::Error::Io(error) => match error.kind() {
            ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe
            | ErrorKind::UnexpectedEof
            | ErrorKind::TimedOut => interrupted(0, error.to_string()),
            // Refused, no route, no such host: whatever keeps a connection from coming about.
            _ => SourceError::Unreachable { reason: error.to_string() },
        },
        ureq::Error::Protocol(error) => interrupted(0, error.to_string()),
        error => SourceError::Unreachable { reason: error.to_string() },
    }
}
