//! Files as other programs write them. The tests' clock is Wednesday 11 March 2026, 10:15 in Paris.

use crate::testing::{Home, act, write_file};
use crate::{FileChange, Plan};
use serde_json::json;
use std::fs;
use std::path::{Path, PathBuf};

/// A calendar with more than one event.
fn calendar(home: &Home, name: &str, lines: &str) -> PathBuf {
    let text = format!("BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:other\n{lines}\nEND:VCALENDAR\n");
    write_file(&home.world.folders.calendar, name, &text)
}

fn zone(id: &str, parts: &str) -> String {
    format!("BEGIN:VTIMEZONE\nTZID:{id}\n{parts}\nEND:VTIMEZONE\n")
}

fn event(id: &str, lines: &str) -> String {
    format!("BEGIN:VEVENT\nUID:{id}\nSUMMARY:{id}\n{lines}\nEND:VEVENT")
}

fn listed(home: &Home, when: &str) -> String {
    home.answer("list_events", &json!({ "when": when }))
}

const FIXED: &str = "BEGIN:STANDARD\nDTSTART:16010101T000000\nTZOFFSETFROM:+0800\nTZOFFSETTO:+0800\nEND:STANDARD";

/// The rules of London, as Exchange writes them.
const LONDON: &str = "BEGIN:STANDARD\nDTSTART:16010101T030000\nTZOFFSETFROM:+0100\nTZOFFSETTO:+0000\n\
     RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=10\nEND:STANDARD\n\
     BEGIN:DAYLIGHT\nDTSTART:16010101T020000\nTZOFFSETFROM:+0000\nTZOFFSETTO:+0100\n\
     RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=3\nEND:DAYLIGHT";

/// A zone that changes on days of its own: to +0500 on 20 March 2026 and back on 1 April.
const BY_DATES: &str = "BEGIN:STANDARD\nDTSTART:20250401T000000\nRDATE:20260401T000000\nTZOFFSETFROM:+0500\n\
     TZOFFSETTO:+0400\nEND:STANDARD\n\
     BEGIN:DAYLIGHT\nDTSTART:20260320T000000\nTZOFFSETFROM:+0400\nTZOFFSETTO:+0500\nEND:DAYLIGHT";

#[test]
fn the_zone_that_a_file_explains_decides_where_its_name_is_unknown() {
    let cases = [
        ("Customized Time Zone", FIXED, "20260312T140000", "07:00"),
        ("GMT Standard Time 1", LONDON, "20260312T140000", "15:00"),
        ("GMT Standard Time 1", LONDON, "20260329T140000", "15:00"),
        ("\"Odd: zone, 1\"", LONDON, "20260312T140000", "15:00"),
        ("x", BY_DATES, "20260312T140000", "11:00"),
        ("x", BY_DATES, "20260321T140000", "10:00"),
        // In Paris it is summer by then.
        ("x", BY_DATES, "20260402T140000", "12:00"),
        // Before the first change, the clocks showed what it changes from.
        (
            "x",
            "BEGIN:STANDARD\nDTSTART:20270101T000000\nTZOFFSETFROM:+0300\nTZOFFSETTO:+0900\nEND:STANDARD",
            "20260312T140000",
            "12:00",
        ),
    ];
    for (name, parts, start, shown) in cases {
        let home = Home::new();
        let text = zone(name.trim_matches('"'), parts) + &event("talk", &format!("DTSTART;TZID={name}:{start}"));
        calendar(&home, "a.ics", &text);
        let list = listed(&home, "from March 12 to April 10");
        assert!(list.contains(&format!("  {shown}        talk")), "{name} {start}: {list}");
    }
}

