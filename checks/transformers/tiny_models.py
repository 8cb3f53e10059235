#!/usr/bin/env python3
"""Makes a tiny model of every architecture with random weights, and what the transformers library computes with it.

    pip install transformers==5.23.0 peft==0.21.2 torch gguf==0.19.0 llama-cpp-python==0.3.36
    python3 checks/transformers/tiny_models.py crates/reinette-engine/tests/golden/architectures [NAME ...]

For each architecture two files:

    NAME.gguf   the model, its tensors named and laid out as llama.cpp's converter does; weights are halves
    NAME.json   for each text (token ids) the most positions it may have and transformers' logits after its last tokens

and for some of them a random LoRA adapter, as the PEFT library saves it and as GGUF, with the logits that PEFT computes:

    NAME-lora/, NAME-lora.gguf, NAME-lora.json

The same weights are then read by llama.cpp from NAME.gguf: where its logits and transformers' differ by more than its
own rounding (it rounds activations to halves and 8 bits), the file is not what llama.cpp calls this architecture, and the
script fails. Weights are drawn large enough that every part of a block matters; each feature that a configuration is
here for (soft caps, windows, factors, ...) is switched off once, and the script fails if the logits do not notice.
"""

import argparse
import json
import pathlib
import sys

import gguf
import numpy as np
import peft
import torch
import transformers
from llama_cpp import Llama

VOCABULARY = 64
HIDDEN = 32
HEADS = 4
KV_HEADS = 2
FFN = 48
LONG = 28  # tokens of the long text
SHORT = 12
KEPT = 6  # positions whose logits are written
LLAMA_CPP_BUDGET = 0.03  # of the logits' standard deviation, root mean square
NOTICED = 0.05  # the same measure: least change when a feature is switched off

BASE = {
    "vocab_size": VOCABULARY,
    "hidden_size": HIDDEN,
    "num_attention_heads": HEADS,
    "num_key_value_heads": KV_HEADS,
    "intermediate_size": FFN,
    "max_position_embeddings": 64,
    "tie_word_embeddings": False,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
    "attn_implementation": "eager",
}
ROPE = {"rope_type": "default", "rope_theta": 10000.0}
GEMMA = {"tie_word_embeddings": True, "hidden_activation": "gelu_pytorch_tanh", "head_dim": 16}

