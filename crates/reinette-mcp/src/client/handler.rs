//! Our side of a connection: what servers may ask and tell us.

use super::activity::Activity;
use super::elicitation::{Form, Frontend, Progress};
use crate::text;
use rmcp::ClientHandler;
use rmcp::model::{
    ClientCapabilities, ClientConfig, ElicitRequestParams, ElicitResult, ElicitationAction, ElicitationCapability,
    ErrorData, FormElicitationCapability, Implementation, ProgressNotificationParam, ProtocolVersion,
};
use rmcp::service::{NotificationContext, RequestContext, RoleClient};
use std::sync::Arc;

/// The most of what a server says on its progress.
const MAX_PROGRESS_BYTES: usize = 200;

/// Answers a server.
pub(crate) struct Handler {
    pub(crate) server: String,
    pub(crate) frontend: Arc<dyn Frontend>,
    pub(crate) activity: Arc<Activity>,
}

impl ClientHandler for Handler {
    async fn create_elicitation(
        &self,
        request: ElicitRequestParams,
        _: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        let form = Form::read(&self.server, &request).filter(|_| self.frontend.can_ask());
        let Some(form) = form else { return Ok(ElicitResult::new(ElicitationAction::Decline)) };
        let defaults = form.defaults();
        let answer = self.activity.while_asking(self.frontend.ask(form)).await;
        Ok(answer.or_defaults(defaults).into())
    }

    async fn on_progress(&self, progress: ProgressNotificationParam, _: NotificationContext<RoleClient>) {
        self.activity.hear();
        let message = progress.message.map(|message| text::bounded(&message, MAX_PROGRESS_BYTES));
        self.frontend.progress(&self.server, Progress { done: progress.progress, total: progress.total, message });
    }

    async fn on_tool_list_changed(&self, _: NotificationContext<RoleClient>) {
        self.activity.tools_have_changed();
    }

    fn get_info(&self) -> ClientConfig {
        let capabilities = ClientCapabilities::builder();
        let capabilities = if self.frontend.can_ask() {
            let forms = ElicitationCapability::new().with_form(FormElicitationCapability::default());
            capabilities.enable_elicitation_with(forms).build()
        } else {
            capabilities.build()
        };
        let us = Implementation::new("reinette", env!("CARGO_PKG_VERSION"));
        ClientConfig::new(capabilities, us).with_protocol_version(ProtocolVersion::V_2025_11_25)
    }
}