#[test]
fn names_of_programs_and_of_windows_are_known() {
    for (name, shown) in [
        ("Europe/London", "15:00"),
        ("/mozilla.org/20050126_1/Europe/London", "15:00"),
        ("/freeassociation.sourceforge.net/Tzfile/Europe/London", "15:00"),
        ("/freeassociation.sourceforge.net/America/Argentina/Buenos_Aires", "18:00"),
        ("\"tzone://Microsoft/Utc\"", "15:00"),
        ("GMT Standard Time", "15:00"),
        ("W. Europe Standard Time", "14:00"),
        ("South Sudan Standard Time", "13:00"),
        ("\"Amsterdam, Berlin, Bern, Rome, Stockholm, Vienna\"", "14:00"),
    ] {
        let home = Home::new();
        calendar(&home, "a.ics", &event("talk", &format!("DTSTART;TZID={name}:20260312T140000")));
        let list = listed(&home, "tomorrow");
        assert!(list.ends_with(&format!("  {shown}        talk")), "{name}: {list}");
    }
}

#[test]
fn a_zone_that_nothing_explains_is_said_and_its_events_are_not_moved() {
    for name in ["Nowhere/City", "\"(UTC+01:00) Somewhere\"", "Customized Time Zone", "\"tzone://Microsoft/Custom\""] {
        let home = Home::new();
        let path = calendar(&home, "a.ics", &event("talk", &format!("DTSTART;TZID={name}:20260312T140000")));
        let before = fs::read(&path).unwrap();
        let note = format!("(zone “{}” unknown, shown as written)", name.trim_matches('"'));
        let list = listed(&home, "tomorrow");
        assert!(list.contains("  14:00        talk ") && list.contains(&note), "{name}: {list}");
        let refusal = home.try_plan("move_event", &json!({"title": "talk", "when": "at 3pm"})).unwrap_err().to_string();
        assert!(refusal.contains("not known"), "{refusal}");
        assert_eq!(fs::read(&path).unwrap(), before);
        assert!(home.answer("find_event", &json!({"query": "talk"})).contains(&note));
    }
    // Among several, the others can still be moved.
    let home = Home::new();
    calendar(&home, "a.ics", &event("talk", "DTSTART;TZID=Nowhere:20260312T140000"));
    calendar(&home, "b.ics", &event("talk", "DTSTART:20260312T150000Z"));
    let choices = home.choices("move_event", &json!({"title": "talk", "when": "at 3pm"}));
    assert!(matches!((&choices[0].plan, &choices[1].plan), (Plan::Answer(_), Plan::Change(_))), "{choices:?}");
}

#[test]
fn a_moved_event_is_written_in_the_zone_that_its_file_explains() {
    let home = Home::new();
    let times = "DTSTART;TZID=GMT Standard Time 1:20260312T140000\nDTEND;TZID=GMT Standard Time 1:20260312T150000";
    let path = calendar(&home, "a.ics", &(zone("GMT Standard Time 1", LONDON) + &event("talk", times)));
    home.act("move_event", &json!({"title": "talk", "when": "March 30 at 5pm"}));
    let file = fs::read_to_string(&path).unwrap();
    for line in
        ["DTSTART;TZID=GMT Standard Time 1:20260330T160000\n", "DTEND;TZID=GMT Standard Time 1:20260330T170000\n"]
    {
        assert!(file.contains(line), "{line} in {file}");
    }
    assert!(listed(&home, "March 30").contains("17:00–18:00  talk"));
    let fixed = calendar(&home, "b.ics", &(zone("Odd", FIXED) + &event("call", "DTSTART;TZID=Odd:20260312T200000")));
    home.act("move_event", &json!({"title": "call", "when": "at 3pm"}));
    assert!(fs::read_to_string(fixed).unwrap().contains("DTSTART;TZID=Odd:20260312T220000\n"));
}

#[test]
fn a_time_without_a_zone_is_in_that_of_its_calendar() {
    let home = Home::new();
    let path = calendar(
        &home,
        "a.ics",
        &format!("X-WR-TIMEZONE:America/New_York\n{}", event("talk", "DTSTART:20260312T090000")),
    );
    assert!(listed(&home, "tomorrow").contains("14:00        talk"));
    home.act("move_event", &json!({"title": "talk", "when": "at 3pm"}));
    assert!(fs::read_to_string(path).unwrap().contains("DTSTART:20260312T100000\n"));
}

