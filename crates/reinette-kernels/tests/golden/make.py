"""Writes golden blocks of every weight format, dequantised by llama.cpp's own Python package.

    pip install gguf==0.19.0 && python make.py

Each TYPE.bin holds random blocks as they are in a GGUF file, followed by the weights as little-endian float32.
"""

from pathlib import Path

import numpy as np
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType
from gguf.quants import dequantize

# Where half-precision numbers are in a block; all other bytes may be anything.
HALF_FLOATS = {
    "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0],
    "Q2_K": [80, 82], "Q3_K": [108], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208],
}  # fmt: skip


def blocks(name: str, random: np.random.Generator) -> np.ndarray:
    """Blocks of at least 64 weights."""
    block_len, block_bytes = GGML_QUANT_SIZES[GGMLQuantizationType[name]]
    count = 2 if block_len == 256 else 4 if block_len == 32 else 64
    if block_len == 1:
        values = random.normal(size=count).astype(np.float32)
        halves = {"F32": values, "F16": values.astype(np.float16), "BF16": values.view(np.uint16)[1::2]}[name]
        return np.frombuffer(halves.tobytes(), np.uint8)
    out = random.integers(0, 256, (count, block_bytes), dtype=np.uint8)
    for at in HALF_FLOATS[name]:
        out[:, at : at + 2] = random.normal(scale=0.05, size=(count, 1)).astype(np.float16).view(np.uint8)
    return out.reshape(-1)


def main() -> None:
    random = np.random.default_rng(20261123)
    for name in ["F32", "F16", "BF16", *HALF_FLOATS]:
        stored = blocks(name, random)
        if name == "F32":
            weights = stored.view(np.float32)
        elif name == "F16":
            weights = stored.view(np.float16).astype(np.float32)
        else:
            weights = dequantize(stored, GGMLQuantizationType[name])
        golden = stored.tobytes() + weights.astype("<f4").tobytes()
        Path(__file__).with_name(f"{name}.bin").write_bytes(golden)


if __name__ == "__main__":
    main()
