//! The words in which the user is answered: days, times, repetitions, and the sentences that several apps share.

use crate::data::fields;
use crate::files::{Fault, Unread};
use crate::icalendar::CalendarTime;
use crate::matching::Match;
use crate::visible::one_line;
use crate::{Answer, AppError, Choice, Plan, Question};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Zoned};
use reinette_time::{Clock, Language, Moment, describe};
use serde_json::Value;

/// The most things that a question or an answer lists.
pub(crate) const MAX_LISTED: usize = 10;

/// How the apps word what they say.
pub(crate) trait Wording: Copy {
    /// Foreign text between quotation marks, on one line.
    fn quoted(self, text: &str) -> String;

    /// Several texts, each between quotation marks: "“eggs”, “bread” and “coffee”".
    fn listed(self, texts: &[&str]) -> String;

    /// Names in a row, foreign text as it is shown: "Sam, Kim and Lea"; of more than `most` the number of the others.
    fn joined(self, names: &[String], most: usize) -> String;

    /// A day: "tomorrow, Thursday 12 March".
    fn day(self, date: Date, clock: &Clock) -> String;

    /// A day as the heading of what is on it.
    fn heading(self, date: Date, clock: &Clock) -> String;

    /// When something is, in the user's zone.
    fn time(self, time: &CalendarTime, clock: &Clock) -> String;

    /// An instant, in the user's zone.
    fn instant(self, instant: &Zoned, clock: &Clock) -> String;

    /// From when to when something is, in the user's zone; `end` is excluded.
    fn span(self, start: &CalendarTime, end: &CalendarTime, clock: &Clock) -> String;

    /// A duration: "1 h 30 min".
    fn duration(self, duration: SignedDuration) -> String;

    /// A sentence about files that could not be read; nothing when there are none.
    fn broken_files(self, unread: &[Unread]) -> String;

    /// Said of something whose zone nothing explains; nothing of anything else.
    fn zone_note(self, unknown: Option<&str>) -> String;

    /// What will happen and what has happened when something gets another title; an error if that is none.
    fn renamed(self, old: &str, new: &str) -> Result<(String, String), AppError>;

    /// Goes on with the one thing that was meant: asks when several fit, and says what is near when none does.
    fn plan_for<T>(
        self,
        query: &str,
        found: Match<T>,
        label: impl Fn(&T) -> String,
        plan: impl Fn(T) -> Result<Plan, AppError>,
    ) -> Result<Plan, AppError>;
}

impl Wording for Language {
    fn quoted(self, text: &str) -> String {
        let text = one_line(text);
        self.pick(format!("“{text}”"), format!("« {text} »"))
    }

    fn listed(self, texts: &[&str]) -> String {
        let quoted: Vec<String> = texts.iter().map(|text| self.quoted(text)).collect();
        match quoted.as_slice() {
            [first @ .., second_last, last] => {
                let and = self.pick("and", "et");
                let before = [first, std::slice::from_ref(second_last)].concat().join(", ");
                format!("{before} {and} {last}")
            }
            quoted => quoted.concat(),
        }
    }

    fn joined(self, names: &[String], most: usize) -> String {
        let mut shown: Vec<String> = names.iter().take(most).map(|name| one_line(name).into_owned()).collect();
        if names.len() > most {
            let more = names.len() - most;
            shown.push(self.pick(format!("{more} more"), format!("{more} autres")));
        }
        match shown.as_slice() {
            [first @ .., last] if !first.is_empty() => {
                format!("{} {} {last}", first.join(", "), self.pick("and", "et"))
            }
            shown => shown.concat(),
        }
    }

    fn day(self, date: Date, clock: &Clock) -> String {
        describe(&Moment::Date(date), clock, self)
    }

    fn heading(self, date: Date, clock: &Clock) -> String {
        let day = self.day(date, clock);
        let mut characters = day.chars();
        characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
    }

    fn time(self, time: &CalendarTime, clock: &Clock) -> String {
        self.span(time, time, clock)
    }

    fn instant(self, instant: &Zoned, clock: &Clock) -> String {
        let instant = instant.with_time_zone(clock.now.time_zone().clone());
        describe(&Moment::Instant(instant), clock, self)
    }

    fn span(self, start: &CalendarTime, end: &CalendarTime, clock: &Clock) -> String {
        let zone = clock.now.time_zone();
        let moment = match (start, end) {
            (CalendarTime::Time(start, _), CalendarTime::Time(end, _)) if start < end => {
                Moment::Instants { start: start.with_time_zone(zone.clone()), end: end.with_time_zone(zone.clone()) }
            }
            (CalendarTime::Time(start, _), _) => return self.instant(start, clock),
            (CalendarTime::Date(_), _) => match days(start, end, zone) {
                (first, last) if first == last => Moment::Date(first),
                (first, last) => Moment::Dates { first, last },
            },
        };
        describe(&moment, clock, self)
    }

    fn duration(self, duration: SignedDuration) -> String {
        let seconds = duration.as_secs().max(0);
        let day = self.pick("d", "j");
        let parts =
            [(seconds / 86400, day), (seconds / 3600 % 24, "h"), (seconds / 60 % 60, "min"), (seconds % 60, "s")];
        let parts: Vec<String> =
            parts.iter().filter(|(count, _)| *count > 0).map(|(count, unit)| format!("{count} {unit}")).collect();
        if parts.is_empty() { "0 s".to_owned() } else { parts.join(" ") }
    }