#[test]
fn the_end_keeps_its_own_zone_when_an_event_moves() {
    let home = Home::new();
    let path = home.event(
        "flight.ics",
        "UID:f\nSUMMARY:Flight\nDTSTART;TZID=Europe/Paris:20260312T100000\nDTEND;TZID=America/New_York:20260312T130000",
    );
    home.act("move_event", &json!({"title": "flight", "when": "friday"}));
    let file = fs::read_to_string(path).unwrap();
    assert!(file.contains("DTSTART;TZID=Europe/Paris:20260313T100000\n"), "{file}");
    assert!(file.contains("DTEND;TZID=America/New_York:20260313T130000\n"), "{file}");
}

#[test]
fn what_is_cancelled_is_neither_shown_nor_matched() {
    let home = Home::new();
    let series = event("sync", "DTSTART;TZID=Europe/Paris:20260305T090000\nRRULE:FREQ=WEEKLY");
    let off = event(
        "sync",
        "RECURRENCE-ID;TZID=Europe/Paris:20260312T090000\nDTSTART;TZID=Europe/Paris:20260312T090000\nSTATUS:CANCELLED",
    );
    calendar(&home, "a.ics", &format!("{series}\n{off}"));
    calendar(&home, "b.ics", &event("party", "DTSTART:20260312T190000Z\nSTATUS:CANCELLED"));
    calendar(&home, "c.ics", &format!("METHOD:CANCEL\n{}", event("dinner", "DTSTART:20260312T190000Z")));
    assert_eq!(listed(&home, "from today to March 19"), "Thursday 19 March\n  09:00        sync");
    assert!(home.answer("find_event", &json!({"query": "sync"})).contains("19 March"));
    for title in ["party", "dinner"] {
        assert!(home.answer("delete_event", &json!({ "title": title })).starts_with("There is no"));
        assert!(home.answer("move_event", &json!({"title": title, "when": "friday"})).starts_with("There is no"));
    }
    let change = home.act("move_event", &json!({"title": "sync", "when": "at 11:00"}));
    assert!(change.effect.contains("19 March"), "{}", change.effect);
}

const FROM_FRIDAY: &str = "RECURRENCE-ID;RANGE=THISANDFUTURE;TZID=Europe/Paris:20260313T090000\n\
     DTSTART;TZID=Europe/Paris:20260313T140000\nDTEND;TZID=Europe/Paris:20260313T143000";

const BEFORE: &str = "2026-03-09T08:00:00+01:00[Europe/Paris]";

/// A daily event of eight days from 9 March, half an hour and in the afternoon from the 13th on.
fn changed_from_friday(home: &Home) -> PathBuf {
    let main =
        "DTSTART;TZID=Europe/Paris:20260309T090000\nDTEND;TZID=Europe/Paris:20260309T100000\nRRULE:FREQ=DAILY;COUNT=8";
    calendar(home, "a.ics", &format!("{}\n{}", event("gym", main), event("gym", FROM_FRIDAY)))
}

#[test]
fn a_change_of_this_and_all_that_follow_is_followed_moved_and_deleted() {
    let home = Home::new();
    changed_from_friday(&home);
    let home = home.at(BEFORE);
    let list = listed(&home, "from today to March 20");
    assert_eq!((list.matches("09:00–10:00  gym").count(), list.matches("14:00–14:30  gym").count()), (4, 4), "{list}");

    // One of those that follow moves alone, and so does the first, which the others then do without.
    for now in ["2026-03-14T10:15:00+01:00[Europe/Paris]", "2026-03-13T10:15:00+01:00[Europe/Paris]"] {
        let home = Home::new().at(now);
        let path = changed_from_friday(&home);
        home.act("move_event", &json!({"title": "gym", "when": "at 6pm"}));
        let home = home.at(BEFORE);
        let list = listed(&home, "from today to March 20");
        let shown = ["09:00–10:00  gym", "14:00–14:30  gym", "18:00–18:30  gym"].map(|line| list.matches(line).count());
        assert_eq!(shown, [4, 3, 1], "{now}: {list}");
        let file = fs::read_to_string(&path).unwrap();
        let ids: Vec<&str> = file.lines().filter(|line| line.starts_with("RECURRENCE-ID")).collect();
        assert!(ids.len() == 2 && ids[0].rsplit(':').next() != ids[1].rsplit(':').next(), "{ids:?}");

        let home = Home::new().at(now);
        changed_from_friday(&home);
        act(home.choices("delete_event", &json!({"title": "gym"}))[0].plan.clone());
        let home = home.at(BEFORE);
        let list = listed(&home, "from today to March 20");
        let shown = ["09:00–10:00  gym", "14:00–14:30  gym"].map(|line| list.matches(line).count());
        assert_eq!(shown, [4, 3], "{now}: {list}");
    }
}

