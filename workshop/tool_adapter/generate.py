"""Generate requests and the calls they ask for, as JSON Lines {"prompt", "answer", "template", "language"}.

The sentences come from grammars beside this file: `LANGUAGE.grammar` holds words, `LANGUAGE.templates` whole requests.
Same seed, same output. Templates whose hash falls in the validation share never occur in the training set.
"""

import argparse
import hashlib
import json
import pathlib
import random
import re
import unicodedata

# Argument names of every tool, in the order of the answer.
TOOLS = {
    "create_reminder": ["title", "when"],
    "create_event": ["title", "when"],
    "list_events": ["when"],
    "find_event": ["query"],
    "move_event": ["title", "when"],
    "delete_event": ["title"],
    "list_reminders": [],
    "complete_reminder": ["title"],
    "delete_reminder": ["title"],
    "set_timer": ["duration"],
    "set_alarm": ["when"],
    "list_timers": [],
    "cancel_timer": ["which"],
    "create_note": ["text"],
    "append_note": ["note", "text"],
    "find_note": ["query"],
    "calculate": ["expression"],
    "tell_time": ["place"],
    "search_mail": ["query"],
    "send_message": ["to", "text"],
    "none": [],
}
# How often a lone call of each tool is drawn, relative to one another.
SHARES = {
    "create_reminder": 15, "create_event": 11, "list_events": 6, "find_event": 4.5, "move_event": 5.5,
    "delete_event": 4, "list_reminders": 2, "complete_reminder": 4, "delete_reminder": 3, "set_timer": 4,
    "set_alarm": 4.5, "list_timers": 2, "cancel_timer": 3.5, "create_note": 4, "append_note": 5, "find_note": 4,
    "calculate": 7.5, "tell_time": 2.5, "search_mail": 1, "send_message": 2, "none": 32,
}  # fmt: skip
FRENCH_SHARE, JOINED_SHARE, VALIDATION_SHARE = 0.38, 0.10, 0.08
ELIDED = re.compile(
    r"(?<!-)\b([dD]e|[qQ]ue|[nN]e|[mM]e|[lL]e|[lL]a) (?=[aeiouyéèêàâôîAEIOUÉ])(?!y |oui|onze|yaourt|yoga)"
)
LATER_TOOLS = {"search_mail", "send_message"}  # learned already, without an app so far
JOINED_EXAMPLES = 150
NEARLY = 0.7  # of the words of two requests: no example may be so near to what models are judged by
LONGEST = 150  # letters of a request; longer ones teach little more and cost as much as two
ITEM = re.compile(r"\{([^{}]*)\}|\(|\)|\||[^{}()|]+")


class Grammar:
    """The words and request templates of one language."""

    def __init__(self, folder, language):
        self.language = language
        self.rules, self.templates = {}, []
        for line in read_lines(folder / f"{language}.grammar"):
            if line.startswith(":"):
                alternatives = self.rules.setdefault(line[1:], [])
            else:
                alternatives += [part.rstrip("\n") for part in split_alternatives(line)]
        tools = []
        for line in read_lines(folder / f"{language}.templates"):
            if line.startswith(">"):
                tools = line[1:].split()
            else:
                self.templates.append(Template(line, tools))

    def expand(self, text, generator):
        """A list of segments (text, argument name or None) of one random expansion of `text`."""
        segments, position = [], 0
        for token in ITEM.finditer(choose(text, generator)):
            assert token.start() == position, text
            position = token.end()
            segments += self.expand_slot(token[1], generator) if token[1] else [(token[0], None)]
        return segments

    def expand_slot(self, slot, generator):
        """Expand `{rule}`, `{argument=rule}`, `{#first-last}` or `{argument=#first-last}`."""
        name, _, rule = slot.rpartition("=")
        if rule.startswith("#"):
            first, last = map(int, rule[1:].split("-"))
            words = str(generator.randint(first, last))
        else:
            words = flat(self.expand(generator.choice(self.rules[rule]), generator))
        if not name:
            return [(words, None)]
        outside, _, inside = words.rpartition("~")
        return [(outside, None), (inside, name)]


