use super::*;
use crate::Folders;
use crate::icalendar::edit::{escape, fold, unfolded};
use crate::icalendar::zones::{ZoneCache, Zones};
use crate::testing::{Home, write_file};
use calcard::icalendar::ICalendar;
use jiff::ToSpan;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use proptest::prelude::*;

const EVENT: ComponentPath<'_> = ComponentPath { kind: "VEVENT", index: 0 };

fn paris() -> TimeZone {
    TimeZone::get("Europe/Paris").unwrap()
}

/// The summary as another reader sees it.
fn summary(content: &[u8]) -> String {
    let calendar = ICalendar::parse(unfolded(content)).unwrap();
    let (local, cache) = (paris(), ZoneCache::default());
    Component::read_all(&calendar, Kind::Event, &Zones::new(&calendar, &local, &cache)).remove(0).summary
}

fn text_of(editor: &Editor) -> String {
    String::from_utf8(editor.clone().into_content()).unwrap()
}

fn calendar(line_end: &str, description: &str) -> String {
    let description = fold(&format!("DESCRIPTION:{}", escape(description)), line_end);
    let before = ["BEGIN:VCALENDAR", "VERSION:2.0", "X-WR:1", "BEGIN:VEVENT", "UID:a", "DTSTART:20260311T100000Z"];
    let after = ["BEGIN:VALARM", "SUMMARY:not this", "END:VALARM", "END:VEVENT", "END:VCALENDAR"];
    let join = |lines: &[&str]| lines.iter().flat_map(|line| [*line, line_end]).collect::<String>();
    format!("{}{description}{}", join(&before), join(&after))
}

proptest! {
    #[test]
    fn an_edit_changes_its_own_line_and_no_other_byte(
        text in "\\PC{0,200}",
        description in "\\PC{0,200}",
        carriage_return: bool,
    ) {
        let line_end = if carriage_return { "\r\n" } else { "\n" };
        let before = calendar(line_end, &description);
        let mut editor = Editor::new(before.as_bytes());
        let line = format!(":{}", escape(&text));
        prop_assert!(editor.set(EVENT, "SUMMARY", &line));
        let added = editor.clone().into_content();
        prop_assert_eq!(summary(&added), text.trim());
        let is_folded = |line: &[u8]| line.ends_with(line_end.as_bytes()) && line.len() - line_end.len() <= 75;
        prop_assert!(added.split_inclusive(|byte| *byte == b'\n').all(is_folded));
        // Replacing it keeps its place; taking it away gives back every byte.
        prop_assert!(editor.set(EVENT, "SUMMARY", ":x"));
        editor.remove(EVENT, "SUMMARY");
        prop_assert_eq!(editor.into_content(), before.into_bytes());
    }

    #[test]
    fn no_text_makes_the_editor_panic(text in "(?s).{0,300}", name in "[A-Z]{1,8}") {
        let mut editor = Editor::new(text.as_bytes());
        let _ = editor.set(EVENT, &name, ":x");
        editor.remove(EVENT, &name);
        let _ = editor.duplicate(EVENT);
        editor.delete(EVENT);
    }

    #[test]
    fn no_file_makes_the_reader_panic_or_is_lost(text in "(?s)(BEGIN:VCALENDAR\n|BEGIN:VEVENT\n|END:VEVENT\n|DTSTART:2026|RRULE:FREQ=|[A-Z;:=0-9\n]{1,9}){0,30}") {
        let home = Home::new();
        write_file(&home.world.folders.calendar, "a.ics", &text);
        let vdir = Vdir::read(&home.world.folders, &home.world.folders.calendar, Kind::Event, &paris()).unwrap();
        prop_assert!(vdir.files.len() + vdir.broken.len() <= 1);
        for series in vdir.series() {
            series.next(&home.world.clock.now);
        }
    }
}

#[test]
fn the_editor_works_on_the_component_itself_and_not_on_what_is_in_it() {
    let before = calendar("\n", "x");
    let mut editor = Editor::new(before.as_bytes());
    editor.remove(EVENT, "SUMMARY");
    assert_eq!(text_of(&editor), before, "the alarm has a summary, the event none");
    assert!(editor.duplicate(EVENT));
    assert!(editor.set(ComponentPath { index: 1, ..EVENT }, "UID", ":b"));
    let text = text_of(&editor);
    assert!(text.find("UID:a") < text.find("UID:b") && text.matches("BEGIN:VALARM").count() == 2, "{text}");
    editor.delete(ComponentPath { index: 1, ..EVENT });
    assert_eq!(text_of(&editor), before);
}

