//! Repetitions: "every weekday", "each month on the 1st", "every other Tuesday", "tous les lundis".

use jiff::civil::Weekday;

use super::cursor::Cursor;
use super::facts::contradiction;
use super::holidays::HOLIDAYS;
use super::lexer::Kind;
use super::lexicon::{MONTHS, PARTS_OF_DAY, PLURAL_WEEKDAYS, UNITS, Unit, WEEKDAYS};
use super::periods::ordinal_weekday;
use super::working_days::WORKING_DAYS;
use super::{Frequency, Recurrence, RecurringDay, TimeError};

const EVERY: &[&str] = &["every", "each", "chaque", "tous les", "toutes les", "tous", "toutes"];
const WEEKEND: [Weekday; 2] = [Weekday::Saturday, Weekday::Sunday];

/// A repetition, if one stands here.
pub(crate) fn repetition(cursor: &mut Cursor) -> Option<Recurrence> {
    let adverb = cursor.attempt(weekdays_with_articles).or_else(|| cursor.attempt(adverb));
    adverb.or_else(|| cursor.attempt(of_every_month)).or_else(|| cursor.attempt(one_in_many)).or_else(|| {
        cursor.attempt(|cursor| {
            let after_tous = { *cursor }.any(&["tous les"]).is_some();
            cursor.any(EVERY)?;
            every_something(cursor, after_tous)
        })
    })
}

/// "daily", "weekdays", "Mondays and Thursdays".
fn adverb(cursor: &mut Cursor) -> Option<Recurrence> {
    cursor.skip(&["on", "les", "le"]);
    if let Some(frequency) = cursor.phrase(&[
        ("daily", Frequency::Daily),
        ("everyday", Frequency::Daily),
        ("once a day", Frequency::Daily),
        ("quotidiennement", Frequency::Daily),
        ("weekly", Frequency::Weekly),
        ("once a week", Frequency::Weekly),
        ("une fois par semaine", Frequency::Weekly),
        ("une fois par jour", Frequency::Daily),
        ("une fois par mois", Frequency::Monthly),
        ("monthly", Frequency::Monthly),
        ("once a month", Frequency::Monthly),
        ("mensuellement", Frequency::Monthly),
        ("yearly", Frequency::Yearly),
        ("annually", Frequency::Yearly),
        ("once a year", Frequency::Yearly),
        ("hourly", Frequency::Hourly),
    ]) {
        return Some(monthly_details(cursor, Recurrence::every(frequency)));
    }
    if cursor.any(&["fortnightly", "biweekly"]).is_some() {
        return Some(Recurrence { interval: 2, ..Recurrence::every(Frequency::Weekly) });
    }
    if cursor.any(&["weekdays", "week days", "working days", "jours ouvrables", "jours ouvres", "en semaine"]).is_some()
    {
        return Some(Recurrence::weekly(WORKING_DAYS));
    }
    if cursor.any(&["weekends", "week ends"]).is_some() {
        return Some(Recurrence::weekly(WEEKEND));
    }
    weekdays(cursor, PLURAL_WEEKDAYS).map(Recurrence::weekly)
}

/// "le lundi et le mercredi": with the article, weekdays come again.
fn weekdays_with_articles(cursor: &mut Cursor) -> Option<Recurrence> {
    let with_article = |cursor: &mut Cursor| {
        cursor.any(&["le"])?;
        cursor.phrase(WEEKDAYS).filter(|_| !matches!(cursor.peek().map(|next| &next.kind), Some(Kind::Number { .. })))
    };
    let mut days = vec![with_article(cursor)?];
    while let Some(day) = cursor.attempt(|cursor| {
        cursor.skip(&["et"]);
        with_article(cursor)
    }) {
        days.push(day);
    }
    days.sort_by_key(|day| day.to_monday_zero_offset());
    days.dedup();
    (days.len() > 1).then(|| Recurrence::weekly(days))
}

/// One or more weekdays: "Monday, Wednesday and Friday".
fn weekdays(cursor: &mut Cursor, table: &[(&str, Weekday)]) -> Option<Vec<Weekday>> {
    let mut days = vec![cursor.phrase(table)?];
    while let Some(day) = cursor.attempt(|cursor| {
        cursor.skip(&["and", "et", "on", "les", "every", "tous"]);
        cursor.phrase(table)
    }) {
        if !days.contains(&day) {
            days.push(day);
        }
    }
    days.sort_by_key(|day| day.to_monday_zero_offset());
    Some(days)
}

/// "the 1st of every month", "le dernier vendredi de chaque mois", "the last day of each month".
fn of_every_month(cursor: &mut Cursor) -> Option<Recurrence> {
    cursor.skip(&["on", "the", "le"]);
    let rule = day_in_month(cursor)?;
    cursor.any(&["of", "de", "du", "in"])?;
    cursor.any(EVERY)?;
    cursor.any(&["month", "mois"])?;
    Some(rule)
}