class Template:
    """One request pattern and the tools of the calls it asks for."""

    def __init__(self, line, tools):
        self.imperative = line.startswith("!")
        self.pattern, *self.expressions = line.removeprefix("!").split(" => ")
        self.tools = tools
        digest = hashlib.sha256(" ".join([*tools, line]).encode()).hexdigest()
        self.name = "+".join(tools) + ":" + digest[:8]
        self.validation = int(digest[8:12], 16) / 0x10000 < VALIDATION_SHARE

    def calls(self, segments):
        """The calls that the captured segments stand for."""
        captured = {name: text.strip() for text, name in segments if name}
        calls, expressions = [], iter(self.expressions)
        for number, tool in enumerate(self.tools, 1):
            if tool == "calculate":
                calls.append({"tool": tool, "expression": next(expressions).format_map(captured)})
                continue
            suffix = "" if number == 1 else f".{number}"
            arguments = {name: captured.get(name + suffix) for name in TOOLS[tool]}
            calls.append({"tool": tool} | {name: value for name, value in arguments.items() if value})
        return calls


def read_lines(path):
    """The lines of a grammar file without comments and blank lines."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.strip() and not line.startswith("#")]


def split_alternatives(line):
    """Split at ` | ` outside parentheses."""
    return re.split(r" \| (?![^(]*\))", line)


def choose(text, generator):
    """Replace every `(a|b)`, innermost first, by one of its alternatives."""
    group = re.compile(r"\(([^()]*)\)")
    while found := group.search(text):
        choice = generator.choice(found[1].split("|"))
        text = text[: found.start()] + choice + text[found.end() :]
    return text


def flat(segments):
    """The text of the segments."""
    return "".join(text for text, _ in segments)


def tidy(segments, language):
    """Single spaces, no space before a comma, French elisions."""
    merged = []
    for text, name in segments:
        if merged and not name and not merged[-1][1]:
            merged[-1] = (merged[-1][0] + text, None)
        else:
            merged.append((text, name))
    tidied, before = [], ""
    for text, name in merged:
        text = re.sub(r" +", " ", text.replace("~", ""))
        if language == "french":
            text = elide(text)
            if before and re.search(r"\b(de|que|le|la|je|ne|me) $", before, re.I) and elides(text):
                previous, previous_name = tidied[-1]
                tidied[-1] = (previous[:-2] + "'", previous_name)
        if (not before or before.endswith(" ")) and text.startswith(" "):
            text = text[1:]
        text = re.sub(r" ([,.?])", r"\1", text)
        if text[:1] in (",", ".", "?") and before.endswith(" "):
            previous, previous_name = tidied[-1]
            tidied[-1] = (previous.rstrip(), previous_name)
        if text:
            tidied.append((text, name))
            before = text
    return tidied


def elides(text):
    """Whether `de` loses its vowel before this text."""
    plain = unicodedata.normalize("NFD", text[:1].lower())[:1]
    return plain in "aeiou" and plain != "" or text[:2].lower() in ("hé", "hu")


def elide(text):
    """`de appeler` becomes `d'appeler`, `à le dentiste` `au dentiste`, `de le garage` `du garage`."""
    text = ELIDED.sub(lambda found: found[1][:-1] + "'", text)
    for pattern, short in ((r"\bà le ", "au "), (r"\bà les ", "aux "), (r"\bde le ", "du "), (r"\bde les ", "des ")):
        text = re.sub(pattern, short, text)
    return text


CLIPPED = {
    "english": {
        "tomorrow": "tmrw", "please": "pls", "you": "u", "minutes": "mins", "appointment": "appt", "meeting": "mtg",
        "with": "w/", "and": "&", "Monday": "Mon", "Tuesday": "Tue", "Wednesday": "Wed", "Thursday": "Thu",
        "Friday": "Fri", "Saturday": "Sat", "Sunday": "Sun", "tonight": "2nite", "birthday": "bday", "about": "abt",
        "for": "4", "to": "2", "are": "r", "because": "cuz", "calendar": "cal", "reminder": "rem", "hour": "hr",
        "hours": "hrs", "don't": "dont", "what's": "whats", "I'm": "im", "I've": "ive", "can't": "cant",
        "let's": "lets",
        "January": "Jan", "February": "Feb", "September": "Sept", "October": "Oct", "December": "Dec", "message": "msg",
        "when's": "whens", "it's": "its", "remind": "rmnd", "weekend": "wkend", "doctor": "dr", "thanks": "thx",
    },
    "french": {
        "demain": "dem", "rendez-vous": "rdv", "s'il te plaît": "stp", "s'il vous plaît": "svp", "minutes": "min",
        "pour": "pr", "avec": "avc", "aujourd'hui": "ajd", "rappelle-moi": "rappelle moi", "est-ce que": "esk",
        "tout": "tt", "beaucoup": "bcp", "rappelle": "rapelle", "anniversaire": "anniv", "quelle": "qel", "j'ai": "jai",
        "c'est": "cest", "qu'est-ce que": "keske", "quand": "qd", "rappels": "rapels", "réunion": "réu", "heures": "h",
        "week-end": "we", "semaine": "sem", "toujours": "tjs", "téléphoner": "tel", "message": "msg",
        "dans": "ds", "après-midi": "aprem", "quelqu'un": "qqn", "quelque chose": "qqch", "mets": "met", "d'accord": "dac",
    },
}  # fmt: skip


def clip(segments, language, generator):
    """Abbreviate some words as people do when they type in a hurry."""
    words = {word: short for word, short in CLIPPED[language].items() if generator.random() < 0.5}
    pattern = re.compile(r"(?<![\w'])(" + "|".join(map(re.escape, words)) + r")(?![\w'])")
    replace = lambda found: words[found[1]]
    # The numerals that stand for "to" and "for" would be read as part of a span, so they stay outside of them.
    whole = lambda text, name: name and re.search(r"\b(to|for)\b", text)
    return [(text if whole(text, name) else pattern.sub(replace, text), name) for text, name in segments]


def misspell(segments, generator):
    """One slip of the finger in one word that belongs to no argument."""
    places = [
        (index, found)
        for index, (text, name) in enumerate(segments)
        if not name
        for found in re.finditer(r"[^\W\d_]{4,}", text)
    ]
    if not places:
        return segments
    index, found = generator.choice(places)
    word, at = found[0], generator.randrange(1, len(found[0]) - 1)
    slips = [
        word[:at] + word[at + 1 :],
        word[:at] + word[at + 1] + word[at] + word[at + 2 :],
        word[:at] + word[at] + word[at:],
    ]
    text, name = segments[index]
    changed = text[: found.start()] + generator.choice(slips) + text[found.end() :]
    return segments[:index] + [(changed, name)] + segments[index + 1 :]


def without_accents(text):
    """The text as people type it who leave accents out."""
    return "".join(letter for letter in unicodedata.normalize("NFD", text) if not unicodedata.combining(letter))


def roughen(segments, language, generator):
    """Case, punctuation and spelling as they come."""
    first = next((index for index, (text, _) in enumerate(segments) if text.strip()), 0)
    style = generator.random()
    if style < 0.30:
        segments = [(text.lower(), name) for text, name in segments]
    elif style < 0.80:
        text, name = segments[first]
        segments = segments[:first] + [(text[:1].upper() + text[1:], name)] + segments[first + 1 :]
    if generator.random() < 0.07:
        segments = clip(segments, language, generator)
    if generator.random() < 0.08:
        segments = misspell(segments, generator)
    if language == "french":
        segments = roughen_french(segments, generator)
    if generator.random() < 0.08:
        segments = [(text.replace("'", "\u2019"), name) for text, name in segments]
    if generator.random() < 0.12:
        segments = [(re.sub(r"[;!?]|[,:](?!\d)", "", text), name) for text, name in segments]
    text, name = segments[-1]
    if text.rstrip()[-1:] in "?.!":
        if generator.random() < 0.4:
            segments = segments[:-1] + [(text.rstrip().rstrip("?.!"), name)]
    elif generator.random() < 0.35:
        segments = segments + [(generator.choice([".", ".", "!", "?"] if style < 0.5 else ["."]), None)]
    return segments


def roughen_french(segments, generator):
    """Accents and hyphens left out, and the space that stands before a question mark, or not."""
    if generator.random() < 0.2:
        segments = [(without_accents(text), name) for text, name in segments]
    if generator.random() < 0.15:
        segments = [(re.sub(r"-(moi|le|la|tu|vous|ce|je|il|on)\b", r" \1", text), name) for text, name in segments]
    if generator.random() < 0.5:
        segments = [(re.sub(r"(?<=\w)([?!])", r" \1", text), name) for text, name in segments]
    return segments


def draw(grammar, templates, generator):
    """One template, expanded and, when it is an imperative, now and then wrapped in politeness."""
    tool = generator.choices(list(SHARES), SHARES.values())[0]
    chosen = [template for template in templates if template.tools[0] == tool]
    if not chosen:
        return draw(grammar, templates, generator)
    template = generator.choice(chosen)
    segments = grammar.expand(template.pattern, generator)
    if template.imperative and generator.random() < 0.4:
        segments = [(generator.choice(grammar.rules["wrap_before"]) + " ", None)] + segments
    if template.imperative and generator.random() < 0.12:
        segments = segments + [(" " + generator.choice(grammar.rules["wrap_after"]), None)]
    return template, segments


def example(grammar, templates, generator):
    """One example: one request, or two or three joined in a sentence."""
    count = 1
    if generator.random() < JOINED_SHARE:
        count = 3 if generator.random() < 0.08 else 2
    parts, segments = [], []
    while len(parts) < count:
        template, part = draw(grammar, templates, generator)
        if count == 1 or (template.tools[0] != "none" and len(template.tools) == 1):
            parts.append((template, part))
    for number, (template, part) in enumerate(parts):
        if number:
            text, name = segments[-1]
            segments[-1] = (text.rstrip(" ?.!"), name)
            joint = generator.choice(grammar.rules["joint"]).strip()
            segments.append((joint + " " if joint[0] in ",.;" else f" {joint} ", None))
        segments += tidy(part, grammar.language)
    segments = roughen(tidy(segments, grammar.language), grammar.language, generator)
    # Each part's calls are read after the roughening, so that the arguments stay spans of the request.
    calls = read_calls(parts, segments)
    prompt = flat(segments).strip()
    return {
        "prompt": prompt,
        "answer": json.dumps(calls, ensure_ascii=False),
        "template": " ".join(template.name for template, _ in parts),
        "language": grammar.language,
    }


def read_calls(parts, segments):
    """Deal the captured segments out to the parts in order and read each part's calls."""
    captured, calls = [segment for segment in segments if segment[1]], []
    for template, part in parts:
        count = sum(1 for text, name in part if name and text.strip())
        calls += template.calls(captured[:count])
        captured = captured[count:]
    return calls


