//! The clock: what time it is, here or elsewhere.

use jiff::Zoned;
use jiff::tz::TimeZone;

use crate::time::{Clock, Language, describe_date, plain};
use crate::visible::one_line;

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

/// Places that the time zone database does not name, without diacritics. A country of several zones stands for its capital's.
#[rustfmt::skip]
const PLACES: &[(&str, &[&str])] = &[
    ("Europe/Paris", &["france", "lyon", "marseille", "toulouse", "nice", "nantes", "bordeaux", "lille", "strasbourg", "rennes", "grenoble"]),
    ("Europe/London", &["londres", "england", "united kingdom", "uk", "great britain", "britain", "scotland", "wales", "edinburgh", "manchester", "birmingham", "oxford", "cambridge", "royaume uni", "angleterre", "ecosse", "edimbourg"]),
    ("Europe/Dublin", &["ireland", "irlande", "cork"]),
    ("Europe/Brussels", &["belgium", "belgique", "bruxelles", "antwerp", "anvers", "ghent", "gand", "liege"]),
    ("Europe/Amsterdam", &["netherlands", "holland", "pays bas", "rotterdam", "the hague", "hague", "la haye", "haye"]),
    ("Europe/Berlin", &["germany", "allemagne", "munich", "hamburg", "hambourg", "frankfurt", "francfort", "cologne", "stuttgart"]),
    ("Europe/Zurich", &["switzerland", "suisse", "geneva", "geneve", "basel", "bale", "bern", "berne", "lausanne"]),
    ("Europe/Vienna", &["austria", "autriche", "vienne", "salzburg", "salzbourg"]),
    ("Europe/Madrid", &["spain", "espagne", "barcelona", "barcelone", "seville", "valencia", "valence"]),
    ("Europe/Lisbon", &["portugal", "lisbonne", "porto"]),
    ("Europe/Rome", &["italy", "italie", "milan", "naples", "turin", "florence", "venice", "venise"]),
    ("Europe/Athens", &["greece", "grece", "athenes"]),
    ("Europe/Warsaw", &["poland", "pologne", "varsovie", "krakow", "cracovie"]),
    ("Europe/Prague", &["czechia", "czech republic", "tchequie", "republique tcheque"]),
    ("Europe/Budapest", &["hungary", "hongrie"]),
    ("Europe/Bucharest", &["romania", "roumanie", "bucarest"]),
    ("Europe/Copenhagen", &["denmark", "danemark", "copenhague"]),
    ("Europe/Stockholm", &["sweden", "suede", "gothenburg"]),
    ("Europe/Oslo", &["norway", "norvege", "bergen"]),
    ("Europe/Helsinki", &["finland", "finlande"]),
    ("Europe/Kyiv", &["ukraine", "kiev"]),
    ("Europe/Moscow", &["russia", "russie", "moscou", "saint petersburg", "st petersburg", "saint petersbourg"]),
    ("Europe/Istanbul", &["turkey", "turquie", "turkiye", "ankara"]),
    ("Africa/Casablanca", &["morocco", "maroc", "marrakech", "rabat"]),
    ("Africa/Algiers", &["algeria", "algerie", "alger"]),
    ("Africa/Tunis", &["tunisia", "tunisie"]),
    ("Africa/Cairo", &["egypt", "egypte", "le caire", "caire"]),
    ("Africa/Dakar", &["senegal"]),
    ("Africa/Lagos", &["nigeria", "abuja"]),
    ("Africa/Nairobi", &["kenya"]),
    ("Africa/Johannesburg", &["south africa", "afrique du sud", "cape town", "le cap", "pretoria", "durban"]),
    ("Asia/Jerusalem", &["israel", "tel aviv"]),
    ("Asia/Beirut", &["lebanon", "liban", "beyrouth"]),
    ("Asia/Riyadh", &["saudi arabia", "arabie saoudite", "mecca", "jeddah", "riyad"]),
    ("Asia/Dubai", &["uae", "united arab emirates", "abu dhabi", "emirats arabes unis"]),
    ("Asia/Tehran", &["iran", "teheran"]),
    ("Asia/Karachi", &["pakistan", "lahore", "islamabad"]),
    ("Asia/Kolkata", &["india", "inde", "mumbai", "bombay", "delhi", "new delhi", "bangalore", "bengaluru", "chennai", "hyderabad", "pune"]),
    ("Asia/Dhaka", &["bangladesh"]),
    ("Asia/Bangkok", &["thailand", "thailande"]),
    ("Asia/Ho_Chi_Minh", &["vietnam", "hanoi", "saigon"]),
    ("Asia/Singapore", &["singapour"]),
    ("Asia/Kuala_Lumpur", &["malaysia", "malaisie"]),
    ("Asia/Jakarta", &["indonesia", "indonesie"]),
    ("Asia/Manila", &["philippines", "manille"]),
    ("Asia/Shanghai", &["china", "chine", "beijing", "pekin", "shenzhen", "guangzhou", "canton"]),
    ("Asia/Seoul", &["korea", "south korea", "coree", "coree du sud", "busan"]),
    ("Asia/Tokyo", &["japan", "japon", "kyoto", "osaka"]),
    ("Australia/Sydney", &["australia", "australie", "canberra"]),
    ("Pacific/Auckland", &["new zealand", "nouvelle zelande", "wellington"]),
    ("America/New_York", &["usa", "us", "united states", "etats unis", "new york city", "nyc", "washington", "washington dc", "boston", "philadelphia", "philadelphie", "miami", "atlanta"]),
    ("America/Chicago", &["houston", "dallas", "austin", "new orleans", "la nouvelle orleans", "minneapolis"]),
    ("America/Denver", &["salt lake city"]),
    ("America/Los_Angeles", &["california", "californie", "san francisco", "seattle", "san diego", "las vegas", "portland", "silicon valley"]),
    ("Pacific/Honolulu", &["hawaii"]),
    ("America/Toronto", &["montreal", "ottawa", "quebec", "canada"]),
    ("America/Edmonton", &["calgary"]),
    ("America/Mexico_City", &["mexico", "mexique"]),
    ("America/Havana", &["cuba", "la havane", "havane"]),
    ("America/Sao_Paulo", &["brazil", "bresil", "rio", "rio de janeiro", "brasilia"]),
    ("America/Argentina/Buenos_Aires", &["argentina", "argentine"]),
    ("America/Santiago", &["chile", "chili"]),
    ("America/Bogota", &["colombia", "colombie"]),
    ("America/Lima", &["peru", "perou"]),
    ("America/Caracas", &["venezuela"]),
];

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

