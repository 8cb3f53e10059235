//! What we offer to other programs.

mod asking;
mod door;
mod host;

pub use host::{Host, HostFuture, HostResource, HostTool, ResourceText};

use door::Door;
use rmcp::service::{RoleServer, ServerInitializeError, serve_server};
use rmcp::transport::async_rw::AsyncRwTransport;
use std::sync::Arc;
use std::time::Duration;

/// The longest message of a client: arguments of a call at most.
const MAX_MESSAGE_BYTES: usize = 8 << 20;

/// How long answers that are still being written may take when the client has gone.
const GRACE: Duration = Duration::from_secs(1);

/// How clients reach us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Transport {
    /// A client started us and speaks to us through our standard input and output, which carry nothing else then.
    Stdio,
}

/// Why serving ended otherwise than by a client that left.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The runtime cannot be begun.
    #[error("cannot begin to serve: {0}")]
    Runtime(#[from] std::io::Error),
    /// The client spoke something else.
    #[error("the client does not speak the Model Context Protocol: {0}")]
    Protocol(String),
    /// The server failed.
    #[error("serving broke off: {0}")]
    Broken(String),
}

/// Serves one client until it leaves.
///
/// # Errors
/// If the client does not speak the protocol, or serving breaks off.
pub fn serve(transport: Transport, host: Arc<dyn Host>) -> Result<(), ServeError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let served = match transport {
        Transport::Stdio => runtime.block_on(serve_streams(host)),
    };
    // The thread that reads standard input may wait for ever.
    runtime.shutdown_timeout(GRACE);
    served
}

async fn serve_streams(host: Arc<dyn Host>) -> Result<(), ServeError> {
    let transport = AsyncRwTransport::<RoleServer, _, _>::new(tokio::io::stdin(), tokio::io::stdout());
    match serve_server(Door::new(host), transport.with_max_line_length(MAX_MESSAGE_BYTES)).await {
        Ok(service) => service.waiting().await.map(drop).map_err(|error| ServeError::Broken(error.to_string())),
        // It looked whether we are there.
        Err(ServerInitializeError::ConnectionClosed(_)) => Ok(()),
        Err(error) => Err(ServeError::Protocol(error.to_string())),
    }
}
