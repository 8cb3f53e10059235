#!/usr/bin/env python3
"""Compares the perplexity of every quantised kernel with llama.cpp's, on 4,096 tokens of prose.

    pip install llama-cpp-python==0.3.36 gguf==0.19.0 numpy
    python3 checks/llama_cpp/quantised.py [--types Q4_0,Q6_K] [MODEL.gguf]

llama.cpp writes a copy of the model in each type of weights; then both read the text with it. Rows that are not a multiple
of 256 long, of which SmolLM2-135M has many, cannot have the K types: llama.cpp gives them a similar one, and the share that
has the type itself is printed. The text is what Python brings about its own language, in pieces of 512 tokens. As both round
activations, each in its own way, their difference has a random part: its standard error is printed, and shorter texts do
not do. Exits with 1 where ours is more than 0.5% above llama.cpp's.
"""

import argparse
import pathlib
import pydoc_data.topics
import sys
import tempfile

import gguf
import llama_cpp
import numpy as np
from logits import default_models, log_softmax, open_llama, ours, theirs, write_floats

PERPLEXITY_BUDGET = 0.005  # relative, above llama.cpp's
PIECES, PIECE_TOKENS = 8, 512
TYPES = "F16,BF16,Q8_0,Q5_1,Q5_0,Q4_1,Q4_0,Q6_K,Q5_K_S,Q4_K_S,Q3_K_S,Q2_K".split(",")


def quantise(floats, name, out):
    """Writes the model with as many weights as possible of one type; gives the share that has it."""
    parameters = llama_cpp.llama_model_quantize_default_params()
    parameters.ftype = getattr(llama_cpp, f"LLAMA_FTYPE_MOSTLY_{name}")
    parameters.nthread = 2
    parameters.pure = True
    if llama_cpp.llama_model_quantize(str(floats).encode(), str(out).encode(), parameters):
        sys.exit(f"llama.cpp could not write {name}")
    tensors = gguf.GGUFReader(str(out)).tensors
    kind = gguf.GGMLQuantizationType[name.removesuffix("_S")]
    matrices = [tensor for tensor in tensors if len(tensor.shape) > 1]
    return sum(int(t.n_elements) for t in matrices if t.tensor_type == kind) / sum(int(t.n_elements) for t in matrices)


def losses(log_p, tokens):
    """The negative logarithm of the probability of every token but the first."""
    return -log_p[np.arange(len(tokens) - 1), tokens[1:]]


def compare(model, name, pieces):
    share = quantise(model.with_name("floats.gguf"), name, model)
    llama = open_llama(model)
    peer = np.concatenate([losses(theirs(llama, tokens), tokens) for tokens in pieces])
    mine = np.concatenate([losses(log_softmax(ours(model, tokens)), tokens) for tokens in pieces])
    difference = np.exp((mine - peer).mean()) - 1
    error = (mine - peer).std() / np.sqrt(len(mine))
    print(
        f"  {name:8} {100 * share:5.1f}% of the weights; perplexity {np.exp(mine.mean()):8.3f},"
        f" llama.cpp's {np.exp(peer.mean()):8.3f} ({100 * difference:+.2f}%, ±{100 * error:.2f})",
        flush=True,
    )
    return difference <= PERPLEXITY_BUDGET


def text_pieces(model):
    text = "\n".join(pydoc_data.topics.topics.values())[: 8 * PIECES * PIECE_TOKENS]
    tokens = open_llama(model).tokenize(text.encode(), add_bos=False, special=False)
    return [tokens[start : start + PIECE_TOKENS] for start in range(0, PIECES * PIECE_TOKENS, PIECE_TOKENS)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--types", type=lambda names: names.split(","), default=TYPES)
    parser.add_argument("model", nargs="?", type=pathlib.Path, default=default_models()[0])
    arguments = parser.parse_args()
    pieces = text_pieces(arguments.model)
    print(f"{arguments.model.name}, {sum(map(len, pieces))} tokens")
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        write_floats(arguments.model, folder / "floats.gguf")
        results = [compare(folder / "model.gguf", name, pieces) for name in arguments.types]
    print("all within the budget" if all(results) else "OUTSIDE THE BUDGET")
    sys.exit(not all(results))


if __name__ == "__main__":
    main()
