//! Among which tools a model chooses, and what it has learned of them.

use super::adapter::{LearnedTools, LoraAdapter};
use super::job::{Job, Known};
use super::worker::{Worker, may_call, talking_adapters};
use crate::{Request, ToolDefinition, ToolMode};
use std::borrow::Cow;
use std::sync::Arc;

/// How tools are called that the adapter for tools has not learned.
pub(super) enum Others {
    Ignored,
    Described,
    Adapter(Box<LoraAdapter>),
}

/// An adapter that has learned tools, and what it knows of them.
pub(super) type Learned<'a> = (&'a LoraAdapter, &'a LearnedTools);

/// Tools among which the model chooses.
pub(super) struct Choice<'a> {
    pub(super) job: Cow<'a, Job>,
    pub(super) known: Known,
    pub(super) learned: Option<Learned<'a>>,
}

impl Worker {
    /// What is chosen among before the model talks, one after the other until something is called: the tools that an adapter
    /// has learned by heart, then those on offer beside them, by the adapter that reads what they are.
    pub(super) fn choices<'a>(&'a self, job: &'a Job) -> Vec<Choice<'a>> {
        let others = self.about_others(job);
        let known = if others.is_some() { Known::OnOffer } else { Known::Learned };
        let first = self.chooses(&job.request).then(|| {
            // What is required need not be what was learned, where there is more to choose from.
            let mut first = Cow::Borrowed(job);
            if others.is_some() && job.request.tool_mode == ToolMode::Required {
                first.to_mut().request.tool_mode = ToolMode::Allowed;
            }
            Choice { job: first, known, learned: self.learned(&job.request) }
        });
        first.into_iter().chain(others).collect()
    }

    /// The request about the tools on offer that were not learned by heart, where some were.
    fn about_others(&self, job: &Job) -> Option<Choice<'_>> {
        let learned = self.by_heart()?;
        let reads = match &self.others {
            Others::Ignored => return None,
            Others::Described => None,
            Others::Adapter(adapter) => Some((&**adapter, adapter.learned()?)),
        };
        let request = &job.request;
        let others = request.tools.iter().filter(|tool| !learned.knows(&tool.name));
        let tools: Vec<ToolDefinition> = others.cloned().collect();
        if tools.is_empty() || !may_call(request) || LoraAdapter::of(request).next().is_some() {
            return None;
        }
        let job = Job { request: Request { tools, ..request.clone() }, ..job.clone() };
        Some(Choice { job: Cow::Owned(job), known: Known::OnOffer, learned: reads })
    }
}

/// The tools that the model may call: those asked for, as far as it knows them. A learned tool stays possible
/// even where nobody offers it, because a model kept from the right tool would call a wrong one.
pub(super) fn offered(request: &Request, learned: Option<Learned<'_>>) -> Vec<ToolDefinition> {
    let asked = &request.tools;
    let learned = learned.filter(|(_, learned)| !learned.template.tells_tools());
    let Some((_, tools)) = learned else { return asked.clone() };
    let definition =
        |learned: &ToolDefinition| asked.iter().find(|tool| tool.name == learned.name).unwrap_or(learned).clone();
    tools.definitions.iter().map(definition).collect()
}

/// The adapters to choose tools with: the one that has learned them, alone as it was trained, or those for words.
pub(super) fn choosing_adapters(request: &Request, learned: Option<Learned<'_>>) -> Vec<Arc<reinette_engine::Adapter>> {
    match learned {
        Some((adapter, _)) => vec![Arc::clone(adapter.weights())],
        None => talking_adapters(request),
    }
}
