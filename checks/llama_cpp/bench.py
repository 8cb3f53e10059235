#!/usr/bin/env python3
"""Reads and answers with the engine and with llama.cpp in turn, in one run, and prints ratios of medians with their spread.

    pip install llama-cpp-python==0.3.36 numpy
    python3 checks/llama_cpp/bench.py [--rounds 5] [--threads 2] [MODEL.gguf]

A ratio above 1 means that ours is faster. llama.cpp is measured with and without flash attention, and the better counts.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import time

from llama_cpp import Llama

ROOT = pathlib.Path(__file__).resolve().parents[2]
PREFILL = [512, 2048]
DEPTHS = [0, 2048]
DECODE_TOKENS = 128


def ours(model, threads):
    """One measurement of each figure: tokens per second."""
    command = ["cargo", "run", "--quiet", "--release", "-p", "reinette-cli", "--", "bench", "--json", "--repetitions", "1"]
    command += ["--model", str(model), "--threads", str(threads), "--quiet"]
    command += ["--prefill", ",".join(map(str, PREFILL)), "--depth", ",".join(map(str, DEPTHS))]
    lines = subprocess.run(command, stdout=subprocess.PIPE, check=True, cwd=ROOT, text=True).stdout.splitlines()
    figures = {}
    for figure in map(json.loads, lines):
        if figure.get("measured") == "prefill":
            figures["prefill", figure["prompt_tokens"]] = figure["tokens_per_second"]["median"]
        elif figure.get("measured") == "decode":
            figures["decode", figure["depth_tokens"]] = figure["tokens_per_second"]["median"]
    return figures


def theirs(model, threads, flash):
    llama = Llama(
        str(model), n_ctx=4096, n_batch=2048, n_ubatch=512, n_threads=threads, n_threads_batch=threads, flash_attn=flash, verbose=False
    )
    prompt = [(i * 7 + 1000) % llama.n_vocab() for i in range(max(PREFILL + DEPTHS))]
    llama.eval(prompt[:16])
    figures = {}
    for tokens in PREFILL:
        llama.reset()
        start = time.perf_counter()
        llama.eval(prompt[:tokens])
        figures["prefill", tokens] = tokens / (time.perf_counter() - start)
    for depth in DEPTHS:
        llama.reset()
        llama.eval(prompt[: max(depth, 1)])
        start = time.perf_counter()
        for token in range(DECODE_TOKENS):
            llama.eval([1000 + token])
        figures["decode", depth] = DECODE_TOKENS / (time.perf_counter() - start)
    return figures


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    folder = os.environ.get("REINETTE_TEST_MODELS") or pathlib.Path.home() / ".cache/reinette-test-models"
    default = pathlib.Path(folder) / "SmolLM2-135M-Instruct.Q4_1.gguf"
    parser.add_argument("model", nargs="?", type=pathlib.Path, default=default)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    rounds = []
    for _ in range(arguments.rounds):
        mine = ours(arguments.model, arguments.threads)
        plain, flash = (theirs(arguments.model, arguments.threads, on) for on in (False, True))
        rounds.append((mine, {key: max(plain[key], flash[key]) for key in plain}))
    print(f"{arguments.model.name}, {arguments.threads} threads, {arguments.rounds} paired rounds")
    for key in rounds[0][0]:
        ratios = sorted(mine[key] / peer[key] for mine, peer in rounds)
        mine = statistics.median(mine[key] for mine, _ in rounds)
        peer = statistics.median(peer[key] for _, peer in rounds)
        name = f"{key[0]} {key[1]}" if key[0] == "prefill" else f"decode at depth {key[1]}"
        print(
            f"  {name:<22} {statistics.median(ratios):5.2f}x  ({ratios[0]:.2f} - {ratios[-1]:.2f})"
            f"   {mine:7.1f} against {peer:7.1f} tokens/s"
        )


if __name__ == "__main__":
    main()
