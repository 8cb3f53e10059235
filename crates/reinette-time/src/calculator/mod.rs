//! The calculator: arithmetic, percentages, units and dates, said in symbols or in words, in English or French.
//!
//! Words are rewritten into the notation of `fend-core`, which does the arithmetic exactly and knows the units; questions about
//! dates go to the language of time. Nothing is fetched, so currencies are not converted.

mod dates;
mod rewriting;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use fend_core::{Context, Interrupt};

use crate::cursor::Cursor;
use crate::lexer::{Kind, tokens};
use crate::{Clock, TimeError};

/// The most bytes of an expression that are read.
const LONGEST_EXPRESSION: usize = 256;

/// How long one calculation may take; people's sums take microseconds, `9^9^9^9` would take all memory.
const TIME_LIMIT: Duration = Duration::from_millis(500);

/// The most characters of a result that are of use to anybody.
const LONGEST_RESULT: usize = 200;

/// The most words of a request in which units are looked for.
const MOST_WORDS: usize = 60;

/// The shortest name of a unit that can be told from a word: "in" and "a" are units too.
const SHORTEST_UNIT: usize = 3;

/// What an expression comes to.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// For people: "45.5", "22.22 °C", "289 days", "Wednesday 3 June 2026".
    pub text: String,
    /// The value, when it is a number; of a length of time in the unit asked for.
    pub number: Option<f64>,
    /// The unit of the number, as in the text.
    pub unit: Option<String>,
}

/// Why an expression has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CalculatorError {
    /// Nothing to calculate.
    #[error("there is nothing to calculate; say for example \"17.5% of 260\"")]
    Empty,
    /// Longer than any sum.
    #[error("an expression has at most {limit} characters, this has {length}")]
    TooLong {
        /// The most bytes that are read.
        limit: usize,
        /// How many there are.
        length: usize,
    },
    /// Two currencies.
    #[error(
        "exchange rates are not known on this device, so currencies cannot be converted; give the rate as a number"
    )]
    NoExchangeRates,
    /// Neither arithmetic nor a question about dates.
    #[error("\"{expression}\" cannot be calculated: {reason}; say for example \"17.5% of 260\" or \"5 miles to km\"")]
    NotUnderstood {
        /// The expression as given.
        expression: String,
        /// What stood in the way.
        reason: String,
    },
    /// The result would take too long or be too large to show.
    #[error("the result of \"{expression}\" is too large to work out here")]
    TooLarge {
        /// The expression as given.
        expression: String,
    },
    /// A date in it was not understood.
    #[error(transparent)]
    Time(#[from] TimeError),
}

/// The value of `expression`, dates being counted from `clock`.
///
/// # Errors
/// [`CalculatorError`]; time and memory are bounded for every input.
pub fn evaluate(expression: &str, clock: &Clock) -> Result<Answer, CalculatorError> {
    if expression.len() > LONGEST_EXPRESSION {
        return Err(CalculatorError::TooLong { limit: LONGEST_EXPRESSION, length: expression.len() });
    }
    if !expression.contains(char::is_alphanumeric) {
        return Err(CalculatorError::Empty);
    }
    if let Some(answer) = dates::answer(expression, clock)? {
        return Ok(answer);
    }
    let rewritten = rewriting::rewrite(expression)?;
    let result = calculate(&rewritten.expression).map_err(|failure| match failure {
        Failure::TooLarge => CalculatorError::TooLarge { expression: expression.to_owned() },
        Failure::Refused(reason) => CalculatorError::NotUnderstood { expression: expression.to_owned(), reason },
    });
    match result {
        Ok(text) => Ok(rewritten.presented(&text)),
        // "10 days from now" is no sum, but it is a date.
        Err(error @ CalculatorError::NotUnderstood { .. }) => dates::plain_date(expression, clock).ok_or(error),
        Err(error) => Err(error),
    }
}

/// Whether words are a question of how far two dates are apart, and the dates are understood: "how long until Christmas?"
pub fn asks_for_a_distance(words: &str, clock: &Clock) -> bool {
    words.len() <= LONGEST_EXPRESSION && dates::is_distance(words, clock)
}

/// Whether words hold something to calculate with: a number, or two units of which one converts to the other ("how many
/// minutes are in a week"). Dates are not looked for.
pub fn holds_quantities(words: &str) -> bool {
    let tokens = tokens(words);
    let mut cursor = Cursor::new(&tokens);
    while let Some(token) = cursor.peek() {
        // "a" and "one" are as often articles and pronouns.
        if matches!(token.kind, Kind::Number { .. }) || cursor.number().is_some_and(|number| number > 1) {
            return true;
        }
        cursor.advance();
    }
    let units: Vec<&str> = tokens
        .iter()
        .take(MOST_WORDS)
        .filter_map(|token| match &token.kind {
            Kind::Word(word) if word.len() >= SHORTEST_UNIT && converts(word, word) => Some(word.as_str()),
            _ => None,
        })
        .collect();
    units
        .iter()
        .enumerate()
        .any(|(place, unit)| units[..place].iter().any(|other| other != unit && converts(unit, other)))
}

/// Whether both are units of the same quantity.
fn converts(unit: &str, other: &str) -> bool {
    rewriting::rewrite(&format!("1 {unit} to {other}")).is_ok_and(|rewritten| calculate(&rewritten.expression).is_ok())
}

/// Why `fend` gave no result.
enum Failure {
    TooLarge,
    Refused(String),
}

/// Stops a calculation at its deadline.
struct Deadline(Instant);

impl Interrupt for Deadline {
    fn should_interrupt(&self) -> bool {
        Instant::now() >= self.0
    }
}

fn calculate(expression: &str) -> Result<String, Failure> {
    if holds_dice(expression) {
        return Err(Failure::Refused("dice such as 2d6 are not rolled".to_owned()));
    }
    let deadline = Deadline(Instant::now() + TIME_LIMIT);
    match fend_core::evaluate_with_interrupt(expression, &mut Context::new(), &deadline) {
        Ok(result) if result.get_main_result().len() > LONGEST_RESULT => Err(Failure::TooLarge),
        Ok(result) => Ok(result.get_main_result().to_owned()),
        Err(_) if deadline.should_interrupt() => Err(Failure::TooLarge),
        Err(reason) => Err(Failure::Refused(reason)),
    }
}

/// Whether there is a `d` between two numbers, or before one: `fend` would work out how all the dice can fall, which for large
/// ones takes hours that no deadline ends.
fn holds_dice(expression: &str) -> bool {
    let mut before = ' ';
    let mut characters = expression.chars().peekable();
    while let Some(character) = characters.next() {
        if character == 'd' && !before.is_alphabetic() && characters.peek().is_some_and(char::is_ascii_digit) {
            return true;
        }
        before = character;
    }
    false
}
