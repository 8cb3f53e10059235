//! How the client's user is asked: by a request of ours in old versions of the protocol, by an answer that the client sends
//! again with what is missing in the newest.

use crate::text;
use reinette::{Effect, Question, Risk};
use rmcp::model::{
    ClientResult, ElicitRequest, ElicitRequestParams, ElicitResult, ElicitationAction, ElicitationSchema, InputRequest,
    InputRequests, ProtocolVersion, ServerRequest,
};
use rmcp::service::{Peer, PeerRequestOptions, RequestContext, RoleServer, ServiceError};
use serde_json::{Value, json};
use std::time::Duration;

/// The key under which a client answers.
pub(super) const ANSWER: &str = "answer";

/// The most of a question's words.
const MAX_MESSAGE_BYTES: usize = 16 << 10;

/// How long a user may take.
const USER_TIMEOUT: Duration = Duration::from_mins(15);

/// How this client's user can be asked.
pub(super) enum Asker {
    /// Not at all.
    Mute,
    /// By a request within the call.
    Inline(Peer<RoleServer>),
    /// By a call that is sent again.
    Rounds,
}

impl Asker {
    pub(super) fn of(context: &RequestContext<RoleServer>) -> Self {
        let elicitation = context.client_capabilities().and_then(|capabilities| capabilities.elicitation);
        // Clients from before there were kinds of forms name none.
        let takes_forms = elicitation.is_some_and(|kinds| kinds.form.is_some() || kinds.url.is_none());
        let is_new = context.protocol_version().is_some_and(|version| version >= ProtocolVersion::V_2026_07_28);
        match (takes_forms, is_new) {
            (false, _) => Self::Mute,
            (true, false) => Self::Inline(context.peer.clone()),
            (true, true) => Self::Rounds,
        }
    }
}

/// What a call waits for.
pub(super) enum Waiting {
    /// What the user means.
    Choice(Question),
    /// Whether the user allows it.
    Approval(Effect),
}

/// What a user answered.
#[derive(Debug, PartialEq)]
pub(super) enum Reply {
    /// Yes, with these values.
    Accepted(Value),
    /// No, or nothing.
    Declined,
}

impl Waiting {
    /// The form that asks.
    fn form(&self) -> Option<ElicitRequestParams> {
        let (message, properties, required) = match self {
            Self::Choice(question) => {
                let choice = json!({"type": "string", "title": "Choice", "enum": question.choices});
                (question.text.clone(), json!({ "choice": choice }), json!(["choice"]))
            }
            Self::Approval(effect) => (approval(effect), json!({}), json!([])),
        };
        let schema = json!({"type": "object", "properties": properties, "required": required});
        let requested_schema: ElicitationSchema = serde_json::from_value(schema).ok()?;
        let message = text::bounded(&message, MAX_MESSAGE_BYTES);
        Some(ElicitRequestParams::FormElicitationParams { meta: None, message, requested_schema })
    }

    /// The form as the newest version of the protocol sends it.
    pub(super) fn requests(&self) -> InputRequests {
        let form = self.form().map(|form| (ANSWER.to_owned(), InputRequest::Elicitation(ElicitRequest::new(form))));
        form.into_iter().collect()
    }

    /// Asks within the call.
    pub(super) fn ask(&self, peer: &Peer<RoleServer>) -> impl Future<Output = Result<Reply, ServiceError>> + use<> {
        let (form, peer) = (self.form(), peer.clone());
        async move {
            let Some(form) = form else { return Ok(Reply::Declined) };
            let request = ServerRequest::ElicitRequest(ElicitRequest::new(form));
            let options = PeerRequestOptions::with_timeout(USER_TIMEOUT);
            match peer.send_request_with_option(request, options).await?.await_response().await? {
                ClientResult::ElicitResult(result) => Ok(result.into()),
                _ => Err(ServiceError::UnexpectedResponse),
            }
        }
    }
}

/// The question whether something may be done: what, how exactly, and what of it cannot be taken back.
fn approval(effect: &Effect) -> String {
    let mut lines = vec![effect.summary.clone()];
    lines.extend(effect.preview.iter().map(|line| format!("  {line}")));
    lines.extend(match effect.risk {
        Risk::Changes => None,
        Risk::Sends => Some("This reaches somebody else.".to_owned()),
        Risk::Costs => Some("This costs money.".to_owned()),
    });
    lines.push(
        if effect.action.can_undo() { "Allow it? It can be undone." } else { "Allow it? It cannot be undone." }
            .to_owned(),
    );
    lines.join("\n")
}

impl From<ElicitResult> for Reply {
    fn from(result: ElicitResult) -> Self {
        match result.action {
            ElicitationAction::Accept => Self::Accepted(result.content.unwrap_or_default()),
            _ => Self::Declined,
        }
    }
}
