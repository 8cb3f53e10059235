#!/usr/bin/env python3
"""Measures a model on the single-turn part of the Berkeley Function-Calling Leaderboard, version 4, with its own checker.

    pip install bfcl-eval==2026.3.23
    cargo build --release -p reinette --example choose_tools
    python3 checks/bfcl/single_turn.py MODEL.gguf [ADAPTER] [--template] [--limit 155] [--categories simple_python,multiple]
    python3 checks/bfcl/single_turn.py --requests FILE.jsonl

The leaderboard's requests are for evaluation only: nothing of them is ever learned. The second command writes all of them,
of every category, and the names of the tools, for `reinette train data --exclude FILE.jsonl`. Of each category the first `--limit`
requests are asked, in our dialect or, with --template, in that of the model's chat template. A category is told with its 95% interval (Wilson); calls that are wrong are listed with --failures.
"""

import argparse
import json
import math
import pathlib
import subprocess
import sys
import tempfile
import types

CATEGORIES = "simple_python,multiple,parallel,irrelevance"
# The leaderboard's names of types, as JSON Schema has them.
TYPES = {"dict": "object", "float": "number", "tuple": "array", "any": "string", "String": "string"}


def leaderboard():
    """The folder of the package's data, and its checker, without the clients of models that it brings."""
    import importlib.util

    root = pathlib.Path(importlib.util.find_spec("bfcl_eval").submodule_search_locations[0])
    config = types.ModuleType("bfcl_eval.constants.model_config")
    config.MODEL_CONFIG_MAPPING = {"reinette": types.SimpleNamespace(underscore_to_dot=False)}
    sys.modules[config.__name__] = config
    from bfcl_eval.constants.enums import Language
    from bfcl_eval.eval_checker.ast_eval.ast_checker import ast_checker

    def is_right(functions, calls, answer, category):
        found = [{call["name"]: call["arguments"]} for call in calls]
        return ast_checker(functions, found, answer, Language.PYTHON, category, "reinette")

    return root / "data", is_right


def read(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def schema(node):
    """A type of the leaderboard as JSON Schema, without what only describes."""
    kind = TYPES.get(node.get("type"), node.get("type", "string"))
    out = {"type": kind}
    for name in ("description", "enum"):
        if node.get(name):
            out[name] = node[name]
    if kind == "object" and "properties" in node:
        out["properties"] = {name: schema(part) for name, part in node["properties"].items()}
        out["required"] = [name for name in node.get("required", []) if name in out["properties"]]
        out["additionalProperties"] = False
    if kind == "array":
        out["items"] = schema(node.get("items", {}))
    return out


def request(item):
    tools = [
        {"name": f["name"], "description": f["description"], "parameters": schema(f["parameters"])}
        for f in item["function"]
    ]
    return {"id": item["id"], "words": item["question"][0][-1]["content"], "tools": tools}


def answers(program, model, *options, items):
    with tempfile.TemporaryFile("w+", encoding="utf-8") as lines:
        lines.writelines(json.dumps(request(item)) + "\n" for item in items)
        lines.seek(0)
        command = [program, model, *options]
        out = subprocess.run(command, stdin=lines, capture_output=True, text=True, check=True).stdout
    return [json.loads(line) for line in out.splitlines()]


def write_requests(data, path):
    """Writes what users say in any of the leaderboard's categories, and the names of its tools, one a line."""
    said, names = set(), set()
    # One file is no list of requests but of ways to write prompts.
    files = [file for file in data.glob("BFCL_v4_*.json") if "format_sensitivity" not in file.name]
    for item in (item for file in files for item in read(file)):
        turns = [turn if isinstance(turn, list) else [turn] for turn in item.get("question", [])]
        names.update(tool["name"] for tool in item.get("function", []))
        said.update(message["content"] for turn in turns for message in turn if message.get("role") == "user")
    names.update(tool["name"] for file in data.glob("multi_turn_func_doc/*.json") for tool in read(file))
    said = [{"text": words} for words in sorted(said) if words.strip()]
    lines = said + [{"tool": name} for name in sorted(names)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    print(f"{path}: {len(said)} requests, {len(names)} names of tools")


def interval(right, count):
    """The 95% interval of a share. Paper: Wilson, Probable inference, JASA 22(158), 1927."""
    z, share = 1.96, right / count
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count)) / (1 + z * z / count)
    return 100 * (middle - half), 100 * (middle + half)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", nargs="?")
    parser.add_argument("adapter", nargs="?")
    parser.add_argument("--template", action="store_true", help="put tools to the model in its own dialect")
    parser.add_argument("--categories", default=CATEGORIES)
    parser.add_argument("--limit", type=int, default=155)
    parser.add_argument("--failures", action="store_true")
    parser.add_argument("--program", default="target/release/examples/choose_tools")
    parser.add_argument("--requests", type=pathlib.Path, metavar="FILE", help="write the leaderboard's requests, then stop")
    options = parser.parse_args()
    data, is_right = leaderboard()
    if options.requests:
        return write_requests(data, options.requests)
    if not options.model:
        parser.error("name a model")
    how = ["--template"] if options.template else [options.adapter] if options.adapter else []
    for category in options.categories.split(","):
        items = read(data / f"BFCL_v4_{category}.json")[: options.limit]
        truth = {}
        if "irrelevance" not in category:
            truth = {item["id"]: item["ground_truth"] for item in read(data / "possible_answer" / f"BFCL_v4_{category}.json")}
        right, refused, times = 0, 0, []
        for item, answer in zip(items, answers(options.program, options.model, *how, items=items)):
            assert answer["id"] == item["id"]
            refused += "error" in answer
            calls = answer.get("calls", [])
            times.append(answer.get("ms", 0.0))
            if "irrelevance" in category:
                verdict = {"valid": not calls and "error" not in answer}
            else:
                verdict = is_right(item["function"], calls, truth[item["id"]], category)
            right += verdict["valid"]
            if options.failures and not verdict["valid"]:
                print(f"  {item['id']}: {answer.get('error') or json.dumps(calls)}; {verdict.get('error', '')}")
        low, high = interval(right, len(items))
        median = sorted(times)[len(times) // 2]
        print(
            f"{category:14} {100 * right / len(items):5.1f}%  ({right} of {len(items)}, 95% interval {low:.0f}–{high:.0f}%),"
            f" {refused} refused, {median:.0f} ms a request",
            flush=True,
        )


if __name__ == "__main__":
    main()
