//! What is in a user's home, and what a user says: files of other programs, settings, times, sums.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use reinette::models::Manifest;
use reinette::{Event, LanguageModel, ModelInfo, Request, ResponseStream, Summary, ToolAdapter, ToolCall};
use reinette_apps::visible::is_control;
use reinette_apps::{AppError, Change, Focus, Folders, Plan, Planner, World, clock, due_reminders, due_timers};
use reinette_assistant::{Assistant, Confirm, Home};
use reinette_time::{Clock, Language, Moment, Purpose, calculator, describe, resolve, resolve_duration};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use crate::FuzzTarget;

/// A file that another program, or a user, left in the folders of the apps.
pub(crate) const USERS_FILES: FuzzTarget = FuzzTarget {
    name: "users_files",
    run: users_files,
    seeds: || FILES.map(|file| file.as_bytes().to_vec()).to_vec(),
    words: &[
        "BEGIN:VEVENT\r\n",
        "END:VEVENT\r\n",
        "BEGIN:VTODO\r\n",
        "END:VTODO\r\n",
        "\r\n ",
        "DTSTART",
        "DTEND",
        "DUE",
        "DURATION:",
        "P1W",
        "-PT1S",
        "RRULE:",
        "FREQ=SECONDLY",
        "FREQ=MINUTELY",
        "FREQ=YEARLY",
        "BYDAY=5MO",
        "BYMONTHDAY=31",
        "BYSETPOS=-1",
        "BYYEARDAY=366",
        "BYEASTER=1",
        "INTERVAL=0",
        "COUNT=0",
        "UNTIL=",
        "EXDATE:",
        "RDATE:",
        "RECURRENCE-ID:",
        ";VALUE=DATE:",
        "TZID=Europe/Paris:",
        "TZID=\"x:y\":",
        "99991231T235959Z",
        "00000101",
        "20260329T023000",
        "24",
        "BEGIN:VTIMEZONE\r\n",
        "END:VTIMEZONE\r\n",
        "BEGIN:DAYLIGHT\r\n",
        "END:DAYLIGHT\r\n",
        "TZOFFSETTO:+2359",
        "TZID=Odd:",
        "X-WR-TIMEZONE:Asia/Tokyo\r\n",
        ";RANGE=THISANDFUTURE",
        ";VALUE=PERIOD:",
        "X-MICROSOFT-CDO-ALLDAYEVENT:TRUE\r\n",
        "X-KDE-LIBKCAL-DTRECURRENCE:",
        "BYHOUR=0,1,2",
        "STATUS:CANCELLED\r\n",
        "SEQUENCE:2147483647",
        "SUMMARY;LANGUAGE=fr:",
        ":",
        ";",
        "\u{feff}",
    ],
};

/// Words that say when, or how long, behind a byte that picks the present.
pub(crate) const TIME: FuzzTarget = FuzzTarget {
    name: "time",
    run: time,
    seeds: || PHRASES.iter().zip(0_u8..).map(|(phrase, present)| [&[present], phrase.as_bytes()].concat()).collect(),
    words: &[
        "tomorrow ",
        "demain ",
        "Friday ",
        "vendredi ",
        "at ",
        "à ",
        "9",
        ":30",
        "pm ",
        "h",
        "in ",
        "dans ",
        "hours ",
        "every ",
        "chaque ",
        "weekday ",
        "from ",
        " to ",
        "until ",
        "jusqu'à ",
        "next ",
        "last ",
        "prochain ",
        "noon ",
        "the ",
        "3rd ",
        "of ",
        "march ",
        "février ",
        "2026",
        "29/02",
        "weeks ",
        "years ",
        "half ",
        "past ",
        "quarter ",
        "minus ",
        "and ",
        "et demie ",
        "midnight ",
        "end of ",
        "month ",
        "1000000 ",
        "0",
        "99999999999",
        "first ",
        "Monday ",
        "easter ",
        "noël ",
        "ago ",
        "before ",
        "after ",
        "-",
        "/",
        ".",
        "twice ",
        "other ",
        "tonight ",
    ],
};

