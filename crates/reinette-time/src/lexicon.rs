//! The words of time in English and French, in lower case and without diacritics.

use jiff::civil::Weekday;

#[rustfmt::skip]
pub(crate) const SMALL_NUMBERS: &[(&str, u32)] = &[
    ("one", 1), ("two", 2), ("three", 3), ("four", 4), ("five", 5), ("six", 6), ("seven", 7), ("eight", 8), ("nine", 9), ("ten", 10),
    ("eleven", 11), ("twelve", 12), ("thirteen", 13), ("fourteen", 14), ("fifteen", 15), ("sixteen", 16), ("seventeen", 17),
    ("eighteen", 18), ("nineteen", 19),
    ("un", 1), ("une", 1), ("deux", 2), ("trois", 3), ("quatre", 4), ("cinq", 5), ("sept", 7), ("huit", 8), ("neuf", 9), ("dix", 10),
    ("onze", 11), ("douze", 12), ("treize", 13), ("quatorze", 14), ("quinze", 15), ("seize", 16),
];

#[rustfmt::skip]
pub(crate) const TENS: &[(&str, u32)] = &[
    ("twenty", 20), ("thirty", 30), ("forty", 40), ("fifty", 50), ("sixty", 60), ("seventy", 70), ("eighty", 80), ("ninety", 90),
    ("vingt", 20), ("trente", 30), ("quarante", 40), ("cinquante", 50), ("soixante", 60),
];

#[rustfmt::skip]
pub(crate) const ORDINALS: &[(&str, i8)] = &[
    ("first", 1), ("second", 2), ("third", 3), ("fourth", 4), ("fifth", 5), ("sixth", 6), ("seventh", 7), ("eighth", 8), ("ninth", 9),
    ("tenth", 10), ("eleventh", 11), ("twelfth", 12), ("thirteenth", 13), ("fourteenth", 14), ("fifteenth", 15), ("sixteenth", 16),
    ("seventeenth", 17), ("eighteenth", 18), ("nineteenth", 19), ("twentieth", 20), ("thirtieth", 30), ("last", -1),
    ("premier", 1), ("premiere", 1), ("deuxieme", 2), ("seconde", 2), ("troisieme", 3), ("quatrieme", 4), ("cinquieme", 5),
    ("dernier", -1), ("derniere", -1), ("premiers", 1), ("deuxiemes", 2), ("seconds", 2), ("troisiemes", 3), ("quatriemes", 4), ("derniers", -1),
];

#[rustfmt::skip]
pub(crate) const WEEKDAYS: &[(&str, Weekday)] = &[
    ("monday", Weekday::Monday), ("mon", Weekday::Monday), ("tuesday", Weekday::Tuesday), ("tue", Weekday::Tuesday),
    ("tues", Weekday::Tuesday), ("wednesday", Weekday::Wednesday), ("wed", Weekday::Wednesday), ("weds", Weekday::Wednesday), ("thursday", Weekday::Thursday),
    ("thu", Weekday::Thursday), ("thur", Weekday::Thursday), ("thurs", Weekday::Thursday), ("friday", Weekday::Friday),
    ("fri", Weekday::Friday), ("saturday", Weekday::Saturday), ("sat", Weekday::Saturday), ("sunday", Weekday::Sunday),
    ("sun", Weekday::Sunday),
    ("lundi", Weekday::Monday), ("lun", Weekday::Monday), ("mardi", Weekday::Tuesday), ("mercredi", Weekday::Wednesday),
    ("mer", Weekday::Wednesday), ("jeudi", Weekday::Thursday), ("jeu", Weekday::Thursday), ("vendredi", Weekday::Friday),
    ("ven", Weekday::Friday), ("samedi", Weekday::Saturday), ("sam", Weekday::Saturday), ("dimanche", Weekday::Sunday),
    ("dim", Weekday::Sunday),
];

/// Plurals that make a weekday a repetition: "Mondays at 9".
#[rustfmt::skip]
pub(crate) const PLURAL_WEEKDAYS: &[(&str, Weekday)] = &[
    ("mondays", Weekday::Monday), ("tuesdays", Weekday::Tuesday), ("wednesdays", Weekday::Wednesday),
    ("thursdays", Weekday::Thursday), ("fridays", Weekday::Friday), ("saturdays", Weekday::Saturday), ("sundays", Weekday::Sunday),
    ("lundis", Weekday::Monday), ("mardis", Weekday::Tuesday), ("mercredis", Weekday::Wednesday), ("jeudis", Weekday::Thursday),
    ("vendredis", Weekday::Friday), ("samedis", Weekday::Saturday), ("dimanches", Weekday::Sunday),
];

