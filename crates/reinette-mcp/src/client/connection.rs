//! A connection to one server: how it comes about, what is asked over it, and what its end means.

use super::activity::{Activity, Deadlines, TimeUp};
use super::elicitation::Frontend;
use super::handler::Handler;
use super::http::HttpClient;
use super::meter::{Meter, Metered};
use super::process::Process;
use crate::config::ServerConfig;
use crate::error::{Fault, McpError, quote};
use rmcp::model::{
    CallToolRequestParams, CallToolResult, GetPromptRequestParams, GetPromptResult, PaginatedRequestParams, Prompt,
    ProtocolVersion, ReadResourceRequestParams, ReadResourceResult, Resource, ServerCapabilities, SubscriptionFilter,
    Tool,
};
use rmcp::service::{
    ClientInitializeError, ClientLifecycleMode, Peer, RoleClient, RunningService, ServiceError,
    serve_client_with_lifecycle,
};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::async_rw::AsyncRwTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use std::error::Error;
use std::future::Future;
use std::sync::Arc;
use tokio::sync::Mutex;
use ureq::http::{HeaderName, HeaderValue};

/// The most pages of a list, and the most entries.
const MAX_PAGES: usize = 64;
const MAX_ENTRIES: usize = 1000;

/// What all connections share.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) frontend: Arc<dyn Frontend>,
    pub(crate) deadlines: Deadlines,
}

/// How a conversation with a server begins.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Opening {
    /// By asking for the newest version that it speaks; on an error as of old.
    Probe,
    /// As it was before there was anything to ask for.
    OfOld,
}

/// A connection.
pub(crate) struct Connection {
    server: String,
    deadlines: Deadlines,
    service: RunningService<RoleClient, Handler>,
    pub(crate) activity: Arc<Activity>,
    meter: Meter,
    process: Mutex<Option<Process>>,
    listener: Option<tokio::task::JoinHandle<()>>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(listener) = &self.listener {
            listener.abort();
        }
    }
}

impl Connection {
    /// Starts or reaches a server and agrees on a version with it. One that does not survive the question for versions is
    /// started again, and not asked.
    ///
    /// # Errors
    /// Why there is no connection.
    pub(crate) async fn open(server: &str, config: &ServerConfig, settings: &Settings) -> Result<Self, McpError> {
        match Self::attempt(server, config, settings, Opening::Probe).await {
            Err(error) if matches!(error.fault(), Fault::Ended | Fault::Protocol) => {
                Self::attempt(server, config, settings, Opening::OfOld).await
            }
            opened => opened,
        }
    }

    async fn attempt(
        server: &str,
        config: &ServerConfig,
        settings: &Settings,
        opening: Opening,
    ) -> Result<Self, McpError> {
        let (activity, meter) = (Arc::new(Activity::new()), Meter::new());
        let frontend = settings.frontend.clone();
        let handler = Handler { server: server.to_owned(), frontend, activity: activity.clone() };
        let mode = opening.mode();
        let (mut process, service) = match config {
            ServerConfig::Command { command, args, env } => {
                let (process, pipes) = Process::start(command, args, env).map_err(|error| {
                    let advice = "see whether the program is installed and its name is right";
                    McpError::new(
                        server,
                        Fault::Unreachable,
                        format!("cannot be started: `{command}`: {error}"),
                        advice,
                    )
                })?;
                let transport = AsyncRwTransport::new_client(Metered::new(pipes.output, meter.clone()), pipes.input);
                let opened = serve_client_with_lifecycle(handler, transport, mode);
                (Some(process), tokio::time::timeout(settings.deadlines.start, opened).await)
            }
            ServerConfig::Url { url, headers } => {
                let headers = headers.iter().map(|(name, value)| {
                    let (name, value) = (HeaderName::try_from(name.as_str()), HeaderValue::try_from(value.as_str()));
                    Some((name.ok()?, value.ok()?))
                });
                let headers = headers.collect::<Option<_>>().ok_or_else(|| {
                    let advice = "correct it in config.toml";
                    McpError::new(server, Fault::Unreachable, "has a header that cannot be sent", advice)
                })?;
                let transport = StreamableHttpClientTransportConfig::with_uri(url.as_str()).custom_headers(headers);
                let transport = StreamableHttpClientTransport::with_client(HttpClient::new(meter.clone()), transport);
                let opened = serve_client_with_lifecycle(handler, transport, mode);
                (None, tokio::time::timeout(settings.deadlines.start, opened).await)
            }
        };
        let service = match service {
            Ok(Ok(service)) => service,
            Ok(Err(error)) => return Err(opening_failed(server, &error, &meter, process.as_mut()).await),
            Err(_) => return Err(McpError::too_slow(server, "say what it can do", settings.deadlines.start)),
        };
        let mut connection = Self {
            server: server.to_owned(),
            deadlines: settings.deadlines,
            service,
            activity,
            meter,
            process: Mutex::new(process),
            listener: None,
        };
        connection.listen();
        Ok(connection)
    }