#[test]
fn an_occurrence_without_its_series_stands_alone() {
    let home = Home::new();
    let lines =
        "RECURRENCE-ID;TZID=Europe/Paris:20260312T090000\nDTSTART;TZID=Europe/Paris:20260313T110000\nRRULE:FREQ=DAILY";
    let path = calendar(&home, "a.ics", &event("talk", lines));
    assert_eq!(listed(&home, "from today to March 30"), "Friday 13 March\n  11:00        talk");
    home.act("move_event", &json!({"title": "talk", "when": "at 3pm"}));
    assert_eq!(fs::read_to_string(&path).unwrap().matches("BEGIN:VEVENT").count(), 1);
    home.act("delete_event", &json!({"title": "talk"}));
    assert!(!path.exists());
}

#[test]
fn dates_beside_the_rule_may_be_periods() {
    let home = Home::new();
    let lines = "DTSTART:20260312T080000Z\nDTEND:20260312T090000Z\n\
                 RDATE;VALUE=PERIOD:20260313T080000Z/20260313T103000Z,20260314T080000Z/PT15M";
    calendar(&home, "a.ics", &event("talk", lines));
    let list = listed(&home, "from March 12 to March 14");
    for time in ["09:00–10:00  talk", "09:00–11:30  talk", "09:00–09:15  talk"] {
        assert!(list.contains(time), "{time} in {list}");
    }
}

#[test]
fn exceptions_are_understood_in_every_spelling() {
    for (start, exception) in [
        ("DTSTART;TZID=Europe/Paris:20260311T190000", "EXDATE;TZID=Europe/Paris:20260312T190000"),
        ("DTSTART;TZID=Europe/Paris:20260311T190000", "EXDATE:20260312T180000Z"),
        ("DTSTART;TZID=Europe/Paris:20260311T190000", "EXDATE;TZID=America/New_York:20260312T140000"),
        ("DTSTART;TZID=Europe/Paris:20260311T190000", "EXDATE;VALUE=DATE:20260312"),
        ("DTSTART;TZID=Europe/Paris:20260311T190000", "EXDATE:20260310T190000Z\nEXDATE;VALUE=DATE:20260501,20260312"),
        ("DTSTART;TZID=America/New_York:20260311T190000", "EXDATE:20260312T190000"),
        ("DTSTART;VALUE=DATE:20260311", "EXDATE;VALUE=DATE:20260312"),
        ("DTSTART;VALUE=DATE:20260311", "EXDATE:20260312"),
        ("DTSTART;VALUE=DATE:20260311", "EXDATE:20260312T000000Z"),
        ("DTSTART;VALUE=DATE:20260311", "EXDATE;TZID=Europe/Paris:20260312T000000"),
        ("DTSTART:20260311T190000Z", "EXDATE;TZID=Europe/Paris:20260312T200000"),
    ] {
        let home = Home::new();
        calendar(&home, "a.ics", &event("talk", &format!("{start}\nRRULE:FREQ=DAILY;COUNT=3\n{exception}")));
        let list = listed(&home, "from today to March 20");
        assert_eq!(list.matches("talk").count(), 2, "{exception}: {list}");
        // The same as the identifier of a change, which then takes the place of one and is none more.
        let home = Home::new();
        let id = exception.lines().last().unwrap().replace("EXDATE", "RECURRENCE-ID").replace("20260501,", "");
        let changed = event("talk", &format!("{id}\nSTATUS:TENTATIVE\nDTSTART:20260318T110000Z"));
        let series = event("talk", &format!("{start}\nRRULE:FREQ=DAILY;COUNT=3"));
        calendar(&home, "a.ics", &format!("{series}\n{changed}"));
        let list = listed(&home, "from today to March 20");
        assert!(list.matches("talk").count() == 3 && list.contains("12:00        talk"), "{id}: {list}");
    }
}

