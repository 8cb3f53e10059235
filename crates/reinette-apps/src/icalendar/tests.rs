use super::*;
use crate::icalendar::edit::{escape, fold, unfolded};
use crate::icalendar::zones::{ZoneCache, Zones};
use crate::testing::{Home, write_file};
use calcard::icalendar::ICalendar;
use jiff::ToSpan;

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
        let vdir = Vdir::read(&home.world.folders.calendar, Kind::Event, &paris()).unwrap();
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
    let vdir = Vdir::read(folder, Kind::Event, &paris()).unwrap();
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
