//! What a model is expected to do: which tools it calls, with what, and in which order.
//!
//! - [`Trajectory`]: the calls that are expected, and those that must not happen; [`assert_trajectory!`](crate::assert_trajectory)
//!   writes one down and holds a turn against it.
//! - [`CallExpectation`]: one call, with a [`Matcher`] for each argument that matters.
//! - [`Mismatch`]: what was otherwise.

mod matcher;

pub use matcher::{Matcher, contains, exact, judged, one_of, pattern, prefix, present, range, suffix};

use crate::{Entry, ToolCall};
use serde_json::Value;
use std::fmt;

/// A call that is expected: of a tool, with arguments of which only those count that are named.
#[derive(Clone, Debug)]
pub struct CallExpectation {
    tool: String,
    arguments: Vec<(String, Matcher)>,
}

impl CallExpectation {
    /// A call of `tool`, whatever its arguments.
    pub fn new(tool: impl Into<String>) -> Self {
        Self { tool: tool.into(), arguments: Vec::new() }
    }

    /// The same call with an argument that is as `matcher` has it.
    #[must_use]
    pub fn argument(mut self, name: impl Into<String>, matcher: Matcher) -> Self {
        self.arguments.push((name.into(), matcher));
        self
    }

    /// Holds a call against the expectation.
    ///
    /// # Errors
    /// What is otherwise.
    pub fn check(&self, call: &ToolCall) -> Result<(), String> {
        if call.name != self.tool {
            return Err(format!("`{}` was called", call.name));
        }
        for (name, matcher) in &self.arguments {
            let value = call.arguments.get(name).ok_or_else(|| format!("`{name}` was left out"))?;
            matcher.check(value).map_err(|reason| format!("`{name}`: {reason}"))?;
        }
        Ok(())
    }
}

impl fmt::Display for CallExpectation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let arguments = self.arguments.iter().map(|(name, matcher)| format!("{name}: {matcher}"));
        write!(formatter, "{}({})", self.tool, arguments.collect::<Vec<_>>().join(", "))
    }
}

/// In which order calls are expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Ordered,
    Unordered,
}

/// The calls that are expected of a turn or a conversation. Other calls may come between them, unless they are excluded.
///
/// ```
/// # extern crate reinette_core as reinette;
/// use reinette::assert_trajectory;
/// use reinette::testing::trajectory::{exact, prefix, range};
/// use reinette::testing::{Reply, ScriptedModel};
/// use reinette::{Session, tool};
/// use serde_json::json;
///
/// /// The weather in a city.
/// #[tool]
/// async fn weather(city: String, #[guide(range = 0..=6)] days: u8) -> String {
///     format!("{city}: sun in {days} days")
/// }
///
/// // In an evaluation this is the model that is evaluated.
/// let model = ScriptedModel::new([
///     Reply::call("weather", json!({"city": "Lyon", "days": 2})),
///     Reply::text("Sun."),
/// ]);
/// let response = Session::new(&model).tool(weather).turn("Lyon, the day after tomorrow?").respond_blocking()?;
/// assert_trajectory!(response.entries, ordered [weather { city: exact("Lyon"), days: range(1.0..=3.0) }], never [send_mail]);
/// prefix("Sun").check(&response.content.into())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Trajectory {
    order: Order,
    expected: Vec<CallExpectation>,
    disallowed: Vec<CallExpectation>,
    excludes_others: bool,
}

/// Why calls are not as they were expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Mismatch {
    /// A call that was expected is not there, or not in its place.
    #[error("expected {expected}; {}", explain(.calls))]
    Missing {
        /// The call.
        expected: String,
        /// The calls that it might have been, each with what is otherwise.
        calls: Vec<String>,
    },
    /// A call was made that must not be.
    #[error("{call} was called, which is not allowed")]
    Disallowed {
        /// The call.
        call: String,
    },
    /// A call was made that nobody expected.
    #[error("{call} was called, which nobody expected")]
    Unexpected {
        /// The call.
        call: String,
    },
}

fn explain(calls: &[String]) -> String {
    if calls.is_empty() { "no call was left for it".to_owned() } else { calls.join("; ") }
}

impl Trajectory {
    /// These calls, in this order.
    pub fn ordered(expected: impl IntoIterator<Item = CallExpectation>) -> Self {
        Self::new(Order::Ordered, expected)
    }

    /// These calls, in any order, each by a call of its own.
    pub fn unordered(expected: impl IntoIterator<Item = CallExpectation>) -> Self {
        Self::new(Order::Unordered, expected)
    }

    fn new(order: Order, expected: impl IntoIterator<Item = CallExpectation>) -> Self {
        Self { order, expected: expected.into_iter().collect(), disallowed: Vec::new(), excludes_others: false }
    }

    /// And no call that is like this.
    #[must_use]
    pub fn never(mut self, disallowed: CallExpectation) -> Self {
        self.disallowed.push(disallowed);
        self
    }

