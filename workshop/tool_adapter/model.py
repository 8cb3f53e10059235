"""The llama decoder of SmolLM2 in plain torch, read from a GGUF file, with LoRA adapters on its linear layers.

Shapes: B sequences, L tokens, D the width, H heads, K key-value heads, R the rank of the adapter.
"""

import json
import pathlib

import gguf
import numpy
import safetensors.torch
import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from torch.nn import functional

RANK, ALPHA = 16, 32
SCALE = ALPHA / RANK
# GGUF name of a layer's projection -> its name in Hugging Face's (and so PEFT's) modules.
PROJECTIONS = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


class LowRankUpdate(torch.autograd.Function):
    """`x @ merged.T` where `merged = weight + SCALE * b @ a`; only `a` and `b` receive a gradient.

    Multiplying by the merged weight costs one product forward and one backward, as if there were no adapter; autograd
    over the three factors would cost four more, and over a merged weight a full-size gradient.
    """

    @staticmethod
    def forward(ctx, inputs, merged, a, b):
        ctx.save_for_backward(inputs, merged, a, b)
        return functional.linear(inputs, merged)

    @staticmethod
    def backward(ctx, gradient):
        inputs, merged, a, b = ctx.saved_tensors
        rows, gradient_rows = inputs.flatten(0, -2), gradient.flatten(0, -2)
        through_b = gradient_rows @ b * SCALE
        gradient_a = through_b.T @ rows
        gradient_b = gradient_rows.T @ (rows @ a.T) * SCALE
        return gradient @ merged if ctx.needs_input_grad[0] else None, None, gradient_a, gradient_b


class AdaptedLinear(torch.nn.Module):
    """A frozen linear layer, (D_out, D_in), with a trained low-rank update. Paper: LoRA, arXiv:2106.09685."""

    def __init__(self, weight):
        super().__init__()
        rows, columns = weight.shape
        self.weight = weight
        self.merged = weight.clone()
        self.a = torch.nn.Parameter(torch.randn(RANK, columns) / columns**0.5)
        self.b = torch.nn.Parameter(torch.zeros(rows, RANK))

    @torch.no_grad()
    def merge(self):
        """Recompute the merged weight; to be called after every change of `a` or `b`."""
        torch.addmm(self.weight, self.b, self.a, alpha=SCALE, out=self.merged)

    def forward(self, inputs):
        return LowRankUpdate.apply(inputs, self.merged, self.a, self.b)


class Layer(torch.nn.Module):
    """One decoder layer: grouped-query attention with rotary positions, then a SwiGLU, each behind an RMS norm."""

    def __init__(self, weights, prefix, heads, key_value_heads, epsilon):
        super().__init__()
        self.heads, self.key_value_heads, self.epsilon = heads, key_value_heads, epsilon
        self.attention_norm, self.feed_norm = weights[prefix + "attn_norm"], weights[prefix + "ffn_norm"]
        for name in PROJECTIONS:
            weight = weights[prefix + name]
            if name in ("attn_q", "attn_k"):
                weight = unpermute(weight, heads if name == "attn_q" else key_value_heads)
            setattr(self, name, AdaptedLinear(weight))

    def forward(self, hidden, rotation, cache=None, mask=None):
        """(B, L, D) to (B, L, D). `cache` is a dict that this call extends; `mask` is (B, 1, L, L_all) or causal."""
        batch, length, width = hidden.shape
        normed = functional.rms_norm(hidden, (width,), self.attention_norm, self.epsilon)
        queries, keys, values = (
            projection(normed).view(batch, length, count, -1).transpose(1, 2)
            for projection, count in (
                (self.attn_q, self.heads),
                (self.attn_k, self.key_value_heads),
                (self.attn_v, self.key_value_heads),
            )
        )
        queries, keys = rotate(queries, rotation), rotate(keys, rotation)
        if cache is not None:
            if "keys" in cache:
                keys = torch.cat([cache["keys"], keys], dim=2)
                values = torch.cat([cache["values"], values], dim=2)
            cache["keys"], cache["values"] = keys, values
        group = self.heads // self.key_value_heads
        keys, values = keys.repeat_interleave(group, dim=1), values.repeat_interleave(group, dim=1)
        attended = functional.scaled_dot_product_attention(
            queries, keys, values, attn_mask=mask, is_causal=mask is None
        )
        hidden = hidden + self.attn_output(attended.transpose(1, 2).reshape(batch, length, width))
        normed = functional.rms_norm(hidden, (width,), self.feed_norm, self.epsilon)
        return hidden + self.ffn_down(functional.silu(self.ffn_gate(normed)) * self.ffn_up(normed))