#[test]
fn broken_files_are_named_and_never_taken_for_events() {
    let home = Home::new();
    let folder = &home.world.folders.calendar;
    let whole = calendar("\r\n", "x");
    let broken = [
        ("empty.ics", String::new()),
        ("text.ics", "hello".to_owned()),
        ("cut.ics", whole[..whole.len() / 2].to_owned()),
        ("no start.ics", whole.replace("DTSTART", "X-START")),
        ("bad start.ics", whole.replace("20260311T", "20261399T")),
        ("bad zone.ics", whole.replace("DTSTART:", "DTSTART;TZID=a\"b:")),
        ("two.ics", whole.clone() + &whole),
        ("stray end.ics", whole.replace("UID:a", "UID:a\r\nEND:V")),
        ("crossed ends.ics", whole.replace("END:VALARM\r\nEND:VEVENT", "END:VEVENT\r\nEND:VALARM")),
    ];
    for (name, text) in &broken {
        write_file(folder, name, text);
    }
    std::fs::write(folder.join("latin.ics"), whole.replace("X-WR:1", "X-WR:é").replace('é', "\u{fffd}").into_bytes())
        .unwrap();
    std::fs::write(folder.join("bytes.ics"), [0xff, 0xfe, 0x00]).unwrap();
    write_file(folder, ".reinette-1.tmp", "x");
    write_file(folder, "good.ICS", &whole);
    let vdir = Vdir::read(&Folders::inside(folder), folder, Kind::Event, &paris()).unwrap();
    assert_eq!(vdir.broken.len(), broken.len() + 1, "{:?}", vdir.broken);
    assert_eq!(vdir.files.len(), 2);
}

/// The occurrences of `rule` from Friday 27 March 2026, 09:00 in Paris, two days before summer time.
fn expanded(rule: &str, count: usize) -> Vec<String> {
    let first = CalendarTime::new("2026-03-27T09:00[Europe/Paris]".parse().unwrap());
    let rule = rule_from(&first, &parse_rule(rule).unwrap()).unwrap();
    let range = first.civil()..first.civil() + 3650.days();
    rule.starts(range, &Effort::default()).take(count).map(|start| start.to_string()).collect()
}

#[test]
fn rules_count_in_civil_time() {
    assert_eq!(
        expanded("FREQ=WEEKLY;BYDAY=MO,FR", 3),
        ["2026-03-27T09:00:00", "2026-03-30T09:00:00", "2026-04-03T09:00:00"]
    );
    assert_eq!(expanded("FREQ=MONTHLY;BYDAY=-1FR", 2), ["2026-03-27T09:00:00", "2026-04-24T09:00:00"]);
    // Nine on the 29th is seven in UTC, since summer time began: that one is still included.
    assert_eq!(expanded("FREQ=DAILY;UNTIL=20260329T070000Z", 9).len(), 3);
    assert_eq!(expanded("FREQ=DAILY;UNTIL=20260329", 9).len(), 3);
    assert_eq!(expanded("FREQ=DAILY;COUNT=2", 9).len(), 2);
    // A day that no month has ends by itself.
    assert_eq!(expanded("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", 9).len(), 0);
}

#[test]
fn a_last_day_that_was_said_is_written_as_an_instant() {
    let start = CalendarTime::new("2026-03-27T09:00[Europe/Paris]".parse().unwrap());
    let rule = "FREQ=DAILY;UNTIL=20260330".parse().unwrap();
    assert_eq!(rule_value(&rule, &start), "FREQ=DAILY;UNTIL=20260330T215959Z");
    assert_eq!(rule_value(&rule, &CalendarTime::Date("2026-03-27".parse().unwrap())), "FREQ=DAILY;UNTIL=20260330");
}

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
    let day = (prop_oneof![3 => Just(0), 1 => -3..4_i32], 0..7_usize);
    let days = prop_oneof![2 => Just(Vec::new()), 1 => prop::collection::vec(day, 1..4)];
    let times = (numbers(0..24), numbers(0..60), numbers(0..60));
    let dates = (numbers(1..13), numbers(-31..32), numbers(-366..367), numbers(1..53), days);
    let frequency = prop::sample::select(&["YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY", "MINUTELY", "SECONDLY"]);
    let limits = (1..5_i32, prop::option::of(1..40_i32), numbers(-3..4), prop::sample::select(&["MO", "SU", "WE"]));
    (frequency, limits, times, dates).prop_map(|(frequency, limits, times, dates)| {
        let (interval, count, positions, week_start) = limits;
        let (months, month_days, year_days, weeks, days) = dates;
        let without_zero = |list: Vec<i32>| list.into_iter().filter(|number| *number != 0).collect::<Vec<_>>();
        let counts = matches!(frequency, "YEARLY" | "MONTHLY");
        let within_day = matches!(frequency, "HOURLY" | "MINUTELY" | "SECONDLY");
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
        let has_year_days = matches!(frequency, "YEARLY") || within_day;
        rule += &if has_year_days { part("BYYEARDAY", &without_zero(year_days)) } else { String::new() };
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
        rule + &if others && !within_day { part("BYSETPOS", &without_zero(positions)) } else { String::new() }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn any_rule_gives_what_another_library_finds(rule in rules(), day in 0..800_i64, hour in 0..24_i64, skipped in 0..20_usize) {
        let first = DateTime::constant(2024, 1, 1, 0, 20, 5, 0) + day.days() + hour.hours();
        let Some(peer) = of_peer(first, &rule, 30) else { return Ok(()) };
        // It gives up after 100,000 steps without a start, and so do those who wait for one of a rule within a day.
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