/// Lower case, without diacritics, every run of anything but letters and digits one space.
fn words(text: &str) -> String {
    let plain = plain(text);
    plain
        .split(|character: char| !character.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// The zone of a place: by its full name, by our table, or by the city in a zone's name.
fn zone_of(said: &str) -> Option<TimeZone> {
    if said.contains('/') || matches!(said, "UTC" | "GMT" | "utc" | "gmt") {
        return TimeZone::get(said).ok();
    }
    let (whole, bare) = (words(said), words(bare_place(said)));
    let listed = PLACES.iter().find(|(_, places)| places.contains(&whole.as_str()) || places.contains(&bare.as_str()));
    if let Some((zone, _)) = listed {
        return TimeZone::get(zone).ok();
    }
    // "America/Argentina/Buenos_Aires" is listed by its last part.
    let named = |name: &str| {
        name.contains('/') && !name.starts_with("Etc/") && words(name.rsplit('/').next().unwrap_or(name)) == bare
    };
    let name = jiff::tz::db().available().find(|name| named(name.as_str()))?;
    TimeZone::get(name.as_str()).ok()
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

    #[test]
    fn every_zone_of_the_table_exists() {
        for (zone, places) in PLACES {
            assert!(TimeZone::get(zone).is_ok(), "{zone}");
            for place in *places {
                assert_eq!(*place, words(place), "the table is searched for plain words");
            }
        }
    }
}
