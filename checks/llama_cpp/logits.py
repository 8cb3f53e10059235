#!/usr/bin/env python3
"""Compares the engine's logits with llama.cpp's, at every position of a 512-token text, and greedy text for 100 tokens.

    pip install llama-cpp-python==0.3.36 gguf==0.19.0 numpy
    python3 checks/llama_cpp/logits.py [MODEL.gguf ...]

Both sides round activations to 8 bits, each in its own blocks, so their logits differ a little; llama.cpp differs as much
from itself with and without flash attention. Who is right is told by a third computation, in which nothing is rounded:
llama.cpp on a copy of the model whose weights were written out as 32-bit floats. Budgets are on the distance from that:
the engine may be no farther than llama.cpp is, give or take a tenth. On 512
positions, a share of best tokens has a standard deviation of one percent, and a perplexity one of a third of a percent:
`quantised.py` judges perplexity on a longer text.
Exits with 1 where a budget is exceeded.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile

import gguf
import numpy as np
from llama_cpp import Llama

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODELS = ["SmolLM2-135M-Instruct.Q4_1.gguf", "gemma-3-270m.Q4_K_M.gguf", "Qwen2.5-Coder-1.5B-Instruct.Q4_K_M.gguf"]
DIVERGENCE_BUDGET = 1.1  # times llama.cpp's own mean divergence from the exact distributions
SAME_BEST_BUDGET = 0.03  # as a share of positions, below llama.cpp's own: three standard deviations


def default_models():
    folder = os.environ.get("REINETTE_TEST_MODELS") or pathlib.Path.home() / ".cache/reinette-test-models"
    return [pathlib.Path(folder) / name for name in MODELS]


def ours(model, tokens, *options):
    command = ["cargo", "run", "--quiet", "--release", "-p", "reinette-engine", "--example", "logits", "--", *options, str(model)]
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
    chosen, tokens = [], list(prompt)
    llama.reset()
    llama.eval(tokens)
    for _ in range(n):
        logits = llama.scores[llama.n_tokens - 1]
        chosen.append(int(np.argmax(logits)))
        llama.eval([chosen[-1]])
    # Ours, given their text: where the first difference is, ours would go another way.
    best = ours(model, tokens + chosen[:-1])[len(tokens) - 1 :].argmax(axis=-1)
    same = next((i for i in range(n) if int(best[i]) != chosen[i]), n)
    if same == n:
        return n, 0.0
    llama.reset()
    llama.eval(tokens + chosen[:same])
    top = np.sort(llama.scores[llama.n_tokens - 1])[-2:]
    return same, float(top[1] - top[0])


def write_floats(model, copy):
    """Writes the model with every weight as a 32-bit float."""
    reader = gguf.GGUFReader(str(model))
    writer = gguf.GGUFWriter(str(copy), reader.get_field("general.architecture").contents())
    for field in reader.fields.values():
        if not field.name.startswith("GGUF.") and field.name not in ("general.architecture", "general.file_type"):
            is_array = field.types[0] == gguf.GGUFValueType.ARRAY
            writer.add_key_value(field.name, field.contents(), field.types[0], field.types[-1] if is_array else None)
    for tensor in reader.tensors:
        weights = gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        writer.add_tensor(tensor.name, weights.reshape([int(n) for n in reversed(tensor.shape)]))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def exact(model, tokens):
    with tempfile.TemporaryDirectory() as folder:
        copy = pathlib.Path(folder) / "floats.gguf"
        write_floats(model, copy)
        return theirs(open_llama(copy), tokens)


def open_llama(model, flash=False):
    return Llama(str(model), n_ctx=768, n_batch=512, n_threads=2, logits_all=True, flash_attn=flash, verbose=False)


def theirs(llama, tokens):
    llama.reset()
    llama.eval(tokens)
    return log_softmax(np.array(llama.scores[: len(tokens)]))


class Distance:
    """How far next-token distributions (log probabilities, position by token) are from the exact ones."""

    def __init__(self, name, log_p, exact, tokens):
        divergence = (np.exp(exact) * (exact - log_p)).sum(axis=-1)
        self.mean = float(divergence.mean())
        self.same = float((exact.argmax(-1) == log_p.argmax(-1)).mean())
        print(
            f"  {name:22} divergence mean {self.mean:.5f}, worst {divergence.max():.4f} nats at position {divergence.argmax()};"
            f" same best token {100 * self.same:.1f}%; perplexity {perplexity(log_p, tokens):.3f}"
            f" ({100 * (perplexity(log_p, tokens) / perplexity(exact, tokens) - 1):+.2f}%)"
        )


def compare(path, text):
    llama = open_llama(path)
    tokens = llama.tokenize(text.encode(), add_bos=True, special=False)[:512]
    reference = exact(path, tokens)
    print(f"{path.name}: {len(tokens)} positions, from the result without rounding of activations")
    peer = Distance("llama.cpp", theirs(llama, tokens), reference, tokens)
    Distance("llama.cpp, flash", theirs(open_llama(path, flash=True), tokens), reference, tokens)
    mine = Distance("Reinette", log_softmax(ours(path, tokens)), reference, tokens)
    Distance("with --kv-cache q8", log_softmax(ours(path, tokens, "--kv-cache=q8")), reference, tokens)
    equal, margin = greedy(path, llama, tokens[:64], 100)
    parted = "" if equal == 100 else f"; there llama.cpp's own two best tokens were {margin:.3f} apart"
    print(f"  greedy text: {equal} of 100 tokens equal to llama.cpp's{parted}", flush=True)
    return mine.mean <= DIVERGENCE_BUDGET * peer.mean and mine.same >= peer.same - SAME_BEST_BUDGET


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