/// "un mardi sur deux", "une semaine sur trois", "one day in two", "alternate Mondays".
fn one_in_many(cursor: &mut Cursor) -> Option<Recurrence> {
    cursor.skip(&["on", "le", "les"]);
    if cursor.any(&["alternate", "alternating"]).is_some() {
        let (days, unit) = (cursor.attempt(every_weekday), cursor.phrase(UNITS));
        let rule = days.map(Recurrence::weekly).or_else(|| every_unit(unit?, 1))?;
        return Some(Recurrence { interval: 2, ..rule });
    }
    cursor.any(&["un", "une", "1", "one"])?;
    let days = cursor.phrase(WEEKDAYS).map(|day| vec![day]).or_else(|| {
        cursor.any(&["weekend", "week end"])?;
        Some(WEEKEND.to_vec())
    });
    let unit = if days.is_none() { Some(cursor.phrase(UNITS)?) } else { None };
    cursor.any(&["sur", "in", "out of"])?;
    let many = u16::try_from(cursor.number()?).ok().filter(|many| *many > 1)?;
    // "One day in two weeks" counts no days.
    if { *cursor }.phrase(UNITS).is_some() {
        return None;
    }
    match days {
        Some(days) => Some(Recurrence { interval: many, ..Recurrence::weekly(days) }),
        None => every_unit(unit?, many.into()),
    }
}

/// The rule of a unit, every so many of them.
fn every_unit(unit: Unit, count: u32) -> Option<Recurrence> {
    let (frequency, factor) = match unit {
        Unit::Second => return None,
        Unit::Minute => (Frequency::Minutely, 1),
        Unit::Hour => (Frequency::Hourly, 1),
        Unit::Day => (Frequency::Daily, 1),
        Unit::Week => (Frequency::Weekly, 1),
        Unit::Fortnight => (Frequency::Weekly, 2),
        Unit::Month => (Frequency::Monthly, 1),
        Unit::Year => (Frequency::Yearly, 1),
    };
    let interval = u16::try_from(count.checked_mul(factor)?).ok().filter(|interval| *interval > 0)?;
    Some(Recurrence { interval, ..Recurrence::every(frequency) })
}

/// "except Friday", "sauf le dimanche", "but not on weekends": the rule without those days. `None` when no weekday follows.
pub(crate) fn exception(cursor: &mut Cursor, rule: &Recurrence) -> Option<Result<Recurrence, TimeError>> {
    let excluded = cursor.attempt(|cursor| {
        cursor.any(EXCEPT)?;
        cursor.skip(&["on", "for", "le", "les", "of", "the", "every", "not", "d"]);
        let weekend = cursor.attempt(|cursor| {
            cursor.any(&["weekend", "weekends", "week end", "week ends"])?;
            Some(WEEKEND.to_vec())
        });
        weekend.or_else(|| every_weekday(cursor))
    })?;
    let all = Recurrence::weekly((0..7).filter_map(|day| Weekday::from_monday_zero_offset(day).ok())).weekdays;
    let days = match rule.frequency {
        Frequency::Daily if rule.weekdays.is_empty() => all,
        Frequency::Weekly if !rule.weekdays.is_empty() => rule.weekdays.clone(),
        _ => return Some(Err(contradiction("days are left out of a repetition that has no weekdays"))),
    };
    if rule.interval != 1 {
        return Some(Err(contradiction("days are left out of a repetition that leaves out others")));
    }
    let left: Vec<_> = days.into_iter().filter(|day| !excluded.contains(&day.weekday)).collect();
    if left.is_empty() {
        return Some(Err(contradiction("every day of the repetition is left out")));
    }
    Some(Ok(Recurrence { frequency: Frequency::Weekly, weekdays: left, ..rule.clone() }))
}

/// Words that leave something out.
pub(crate) const EXCEPT: &[&str] = &[
    "except",
    "excepting",
    "excluding",
    "but",
    "but not",
    "apart from",
    "aside from",
    "other than",
    "save",
    "sauf",
    "excepte",
    "hormis",
    "hors",
    "a part",
    "en dehors de",
    "en dehors du",
    "mais pas",
];

/// Which day of a month: "first Monday", "last day", "15th".
fn day_in_month(cursor: &mut Cursor) -> Option<Recurrence> {
    let monthly = Recurrence::every(Frequency::Monthly);
    if cursor.any(&["last day", "dernier jour"]).is_some() {
        return Some(Recurrence { month_day: Some(-1), ..monthly });
    }
    if let Some((ordinals, weekday)) = cursor.attempt(ordinals_of_a_weekday) {
        let day = |ordinal| RecurringDay { weekday, ordinal: Some(ordinal) };
        return Some(Recurrence { weekdays: ordinals.into_iter().map(day).collect(), ..monthly });
    }
    let day = cursor.ordinal().or_else(|| i8::try_from(cursor.number()?).ok()).filter(|day| (1..=31).contains(day))?;
    Some(Recurrence { month_day: Some(day), ..monthly })
}

