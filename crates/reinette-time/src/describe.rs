//! Moments in words, for the answers that people read.

use jiff::civil::{Date, Weekday};
use jiff::{Unit, Zoned};

use super::{Clock, Frequency, Language, Moment, Recurrence};

const WEEKDAYS: [[&str; 2]; 7] = [
    ["Monday", "lundi"],
    ["Tuesday", "mardi"],
    ["Wednesday", "mercredi"],
    ["Thursday", "jeudi"],
    ["Friday", "vendredi"],
    ["Saturday", "samedi"],
    ["Sunday", "dimanche"],
];

const MONTHS: [[&str; 2]; 12] = [
    ["January", "janvier"],
    ["February", "février"],
    ["March", "mars"],
    ["April", "avril"],
    ["May", "mai"],
    ["June", "juin"],
    ["July", "juillet"],
    ["August", "août"],
    ["September", "septembre"],
    ["October", "octobre"],
    ["November", "novembre"],
    ["December", "décembre"],
];

impl Language {
    /// The one of two wordings that is in this language.
    pub fn pick<T>(self, english: T, french: T) -> T {
        match self {
            Self::English => english,
            Self::French => french,
        }
    }
}

/// The name of a weekday.
pub(crate) fn weekday_name(weekday: Weekday, language: Language) -> &'static str {
    let [english, french] = WEEKDAYS[usize::from(weekday.to_monday_zero_offset().unsigned_abs())];
    language.pick(english, french)
}

/// The English name of a month, 1 being January.
pub(crate) fn month_name(month: i8) -> &'static str {
    let index = usize::from(month.unsigned_abs()).saturating_sub(1);
    MONTHS.get(index).map_or("", |[english, _]| english)
}

/// The moment in words: "tomorrow, Thursday 12 March at 09:00", "every weekday at 07:00", "demain, jeudi 12 mars à 09:00".
pub fn describe(moment: &Moment, clock: &Clock, language: Language) -> String {
    let today = clock.now.date();
    match moment {
        Moment::Instant(instant) => format!("{} {}", day(instant.date(), today, language), at_time(instant, language)),
        Moment::Date(date) => day(*date, today, language),
        Moment::Dates { first, last } => {
            let (from, to) = (language.pick("from", "du"), language.pick("to", "au"));
            format!("{from} {} {to} {}", plain_date(*first, today, language), plain_date(*last, today, language))
        }
        Moment::Instants { start, end } if start.date() == end.date() => {
            format!("{} {}", day(start.date(), today, language), between(start, end, language))
        }
        Moment::Instants { start, end } => {
            let until = language.pick("until", "jusqu’à");
            let instant =
                |instant: &Zoned| format!("{} {}", day(instant.date(), today, language), at_time(instant, language));
            format!("{} {until} {}", instant(start), instant(end))
        }
        Moment::Recurring { first, rule } => recurring(first, rule, today, language),
    }
}

/// A date, with its name relative to `today` in front when it has one.
fn day(date: Date, today: Date, language: Language) -> String {
    let distance = today.until((Unit::Day, date)).map_or(i32::MAX, |span| span.get_days());
    let name = match distance {
        -1 => language.pick("yesterday, ", "hier, "),
        0 => language.pick("today, ", "aujourd’hui, "),
        1 => language.pick("tomorrow, ", "demain, "),
        _ => "",
    };
    format!("{name}{}", plain_date(date, today, language))
}

/// "Thursday 12 March 2026".
pub fn describe_date(date: Date, language: Language) -> String {
    format!("{} {}", plain_date(date, date, language), date.year())
}

/// "Thursday 12 March", with the year when it is not this one.
fn plain_date(date: Date, today: Date, language: Language) -> String {
    let [english, french] = MONTHS[usize::from(date.month().unsigned_abs() - 1)];
    let first = date.day() == 1 && language == Language::French;
    let number = if first { "1er".to_owned() } else { date.day().to_string() };
    let year = if date.year() == today.year() { String::new() } else { format!(" {}", date.year()) };
    format!("{} {number} {}{year}", weekday_name(date.weekday(), language), language.pick(english, french))
}

/// "09:00", with seconds when there are some.
fn time(instant: &Zoned) -> String {
    let time = instant.time();
    let seconds = if time.second() == 0 { String::new() } else { format!(":{:02}", time.second()) };
    format!("{:02}:{:02}{seconds}", time.hour(), time.minute())
}

fn at_time(instant: &Zoned, language: Language) -> String {
    format!("{} {}", language.pick("at", "à"), time(instant))
}

fn between(start: &Zoned, end: &Zoned, language: Language) -> String {
    format!("{} {} {} {}", language.pick("from", "de"), time(start), language.pick("to", "à"), time(end))
}

