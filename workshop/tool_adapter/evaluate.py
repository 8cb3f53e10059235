"""Judge a tool adapter: greedy answers against the expected calls, by tool and language.

Usage: evaluate.py BASE.gguf ADAPTER_FOLDER FILE.jsonl... [--failures]
"""

import argparse
import collections
import json
import pathlib

import torch

from model import Decoder, prompt_tokens, read_examples


@torch.no_grad()
def teacher_forced(model, pairs, size=32):
    """For each pair of token ids, whether greedy decoding would give exactly the answer.

    That is so when every answer token is the likeliest after the ones before it, which one pass over the text tells.
    """
    right = {}
    order = sorted(range(len(pairs)), key=lambda index: len(pairs[index][0]) + len(pairs[index][1]))
    for start in range(0, len(order), size):
        indices = order[start : start + size]
        width = max(len(pairs[index][0]) + len(pairs[index][1]) for index in indices)
        tokens = torch.zeros(len(indices), width, dtype=torch.long)
        for row, index in enumerate(indices):
            text = pairs[index][0] + pairs[index][1]
            tokens[row, : len(text)] = torch.tensor(text)
        hidden = model.hidden(tokens[:, :-1])
        for row, index in enumerate(indices):
            prompt, answer = pairs[index]
            chosen = model.logits(hidden[row, len(prompt) - 1 : len(prompt) + len(answer) - 1]).argmax(-1)
            right[index] = chosen.tolist() == answer
    return [right[index] for index in range(len(pairs))]


def answers(model, prompts, size=48):
    """Greedy answers to the requests, as text."""
    encoded = [prompt_tokens(model.tokenizer, prompt) for prompt in prompts]
    order, texts = sorted(range(len(prompts)), key=lambda index: len(encoded[index])), {}
    for start in range(0, len(order), size):
        indices = order[start : start + size]
        for index, tokens in zip(indices, model.generate([encoded[index] for index in indices])):
            texts[index] = model.tokenizer.decode(tokens)
    return [texts[index] for index in range(len(prompts))]


def parse(text):
    """The list of calls in an answer with all values in lower case; None if it is not JSON."""
    try:
        return [{name: str(value).lower() for name, value in call.items()} for call in json.loads(text)]
    except (json.JSONDecodeError, AttributeError):
        return None


def judge(items, texts):
    """Counts by group: examples, right tools in the right order, whole calls right."""
    counts, failures = collections.defaultdict(lambda: [0, 0, 0]), []
    for item, text in zip(items, texts):
        expected, given = parse(item["answer"]), parse(text)
        tools = given is not None and [call.get("tool") for call in given] == [call["tool"] for call in expected]
        whole = given == expected
        group = expected[0]["tool"] if len(expected) == 1 else "several calls"
        for name in ("all", item["language"], group):
            counts[name][0] += 1
            counts[name][1] += tools
            counts[name][2] += whole
        if not whole:
            failures.append((item, text))
    return counts, failures


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("base")
    arguments.add_argument("adapter", type=pathlib.Path)
    arguments.add_argument("files", type=pathlib.Path, nargs="+")
    arguments.add_argument("--failures", action="store_true")
    options = arguments.parse_args()
    torch.set_num_threads(2)
    model = Decoder(options.base)
    model.load_adapter(options.adapter / "adapter_model.safetensors")
    for path in options.files:
        items = read_examples(path)
        counts, failures = judge(items, answers(model, [item["prompt"] for item in items]))
        print(f"\n{path.name}\n| group | requests | tools right | whole calls right |\n|---|---|---|---|")
        for name, (total, tools, whole) in sorted(counts.items(), key=lambda pair: -pair[1][0]):
            print(f"| {name} | {total} | {tools / total:.1%} | {whole / total:.1%} |")
        for item, text in failures if options.failures else []:
            print(f"\n{item['prompt']}\n  expected {item['answer']}\n  given    {text}")


if __name__ == "__main__":
    main()
