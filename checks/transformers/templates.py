#!/usr/bin/env python3
"""Writes what Python's Jinja2 makes of chat templates, in the environment that `transformers` gives them.

    pip install jinja2 gguf==0.19.0
    python3 checks/transformers/templates.py crates/reinette-engine/tests/golden

Reads templates.json, the cases. Writes two files:

    renderings.json   {template: {case: text, or null where it refuses}}, for the templates of the test models and those in
                      checks/transformers/templates/*.jinja, which do what families of models do, in words of our own
    features.json     [text, or null where it fails] for each line of checks/transformers/templates/features.txt
"""

import datetime
import json
import os
import pathlib
import sys

import gguf
import jinja2
import jinja2.ext
import jinja2.sandbox

MODELS = ["SmolLM2-135M-Instruct.Q4_1", "Qwen2.5-Coder-1.5B-Instruct.Q4_K_M"]
NOW = datetime.datetime(2026, 3, 11, 10, 15)
TEMPLATES = pathlib.Path(__file__).parent / "templates"


class Generation(jinja2.ext.Extension):
    """The statement that marks the assistant's words; where they stand is of no use here."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_words"), [], [], body).set_lineno(line)

    def _words(self, caller):
        return caller()


def tojson(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def environment() -> jinja2.sandbox.ImmutableSandboxedEnvironment:
    result = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols]
    )
    result.filters["tojson"] = tojson
    result.globals["raise_exception"] = raise_exception
    result.globals["strftime_now"] = NOW.strftime
    return result


def template_of(model: str) -> str:
    default = pathlib.Path.home() / ".cache" / "reinette-test-models"
    path = pathlib.Path(os.environ.get("REINETTE_TEST_MODELS", default)) / f"{model}.gguf"
    return gguf.GGUFReader(path).fields["tokenizer.chat_template"].contents()


def render(source: str, case: dict) -> str:
    return environment().from_string(source).render(
        messages=case["messages"],
        tools=case.get("tools") or None,
        documents=None,
        add_generation_prompt=case["add_generation_prompt"],
        bos_token="<bos>",
        eos_token="<eos>",
    )


def or_none(source: str, case: dict, *errors: type[Exception]) -> str | None:
    try:
        return render(source, case)
    except errors:
        return None


def features() -> list[str]:
    lines = (TEMPLATES / "features.txt").read_text(encoding="utf-8").split("\n")
    return [line for line in lines if line and not line.startswith("# ")]


def write(path: pathlib.Path, value) -> None:
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def main() -> None:
    folder = pathlib.Path(sys.argv[1])
    cases = json.loads((folder / "templates.json").read_text(encoding="utf-8"))
    sources = {model: template_of(model) for model in MODELS}
    sources |= {path.name: path.read_text(encoding="utf-8") for path in sorted(TEMPLATES.glob("*.jinja"))}
    refusal = jinja2.exceptions.TemplateError
    renderings = {name: {case["name"]: or_none(source, case, refusal) for case in cases} for name, source in sources.items()}
    write(folder / "renderings.json", renderings)
    for name, texts in renderings.items():
        print(f"{name}: {sum(text is not None for text in texts.values())} rendered of {len(texts)}")
    case = next(case for case in cases if case["name"] == "system dialogue")
    rendered = [or_none(line, case, Exception) for line in features()]
    write(folder / "features.json", rendered)
    print(f"features: {sum(text is not None for text in rendered)} rendered of {len(rendered)}")


if __name__ == "__main__":
    main()
