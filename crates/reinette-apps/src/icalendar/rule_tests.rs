use super::{CalendarTime, Effort, parse_rule, rule_from};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, ToSpan};
use proptest::prelude::*;

/// The starts that another program's library finds; it holds a whole period at once, which small rules allow.
fn of_peer(first: DateTime, rule: &str, count: usize) -> Option<Vec<DateTime>> {
    let set = format!("DTSTART:{}Z\nRRULE:{rule}", first.strftime("%Y%m%dT%H%M%S")).parse::<rrule::RRuleSet>().ok()?;
    let civil = |second| TimeZone::UTC.to_datetime(jiff::Timestamp::from_second(second).unwrap());
    Some(set.limit().into_iter().take(count).map(|start| civil(start.timestamp())).collect())
}

/// A list of numbers as the part of a rule; nothing when it is empty.
fn part(name: &str, numbers: &[i32]) -> String {
    let list = numbers.iter().map(i32::to_string).collect::<Vec<_>>().join(",");
    if list.is_empty() { String::new() } else { format!(";{name}={list}") }
}

fn numbers(range: std::ops::Range<i32>) -> impl Strategy<Value = Vec<i32>> {
    prop_oneof![3 => Just(Vec::new()), 1 => prop::collection::vec(range, 1..4)]
}

