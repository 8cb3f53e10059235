"""Train the tool adapter: LoRA on a frozen, dequantised SmolLM2, loss on the answers only.

Usage: train.py BASE.gguf START_FOLDER DATA.jsonl OUTPUT_FOLDER --validation FILE --until HH:MM
"""

import argparse
import math
import pathlib
import random
import tempfile
import time

import torch
from torch import distributed
from torch.nn import functional

import evaluate
from model import Decoder, prompt_tokens, read_examples


def encode(tokenizer, item):
    """Pair of prompt and answer token ids; the answer ends with `<|im_end|>`."""
    answer = tokenizer.encode(item["answer"] + "<|im_end|>", add_special_tokens=False).ids
    return prompt_tokens(tokenizer, item["prompt"]), answer


def batches(examples, size, generator):
    """Endless batches of examples of similar length: the padding that a batch needs stays small."""
    while True:
        generator.shuffle(examples)
        for start in range(0, len(examples), size * 16):
            pool = sorted(examples[start : start + size * 16], key=lambda pair: len(pair[0]) + len(pair[1]))
            groups = [pool[at : at + size] for at in range(0, len(pool), size)]
            generator.shuffle(groups)
            yield from groups


class Words:
    """The part of the vocabulary that occurs in the training set.

    The softmax runs over this part alone, which saves a tenth of the work: the base model gives the rest next to no
    probability after such prompts, and nothing here would raise it.
    """

    def __init__(self, examples, vocabulary_size):
        self.kept = torch.tensor(sorted({token for pair in examples for part in pair for token in part}))
        self.places = torch.full((vocabulary_size,), -1)
        self.places[self.kept] = torch.arange(len(self.kept))


def batch_loss(model, batch, words):
    """Mean cross-entropy of the answer tokens. The output layer is computed at their positions only."""
    width = max(len(prompt) + len(answer) for prompt, answer in batch)
    tokens = torch.zeros(len(batch), width, dtype=torch.long)
    for row, (prompt, answer) in enumerate(batch):
        tokens[row, : len(prompt) + len(answer)] = torch.tensor(prompt + answer)
    # Padding is on the right, where causal attention keeps it out of every real token's sight.
    hidden = model.hidden(tokens[:, :-1])
    rows = [row for row, (_, answer) in enumerate(batch) for _ in answer]
    columns = [len(prompt) + at - 1 for prompt, answer in batch for at in range(len(answer))]
    targets = words.places[[token for _, answer in batch for token in answer]]
    logits = functional.linear(hidden[rows, columns], model.embedding[words.kept])
    return functional.cross_entropy(logits, targets), tokens.numel()


def seconds_until(clock):
    """Seconds from now to the next time UTC clocks show HH:MM."""
    hour, minute = map(int, clock.split(":"))
    return (hour * 3600 + minute * 60 - time.time()) % 86400


def learning_rate(progress, peak, warm_up=0.03):
    """Linear warm-up, then half a cosine down to a twentieth of the peak; `progress` in 0..1."""
    if progress < warm_up:
        return peak * progress / warm_up
    return peak * (0.05 + 0.95 * (1 + math.cos(math.pi * min(progress, 1))) / 2)


def average(weights, progress):
    """Average gradients and the place in the schedule over the processes, so that all take the same step."""
    flat = torch.cat([weight.grad.flatten() for weight in weights] + [torch.tensor([progress])])
    distributed.all_reduce(flat)
    flat /= distributed.get_world_size()
    start = 0
    for weight in weights:
        weight.grad.copy_(flat[start : start + weight.numel()].view_as(weight))
        start += weight.numel()
    return flat[-1].item()


def train(model, examples, validation, options, rank):
    """Train until the clock says so; the schedule follows the clock too, as other work shares the machine."""
    for layer in model.layers[: options.frozen]:
        layer.requires_grad_(False)
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    words = Words(examples, len(model.embedding))
    optimizer = torch.optim.AdamW(weights, weight_decay=0.0, betas=(0.9, 0.99))
    start, total = time.time(), seconds_until(options.until)
    saved, seen, losses, progress = start, 0, [], 0.0
    source = batches(examples[rank :: options.processes], options.batch, random.Random(options.seed))
    for step, batch in enumerate(source):
        loss, tokens = batch_loss(model, batch, words)
        optimizer.zero_grad()
        loss.backward()
        progress = average(weights, (time.time() - start) / total)
        if progress >= 1:
            break
        rate = learning_rate(options.offset + (1 - options.offset) * progress, options.rate)
        for group in optimizer.param_groups:
            group["lr"] = rate
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        model.merge()
        losses.append(loss.item())
        seen += tokens
        if rank == 0 and step % 10 == 9:
            speed, mean = options.processes * seen / (time.time() - start), sum(losses[-10:]) / 10
            report(f"step {step + 1} loss {mean:.4f} {speed:.0f} tokens/s rate {rate:.1e}")
        if rank == 0 and time.time() - saved > options.every * 60:
            model.save_adapter(options.output)
            right = evaluate.teacher_forced(model, validation) if validation else [0]
            report(f"saved; whole answers right {sum(right) / len(right):.3f}")
            saved = time.time()
    if rank == 0:
        model.save_adapter(options.output)


def report(text):
    """Print with the time."""
    print(time.strftime("%T", time.gmtime()), text, flush=True)


def work(rank, options):
    """One training process: one thread, no waiting for another between two steps, which matters on a busy machine."""
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    distributed.init_process_group(
        "gloo", f"file://{options.meeting}/ranks", rank=rank, world_size=options.processes
    )
    model = Decoder(options.base)
    model.load_adapter(options.start / "adapter_model.safetensors")
    examples = [encode(model.tokenizer, item) for item in read_examples(options.data)]
    validation = [encode(model.tokenizer, item) for item in read_examples(options.validation)[: options.check]]
    train(model, examples, validation, options, rank)


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("base")
    arguments.add_argument("start", type=pathlib.Path)
    arguments.add_argument("data", type=pathlib.Path)
    arguments.add_argument("output", type=pathlib.Path)
    arguments.add_argument("--validation", type=pathlib.Path, required=True)
    arguments.add_argument("--until", required=True, help="UTC time HH:MM at which to stop")
    arguments.add_argument("--rate", type=float, default=4e-4)
    arguments.add_argument("--offset", type=float, default=0.0, help="where in the schedule to begin, 0..1")
    arguments.add_argument("--batch", type=int, default=8, help="examples a step of each process")
    arguments.add_argument("--every", type=float, default=10, help="minutes between checkpoints")
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--frozen", type=int, default=0, help="lowest layers whose adapters stay as they are")
    arguments.add_argument("--processes", type=int, default=2)
    arguments.add_argument("--check", type=int, default=100, help="validation examples to try at each checkpoint")
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as options.meeting:
        torch.multiprocessing.spawn(work, (options,), nprocs=options.processes)


if __name__ == "__main__":
    main()