# name: (configuration class, GGUF architecture, what the configuration adds, [one feature switched off, ...])
MODELS = {
    "llama": ("LlamaConfig", "llama", {"num_hidden_layers": 2, "rope_parameters": ROPE}, []),
    "llama3": (
        "LlamaConfig",
        "llama",
        {
            "num_hidden_layers": 2,
            "tie_word_embeddings": True,
            "rope_parameters": {
                "rope_type": "llama3",
                "rope_theta": 10000.0,
                "factor": 8.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 16,
            },
        },
        [{"rope_parameters": ROPE}],
    ),
    "mistral": ("MistralConfig", "llama", {"num_hidden_layers": 2, "head_dim": 16, "rope_parameters": ROPE, "sliding_window": None}, []),
    "mistral3": (
        "Ministral3Config",
        "mistral3",
        {
            "num_hidden_layers": 2,
            "head_dim": 16,
            "rope_parameters": {
                "rope_type": "yarn",
                "rope_theta": 10000.0,
                "factor": 4.0,
                "original_max_position_embeddings": 8,
                "max_position_embeddings": 64,
                "beta_fast": 4.0,
                "beta_slow": 1.0,
                "mscale": 1.0,
                "mscale_all_dim": 1.0,
                "llama_4_scaling_beta": 0.4,
            },
        },
        [{"rope_parameters": ROPE | {"llama_4_scaling_beta": 0.0, "original_max_position_embeddings": 8}}],
    ),
    "mixtral": (
        "MixtralConfig",
        "llama",
        {"num_hidden_layers": 2, "num_local_experts": 4, "num_experts_per_tok": 2, "rope_parameters": ROPE, "sliding_window": None},
        [],
    ),
    "smollm3": (
        "SmolLM3Config",
        "smollm3",
        {"num_hidden_layers": 4, "no_rope_layer_interval": 4, "use_sliding_window": False, "rope_parameters": ROPE},
        [{"no_rope_layers": [1, 1, 1, 1]}],
    ),
    "qwen2": (
        "Qwen2Config",
        "qwen2",
        {
            "num_hidden_layers": 2,
            "rope_parameters": {
                "rope_type": "yarn",
                "rope_theta": 10000.0,
                "factor": 4.0,
                "original_max_position_embeddings": 8,
            },
        },
        [{"rope_parameters": ROPE}],
    ),
    "qwen3": ("Qwen3Config", "qwen3", {"num_hidden_layers": 2, "head_dim": 16, "rope_parameters": ROPE}, []),
    "qwen3moe": (
        "Qwen3MoeConfig",
        "qwen3moe",
        {
            "num_hidden_layers": 2,
            "head_dim": 16,
            "num_experts": 8,
            "num_experts_per_tok": 3,
            "moe_intermediate_size": 32,
            "norm_topk_prob": True,
            "rope_parameters": ROPE,
        },
        [{"norm_topk_prob": False}, {"num_experts_per_tok": 2}],
    ),
    "phi3": (
        "Phi3Config",
        "phi3",
        {
            "num_hidden_layers": 2,
            "original_max_position_embeddings": 256,
            "max_position_embeddings": 1024,
            "sliding_window": None,
            "rope_parameters": {
                "rope_type": "longrope",
                "rope_theta": 10000.0,
                "original_max_position_embeddings": 256,
                "factor": 4.0,
                "partial_rotary_factor": 0.5,
                "short_factor": [1.0, 1.3],
                "long_factor": [1.5, 6.0],
            },
        },
        [{"rope_parameters": ROPE | {"partial_rotary_factor": 0.5}}],
    ),
    "gemma": ("GemmaConfig", "gemma", GEMMA | {"num_hidden_layers": 2, "rope_parameters": ROPE}, []),
    "gemma2": (
        "Gemma2Config",
        "gemma2",
        GEMMA
        | {
            "num_hidden_layers": 2,
            "query_pre_attn_scalar": 16,
            "sliding_window": 8,
            "attn_logit_softcapping": 4.0,
            "final_logit_softcapping": 5.0,
            "rope_parameters": ROPE,
        },
        [{"attn_logit_softcapping": None}, {"final_logit_softcapping": None}, {"sliding_window": 64}],
    ),
    "gemma3": (
        "Gemma3TextConfig",
        "gemma3",
        GEMMA
        | {
            "num_hidden_layers": 6,
            "query_pre_attn_scalar": 16,
            "sliding_window": 8,
            "num_key_value_heads": 1,
            "rope_parameters": {
                "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0},
                "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1000000.0},
            },
        },
        [{"sliding_window": 64}],
    ),
}


# name: what a random adapter is made of
ADAPTERS = {
    "llama": {"target_modules": ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]},
    "qwen3": {"target_modules": ["q_proj", "v_proj", "down_proj"], "use_rslora": True},
    "phi3": {"target_modules": ["qkv_proj", "o_proj", "gate_up_proj", "down_proj"]},
}
ADAPTER_GGUF = {
    "q_proj": "attn_q", "k_proj": "attn_k", "v_proj": "attn_v", "o_proj": "attn_output", "qkv_proj": "attn_qkv",
    "gate_proj": "ffn_gate", "up_proj": "ffn_up", "down_proj": "ffn_down", "gate_up_proj": "ffn_up",
}  # fmt: skip
# Models that have a DoRA adapter too: one that rotates neighbours, one with biases. llama.cpp knows no DoRA.
DORA = ["llama", "qwen2"]
RANK, ALPHA = 4, 6.0


def configuration(name, changes=None):
    kind, _, additions, _ = MODELS[name]
    settings = BASE | additions | (changes or {})
    attention = settings.pop("attn_implementation")
    return getattr(transformers, kind)(**settings), attention


