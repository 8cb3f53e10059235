#!/bin/sh
# Shows that khal and todoman read what the apps write: makes events and reminders, prints them with both programs, and
# fails when a line that must be there is missing. Needs python3 with venv and a package index.
set -eu
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
home=$work/home
now='2026-03-11T10:15:00+01:00[Europe/Paris]'

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet 'khal==0.14.*' 'todoman==4.7.*'
cargo build --quiet -p reinette-apps --example act
act() { "${CARGO_TARGET_DIR:-target}/debug/examples/act" "$home" "$now" "$1" "$2"; }

act create_event '{"title": "dentist", "when": "tomorrow at 9"}'
act create_event '{"title": "fair", "when": "next week"}'
act create_event '{"title": "réunion d’équipe, salle 3; à l’étage", "when": "every Monday at 9"}'
act create_event '{"title": "summer time", "when": "March 30 from 2pm to 3:30pm"}'
act move_event '{"title": "réunion", "when": "at 11:00"}'
act create_reminder '{"title": "call the plumber", "when": "tomorrow at 8:30"}'
act create_reminder '{"title": "water the plants", "when": "every day at 7pm"}'
act create_reminder '{"title": "buy milk"}'
act create_reminder '{"title": "pay the rent", "when": "on Friday"}'
act complete_reminder '{"title": "pay the rent"}'
act complete_reminder '{"title": "water the plants"}'

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

echo '--- khal'
TZ=Europe/Paris "$work/venv/bin/khal" -c "$work/khal.conf" list 2026-03-11 21d | tee "$work/khal.txt"
echo '--- todoman'
TZ=Europe/Paris "$work/venv/bin/todo" --config "$work/todoman.py" list --status ANY | tee "$work/todoman.txt"

failed=0
shows() {
    if ! grep -q -- "$2" "$work/$1.txt"; then
        echo "missing in $1: $2" >&2
        failed=1
    fi
}
shows khal '09:00-10:00 dentist'
shows khal 'fair'
shows khal '11:00-12:00 réunion d’équipe, salle 3; à l’étage'
shows khal '09:00-10:00 réunion d’équipe, salle 3; à l’étage'
shows khal '14:00-15:30 summer time'
shows todoman '\[ \].*2026-03-12 08:30.*call the plumber'
shows todoman '\[ \].*2026-03-12 19:00.*water the plants'
shows todoman '\[ \].*buy milk'
shows todoman '\[X\].*pay the rent'
exit $failed