def plain(prompt):
    """A request without what does not tell it from another: case, and marks at its ends."""
    return prompt.casefold().strip(" .,;:!?…")


def evaluation_requests():
    """The requests that models are judged by, none of which may be learned."""
    path = pathlib.Path(__file__).resolve().parents[2] / "evals" / "requests.jsonl"
    return {plain(json.loads(line)["text"]) for line in path.read_text(encoding="utf-8").splitlines()}


def is_judged_nearly(prompt, requests):
    """Whether a request shares most of its words with one that models are judged by."""
    words = set(re.findall(r"\w+", prompt.casefold()))
    return any(len(words & other) > NEARLY * len(words | other) for other in requests)


def generate(grammars, count, validation, seed):
    """`count` examples without duplicates from either side of the split, and none that evaluation uses."""
    generator, seen, examples = random.Random(seed), evaluation_requests(), []
    split = [
        [template for template in grammar.templates if template.validation == validation] for grammar in grammars
    ]
    while len(examples) < count:
        index = len(grammars) > 1 and generator.random() < FRENCH_SHARE
        item = example(grammars[index], split[index], generator)
        if plain(item["prompt"]) not in seen and len(item["prompt"]) <= LONGEST:
            seen.add(plain(item["prompt"]))
            examples.append(item)
    return examples