#[test]
fn a_length_of_days_counts_days_and_a_time_that_does_not_exist_comes_later() {
    let home = Home::new();
    let lines = "DTSTART;TZID=Europe/Paris:20260328T120000\nDURATION:P1D";
    calendar(&home, "a.ics", &event("watch", lines));
    calendar(&home, "b.ics", &event("gap", "DTSTART;TZID=Europe/Paris:20260328T023000\nRRULE:FREQ=DAILY;COUNT=3"));
    let list = home.answer("find_event", &json!({"query": "watch"}));
    assert!(list.contains("12:00") && list.matches("12:00").count() == 2, "{list}");
    let list = listed(&home, "from March 28 to March 30");
    assert_eq!((list.matches("02:30        gap").count(), list.matches("03:30        gap").count()), (2, 1), "{list}");
}

#[test]
fn a_line_folded_within_a_character_is_read_and_kept() {
    for (line_end, space) in [("\r\n", " "), ("\n", " "), ("\n", "\t")] {
        let home = Home::new();
        let folder = &home.world.folders.calendar;
        let lines = [
            "BEGIN:VCALENDAR",
            "BEGIN:VEVENT",
            "UID:a",
            "SUMMARY:R#union",
            "DTSTART:20260312T090000Z",
            "END:VEVENT",
            "END:VCALENDAR",
        ];
        let text = lines.iter().flat_map(|line| [*line, line_end]).collect::<String>();
        let (before, after) = text.split_once('#').unwrap();
        let fold = [&b"\xc3"[..], line_end.as_bytes(), space.as_bytes(), b"\xa9"].concat();
        let content = [before.as_bytes(), &fold, after.as_bytes()].concat();
        fs::create_dir_all(folder).unwrap();
        fs::write(folder.join("a.ics"), &content).unwrap();
        assert!(listed(&home, "tomorrow").contains("Réunion"));
        home.act("move_event", &json!({"title": "réunion", "when": "at 3pm"}));
        let moved = fs::read(folder.join("a.ics")).unwrap();
        assert!(moved.windows(fold.len()).any(|window| window == fold), "the fold is as it was");
        assert!(listed(&home, "tomorrow").contains("15:00        Réunion"));
    }
}

#[test]
fn other_encodings_are_read_or_named() {
    let home = Home::new();
    let folder = &home.world.folders.calendar;
    let text =
        "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:a\nSUMMARY:Réunion\nDTSTART:20260312T090000Z\nEND:VEVENT\nEND:VCALENDAR\n";
    fs::create_dir_all(folder).unwrap();
    let latin: Vec<u8> = text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    fs::write(folder.join("latin.ics"), latin).unwrap();
    fs::write(folder.join("marked.ics"), format!("\u{feff}{}", text.replace("Réunion", "Marked"))).unwrap();
    let wide: Vec<u8> = format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    fs::write(folder.join("wide.ics"), wide).unwrap();
    let list = listed(&home, "tomorrow");
    for part in [
        "10:00        Réunion",
        "10:00        Marked",
        "(Left alone, since they cannot be read: wide.ics (not UTF-8 text))",
    ] {
        assert!(list.contains(part), "{part} in {list}");
    }
}

#[test]
fn an_event_without_a_title_has_a_name() {
    let home = Home::new();
    let path = home.event("a.ics", "UID:a\nDTSTART:20260312T090000Z");
    assert!(listed(&home, "tomorrow").ends_with("10:00        untitled"));
    let change = home.act("move_event", &json!({"title": "the untitled event", "when": "at 3pm"}));
    assert!(change.effect.starts_with("Moves “untitled”: "), "{}", change.effect);
    assert!(!fs::read_to_string(path).unwrap().contains("SUMMARY"));
}