def model(name, changes=None):
    """A model whose weights are halves, drawn from a seed by the names of the parameters."""
    config, attention = configuration(name, changes)
    made = transformers.AutoModelForCausalLM.from_config(config, attn_implementation=attention).float().eval()
    with torch.no_grad():
        for path, parameter in made.named_parameters():
            draw = torch.Generator().manual_seed(sum((i + 1) * byte for i, byte in enumerate(path.encode())))
            values = torch.randn(parameter.shape, generator=draw)
            if "norm" in path:
                # Gemma's norms multiply by one more than their weight.
                offset = 0.0 if "gemma" in name else 1.0
                values = offset + 0.3 * values
            elif parameter.dim() == 1:
                values = 0.3 * values
            elif "embed" in path:
                values = values if "gemma" not in name else 0.3 * values
            else:
                values = values * 1.5 / parameter.shape[-1] ** 0.5
            parameter.copy_(values.half().float())
    made.tie_weights()
    return made


def logits(made, tokens):
    with torch.no_grad():
        return made(torch.tensor([tokens]), use_cache=False).logits[0].double().numpy()


def texts(name):
    """Token ids with the positions that a program makes room for; llama.cpp makes room for 256 at least."""
    draw = np.random.default_rng(7)
    long = [1, *draw.integers(3, VOCABULARY, LONG - 1).tolist()]
    if name == "phi3":  # beyond its original context it rotates by other factors
        return [(long, 256), ([1, *draw.integers(3, VOCABULARY, 259).tolist()], 512)]
    return [(long[:SHORT], 64), (long, 64)]


