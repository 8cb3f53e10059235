//! Time zones that people say behind an hour: "3pm EST", "18:00 UTC+2", "9am Tokyo time", "15h heure de New York".

use jiff::tz::{Offset, TimeZone};

use super::cursor::Cursor;
use super::lexer::{Join, Kind};

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

/// Abbreviations of zones. One of standard time stands for the place, as people say "EST" all the year round.
#[rustfmt::skip]
const ABBREVIATIONS: &[(&str, &str)] = &[
    ("utc", "UTC"), ("gmt", "UTC"), ("z", "UTC"), ("zulu", "UTC"), ("cet", "Europe/Paris"), ("cest", "Europe/Paris"), ("hnec", "Europe/Paris"),
    ("wet", "Europe/Lisbon"), ("west", "Europe/Lisbon"), ("eet", "Europe/Athens"), ("eest", "Europe/Athens"), ("bst", "Europe/London"),
    ("msk", "Europe/Moscow"), ("sast", "Africa/Johannesburg"), ("jst", "Asia/Tokyo"), ("kst", "Asia/Seoul"), ("hkt", "Asia/Hong_Kong"),
    ("sgt", "Asia/Singapore"), ("pkt", "Asia/Karachi"), ("aest", "Australia/Sydney"), ("aedt", "Australia/Sydney"),
    ("aet", "Australia/Sydney"), ("acst", "Australia/Adelaide"), ("acdt", "Australia/Adelaide"), ("awst", "Australia/Perth"),
    ("nzst", "Pacific/Auckland"), ("nzdt", "Pacific/Auckland"), ("nzt", "Pacific/Auckland"), ("est", "America/New_York"),
    ("edt", "America/New_York"), ("et", "America/New_York"), ("cst", "America/Chicago"), ("cdt", "America/Chicago"),
    ("ct", "America/Chicago"), ("mst", "America/Denver"), ("mdt", "America/Denver"), ("mt", "America/Denver"),
    ("pst", "America/Los_Angeles"), ("pdt", "America/Los_Angeles"), ("pt", "America/Los_Angeles"), ("akst", "America/Anchorage"),
    ("akdt", "America/Anchorage"), ("hst", "Pacific/Honolulu"), ("ast", "America/Halifax"), ("adt", "America/Halifax"),
    ("nst", "America/St_Johns"), ("brt", "America/Sao_Paulo"),
];

/// Zones by a name that is no place.
#[rustfmt::skip]
const NAMED: &[(&str, &str)] = &[
    ("eastern", "America/New_York"), ("eastern time", "America/New_York"), ("eastern standard time", "America/New_York"),
    ("eastern daylight time", "America/New_York"), ("us eastern", "America/New_York"), ("central time", "America/Chicago"),
    ("central standard time", "America/Chicago"), ("central daylight time", "America/Chicago"), ("us central", "America/Chicago"),
    ("mountain time", "America/Denver"), ("mountain standard time", "America/Denver"), ("mountain daylight time", "America/Denver"),
    ("pacific", "America/Los_Angeles"), ("pacific time", "America/Los_Angeles"), ("pacific standard time", "America/Los_Angeles"),
    ("pacific daylight time", "America/Los_Angeles"), ("us pacific", "America/Los_Angeles"), ("central european time", "Europe/Paris"),
    ("central european summer time", "Europe/Paris"), ("greenwich mean time", "UTC"), ("british time", "Europe/London"),
    ("british summer time", "Europe/London"), ("uk time", "Europe/London"), ("european time", "Europe/Paris"),
    ("indian time", "Asia/Kolkata"), ("indian standard time", "Asia/Kolkata"), ("japan standard time", "Asia/Tokyo"),
    ("heure de l est", "America/New_York"), ("heure du centre", "America/Chicago"), ("heure des rocheuses", "America/Denver"),
    ("heure du pacifique", "America/Los_Angeles"), ("heure francaise", "Europe/Paris"), ("heure anglaise", "Europe/London"),
    ("heure britannique", "Europe/London"), ("heure japonaise", "Asia/Tokyo"), ("heure quebecoise", "America/Toronto"),
    ("heure d europe centrale", "Europe/Paris"), ("heure universelle", "UTC"), ("heure de greenwich", "UTC"), ("temps universel", "UTC"),
];

/// Abbreviations that are words of English or French too, and stand for a zone only in capitals.
const ALSO_WORDS: &[&str] = &["et", "est", "z", "ct", "mt", "pt", "wet", "west", "ast", "brt"];

/// The user's own zone, said in so many words.
const LOCAL: &[&str] =
    &["local time", "my time", "our time", "here", "heure locale", "heure d ici", "a l heure locale", "mon heure"];

/// A zone behind an hour; `None` when none is said that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Zone {
    Local,
    Of(TimeZone),
}

/// Reads a zone. `after_meridiem` tells whether am or pm was said, after which "est" is no French word.
pub(crate) fn zone(cursor: &mut Cursor, after_meridiem: bool) -> Option<Zone> {
    cursor.attempt(|cursor| {
        if cursor.any(LOCAL).is_some() {
            return Some(Zone::Local);
        }
        cursor.any(&["in"]);
        let found = cursor
            .attempt(|cursor| abbreviation(cursor, after_meridiem))
            .or_else(|| cursor.attempt(named))
            .or_else(|| cursor.attempt(time_of_a_place))
            .or_else(|| cursor.attempt(full_name))?;
        Some(Zone::Of(found))
    })
}