#[rustfmt::skip]
pub(crate) const MONTHS: &[(&str, i8)] = &[
    ("january", 1), ("jan", 1), ("february", 2), ("feb", 2), ("march", 3), ("mar", 3), ("april", 4), ("apr", 4), ("may", 5), ("june", 6),
    ("jun", 6), ("july", 7), ("jul", 7), ("august", 8), ("aug", 8), ("september", 9), ("sep", 9), ("sept", 9), ("october", 10), ("oct", 10),
    ("november", 11), ("nov", 11), ("december", 12), ("dec", 12),
    ("janvier", 1), ("janv", 1), ("fevrier", 2), ("fevr", 2), ("fev", 2), ("mars", 3), ("avril", 4), ("avr", 4), ("mai", 5), ("juin", 6),
    ("juillet", 7), ("juil", 7), ("aout", 8), ("septembre", 9), ("octobre", 10), ("novembre", 11), ("decembre", 12),
];

/// A unit in which people count time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Fortnight,
    Month,
    Year,
}

#[rustfmt::skip]
pub(crate) const UNITS: &[(&str, Unit)] = &[
    ("second", Unit::Second), ("seconds", Unit::Second), ("sec", Unit::Second), ("secs", Unit::Second), ("s", Unit::Second),
    ("seconde", Unit::Second), ("secondes", Unit::Second),
    ("minute", Unit::Minute), ("minutes", Unit::Minute), ("min", Unit::Minute), ("mins", Unit::Minute), ("m", Unit::Minute),
    ("mn", Unit::Minute),
    ("hour", Unit::Hour), ("hours", Unit::Hour), ("hr", Unit::Hour), ("hrs", Unit::Hour), ("h", Unit::Hour), ("heure", Unit::Hour),
    ("heures", Unit::Hour),
    ("day", Unit::Day), ("days", Unit::Day), ("d", Unit::Day), ("jour", Unit::Day), ("jours", Unit::Day), ("j", Unit::Day),
    ("week", Unit::Week), ("weeks", Unit::Week), ("semaine", Unit::Week), ("semaines", Unit::Week),
    ("fortnight", Unit::Fortnight), ("fortnights", Unit::Fortnight), ("quinzaine", Unit::Fortnight),
    ("month", Unit::Month), ("months", Unit::Month), ("mois", Unit::Month),
    ("year", Unit::Year), ("years", Unit::Year), ("yr", Unit::Year), ("yrs", Unit::Year), ("an", Unit::Year), ("ans", Unit::Year),
    ("annee", Unit::Year), ("annees", Unit::Year),
];

/// A part of the day that has a usual hour and that tells the two readings of an hour apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PartOfDay {
    Morning,
    LateMorning,
    EarlyAfternoon,
    Afternoon,
    LateAfternoon,
    EarlyEvening,
    Evening,
    LateEvening,
    Tonight,
    Night,
}

