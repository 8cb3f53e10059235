//! Questions about dates: how long until, since or between; which weekday; how old.

use jiff::civil::Date;
use jiff::{ToSpan, Unit};

use super::{Answer, CalculatorError};
use crate::cursor::Cursor;
use crate::lexer::{Token, tokens};
use crate::{Clock, Language, Moment, Purpose, TimeError, describe_date, resolve};

/// Words that announce a question.
const ANNOUNCEMENTS: &[&str] = &[
    "how many",
    "how much",
    "number of",
    "what is the",
    "what is",
    "what s",
    "combien de",
    "combien d",
    "nombre de",
    "il reste",
    "y a t il",
    "the",
    "le",
    "are there",
    "are left",
    "left",
    "remaining",
    "is it",
    "there are",
    "restants",
    "restant",
    "reste t il",
    "quel est",
];

/// The unit in which a distance is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Measure {
    Days,
    Weeks,
    Months,
    Years,
}

#[rustfmt::skip]
const MEASURES: &[(&str, Measure)] = &[
    ("days", Measure::Days), ("day", Measure::Days), ("jours", Measure::Days), ("jour", Measure::Days), ("sleeps", Measure::Days),
    ("weeks", Measure::Weeks), ("week", Measure::Weeks), ("semaines", Measure::Weeks), ("semaine", Measure::Weeks),
    ("months", Measure::Months), ("month", Measure::Months), ("mois", Measure::Months),
    // Of a length alone the days are told.
    ("how long", Measure::Days), ("how much time", Measure::Days), ("how much longer", Measure::Days), ("combien de temps", Measure::Days),
    ("years", Measure::Years), ("year", Measure::Years), ("ans", Measure::Years), ("annees", Measure::Years),
];

/// What is asked about the dates that follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Link {
    Until,
    Since,
    Between,
}

/// The answer to a question about dates; `None` when `expression` is not one.
///
/// # Errors
/// [`CalculatorError::Time`] when it is one but a date in it is not understood.
pub(super) fn answer(expression: &str, clock: &Clock) -> Result<Option<Answer>, CalculatorError> {
    let written = tokens(expression);
    let question = Question { source: expression, written: &written, clock, language: Language::of(expression) };
    if let Some(answer) = question.distance()? {
        return Ok(Some(answer));
    }
    if let Some(answer) = question.age()? {
        return Ok(Some(answer));
    }
    question.weekday()
}

/// Whether `question` asks how far two dates are apart, and they are understood.
pub(super) fn is_distance(question: &str, clock: &Clock) -> bool {
    let written = tokens(question);
    let question = Question { source: question, written: &written, clock, language: Language::of(question) };
    question.distance().is_ok_and(|answer| answer.is_some())
}

/// A date said on its own, when that is all there is: "10 days from now".
pub(super) fn plain_date(expression: &str, clock: &Clock) -> Option<Answer> {
    match resolve(expression, clock, Purpose::Search).ok()? {
        Moment::Date(date) => Some(date_answer(date, Language::of(expression))),
        _ => None,
    }
}

fn date_answer(date: Date, language: Language) -> Answer {
    Answer { text: describe_date(date, language), number: None, unit: None }
}

struct Question<'text> {
    source: &'text str,
    written: &'text [Token],
    clock: &'text Clock,
    language: Language,
}