    /// Servers of the newest version tell of changes only those who listen.
    fn listen(&mut self) {
        let capabilities = self.capabilities();
        let tells = capabilities.tools.and_then(|tools| tools.list_changed).unwrap_or_default();
        if tells && !self.version().is_some_and(|version| version.has_initialize()) {
            let (peer, activity) = (self.service.peer().clone(), self.activity.clone());
            self.listener = Some(tokio::spawn(listen(peer, activity)));
        }
    }

    fn version(&self) -> Option<ProtocolVersion> {
        self.service.peer().peer_info().map(|info| info.protocol_version.clone())
    }

    /// The version of the protocol that was agreed on.
    pub(crate) fn protocol(&self) -> String {
        self.version().map(|version| version.to_string()).unwrap_or_default()
    }

    pub(crate) fn capabilities(&self) -> ServerCapabilities {
        self.service.peer().peer_info().map(|info| info.capabilities.clone()).unwrap_or_default()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.service.is_closed() || self.service.peer().is_transport_closed() || self.meter.excess().is_some()
    }

    /// Ends the connection, and the program at its other end.
    pub(crate) async fn close(mut self) {
        let _ = self.service.close_with_timeout(self.deadlines.silence.min(std::time::Duration::from_secs(2))).await;
        if let Some(process) = self.process.lock().await.take() {
            process.end().await;
        }
    }

    /// Calls a tool, with whatever the server wants to know meanwhile. (What the library does for a request takes kilobytes: it is
    /// kept apart.)
    pub(crate) async fn call(&self, params: CallToolRequestParams) -> Result<CallToolResult, McpError> {
        self.ask("answer", Box::pin(self.service.call_tool(params))).await
    }

    pub(crate) async fn prompt(&self, params: GetPromptRequestParams) -> Result<GetPromptResult, McpError> {
        self.ask("give its prompt", Box::pin(self.service.get_prompt(params))).await
    }

    pub(crate) async fn resource(&self, uri: &str) -> Result<ReadResourceResult, McpError> {
        let params = ReadResourceRequestParams::new(uri);
        self.ask("give what it has", Box::pin(self.service.read_resource(params))).await
    }

    pub(crate) async fn tools(&self) -> Result<Vec<Tool>, McpError> {
        if self.capabilities().tools.is_none() {
            return Ok(Vec::new());
        }
        let peer = self.service.peer();
        let page = |params| async move { peer.list_tools(params).await.map(|page| (page.tools, page.next_cursor)) };
        self.list("tools", page).await
    }

    pub(crate) async fn prompts(&self) -> Result<Vec<Prompt>, McpError> {
        if self.capabilities().prompts.is_none() {
            return Ok(Vec::new());
        }
        let peer = self.service.peer();
        let page = |params| async move { peer.list_prompts(params).await.map(|page| (page.prompts, page.next_cursor)) };
        self.list("prompts", page).await
    }

    pub(crate) async fn resources(&self) -> Result<Vec<Resource>, McpError> {
        if self.capabilities().resources.is_none() {
            return Ok(Vec::new());
        }
        let peer = self.service.peer();
        let page =
            |params| async move { peer.list_resources(params).await.map(|page| (page.resources, page.next_cursor)) };
        self.list("resources", page).await
    }

    /// All entries of a list, page by page.
    async fn list<T, F: Future<Output = Result<(Vec<T>, Option<String>), ServiceError>>>(
        &self,
        what: &str,
        page: impl Fn(Option<PaginatedRequestParams>) -> F,
    ) -> Result<Vec<T>, McpError> {
        let mut entries = Vec::new();
        let mut cursor = None;
        for _ in 0..MAX_PAGES {
            let params = cursor.map(|cursor| PaginatedRequestParams::default().with_cursor(Some(cursor)));
            let (more, next) = self.ask(&format!("list its {what}"), page(params)).await?;
            entries.extend(more);
            cursor = next;
            if cursor.is_none() || entries.len() >= MAX_ENTRIES {
                entries.truncate(MAX_ENTRIES);
                return Ok(entries);
            }
        }
        Err(McpError::lied(&self.server, format!("lists its {what} without end")))
    }

