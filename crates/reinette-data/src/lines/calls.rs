//! Calls as models are to write them.

use super::Call;
use reinette_core::dialect::ListDialect;

/// Calls as the call grammar has them, in our own dialect; where there are none, the call of `no_tool`, which says so.
pub fn calls_text(calls: &[Call], no_tool: &str) -> String {
    ListDialect::with_no_tool(no_tool).write(calls.iter().map(|call| (call.name.as_str(), &call.arguments)))
}
