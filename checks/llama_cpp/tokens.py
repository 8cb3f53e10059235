"""Writes what llama.cpp makes of the corpus, for the tokenizer's test.

    pip install llama-cpp-python==0.3.36
    python3 checks/llama_cpp/tokens.py [MODEL ...]

For each model of the test folder (REINETTE_TEST_MODELS, by default ~/.cache/reinette-test-models) a file NAME.tokens.json:

    end_of_generation  the ids that end a generation
    bos, adds_bos      the beginning of sequence
    as_text, parse     for each text of corpus.json its ids, control tokens taken as text or parsed
    pieces             the bytes of every 97th token, as hexadecimal digits

The test reads the file and demands the same of ours. It says here whether llama.cpp still makes what the file holds.
"""

import ctypes
import json
import os
import pathlib
import sys

import llama_cpp

GOLDEN = pathlib.Path(__file__).resolve().parents[2] / "crates/reinette-engine/tests/golden"
MODELS = [
    "SmolLM2-135M-Instruct.Q4_1",
    "gemma-3-270m.Q4_K_M",
    "Qwen2.5-Coder-1.5B-Instruct.Q4_K_M",
]


def load(path: pathlib.Path):
    parameters = llama_cpp.llama_model_default_params()
    parameters.vocab_only = True
    model = llama_cpp.llama_model_load_from_file(str(path).encode(), parameters)
    if not model:
        sys.exit(f"llama.cpp cannot load {path}")
    return llama_cpp.llama_model_get_vocab(model)


def tokens(vocab, text: str, parse_special: bool) -> list[int]:
    data = text.encode()
    room = (llama_cpp.llama_token * (len(data) + 16))()
    count = llama_cpp.llama_tokenize(vocab, data, len(data), room, len(room), False, parse_special)
    if count < 0:
        sys.exit(f"llama.cpp needs more room for {text!r}")
    return list(room[:count])


def piece(vocab, token: int) -> str:
    room = ctypes.create_string_buffer(1024)
    count = llama_cpp.llama_token_to_piece(vocab, token, room, len(room), 0, True)
    return room.raw[:count].hex()


def golden(vocab, texts: list[str]) -> dict:
    count = llama_cpp.llama_vocab_n_tokens(vocab)
    return {
        "llama_cpp_python": llama_cpp.__version__,
        "vocab_size": count,
        "bos": llama_cpp.llama_vocab_bos(vocab),
        "adds_bos": bool(llama_cpp.llama_vocab_get_add_bos(vocab)),
        "end_of_generation": [token for token in range(count) if llama_cpp.llama_vocab_is_eog(vocab, token)],
        "as_text": [tokens(vocab, text, False) for text in texts],
        "parse": [tokens(vocab, text, True) for text in texts],
        "pieces": [[token, piece(vocab, token)] for token in range(0, count, 97)],
    }


def main() -> None:
    default = pathlib.Path.home() / ".cache" / "reinette-test-models"
    models = pathlib.Path(os.environ.get("REINETTE_TEST_MODELS", default))
    texts = json.loads((GOLDEN / "corpus.json").read_text(encoding="utf-8"))
    for name in sys.argv[1:] or MODELS:
        result = json.dumps(golden(load(models / f"{name}.gguf"), texts), separators=(",", ":")) + "\n"
        file = GOLDEN / f"{name}.tokens.json"
        known = file.read_text() if file.exists() else ""
        file.write_text(result)
        print(f"{name}: {len(texts)} texts, {'as before' if result == known else 'CHANGED: run the tests'}")


if __name__ == "__main__":
    main()
