#!/usr/bin/env python3
"""Compares the engine's logits with llama.cpp's, at every position of a 512-token text, and greedy text for 100 tokens.

    pip install llama-cpp-python==0.3.36 numpy
    python3 checks/llama_cpp/logits.py [MODEL.gguf ...]

Both sides quantise activations to 8 bits, each in its own blocks, so logits differ a little; llama.cpp differs as much
from itself between its own kernels. The budgets below are stated in terms of what a reader of the text would notice:
the mean Kullback-Leibler divergence of the next-token distributions, and how often the most likely token is another.
Exits with 1 where a budget is exceeded.
"""

import argparse
import os
import pathlib
import subprocess
import sys

import numpy as np
from llama_cpp import Llama

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODELS = ["SmolLM2-135M-Instruct.Q4_1.gguf", "gemma-3-270m.Q4_K_M.gguf", "Qwen2.5-Coder-1.5B-Instruct.Q4_K_M.gguf"]
MEAN_DIVERGENCE_BUDGET = 0.005  # nats; a Q8_0 model is about this far from its f16 original
SAME_BEST_BUDGET = 0.95
PERPLEXITY_BUDGET = 0.005  # relative


def default_models():
    folder = os.environ.get("REINETTE_TEST_MODELS") or pathlib.Path.home() / ".cache/reinette-test-models"
    return [pathlib.Path(folder) / name for name in MODELS]


def ours(model, tokens):
    command = ["cargo", "run", "--quiet", "--release", "-p", "reinette-engine", "--example", "logits", "--", str(model)]
    ids = " ".join(map(str, tokens)).encode()
    out = subprocess.run(command, input=ids, stdout=subprocess.PIPE, check=True, cwd=ROOT).stdout
    return np.frombuffer(out, dtype="<f4").reshape(len(tokens), -1)


def log_softmax(logits):
    logits = logits.astype(np.float64)
    logits -= logits.max(axis=-1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))


def perplexity(log_p, tokens):
    return float(np.exp(-np.mean([log_p[i, tokens[i + 1]] for i in range(len(tokens) - 1)])))


def greedy(model, llama, prompt, n):
    """How many of n greedy tokens are the same, and by how much llama.cpp's two best logits differ where they part."""
    theirs, tokens = [], list(prompt)
    llama.reset()
    llama.eval(tokens)
    for _ in range(n):
        logits = llama.scores[llama.n_tokens - 1]
        theirs.append(int(np.argmax(logits)))
        llama.eval([theirs[-1]])
    # Ours, given their text: where the first difference is, ours would go another way.
    best = ours(model, tokens + theirs[:-1])[len(tokens) - 1 :].argmax(axis=-1)
    same = next((i for i in range(n) if int(best[i]) != theirs[i]), n)
    if same == n:
        return n, 0.0
    llama.reset()
    llama.eval(tokens + theirs[:same])
    top = np.sort(llama.scores[llama.n_tokens - 1])[-2:]
    return same, float(top[1] - top[0])


def compare(path, text):
    llama = Llama(str(path), n_ctx=768, n_batch=512, n_threads=2, logits_all=True, verbose=False)
    tokens = llama.tokenize(text.encode(), add_bos=True, special=False)[:512]
    llama.eval(tokens)
    theirs = log_softmax(np.array(llama.scores[: len(tokens)]))
    mine = log_softmax(ours(path, tokens))
    divergence = (np.exp(theirs) * (theirs - mine)).sum(axis=-1)
    same = float((theirs.argmax(-1) == mine.argmax(-1)).mean())
    p_theirs, p_mine = perplexity(theirs, tokens), perplexity(mine, tokens)
    equal, margin = greedy(path, llama, tokens[:64], 100)
    print(f"{path.name}: {len(tokens)} positions")
    print(f"  divergence of next-token distributions: mean {divergence.mean():.5f}, worst {divergence.max():.4f} nats")
    print(f"  same most likely token at {100 * same:.1f}% of positions")
    print(f"  perplexity {p_mine:.3f}, llama.cpp {p_theirs:.3f} ({100 * (p_mine / p_theirs - 1):+.2f}%)")
    parted = "" if equal == 100 else f"; there llama.cpp's own two best tokens were {margin:.3f} apart"
    print(f"  greedy text: {equal} of 100 tokens equal{parted}")
    return (
        divergence.mean() <= MEAN_DIVERGENCE_BUDGET
        and same >= SAME_BEST_BUDGET
        and abs(p_mine / p_theirs - 1) <= PERPLEXITY_BUDGET
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", type=pathlib.Path)
    models = parser.parse_args().models or default_models()
    text = (pathlib.Path(__file__).parent / "passage.txt").read_text()
    results = [compare(model, text) for model in models]
    print("all within the budgets" if all(results) else "OUTSIDE THE BUDGETS")
    sys.exit(not all(results))


if __name__ == "__main__":
    main()