/// "EST", "UTC+2", "GMT-03:30".
fn abbreviation(cursor: &mut Cursor, after_meridiem: bool) -> Option<TimeZone> {
    let token = cursor.peek()?;
    let Kind::Word(word) = &token.kind else { return None };
    if ALSO_WORDS.contains(&word.as_str()) && !token.uppercase && !(after_meridiem && word == "est") {
        return None;
    }
    let name = cursor.phrase(ABBREVIATIONS)?;
    if name == "UTC"
        && let Some(offset) = cursor.attempt(offset)
    {
        return Some(TimeZone::fixed(offset));
    }
    cursor.any(&["time"]);
    TimeZone::get(name).ok()
}

/// "+2", "-5:30" behind UTC or GMT.
fn offset(cursor: &mut Cursor) -> Option<Offset> {
    let sign = match cursor.join() {
        Join::Hyphen => -1,
        _ => cursor.any(&["+"]).map(|()| 1)?,
    };
    let hours = cursor.digits().map(|(hours, _)| hours).filter(|hours| *hours <= 14)?;
    let minutes = cursor.digits_after(Join::Colon).map_or(0, |(minutes, _)| minutes).min(59);
    let seconds = i32::try_from(hours * 3600 + minutes * 60).ok()?;
    Offset::from_seconds(sign * seconds).ok()
}

fn named(cursor: &mut Cursor) -> Option<TimeZone> {
    cursor.any(&["a l"]);
    TimeZone::get(cursor.phrase(NAMED)?).ok()
}

/// The most words of a place's name.
const LONGEST_PLACE: usize = 4;

/// "Tokyo time", "heure de New York".
fn time_of_a_place(cursor: &mut Cursor) -> Option<TimeZone> {
    cursor.any(&["a l"]);
    let in_french =
        cursor.any(&["heure de", "heure d", "heure du", "heure des", "heure a", "heure de la", "heure de l"]).is_some();
    let mut found = None;
    let (mut place, mut ahead) = (String::new(), *cursor);
    for _ in 0..LONGEST_PLACE {
        let Some(Kind::Word(word)) = ahead.advance().map(|token| &token.kind) else { break };
        if !place.is_empty() {
            place.push(' ');
        }
        place.push_str(word);
        let mut behind = ahead;
        let is_named = in_french || behind.any(&["time", "s time", "standard time"]).is_some();
        if is_named && let Some(zone) = zone_of_place(&place) {
            found = Some(zone);
            *cursor = behind;
        }
    }
    found
}

/// "Europe/Paris".
fn full_name(cursor: &mut Cursor) -> Option<TimeZone> {
    let mut name = String::new();
    while let Some(Kind::Word(word)) = cursor.peek().map(|token| &token.kind) {
        if !name.is_empty() && cursor.join() != Join::Slash {
            break;
        }
        if !name.is_empty() {
            name.push('/');
        }
        name.push_str(word);
        cursor.advance();
    }
    if name.contains('/') { TimeZone::get(&name).ok() } else { None }
}

/// The zone of a city or a country, in plain words: by our table, or by the city in a zone's name.
pub fn zone_of_place(place: &str) -> Option<TimeZone> {
    if let Some((zone, _)) = PLACES.iter().find(|(_, places)| places.contains(&place)) {
        return TimeZone::get(zone).ok();
    }
    // "America/Argentina/Buenos_Aires" is listed by its last part.
    let is_of = |name: &str| {
        let city = name.rsplit('/').next().unwrap_or(name);
        name.contains('/')
            && !name.starts_with("Etc/")
            && city.len() == place.len()
            && city.to_lowercase().replace(['_', '-'], " ") == place
    };
    let name = jiff::tz::db().available().find(|name| is_of(name.as_str()))?;
    TimeZone::get(name.as_str()).ok()
}

/// How many tokens behind an hour say a zone that is not known: "3pm XST", "9am Springfield time", "15h heure de Brigadoon".
pub(crate) fn length_of_unknown(mut cursor: Cursor) -> Option<usize> {
    let token = cursor.peek()?;
    if cursor.any(&["their time", "his time", "her time", "your time", "server time", "leur heure"]).is_some() {
        return Some(cursor.position());
    }
    if cursor.any(&["heure de", "heure d", "heure du", "heure des", "a l heure de", "a l heure d"]).is_some() {
        while cursor.peek().is_some_and(|token| token.capitalised && !token.after_mark) {
            cursor.advance();
        }
        return Some(cursor.position());
    }
    if cursor.any(&["heure"]).is_some() {
        return cursor.advance().map(|_| cursor.position());
    }
    let is_like_est = matches!(&token.kind, Kind::Word(word) if (3..=5).contains(&word.len()) && word.ends_with('t'));
    if token.uppercase && is_like_est {
        return Some(1);
    }
    for _ in 0..LONGEST_PLACE {
        cursor.advance().filter(|token| token.capitalised)?;
        if cursor.any(&["time"]).is_some() {
            return Some(cursor.position());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_zone_of_the_tables_exists() {
        for (zone, places) in PLACES {
            assert!(TimeZone::get(zone).is_ok(), "{zone}");
            for place in *places {
                let plain = |c: char| c.is_ascii_lowercase() || c == ' ';
                assert!(place.chars().all(plain), "the table is searched for plain words: {place}");
            }
        }
        for (name, zone) in ABBREVIATIONS.iter().chain(NAMED) {
            assert!(TimeZone::get(zone).is_ok(), "{name}: {zone}");
        }
    }
}