impl Question<'_> {
    /// The text from the cursor on.
    fn rest(&self, cursor: &Cursor) -> &str {
        cursor.peek().map_or("", |token| &self.source[token.start..])
    }

    fn date(&self, text: &str) -> Result<Date, TimeError> {
        Ok(resolve(text, self.clock, Purpose::Search)?.first_date())
    }

    /// A date, or the edge of a period: "2026 ends", "December starts".
    fn date_until(&self, text: &str) -> Result<Date, TimeError> {
        let text = text.trim_end_matches(|c: char| !c.is_alphanumeric());
        let before = |verbs: &[&str]| verbs.iter().find_map(|verb| text.strip_suffix(verb));
        if let Some(period) = before(&[" ends", " is over", " finishes", " se termine", " finit"]) {
            return Ok(match resolve(period, self.clock, Purpose::Search)? {
                Moment::Dates { last, .. } => last,
                other => other.first_date(),
            });
        }
        self.date(before(&[" starts", " begins", " comes", " arrives", " commence", " arrive"]).unwrap_or(text))
    }

    /// A date that must lie in the past: without a year, the last such day.
    fn past_date(&self, text: &str) -> Result<Date, TimeError> {
        let date = self.date(text)?;
        if date <= self.clock.now.date() {
            return Ok(date);
        }
        date.checked_sub(1.year()).map_err(|_| TimeError::OutOfRange)
    }

    /// "days until Christmas", "weeks between 3 May and 12 June", "jours depuis Noël".
    fn distance(&self) -> Result<Option<Answer>, CalculatorError> {
        let mut cursor = Cursor::new(self.written);
        let measure = cursor.phrase(MEASURES).or_else(|| {
            cursor.skip(ANNOUNCEMENTS);
            cursor.phrase(MEASURES)
        });
        let Some(measure) = measure else { return Ok(None) };
        cursor.skip(ANNOUNCEMENTS);
        let link = cursor.phrase(&[
            ("until", Link::Until),
            ("till", Link::Until),
            ("til", Link::Until),
            ("to", Link::Until),
            ("before", Link::Until),
            ("avant", Link::Until),
            ("jusqu a", Link::Until),
            ("jusqu au", Link::Until),
            ("d ici", Link::Until),
            ("d ici a", Link::Until),
            ("d ici au", Link::Until),
            ("since", Link::Since),
            ("depuis", Link::Since),
            ("between", Link::Between),
            ("from", Link::Between),
            ("entre", Link::Between),
            ("de", Link::Between),
        ]);
        let Some(link) = link else { return Ok(None) };
        let today = self.clock.now.date();
        let rest = self.rest(&cursor);
        let (first, last) = match link {
            Link::Until => (today, self.date_until(rest)?),
            Link::Since => (self.past_date(rest)?, today),
            Link::Between => self.two_dates(&cursor)?,
        };
        self.measured(first, last, measure).map(Some)
    }

    /// The dates on both sides of "and" or "to".
    fn two_dates(&self, start: &Cursor) -> Result<(Date, Date), TimeError> {
        let mut cursor = *start;
        while let Some(token) = cursor.peek() {
            let before = &self.source[start.peek().map_or(0, |first| first.start)..token.start];
            if cursor.any(&["and", "et", "to", "until", "jusqu a", "jusqu au", "au", "a"]).is_none() {
                cursor.advance();
            } else if let Ok(first) = self.date(before) {
                let mut last = self.date(self.rest(&cursor))?;
                // Without years the second date follows the first.
                if last < first
                    && !self
                        .rest(&cursor)
                        .contains(|character: char| character.is_ascii_digit() && last.year() < first.year())
                {
                    last = last.checked_add(1.year()).unwrap_or(last);
                }
                return Ok((first, last));
            }
        }
        Err(TimeError::NotUnderstood { words: self.rest(start).to_owned(), example: "days between 3 May and 12 June" })
    }

    fn measured(&self, first: Date, last: Date, measure: Measure) -> Result<Answer, CalculatorError> {
        let days = first.until((Unit::Day, last)).map_err(|_| TimeError::OutOfRange)?.get_days();
        let calendar_unit = if measure == Measure::Years { Unit::Year } else { Unit::Month };
        let calendar = first.until((calendar_unit, last)).map_err(|_| TimeError::OutOfRange)?;
        let (days_name, weeks_name) = (self.counted(Measure::Days), self.counted(Measure::Weeks));
        let (number, text) = match measure {
            Measure::Days => (f64::from(days), days_name(days.into())),
            Measure::Weeks => {
                let (weeks, rest) = (days / 7, days % 7);
                (
                    f64::from(days) / 7.0,
                    self.joined(weeks_name(weeks.into()), (rest != 0).then(|| days_name(rest.into()))),
                )
            }
            Measure::Months => {
                let (months, rest) = (calendar.get_months(), calendar.get_days());
                let text =
                    self.joined(self.counted(measure)(months.into()), (rest != 0).then(|| days_name(rest.into())));
                (f64::from(months), text)
            }
            Measure::Years => (f64::from(calendar.get_years()), self.counted(measure)(calendar.get_years().into())),
        };
        Ok(Answer { text, number: Some(number), unit: Some(self.unit_name(measure).1.to_owned()) })
    }

    fn joined(&self, first: String, second: Option<String>) -> String {
        match second {
            Some(second) => format!("{first} {} {second}", self.language.pick("and", "et")),
            None => first,
        }
    }

    /// Singular and plural.
    fn unit_name(&self, measure: Measure) -> (&'static str, &'static str) {
        match (measure, self.language) {
            (Measure::Days, Language::English) => ("day", "days"),
            (Measure::Weeks, Language::English) => ("week", "weeks"),
            (Measure::Months, Language::English) => ("month", "months"),
            (Measure::Years, Language::English) => ("year", "years"),
            (Measure::Days, Language::French) => ("jour", "jours"),
            (Measure::Weeks, Language::French) => ("semaine", "semaines"),
            (Measure::Months, Language::French) => ("mois", "mois"),
            (Measure::Years, Language::French) => ("an", "ans"),
        }
    }

    fn counted(&self, measure: Measure) -> impl Fn(i64) -> String {
        let (one, many) = self.unit_name(measure);
        move |count| format!("{count} {}", if count.abs() == 1 { one } else { many })
    }

    /// "age of someone born on 3 May 1990", "âge de quelqu'un né le 3 mai 1990".
    fn age(&self) -> Result<Option<Answer>, CalculatorError> {
        let mut cursor = Cursor::new(self.written);
        let mut asked = false;
        while !cursor.is_done() {
            asked |= cursor.any(&["age", "how old", "quel age"]).is_some();
            if cursor.any(&["born", "ne", "nee"]).is_none() {
                cursor.advance();
                continue;
            }
            let rest = self.rest(&cursor);
            if rest.is_empty() || !(asked || self.written.len() < 8) {
                return Ok(None);
            }
            let birth = self.past_date(rest)?;
            return self.measured(birth, self.clock.now.date(), Measure::Years).map(Some);
        }
        Ok(None)
    }

    /// "weekday of June 3rd", "what day is it in 10 days", "quel jour tombe Noël".
    fn weekday(&self) -> Result<Option<Answer>, CalculatorError> {
        let mut cursor = Cursor::new(self.written);
        cursor.skip(&["the", "le", "on"]);
        let asked = cursor.any(&[
            "weekday of",
            "weekday on",
            "weekday",
            "what weekday is",
            "what weekday",
            "day of the week of",
            "day of the week on",
            "day of the week for",
            "day of week of",
            "day of the week",
            "what day of the week is",
            "what day of the week",
            "what day is",
            "what day",
            "which day is",
            "which day",
            "what date is",
            "what is the date",
            "what s the date",
            "date",
            "what will be the date",
            "quel jour",
            "quel jour est",
            "quelle date",
            "jour de la semaine du",
            "jour de la semaine de",
            "jour de la semaine",
            "what is the weekday of",
            "what is the day of the week of",
            "what day was",
        ]);
        if asked.is_none() {
            return Ok(None);
        }
        cursor.skip(&[
            "is",
            "it",
            "will",
            "be",
            "was",
            "does",
            "fall",
            "today s",
            "est",
            "est ce",
            "on est",
            "sera",
            "t on",
            "sera t on",
            "serons nous",
            "sommes nous",
            "tombe",
            "etait",
            "nous",
            "of",
            "fall on",
            "on",
            "that",
        ]);
        let rest = self.rest(&cursor);
        let date = if rest.is_empty() { self.clock.now.date() } else { self.date(rest)? };
        Ok(Some(date_answer(date, self.language)))
    }
}