#[test]
fn whole_days_of_exchange_are_whole_days() {
    let lines = "UID:a\nSUMMARY:Fair\nDTSTART;TZID=Europe/Paris:20260312T000000\nDTEND;TZID=Europe/Paris:20260314T000000\n\
                 X-MICROSOFT-CDO-ALLDAYEVENT:TRUE";
    for lines in [
        lines.to_owned(),
        lines
            .replace(";TZID=Europe/Paris", "")
            .replace("T000000", "T230000Z")
            .replace("0314", "0313")
            .replace("0312", "0311"),
    ] {
        let home = Home::new();
        let path = home.event("a.ics", &lines);
        let list = listed(&home, "from today to Sunday");
        assert_eq!(list, "Tomorrow, Thursday 12 March\n  all day      Fair, until Friday 13 March", "{lines}");
        let change = home.act("move_event", &json!({"title": "fair", "when": "March 20"}));
        assert!(change.effect.contains("20 March") || change.effect.contains("Friday 20"), "{}", change.effect);
        let list = listed(&home, "from March 18 to March 25");
        assert_eq!(list, "Friday 20 March\n  all day      Fair, until Saturday 21 March");
        let file = fs::read_to_string(&path).unwrap();
        let kept = if lines.contains("230000Z") {
            "DTSTART:20260319T230000Z\n"
        } else {
            "DTSTART;TZID=Europe/Paris:20260320T000000\n"
        };
        assert!(file.contains(kept) && file.contains("ALLDAYEVENT:TRUE"), "{file}");
        home.act("move_event", &json!({"title": "fair", "when": "March 20 at 3pm"}));
        assert!(!fs::read_to_string(&path).unwrap().contains("ALLDAYEVENT"), "it has an hour now");
    }
    // From nine to ten is none, whatever is said of it.
    let home = Home::new();
    home.event(
        "b.ics",
        "UID:b\nSUMMARY:Call\nDTSTART:20260312T080000Z\nDTEND:20260312T090000Z\nX-MICROSOFT-CDO-ALLDAYEVENT:TRUE",
    );
    assert!(listed(&home, "tomorrow").contains("09:00–10:00  Call"));
}

#[test]
fn what_repeats_too_often_is_cut_and_said() {
    let home = Home::new();
    let numbers = |most: u8| (0..most).map(|number| number.to_string()).collect::<Vec<_>>().join(",");
    let times = format!("BYHOUR={};BYMINUTE={};BYSECOND={}", numbers(24), numbers(60), numbers(60));
    home.event("a.ics", "UID:a\nSUMMARY:tick\nDTSTART:20200101T000000Z\nRRULE:FREQ=SECONDLY");
    home.event(
        "b.ics",
        &format!("UID:b\nSUMMARY:grid\nDTSTART:20200101T000000Z\nRRULE:FREQ=YEARLY;BYDAY=MO,TU,WE,TH,FR,SA,SU;{times}"),
    );
    home.event("c.ics", "UID:c\nSUMMARY:odd\nDTSTART:20260312T080000Z\nRRULE:FREQ=SOMETIMES");
    home.event("d.ics", "UID:d\nSUMMARY:lunch\nDTSTART:20260312T110000Z");
    home.event("e.ics", "UID:e\nSUMMARY:long\nDTSTART:20000101T000000Z\nRRULE:FREQ=SECONDLY;COUNT=4000000000");
    let list = listed(&home, "tomorrow");
    for part in [
        "“tick” repeats every second; its first 24 are shown",
        "“grid” repeats very often; its first 24 are shown",
        "How “odd” repeats cannot be followed",
        "How “long” repeats cannot be followed",
        "12:00        lunch",
        "09:00        odd",
    ] {
        assert!(list.contains(part), "{part} in {list}");
    }
    assert!(home.answer("find_event", &json!({"query": "tick"})).contains("tick, today"));
}

