#!/usr/bin/env python3
"""Checks the homes, the single requests and the dialogues in this folder against README.md.

    python3 validate.py                      everything
    python3 validate.py singles-a.jsonl ...  the homes and these files only

Prints counts by kind, language and split. Exits with 1 if anything is wrong.
"""
import datetime as dt
import json
import re
import sys
import tomllib
import unicodedata
from collections import Counter
from pathlib import Path
from zoneinfo import ZoneInfo

from icalendar import Calendar

HERE = Path(__file__).resolve().parent
KINDS = ["task", "cannot", "missing", "talk", "fact", "writing", "own"]
SPLITS = ["work", "held_out"]
LANGUAGES = ["en", "fr"]
REGISTERS = ["typed", "dictated"]
COMMON = {"id", "split", "language", "kind", "register", "home"}
END_KEYS = {"changes", "says", "never", "asks", "admits", "judge"}
VERBS = ["added", "removed", "changed", "done"]
FIELDS = {
    "event": {"title", "start", "end", "minutes", "location", "attendees", "repeats", "text_has", "text_lacks"},
    "reminder": {"title", "due", "repeats", "text_has", "text_lacks"},
    "note": {"title", "text_has", "text_lacks"},
    "timer": {"title", "seconds"},
    "alarm": {"title", "rings", "repeats"},
}
MOMENT = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d)?)?$")
NOW = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d)\[([A-Za-z_/]+)\]$")

faults = []


def fault(where, what):
    faults.append(f"{where}: {what}")


def fold(text):
    return " ".join(text.casefold().split())


def without_accents(text):
    return "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))


def filled(value):
    return isinstance(value, str) and bool(value.strip())


def strings(value):
    return isinstance(value, list) and bool(value) and all(filled(v) for v in value)


# Homes

def read_component(path, wanted):
    try:
        calendar = Calendar.from_ical(path.read_bytes())
        found = [c for c in calendar.walk() if c.name in ("VEVENT", "VTODO")]
        broken = [e for c in calendar.walk() for e in getattr(c, "errors", [])]
        if broken:
            fault(path, f"does not parse: {broken}")
    except Exception as error:
        fault(path, f"does not parse: {error}")
        return None
    if len(found) != 1 or found[0].name != wanted:
        fault(path, f"must hold exactly one {wanted}")
        return None
    component = found[0]
    for key in ("UID", "SUMMARY", "DTSTAMP") + (("DTSTART", "DTEND") if wanted == "VEVENT" else ()):
        if not component.get(key):
            fault(path, f"has no {key}")
            return None
    for key in ("DTSTART", "DTEND", "DUE"):
        moment = component.get(key)
        if moment is not None and isinstance(moment.dt, dt.datetime) and moment.dt.tzinfo is None:
            fault(path, f"{key} has no time zone")
    if wanted == "VEVENT":
        start, end = component["DTSTART"].dt, component["DTEND"].dt
        if type(start) is not type(end) or (getattr(start, "tzinfo", 1) is not None and not start < end):
            fault(path, "the end does not come after the start")
    return component


def note_title(path):
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("# "):
            return line[2:].strip()
    return path.stem


