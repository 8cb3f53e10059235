"""Writes what Python's Jinja2 makes of chat templates, in the environment that `transformers` gives them.

    pip install jinja2 llama-cpp-python==0.3.36
    python3 checks/llama_cpp/templates.py crates/reinette-engine/tests/golden

Renders every case of templates.json with every template: those of the test models (read by llama.cpp from their files),
and the ones in the golden folder (*.jinja). Writes renderings.json: {template: {case: text, or null where it refuses}}.
"""

import datetime
import json
import os
import pathlib
import sys

import jinja2
import jinja2.ext
import jinja2.sandbox
import llama_cpp

MODELS = ["SmolLM2-135M-Instruct.Q4_1", "Qwen2.5-Coder-1.5B-Instruct.Q4_K_M"]
NOW = datetime.datetime(2026, 3, 11, 10, 15)


def tojson(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def environment() -> jinja2.sandbox.ImmutableSandboxedEnvironment:
    result = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[jinja2.ext.loopcontrols]
    )
    result.filters["tojson"] = tojson
    result.globals["raise_exception"] = raise_exception
    result.globals["strftime_now"] = NOW.strftime
    return result


def template_of(model: str) -> str:
    default = pathlib.Path.home() / ".cache" / "reinette-test-models"
    path = pathlib.Path(os.environ.get("REINETTE_TEST_MODELS", default)) / f"{model}.gguf"
    return llama_cpp.Llama(str(path), vocab_only=True, verbose=False).metadata["tokenizer.chat_template"]


def render(source: str, case: dict) -> str | None:
    try:
        return environment().from_string(source).render(
            messages=case["messages"],
            tools=case.get("tools") or None,
            documents=None,
            add_generation_prompt=case["add_generation_prompt"],
            bos_token="<bos>",
            eos_token="<eos>",
        )
    except jinja2.exceptions.TemplateError:
        return None


def main() -> None:
    folder = pathlib.Path(sys.argv[1])
    cases = json.loads((folder / "templates.json").read_text(encoding="utf-8"))
    sources = {model: template_of(model) for model in MODELS}
    sources |= {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.jinja"))}
    renderings = {name: {case["name"]: render(source, case) for case in cases} for name, source in sources.items()}
    (folder / "renderings.json").write_text(json.dumps(renderings, indent=1, ensure_ascii=False) + "\n")
    for name, texts in renderings.items():
        print(f"{name}: {sum(text is not None for text in texts.values())} rendered of {len(texts)}")


if __name__ == "__main__":
    main()
