//! The door for other programs' requests: nothing is done behind it that their user did not allow.

use super::asking::{ANSWER, Asker, Reply, Waiting};
use super::host::Host;
use crate::access::Access;
use crate::text::{self, MAX_TEXT_BYTES};
use reinette::{
    Commit, Invocation, Preparation, Prepared, Property, Risk, Schema, ToolAnswer, ToolCall, ToolDefinition, ToolError,
};
use rmcp::ServerHandler;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ElicitResult, ErrorData, Implementation,
    InputRequiredResult, ListResourcesResult, ListToolsResult, PaginatedRequestParams, ReadResourceRequestParams,
    ReadResourceResponse, ReadResourceResult, Resource, ResourceContents, ServerCapabilities, ServerConfig, Tool,
    ToolAnnotations,
};
use rmcp::service::{RequestContext, RoleServer};
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The server's own tools.
const JOURNAL: &str = "journal";
const UNDO: &str = "undo";

/// How much of the journal is told unless somebody asks for more.
const USUAL_ENTRIES: u64 = 10;
const MOST_ENTRIES: i64 = 100;

/// How often one call may ask: every choice once, and again where something changed meanwhile.
const MAX_ROUNDS: usize = 16;

/// How long a host may work without an answer.
const HOST_TIMEOUT: Duration = Duration::from_mins(2);

/// How long a call that waits for its user is kept, and how many are.
const KEPT: Duration = Duration::from_mins(15);
const MOST_KEPT: usize = 64;

/// Answers a client.
pub(super) struct Door {
    host: Arc<dyn Host>,
    /// Calls whose users are being asked, by a name that nobody guesses.
    kept: Mutex<HashMap<String, Kept>>,
}

struct Kept {
    deal: Deal,
    waiting: Waiting,
    since: Instant,
}

/// A call on its way to an answer.
struct Deal {
    call: ToolCall,
    chosen: Vec<String>,
}

impl Door {
    pub(super) fn new(host: Arc<dyn Host>) -> Self {
        Self { host, kept: Mutex::default() }
    }

    fn definitions(&self) -> Vec<(ToolDefinition, Access)> {
        let limit = Property::optional("limit", Schema::integer(1, MOST_ENTRIES).describe("how many"));
        let entry = Property::optional("entry", Schema::text().describe("the id of an entry of the journal"));
        let definition = |name: &str, description: &str, property| ToolDefinition {
            name: name.to_owned(),
            description: description.to_owned(),
            parameters: Schema::object([property]),
            examples: Vec::new(),
        };
        let own = [
            (definition(JOURNAL, "Lists what was done last, the latest first, with ids.", limit), Access::Reads),
            (
                definition(UNDO, "Takes back something that was done: the last thing if no entry is named.", entry),
                Access::Acts(Risk::Changes),
            ),
        ];
        let tools = self.host.tools().into_iter().map(|tool| (tool.tool.definition(), tool.access));
        let tools = tools.filter(|(definition, _)| ![JOURNAL, UNDO].contains(&definition.name.as_str()));
        tools.chain(own).collect()
    }

    /// Begins to prepare a call; `None` if there is no such tool.
    fn prepare(&self, deal: &Deal) -> Option<Preparation> {
        let arguments = deal.call.arguments.clone();
        match deal.call.name.as_str() {
            JOURNAL => {
                let limit = arguments.get("limit").and_then(Value::as_u64).unwrap_or(USUAL_ENTRIES);
                let host = self.host.clone();
                let limit = usize::try_from(limit).unwrap_or(usize::MAX);
                Some(Box::pin(async move { host.journal(limit).await.map(Prepared::Answer) }))
            }
            UNDO => Some(self.host.undo(arguments.get("entry").and_then(Value::as_str).map(str::to_owned))),
            name => {
                let tools = self.host.tools();
                let tool = tools.into_iter().find(|tool| tool.tool.definition().name == name)?.tool;
                Some(tool.prepare(Invocation { arguments, chosen: deal.chosen.clone() }))
            }
        }
    }