def read_home(folder):
    home = {"now": None, "titles": {"event": set(), "reminder": set(), "note": set(), "timer": set(), "alarm": set()}}
    try:
        settings = tomllib.loads((folder / "home.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        fault(folder / "home.toml", error)
        settings = {}
    if set(settings) != {"now", "who", "language"}:
        fault(folder / "home.toml", "must hold exactly now, who and language")
    if settings.get("language") not in LANGUAGES:
        fault(folder / "home.toml", "language must be en or fr")
    match = NOW.match(str(settings.get("now")))
    try:
        home["now"] = dt.datetime.fromisoformat(match[1])
        if home["now"].astimezone(ZoneInfo(match[2])).utcoffset() != home["now"].utcoffset():
            fault(folder / "home.toml", "the offset of now does not belong to its zone")
    except Exception as error:
        fault(folder / "home.toml", f"now is not TIME+OFFSET[ZONE]: {error}")
    uids = Counter()

    def take(kind, title, path):
        if fold(title) in home["titles"][kind]:
            fault(path, f"there is another {kind} with the title {title!r}")
        home["titles"][kind].add(fold(title))

    for kind, sub, wanted in (("event", "calendar", "VEVENT"), ("reminder", "reminders", "VTODO")):
        for path in sorted((folder / sub).glob("*.ics")):
            component = read_component(path, wanted)
            if component is not None:
                take(kind, str(component["SUMMARY"]), path)
                uids[str(component["UID"])] += 1
    for path in sorted((folder / "notes").glob("*.md")):
        take("note", note_title(path), path)
    for uid, count in uids.items():
        if count > 1:
            fault(folder, f"UID {uid} is used {count} times")
    return home


# Requests

def check_pattern(where, text):
    if text.startswith("~"):
        try:
            re.compile(without_accents(text[1:]), re.IGNORECASE)
        except re.error as error:
            fault(where, f"the expression {text!r} does not compile: {error}")


def check_moment(where, field, value):
    try:
        if not MOMENT.match(value):
            raise ValueError("not YYYY-MM-DD or YYYY-MM-DDTHH:MM")
        dt.datetime.fromisoformat(value)
        if field == "rings" and "T" not in value:
            raise ValueError("needs a time")
    except (TypeError, ValueError) as error:
        fault(where, f"{field} {value!r}: {error}")


def check_field(where, field, value):
    if field in ("text_has", "text_lacks"):
        if not strings(value):
            fault(where, f"{field} must be a list of strings, not empty")
        return
    if field == "attendees":
        if value is not None and not strings(value):
            fault(where, "attendees must be null or a list of names, not empty")
        return
    if isinstance(value, list):
        if not value:
            fault(where, f"{field} is an empty list")
        values = value
    else:
        values = [value]
    for one in values:
        if one is None:
            if field == "title":
                fault(where, "title cannot be null")
        elif field in ("start", "end", "due", "rings"):
            check_moment(where, field, one)
        elif field in ("minutes", "seconds"):
            if isinstance(one, bool) or not isinstance(one, (int, float)) or one <= 0:
                fault(where, f"{field} must be a number above zero")
        elif not filled(one):
            fault(where, f"{field} must be a string")
        elif field == "repeats":
            parts = one.split(";")
            if not all(re.match(r"[A-Z]+=[A-Z0-9,+\-]+$", p) for p in parts) or not any(p.startswith("FREQ=") for p in parts):
                fault(where, f"repeats {one!r} is not the value of an RRULE")


def check_change(where, change, titles):
    if not isinstance(change, dict):
        return fault(where, "a change must be an object")
    verbs = [v for v in VERBS if v in change]
    if len(verbs) != 1:
        return fault(where, f"a change needs exactly one of {', '.join(VERBS)}")
    verb, kind = verbs[0], change[verbs[0]]
    if not isinstance(kind, str) or kind not in FIELDS or (verb == "done" and kind != "reminder"):
        return fault(where, f"{verb} cannot be {kind!r}")
    allowed = {verb}
    if verb != "added":
        allowed.add("was")
    if verb in ("added", "changed"):
        allowed |= FIELDS[kind]
    for key in sorted(set(change) - allowed):
        fault(where, f"{key!r} is not allowed where a {kind} is {verb}")
    if verb != "added":
        if not filled(change.get("was")):
            fault(where, f"{verb} needs was")
        elif fold(change["was"]) not in titles[kind]:
            fault(where, f"there is no {kind} {change['was']!r} in the home")
    for key in set(change) & allowed & FIELDS[kind]:
        check_field(where, key, change[key])


def check_end(where, end, titles):
    if not isinstance(end, dict):
        return fault(where, "an END must be an object")
    if not end:
        fault(where, "an END must not be empty")
    for key in sorted(set(end) - END_KEYS):
        fault(where, f"unknown key {key!r} in an END")
    changes = end.get("changes", [])
    if not isinstance(changes, list):
        fault(where, "changes must be a list")
        changes = []
    for number, change in enumerate(changes):
        check_change(f"{where}.changes[{number}]", change, titles)
    for key in ("asks", "admits"):
        if key in end:
            if end[key] is not True:
                fault(where, f"{key} can only be true")
            if changes:
                fault(where, f"{key} does not go with changes")
    if "asks" in end and "admits" in end:
        fault(where, "asks and admits are two different ENDs")
    if "says" in end:
        if not isinstance(end["says"], list) or not end["says"]:
            fault(where, "says must be a list of groups, not empty")
        else:
            for group in end["says"]:
                if not strings(group):
                    fault(where, "a group of says must be a list of strings, not empty")
                else:
                    for text in group:
                        check_pattern(where, text)
    if "never" in end:
        if not strings(end["never"]):
            fault(where, "never must be a list of strings, not empty")
        else:
            for text in end["never"]:
                check_pattern(where, text)
    if "judge" in end and not filled(end["judge"]):
        fault(where, "judge must be a sentence")


def check_right(where, item, titles):
    if not filled(item.get("text")):
        fault(where, "text must be a string, not empty")
    if not isinstance(item.get("right"), list) or not item["right"]:
        return fault(where, "right must be a list of ENDs, not empty")
    for number, end in enumerate(item["right"]):
        check_end(f"{where}.right[{number}]", end, titles)


def learn(turn, titles, now):
    """Adds to `titles` what a turn may have put into the home."""
    for end in turn.get("right") or []:
        changes = end.get("changes") if isinstance(end, dict) else None
        for change in changes if isinstance(changes, list) else []:
            if not isinstance(change, dict):
                continue
            kind = change.get("added") or change.get("changed")
            if not isinstance(kind, str) or kind not in FIELDS:
                continue

            def several(field):
                value = change.get(field)
                return [v for v in (value if isinstance(value, list) else [value]) if v is not None]

            titles[kind] |= {fold(t) for t in several("title") if isinstance(t, str)}
            if kind == "alarm":
                titles[kind] |= {fold(r) for r in several("rings") if isinstance(r, str)}
            if kind == "timer" and now:
                for seconds in several("seconds"):
                    if isinstance(seconds, (int, float)):
                        rings = (now + dt.timedelta(seconds=seconds)).replace(tzinfo=None)
                        titles[kind] |= {fold(rings.isoformat(timespec=t)) for t in ("minutes", "seconds")
                                         if t == "seconds" or not rings.second}


def check_item(where, item, dialogue, homes, ids):
    expected = COMMON | ({"turns"} if dialogue else {"text", "right"})
    for key in sorted(expected - set(item)):
        fault(where, f"{key!r} is not there")
    for key in sorted(set(item) - expected):
        fault(where, f"unknown key {key!r}")
    for key, values in (("split", SPLITS), ("language", LANGUAGES), ("kind", KINDS), ("register", REGISTERS), ("home", sorted(homes))):
        if key in item and item[key] not in values:
            fault(where, f"{key} is {item[key]!r}, not one of {', '.join(values)}")
    if not filled(item.get("id")):
        fault(where, "id must be a string, not empty")
    elif item["id"] in ids:
        fault(where, f"the id {item['id']} is also at {ids[item['id']]}")
    else:
        ids[item["id"]] = where
    name = item.get("home")
    if not isinstance(name, str) or name not in homes:
        return
    titles = {kind: set(known) for kind, known in homes[name]["titles"].items()}
    if not dialogue:
        return check_right(where, item, titles)
    turns = item.get("turns")
    if not isinstance(turns, list) or len(turns) < 2:
        return fault(where, "a dialogue needs two turns or more")
    for number, turn in enumerate(turns):
        here = f"{where}.turns[{number}]"
        if not isinstance(turn, dict):
            fault(here, "a turn must be an object")
            continue
        for key in sorted(set(turn) - {"text", "right"}):
            fault(here, f"unknown key {key!r}")
        check_right(here, turn, titles)
        if isinstance(turn.get("right"), list):
            learn(turn, titles, homes[name]["now"])


def check_file(path, homes, ids, items):
    dialogue = path.name.startswith("dialogues-")
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        return fault(path, error)
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        where = f"{path.name}:{number}"
        try:
            item = json.loads(line)
        except ValueError as error:
            fault(where, f"not JSON: {error}")
            continue
        if not isinstance(item, dict):
            fault(where, "must be an object")
            continue
        check_item(where, item, dialogue, homes, ids)
        items.append(("dialogues" if dialogue else "singles", item))


def check_split(items):
    """About a third of each kind is held out: within one item or 12 % of the items of the kind."""
    for kind in KINDS:
        of_kind = [item for _, item in items if item.get("kind") == kind]
        held = sum(item.get("split") == "held_out" for item in of_kind)
        if len(of_kind) >= 3 and abs(held - len(of_kind) / 3) > max(1, 0.12 * len(of_kind)):
            fault("split", f"{held} of {len(of_kind)} {kind} are held out; it should be about a third")


def table(items):
    columns = [(language, split) for language in LANGUAGES for split in SPLITS]
    print("form       kind     " + "".join(f"{l + ' ' + s:>13}" for l, s in columns) + f"{'all':>7}{'held out':>10}")
    for form in ("singles", "dialogues"):
        for kind in KINDS + ["all"]:
            chosen = [i for f, i in items if f == form and (kind == "all" or i.get("kind") == kind)]
            if not chosen:
                continue
            counts = Counter((str(i.get("language")), str(i.get("split"))) for i in chosen)
            held = sum(n for (_, split), n in counts.items() if split == "held_out")
            print(f"{form:<11}{kind:<9}" + "".join(f"{counts[c]:>13}" for c in columns)
                  + f"{len(chosen):>7}{100 * held / len(chosen):>8.0f} %")


def main():
    homes = {p.name: read_home(p) for p in sorted((HERE / "homes").iterdir()) if p.is_dir()}
    print("home       event  reminder  note")
    for name, home in homes.items():
        t = home["titles"]
        print(f"{name:<11}{len(t['event']):>5}{len(t['reminder']):>10}{len(t['note']):>6}")
    print()
    if sys.argv[1:]:
        paths = [Path(p) for p in sys.argv[1:]]
    else:
        paths = sorted(HERE.glob("singles-*.jsonl")) + sorted(HERE.glob("dialogues-*.jsonl"))
    for path in paths:
        if not path.name.startswith(("singles-", "dialogues-")):
            fault(path, "the name must begin with singles- or dialogues-")
    ids, items = {}, []
    for path in paths:
        check_file(path, homes, ids, items)
    check_split(items)
    table(items)
    for line in faults:
        print(line, file=sys.stderr)
    print(f"\n{len(items)} lines, {len(faults)} faults")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