/// "last Friday", "first and third Monday".
fn ordinals_of_a_weekday(cursor: &mut Cursor) -> Option<(Vec<i8>, Weekday)> {
    let mut ordinals = Vec::new();
    loop {
        if let Some((ordinal, weekday)) = ordinal_weekday(cursor) {
            ordinals.push(ordinal);
            return Some((ordinals, weekday));
        }
        ordinals.push(cursor.ordinal().filter(|ordinal| (-1..=5).contains(ordinal))?);
        cursor.skip(&["and", "et", "the", "le"]);
    }
}

/// What stands behind "every".
fn every_something(cursor: &mut Cursor, after_tous: bool) -> Option<Recurrence> {
    if cursor
        .any(&[
            "weekday",
            "weekdays",
            "week day",
            "working day",
            "business day",
            "jour ouvrable",
            "jours ouvrables",
            "jour de semaine",
            "jours de semaine",
            "jours de la semaine",
            "jour de la semaine",
            "jour ouvre",
            "jours ouvres",
            "workday",
            "working days",
            "business days",
        ])
        .is_some()
    {
        return Some(Recurrence::weekly(WORKING_DAYS));
    }
    if cursor.any(&["weekend", "weekends", "week end", "week ends"]).is_some() {
        return Some(Recurrence::weekly(WEEKEND));
    }
    // "Every second Tuesday" is every other one, but of the month it is the second.
    let of_the_month = cursor.attempt(|cursor| {
        let rule = day_in_month(cursor)?;
        cursor.any(&[
            "of the month",
            "of month",
            "of each month",
            "of every month",
            "in the month",
            "du mois",
            "de chaque mois",
        ])?;
        Some(rule)
    });
    of_the_month
        .or_else(|| cursor.attempt(|cursor| interval(cursor, after_tous)))
        .or_else(|| cursor.attempt(|cursor| every_weekday(cursor).map(Recurrence::weekly)))
        .or_else(|| cursor.attempt(|cursor| day_in_month(cursor).filter(|rule| !rule.weekdays.is_empty())))
        .or_else(|| starts_a_day(*cursor))
}

fn every_weekday(cursor: &mut Cursor) -> Option<Vec<Weekday>> {
    weekdays(cursor, PLURAL_WEEKDAYS).or_else(|| weekdays(cursor, WEEKDAYS))
}

/// "day", "2 weeks", "other Tuesday", "3 months on the 1st".
fn interval(cursor: &mut Cursor, after_tous: bool) -> Option<Recurrence> {
    let other = cursor.attempt(|cursor| {
        cursor.any(&["other", "alternate", "deux"]).or_else(|| cursor.ordinal().filter(|nth| *nth == 2).map(|_| ()))?;
        let days = cursor.attempt(every_weekday)?;
        Some(Recurrence { interval: 2, ..Recurrence::weekly(days) })
    });
    if other.is_some() {
        return other;
    }
    let count = cursor
        .phrase(&[("other", 2), ("second", 2), ("alternate", 2), ("single", 1)])
        .or_else(|| cursor.number())
        .unwrap_or(1);
    let unit = cursor.phrase(UNITS)?;
    // In French fifteen days are two weeks, and eight are one.
    let rule = match (count, unit, after_tous) {
        (8, Unit::Day, true) => every_unit(Unit::Week, 1)?,
        (15, Unit::Day, true) => every_unit(Unit::Week, 2)?,
        _ => every_unit(unit, count)?,
    };
    Some(monthly_details(cursor, rule))
}

/// The day behind "every month": "on the 1st", "on the last Friday".
fn monthly_details(cursor: &mut Cursor, rule: Recurrence) -> Recurrence {
    if rule.frequency != Frequency::Monthly {
        return rule;
    }
    let details = cursor.attempt(|cursor| {
        let article = cursor.any(&["on the", "the", "le", "on"]);
        article?;
        day_in_month(cursor)
    });
    match details {
        Some(details) => Recurrence { interval: rule.interval, ..details },
        None => rule,
    }
}

/// "Every" before a part of the day is daily, before a date or a holiday yearly; those words themselves are read afterwards.
fn starts_a_day(mut ahead: Cursor) -> Option<Recurrence> {
    let mut date = ahead;
    if ahead.phrase(PARTS_OF_DAY).is_some()
        || ahead.any(&["noon", "midnight", "midi", "minuit", "lunch", "lunchtime"]).is_some()
    {
        return Some(Recurrence::every(Frequency::Daily));
    }
    let dated = date.phrase(HOLIDAYS).is_some() || date.phrase(MONTHS).is_some() || {
        date.ordinal().map(i32::from).or_else(|| i32::try_from(date.number()?).ok())?;
        date.skip(&["of", "de", "d"]);
        date.phrase(MONTHS).is_some()
    };
    dated.then(|| Recurrence::every(Frequency::Yearly))
}
