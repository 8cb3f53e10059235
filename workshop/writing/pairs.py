#!/usr/bin/env python3
"""Makes examples for proofreading of the tests of the crate harper-core (Automattic, Apache-2.0): what is wrong and how it is right.

    cargo new scratch && cd scratch && cargo add harper-core@3.0.0 && cargo fetch
    python3 workshop/writing/pairs.py ~/.cargo/registry/src/*/harper-core-3.0.0 OUTPUT

Writes train.jsonl and held-out.jsonl: conversations of a request and the corrected text. What is right already is asked about
too, and stays as it is. Of the rules of the crate, a tenth, chosen by a digest of their names, is held out whole: nothing of what
they correct is learned from. Sentences with the same words stand in one part only.
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
        parts["held-out" if share(path.stem) < HELD_OUT else "train"] += [(path.stem, *pair) for pair in texts(path)]
    known = {tuple(sorted(re.findall(r"\w+", text.lower()))) for _, *pair in parts["held-out"] for text in pair}
    is_known = lambda text: tuple(sorted(re.findall(r"\w+", text.lower()))) in known
    parts["train"] = [pair for pair in parts["train"] if not any(map(is_known, pair[1:]))]
    options.output.mkdir(parents=True, exist_ok=True)
    draw = random.Random(1)
    for name, pairs in parts.items():
        seen, lines = set(), []
        for rule, wrong, right in pairs:
            if wrong in seen or not 8 <= len(wrong) <= LONGEST or not right.strip():
                continue
            seen.add(wrong)
            asked = draw.choice(ASKED).format(wrong)
            lines.append({"messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": right}]})
        draw.shuffle(lines)
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        (options.output / f"{name}.jsonl").write_text(text, encoding="utf-8")
        print(f"{options.output / name}.jsonl: {len(lines)} examples")


if __name__ == "__main__":
    main()
