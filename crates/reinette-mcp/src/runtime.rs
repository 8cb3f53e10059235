//! The one thread on which all protocol work runs; callers need no runtime of their own.

use crate::error::McpError;
use std::future::Future;
use std::pin::Pin;
use std::sync::OnceLock;
use std::task::{Context, Poll};
use tokio::runtime::{Builder, Handle};
use tokio::task::JoinHandle;

/// The runtime, begun when it is first needed; it ends with the process.
fn handle() -> Result<&'static Handle, &'static str> {
    static HANDLE: OnceLock<Result<Handle, String>> = OnceLock::new();
    let begin = || {
        let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
        let handle = runtime.handle().clone();
        let thread = std::thread::Builder::new().name("mcp".to_owned());
        let run = move || runtime.block_on(std::future::pending::<()>());
        thread.spawn(run).map_err(|error| error.to_string())?;
        Ok(handle)
    };
    HANDLE.get_or_init(begin).as_ref().map_err(String::as_str)
}

/// Work on the runtime, for whoever polls this; dropping it drops the work.
pub(crate) struct Task<T> {
    server: String,
    work: Result<JoinHandle<T>, &'static str>,
}

/// Begins work that is about `server`.
pub(crate) fn spawn<T: Send + 'static>(server: &str, work: impl Future<Output = T> + Send + 'static) -> Task<T> {
    Task { server: server.to_owned(), work: handle().map(|handle| handle.spawn(work)) }
}

impl<T> Future for Task<T> {
    type Output = Result<T, McpError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { server, work } = &mut *self;
        let result = match work {
            Ok(work) => std::task::ready!(Pin::new(work).poll(context)).map_err(|error| error.to_string()),
            Err(reason) => Err((*reason).to_owned()),
        };
        Poll::Ready(result.map_err(|reason| McpError::internal(server, &reason)))
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        if let Ok(work) = &self.work {
            work.abort();
        }
    }
}
