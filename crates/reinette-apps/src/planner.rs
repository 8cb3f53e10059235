//! A tool as the assistant sees it: a definition for the model, and a plan for each call.

use crate::visible::one_line;
use crate::{AppError, Choice, Plan, Question, World, missing};
use reinette::{Generable, ToolDefinition};
use serde_json::{Map, Value};

/// Turns a typed call into a plan. Planning is pure: it reads files and never changes one.
pub trait Planner: Send + Sync {
    /// The tool as a model sees it.
    fn definition(&self) -> &ToolDefinition;

    /// Whether it never plans a change.
    fn only_reads(&self) -> bool;

    /// What is to be done for a call with these arguments. For one that leaves out what is required, that is to ask.
    ///
    /// # Errors
    /// When the arguments do not fit, say no time that can be resolved, or a folder cannot be read.
    fn plan(&self, arguments: &Map<String, Value>, world: &World) -> Result<Plan, AppError>;
}

/// A tool whose arguments are the type `A`.
struct TypedPlanner<A> {
    name: &'static str,
    definition: ToolDefinition,
    only_reads: bool,
    plan: fn(&A, &World) -> Result<Plan, AppError>,
}

impl<A: Generable> Planner for TypedPlanner<A> {
    fn definition(&self) -> &ToolDefinition {
        &self.definition
    }

    fn only_reads(&self) -> bool {
        self.only_reads
    }

    fn plan(&self, arguments: &Map<String, Value>, world: &World) -> Result<Plan, AppError> {
        if let Some(argument) = missing::first(&self.definition, arguments) {
            return self.ask(argument, arguments, world);
        }
        let arguments: A = serde_json::from_value(Value::Object(arguments.clone()))
            .map_err(|error| AppError::Arguments { tool: self.name, reason: error.to_string() })?;
        (self.plan)(&arguments, world)
    }
}

impl<A: Generable> TypedPlanner<A> {
    /// Asks for an argument that was left out, and offers what is likely with the plan that follows.
    fn ask(&self, argument: &str, arguments: &Map<String, Value>, world: &World) -> Result<Plan, AppError> {
        let with = |value: String| {
            let mut arguments = arguments.clone();
            arguments.insert(argument.to_owned(), value.clone().into());
            let plan = self.plan(&arguments, world).ok()?;
            Some(Choice { label: one_line(&value).into_owned(), plan })
        };
        let choices = missing::likely(self.name, argument, world)?.into_iter().filter_map(with).collect();
        let text = missing::question(self.name, argument, world.language).to_owned();
        Ok(Plan::Ask(Question { text, choices }))
    }
}

/// Words that ask for a tool, with the arguments that are right for them.
type Example<'a> = (&'a str, &'a [(&'a str, &'a str)]);

/// Makes a planner of a function.
pub(crate) fn planner<A: Generable + 'static>(
    name: &'static str,
    description: &str,
    examples: &[Example<'_>],
    plan: fn(&A, &World) -> Result<Plan, AppError>,
) -> Box<dyn Planner> {
    Box::new(TypedPlanner { name, definition: definition::<A>(name, description, examples), only_reads: false, plan })
}

/// Makes a planner of a function that never plans a change.
pub(crate) fn reader<A: Generable + 'static>(
    name: &'static str,
    description: &str,
    examples: &[Example<'_>],
    plan: fn(&A, &World) -> Result<Plan, AppError>,
) -> Box<dyn Planner> {
    Box::new(TypedPlanner { name, definition: definition::<A>(name, description, examples), only_reads: true, plan })
}

fn definition<A: Generable>(name: &str, description: &str, examples: &[Example<'_>]) -> ToolDefinition {
    let definition = ToolDefinition::new::<A>(name, description);
    examples.iter().fold(definition, |tool, (words, arguments)| tool.example(words, arguments))
}
