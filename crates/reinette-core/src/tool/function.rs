//! Tools made of closures.

use super::{
    Action, CommitFuture, Effect, Invocation, Preparation, Prepared, Risk, Tool, ToolAnswer, ToolDefinition, ToolError,
    tool_arguments, tool_output,
};
use crate::Generable;
use serde::Serialize;
use serde_json::{Map, Value};
use std::fmt::{self, Display};
use std::sync::Arc;
use std::time::Duration;

/// A tool made of a closure, which may hold on to what it works with; `#[tool]` does the same for a plain function.
///
/// It answers as soon as it is called, which is right for what only looks something up. What changes something is
/// [`acting`](Self::acting): it says first what it will do.
///
/// ```
/// # extern crate reinette_core as reinette;
/// use reinette::{FunctionTool, Generable, Risk, Tool};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize, Generable)]
/// struct Item {
///     /// what to buy
///     name: String,
/// }
///
/// let list = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
/// let tool = FunctionTool::new("add_item", "Put something on the shopping list.", move |item: Item| {
///     let list = list.clone();
///     async move {
///         let mut list = list.lock().map_err(|_| "the list is out of order")?;
///         list.push(item.name);
///         Ok::<_, &str>(format!("{} things on the list", list.len()))
///     }
/// });
/// let tool = tool.acting(Risk::Changes, |arguments| format!("Put {} on the list", arguments["name"]));
/// assert_eq!(tool.definition().name, "add_item");
/// ```
#[derive(Clone)]
pub struct FunctionTool {
    definition: ToolDefinition,
    timeout: Option<Duration>,
    call: Call,
    /// What it will do, for a call that does something.
    acts: Option<(Risk, Summary)>,
}

/// Does what a call asks.
type Call = Arc<dyn Fn(Map<String, Value>) -> CommitFuture + Send + Sync>;
/// Says what a call will do.
type Summary = Arc<dyn Fn(&Map<String, Value>) -> String + Send + Sync>;

impl fmt::Debug for FunctionTool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("FunctionTool").field("definition", &self.definition).finish_non_exhaustive()
    }
}

impl FunctionTool {
    /// A tool that takes the fields of `A`.
    pub fn new<A, O, E, F>(name: &str, description: &str, function: impl Fn(A) -> F + Send + Sync + 'static) -> Self
    where
        A: Generable,
        O: Serialize,
        E: Display,
        F: Future<Output = Result<O, E>> + Send + 'static,
    {
        let call = move |arguments| -> CommitFuture {
            let begun = tool_arguments(arguments).map(&function);
            Box::pin(async move {
                let output = begun?.await.map_err(|error| ToolError::new(error.to_string()))?;
                tool_output(&output)
            })
        };
        Self {
            definition: ToolDefinition::new::<A>(name, description),
            timeout: None,
            call: Arc::new(call),
            acts: None,
        }
    }

    /// A tool that is known only at run time: it takes whatever `definition` says.
    pub fn dynamic<O, F>(
        definition: ToolDefinition,
        function: impl Fn(Map<String, Value>) -> F + Send + Sync + 'static,
    ) -> Self
    where
        O: Into<ToolAnswer>,
        F: Future<Output = Result<O, ToolError>> + Send + 'static,
    {
        let call = move |arguments| -> CommitFuture {
            let answer = function(arguments);
            Box::pin(async { answer.await.map(Into::into) })
        };
        Self { definition, timeout: None, call: Arc::new(call), acts: None }
    }

    /// The tool, whose calls do something: each is an [`Effect`], whose `summary` says of its arguments what will happen, and
    /// the closure runs once that was allowed.
    #[must_use]
    pub fn acting(self, risk: Risk, summary: impl Fn(&Map<String, Value>) -> String + Send + Sync + 'static) -> Self {
        Self { acts: Some((risk, Arc::new(summary))), ..self }
    }

    /// Adds an example: `words` ask for a call with these arguments; see [`ToolDefinition::example`].
    #[must_use]
    pub fn example(mut self, words: &str, arguments: &[(&str, &str)]) -> Self {
        self.definition = self.definition.example(words, arguments);
        self
    }

    /// The tool, for as long as a call takes no longer.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout: Some(timeout), ..self }
    }
}

impl Tool for FunctionTool {
    fn definition(&self) -> ToolDefinition {
        self.definition.clone()
    }

    fn prepare(&self, invocation: Invocation) -> Preparation {
        let Invocation { arguments, .. } = invocation;
        let Some((risk, summary)) = &self.acts else {
            let answer = (self.call)(arguments);
            return Box::pin(async { answer.await.map(Prepared::Answer) });
        };
        let (risk, summary, call) = (*risk, summary(&arguments), Arc::clone(&self.call));
        let action: Box<dyn Action> = Box::new(move || call(arguments));
        Box::pin(async move {
            Ok(Prepared::Effect(Effect { summary, risk, preview: Vec::new(), data: Value::Null, action }))
        })
    }

    fn timeout(&self) -> Option<Duration> {
        self.timeout
    }
}
