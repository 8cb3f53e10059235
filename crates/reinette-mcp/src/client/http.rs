//! Streamable HTTP on the house's own HTTP client, so that every byte leaves through the same door.

use super::meter::Meter;
use futures_core::Stream;
use reinette::outbound::{self, Deadlines, HangUp, Redirect};
use rmcp::model::{ClientJsonRpcMessage, ClientRequest, ErrorData, ServerJsonRpcMessage};
use rmcp::transport::streamable_http_client::{
    AuthRequiredError, HttpStatusError, SseError, StreamableHttpClient, StreamableHttpError,
    StreamableHttpPostResponse, StreamableHttpResponseLimits,
};
use sse_stream::{Sse, SseStream};
use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{Cursor, Read};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use ureq::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header};

const JSON: &str = "application/json";
const EVENTS: &str = "text/event-stream";
const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
const LAST_EVENT: HeaderName = HeaderName::from_static("last-event-id");

/// How long a server may take to be reached.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// How long a stream may be silent: one for notifications waits for hours. Requests have deadlines of their own, whose end
/// hangs up.
const SILENCE_TIMEOUT: Duration = Duration::from_hours(6);

/// How much of an answer lies ready that nobody has read yet.
const PIECES_AHEAD: usize = 8;
const PIECE_BYTES: usize = 16 << 10;

/// Why a request got no answer.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct HttpFailure(String);

type Failure = StreamableHttpError<HttpFailure>;
type Events = Pin<Box<dyn Stream<Item = Result<Sse, SseError>> + Send>>;

/// The client of one server.
#[derive(Clone, Debug)]
pub(crate) struct HttpClient {
    meter: Meter,
}

/// A request as the transport wants it sent.
struct Outgoing {
    method: Method,
    url: Arc<str>,
    headers: HashMap<HeaderName, HeaderValue>,
    body: Vec<u8>,
}

/// An answer: its head, and its body as it comes.
struct Incoming {
    status: StatusCode,
    headers: HeaderMap,
    body: Pieces,
}

/// The pieces of a body. Dropping them hangs up.
struct Pieces {
    receiver: mpsc::Receiver<Result<Vec<u8>, HttpFailure>>,
    meter: Meter,
    _hang_up: HangUp,
}

impl Stream for Pieces {
    type Item = Result<Cursor<Vec<u8>>, HttpFailure>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(piece) = std::task::ready!(self.receiver.poll_recv(context)) else { return Poll::Ready(None) };
        let counted = piece.and_then(|piece| self.meter.count(&piece).map(|()| piece).map_err(HttpFailure));
        Poll::Ready(Some(counted.map(Cursor::new)))
    }
}

impl Pieces {
    /// The whole body, if it is no longer than `limit_bytes`.
    async fn whole(mut self, limit_bytes: usize) -> Result<Vec<u8>, Failure> {
        let mut body = Vec::new();
        while let Some(piece) = self.receiver.recv().await {
            body.extend(piece.map_err(Failure::Client)?);
            if body.len() > limit_bytes {
                return Err(Failure::ResponseBodyTooLarge { max_size: limit_bytes });
            }
        }
        Ok(body)
    }

    /// As much of an error's body as is worth reading.
    async fn beginning(mut self, limit_bytes: usize) -> String {
        let mut body = Vec::new();
        while body.len() < limit_bytes
            && let Some(Ok(piece)) = self.receiver.recv().await
        {
            body.extend(piece);
        }
        body.truncate(limit_bytes);
        String::from_utf8_lossy(&body).into_owned()
    }
}

impl HttpClient {
    pub(crate) fn new(meter: Meter) -> Self {
        Self { meter }
    }

    async fn send(&self, outgoing: Outgoing) -> Result<Incoming, Failure> {
        let deadlines = Deadlines { connect: CONNECT_TIMEOUT, silence: SILENCE_TIMEOUT, total: None };
        let agent = outbound::agent(&outgoing.url, deadlines).map_err(|reason| Failure::Client(HttpFailure(reason)))?;
        // Dropped with the future that waits for the head, or with the pieces of the body.
        let hang_up = HangUp::of(&agent);
        let (heads, head) = oneshot::channel();
        let (sender, receiver) = mpsc::channel(PIECES_AHEAD);
        let url = outgoing.url.clone();
        tokio::task::spawn_blocking(move || exchange(&agent, outgoing, heads, &sender));
        let (status, headers) = head
            .await
            .map_err(|_| Failure::Client(HttpFailure("the request was given up".to_owned())))?
            .map_err(Failure::Client)?;
        if let Some(redirect) =
            Redirect::read(&url, status, &headers).map_err(|reason| Failure::Client(HttpFailure(reason)))?
        {
            let target = outbound::shown(&redirect.target());
            return Err(Failure::Client(HttpFailure(format!(
                "it sends the request on to {target}, and nothing is sent where nobody asked for"
            ))));
        }
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            let challenge = headers.get(header::WWW_AUTHENTICATE).and_then(|value| value.to_str().ok());
            return Err(Failure::AuthRequired(AuthRequiredError::new(challenge.unwrap_or_default().to_owned())));
        }
        Ok(Incoming { status, headers, body: Pieces { receiver, meter: self.meter.clone(), _hang_up: hang_up } })
    }
}

