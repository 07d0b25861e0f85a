#!/usr/bin/env python3
"""Turn a GGUF model into a Hugging Face folder: config, weights in bfloat16, tokenizer, chat template.

    python gguf-to-hf.py MODEL.gguf FOLDER

Runs in vLLM's environment; needs transformers 5.16 or newer, gguf and accelerate. Called by dynamo, which gives the
folder its final name once this has ended well.
"""
import ctypes
import os
import signal
import sys


def die_with_parent() -> None:
    """A stack that is killed must not leave a conversion behind (Linux)."""
    try:
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    except (OSError, AttributeError):
        pass


def main(source: str, out: str) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    folder, name = os.path.split(os.path.abspath(source))
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=name)
    # A packed model cannot be saved.
    model = AutoModelForCausalLM.from_pretrained(
        folder, gguf_file=name, dtype=torch.bfloat16, quantization_config=GgufConfig(dequantize=True))
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    die_with_parent()
    main(*sys.argv[1:])
