//! One HTTP request, whose answer can be awaited and given up at any time.

use super::{Failure, FetchSettings, TICK, check_cancelled};
use crate::models::SourceError;
use std::io::Read;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};
use ureq::http::{HeaderMap, StatusCode, header};
use ureq::tls::{RootCerts, TlsConfig};

/// The size of the pieces that pass from the network to the disk.
const CHUNK_BYTES: usize = 256 << 10;

/// How many pieces wait for a slow disk before the network waits too.
const QUEUED_CHUNKS: usize = 8;

/// Speaks HTTP, through the proxy that the environment names, trusting whom the system trusts.
pub(super) struct Client {
    agent: ureq::Agent,
    stall_timeout: Duration,
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
    stall_timeout: Duration,
    cancelled: &'a AtomicBool,
}

enum Message {
    Head(Head),
    Chunk(Vec<u8>),
    End,
    Failed(SourceError),
}

impl Client {
    pub(super) fn new(settings: &FetchSettings) -> Self {
        let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
        let config = ureq::Agent::config_builder()
            .tls_config(tls)
            .http_status_as_error(false)
            .timeout_resolve(Some(settings.connect_timeout))
            .timeout_connect(Some(settings.connect_timeout))
            .timeout_recv_response(Some(settings.stall_timeout))
            .timeout_per_read(Some(settings.stall_timeout))
            .user_agent(concat!("reinette/", env!("CARGO_PKG_VERSION")))
            .accept_encoding("identity")
            .build();
        Self { agent: config.new_agent(), stall_timeout: settings.stall_timeout }
    }

    /// Asks for the file at `url` from `first_byte` on. The server may well answer with the whole of it.
    pub(super) fn get<'a>(
        &self,
        url: &str,
        first_byte: u64,
        cancelled: &'a AtomicBool,
    ) -> Result<(Head, Answer<'a>), Failure> {
        let (sender, messages) = sync_channel(QUEUED_CHUNKS);
        let (agent, address) = (self.agent.clone(), url.to_owned());
        // A thread of its own, because a read that blocks cannot be interrupted: the thread is left behind instead, and
        // ends at its next message or time-out.
        std::thread::spawn(move || {
            let last = transfer(&agent, &address, first_byte, &sender).map_or_else(Message::Failed, |()| Message::End);
            // Nobody may be listening any more.
            let _ = sender.send(last);
        });
        let mut answer = Answer { messages, stall_timeout: self.stall_timeout, cancelled };
        match answer.receive()? {
            Message::Head(head) => Ok((head, answer)),
            Message::Failed(error) => Err(error.into()),
            Message::Chunk(_) | Message::End => unreachable!("the head is sent before anything else"),
        }
    }
}

impl Answer<'_> {
    /// The next bytes of the body; `None` at its end.
    pub(super) fn next(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        match self.receive()? {
            Message::Chunk(bytes) => Ok(Some(bytes)),
            Message::End => Ok(None),
            Message::Failed(error) => Err(error.into()),
            Message::Head(_) => unreachable!("an answer has one head, and `get` took it"),
        }
    }

    fn receive(&mut self) -> Result<Message, Failure> {
        let deadline = Instant::now() + self.stall_timeout;
        loop {
            check_cancelled(self.cancelled)?;
            match self.messages.recv_timeout(TICK) {
                Ok(message) => return Ok(message),
                Err(RecvTimeoutError::Timeout) if Instant::now() < deadline => {}
                Err(RecvTimeoutError::Timeout) => return Err(stalled(self.stall_timeout).into()),
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(interrupted(0, "the transfer ended unexpectedly").into());
                }
            }
        }
    }
}

/// Sends the head and the body of the answer to a request; stops early when nobody listens.
fn transfer(agent: &ureq::Agent, url: &str, first_byte: u64, sender: &SyncSender<Message>) -> Result<(), SourceError> {
    let mut request = agent.get(url);
    if first_byte > 0 {
        request = request.header(header::RANGE, format!("bytes={first_byte}-"));
    }
    let response = request.call().map_err(source_error)?;
    let head = Head::new(response.status(), response.headers());
    if sender.send(Message::Head(head)).is_err() {
        return Ok(());
    }
    let mut body = response.into_body().into_reader();
    loop {
        let mut chunk = vec![0; CHUNK_BYTES];
        let count = body.read(&mut chunk).map_err(|error| interrupted(0, error.to_string()))?;
        if count == 0 {
            return Ok(());
        }
        chunk.truncate(count);
        if sender.send(Message::Chunk(chunk)).is_err() {
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
