//! From a dialect to the grammar that its calls are generated under.

use crate::dialect::CallSyntax;
use crate::{ToolDefinition, ToolMode};
use reinette_engine::constraint::{CallGrammar, CallTool, NoCall};

/// The most calls that one request may ask for.
const MAX_CALLS: usize = 6;

/// The grammar of calls of `tools`, whose spans are copied from `sources`.
pub(super) fn calls(
    mode: ToolMode,
    tools: &[ToolDefinition],
    sources: Vec<String>,
    syntax: &CallSyntax,
) -> CallGrammar {
    let tool =
        |tool: &ToolDefinition| CallTool { name: tool.name.clone(), parameters: tool.parameters.as_json().clone() };
    CallGrammar {
        tools: tools.iter().map(tool).collect(),
        sources,
        max_calls: MAX_CALLS,
        no_call: if mode == ToolMode::Required { NoCall::Refused } else { NoCall::Allowed },
        syntax: syntax.clone(),
    }
}
