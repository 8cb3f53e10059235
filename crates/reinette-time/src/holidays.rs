//! Days that people call by name: of a fixed date, or computed from Easter or from the weekdays of a month.

use jiff::ToSpan;
use jiff::civil::{Date, Weekday};

/// How the date of a holiday is found in a year.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holiday {
    /// Month and day.
    Fixed(i8, i8),
    /// Days after Easter Sunday.
    Easter(i32),
    /// The nth such weekday of a month (−1: the last).
    Nth(i8, Weekday, i8),
}

#[rustfmt::skip]
pub(crate) const HOLIDAYS: &[(&str, Holiday)] = &[
    ("christmas", Holiday::Fixed(12, 25)), ("christmas day", Holiday::Fixed(12, 25)), ("xmas", Holiday::Fixed(12, 25)),
    ("xmas day", Holiday::Fixed(12, 25)), ("noel", Holiday::Fixed(12, 25)), ("christmas eve", Holiday::Fixed(12, 24)), ("xmas eve", Holiday::Fixed(12, 24)),
    ("veille de noel", Holiday::Fixed(12, 24)), ("reveillon de noel", Holiday::Fixed(12, 24)), ("boxing day", Holiday::Fixed(12, 26)),
    ("new year s eve", Holiday::Fixed(12, 31)), ("new years eve", Holiday::Fixed(12, 31)), ("saint sylvestre", Holiday::Fixed(12, 31)),
    ("reveillon", Holiday::Fixed(12, 31)), ("new year", Holiday::Fixed(1, 1)), ("new year s", Holiday::Fixed(1, 1)),
    ("new year s day", Holiday::Fixed(1, 1)), ("new years day", Holiday::Fixed(1, 1)), ("jour de l an", Holiday::Fixed(1, 1)),
    ("nouvel an", Holiday::Fixed(1, 1)), ("epiphany", Holiday::Fixed(1, 6)), ("epiphanie", Holiday::Fixed(1, 6)),
    ("chandeleur", Holiday::Fixed(2, 2)), ("valentine s day", Holiday::Fixed(2, 14)), ("valentine s", Holiday::Fixed(2, 14)),
    ("valentines day", Holiday::Fixed(2, 14)), ("saint valentin", Holiday::Fixed(2, 14)), ("st valentin", Holiday::Fixed(2, 14)),
    ("st patrick s day", Holiday::Fixed(3, 17)), ("saint patrick s day", Holiday::Fixed(3, 17)), ("saint patrick", Holiday::Fixed(3, 17)),
    ("april fools day", Holiday::Fixed(4, 1)), ("april fool s day", Holiday::Fixed(4, 1)), ("poisson d avril", Holiday::Fixed(4, 1)),
    ("may day", Holiday::Fixed(5, 1)), ("labour day", Holiday::Fixed(5, 1)), ("fete du travail", Holiday::Fixed(5, 1)),
    ("labor day", Holiday::Nth(1, Weekday::Monday, 9)), ("fete de la musique", Holiday::Fixed(6, 21)),
    ("fourth of july", Holiday::Fixed(7, 4)), ("independence day", Holiday::Fixed(7, 4)), ("bastille day", Holiday::Fixed(7, 14)),
    ("fete nationale", Holiday::Fixed(7, 14)), ("assumption", Holiday::Fixed(8, 15)), ("assomption", Holiday::Fixed(8, 15)),
    ("halloween", Holiday::Fixed(10, 31)), ("all saints", Holiday::Fixed(11, 1)), ("all saints day", Holiday::Fixed(11, 1)),
    ("toussaint", Holiday::Fixed(11, 1)), ("bonfire night", Holiday::Fixed(11, 5)), ("armistice", Holiday::Fixed(11, 11)),
    ("armistice day", Holiday::Fixed(11, 11)), ("veterans day", Holiday::Fixed(11, 11)),
    ("thanksgiving", Holiday::Nth(4, Weekday::Thursday, 11)), ("black friday", Holiday::Nth(4, Weekday::Friday, 11)),
    ("mardi gras", Holiday::Easter(-47)), ("shrove tuesday", Holiday::Easter(-47)), ("ash wednesday", Holiday::Easter(-46)),
    ("palm sunday", Holiday::Easter(-7)), ("rameaux", Holiday::Easter(-7)), ("good friday", Holiday::Easter(-2)),
    ("vendredi saint", Holiday::Easter(-2)), ("easter", Holiday::Easter(0)), ("easter sunday", Holiday::Easter(0)),
    ("paques", Holiday::Easter(0)), ("dimanche de paques", Holiday::Easter(0)), ("easter monday", Holiday::Easter(1)),
    ("lundi de paques", Holiday::Easter(1)), ("ascension", Holiday::Easter(39)), ("ascension day", Holiday::Easter(39)),
    ("pentecost", Holiday::Easter(49)), ("pentecote", Holiday::Easter(49)), ("whit monday", Holiday::Easter(50)),
    ("lundi de pentecote", Holiday::Easter(50)),
];

impl Holiday {
    /// The date in `year`, if the calendar reaches it.
    pub(crate) fn in_year(self, year: i16) -> Option<Date> {
        match self {
            Self::Fixed(month, day) => Date::new(year, month, day).ok(),
            Self::Easter(days) => easter(year)?.checked_add(days.days()).ok(),
            Self::Nth(nth, weekday, month) => Date::new(year, month, 1).ok()?.nth_weekday_of_month(nth, weekday).ok(),
        }
    }

    /// The next one, `today` included.
    pub(crate) fn from(self, today: Date) -> Option<Date> {
        self.in_year(today.year()).filter(|date| *date >= today).or_else(|| self.in_year(today.year().checked_add(1)?))
    }
}

/// Easter Sunday of the Gregorian calendar.
///
/// Paper: the anonymous computus published in Nature, 20 April 1876, as in Meeus, Astronomical Algorithms, chapter 8.
fn easter(year: i16) -> Option<Date> {
    let year_number = i32::from(year);
    let golden = year_number % 19;
    let (century, rest) = (year_number / 100, year_number % 100);
    let moon_shift = (century - (century + 8) / 25 + 1) / 3;
    let epact = (19 * golden + century - century / 4 - moon_shift + 15) % 30;
    let to_sunday = (32 + 2 * (century % 4) + 2 * (rest / 4) - epact - rest % 4) % 7;
    let correction = (golden + 11 * epact + 22 * to_sunday) / 451;
    let days = epact + to_sunday - 7 * correction + 114;
    Date::new(year, i8::try_from(days / 31).ok()?, i8::try_from(days % 31 + 1).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn easter_falls_where_the_almanac_says() {
        // Dates from the United States Naval Observatory's tables.
        for (year, month, day) in
            [(1961, 4, 2), (2000, 4, 23), (2019, 4, 21), (2024, 3, 31), (2026, 4, 5), (2038, 4, 25), (2285, 3, 22)]
        {
            assert_eq!(easter(year), Date::new(year, month, day).ok());
        }
    }
}
