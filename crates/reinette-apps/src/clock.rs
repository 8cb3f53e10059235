//! The clock: what time it is, here or elsewhere.

use jiff::Zoned;
use jiff::tz::TimeZone;

use crate::visible::one_line;
use reinette_time::{Clock, Language, describe_date, plain, zone_of_place};

/// Why no time can be told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClockError {
    /// The place is in no table.
    #[error("the time zone of \"{place}\" is not known; name a large city nearby or a zone such as \"Europe/Paris\"")]
    UnknownPlace {
        /// The place as said.
        place: String,
    },
}

/// Words that may precede a place.
const PREPOSITIONS: &[&str] =
    &["in", "at", "the", "a", "au", "aux", "en", "dans", "le", "la", "les", "l", "time", "city of"];

/// The time and date here, or in `place`: a city, a country or a zone's name. Answered in the language of `place`, else in English.
///
/// # Errors
/// [`ClockError::UnknownPlace`].
pub fn tell_time(place: Option<&str>, clock: &Clock) -> Result<String, ClockError> {
    tell_time_in(place, clock, place.map_or(Language::English, Language::of))
}

/// As [`tell_time`], in a language that the caller knows from the whole request.
///
/// # Errors
/// [`ClockError::UnknownPlace`].
pub fn tell_time_in(place: Option<&str>, clock: &Clock, language: Language) -> Result<String, ClockError> {
    Ok(sentence(&time_in(place, clock)?, elsewhere(place).map(bare_place), language))
}

/// The time here, or in `place`.
pub(crate) fn time_in(place: Option<&str>, clock: &Clock) -> Result<Zoned, ClockError> {
    let Some(said) = elsewhere(place) else { return Ok(clock.now.clone()) };
    let zone = zone_of(said).ok_or_else(|| ClockError::UnknownPlace { place: said.to_owned() })?;
    Ok(clock.now.with_time_zone(zone))
}

/// The place that is said, unless it is here.
fn elsewhere(place: Option<&str>) -> Option<&str> {
    let said = place.map(str::trim).filter(|place| !place.is_empty());
    said.filter(|place| !matches!(words(place).as_str(), "here" | "ici" | "local" | "home"))
}

fn sentence(instant: &Zoned, place: Option<&str>, language: Language) -> String {
    let time = format!("{:02}:{:02}", instant.hour(), instant.minute());
    let date = describe_date(instant.date(), language);
    match (language, place.map(one_line)) {
        (Language::English, None) => format!("It is {time} on {date}."),
        (Language::English, Some(place)) => format!("In {place} it is {time} on {date}."),
        (Language::French, None) => format!("Il est {time}, {date}."),
        (Language::French, Some(place)) => format!("{place} : il est {time}, {date}."),
    }
}

/// The place as said, without the prepositions before it.
fn bare_place(said: &str) -> &str {
    let mut rest = said.trim_end_matches(['?', '.', '!', ' ']);
    while let Some((first, others)) = rest.split_once([' ', '\'', '’']) {
        if !PREPOSITIONS.contains(&plain(first).as_str()) {
            break;
        }
        rest = others.trim_start();
    }
    rest
}

/// The zone of a place as said, with or without its preposition.
fn zone_of(said: &str) -> Option<TimeZone> {
    if said.contains('/') || matches!(said, "UTC" | "GMT" | "utc" | "gmt") {
        return TimeZone::get(said).ok();
    }
    zone_of_place(&words(said)).or_else(|| zone_of_place(&words(bare_place(said))))
}

/// Lower case, without diacritics, every run of anything but letters and digits one space.
fn words(text: &str) -> String {
    let plain = plain(text);
    plain
        .split(|character: char| !character.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock() -> Clock {
        Clock { now: "2026-03-11T10:15:00+01:00[Europe/Paris]".parse().unwrap() }
    }

    #[test]
    fn the_time_is_told_here_and_in_cities_countries_and_zones() {
        for (place, answer) in [
            (None, "It is 10:15 on Wednesday 11 March 2026."),
            (Some(""), "It is 10:15 on Wednesday 11 March 2026."),
            (Some("here"), "It is 10:15 on Wednesday 11 March 2026."),
            (Some("Tokyo"), "In Tokyo it is 18:15 on Wednesday 11 March 2026."),
            (Some("New York"), "In New York it is 05:15 on Wednesday 11 March 2026."),
            (Some("in Montreal?"), "In Montreal it is 05:15 on Wednesday 11 March 2026."),
            (Some("India"), "In India it is 14:45 on Wednesday 11 March 2026."),
            (Some("Buenos Aires"), "In Buenos Aires it is 06:15 on Wednesday 11 March 2026."),
            (Some("San Francisco"), "In San Francisco it is 02:15 on Wednesday 11 March 2026."),
            (Some("Los Angeles"), "In Los Angeles it is 02:15 on Wednesday 11 March 2026."),
            (Some("Asia/Kathmandu"), "In Asia/Kathmandu it is 15:00 on Wednesday 11 March 2026."),
            (Some("Auckland"), "In Auckland it is 22:15 on Wednesday 11 March 2026."),
        ] {
            assert_eq!(tell_time(place, &clock()).unwrap(), answer);
        }
        let french = tell_time_in(Some("à Londres"), &clock(), Language::French).unwrap();
        assert_eq!(french, "Londres : il est 09:15, mercredi 11 mars 2026.");
    }

    #[test]
    fn an_unknown_place_is_an_error_with_a_hint() {
        let error = tell_time(Some("Atlantis"), &clock()).unwrap_err().to_string();
        assert!(error.contains("Atlantis") && error.contains("Europe/Paris"), "{error}");
        assert!(tell_time(Some("Nowhere/City"), &clock()).is_err());
    }
}
