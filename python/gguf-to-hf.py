#!/usr/bin/env python3
"""Turn a GGUF model into a Hugging Face folder: config, weights in bfloat16, tokenizer, chat template.

    python gguf-to-hf.py MODEL.gguf FOLDER

Runs in vLLM's environment; needs transformers 5.16 or newer, gguf and accelerate. Called by dynamo, which gives the
folder its final name once this has ended well.
"""
import ctypes
import json
import os
import signal
import sys


def die_with_parent() -> None:
    """A stack that is killed must not leave a conversion behind (Linux)."""
    try:
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    except (OSError, AttributeError):
        pass


def with_tools(tokenizer) -> str:
    """The chat template; one that knows no tools gets a beginning that writes them as text."""
    template = tokenizer.chat_template
    if template is None or "tools" in template:
        return template
    system, user = "probe-system-text", "probe-user-text"

    def render(*messages):
        chat = [{"role": role, "content": text} for role, text in messages]
        return tokenizer.apply_chat_template(chat, tokenize=False)

    before, found, after = render(("system", system), ("user", user)).partition(system)
    bare = render(("user", user))
    if not found:
        return template
    is_framed = len(bare) >= len(before + after) and bare.startswith(before) and bare.endswith(after)
    default = bare[len(before):len(bare) - len(after)] if is_framed else ""
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "hermes-tools.jinja"), encoding="utf-8") as file:
        head, code = file.read().rstrip("\n").split("-#}", 1)
    return head + "-#}" + code.replace('"DEFAULT SYSTEM"', json.dumps(default, ensure_ascii=False)) + template


def main(source: str, out: str) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    folder, name = os.path.split(os.path.abspath(source))
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=name)
    # A packed model cannot be saved.
    model = AutoModelForCausalLM.from_pretrained(
        folder, gguf_file=name, dtype=torch.bfloat16, quantization_config=GgufConfig(dequantize=True))
    model.save_pretrained(out)
    tokenizer.chat_template = with_tools(tokenizer)
    tokenizer.save_pretrained(out)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    die_with_parent()
    main(*sys.argv[1:])
