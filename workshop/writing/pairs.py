#!/usr/bin/env python3
"""Makes examples for proofreading of the tests of the crate harper-core (Automattic, Apache-2.0): what is wrong and how it is right.

    cargo new scratch && cd scratch && cargo add harper-core@3.0.0 && cargo fetch
    python3 workshop/writing/pairs.py ~/.cargo/registry/src/*/harper-core-3.0.0 OUTPUT

Conversations of a request and the corrected text. Of the rules of the crate, a tenth, chosen by a digest of their names, is held
out whole: nothing of what they correct is learned from, and no sentence with the same words. train.jsonl has the other rules'
pairs, their right sentences as they are, and the same with slips of the pen that this script makes. Held out are wrong.jsonl (what
the rules correct), right.jsonl (what is right and has to stay) and slips.jsonl (right sentences with slips).
"""

import argparse
import hashlib
import json
import pathlib
import random
import re

HELD_OUT = 0.1
LONGEST = 300  # letters
# Requests, of which one is drawn for each text.
ASKED = [
    "Proofread: {}",
    "Correct the mistakes: {}",
    "Fix the spelling and grammar of this text: {}",
    "Proofread this and answer with the corrected text alone:\n\n{}",
    "Is this right? Correct it if it is not.\n\n{}",
]
# Of the right sentences of pairs to learn from, those that are learned with slips, and those that stay as they are.
SLIPPED, KEPT = 0.6, 0.15
PAIRS = "its it's|your you're|their there|then than|to too|were where|lose loose|affect effect|who's whose|a an|of off|quiet quite"
CONFUSED = {a: b for pair in map(str.split, PAIRS.split("|")) for a, b in (pair, pair[::-1])}
# How a test says which text is wrong and what it becomes, and which text has no mistake.
CORRECTED = re.compile(r"assert_(?:top3_|first_)?suggestion_result\(\s*{s},\s*[^\"]*?,\s*{s},?\s*\)".replace("{s}", r'"((?:[^"\\]|\\.)*)"'))
FAULTLESS = re.compile(r"assert_no_lints\(\s*\"((?:[^\"\\]|\\.)*)\"")


def unescaped(text):
    """A string of Rust as it is meant."""
    text = re.sub(r"\\\n\s*", "", text)
    return re.sub(r"\\(.)", lambda found: {"n": "\n", "t": "\t"}.get(found[1], found[1]), text)


def texts(path):
    """Pairs of a rule's tests: what is there, and what it is to become."""
    source = path.read_text(encoding="utf-8")
    pairs = [(unescaped(wrong), unescaped(right)) for wrong, right in CORRECTED.findall(source)]
    return pairs + [(text, text) for text in map(unescaped, FAULTLESS.findall(source))]


def slip(text, draw):
    """A text with one slip of the pen; the same if that kind does not fit."""
    words = text.split(" ")
    kind = draw.choice(["drop", "double", "swap", "again", "apostrophe", "confuse", "confuse", "case", "comma"])
    if kind == "apostrophe":
        return text.replace("'", "", 1)
    if kind == "case":
        return text[0].swapcase() + text[1:]
    if kind == "comma":
        return text.replace(", ", draw.choice([",", " "]), 1)
    if kind == "confuse":
        places = [place for place, word in enumerate(words) if word in CONFUSED]
        if places:
            place = draw.choice(places)
            words[place] = CONFUSED[words[place]]
        return " ".join(words)
    places = [place for place, word in enumerate(words) if word.isalpha() and (len(word) > 3 or kind == "again")]
    if places:
        place = draw.choice(places)
        word = words[place]
        at = draw.randrange(1, max(2, len(word) - 1))
        words[place] = {
            "drop": word[:at] + word[at + 1 :],
            "double": word[:at] + word[at] * 2 + word[at + 1 :] if at < len(word) else word,
            "swap": word[:at] + word[at + 1 : at + 2] + word[at : at + 1] + word[at + 2 :],
            "again": f"{word} {word}",
        }[kind]
    return " ".join(words)


def slipped(text, draw):
    for _ in range(1 + (draw.random() < 0.3)):
        text = slip(text, draw)
    return text


def conversation(wrong, right, draw):
    asked = draw.choice(ASKED).format(wrong)
    return {"messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": right}]}


def share(name):
    """A number from 0 to 1 that a name always has."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") / 2**32


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("crate", type=pathlib.Path)
    parser.add_argument("output", type=pathlib.Path)
    options = parser.parse_args()
    parts = {"train": [], "held-out": []}
    for path in sorted((options.crate / "src" / "linting").rglob("*.rs")):
        parts["held-out" if share(path.stem) < HELD_OUT else "train"] += texts(path)
    known = {tuple(sorted(re.findall(r"\w+", text.lower()))) for pair in parts["held-out"] for text in pair}
    is_known = lambda text: tuple(sorted(re.findall(r"\w+", text.lower()))) in known
    parts["train"] = [pair for pair in parts["train"] if not any(map(is_known, pair))]
    draw = random.Random(1)
    files = {"train": [], "wrong": [], "right": [], "slips": []}
    for name, pairs in parts.items():
        is_held_out = name == "held-out"
        for wrong, right in dict(pairs).items():
            if not 8 <= len(wrong) <= LONGEST or not right.strip():
                continue
            files["train" if not is_held_out else "right" if wrong == right else "wrong"].append((wrong, right))
            if draw.random() < SLIPPED and (typed := slipped(right, draw)) != right:
                files["slips" if is_held_out else "train"].append((typed, right))
            if draw.random() < KEPT and wrong != right:
                files["right" if is_held_out else "train"].append((right, right))
    options.output.mkdir(parents=True, exist_ok=True)
    for name, pairs in files.items():
        draw.shuffle(pairs)
        lines = (json.dumps(conversation(*pair, draw), ensure_ascii=False) + "\n" for pair in pairs)
        (options.output / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")
        print(f"{options.output / name}.jsonl: {len(pairs)} examples")


if __name__ == "__main__":
    main()
