//! The tables of phrases (`expressions.txt`, and `spoken.txt` of hasty and dictated ones), and what holds for any text at all.

use jiff::Zoned;
use proptest::prelude::*;

use super::{Clock, Language, Moment, Purpose, describe, resolve, resolve_duration, resolve_of};

const TABLE: &str = include_str!("expressions.txt");
const SPOKEN: &str = include_str!("spoken.txt");
const NOW: &str = "2026-03-11T10:15:00+01:00[Europe/Paris]";

fn clock(now: &str) -> Clock {
    Clock { now: now.parse::<Zoned>().unwrap() }
}

/// What a phrase of the table resolves to, as text. A kind may name the title of what takes place: "event of dinner".
fn outcome(kind: &str, phrase: &str, clock: &Clock) -> String {
    let (kind, title) = kind.split_once(" of ").unwrap_or((kind, ""));
    let purpose = match kind {
        "event" => Purpose::Event,
        "reminder" => Purpose::Reminder,
        "move" => Purpose::Move,
        "alarm" => Purpose::Alarm,
        "search" => Purpose::Search,
        "duration" => {
            let result = resolve_duration(phrase).map(|span| span.to_string());
            return result.unwrap_or_else(|error| format!("error: {error}"));
        }
        other => panic!("the table has no kind {other}"),
    };
    let result = resolve_of(title, phrase, clock, purpose).map(|moment| moment.to_string());
    result.unwrap_or_else(|error| format!("error: {error}"))
}

#[test]
fn phrases_of_the_table_resolve_to_its_canonical_forms() {
    check(TABLE, 200);
}

#[test]
fn hasty_and_dictated_phrases_resolve_to_their_canonical_forms() {
    check(SPOKEN, 350);
}

/// Asserts that each of the phrases of `table`, at least `least` of them, resolves to the form that stands beside it.
fn check(table: &str, least: usize) {
    let (mut now, mut kind) = (NOW, "event");
    let (mut count, mut failures) = (0, Vec::new());
    for line in table.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(said) = line.strip_prefix("@now ") {
            now = said;
        } else if let Some(said) = line.strip_prefix("@kind ") {
            kind = said;
        } else {
            let (phrase, expected) = line.split_once(" => ").unwrap_or_else(|| panic!("no => in {line}"));
            let found = outcome(kind, phrase.trim(), &clock(now));
            let expected = expected.trim();
            count += 1;
            let agrees = expected.strip_suffix('…').map_or(found == expected, |start| found.starts_with(start));
            if !agrees {
                failures.push(format!("{kind} {phrase}: {found}, not {expected}"));
            }
        }
    }
    assert!(failures.is_empty(), "of {count} phrases:\n{}", failures.join("\n"));
    assert!(count >= least, "the table has only {count} phrases");
}