/// Any rule that a person or a program would write, and many that none would.
fn rules() -> impl Strategy<Value = String> {
    // The peer takes days with and without a number together for days that are both; the standard, for either.
    let numbered = prop::collection::vec((prop::sample::select(&[-3, -2, -1, 1, 2, 3, 4]), 0..7_usize), 1..4);
    let plain = prop::collection::vec((Just(0_i32), 0..7_usize), 1..4);
    let days = prop_oneof![2 => Just(Vec::new()), 1 => numbered, 2 => plain];
    let times = (numbers(0..24), numbers(0..60), numbers(0..60));
    let dates = (numbers(1..13), numbers(-31..32), numbers(-366..367), numbers(1..53), days);
    let frequency = prop::sample::select(&["YEARLY", "MONTHLY", "WEEKLY", "DAILY"]);
    let limits = (1..5_i32, prop::option::of(1..40_i32), numbers(-3..4), prop::sample::select(&["MO", "SU", "WE"]));
    (frequency, limits, times, dates).prop_map(|(frequency, limits, times, dates)| {
        let (interval, count, positions, week_start) = limits;
        let (months, month_days, year_days, weeks, days) = dates;
        let without_zero = |list: Vec<i32>| list.into_iter().filter(|number| *number != 0).collect::<Vec<_>>();
        let counts = matches!(frequency, "YEARLY" | "MONTHLY");
        let day = |(nth, day): &(i32, usize)| {
            let nth = if *nth == 0 || !counts { String::new() } else { nth.to_string() };
            format!("{nth}{}", ["MO", "TU", "WE", "TH", "FR", "SA", "SU"][*day])
        };
        let days = days.iter().map(day).collect::<Vec<_>>().join(",");
        let mut rule = format!("FREQ={frequency};INTERVAL={interval};WKST={week_start}");
        rule += &count.map(|count| format!(";COUNT={count}")).unwrap_or_default();
        rule += &part("BYMONTH", &months);
        // Where the standard allows each (RFC 5545 §3.3.10, the table at its end).
        rule += &if frequency == "WEEKLY" { String::new() } else { part("BYMONTHDAY", &without_zero(month_days)) };
        rule += &if frequency == "YEARLY" { part("BYYEARDAY", &without_zero(year_days)) } else { String::new() };
        let weeks = if frequency == "YEARLY" { part("BYWEEKNO", &weeks) } else { String::new() };
        let days = if days.is_empty() || (!weeks.is_empty() && days.contains(|c: char| c.is_ascii_digit())) {
            String::new()
        } else {
            format!(";BYDAY={days}")
        };
        rule += &(weeks + &days);
        let (hours, minutes, seconds) = times;
        rule += &(part("BYHOUR", &hours) + &part("BYMINUTE", &minutes) + &part("BYSECOND", &seconds));
        let others = rule.matches(";BY").count() > 0;
        // The peer begins the first week with the first occurrence, and counts positions from there.
        rule + &if others && frequency != "WEEKLY" { part("BYSETPOS", &without_zero(positions)) } else { String::new() }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn any_rule_gives_what_another_library_finds(rule in rules(), day in 0..800_i64, hour in 0..24_i64, skipped in 0..20_usize) {
        let first = DateTime::constant(2024, 1, 1, 0, 20, 5, 0) + day.days() + hour.hours();
        let Some(peer) = of_peer(first, &rule, 30) else { return Ok(()) };
        // It gives up after some steps without a start.
        let end = first + 2000.days();
        let peer: Vec<DateTime> = peer.into_iter().filter(|start| *start < end).collect();
        let start = CalendarTime::new(first.to_zoned(TimeZone::UTC).unwrap());
        let own = rule_from(&start, &parse_rule(&rule).unwrap()).unwrap();
        let found: Vec<DateTime> = own.clone().starts(first..end, &Effort::default()).take(peer.len()).collect();
        prop_assert_eq!(&found, &peer, "{} from {}", rule, first);
        // From any of them on, the others follow: what is skipped counts.
        if let Some(from) = peer.get(skipped) {
            let rest: Vec<DateTime> = own.starts(*from..end, &Effort::default()).take(peer.len() - skipped).collect();
            prop_assert_eq!(&rest, &peer[skipped..], "{} from {} on", rule, from);
        }
    }
}

/// What a rule within a day gives, by trying every second.
fn by_trying(first: DateTime, unit: i64, lists: [&[i32]; 4], seconds: i64) -> Vec<DateTime> {
    let [hours, minutes, by_second, month_days] = lists;
    let has = |list: &[i32], value: i8| list.is_empty() || list.contains(&i32::from(value));
    let of_period = |at: DateTime| {
        let second = at.duration_since(first.date().to_datetime(jiff::civil::Time::midnight())).as_secs();
        second / unit
    };
    let fits = |at: &DateTime| {
        let in_first = |list: &[i32], finer: bool, value: i8, first: i8| {
            if list.is_empty() && finer { value == first } else { has(list, value) }
        };
        (of_period(*at) - of_period(first)) % INTERVAL == 0
            && has(month_days, at.day())
            && has(hours, at.hour())
            && in_first(minutes, unit > 60, at.minute(), first.minute())
            && in_first(by_second, unit > 1, at.second(), first.second())
    };
    (0..seconds).map(|second| first + SignedDuration::from_secs(second)).filter(fits).collect()
}

const INTERVAL: i64 = 7;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn a_rule_within_a_day_gives_every_second_that_fits(
        (name, unit) in prop::sample::select(&[("HOURLY", 3600_i64), ("MINUTELY", 60), ("SECONDLY", 1)]),
        (hours, minutes, seconds, days) in (numbers(0..24), numbers(0..60), numbers(0..60), numbers(1..5)),
        offset in 0..86_400_i64,
        skipped in 0..200_000_i64,
    ) {
        let first = DateTime::constant(2024, 1, 1, 0, 0, 0, 0) + SignedDuration::from_secs(offset);
        let mut rule = format!("FREQ={name};INTERVAL={INTERVAL}");
        rule += &(part("BYHOUR", &hours) + &part("BYMINUTE", &minutes));
        rule += &(part("BYSECOND", &seconds) + &part("BYMONTHDAY", &days));
        let tried = by_trying(first, unit, [&hours, &minutes, &seconds, &days], 260_000);
        let start = CalendarTime::new(first.to_zoned(TimeZone::UTC).unwrap());
        let own = rule_from(&start, &parse_rule(&rule).unwrap()).unwrap();
        let (from, end) = (first + SignedDuration::from_secs(skipped), first + SignedDuration::from_secs(260_000));
        let found: Vec<DateTime> = own.clone().starts(first..end, &Effort::default()).collect();
        prop_assert_eq!(&found, &tried, "{}", rule);
        let rest: Vec<DateTime> = own.starts(from..end, &Effort::default()).collect();
        prop_assert_eq!(rest, tried.into_iter().filter(|at| *at >= from).collect::<Vec<_>>(), "{} from {}", rule, from);
    }
}

#[test]
fn a_small_rule_costs_little_whatever_it_multiplies() {
    let list = |most: u8| (0..most).map(|number| number.to_string()).collect::<Vec<_>>().join(",");
    let times = format!("BYHOUR={};BYMINUTE={};BYSECOND={}", list(24), list(60), list(60));
    let days = "BYDAY=MO,TU,WE,TH,FR,SA,SU";
    let first = CalendarTime::new("2020-01-01T00:00:00[UTC]".parse().unwrap());
    let range = DateTime::constant(2026, 3, 11, 10, 15, 0, 0)..DateTime::MAX;
    for rule in [
        format!("FREQ=YEARLY;{days};{times}"),
        format!("FREQ=YEARLY;{days};{times};COUNT=4000000000"),
        format!("FREQ=MONTHLY;{days};{times};BYSETPOS=-1,1"),
        "FREQ=SECONDLY".to_owned(),
        "FREQ=SECONDLY;COUNT=4000000000".to_owned(),
        "FREQ=MINUTELY;BYMONTH=2;BYMONTHDAY=29".to_owned(),
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30".to_owned(),
    ] {
        let effort = Effort::default();
        let rule = rule_from(&first, &parse_rule(&rule).unwrap()).unwrap();
        let found: Vec<_> = rule.starts(range.clone(), &effort).take(3).collect();
        assert!(found.iter().all(|start| *start >= range.start) && found.len() <= 3);
    }
    // One that would go on for ever is given up, and that is known.
    let effort = Effort::default();
    let rule = rule_from(&first, &parse_rule("FREQ=SECONDLY;COUNT=4000000000").unwrap()).unwrap();
    assert_eq!(rule.starts(DateTime::MAX..DateTime::MAX, &effort).count(), 0);
    assert!(effort.is_spent());
}