def pairwise(rows, heads):
    """Rows of each head from halves to neighbours, for models that llama.cpp rotates by neighbours."""
    parts = rows.reshape(heads, 2, rows.shape[0] // heads // 2, *rows.shape[1:])
    return parts.swapaxes(1, 2).reshape(rows.shape)


def tensors(name, made):
    """The model's parameters as GGUF has them: (name, array)."""
    config = made.config
    architecture = MODELS[name][1]
    names = gguf.get_tensor_name_map(next(k for k, v in gguf.MODEL_ARCH_NAMES.items() if v == architecture), config.num_hidden_layers)
    rotated_by_neighbours = architecture in ("llama", "mistral3", "smollm3")
    for path, parameter in made.named_parameters():
        values = parameter.detach().numpy()
        if rotated_by_neighbours and "q_proj" in path:
            values = pairwise(values, config.num_attention_heads)
        if rotated_by_neighbours and "k_proj" in path:
            values = pairwise(values, config.num_key_value_heads)
        if "gemma" in name and "norm" in path:
            values = values + 1.0
        layer = path.split(".")[2] if ".layers." in path else None
        if path.endswith("experts.gate_up_proj"):
            gate, up = np.split(values, 2, axis=1)
            yield f"blk.{layer}.ffn_gate_exps.weight", gate
            yield f"blk.{layer}.ffn_up_exps.weight", up
        elif path.endswith("experts.down_proj"):
            yield f"blk.{layer}.ffn_down_exps.weight", values
        elif path.endswith(("mlp.gate.weight", "block_sparse_moe.gate.weight")):
            yield f"blk.{layer}.ffn_gate_inp.weight", values
        else:
            stem, ending = path.rsplit(".", 1)
            found = names.get_name(stem)
            if found is None:
                sys.exit(f"{name}: no GGUF name for {path}")
            yield f"{found}.{ending}", values
    rope = getattr(config, "rope_parameters", {})
    if rope.get("rope_type") == "llama3":
        yield "rope_freqs.weight", llama3_factors(config.hidden_size // config.num_attention_heads, rope)
    if rope.get("rope_type") == "longrope":
        yield "rope_factors_long.weight", np.array(rope["long_factor"], np.float32)
        yield "rope_factors_short.weight", np.array(rope["short_factor"], np.float32)


def llama3_factors(head_dim, rope):
    frequencies = rope["rope_theta"] ** (-np.arange(0, head_dim, 2) / head_dim)
    turns = rope["original_max_position_embeddings"] * frequencies / (2 * np.pi)
    low, high = rope["low_freq_factor"], rope["high_freq_factor"]
    kept = np.clip((turns - low) / (high - low), 0, 1)
    return (1 / (kept + (1 - kept) / rope["factor"])).astype(np.float32)


def write_metadata(writer, name, config):
    rope = getattr(config, "rope_parameters", {})
    full = rope.get("full_attention", rope)
    head_dim = getattr(config, "head_dim", None) or HIDDEN // HEADS
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(head_dim)
    writer.add_value_length(head_dim)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_dimension_count(int(head_dim * full.get("partial_rotary_factor", 1.0)))
    writer.add_rope_freq_base(full["rope_theta"])
    writer.add_file_type(1)
    if full["rope_type"] == "linear":
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(full["factor"])
    if full["rope_type"] == "yarn":
        writer.add_rope_scaling_type(gguf.RopeScalingType.YARN)
        writer.add_rope_scaling_factor(full["factor"])
        writer.add_rope_scaling_orig_ctx_len(full["original_max_position_embeddings"])
        if "beta_fast" in full:
            writer.add_rope_scaling_yarn_beta_fast(full["beta_fast"])
            writer.add_rope_scaling_yarn_beta_slow(full["beta_slow"])
        if "mscale_all_dim" in full:
            writer.add_rope_scaling_yarn_log_mul(full["mscale_all_dim"])
        if "llama_4_scaling_beta" in full:
            writer.add_attn_temperature_scale(full["llama_4_scaling_beta"])
    if full["rope_type"] == "longrope":
        original = full["original_max_position_embeddings"]
        writer.add_rope_scaling_orig_ctx_len(original)
        factor = config.max_position_embeddings / original
        writer.add_rope_scaling_attn_factors(float(np.sqrt(1 + np.log(factor) / np.log(original))))
    if getattr(config, "sliding_window", None):
        writer.add_sliding_window(config.sliding_window)
    if getattr(config, "attn_logit_softcapping", None):
        writer.add_attn_logit_softcapping(config.attn_logit_softcapping)
        writer.add_final_logit_softcapping(config.final_logit_softcapping)
    experts = getattr(config, "num_local_experts", None) or getattr(config, "num_experts", None)
    if experts:
        writer.add_expert_count(experts)
        writer.add_expert_used_count(config.num_experts_per_tok)
    if getattr(config, "moe_intermediate_size", None):
        writer.add_expert_feed_forward_length(config.moe_intermediate_size)


def write_vocabulary(writer):
    """Sixty-four pieces: enough that the file is whole, too few to be of use."""
    pieces = ["<unk>", "<s>", "</s>", "<0x0A>", "▁", *(chr(33 + i) for i in range(VOCABULARY - 5))]
    writer.add_tokenizer_model("llama")
    writer.add_token_list(pieces)
    writer.add_token_scores([-float(i) for i in range(VOCABULARY)])
    writer.add_token_types([2, 3, 3, 6] + [1] * (VOCABULARY - 4))
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)


def write(name, made, path):
    writer = gguf.GGUFWriter(path, MODELS[name][1])
    write_metadata(writer, name, made.config)
    write_vocabulary(writer)
    for tensor, values in tensors(name, made):
        # As the converter does: what has one dimension, and routers, stay whole.
        whole = values.ndim == 1 or "ffn_gate_inp" in tensor
        writer.add_tensor(tensor, np.ascontiguousarray(values, np.float32 if whole else np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def adapter(name, folder):
    """Saves a random adapter in both forms; gives the model with it."""
    torch.manual_seed(11)
    config = peft.LoraConfig(r=RANK, lora_alpha=ALPHA, init_lora_weights=False, task_type="CAUSAL_LM", **ADAPTERS[name])
    adapted = peft.get_peft_model(model(name), config).eval()
    with torch.no_grad():
        for path, parameter in adapted.named_parameters():
            if "lora_" in path:
                parameter.copy_((0.7 * torch.randn(parameter.shape) / parameter.shape[-1] ** 0.5).half().float())
    adapted.save_pretrained(folder / f"{name}-lora", safe_serialization=True)
    (folder / f"{name}-lora" / "README.md").unlink(missing_ok=True)
    writer = gguf.GGUFWriter(folder / f"{name}-lora.gguf", MODELS[name][1])
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    scale = ALPHA * (RANK**0.5 if config.use_rslora else 1)  # llama.cpp divides by the rank
    writer.add_float32("adapter.lora.alpha", scale)
    for path, parameter in adapted.named_parameters():
        if "lora_" not in path:
            continue
        parts = path.split(".")
        module, part = parts[-4], parts[-3][-1].lower()
        values = parameter.detach().numpy()
        heads = {"q_proj": HEADS, "k_proj": KV_HEADS}.get(module)
        if part == "b" and heads and name == "llama":
            values = pairwise(values, heads)
        layer = parts[parts.index("layers") + 1]
        writer.add_tensor(f"blk.{layer}.{ADAPTER_GGUF[module]}.weight.lora_{part}", np.ascontiguousarray(values))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return adapted


def dora(name):
    """The model with a random DoRA adapter of all projections."""
    targets = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    config = peft.LoraConfig(
        r=RANK, lora_alpha=ALPHA, init_lora_weights=False, use_dora=True, task_type="CAUSAL_LM", target_modules=targets
    )
    made = model(name)
    torch.manual_seed(13)
    adapted = peft.get_peft_model(made, config).eval()
    draw = torch.Generator().manual_seed(13)
    with torch.no_grad():
        for path, parameter in adapted.named_parameters():
            values = torch.randn(parameter.shape, generator=draw) if "lora_" in path else None
            if "magnitude" in path:
                # Begun with the lengths of the rows; changed by about a third.
                parameter.copy_((parameter * (1 + 0.3 * values)).half().float())
            elif "lora_" in path:
                parameter.copy_((0.7 * values / parameter.shape[-1] ** 0.5).half().float())
    return adapted


def llama_cpp_logits(path, tokens, positions, lora=None):
    lora = str(lora) if lora else None
    llama = Llama(str(path), lora_path=lora, n_ctx=positions, n_batch=512, n_threads=1, logits_all=True, verbose=False)
    llama.eval(tokens)
    return np.array(llama.scores[: len(tokens)], dtype=np.float64)


def difference(one, other):
    """Root mean square of the difference, in standard deviations of the logits."""
    return float(np.sqrt(np.mean((one - other) ** 2)) / other.std())


def check(name, folder):
    made = model(name)
    path = folder / f"{name}.gguf"
    write(name, made, path)
    fine = write_golden(name, made, folder, name)
    long = texts(name)[1][0]
    for change in MODELS[name][3]:
        noticed = difference(logits(model(name, change), long), logits(made, long))
        fine &= noticed >= NOTICED
        print(f"{name}: without {', '.join(change)} the logits differ by {noticed:.3f}")
    if name in ADAPTERS:
        adapted = adapter(name, folder)
        fine &= write_golden(name, adapted, folder, f"{name}-lora", folder / f"{name}-lora.gguf")
        noticed = difference(logits(adapted, long), logits(made, long))
        fine &= noticed >= NOTICED
        print(f"{name}: without the adapter the logits differ by {noticed:.3f}")
    if name in DORA:
        adapted = dora(name)
        adapted.save_pretrained(folder / f"{name}-dora", safe_serialization=True)
        (folder / f"{name}-dora" / "README.md").unlink(missing_ok=True)
        write_logits(name, adapted, folder, f"{name}-dora")
        noticed = difference(logits(adapted, long), logits(made, long))
        fine &= noticed >= NOTICED
        print(f"{name}: without the DoRA adapter the logits differ by {noticed:.3f}")
    return fine


def write_golden(name, made, folder, stem, lora=None):
    """Writes the logits of all texts to STEM.json; whether llama.cpp agrees."""
    fine = True
    for tokens, positions in texts(name):
        theirs = difference(llama_cpp_logits(folder / f"{name}.gguf", tokens, positions, lora), logits(made, tokens))
        fine &= theirs <= LLAMA_CPP_BUDGET
        print(f"{stem}: {len(tokens)} tokens, llama.cpp differs by {theirs:.4f} standard deviations")
    write_logits(name, made, folder, stem)
    return fine


def write_logits(name, made, folder, stem):
    """Writes the logits of all texts to STEM.json."""
    cases = []
    for tokens, positions in texts(name):
        kept = [[round(float(value), 5) for value in row] for row in logits(made, tokens)[-KEPT:]]
        cases.append({"tokens": tokens, "positions": positions, "logits": kept})
    text = json.dumps({"transformers": transformers.__version__, "cases": cases}, separators=(",", ":"))
    (folder / f"{stem}.json").write_text(text + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("names", nargs="*", choices=[[], *MODELS], default=[])
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    results = [check(name, arguments.folder) for name in arguments.names or MODELS]
    print("all as they should be" if all(results) else "SOMETHING DIFFERS")
    sys.exit(not all(results))


if __name__ == "__main__":
    main()