#[test]
fn moments_are_described_in_both_languages() {
    let clock = clock(NOW);
    let zone = clock.now.time_zone();
    for (canonical, english, french) in [
        ("2026-03-12T09:00", "tomorrow, Thursday 12 March at 09:00", "demain, jeudi 12 mars à 09:00"),
        ("2026-03-11", "today, Wednesday 11 March", "aujourd’hui, mercredi 11 mars"),
        ("2027-05-01", "Saturday 1 May 2027", "samedi 1er mai 2027"),
        ("2026-03-16/2026-03-22", "from Monday 16 March to Sunday 22 March", "du lundi 16 mars au dimanche 22 mars"),
        (
            "2026-03-12T14:00/2026-03-12T15:30",
            "tomorrow, Thursday 12 March from 14:00 to 15:30",
            "demain, jeudi 12 mars de 14:00 à 15:30",
        ),
        (
            "2026-03-12T07:00 FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR",
            "every weekday at 07:00",
            "chaque jour de semaine à 07:00",
        ),
        (
            "2026-03-16T09:00 FREQ=WEEKLY;BYDAY=MO,TH",
            "every Monday and Thursday at 09:00",
            "chaque lundi et jeudi à 09:00",
        ),
        (
            "2026-03-17T18:00 FREQ=WEEKLY;INTERVAL=2;BYDAY=TU",
            "every 2 weeks on Tuesday at 18:00",
            "toutes les 2 semaines le mardi à 18:00",
        ),
        ("2026-04-06 FREQ=MONTHLY;BYDAY=1MO", "every month on the first Monday", "chaque mois le premier lundi"),
        (
            "2026-03-11 FREQ=DAILY;UNTIL=20260403",
            "every day until Friday 3 April",
            "chaque jour jusqu’au vendredi 3 avril",
        ),
        ("2026-04-01 FREQ=MONTHLY;BYMONTHDAY=1", "every month on the 1st", "chaque mois le 1er"),
        ("2026-03-11T11:15 FREQ=HOURLY", "every hour from 11:15", "chaque heure à partir de 11:15"),
        (
            "2026-03-11T22:00/2026-03-12T00:00",
            "today, Wednesday 11 March at 22:00 until tomorrow, Thursday 12 March at 00:00",
            "aujourd’hui, mercredi 11 mars à 22:00 jusqu’à demain, jeudi 12 mars à 00:00",
        ),
        ("2026-06-03 FREQ=YEARLY", "every year on 3 June", "chaque année le 3 juin"),
    ] {
        let moment = Moment::parse_in(canonical, zone).unwrap();
        assert_eq!(describe(&moment, &clock, Language::English), english);
        assert_eq!(describe(&moment, &clock, Language::French), french);
    }
}

#[test]
fn errors_name_the_words_and_give_an_example() {
    let error = resolve("tomorrow at the purple hippo", &clock(NOW), Purpose::Event).unwrap_err().to_string();
    assert!(error.contains("\"purple hippo\"") && error.contains("tomorrow at 9:30"), "{error}");
}

proptest! {
    #[test]
    fn any_text_is_answered_without_a_panic(text in ".{0,120}") {
        for purpose in [Purpose::Event, Purpose::Alarm, Purpose::Search, Purpose::Reminder, Purpose::Move] {
            let _ = resolve(&text, &clock(NOW), purpose);
        }
        let _ = resolve_duration(&text);
    }

    /// Words of the vocabulary in any order reach further into the grammar than arbitrary characters do.
    #[test]
    fn any_words_about_time_give_a_moment_whose_text_reads_back(words in prop::collection::vec(prop::sample::select(VOCABULARY), 1..8)) {
        for now in [NOW, "9999-12-30T21:00:00+00:00[UTC]", "0001-01-01T10:15:00+00:00[UTC]"] {
            let clock = clock(now);
            if let Ok(moment) = resolve(&words.join(" "), &clock, Purpose::Event) {
                let text = moment.to_string();
                let again = Moment::parse_in(&text, clock.now.time_zone());
                prop_assert_eq!(again.map(|again| again.to_string()), Ok(text));
            }
        }
    }
}

const VOCABULARY: &[&str] = &[
    "tomorrow",
    "on",
    "Friday",
    "next",
    "last",
    "week",
    "month",
    "of",
    "the",
    "3rd",
    "31",
    "May",
    "at",
    "9",
    "9:30",
    "pm",
    "morning",
    "every",
    "other",
    "2",
    "from",
    "to",
    "and",
    "between",
    "until",
    "in",
    "hours",
    "days",
    "before",
    "Christmas",
    "half past",
    "noon",
    "midnight",
    "à",
    "9h",
    "lundi",
    "prochain",
    "de",
    "et demie",
    "dans",
    "2026-02-28",
    "30/2",
    "999999999",
    "years",
    "end of",
    "for",
    "tous les",
    "mois",
    "a",
    "an",
    "hour",
    "-",
    "quarter to",
    "first",
    "February",
    "29",
    "year",
    "9999",
];
