#!/usr/bin/env python3
"""The same LoRA step by `reinette train` and by PyTorch, in turn: tokens per second and peak memory.

    pip install torch numpy gguf==0.19.0
    python3 checks/torch/lora_step.py target/release/reinette SmolLM2-135M-Instruct.Q4_1.gguf [--rounds 3] [--threads 2]

Rank 16 on all seven projections, weights frozen in 32 bits, AdamW, 1,024 tokens a step, gradients accumulated as each
likes it best. Two shapes: `long`, 4 texts of 256 tokens of which all are learned, and `everyday`, requests of 41 tokens
with answers of 30, of which the answers are learned and the output layer is computed for them alone, by both. Each runs
as a process of its own, so that the peak of its memory is its own; the order changes from round to round, and what is
printed is the median of the rounds' ratios.
"""

import argparse
import json
import os
import pathlib
import statistics
import string
import subprocess
import sys
import tempfile
import time

RANK, SCALE, RATE = 16, 2.0, 4e-4
# Prompt and answer tokens of an example (nothing of a text is a prompt), and examples a step.
SHAPES = {"long": (0, 256, 4), "everyday": (41, 30, 14)}
STEPS = 6


def data(shape):
    """Lines of training data; each word is one token of SmolLM2's, and the end of the answer another. Prompts begin with
    different words: what they share would be computed once, which is not what is compared here."""
    prompt, answer, _ = SHAPES[shape]
    words = " the" * (answer - 1)
    letters = string.ascii_letters
    prompts = [f" {letters[line % len(letters)]}" + " a" * (prompt - 1) for line in range(64)]
    lines = [{"prompt": prompt, "completion": words} for prompt in prompts] if prompt else [{"text": words}] * 64
    return "".join(json.dumps(line) + "\n" for line in lines)


def ours(options, shape, folder):
    """Tokens a second over the steps after the first, and the peak of the process's memory in MB."""
    prompt, answer, count = SHAPES[shape]
    (folder / "data.jsonl").write_text(data(shape))
    command = [
        options.reinette, "train", folder / "data.jsonl", "--model", options.model, "--output", folder / "run", "--json",
        "--threads", str(options.threads), "--set", f"schedule.steps={STEPS}", "--set", "data.validation_share=0",
        "--set", f"batch.tokens={count * (prompt + answer)}", "--set", f"batch.part_tokens={options.part_tokens}",
        "--set", "checkpoint.every=1000",
    ]  # fmt: skip
    process = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    lines = [json.loads(line) for line in process.stdout]
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"{command} failed")
    steps = [line for line in lines if "gradient_norm" in line]
    seconds = steps[-1]["seconds"] - steps[0]["seconds"]
    return sum(step["tokens"] for step in steps[1:]) / seconds, usage.ru_maxrss / 1000


def theirs(options, shape):
    """As `ours`, by this script in another process."""
    command = [sys.executable, __file__, options.reinette, options.model, "--threads", str(options.threads), "--torch", shape]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    speed = float(process.stdout.read())
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit("PyTorch failed")
    return speed, usage.ru_maxrss / 1000


