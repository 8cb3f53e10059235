//! What a conversation needs: the assistant of the user's home, and a model.

use crate::context::Context;
use crate::fetching;
use anyhow::{Context as _, Result};
use reinette::{LanguageModel, OnDeviceConfig, OnDeviceModel, OtherTools, ToolAdapter};
use reinette_assistant::{Assistant, Tier, conversation_adapter, everyday_adapter};
use std::sync::Arc;

/// Loads the model that the user asked for, fetching it first if need be, with what it has learned.
pub(crate) fn load_model(context: &Context) -> Result<Arc<dyn LanguageModel>> {
    let path = fetching::model_file(context)?;
    let mut config = OnDeviceConfig::new(&path);
    // What only the tools of servers need is not read where there are none.
    let has_servers = context.home()?.mcp().is_ok_and(|mcp| !mcp.servers.is_empty());
    (config.adapter, config.other_tools) = match (&context.adapter, fetching::tier(context)?) {
        (Some(folder), _) => (Some(ToolAdapter::read(folder)?), OtherTools::Ignored),
        (None, Tier::Light) if has_servers => (Some(everyday_adapter()?), OtherTools::Adapter(ToolAdapter::offered())),
        (None, Tier::Light) => (Some(everyday_adapter()?), OtherTools::Ignored),
        (None, Tier::Embedded) => (Some(conversation_adapter()?), OtherTools::Described),
        (None, Tier::Standard) => (None, OtherTools::Ignored),
    };
    config.draft = context.draft.as_deref().map(|draft| fetching::named_model(context, draft)).transpose()?;
    config.snapshots.clone_from(&context.snapshots);
    config.packed = context.packed_to_keep().cloned();
    config.kv_type = context.kv_type;
    if let Some(threads) = context.threads {
        config.threads = threads;
    }
    let model = OnDeviceModel::load(&config).with_context(|| format!("cannot use the model {}", path.display()))?;
    Ok(Arc::new(model))
}

/// A conversation in the user's home.
pub(crate) fn open(context: &Context) -> Result<Assistant> {
    Ok(warned(context, Assistant::open(context.home()?, jiff::Zoned::now)?))
}

/// The last conversation in the user's home, to go on with; a new one if there was none.
pub(crate) fn resume(context: &Context) -> Result<Assistant> {
    let mut assistant = Assistant::open(context.home()?, jiff::Zoned::now)?;
    assistant.resume()?;
    Ok(warned(context, assistant))
}

/// The conversations and the journal of the user's home, read-only where nothing can be written.
pub(crate) fn open_to_read(context: &Context) -> Result<Assistant> {
    Ok(warned(context, Assistant::open_to_read(context.home()?, jiff::Zoned::now)?))
}

fn warned(context: &Context, mut assistant: Assistant) -> Assistant {
    assistant.take_warnings().iter().for_each(|warning| context.printer.warn(warning));
    assistant
}
