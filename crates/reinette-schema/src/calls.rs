//! How calls are written: what dialects are described by, and what grammars are made of.

use serde_json::Value;

/// How a model writes calls. An answer with two of them is
/// `opening` name `after_name` arguments `joint` name `after_name` arguments `closing`.
///
/// Marks may hold control tokens, written as their text: a constraint lets them be said there, and nowhere else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallSyntax {
    /// What stands before the name of the first call.
    pub opening: String,
    /// What stands between a name and its arguments.
    pub after_name: String,
    /// The form of arguments.
    pub arguments: ArgumentSyntax,
    /// What stands between the arguments of a call and the name of the next; `None` where an answer holds one call.
    pub joint: Option<String>,
    /// What stands after the arguments of the last call.
    pub closing: String,
    /// The name in place of a tool's that says that none is called.
    pub no_tool: Option<String>,
    /// Where words may stand.
    pub words: WordsSyntax,
}

/// The form of a call's arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ArgumentSyntax {
    /// The fields after the name in the same JSON object: `, "a": 1, "b": "x"`.
    Fields,
    /// A JSON object: `{"a": 1, "b": "x"}`.
    Object,
    /// Keyword arguments as in Python: `a=1, b="x"`.
    Keywords,
    /// Each argument between marks, one after the other: `opening` name `after_name` value `closing`. Strings are written as
    /// they are, other values as JSON.
    Tagged {
        /// What stands before an argument's name.
        opening: String,
        /// What stands between its name and its value.
        after_name: String,
        /// What stands after its value.
        closing: String,
    },
}

/// Where words may stand in an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WordsSyntax {
    /// Nowhere: an answer is calls.
    Refused,
    /// In place of calls: what begins with other than the first character of [`CallSyntax::opening`] is words.
    Instead,
    /// In place of calls, or before them: the calls begin with this mark, which [`CallSyntax::opening`] begins with.
    Before(String),
}

impl CallSyntax {
    /// A JSON list of objects in which the arguments stand beside the name: `[{"tool": "a", "x": 1}, {"tool": "b"}]` where
    /// `name_key` is `tool`. `no_tool` is the name that says that no tool is called.
    pub fn json_list(name_key: &str, no_tool: &str) -> Self {
        let before_name = format!("{{{}: \"", Value::from(name_key));
        Self {
            opening: format!("[{before_name}"),
            after_name: "\"".to_owned(),
            arguments: ArgumentSyntax::Fields,
            joint: Some(format!("}}, {before_name}")),
            closing: "}]".to_owned(),
            no_tool: Some(no_tool.to_owned()),
            words: WordsSyntax::Refused,
        }
    }
}