type Head = Result<(StatusCode, HeaderMap), HttpFailure>;

/// Sends a request and hands on what comes, on a thread that may wait.
fn exchange(
    agent: &ureq::Agent,
    outgoing: Outgoing,
    heads: oneshot::Sender<Head>,
    pieces: &mpsc::Sender<Result<Vec<u8>, HttpFailure>>,
) {
    let mut request = Request::builder().method(outgoing.method).uri(&*outgoing.url);
    if let Some(headers) = request.headers_mut() {
        headers.extend(outgoing.headers.into_iter().map(|(name, value)| (Some(name), value)));
    }
    let answer = request.body(outgoing.body).map_err(ureq::Error::from).and_then(|request| agent.run(request));
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => {
            let _ = heads.send(Err(HttpFailure(error.to_string())));
            return;
        }
    };
    let (parts, body) = answer.into_parts();
    if heads.send(Ok((parts.status, parts.headers))).is_err() {
        return;
    }
    let mut body = body.into_reader();
    loop {
        let mut piece = vec![0; PIECE_BYTES];
        let piece = match body.read(&mut piece) {
            Ok(0) => return,
            Ok(count) => {
                piece.truncate(count);
                Ok(piece)
            }
            Err(error) => Err(HttpFailure(format!("the answer broke off: {error}"))),
        };
        let is_last = piece.is_err();
        if pieces.blocking_send(piece).is_err() || is_last {
            return;
        }
    }
}

impl Incoming {
    fn is_of_type(&self, expected: &str) -> bool {
        let kind = self.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        kind.is_some_and(|kind| kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(expected))
    }

    fn session(&self) -> Option<String> {
        Some(self.headers.get(SESSION)?.to_str().ok()?.to_owned())
    }

    fn into_events(self) -> Events {
        Box::pin(SseStream::from_bytes_stream(self.body))
    }

    /// What a status that is no success means; `asked` is what was asked, and whether within a session.
    async fn refusal(
        self,
        message: &ClientJsonRpcMessage,
        in_session: bool,
        limits: StreamableHttpResponseLimits,
    ) -> Result<StreamableHttpPostResponse, Failure> {
        let status = self.status;
        if status == StatusCode::NOT_FOUND && in_session {
            return Err(Failure::SessionExpired);
        }
        let is_json = self.is_of_type(JSON);
        let session = self.session();
        if status == StatusCode::TOO_MANY_REQUESTS || (status.is_server_error() && !is_json) {
            let later = self.headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()).map(str::to_owned);
            return Err(HttpStatusError::new(status.as_u16(), later).into());
        }
        let limit = if is_json { limits.max_json_response_size } else { limits.max_error_response_size };
        let body = self.body.beginning(limit).await;
        let error = match serde_json::from_str::<ServerJsonRpcMessage>(&body) {
            Ok(ServerJsonRpcMessage::Error(error)) => Some(error),
            _ => None,
        };
        // What stands before an old server need not know the question for versions: the server may still be asked as of old.
        if let ClientJsonRpcMessage::Request(request) = message
            && matches!(request.request, ClientRequest::DiscoverRequest(_))
            && !in_session
            && status.is_client_error()
        {
            let told = error.map(|error| error.error);
            let told = told.unwrap_or_else(|| ErrorData::invalid_request(format!("HTTP {status}"), None));
            return Ok(StreamableHttpPostResponse::Json(
                ServerJsonRpcMessage::error(told, Some(request.id.clone())),
                None,
            ));
        }
        match error {
            Some(error) => Ok(StreamableHttpPostResponse::Json(ServerJsonRpcMessage::Error(error), session)),
            None => Err(unexpected(format!("HTTP {status}: {}", crate::error::quote(&body)))),
        }
    }
}

fn unexpected(words: String) -> Failure {
    Failure::UnexpectedServerResponse(Cow::Owned(words))
}