#[test]
fn a_crowded_calendar_shows_the_earliest_and_counts_the_others() {
    let home = Home::new();
    for number in 0..300 {
        home.event(
            &format!("{number}.ics"),
            &format!("UID:{number}\nSUMMARY:e{number}\nDTSTART:20260301T080000Z\nRRULE:FREQ=DAILY"),
        );
    }
    let list = listed(&home, "from March 12 to March 31");
    assert_eq!(list.matches("09:00").count(), 100, "{list}");
    assert!(list.ends_with("\n… and 5900 more"), "{list}");
}

#[test]
fn files_of_every_kind_are_told_apart_and_none_is_waited_for() {
    let home = Home::new();
    let outside = write_file(&home.world.folders.notes, "outside.ics", "BEGIN:VCALENDAR\nEND:VCALENDAR\n");
    let good = home.event("good.ics", "UID:a\nSUMMARY:lunch\nDTSTART:20260312T110000Z");
    let folder = home.world.folders.calendar.clone();
    fs::create_dir(folder.join("folder.ics")).unwrap();
    fs::File::create(folder.join("huge.ics")).unwrap().set_len(1 << 40).unwrap();
    #[cfg(unix)]
    {
        let link = |to: &Path, name: &str| std::os::unix::fs::symlink(to, folder.join(name)).unwrap();
        link(&outside, "link.ics");
        link(Path::new("circle.ics"), "circle.ics");
        link(Path::new("nowhere"), "nowhere.ics");
        link(Path::new("/dev/zero"), "zero.ics");
        link(&good, "again.ics");
        drop(std::os::unix::net::UnixListener::bind(folder.join("socket.ics")).unwrap());
        assert!(std::process::Command::new("mkfifo").arg(folder.join("pipe.ics")).status().unwrap().success());
    }
    let list = listed(&home, "tomorrow");
    assert_eq!(list.matches("lunch").count(), 1, "{list}");
    for (name, why) in [
        ("folder.ics", "not a file"),
        ("huge.ics", "more than 16 MiB"),
        #[cfg(unix)]
        ("link.ics", "a link out of the folder"),
        #[cfg(unix)]
        ("circle.ics", "a link out of the folder"),
        #[cfg(unix)]
        ("nowhere.ics", "a link out of the folder"),
        #[cfg(unix)]
        ("zero.ics", "a link out of the folder"),
        #[cfg(unix)]
        ("socket.ics", "not a file"),
        #[cfg(unix)]
        ("pipe.ics", "not a file"),
    ] {
        assert_eq!(list.matches(&format!("{name} ({why})")).count(), 1, "{name}: {list}");
    }
    assert!(!list.contains("again.ics"), "a link to a file beside it is that file: {list}");
}

#[cfg(unix)]
#[test]
fn a_link_that_stays_in_the_folder_is_the_file_that_it_leads_to() {
    let home = Home::new();
    let folder = &home.world.folders.calendar;
    let text =
        "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:a\nSUMMARY:lunch\nDTSTART:20260312T110000Z\nEND:VEVENT\nEND:VCALENDAR\n";
    let real = write_file(&folder.join("kept"), "a.ics", text);
    std::os::unix::fs::symlink("kept/a.ics", folder.join("a.ics")).unwrap();
    let change = home.act("move_event", &json!({"title": "lunch", "when": "at 3pm"}));
    let paths: Vec<&PathBuf> = change.files.iter().map(|FileChange { path, .. }| path).collect();
    assert_eq!(paths, [&real]);
    assert!(listed(&home, "tomorrow").contains("15:00        lunch"));
    // The folder itself may be a link: that is the user's choice.
    let mut home = home;
    let elsewhere = home.world.folders.notes.with_file_name("elsewhere");
    std::os::unix::fs::symlink(&home.world.folders.calendar, &elsewhere).unwrap();
    home.world.folders.calendar = elsewhere;
    assert!(listed(&home, "tomorrow").contains("15:00        lunch"));
}