def read_examples(path):
    """The requests of a file in the form `tools` that are of one turn, with the answers that are right for them."""
    examples = []
    for line in path.read_text(encoding="utf-8").splitlines():
        item = json.loads(line)
        if len(item["messages"]) == 1:
            calls = [{"tool": call["name"], **call["arguments"]} for call in item["calls"]] or [{"tool": "none"}]
            answer = json.dumps(calls, ensure_ascii=False)
            examples.append(
                {"prompt": item["messages"][0]["content"], "answer": answer, "language": item["meta"]["language"]}
            )
    return examples


class Decoder(torch.nn.Module):
    """The whole model; `path` is the GGUF file whose weights are dequantised to float32."""

    def __init__(self, path):
        super().__init__()
        reader = gguf.GGUFReader(path)
        field = lambda name: reader.fields["llama." + name].contents()
        weights = {
            tensor.name.removesuffix(".weight"): torch.from_numpy(
                numpy.array(gguf.quants.dequantize(tensor.data, tensor.tensor_type), dtype=numpy.float32)
            )
            for tensor in reader.tensors
        }
        heads, key_value_heads = field("attention.head_count"), field("attention.head_count_kv")
        epsilon = field("attention.layer_norm_rms_epsilon")
        self.embedding, self.norm, self.epsilon = weights["token_embd"], weights["output_norm"], epsilon
        self.layers = torch.nn.ModuleList(
            Layer(weights, f"blk.{index}.", heads, key_value_heads, epsilon) for index in range(field("block_count"))
        )
        half = field("rope.dimension_count") // 2
        self.frequencies = field("rope.freq_base") ** -(torch.arange(half) / half)
        self.tokenizer = read_tokenizer(reader)

    def hidden(self, tokens, positions=None, caches=None, mask=None):
        """Token ids (B, L) to the normed last hidden states (B, L, D)."""
        if positions is None:
            positions = torch.arange(tokens.shape[1])[None]
        angles = positions[:, None, :, None] * self.frequencies
        rotation = (angles.cos(), angles.sin())
        hidden = functional.embedding(tokens, self.embedding)
        for index, layer in enumerate(self.layers):
            hidden = layer(hidden, rotation, caches and caches[index], mask)
        return functional.rms_norm(hidden, hidden.shape[-1:], self.norm, self.epsilon)

    def logits(self, hidden):
        """Hidden states (..., D) to logits (..., vocabulary); the output layer is the embedding, transposed."""
        return functional.linear(hidden, self.embedding)

    def merge(self):
        """Bring every merged weight that is in training up to date with its adapter."""
        for _, layer in self.adapted():
            if layer.a.requires_grad:
                layer.merge()

    def adapted(self):
        """Pairs of PEFT name and adapted layer."""
        for index, layer in enumerate(self.layers):
            for name, peft in PROJECTIONS.items():
                yield f"base_model.model.model.layers.{index}.{peft}", getattr(layer, name)

    @torch.no_grad()
    def load_adapter(self, path):
        """Start from the adapter in a safetensors file with PEFT names."""
        tensors = safetensors.torch.load_file(path)
        for name, layer in self.adapted():
            layer.a.copy_(tensors[name + ".lora_A.weight"])
            layer.b.copy_(tensors[name + ".lora_B.weight"])
        self.merge()

    def save_adapter(self, folder):
        """Write adapter_model.safetensors (float16) and adapter_config.json as PEFT would."""
        folder = pathlib.Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        tensors = {}
        for name, layer in self.adapted():
            tensors[name + ".lora_A.weight"] = layer.a.detach().half().contiguous()
            tensors[name + ".lora_B.weight"] = layer.b.detach().half().contiguous()
        safetensors.torch.save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})
        config = {
            "peft_type": "LORA",
            "task_type": "CAUSAL_LM",
            "base_model_name_or_path": "HuggingFaceTB/SmolLM2-135M-Instruct",
            "r": RANK,
            "lora_alpha": ALPHA,
            "lora_dropout": 0.0,
            "bias": "none",
            "target_modules": [name.split(".")[1] for name in PROJECTIONS.values()],
        }
        (folder / "adapter_config.json").write_text(json.dumps(config, indent=2) + "\n")

    @torch.no_grad()
    def generate(self, prompts, limit=160):
        """Greedy continuations of lists of token ids, as one batch padded on the left."""
        width = max(map(len, prompts))
        end = self.tokenizer.token_to_id("<|im_end|>")
        tokens = torch.tensor([[end] * (width - len(prompt)) + prompt for prompt in prompts])
        real = torch.tensor([[False] * (width - len(prompt)) + [True] * len(prompt) for prompt in prompts])
        positions = (real.cumsum(1) - 1).clamp(min=0)
        # A padding token sees itself, so that no row of the softmax is empty.
        mask = (torch.ones(width, width).tril().bool() & real[:, None]) | torch.eye(width).bool()
        caches, mask = [{} for _ in self.layers], mask[:, None]
        answers, finished = [[] for _ in prompts], [False] * len(prompts)
        for _ in range(limit):
            hidden = self.hidden(tokens, positions, caches, mask)
            chosen = self.logits(hidden[:, -1]).argmax(-1)
            for row, token in enumerate(chosen.tolist()):
                finished[row] |= token == end
                if not finished[row]:
                    answers[row].append(token)
            if all(finished):
                break
            real = torch.cat([real, torch.ones(len(prompts), 1, dtype=torch.bool)], dim=1)
            tokens, positions, mask = chosen[:, None], positions[:, -1:] + 1, real[:, None, None]
        return answers


