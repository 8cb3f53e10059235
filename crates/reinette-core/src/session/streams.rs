//! Answers as they come: streams for async code, iterators for all other.

use super::driver;
use super::{Approval, Replies, Response, SessionError, TurnEvent};
use crate::{Generable, PartialValue};
use async_channel::Receiver;
use futures_core::Stream;
use futures_lite::StreamExt as _;
use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Everything that happens in a turn, as it happens. Polling it does the turn's work; dropping it cancels the turn.
pub struct EventStream {
    driver: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    /// Boxed, because a receiver cannot be moved once it was polled, and a stream should.
    events: Box<Receiver<Result<TurnEvent, SessionError>>>,
    replies: Replies,
}

impl fmt::Debug for EventStream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("EventStream").field("is_done", &self.driver.is_none()).finish_non_exhaustive()
    }
}

impl EventStream {
    /// What `driver` sends to `events` while it is polled.
    pub(super) fn new(
        driver: impl Future<Output = ()> + Send + 'static,
        events: Receiver<Result<TurnEvent, SessionError>>,
        replies: Replies,
    ) -> Self {
        Self { driver: Some(Box::pin(driver)), events: Box::new(events), replies }
    }

    /// Where this turn's questions are answered, from wherever: [`Approvals::Ask`](super::Approvals::Ask).
    pub fn replies(&self) -> Replies {
        self.replies.clone()
    }

    /// What happens next; `None` after the end or an error.
    pub async fn next(&mut self) -> Option<Result<TurnEvent, SessionError>> {
        futures_lite::StreamExt::next(self).await
    }

    /// The stream as an iterator that blocks.
    pub fn blocking(self) -> impl Iterator<Item = Result<TurnEvent, SessionError>> {
        futures_lite::stream::block_on(self)
    }

    /// Answers a question that nobody will.
    fn leave_unanswered(&self, event: &TurnEvent) {
        match event {
            TurnEvent::Proposed { id, needs_reply: true, .. } => self.replies.decide(id, Approval::Nobody),
            TurnEvent::Asked { id, .. } => self.replies.choose(id, None),
            _ => false,
        };
    }

    /// The end of the turn.
    pub(super) async fn finish(mut self) -> Result<Response, SessionError> {
        while let Some(event) = self.next().await {
            match event? {
                TurnEvent::Finished(response) => return Ok(response),
                other => self.leave_unanswered(&other),
            }
        }
        Err(driver::ended_early())
    }
}

impl Stream for EventStream {
    type Item = Result<TurnEvent, SessionError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Ok(event) = self.events.try_recv() {
            return Poll::Ready(Some(event));
        }
        let Some(driver) = &mut self.driver else { return Poll::Ready(None) };
        let is_done = driver.as_mut().poll(context).is_ready();
        if is_done {
            self.driver = None;
        }
        // Only the driver sends, so nothing comes between this look and the next poll.
        match self.events.try_recv() {
            Ok(event) => Poll::Ready(Some(event)),
            Err(_) if is_done => Poll::Ready(None),
            Err(_) => Poll::Pending,
        }
    }
}

/// The words of an answer as they come. Dropping it cancels the turn at the model's next token.
///
/// ```
/// # extern crate reinette_core as reinette;
/// use reinette::Session;
/// use reinette::testing::{Reply, ScriptedModel};
///
/// let session = Session::new(&ScriptedModel::new([Reply::text("An apple a day.")]));
/// let words: Result<Vec<String>, _> = session.stream("A proverb, please.").blocking().collect();
/// assert_eq!(words?, ["An ", "apple ", "a ", "day."]);
/// # Ok::<(), reinette::SessionError>(())
/// ```
#[derive(Debug)]
#[must_use = "a stream does nothing until it is polled"]
pub struct TextStream {
    events: EventStream,
}

impl TextStream {
    pub(super) fn new(events: EventStream) -> Self {
        Self { events }
    }