/// A sum, a conversion, a question about dates, a place.
pub(crate) const CALCULATION: FuzzTarget = FuzzTarget {
    name: "calculation",
    run: calculation,
    seeds: || SUMS.map(|sum| sum.as_bytes().to_vec()).to_vec(),
    words: &[
        "plus ",
        "d6",
        "times ",
        "divided by ",
        "percent of ",
        "% ",
        "% off ",
        "square root of ",
        "to the power of ",
        "^",
        "!",
        "(",
        ")",
        "km ",
        "miles ",
        "in ",
        "to ",
        "°C ",
        "celsius ",
        "fahrenheit ",
        "kg ",
        "days ",
        "between ",
        "and ",
        "until ",
        "0x",
        "1e99",
        "1/0",
        "mod ",
        "log ",
        "sin ",
        "pi ",
        "e",
        "±",
        "@debug ",
        "x => ",
        "\\x.x ",
        "d6",
        "!!",
        "as roman",
        "as words",
        "'a'",
        "\"",
        ";",
        "=",
        "_",
        "½",
        "²",
        "euros ",
        "dollars ",
        "permute ",
    ],
};

/// The project's list of models, a home's configuration, an adapter's list of tools.
pub(crate) const SETTINGS: FuzzTarget = FuzzTarget {
    name: "settings",
    run: settings,
    seeds: || SETTINGS_FILES.map(|file| file.as_bytes().to_vec()).to_vec(),
    words: &[
        "[[model]]\n",
        "[folders]\n",
        "calendar = ",
        "\"../x\"",
        "source = ",
        "[{packages = [{requirement = \"a==1\"}]}]",
        "hub = ",
        "size_bytes = ",
        "-1",
        "9223372036854775807",
        "sha256 = ",
        "role = ",
        "\"embedded\"",
        "\"\"\"",
        "\"--index\"",
        "{\"name\": ",
        "\"arguments\": ",
        "[",
        "]",
        "{",
        "}",
        "\\u0000",
        "\\ud800",
    ],
};

/// The database of conversations and the journal.
pub(crate) const STORE: FuzzTarget = FuzzTarget {
    name: "store",
    run: store,
    seeds: || vec![remembered().unwrap_or_default()],
    words: &["CREATE TABLE", "journal", "entry", "\"Prompt\"", "{\"", "null", "9999-12-31T23:59:59Z", "pending"],
};

const FILES: [&str; 9] = [
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//EN\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTAMP:20260301T000000Z\r\n\
     SUMMARY:dentist\\, upstairs\r\nDTSTART;TZID=Europe/Paris:20260312T090000\r\nDTEND;TZID=Europe/Paris:20260312T1\r\n 00000\r\n\
     X-OTHER;P=\"a:b\":kept\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
    "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:2\nSUMMARY:dentist\nDTSTART:20260302T090000Z\nDURATION:PT1H\n\
     RRULE:FREQ=WEEKLY;BYDAY=MO,TH;UNTIL=20261231T000000Z\nEXDATE:20260309T090000Z\nEND:VEVENT\nBEGIN:VEVENT\nUID:2\n\
     RECURRENCE-ID:20260312T090000Z\nSUMMARY:dentist moved\nDTSTART:20260313T100000Z\nEND:VEVENT\nEND:VCALENDAR\n",
    "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:3\r\nSUMMARY:dentist\r\nDTSTART;VALUE=DATE:20240229\r\n\
     RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29;COUNT=9\r\nRDATE;VALUE=DATE:20260315\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
    "BEGIN:VCALENDAR\r\nBEGIN:VTODO\r\nUID:4\r\nSUMMARY:dentist\r\nDTSTART:20260301T080000\r\nDUE:20260312T080000\r\n\
     RRULE:FREQ=DAILY;INTERVAL=2\r\nSTATUS:NEEDS-ACTION\r\nBEGIN:VALARM\r\nTRIGGER:-PT5M\r\nEND:VALARM\r\nEND:VTODO\r\n\
     END:VCALENDAR\r\n",
    "BEGIN:VCALENDAR\r\nBEGIN:VTIMEZONE\r\nTZID:Odd\r\nBEGIN:STANDARD\r\nDTSTART:16010101T030000\r\nTZOFFSETFROM:+0100\r\n\
     TZOFFSETTO:+0000\r\nRRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10\r\nEND:STANDARD\r\nBEGIN:DAYLIGHT\r\n\
     DTSTART:16010101T020000\r\nTZOFFSETFROM:+0000\r\nTZOFFSETTO:+0100\r\nRRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3\r\n\
     END:DAYLIGHT\r\nEND:VTIMEZONE\r\nBEGIN:VEVENT\r\nUID:5\r\nSUMMARY:dentist\r\nDTSTART;TZID=Odd:20260312T140000\r\n\
     DTEND;TZID=Odd:20260312T150000\r\nRRULE:FREQ=DAILY;COUNT=9\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nUID:5\r\n\
     RECURRENCE-ID;RANGE=THISANDFUTURE;TZID=Odd:20260314T140000\r\nDTSTART;TZID=Odd:20260314T160000\r\nEND:VEVENT\r\n\
     END:VCALENDAR\r\n",
    "BEGIN:VCALENDAR\nX-WR-TIMEZONE:Asia/Tokyo\nBEGIN:VEVENT\nUID:6\nSUMMARY:dentist\nDTSTART:20260312T000000\n\
     DTEND:20260313T000000\nX-MICROSOFT-CDO-ALLDAYEVENT:TRUE\nRDATE;VALUE=PERIOD:20260320T000000Z/PT1H\nEND:VEVENT\n\
     END:VCALENDAR\n",
    "{\"kind\": \"alarm\", \"rings_at\": \"2026-03-11T07:00:00+01:00[Europe/Paris]\", \"rule\": \"FREQ=DAILY\"}",
    "{\"kind\": \"timer\", \"rings_at\": \"2026-03-11T10:00:00Z[UTC]\", \"duration\": \"PT25M\"}",
    "# dentist\n\n- milk\n\t* [ ] élan\r\nlast line without an end",
];

