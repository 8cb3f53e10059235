//! Whoever has something to offer to other programs.

use crate::access::Access;
use reinette::{Committer, Preparation, Tool, ToolAnswer, ToolError};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// An answer of a host, on its way.
pub type HostFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, ToolError>> + Send + 'a>>;

/// Whoever has something to offer: an assistant with its apps.
///
/// Its [`Committer`] makes the effects, each only after the client's user allowed it, and keeps the journal. Beside its
/// tools the server offers two of its own, `journal` and `undo`.
pub trait Host: Committer + 'static {
    /// What a client's model is told about us.
    fn instructions(&self) -> String;

    /// What can be called.
    fn tools(&self) -> Vec<HostTool>;

    /// What can be read.
    fn resources(&self) -> HostFuture<'_, Vec<HostResource>>;

    /// Reads a resource; `None` if there is none with this address.
    fn read(&self, uri: &str) -> HostFuture<'_, Option<ResourceText>>;

    /// The last `limit` things that were done, the latest first, with the ids that [`undo`](Self::undo) takes.
    fn journal(&self, limit: usize) -> HostFuture<'_, ToolAnswer>;

    /// Works out what taking back an entry of the journal comes to; the last one that can be if none is named.
    fn undo(&self, entry: Option<String>) -> Preparation;
}

/// A tool of a host.
#[derive(Clone)]
pub struct HostTool {
    /// The tool.
    pub tool: Arc<dyn Tool>,
    /// What calling it may do. Clients show it; nothing is done unasked whatever stands here.
    pub access: Access,
}

/// Something of a host's that can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostResource {
    /// Its address, such as `reinette://calendar`.
    pub uri: String,
    /// A short name.
    pub name: String,
    /// What it is, in a sentence.
    pub description: String,
    /// Its kind, such as `text/markdown`.
    pub mime_type: String,
}

/// What a resource says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceText {
    /// Its kind.
    pub mime_type: String,
    /// Its text.
    pub text: String,
}