/// The headers of a request: those that it must have, over those that it may.
fn headers(
    accept: &'static str,
    session: Option<&str>,
    last_event: Option<&str>,
    token: Option<&str>,
    mut headers: HashMap<HeaderName, HeaderValue>,
) -> Result<HashMap<HeaderName, HeaderValue>, Failure> {
    let value = |text: &str| {
        HeaderValue::from_str(text).map_err(|_| unexpected("it gave a value that cannot stand in a header".to_owned()))
    };
    headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
    for (name, text) in [(SESSION, session), (LAST_EVENT, last_event)] {
        if let Some(text) = text {
            headers.insert(name, value(text)?);
        }
    }
    if let Some(token) = token {
        headers.insert(header::AUTHORIZATION, value(&format!("Bearer {token}"))?);
    }
    Ok(headers)
}

impl StreamableHttpClient for HttpClient {
    type Error = HttpFailure;

    async fn post_message(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session_id: Option<Arc<str>>,
        auth_header: Option<String>,
        custom_headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<StreamableHttpPostResponse, Failure> {
        let limits = StreamableHttpResponseLimits::default();
        self.post_message_with_response_limits(uri, message, session_id, auth_header, custom_headers, limits).await
    }

    async fn post_message_with_response_limits(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session_id: Option<Arc<str>>,
        auth_header: Option<String>,
        custom_headers: HashMap<HeaderName, HeaderValue>,
        limits: StreamableHttpResponseLimits,
    ) -> Result<StreamableHttpPostResponse, Failure> {
        let accept = "application/json, text/event-stream";
        let mut headers = headers(accept, session_id.as_deref(), None, auth_header.as_deref(), custom_headers)?;
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(JSON));
        let body = serde_json::to_vec(&message)?;
        let answer = self.send(Outgoing { method: Method::POST, url: uri, headers, body }).await?;
        if matches!(answer.status, StatusCode::ACCEPTED | StatusCode::NO_CONTENT) {
            return Ok(StreamableHttpPostResponse::Accepted);
        }
        if !answer.status.is_success() {
            return answer.refusal(&message, session_id.is_some(), limits).await;
        }
        let session = answer.session();
        let expects_answer = matches!(message, ClientJsonRpcMessage::Request(_));
        if answer.is_of_type(EVENTS) {
            return Ok(StreamableHttpPostResponse::Sse(answer.into_events(), session));
        }
        if !expects_answer {
            return Ok(StreamableHttpPostResponse::Accepted);
        }
        if !answer.is_of_type(JSON) {
            let kind = answer.headers.get(header::CONTENT_TYPE);
            return Err(Failure::UnexpectedContentType(
                kind.map(|kind| String::from_utf8_lossy(kind.as_bytes()).into_owned()),
            ));
        }
        let body = answer.body.whole(limits.max_json_response_size).await?;
        let message = serde_json::from_slice(&body).map_err(|error| {
            let begins = String::from_utf8_lossy(&body[..body.len().min(200)]);
            unexpected(format!("it sent no message of the protocol ({error}): {}", crate::error::quote(&begins)))
        })?;
        Ok(StreamableHttpPostResponse::Json(message, session))
    }

    async fn delete_session(
        &self,
        uri: Arc<str>,
        session_id: Arc<str>,
        auth_header: Option<String>,
        custom_headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<(), Failure> {
        let headers = headers(JSON, Some(&session_id), None, auth_header.as_deref(), custom_headers)?;
        self.send(Outgoing { method: Method::DELETE, url: uri, headers, body: Vec::new() }).await?;
        Ok(())
    }

    async fn get_stream(
        &self,
        uri: Arc<str>,
        session_id: Option<Arc<str>>,
        last_event_id: Option<String>,
        auth_header: Option<String>,
        custom_headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<Events, Failure> {
        let (session, token) = (session_id.as_deref(), auth_header.as_deref());
        let headers = headers(EVENTS, session, last_event_id.as_deref(), token, custom_headers)?;
        let answer = self.send(Outgoing { method: Method::GET, url: uri, headers, body: Vec::new() }).await?;
        if answer.status == StatusCode::METHOD_NOT_ALLOWED || answer.status == StatusCode::NOT_FOUND {
            return Err(Failure::ServerDoesNotSupportSse);
        }
        if !answer.status.is_success() {
            return Err(HttpStatusError::new(answer.status.as_u16(), None).into());
        }
        if !answer.is_of_type(EVENTS) {
            return Err(Failure::UnexpectedContentType(None));
        }
        Ok(answer.into_events())
    }
}