    /// Waits for an answer; `doing` is what the server then did not do in time.
    async fn ask<T>(&self, doing: &str, asking: impl Future<Output = Result<T, ServiceError>>) -> Result<T, McpError> {
        match self.activity.within(self.deadlines, asking).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(self.failed(doing, &error).await),
            Err(TimeUp { limit }) => Err(McpError::too_slow(&self.server, doing, limit)),
        }
    }

    async fn failed(&self, doing: &str, error: &ServiceError) -> McpError {
        let server = &self.server;
        match error {
            ServiceError::McpError(refusal) => return McpError::refused(server, &refusal.message),
            ServiceError::UnexpectedResponse => {
                let what = format!("did not {doing} in a way that the protocol knows");
                return McpError::lied(server, what);
            }
            ServiceError::InputRequiredRoundsExceeded { .. } => {
                return McpError::lied(server, "wants to know one thing after the other without end");
            }
            _ if error.is_authorization_required() => return unauthorized(server),
            _ => {}
        }
        let mut process = self.process.lock().await;
        ended(server, &chain(error), &self.meter, process.as_mut()).await
    }
}

impl Opening {
    fn mode(self) -> ClientLifecycleMode {
        match self {
            Self::Probe => ClientLifecycleMode::Auto {
                preferred_versions: vec![ProtocolVersion::V_2026_07_28],
                legacy_version: Some(ProtocolVersion::V_2025_11_25),
            },
            Self::OfOld => ClientLifecycleMode::Initialize,
        }
    }
}

/// Listens for changed tools for as long as the server lets us.
async fn listen(peer: Peer<RoleClient>, activity: Arc<Activity>) {
    let filter = SubscriptionFilter::builder().tools_list_changed().build();
    let Ok(mut subscription) = peer.listen(filter).await else { return };
    while let Ok(Some(_)) = subscription.next().await {
        activity.tools_have_changed();
    }
    // What was missed is found when tools are asked for again.
    activity.tools_have_changed();
}

/// Why no conversation began.
async fn opening_failed(
    server: &str,
    error: &ClientInitializeError,
    meter: &Meter,
    process: Option<&mut Process>,
) -> McpError {
    if error.is_authorization_required() {
        return unauthorized(server);
    }
    match error {
        ClientInitializeError::JsonRpcError(refusal) => McpError::refused(server, &refusal.message),
        ClientInitializeError::LegacyFallbackFailed { fallback, .. } => {
            Box::pin(opening_failed(server, fallback, meter, process)).await
        }
        ClientInitializeError::NoCompatibleProtocolVersion { server_supported, .. } => {
            let versions: Vec<String> = server_supported.iter().map(ToString::to_string).collect();
            let what = format!("speaks only versions of the protocol that are not known here: {}", versions.join(", "));
            McpError::new(server, Fault::Protocol, quote(&what), "update the one that is older")
        }
        ClientInitializeError::ConnectionClosed(_) | ClientInitializeError::TransportError { .. } => {
            ended(server, &chain(error), meter, process).await
        }
        other => {
            if let Some(excess) = meter.excess() {
                return too_much(server, &excess);
            }
            let what = format!("does not speak the protocol: {}", quote(&other.to_string()));
            McpError::new(server, Fault::Protocol, what, "see whether it is an MCP server at all")
        }
    }
}

/// What the end of a connection means.
async fn ended(server: &str, reason: &str, meter: &Meter, process: Option<&mut Process>) -> McpError {
    if let Some(excess) = meter.excess() {
        return too_much(server, &excess);
    }
    let Some(process) = process else {
        let what = format!("cannot be reached: {}", quote(reason));
        return McpError::new(server, Fault::Unreachable, what, "see whether it runs and its address is right");
    };
    let words = process.last_words().await;
    let status =
        words.status.map_or_else(|| "broke the connection off".to_owned(), |status| format!("ended ({status})"));
    let complaint = quote(&words.complaint);
    let what = if complaint.is_empty() { status } else { format!("{status} and said: {complaint}") };
    McpError::new(server, Fault::Ended, what, "it is started again when it is next needed")
}

fn too_much(server: &str, excess: &str) -> McpError {
    McpError::new(server, Fault::TooMuch, format!("{excess} and was stopped"), "ask for less, or leave it out")
}

fn unauthorized(server: &str) -> McpError {
    let advice = "give it a key: `headers = { Authorization = \"Bearer …\" }` in config.toml";
    McpError::new(server, Fault::Unauthorized, "wants to know who asks", advice)
}

/// An error with what caused it.
fn chain(error: &dyn Error) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_words = cause.to_string();
        if !words.contains(&cause_words) {
            words = format!("{words}: {cause_words}");
        }
        source = cause.source();
    }
    words
}