    fn broken_files(self, unread: &[Unread]) -> String {
        if unread.is_empty() {
            return String::new();
        }
        let more = unread.len().saturating_sub(MAX_LISTED);
        let named = |file: &Unread| match fault(file.fault, self) {
            Some(fault) => format!("{} ({fault})", one_line(&file.name)),
            None => one_line(&file.name).into_owned(),
        };
        let mut listed = unread.iter().take(MAX_LISTED).map(named).collect::<Vec<_>>().join(", ");
        if more > 0 {
            listed.push_str(&self.pick(format!(" and {more} more"), format!(" et {more} autres")));
        }
        self.pick(
            format!("\n(Left alone, since they cannot be read: {listed})"),
            format!("\n(Laissés tels quels, car illisibles : {listed})"),
        )
    }

    fn zone_note(self, unknown: Option<&str>) -> String {
        let Some(name) = unknown else { return String::new() };
        let name = self.quoted(name);
        self.pick(
            format!(" (zone {name} unknown, shown as written)"),
            format!(" (fuseau {name} inconnu, heure telle qu’écrite)"),
        )
    }

    fn renamed(self, old: &str, new: &str) -> Result<(String, String), AppError> {
        let new = new.trim();
        if new.is_empty() {
            let refusal = self.pick("Say the new title.", "Dites le nouveau titre.");
            return Err(AppError::Refused(refusal.to_owned()));
        }
        let quoted = self.quoted(new);
        if new == old {
            let refusal =
                self.pick(format!("It is called {quoted} already."), format!("Cela s’appelle déjà {quoted}."));
            return Err(AppError::Refused(refusal));
        }
        let old = self.quoted(old);
        Ok((
            self.pick(format!("Renames {old} to {quoted}."), format!("Renomme {old} en {quoted}.")),
            self.pick(format!("{old} is now called {quoted}."), format!("{old} s’appelle maintenant {quoted}.")),
        ))
    }

    fn plan_for<T>(
        self,
        query: &str,
        found: Match<T>,
        label: impl Fn(&T) -> String,
        plan: impl Fn(T) -> Result<Plan, AppError>,
    ) -> Result<Plan, AppError> {
        let query = self.quoted(query);
        match found {
            Match::One(thing) => plan(thing),
            Match::None { nearest } => {
                let mut text = self.pick(format!("There is no {query}."), format!("Je ne trouve pas {query}."));
                let data = fields([("found", Value::Array(Vec::new()))]);
                if !nearest.is_empty() {
                    let closest = if nearest.len() == 1 { "Le plus proche" } else { "Les plus proches" };
                    let nearest = nearest.iter().map(label).collect::<Vec<_>>().join("; ");
                    text.push_str(&self.pick(format!(" The nearest: {nearest}."), format!(" {closest} : {nearest}.")));
                }
                Ok(Plan::Answer(Answer { text, data }))
            }
            Match::Several(things) => {
                let choice = |thing: T| {
                    let label = label(&thing);
                    // One that cannot be changed does not stand in the way of the others.
                    let plan = plan(thing).or_else(|error| match error {
                        AppError::Refused(why) => Ok(Plan::Answer(Answer { text: why, data: fields([]) })),
                        error => Err(error),
                    })?;
                    Ok(Choice { label, plan })
                };
                let choices = things.into_iter().take(MAX_LISTED).map(choice).collect::<Result<_, AppError>>()?;
                let text = self.pick(format!("Which {query}?"), format!("Quel {query} ?"));
                Ok(Plan::Ask(Question { text, choices }))
            }
        }
    }
}

/// What is wrong with a file, where its name does not say enough.
fn fault(fault: Fault, language: Language) -> Option<String> {
    Some(match fault {
        Fault::Content => return None,
        Fault::Encoding => language.pick("not UTF-8 text", "pas du texte UTF-8").to_owned(),
        Fault::Kind => language.pick("not a file", "pas un fichier").to_owned(),
        Fault::Link => language.pick("a link out of the folder", "un lien hors du dossier").to_owned(),
        Fault::Size(most) => {
            let most = most >> 20;
            language.pick(format!("more than {most} MiB"), format!("plus de {most} Mio"))
        }
        Fault::Access => language.pick("no access", "accès refusé").to_owned(),
        Fault::Count(most) => language.pick(format!("more than {most} files"), format!("plus de {most} fichiers")),
    })
}

/// The first and the last day that something touches, in `zone`; `end` is excluded.
pub(crate) fn days(start: &CalendarTime, end: &CalendarTime, zone: &TimeZone) -> (Date, Date) {
    let first = date_in(start, zone);
    let last = match end {
        CalendarTime::Date(end) => end.yesterday().unwrap_or(*end),
        CalendarTime::Time(end, _) => {
            let end = end.with_time_zone(zone.clone());
            // What ends at midnight does not touch the day that begins there.
            end.checked_sub(SignedDuration::from_nanos(1)).map_or(end.date(), |before| before.date())
        }
    };
    (first, last.max(first))
}

fn date_in(time: &CalendarTime, zone: &TimeZone) -> Date {
    match time {
        CalendarTime::Date(date) => *date,
        CalendarTime::Time(instant, _) => instant.with_time_zone(zone.clone()).date(),
    }
}

/// The time of day: "09:00", with seconds only when there are some.
pub(crate) fn clock_time(instant: &Zoned) -> String {
    let format = if instant.second() == 0 { "%H:%M" } else { "%H:%M:%S" };
    instant.strftime(format).to_string()
}