def examples(items, folder, joined):
    """One request of each template, `joined` that ask for several things, and those written by hand, as the assistant shows
    them to a model that has not learned its tools."""
    judged, by_template = [set(re.findall(r"\w+", request)) for request in evaluation_requests()], {}
    for item in items:
        by_template.setdefault(item["template"], item)
    chosen = [item for item in by_template.values() if len(json.loads(item["answer"])) == 1]
    chosen += [item for item in by_template.values() if len(json.loads(item["answer"])) > 1][:joined]
    chosen += [json.loads(line) for name in ("handwritten", "seen") for line in read_lines(folder / f"{name}.jsonl")]
    for item in chosen:
        calls = [call for call in json.loads(item["answer"]) if call["tool"] != "none"]
        if not is_judged_nearly(item["prompt"], judged) and not any(call["tool"] in LATER_TOOLS for call in calls):
            yield {"words": item["prompt"], "calls": calls}


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("output", type=pathlib.Path, help="folder for train.jsonl, validation.jsonl and examples.jsonl")
    arguments.add_argument("--train", type=int, default=20000)
    arguments.add_argument("--validation", type=int, default=400)
    arguments.add_argument("--seed", type=int, default=1)
    options = arguments.parse_args()
    folder = pathlib.Path(__file__).parent
    grammars = [Grammar(folder, name) for name in ("english", "french") if (folder / f"{name}.templates").exists()]
    options.output.mkdir(parents=True, exist_ok=True)
    for name, count, validation in (("train", options.train, False), ("validation", options.validation, True)):
        with (options.output / f"{name}.jsonl").open("w", encoding="utf-8") as file:
            for item in generate(grammars, count, validation, options.seed + validation):
                file.write(json.dumps(item, ensure_ascii=False) + "\n")
    with (options.output / "examples.jsonl").open("w", encoding="utf-8") as file:
        items = generate(grammars, options.train, False, options.seed)
        for item in examples(items, folder, JOINED_EXAMPLES):
            file.write(json.dumps(item, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
