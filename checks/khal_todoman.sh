#!/bin/sh
# Shows that khal and todoman read what Reinette writes. First through the program, with the README's request: both show what
# was made, and after `undo` neither does. Then what the apps make of harder calls, at a fixed time. Prints what both show and
# fails when a line is missing or should not be there. Needs python3 with venv and a package index; REINETTE and KHAL_VENV may
# name a built program and an environment with both packages.
set -eu
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
target=${CARGO_TARGET_DIR:-target}
home=$work/home

venv=${KHAL_VENV:-$work/venv}
if [ ! -x "$venv/bin/khal" ]; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet 'khal==0.14.*' 'todoman==4.7.*'
fi
if [ -z "${REINETTE:-}" ]; then
    cargo build --quiet --release -p reinette-cli
    REINETTE=$target/release/reinette
fi

cat >"$work/khal.conf" <<CONF
[calendars]
[[reinette]]
path = $home/calendar
[locale]
timeformat = %H:%M
dateformat = %Y-%m-%d
longdateformat = %Y-%m-%d
datetimeformat = %Y-%m-%d %H:%M
longdatetimeformat = %Y-%m-%d %H:%M
local_timezone = Europe/Paris
default_timezone = Europe/Paris
[sqlite]
path = $work/khal.db
CONF
cat >"$work/todoman.py" <<CONF
path = "$home/reminders"
date_format = "%Y-%m-%d"
time_format = "%H:%M"
cache_path = "$work/todoman.sqlite"
CONF

export TZ=Europe/Paris
# show FROM DAYS: what both programs show now.
show() {
    echo "--- khal"
    "$venv/bin/khal" -c "$work/khal.conf" list "$1" "$2" | tee "$work/khal.txt"
    echo "--- todoman"
    "$venv/bin/todo" --config "$work/todoman.py" list --status ANY | tee "$work/todoman.txt"
}
failed=0
shows() {
    if ! grep -q -- "$2" "$work/$1.txt"; then
        echo "missing in $1: $2" >&2
        failed=1
    fi
}
hides() {
    if grep -q -- "$2" "$work/$1.txt"; then
        echo "still in $1: $2" >&2
        failed=1
    fi
}

echo '=== through the program'
"$REINETTE" --home "$home" ask --confirm never \
    "Remind me to call Ana tomorrow at 9, and put lunch with Pierre in my calendar on Friday at noon"
show today 14d
shows khal '12:00-13:00 lunch with Pierre'
shows todoman "\[ \].*$(date -d tomorrow +%F) 09:00.*call Ana"
echo '=== after undo'
"$REINETTE" --home "$home" undo
show today 14d
hides khal 'lunch with Pierre'
hides todoman 'call Ana'

echo '=== harder calls'
now='2026-03-11T10:15:00+01:00[Europe/Paris]'
cargo build --quiet -p reinette-apps --example act
act() { "$target/debug/examples/act" "$home" "$now" "$1" "$2"; }
act create_event '{"title": "dentist", "when": "tomorrow at 9"}'
act create_event '{"title": "fair", "when": "next week"}'
act create_event '{"title": "réunion d’équipe, salle 3; à l’étage", "when": "every Monday at 9"}'
act create_event '{"title": "summer time", "when": "March 30 from 2pm to 3:30pm"}'
act move_event '{"title": "réunion", "when": "at 11:00"}'
cat >"$home/calendar/abroad.ics" <<ICS
BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//other//EN
BEGIN:VTIMEZONE
TZID:GMT Standard Time 1
BEGIN:STANDARD
DTSTART:16010101T030000
TZOFFSETFROM:+0100
TZOFFSETTO:+0000
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:16010101T020000
TZOFFSETFROM:+0000
TZOFFSETTO:+0100
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3
END:DAYLIGHT
END:VTIMEZONE
BEGIN:VEVENT
UID:abroad
DTSTAMP:20260301T000000Z
SUMMARY:abroad
DTSTART;TZID=GMT Standard Time 1:20260312T140000
DTEND;TZID=GMT Standard Time 1:20260312T150000
END:VEVENT
END:VCALENDAR
ICS
act move_event '{"title": "abroad", "when": "March 30 at 5pm"}'
act create_reminder '{"title": "call the plumber", "when": "tomorrow at 8:30"}'
act create_reminder '{"title": "water the plants", "when": "every day at 7pm"}'
act create_reminder '{"title": "buy milk"}'
act create_reminder '{"title": "pay the rent", "when": "on Friday"}'
act complete_reminder '{"title": "pay the rent"}'
act complete_reminder '{"title": "water the plants"}'
show 2026-03-11 21d
shows khal '09:00-10:00 dentist'
shows khal 'fair'
shows khal '11:00-12:00 réunion d’équipe, salle 3; à l’étage'
shows khal '09:00-10:00 réunion d’équipe, salle 3; à l’étage'
shows khal '14:00-15:30 summer time'
shows khal '17:00-18:00 abroad'
shows todoman '\[ \].*2026-03-12 08:30.*call the plumber'
shows todoman '\[ \].*2026-03-12 19:00.*water the plants'
shows todoman '\[ \].*buy milk'
shows todoman '\[X\].*pay the rent'
exit $failed