    /// Follows a call until it is answered, or until the client has to send it again with its user's answer.
    async fn follow(
        &self,
        mut deal: Deal,
        mut replied: Option<(Waiting, Reply)>,
        asker: &Asker,
    ) -> Result<CallToolResponse, ErrorData> {
        for _ in 0..MAX_ROUNDS {
            match replied.take() {
                Some((_, Reply::Declined)) => return Ok(failure("The user declined. Nothing was changed.")),
                Some((Waiting::Choice(question), Reply::Accepted(values))) => {
                    let choice = values["choice"].as_str().unwrap_or_default();
                    if !question.choices.iter().any(|offered| offered == choice) {
                        return Ok(failure("The user chose nothing that was offered. Nothing was changed."));
                    }
                    deal.chosen.push(choice.to_owned());
                }
                Some((Waiting::Approval(effect), Reply::Accepted(_))) => {
                    // What has begun is not dropped when the client loses interest.
                    let (host, call) = (self.host.clone(), deal.call.clone());
                    let committing = tokio::spawn(async move { host.commit(&call, effect).await });
                    match tokio::time::timeout(HOST_TIMEOUT, committing).await {
                        Ok(Ok(Ok(Commit::Done(answer)))) => return Ok(answered(answer)),
                        Ok(Ok(Ok(Commit::Stale))) => {}
                        Ok(Ok(Err(error))) => return Ok(failure(&error.to_string())),
                        Ok(Err(_)) | Err(_) => {
                            return Ok(failure("It is not known whether this was done: look at the journal."));
                        }
                    }
                }
                None => {}
            }
            let Some(preparation) = self.prepare(&deal) else {
                return Err(ErrorData::invalid_params(format!("there is no tool `{}`", deal.call.name), None));
            };
            let waiting = match in_time(preparation).await {
                Ok(Prepared::Answer(answer)) => return Ok(answered(answer)),
                Ok(Prepared::Question(question)) => Waiting::Choice(question),
                Ok(Prepared::Effect(effect)) => Waiting::Approval(effect),
                Err(error) => return Ok(failure(&error.to_string())),
            };
            match asker {
                Asker::Mute => return Ok(failure(&unaskable(&waiting))),
                Asker::Rounds => return Ok(self.keep(deal, waiting).into()),
                Asker::Inline(peer) => match waiting.ask(peer).await {
                    Ok(reply) => replied = Some((waiting, reply)),
                    Err(error) => {
                        return Ok(failure(&format!("The user could not be asked ({error}). Nothing was changed.")));
                    }
                },
            }
        }
        Ok(failure("What this is about keeps changing. Nothing was changed; try again."))
    }

    /// Keeps a call until the client sends it again.
    fn keep(&self, deal: Deal, waiting: Waiting) -> InputRequiredResult {
        let requests = waiting.requests();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|_, call| call.since.elapsed() < KEPT);
        if kept.len() >= MOST_KEPT {
            let oldest = kept.iter().min_by_key(|(_, call)| call.since).map(|(state, _)| state.clone());
            oldest.and_then(|state| kept.remove(&state));
        }
        let state = uuid::Uuid::new_v4().to_string();
        kept.insert(state.clone(), Kept { deal, waiting, since: Instant::now() });
        InputRequiredResult::new(Some(requests), Some(state))
    }

    /// Finds a call that was kept, which is answered once at most, and what its user answered.
    fn resume(&self, state: &str, call: &ToolCall, answer: Option<Value>) -> Result<(Deal, Waiting, Reply), ErrorData> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let found = kept.remove(state).filter(|kept| kept.since.elapsed() < KEPT);
        let found =
            found.filter(|kept| (&kept.deal.call.name, &kept.deal.call.arguments) == (&call.name, &call.arguments));
        let Some(Kept { deal, waiting, .. }) = found else {
            return Err(ErrorData::invalid_params("this call waits for nothing any more: make it anew", None));
        };
        let answer = answer.and_then(|answer| serde_json::from_value::<ElicitResult>(answer).ok());
        Ok((deal, waiting, answer.map_or(Reply::Declined, Reply::from)))
    }
}

/// What a host prepares, if that does not take for ever.
async fn in_time(preparation: Preparation) -> Result<Prepared, ToolError> {
    let timed_out = |_| ToolError::new("this took too long; nothing was changed");
    tokio::time::timeout(HOST_TIMEOUT, preparation).await.map_err(timed_out)?
}

/// Why something is not done for a client that cannot ask its user.
fn unaskable(waiting: &Waiting) -> String {
    match waiting {
        Waiting::Choice(question) => {
            let choices = question.choices.join(", ");
            format!("{} ({choices}) Nothing was changed. Say it more exactly.", question.text)
        }
        Waiting::Approval(effect) => format!(
            "Nothing was changed. This would be done: {} But the user has to allow it, and this program cannot ask the user \
             (it does not support elicitation).",
            effect.summary
        ),
    }
}