def unpermute(weight, heads):
    """Undo GGUF's row order for llama queries and keys (pairs interleaved) to Hugging Face's (halves apart)."""
    rows, columns = weight.shape
    return weight.view(heads, rows // heads // 2, 2, columns).transpose(1, 2).reshape(rows, columns)


def rotate(heads, rotation):
    """Rotary positions on (B, H, L, 2 * half). Paper: RoFormer, arXiv:2104.09864."""
    cosine, sine = rotation
    first, second = heads.chunk(2, dim=-1)
    return torch.cat([first * cosine - second * sine, second * cosine + first * sine], dim=-1)


def read_tokenizer(reader):
    """The byte-level BPE tokenizer of the GGUF file; its digits are tokens of their own (`smollm`)."""
    words = reader.fields["tokenizer.ggml.tokens"].contents()
    kinds = reader.fields["tokenizer.ggml.token_type"].contents()
    merges = [tuple(merge.split(" ")) for merge in reader.fields["tokenizer.ggml.merges"].contents()]
    tokenizer = Tokenizer(models.BPE(vocab={word: index for index, word in enumerate(words)}, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    control = [word for word, kind in zip(words, kinds) if kind == gguf.TokenType.CONTROL]
    tokenizer.add_special_tokens([AddedToken(word, special=True, normalized=False) for word in control])
    return tokenizer


def prompt_tokens(tokenizer, request):
    """Token ids of the prompt: the user's turn and the start of the assistant's, no system turn."""
    text = f"<|im_start|>user\n{request}<|im_end|>\n<|im_start|>assistant\n"
    return tokenizer.encode(text, add_special_tokens=False).ids
