"""Makes a small byte-level vocabulary and writes what llama.cpp makes of the corpus under each pre-tokenizer's name.

    pip install llama-cpp-python==0.3.36 gguf==0.19.0 tokenizers
    python3 checks/llama_cpp/pre_tokenizers.py crates/reinette-engine/tests/golden

The vocabulary (pre_tokenizers.gguf, no tensors) is trained on the corpus without cutting it into words, so that it has merges
across every place where a pattern might cut: another cut gives other ids. pre_tokenizers.json holds for each name the ids
of a part of the texts, and whether llama.cpp puts a beginning of sequence in front.
"""

import json
import pathlib
import sys
import tempfile

import gguf
import llama_cpp
import tokenizers

from tokens import load, tokens

# One name for each pattern, and for each way to treat it.
NAMES = ["default", "falcon", "gpt-2", "smollm", "llama-bpe", "dbrx", "qwen2", "qwen35", "tekken", "gpt-4o"]
SIZE = 1200
# Every third text: the patterns differ in all scripts, and the file stays small.
STEP = 3


def train(texts):
    model = tokenizers.Tokenizer(tokenizers.models.BPE())
    model.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=SIZE, initial_alphabet=alphabet, min_frequency=2, max_token_length=6, show_progress=False
    )
    model.train_from_iterator(texts, trainer)
    state = json.loads(model.to_str())["model"]
    vocabulary = sorted(state["vocab"], key=state["vocab"].get)
    return vocabulary, [merge if isinstance(merge, str) else " ".join(merge) for merge in state["merges"]]


def write(path, name, vocabulary, merges):
    writer = gguf.GGUFWriter(path, "llama")
    for add in [writer.add_context_length, writer.add_embedding_length, writer.add_block_count]:
        add(1)
    writer.add_feed_forward_length(1)
    writer.add_head_count(1)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(name)
    writer.add_token_list(vocabulary)
    writer.add_token_types([1] * len(vocabulary))
    writer.add_token_merges(merges)
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(1)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main() -> None:
    folder = pathlib.Path(sys.argv[1])
    texts = json.loads((folder / "corpus.json").read_text(encoding="utf-8"))
    vocabulary, merges = train(texts)
    write(folder / "pre_tokenizers.gguf", "default", vocabulary, merges)
    golden = {}
    with tempfile.TemporaryDirectory() as temporary:
        for name in NAMES:
            path = pathlib.Path(temporary) / "vocabulary.gguf"
            write(path, name, vocabulary, merges)
            vocab = load(path)
            golden[name] = {
                "adds_bos": bool(llama_cpp.llama_vocab_get_add_bos(vocab)),
                "ids": [tokens(vocab, text, False) for text in texts[::STEP]],
            }
            print(name, sum(map(len, golden[name]["ids"])))
    (folder / "pre_tokenizers.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