def torch_steps(options):
    """Prints the tokens a second of PyTorch's steps after the first."""
    import gguf
    import numpy
    import torch
    from torch.nn import functional

    torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    reader = gguf.GGUFReader(options.model)
    field = lambda name: reader.fields["llama." + name].contents()
    weights = {
        tensor.name.removesuffix(".weight"): torch.from_numpy(
            numpy.array(gguf.quants.dequantize(tensor.data, tensor.tensor_type), dtype=numpy.float32)
        )
        for tensor in reader.tensors
    }
    heads, kv_heads = field("attention.head_count"), field("attention.head_count_kv")
    epsilon, layers = field("attention.layer_norm_rms_epsilon"), field("block_count")
    names = ["attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"]
    adapters = {}
    for layer in range(layers):
        for name in names:
            rows, columns = weights[f"blk.{layer}.{name}"].shape
            a = torch.nn.Parameter(torch.randn(RANK, columns) / columns**0.5)
            adapters[f"blk.{layer}.{name}"] = (a, torch.nn.Parameter(torch.zeros(rows, RANK)))
    prompt, answer, count = SHAPES[options.torch]
    length = prompt + answer
    half = field("rope.dimension_count") // 2
    angles = torch.arange(length)[:, None] * field("rope.freq_base") ** -(torch.arange(half) / half)
    cosine, sine = angles.cos(), angles.sin()

    def linear(x, name):
        a, b = adapters[name]
        return functional.linear(x, weights[name]) + SCALE * functional.linear(functional.linear(x, a), b)

    def rotate(x):
        first, second = x.chunk(2, dim=-1)
        place = slice(0, x.shape[2])
        c, s = cosine[place], sine[place]
        return torch.cat([first * c - second * s, second * c + first * s], dim=-1)

    def block(hidden, layer):
        prefix = f"blk.{layer}."
        batch, tokens, width = hidden.shape
        normed = functional.rms_norm(hidden, (width,), weights[prefix + "attn_norm"], epsilon)
        split = lambda name, n: linear(normed, prefix + name).view(batch, tokens, n, -1).transpose(1, 2)
        query, key = rotate(split("attn_q", heads)), rotate(split("attn_k", kv_heads))
        attended = functional.scaled_dot_product_attention(
            query, key, split("attn_v", kv_heads), is_causal=True, enable_gqa=True
        )
        hidden = hidden + linear(attended.transpose(1, 2).reshape(batch, tokens, width), prefix + "attn_output")
        normed = functional.rms_norm(hidden, (width,), weights[prefix + "ffn_norm"], epsilon)
        gated = functional.silu(linear(normed, prefix + "ffn_gate")) * linear(normed, prefix + "ffn_up")
        return hidden + linear(gated, prefix + "ffn_down")

    def loss(tokens):
        hidden = functional.embedding(tokens[:, :-1], weights["token_embd"])
        for layer in range(layers):
            hidden = block(hidden, layer)
        hidden = hidden[:, max(prompt - 1, 0) :]
        hidden = functional.rms_norm(hidden, hidden.shape[-1:], weights["output_norm"], epsilon)
        logits = functional.linear(hidden, weights["token_embd"])
        return functional.cross_entropy(logits.flatten(0, 1), tokens[:, max(prompt, 1) :].flatten())

    parameters = [matrix for pair in adapters.values() for matrix in pair]
    optimizer = torch.optim.AdamW(parameters, lr=RATE, betas=(0.9, 0.99), weight_decay=0.0)
    tokens = torch.randint(0, 49152, (count, length))
    for step in range(STEPS):
        if step == 1:
            start = time.perf_counter()
        optimizer.zero_grad()
        loss(tokens).backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
    print((STEPS - 1) * count * (length - 1) / (time.perf_counter() - start))


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("reinette")
    arguments.add_argument("model")
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--threads", type=int, default=2)
    arguments.add_argument("--part-tokens", type=int, default=512)
    arguments.add_argument("--shapes", nargs="+", choices=SHAPES, default=list(SHAPES))
    arguments.add_argument("--torch", choices=SHAPES, help=argparse.SUPPRESS)
    options = arguments.parse_args()
    if options.torch:
        return torch_steps(options)
    for shape in options.shapes:
        ratios, memories = [], []
        for number in range(options.rounds):
            with tempfile.TemporaryDirectory() as folder:
                run = {
                    "ours": lambda: ours(options, shape, pathlib.Path(folder)),
                    "theirs": lambda: theirs(options, shape),
                }
                order = ["ours", "theirs"] if number % 2 == 0 else ["theirs", "ours"]
                found = {name: run[name]() for name in order}
            (speed, memory), (peer_speed, peer_memory) = found["ours"], found["theirs"]
            ratios.append(speed / peer_speed)
            memories.append(memory / peer_memory)
            print(f"{shape}: {speed:.0f} and PyTorch's {peer_speed:.0f} tokens/s, {memory:.0f} and {peer_memory:.0f} MB")
        print(
            f"{shape}: {statistics.median(ratios):.2f} times PyTorch's speed ({min(ratios):.2f} to {max(ratios):.2f}), "
            f"{statistics.median(memories):.2f} of its memory"
        )


if __name__ == "__main__":
    main()