fn recurring(first: &Moment, rule: &Recurrence, today: Date, language: Language) -> String {
    let mut parts = vec![rule_in_words(first.first_date(), rule, language)];
    match first {
        Moment::Instant(instant) if matches!(rule.frequency, Frequency::Minutely | Frequency::Hourly) => {
            parts.push(format!("{} {}", language.pick("from", "à partir de"), time(instant)));
        }
        Moment::Instant(instant) => parts.push(at_time(instant, language)),
        Moment::Instants { start, end } => parts.push(between(start, end, language)),
        _ => {}
    }
    if let Some(until) = rule.until {
        parts.push(format!("{} {}", language.pick("until", "jusqu’au"), plain_date(until, today, language)));
    }
    parts.join(" ")
}

/// "every weekday", "every 2 weeks on Monday", "chaque mois le 1er".
fn rule_in_words(first: Date, rule: &Recurrence, language: Language) -> String {
    use Weekday::{Friday, Monday, Saturday, Sunday, Thursday, Tuesday, Wednesday};
    let days: Vec<Weekday> = rule.weekdays.iter().map(|day| day.weekday).collect();
    let weekly_once = rule.frequency == Frequency::Weekly && rule.interval == 1;
    match days.as_slice() {
        [Monday, Tuesday, Wednesday, Thursday, Friday] if weekly_once => {
            return language.pick("every weekday", "chaque jour de semaine").to_owned();
        }
        [Saturday, Sunday] if weekly_once => return language.pick("every weekend", "chaque week-end").to_owned(),
        _ => {}
    }
    let names: Vec<&str> = days.iter().map(|day| weekday_name(*day, language)).collect();
    let list = match names.as_slice() {
        [others @ .., last] if !others.is_empty() => {
            format!("{} {} {last}", others.join(", "), language.pick("and", "et"))
        }
        _ => names.concat(),
    };
    if weekly_once && !list.is_empty() {
        return format!("{} {list}", language.pick("every", "chaque"));
    }
    let interval = interval_in_words(rule, language);
    let on = language.pick(" on ", " le ");
    let ordinal = rule.weekdays.first().and_then(|day| day.ordinal);
    match (rule.frequency, ordinal, rule.month_day) {
        (_, Some(ordinal), _) => {
            format!("{interval}{}{} {list}", language.pick(" on the ", " le "), ordinal_name(ordinal, language))
        }
        (_, None, Some(-1)) => format!("{interval}{}", language.pick(" on the last day", " le dernier jour")),
        (_, None, Some(1)) => format!("{interval}{}", language.pick(" on the 1st", " le 1er")),
        (_, None, Some(day)) => format!("{interval}{}{day}", language.pick(" on day ", " le ")),
        (Frequency::Weekly, None, None) if !list.is_empty() => format!("{interval}{on}{list}"),
        (Frequency::Weekly, None, None) => format!("{interval}{on}{}", weekday_name(first.weekday(), language)),
        (Frequency::Monthly, None, None) => format!("{interval}{}{}", language.pick(" on day ", " le "), first.day()),
        (Frequency::Yearly, None, None) => {
            let [english, french] = MONTHS[usize::from(first.month().unsigned_abs() - 1)];
            format!("{interval}{on}{} {}", first.day(), language.pick(english, french))
        }
        _ => interval,
    }
}

fn interval_in_words(rule: &Recurrence, language: Language) -> String {
    let (one, many) = match (rule.frequency, language) {
        (Frequency::Minutely, Language::English) => ("every minute", "minutes"),
        (Frequency::Hourly, Language::English) => ("every hour", "hours"),
        (Frequency::Daily, Language::English) => ("every day", "days"),
        (Frequency::Weekly, Language::English) => ("every week", "weeks"),
        (Frequency::Monthly, Language::English) => ("every month", "months"),
        (Frequency::Yearly, Language::English) => ("every year", "years"),
        (Frequency::Minutely, Language::French) => ("chaque minute", "toutes les|minutes"),
        (Frequency::Hourly, Language::French) => ("chaque heure", "toutes les|heures"),
        (Frequency::Daily, Language::French) => ("chaque jour", "tous les|jours"),
        (Frequency::Weekly, Language::French) => ("chaque semaine", "toutes les|semaines"),
        (Frequency::Monthly, Language::French) => ("chaque mois", "tous les|mois"),
        (Frequency::Yearly, Language::French) => ("chaque année", "tous les|ans"),
    };
    if rule.interval == 1 {
        return one.to_owned();
    }
    let (every, unit) = many.split_once('|').unwrap_or(("every", many));
    format!("{every} {} {unit}", rule.interval)
}

fn ordinal_name(ordinal: i8, language: Language) -> String {
    match (ordinal, language) {
        (-1, _) => language.pick("last", "dernier").to_owned(),
        (1, _) => language.pick("first", "premier").to_owned(),
        (2, _) => language.pick("second", "deuxième").to_owned(),
        (3, _) => language.pick("third", "troisième").to_owned(),
        (4, _) => language.pick("fourth", "quatrième").to_owned(),
        (_, Language::English) => format!("{ordinal}th"),
        (_, Language::French) => format!("{ordinal}e"),
    }
}