    /// The next words; `None` after the end or an error.
    pub async fn next(&mut self) -> Option<Result<String, SessionError>> {
        futures_lite::StreamExt::next(self).await
    }

    /// The stream as an iterator that blocks.
    pub fn blocking(self) -> impl Iterator<Item = Result<String, SessionError>> {
        futures_lite::stream::block_on(self)
    }

    /// The whole answer, whatever of it has come already.
    ///
    /// # Errors
    /// See [`SessionError`].
    pub async fn collect(self) -> Result<Response, SessionError> {
        self.events.finish().await
    }
}

impl Stream for TextStream {
    type Item = Result<String, SessionError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            match self.events.poll_next(context) {
                Poll::Ready(Some(Ok(TurnEvent::Text { text: words }))) => return Poll::Ready(Some(Ok(words))),
                Poll::Ready(Some(Ok(TurnEvent::Finished(_))) | None) => return Poll::Ready(None),
                Poll::Ready(Some(Ok(other))) => self.events.leave_unanswered(&other),
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error))),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

/// The value of an answer as it grows, as far as it is known: see [`Generable::Partial`]. Dropping it cancels the turn at
/// the model's next token.
///
/// ```
/// # extern crate reinette_core as reinette;
/// use reinette::testing::{Reply, ScriptedModel};
/// use reinette::{Generable, Session};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize, Generable)]
/// struct Trip {
///     title: String,
///     days: u8,
/// }
///
/// # futures_lite::future::block_on(async {
/// let session = Session::new(&ScriptedModel::new([Reply::text(r#"{"title": "By the sea", "days": 3}"#)]));
/// let mut trips = session.stream_as::<Trip>("Three days, please.");
/// while let Some(snapshot) = trips.next().await {
///     let snapshot = snapshot?;
///     // Every field is there as soon as it is known; words grow.
///     if let Some(title) = &snapshot.title {
///         assert!("By the sea".starts_with(title.as_str()));
///     }
/// }
/// # Ok::<_, reinette::SessionError>(())
/// # }).unwrap();
/// ```
#[must_use = "a stream does nothing until it is polled"]
pub struct ValueStream<T> {
    events: EventStream,
    text: String,
    value: PhantomData<fn() -> T>,
}

impl<T> fmt::Debug for ValueStream<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ValueStream").field("text", &self.text).finish_non_exhaustive()
    }
}

impl<T: Generable> ValueStream<T> {
    pub(super) fn new(events: EventStream) -> Self {
        Self { events, text: String::new(), value: PhantomData }
    }

    /// What is known now; `None` after the end or an error.
    pub async fn next(&mut self) -> Option<Result<T::Partial, SessionError>> {
        futures_lite::StreamExt::next(self).await
    }

    /// The stream as an iterator that blocks.
    pub fn blocking(self) -> impl Iterator<Item = Result<T::Partial, SessionError>> {
        futures_lite::stream::block_on(self)
    }

    /// The whole answer, whatever of it has come already.
    ///
    /// # Errors
    /// See [`SessionError`].
    pub async fn collect(self) -> Result<Response<T>, SessionError> {
        driver::value_of(self.events.finish().await?)
    }
}

impl<T: Generable> Stream for ValueStream<T> {
    type Item = Result<T::Partial, SessionError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            match self.events.poll_next(context) {
                Poll::Ready(Some(Ok(TurnEvent::Text { text: words }))) => {
                    self.text.push_str(&words);
                    let known = PartialValue::parse(&self.text);
                    if let Some(snapshot) = known.as_ref().and_then(T::partial) {
                        return Poll::Ready(Some(Ok(snapshot)));
                    }
                }
                // What was said before a call is not the value.
                Poll::Ready(Some(Ok(TurnEvent::ToolCalls { .. }))) => self.text.clear(),
                Poll::Ready(Some(Ok(TurnEvent::Finished(_))) | None) => return Poll::Ready(None),
                Poll::Ready(Some(Ok(other))) => self.events.leave_unanswered(&other),
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error))),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}
