//! The tools of other programs: those of the servers that `config.toml` names.

use super::Assistant;
use super::tools_at;
use futures_lite::future::block_on;
use reinette::Tool;
use reinette_mcp::{Deadlines, McpConfig, Nobody, Servers};
use std::sync::Arc;

/// The servers of a home, which are started when something is asked.
pub(super) struct Connections {
    servers: Servers,
    is_listed: bool,
}

impl Connections {
    pub(super) fn new(config: &McpConfig) -> Self {
        Self { servers: Servers::new(config, Arc::new(Nobody), Deadlines::default()), is_listed: false }
    }
}

impl Assistant {
    /// Offers the session what the servers offer now; what one of them cannot is a warning.
    pub(super) fn offer_tools_of_servers(&mut self) {
        let Connections { servers, is_listed } = &mut self.connections;
        if servers.is_empty() || (*is_listed && !servers.tools_have_changed()) {
            return;
        }
        let own: Vec<Arc<dyn Tool>> = tools_at(&self.desk).collect();
        let taken: Vec<String> = own.iter().map(|tool| tool.definition().name).collect();
        let offer = block_on(servers.tools(&taken));
        *is_listed = true;
        self.warnings.extend(offer.errors.iter().map(ToString::to_string));
        let others = offer.tools.into_iter().map(|tool| tool as Arc<dyn Tool>);
        self.session = self.session.clone().tools(own.into_iter().chain(others));
    }
}