/// A part of the day as said, and which day it is of, counted from today, when it says so.
#[rustfmt::skip]
pub(crate) const PARTS_OF_DAY: &[(&str, (PartOfDay, Option<i8>))] = &[
    ("morning", (PartOfDay::Morning, None)), ("this morning", (PartOfDay::Morning, Some(0))), ("first thing", (PartOfDay::Morning, None)),
    ("first thing in the morning", (PartOfDay::Morning, None)),
    ("afternoon", (PartOfDay::Afternoon, None)), ("this afternoon", (PartOfDay::Afternoon, Some(0))),
    ("evening", (PartOfDay::Evening, None)), ("this evening", (PartOfDay::Evening, Some(0))),
    ("tonight", (PartOfDay::Tonight, Some(0))), ("night", (PartOfDay::Night, None)), ("this night", (PartOfDay::Night, Some(0))),
    ("last night", (PartOfDay::Night, Some(-1))), ("late morning", (PartOfDay::LateMorning, None)),
    ("early afternoon", (PartOfDay::EarlyAfternoon, None)), ("late afternoon", (PartOfDay::LateAfternoon, None)),
    ("early evening", (PartOfDay::EarlyEvening, None)), ("late evening", (PartOfDay::LateEvening, None)),
    ("later this morning", (PartOfDay::Morning, Some(0))), ("later this afternoon", (PartOfDay::Afternoon, Some(0))),
    ("later this evening", (PartOfDay::Evening, Some(0))), ("later tonight", (PartOfDay::Tonight, Some(0))),
    ("matin", (PartOfDay::Morning, None)), ("matins", (PartOfDay::Morning, None)), ("soirs", (PartOfDay::Evening, None)),
    ("nuits", (PartOfDay::Night, None)), ("apres midis", (PartOfDay::Afternoon, None)),
    ("matinee", (PartOfDay::Morning, None)), ("ce matin", (PartOfDay::Morning, Some(0))),
    ("apres midi", (PartOfDay::Afternoon, None)), ("cet apres midi", (PartOfDay::Afternoon, Some(0))),
    ("cette apres midi", (PartOfDay::Afternoon, Some(0))),
    ("aprem", (PartOfDay::Afternoon, None)), ("cet aprem", (PartOfDay::Afternoon, Some(0))), ("cette aprem", (PartOfDay::Afternoon, Some(0))),
    ("premiere heure", (PartOfDay::Morning, None)), ("a la premiere heure", (PartOfDay::Morning, None)),
    ("fin de matinee", (PartOfDay::LateMorning, None)), ("debut d apres midi", (PartOfDay::EarlyAfternoon, None)),
    ("debut d aprem", (PartOfDay::EarlyAfternoon, None)), ("fin d apres midi", (PartOfDay::LateAfternoon, None)),
    ("fin d aprem", (PartOfDay::LateAfternoon, None)), ("debut de soiree", (PartOfDay::EarlyEvening, None)),
    ("fin de soiree", (PartOfDay::LateEvening, None)),
    ("soir", (PartOfDay::Evening, None)), ("soiree", (PartOfDay::Evening, None)), ("ce soir", (PartOfDay::Tonight, Some(0))),
    ("nuit", (PartOfDay::Night, None)), ("cette nuit", (PartOfDay::Night, Some(0))), ("la nuit derniere", (PartOfDay::Night, Some(-1))),
];

impl PartOfDay {
    /// The hour that is meant when none is said.
    pub(crate) fn usual_hour(self) -> u16 {
        match self {
            Self::Morning => 9,
            Self::LateMorning => 11,
            Self::EarlyAfternoon => 14,
            Self::Afternoon => 15,
            Self::LateAfternoon => 17,
            Self::EarlyEvening => 18,
            Self::Evening => 19,
            Self::LateEvening => 22,
            Self::Tonight => 20,
            Self::Night => 21,
        }
    }
}

/// Days by their distance from today.
#[rustfmt::skip]
pub(crate) const RELATIVE_DAYS: &[(&str, i32)] = &[
    ("today", 0), ("tomorrow", 1), ("tmrw", 1), ("tomorow", 1), ("tommorow", 1), ("tommorrow", 1), ("yesterday", -1),
    ("day after tomorrow", 2), ("day before yesterday", -2), ("the day after tomorrow", 2), ("the day before yesterday", -2),
    ("later today", 0), ("later on today", 0), ("aujourd hui", 0), ("aujourdhui", 0), ("auj", 0), ("ajd", 0), ("plus tard aujourd hui", 0), ("demain", 1), ("apres demain", 2), ("hier", -1), ("avant hier", -2),
];

/// Words that carry no meaning of their own before or after a date or time.
#[rustfmt::skip]
pub(crate) const FILLERS: &[&str] = &[
    "on", "at", "by", "for", "in", "the", "of", "before", "starting", "starting from", "beginning", "from", "as of", "around", "about", "approximately",
    "roughly", "circa", "please", "sharp", "exactly", "sometime", "some time", "to", "early", "late", "during", "no later than", "within",
    "a", "au", "aux", "le", "la", "les", "l", "du", "de", "des", "d", "ici", "vers", "pour", "partir", "environ", "pile", "precises",
    "en", "dans", "sur", "s il te plait", "s il vous plait", "stp", "svp", "avant", "pendant", "courant", "oclock",
];