    /// And no other calls at all.
    #[must_use]
    pub fn nothing_else(self) -> Self {
        Self { excludes_others: true, ..self }
    }

    /// Holds the calls of a turn or a conversation against the trajectory.
    ///
    /// # Errors
    /// What is otherwise.
    pub fn check(&self, entries: &[Entry]) -> Result<(), Mismatch> {
        let calls: Vec<&ToolCall> = entries.iter().flat_map(calls_of).collect();
        let is_disallowed = |call: &&&ToolCall| self.disallowed.iter().any(|other| other.check(call).is_ok());
        if let Some(call) = calls.iter().find(is_disallowed) {
            return Err(Mismatch::Disallowed { call: shown(call) });
        }
        let taken = match self.order {
            Order::Ordered => self.in_order(&calls)?,
            Order::Unordered => self.in_any_order(&calls)?,
        };
        match calls.iter().enumerate().find(|(place, _)| self.excludes_others && !taken.contains(place)) {
            Some((_, call)) => Err(Mismatch::Unexpected { call: shown(call) }),
            None => Ok(()),
        }
    }

    /// The places of the calls that were expected: of each the first after the one before, which leaves most to those after.
    fn in_order(&self, calls: &[&ToolCall]) -> Result<Vec<usize>, Mismatch> {
        let mut taken = Vec::with_capacity(self.expected.len());
        for expected in &self.expected {
            let first = taken.last().map_or(0, |place| place + 1);
            match (first..calls.len()).find(|place| expected.check(calls[*place]).is_ok()) {
                Some(place) => taken.push(place),
                None => return Err(missing(expected, &calls[first..])),
            }
        }
        Ok(taken)
    }

    /// The places of the calls that were expected, by augmenting paths: a call that fits two expectations is left to the one
    /// that nothing else fits.
    fn in_any_order(&self, calls: &[&ToolCall]) -> Result<Vec<usize>, Mismatch> {
        let fits: Vec<Vec<bool>> = self
            .expected
            .iter()
            .map(|expected| calls.iter().map(|call| expected.check(call).is_ok()).collect())
            .collect();
        let mut owners: Vec<Option<usize>> = vec![None; calls.len()];
        for (index, expected) in self.expected.iter().enumerate() {
            if !find_place(index, &fits, &mut owners, &mut vec![false; calls.len()]) {
                return Err(missing(expected, calls));
            }
        }
        Ok((0..calls.len()).filter(|place| owners[*place].is_some()).collect())
    }
}

/// Gives the expectation `index` a call that fits, moving others to calls that fit them as well.
fn find_place(index: usize, fits: &[Vec<bool>], owners: &mut [Option<usize>], seen: &mut [bool]) -> bool {
    for place in 0..owners.len() {
        if !fits[index][place] || std::mem::replace(&mut seen[place], true) {
            continue;
        }
        if owners[place].is_none_or(|owner| find_place(owner, fits, owners, seen)) {
            owners[place] = Some(index);
            return true;
        }
    }
    false
}

fn calls_of(entry: &Entry) -> &[ToolCall] {
    match entry {
        Entry::ToolCalls { calls } => calls,
        _ => &[],
    }
}

fn shown(call: &ToolCall) -> String {
    format!("{}{}", call.name, Value::Object(call.arguments.clone()))
}

fn missing(expected: &CallExpectation, calls: &[&ToolCall]) -> Mismatch {
    let explained =
        calls.iter().filter_map(|call| Some(format!("in {}, {}", shown(call), expected.check(call).err()?)));
    Mismatch::Missing { expected: expected.to_string(), calls: explained.collect() }
}

/// Holds the calls of a turn or a conversation against a [`Trajectory`](crate::testing::trajectory::Trajectory).
///
/// `assert_trajectory!(entries, ordered [tool { argument: matcher, … }, …], never [tool, …])`, where `ordered` may be
/// `unordered`, and `never […]` may be left out.
///
/// # Panics
/// If they are otherwise, saying how.
#[macro_export]
macro_rules! assert_trajectory {
    (
        $entries:expr,
        $order:ident [ $($tool:ident { $($argument:ident : $matcher:expr),* $(,)? }),* $(,)? ]
        $(, never [ $($disallowed:ident),* $(,)? ])? $(,)?
    ) => {{
        use $crate::testing::trajectory::{CallExpectation, Trajectory};
        let expected: Vec<CallExpectation> = vec![
            $(CallExpectation::new(stringify!($tool))$(.argument(stringify!($argument), $matcher))*),*
        ];
        let trajectory = Trajectory::$order(expected)$($(.never(CallExpectation::new(stringify!($disallowed))))*)?;
        if let Err(mismatch) = trajectory.check(&$entries) {
            panic!("{mismatch}");
        }
    }};
}
