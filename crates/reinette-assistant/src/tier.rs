//! The tiers of models: those that have learned our tools, and those that are told about them.

use reinette::{ToolAdapter, ToolAdapterError};

/// How a model comes to know the tools.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    /// The smallest model, with the everyday adapter, which has learned the first tools from single requests.
    Light,
    /// The default model, with the conversation adapter, which has learned all tools in conversations.
    Embedded,
    /// A larger model that reads about the tools in its prompt.
    Standard,
}

/// The adapter that taught the default model our tools, the conversation before the last words, and what is no task for
/// any of them; a part of the program.
///
/// # Errors
/// Never, unless the program was built from a damaged checkout.
pub fn conversation_adapter() -> Result<ToolAdapter, ToolAdapterError> {
    ToolAdapter::from_parts(
        include_str!("../../../adapters/conversation/adapter_config.json"),
        include_bytes!("../../../adapters/conversation/adapter_model.safetensors"),
        include_str!("../../../adapters/conversation/chat_template.jinja"),
        include_str!("../../../adapters/conversation/tools.json"),
    )
}

/// The adapter that taught the light model our first tools; a part of the program.
///
/// # Errors
/// Never, unless the program was built from a damaged checkout.
pub fn everyday_adapter() -> Result<ToolAdapter, ToolAdapterError> {
    ToolAdapter::from_parts(
        include_str!("../../../adapters/everyday/adapter_config.json"),
        include_bytes!("../../../adapters/everyday/adapter_model.safetensors"),
        include_str!("../../../adapters/everyday/chat_template.jinja"),
        include_str!("../../../adapters/everyday/tools.json"),
    )
}
