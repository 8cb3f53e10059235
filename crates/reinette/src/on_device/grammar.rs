//! From a dialect to the grammar that its calls are generated under.

use crate::dialect::{self, ArgumentSyntax, WordsSyntax};
use crate::{ToolDefinition, ToolMode};
use reinette_engine::constraint::{self, CallGrammar, CallTool, NoCall};

/// The most calls that one request may ask for.
const MAX_CALLS: usize = 6;

/// The grammar of calls of `tools`, whose spans are copied from `sources`.
pub(super) fn calls(
    mode: ToolMode,
    tools: &[ToolDefinition],
    sources: Vec<String>,
    syntax: &dialect::CallSyntax,
) -> CallGrammar {
    let tool =
        |tool: &ToolDefinition| CallTool { name: tool.name.clone(), parameters: tool.parameters.as_json().clone() };
    CallGrammar {
        tools: tools.iter().map(tool).collect(),
        sources,
        max_calls: MAX_CALLS,
        no_call: if mode == ToolMode::Required { NoCall::Refused } else { NoCall::Allowed },
        syntax: engine_syntax(syntax),
    }
}

/// The syntax as the engine knows it.
fn engine_syntax(syntax: &dialect::CallSyntax) -> constraint::CallSyntax {
    let dialect::CallSyntax { opening, after_name, arguments, joint, closing, no_tool, words } = syntax.clone();
    constraint::CallSyntax {
        opening,
        after_name,
        arguments: match arguments {
            ArgumentSyntax::Fields => constraint::ArgumentSyntax::Fields,
            ArgumentSyntax::Object => constraint::ArgumentSyntax::Object,
            ArgumentSyntax::Keywords => constraint::ArgumentSyntax::Keywords,
            ArgumentSyntax::Tagged { opening, after_name, closing } => {
                constraint::ArgumentSyntax::Tagged { opening, after_name, closing }
            }
        },
        joint,
        closing,
        no_tool,
        words: match words {
            WordsSyntax::Refused => constraint::WordsSyntax::Refused,
            WordsSyntax::Instead => constraint::WordsSyntax::Instead,
            WordsSyntax::Before(mark) => constraint::WordsSyntax::Before(mark),
        },
    }
}
