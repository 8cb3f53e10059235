#!/usr/bin/env python3
"""What PyTorch computes of a tiny model's adapter: the gradient of every one of its matrices, layer by layer.

    pip install transformers==5.23.0 peft==0.21.2 torch gguf==0.19.0 llama-cpp-python==0.3.36
    python3 checks/transformers/gradients.py crates/reinette-train/tests/golden [NAME ...]

The models are those of tiny_models.py. For each a random adapter of all projections is written as PEFT saves it,
with `gradients.safetensors`: the derivative of the summed cross-entropy of the answers below by each matrix, under the
matrix's own name, and in its metadata the loss. For some, `dora.safetensors` has the same with the
DoRA adapter of tiny_models.py, and `whole.safetensors` the derivatives by the model's own weights. For one, `preference.safetensors` has the same of the
loss of direct preference optimisation (arXiv:2305.18290, equation 7): of the first two examples, each with the other's
answer rejected, measured against the model without the adapter; each pair's loss counts as often as its two answers have
tokens.
"""

import argparse
import pathlib

import peft
import torch
from safetensors.torch import save_file
from tiny_models import ALPHA, DORA, RANK, VOCABULARY, dora, model

NAMES = ["gemma3", "llama", "qwen2", "qwen3", "smollm3"]
# Whose weights are written as Hugging Face has them too, to be put in place of the GGUF file's.
BASES = ["gemma3", "llama"]
TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
PREFERS = "llama"
BETA = 0.1
# Whose own weights are trained, all of them: tied embeddings and many norms, biases, neighbours rotated.
WHOLE = ["gemma3", "qwen2", "llama"]
# Prompt and answer: token ids that any of the models knows. The first two share a long beginning, which the trainer
# computes once.
SHARED = [1 + (7 * i + i * i) % (VOCABULARY - 2) for i in range(40)]
EXAMPLES = [(SHARED + [5, 9], [11, 4, 2]), (SHARED + [8], [12, 60, 33, 2]), ([1, 17, 3], [40, 2])]


def adapted(name):
    """The model with a random adapter whose numbers are halves, as they are stored."""
    config = peft.LoraConfig(r=RANK, lora_alpha=ALPHA, init_lora_weights=False, task_type="CAUSAL_LM", target_modules=TARGETS)
    made = peft.get_peft_model(model(name), config)
    draw = torch.Generator().manual_seed(23)
    with torch.no_grad():
        for path, parameter in made.named_parameters():
            if "lora_" in path:
                values = torch.randn(parameter.shape, generator=draw) * 0.7 / parameter.shape[-1] ** 0.5
                parameter.copy_(values.half().float())
    return made


def log_probabilities(made, prompt, answer):
    """Of an answer's tokens, one by one."""
    logits = made(torch.tensor([prompt + answer]), use_cache=False).logits[0]
    predicted = logits[len(prompt) - 1 : len(prompt) + len(answer) - 1]
    return -torch.nn.functional.cross_entropy(predicted, torch.tensor(answer), reduction="none")


def preference_loss(made):
    """Of the first two examples with their answers exchanged."""
    (first, one), (second, other) = EXAMPLES[:2]
    loss = torch.zeros(())
    for prompt, chosen, rejected in [(first, one, other), (second, other, one)]:
        with torch.no_grad(), made.disable_adapter():
            before = [log_probabilities(made, prompt, answer).sum() for answer in (chosen, rejected)]
        now = [log_probabilities(made, prompt, answer).sum() for answer in (chosen, rejected)]
        margin = BETA * ((now[0] - before[0]) - (now[1] - before[1]))
        loss = loss - (len(chosen) + len(rejected)) * torch.nn.functional.logsigmoid(margin)
    return loss


def answers_loss(made):
    """The summed cross-entropy of all answers."""
    return -sum(log_probabilities(made, *example).sum() for example in EXAMPLES)


def save(made, loss, path):
    """Writes the gradients of a loss by all that is trained."""
    made.zero_grad()
    loss.backward()
    trained = [(name, parameter) for name, parameter in made.named_parameters() if parameter.requires_grad]
    # PEFT's files call a magnitude so.
    stored = lambda name: name.replace(".default", "").replace("magnitude_vector.weight", "magnitude_vector")
    gradients = {stored(name): parameter.grad for name, parameter in trained}
    save_file(gradients, path, metadata={"loss": repr(loss.item())})
    print(path, loss.item(), len(gradients))


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("folder", type=pathlib.Path)
    arguments.add_argument("names", nargs="*", default=NAMES)
    options = arguments.parse_args()
    for name in options.names:
        made = adapted(name)
        folder = options.folder / name
        made.save_pretrained(folder, safe_serialization=True)
        (folder / "README.md").unlink(missing_ok=True)
        save(made, answers_loss(made), folder / "gradients.safetensors")
        if name in DORA:
            lengthened = dora(name)
            save(lengthened, answers_loss(lengthened), folder / "dora.safetensors")
        if name in WHOLE:
            whole = model(name).requires_grad_()
            save(whole, answers_loss(whole), folder / "whole.safetensors")
        if name == PREFERS:
            save(made, preference_loss(made), folder / "preference.safetensors")
        if name in BASES:
            weights = {path: tensor.clone() for path, tensor in model(name).state_dict().items()}
            save_file(weights, folder / "base.safetensors")


if __name__ == "__main__":
    main()