/// Calls that read every folder and plan changes of what is in it.
const CALLS: [(&str, &str); 27] = [
    ("list_events", r#"{"when": "this week"}"#),
    ("list_events", "{}"),
    ("find_event", r#"{"query": "dentist"}"#),
    ("move_event", r#"{"title": "dentist", "when": "next Friday at 9"}"#),
    ("move_event", r#"{"title": "dentist", "when": "March 30"}"#),
    ("delete_event", r#"{"title": "dentist"}"#),
    ("change_event_duration", r#"{"title": "dentist", "duration": "an hour longer"}"#),
    ("change_event_duration", r#"{"title": "dentist", "duration": "until 5pm"}"#),
    ("rename_event", r#"{"title": "dentist", "new_title": "denture; fitting"}"#),
    ("skip_event", r#"{"title": "dentist"}"#),
    ("skip_event", r#"{"title": "dentist", "when": "this week"}"#),
    ("list_reminders", "{}"),
    ("complete_reminder", r#"{"title": "dentist"}"#),
    ("delete_reminder", r#"{"title": "dentist"}"#),
    ("move_reminder", r#"{"title": "dentist", "when": "next Friday at 9"}"#),
    ("move_reminder", r#"{"title": "dentist", "when": "two days later"}"#),
    ("rename_reminder", r#"{"title": "dentist", "new_title": "denture; fitting"}"#),
    ("list_timers", "{}"),
    ("extend_timer", r#"{"duration": "5 minutes"}"#),
    ("cancel_timer", r#"{"which": "timer"}"#),
    ("create_note", r#"{"text": "dentist"}"#),
    ("append_note", r#"{"note": "dentist", "text": "milk"}"#),
    ("find_note", r#"{"query": "milk"}"#),
    ("read_note", r#"{"note": "x"}"#),
    ("remove_from_note", r#"{"note": "x", "text": "milk"}"#),
    ("clear_note", r#"{"note": "x"}"#),
    ("list_notes", "{}"),
];

const PHRASES: [&str; 12] = [
    "tomorrow at 9",
    "next Friday from 2 to 3:30 pm",
    "every other Tuesday at noon until June",
    "in an hour and a half",
    "le 3 mars à 7h30",
    "chaque jour de la semaine à 8 heures",
    "the last Monday of the month",
    "1h30",
    "trois quarts d'heure",
    "half past seven tonight",
    "29 February 2028",
    "de lundi à mercredi",
];

const SUMS: [&str; 10] = [
    "17.5% of 260",
    "5 miles to km",
    "days between March 3 and June 9",
    "(3 + 4) * 2^10",
    "20 °C in fahrenheit",
    "la moitié de 90",
    "square root of 144 plus 3",
    "what day is it in 100 days",
    "Tokyo",
    "2h30 in minutes",
];

const SETTINGS_FILES: [&str; 3] = [
    "[folders]\ncalendar = \"/srv/calendar\"\nnotes = \"n\"\n",
    "[{\"name\": \"set_timer\", \"arguments\": [\"duration\"]}, {\"name\": \"none\", \"arguments\": []}]",
    "hub = \"https://hub.example\"\n[[model]]\nname = \"apple\"\nrole = \"embedded\"\ndescription = \"d\"\ngood_at = \"g\"\n\
     licence = \"MIT\"\nfile = \"apple.gguf\"\nsize_bytes = 10\n\
     sha256 = \"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"\ncontext_tokens = 8\n\
     source = [{ hub = { repository = \"a/b\", revision = \"ab810cf68114990406fdf996510dd3d3c6adbdf5\", file = \"c.gguf\" } }, \
     { packages = [{ requirement = \"p==1.0\", \
     sha256 = \"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\" }] }]\n",
];

/// The presents in which words are understood: an ordinary day, the night of a change of the clock, the last year.
const PRESENTS: [&str; 3] = [
    "2026-03-11T10:15:00+01:00[Europe/Paris]",
    "2026-03-08T01:59:59-05:00[America/New_York]",
    "9998-12-31T23:30:00+00:00[UTC]",
];

/// The clock at one of [`PRESENTS`].
fn clock_at(present: usize) -> Clock {
    let now = PRESENTS[present % PRESENTS.len()].parse();
    Clock { now: now.expect("these are times") }
}

/// The tools of all apps, made once.
fn tools() -> &'static [Box<dyn Planner>] {
    static TOOLS: OnceLock<Vec<Box<dyn Planner>>> = OnceLock::new();
    TOOLS.get_or_init(|| reinette_apps::tools().into_iter().chain(reinette_apps::more_tools()).collect())
}

fn plan(name: &str, arguments: &Map<String, Value>, world: &World) -> Result<Plan, AppError> {
    let tool = tools().iter().find(|tool| tool.definition().name == name).expect("the tool is there");
    tool.plan(arguments, world)
}

/// A home for one run.
fn empty_home() -> TempDir {
    tempfile::tempdir().expect("the system's folder of temporary files can be written")
}

fn world(home: &Path, clock: Clock) -> World {
    World { clock, folders: Folders::inside(home), language: Language::English, focus: Focus::default() }
}

fn write(path: &Path, content: &[u8]) {
    let made = fs::create_dir_all(path.parent().unwrap_or(path)).and_then(|()| fs::write(path, content));
    made.expect("the system's folder of temporary files can be written");
}

fn users_files(input: &[u8]) -> String {
    let home = empty_home();
    let world = world(home.path(), clock_at(0));
    let Folders { calendar, reminders, notes, timers, .. } = &world.folders;
    for path in [calendar.join("x.ics"), reminders.join("x.ics"), notes.join("x.md"), timers.join("x.json")] {
        write(&path, input);
    }
    let mut outcome =
        format!("{:?} ", [due_timers, due_reminders].map(|due| due(&world).map(|rings| rings.len()).ok()));
    for (name, arguments) in CALLS {
        let arguments: Map<String, Value> = serde_json::from_str(arguments).expect("the arguments are an object");
        outcome.push_str(&planned(name, &arguments, &world));
    }
    outcome
}

/// Plans a call; checks that the change it may lead to starts from what is on the disk and leaves what can be read.
fn planned(tool: &str, arguments: &Map<String, Value>, world: &World) -> String {
    match plan(tool, arguments, world) {
        Ok(Plan::Answer(answer)) => {
            check_text(&answer.text);
            if answer.text.contains("cannot be read") { "broken " } else { "answer " }.to_owned()
        }
        Ok(Plan::Change(change)) => {
            check(&change, world);
            format!("change of {} ", change.files.len())
        }
        Ok(Plan::Ask(question)) => {
            for choice in question.choices {
                if let Plan::Change(change) = choice.plan {
                    check(&change, world);
                }
            }
            "question ".to_owned()
        }
        Err(error) => format!("{error:?} "),
    }
}

/// Checks that a sentence holds nothing that a terminal obeys.
fn check_text(text: &str) {
    assert!(!text.contains(|character| character != '\n' && is_control(character)), "{text:?}");
}

fn check(change: &Change, world: &World) {
    for sentence in [&change.effect, &change.done] {
        check_text(sentence);
        assert!(!sentence.contains('\n'), "{sentence:?}");
    }
    let is_readable = || {
        let plans = ["list_events", "list_reminders", "list_timers"].map(|list| plan(list, &Map::new(), world));
        plans
            .iter()
            .filter(|plan| matches!(plan, Ok(Plan::Answer(answer)) if !answer.text.contains("cannot be read")))
            .count()
    };
    let before = is_readable();
    for file in &change.files {
        assert_eq!(fs::read(&file.path).ok(), file.before, "a change starts from what is there");
        match &file.after {
            Some(content) => write(&file.path, content),
            None => fs::remove_file(&file.path).expect("it was read just now"),
        }
    }
    assert!(is_readable() >= before, "what was changed can be read no more: {change:?}");
    for file in &change.files {
        match &file.before {
            Some(content) => write(&file.path, content),
            None => fs::remove_file(&file.path).expect("it was written just now"),
        }
    }
}

fn time(input: &[u8]) -> String {
    let Some((&present, text)) = input.split_first() else { return String::new() };
    let text = String::from_utf8_lossy(text);
    let clock = clock_at(usize::from(present));
    let mut outcome = String::new();
    for purpose in [Purpose::Event, Purpose::Alarm, Purpose::Search, Purpose::Reminder, Purpose::Move] {
        match resolve(&text, &clock, purpose) {
            Ok(moment) => {
                for language in [Language::English, Language::French] {
                    assert!(!describe(&moment, &clock, language).is_empty());
                }
                let canonical = moment.to_string();
                let read = Moment::parse_in(&canonical, clock.now.time_zone());
                assert!(read.is_ok(), "{canonical} is not read back: {read:?}");
                outcome.push_str(&canonical);
            }
            Err(error) => {
                let _ = write!(outcome, "{error:?} ");
            }
        }
    }
    let duration = resolve_duration(&text);
    let home = empty_home();
    let world = world(home.path(), clock);
    for (name, argument) in
        [("create_event", "when"), ("create_reminder", "when"), ("set_alarm", "when"), ("set_timer", "duration")]
    {
        let Value::Object(arguments) = json!({ "title": "x", argument: text }) else { continue };
        planned(name, &arguments, &world);
    }
    format!("{outcome} {duration:?}")
}

fn calculation(input: &[u8]) -> String {
    let text = String::from_utf8_lossy(input);
    let clock = clock_at(0);
    let place = clock::tell_time(Some(&text), &clock);
    match calculator::evaluate(&text, &clock) {
        Ok(answer) => format!("{:?} {}", answer.unit, place.is_ok()),
        Err(error) => format!("{error:?} {}", place.is_ok()),
    }
}

fn settings(input: &[u8]) -> String {
    let text = String::from_utf8_lossy(input);
    let home = empty_home();
    write(&home.path().join("config.toml"), input);
    let manifest = Manifest::parse(&text).map_err(|error| error.to_string());
    let configured = Home::open(Some(home.path())).map_err(|error| error.to_string().lines().last().map(str::to_owned));
    let tools = ToolAdapter::from_parts("", &[], "", &text).map(|adapter| adapter.tools().len());
    format!("{:?} {:?} {:?}", manifest.err(), configured.err(), tools.is_ok())
}

fn store(input: &[u8]) -> String {
    let home = empty_home();
    write(&home.path().join("store.sqlite"), input);
    let opened = Home::open(Some(home.path())).map(|home| Assistant::open(home, || clock_at(0).now));
    let Ok(Ok(mut assistant)) = opened else { return "not opened".to_owned() };
    let resumed = assistant.resume();
    format!("{resumed:?} {:?} {:?}", assistant.history(10).err(), assistant.journal(10).err())
}

/// The store of a home in which something was said and done.
fn remembered() -> Option<Vec<u8>> {
    let folder = empty_home();
    let home = Home::open(Some(folder.path())).ok()?;
    {
        let mut assistant = Assistant::open(home, || clock_at(0).now).ok()?;
        let model: Arc<dyn LanguageModel> = Arc::new(Parrot);
        let mut asking = assistant.ask("remind me to buy milk", &model, Confirm::Never).ok()?;
        while let Some(event) = asking.next_blocking() {
            event.ok()?;
        }
        assistant.undo().ok()?;
    }
    fs::read(folder.path().join("store.sqlite")).ok()
}

/// A model that makes a reminder of everything that is said.
struct Parrot;

impl LanguageModel for Parrot {
    fn info(&self) -> ModelInfo {
        ModelInfo {
            name: "parrot".into(),
            architecture: "none".into(),
            context_tokens: 100,
            size_bytes: 0,
            languages: Vec::new(),
        }
    }

    fn respond(&self, request: Request) -> ResponseStream {
        let (events, answer) = async_channel::unbounded();
        let title = request.transcript.last_prompt().unwrap_or_default();
        let Value::Object(arguments) = json!({ "title": title }) else { return ResponseStream::new(answer) };
        let call = ToolCall { id: "1".into(), name: "create_reminder".into(), arguments };
        let _ = events.try_send(Ok(Event::ToolCall(call)));
        let _ = events.try_send(Ok(Event::Finished(Summary::default())));
        ResponseStream::new(answer)
    }

    fn has_learned(&self, _: &str) -> bool {
        true
    }
}