fn failure(words: &str) -> CallToolResponse {
    CallToolResult::error(vec![ContentBlock::text(text::bounded(words, MAX_TEXT_BYTES))]).into()
}

fn answered(answer: ToolAnswer) -> CallToolResponse {
    let words = ContentBlock::text(text::bounded(&answer.text, MAX_TEXT_BYTES));
    let links = answer.sources.into_iter().filter_map(|source| {
        let uri = source.location.filter(|location| location.contains(':'))?;
        Some(ContentBlock::ResourceLink(Resource::new(uri, source.id).with_title(source.title)))
    });
    let content = std::iter::once(words).chain(links).collect();
    let mut result = if answer.is_error { CallToolResult::error(content) } else { CallToolResult::success(content) };
    result.structured_content = answer.data.is_object().then_some(answer.data);
    result.into()
}

fn tool((definition, access): (ToolDefinition, Access)) -> Tool {
    let schema = definition.parameters.as_json().as_object().cloned().unwrap_or_default();
    let (reads, sends) = match access {
        Access::Reads => (true, false),
        Access::Acts(risk) => (false, risk != Risk::Changes),
    };
    let annotations = ToolAnnotations::new().read_only(reads).open_world(sends);
    Tool::new(definition.name, definition.description, Arc::new(schema)).with_annotations(annotations)
}

fn broken(error: &ToolError) -> ErrorData {
    ErrorData::internal_error(text::bounded(&error.to_string(), MAX_TEXT_BYTES), None)
}

/// Runs `work` unless the client takes its request back.
async fn unless_cancelled<T>(
    context: &RequestContext<RoleServer>,
    work: impl Future<Output = Result<T, ErrorData>>,
) -> Result<T, ErrorData> {
    tokio::select! {
        biased;
        () = context.ct.cancelled() => Err(ErrorData::internal_error("the request was taken back", None)),
        result = work => result,
    }
}

impl ServerHandler for Door {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder().enable_tools().enable_resources().build();
        ServerConfig::new(capabilities)
            .with_server_info(Implementation::new("reinette", env!("CARGO_PKG_VERSION")))
            .with_instructions(self.host.instructions())
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(self.definitions().into_iter().map(tool).collect()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let arguments = request.arguments.unwrap_or_default();
        let call = ToolCall { id: context.id.to_string(), name: request.name.into_owned(), arguments };
        let asker = Asker::of(&context);
        if let Some(state) = request.request_state {
            let answer = request.input_responses.and_then(|mut answers| answers.remove(ANSWER));
            let (deal, waiting, reply) = self.resume(&state, &call, answer)?;
            return unless_cancelled(&context, self.follow(deal, Some((waiting, reply)), &asker)).await;
        }
        if let Err(reason) = self.check(&call.name, &call.arguments) {
            return Ok(failure(&format!("These arguments do not fit: {reason}. Nothing was changed.")));
        }
        let deal = Deal { call, chosen: Vec::new() };
        unless_cancelled(&context, self.follow(deal, None, &asker)).await
    }

    async fn list_resources(
        &self,
        _: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let listing = async { self.host.resources().await.map_err(|error| broken(&error)) };
        let resources = unless_cancelled(&context, listing).await?.into_iter().map(|resource| {
            let listed = Resource::new(resource.uri, resource.name);
            listed.with_description(resource.description).with_mime_type(resource.mime_type)
        });
        Ok(ListResourcesResult::with_all_items(resources.collect()))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let reading = async { self.host.read(&request.uri).await.map_err(|error| broken(&error)) };
        let Some(read) = unless_cancelled(&context, reading).await? else {
            return Err(ErrorData::resource_not_found(format!("there is no resource {}", request.uri), None));
        };
        let contents = ResourceContents::text(read.text, request.uri.clone()).with_mime_type(read.mime_type);
        Ok(ReadResourceResult::new(vec![contents]).into())
    }
}

impl Door {
    /// Whether arguments are as a tool's schema says; one that there is not has none.
    fn check(&self, name: &str, arguments: &Map<String, Value>) -> Result<(), String> {
        let definition = self.definitions().into_iter().find(|(definition, _)| definition.name == name);
        let Some((definition, _)) = definition else { return Ok(()) };
        definition.parameters.validate(&Value::Object(arguments.clone()))
    }
}
