#!/usr/bin/env python3
"""Whether llama.cpp loads what `reinette train export` writes, and reads prose as well with it as with its own files.

    pip install llama-cpp-python==0.3.36 gguf==0.19.0 numpy
    python3 checks/llama_cpp/exported.py [--types Q4_0,Q6_K] [--adapter DIR] [MODEL.gguf]

Both programs write the model, dequantised, in each type of weights; llama.cpp reads 4,096 tokens with either file. With
--adapter, it also reads them with the model as exported with the adapter in its weights and with the adapter applied by
itself, from `adapter.gguf` beside the folder: the two must say the same. Exits with 1 where a file does not load, or its
perplexity is more than 1% above that of llama.cpp's own.
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile

import llama_cpp
import numpy as np
from logits import ROOT, default_models, open_llama, theirs, write_floats
from quantised import losses, quantise, text_pieces

BUDGET = 0.01  # relative, above llama.cpp's own file
MERGED_BUDGET = 0.002  # mean difference of losses, in nats: weights of 16 bits
# Each type as llama.cpp's quantiser calls it and as ours does.
TYPES = {"Q8_0": "Q8_0", "Q6_K": "Q6_K", "Q5_1": "Q5_1", "Q5_0": "Q5_0", "Q4_1": "Q4_1", "Q4_0": "Q4_0", "Q5_K_S": "Q5_K"}
TYPES |= {"Q4_K_S": "Q4_K", "Q3_K_S": "Q3_K", "Q2_K": "Q2_K"}


def export(base, name, out, *options):
    command = "cargo run --quiet --release --features train -p reinette-cli -- --quiet --model".split()
    command += [str(base), *options, "train", "export", "--type", name, "--output", str(out)]
    subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)


def mean_loss(llama, pieces):
    return np.concatenate([losses(theirs(llama, tokens), tokens) for tokens in pieces]).mean()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--types", type=lambda names: names.split(","), default=list(TYPES))
    parser.add_argument("--adapter", type=pathlib.Path)
    parser.add_argument("model", nargs="?", type=pathlib.Path, default=default_models()[0])
    arguments = parser.parse_args()
    pieces = text_pieces(arguments.model)
    passed = True
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        floats = folder / "floats.gguf"
        write_floats(arguments.model, floats)
        for name in arguments.types:
            own, its = folder / "own.gguf", folder / "its.gguf"
            export(floats, TYPES[name], own)
            quantise(floats, name, its)
            mine, peer = (mean_loss(open_llama(path), pieces) for path in (own, its))
            difference = np.exp(mine - peer) - 1
            passed &= difference <= BUDGET
            print(f"  {name:8} perplexity {np.exp(mine):8.3f}, of llama.cpp's file {np.exp(peer):8.3f} ({100 * difference:+.2f}%)", flush=True)
        if arguments.adapter:
            merged = folder / "merged.gguf"
            export(floats, "F16", merged, "--adapter", str(arguments.adapter))
            adapter = arguments.adapter.with_name("adapter.gguf")
            applied = llama_cpp.Llama(str(floats), lora_path=str(adapter), n_ctx=768, logits_all=True, verbose=False)
            difference = abs(mean_loss(open_llama(merged), pieces) - mean_loss(applied, pieces))
            passed &= difference <= MERGED_BUDGET
            print(f"  {adapter.name} applied by llama.cpp and merged by us: losses differ by {difference:.5f} nats")
    print("all within the budget" if passed else "OUTSIDE THE BUDGET")
    sys.exit(not passed)


if __name__ == "__main__":
    main()
