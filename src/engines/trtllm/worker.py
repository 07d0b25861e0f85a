"""A TensorRT-LLM worker: vLLM's HTTP over the LLM API, which alone takes retention per range of the prompt.

Standard library and tensorrt_llm only. HTTP cannot carry `KvCacheRetentionConfig`, so `trtllm-serve` cannot keep a system prompt
longer than a tool result; this can: `kv_retention` of a body is a list of {start, end, priority, durationMs}.
KV events are taken from the engine all the time and given, each once, to whoever asks `POST /kv_cache_events`, in the engine's own form.
"""

import argparse
import asyncio
import collections
import datetime
import http.server
import json
import queue
import sys
import threading
import time
import uuid

from tensorrt_llm import LLM, SamplingParams
from tensorrt_llm.llmapi import KvCacheConfig, KvCacheRetentionConfig

# TensorRT-LLM's own for what nobody says anything of.
PRIORITY_DEFAULT = 35
EVENTS_KEPT = 65_536
BODY_BYTES_MAX = 64 * 1024 * 1024
# Text of a default answer of /v1/completions, as in vLLM.
TEXT_TOKENS_DEFAULT = 16


def retention_config(spans, prompt_tokens):
    """Ranges of the prompt, and what lies past it as the answer's. None for none."""
    if not spans:
        return None
    ranges = []
    decode_priority, decode_duration = PRIORITY_DEFAULT, None
    for span in spans:
        start, end = int(span["start"]), int(span["end"])
        priority = int(span["priority"])
        milliseconds = float(span.get("durationMs", 0))
        # A worth without a promise holds until the place is needed: it has no end.
        duration = datetime.timedelta(milliseconds=milliseconds) if milliseconds > 0 else None
        if end > prompt_tokens:
            decode_priority, decode_duration = priority, duration
        if start < min(end, prompt_tokens):
            ranges.append(
                KvCacheRetentionConfig.TokenRangeRetentionConfig(start, min(end, prompt_tokens), priority, duration)
            )
    return KvCacheRetentionConfig(ranges, decode_priority, decode_duration)


def sampling_params(body, default_tokens):
    """The fields of an OpenAI body TensorRT-LLM has under other names."""
    tokens = body.get("max_completion_tokens") or body.get("max_tokens") or default_tokens
    names = {
        "temperature": "temperature",
        "top_p": "top_p",
        "top_k": "top_k",
        "min_p": "min_p",
        "seed": "seed",
        "repetition_penalty": "repetition_penalty",
        "presence_penalty": "presence_penalty",
        "frequency_penalty": "frequency_penalty",
        "stop": "stop",
        "stop_token_ids": "stop_token_ids",
        "ignore_eos": "ignore_eos",
    }
    given = {ours: body[theirs] for theirs, ours in names.items() if body.get(theirs) is not None}
    return SamplingParams(max_tokens=tokens, **given)


def engine_priority(value):
    """vLLM's polarity (lower first, any whole number) as TensorRT-LLM's 0..1 (higher first, 0.5 = none given)."""
    return 0.5 - 0.5 * value / (1 + abs(value))


class Refusal(Exception):
    """What the client did wrong, as a 400."""


class Engine:
    """The LLM with an event loop of its own; everything the HTTP threads ask goes through here."""

    def __init__(self, options):
        self.options = options
        self.llm = LLM(
            model=options.model,
            tensor_parallel_size=options.tp,
            max_seq_len=options.context,
            kv_cache_config=KvCacheConfig(
                enable_block_reuse=True,
                tokens_per_block=options.block_tokens,
                event_buffer_max_size=EVENTS_KEPT,
                host_cache_size=options.host_cache_bytes,
            ),
        )
        self.running = 0
        self.lock = threading.Lock()
        self.events = collections.deque(maxlen=EVENTS_KEPT)
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        asyncio.run_coroutine_threadsafe(self._take_events(), self.loop)

    def prompt_of(self, body, is_chat):
        """Token ids: those that came with the request, or the model's own template and tokenizer."""
        if is_chat:
            if body.get("prompt_token_ids") is not None:
                return list(body["prompt_token_ids"])
            if not isinstance(body.get("messages"), list):
                raise Refusal("messages must be a list")
            return self.llm.tokenizer.apply_chat_template(
                body["messages"],
                tools=body.get("tools"),
                add_generation_prompt=True,
                tokenize=True,
                **(body.get("chat_template_kwargs") or {}),
            )
        prompt = body.get("prompt")
        if isinstance(prompt, str):
            return self.llm.tokenizer.encode(prompt)
        if isinstance(prompt, list) and prompt and all(isinstance(token, int) for token in prompt):
            return prompt
        raise Refusal("prompt must be a text or a list of token ids")

    def generate(self, body, is_chat):
        """Starts a generation; answers its prompt's length, a queue of outputs ending in None, and what ends it early."""
        tokens = self.prompt_of(body, is_chat)
        left = self.options.context - len(tokens)
        if left < 1:
            raise Refusal(
                f"This model's maximum context length is {self.options.context} tokens. "
                f"However, your prompt contains {len(tokens)} input tokens."
            )
        params = sampling_params(body, left if is_chat else TEXT_TOKENS_DEFAULT)
        extra = {} if body.get("cache_salt") is None else {"cache_salt": body["cache_salt"]}
        if body.get("priority"):
            extra["priority"] = engine_priority(body["priority"])
        outputs = queue.Queue()
        handle = {}
        retention = retention_config(body.get("kv_retention"), len(tokens))

        async def run():
            with self.lock:
                self.running += 1
            try:
                result = self.llm.generate_async(
                    tokens, params, streaming=True, kv_cache_retention_config=retention, **extra
                )
                handle["abort"] = result.abort
                async for output in result:
                    outputs.put(output)
            except Exception as error:  # a failure of one request is its client's to hear, not the worker's end
                outputs.put(error)
            finally:
                with self.lock:
                    self.running -= 1
                outputs.put(None)

        asyncio.run_coroutine_threadsafe(run(), self.loop)
        return len(tokens), outputs, lambda: handle["abort"]() if "abort" in handle else None

    def take_events(self):
        taken = []
        while self.events:
            taken.append(self.events.popleft())
        return taken

    async def _take_events(self):
        while True:
            try:
                async for event in self.llm.get_kv_cache_events_async(timeout=1):
                    self.events.append(event)
            except Exception as error:
                print(f"kv events: {error}", file=sys.stderr)
            await asyncio.sleep(0.02)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    engine = None
    options = None

    def log_message(self, *_):
        pass

    def do_GET(self):
        name = self.options.served_name
        if self.path == "/health":
            self.reply({})
        elif self.path == "/version":
            self.reply({"version": "tensorrt-llm"})
        elif self.path == "/v1/models":
            card = {"id": name, "object": "model", "owned_by": "dynamo", "max_model_len": self.options.context}
            self.reply({"object": "list", "data": [card]})
        elif self.path == "/metrics":
            self.reply_text(f'vllm:num_requests_running{{model_name="{name}"}} {self.engine.running}\n')
        else:
            self.refuse(404, "no such path")

    def do_POST(self):
        try:
            length = int(self.headers.get("content-length") or 0)
            if length > BODY_BYTES_MAX:
                raise Refusal("the body is too large")
            text = self.rfile.read(length)
            body = json.loads(text) if text else {}
            if not isinstance(body, dict):
                raise Refusal("the body must be a JSON object")
            if self.path == "/kv_cache_events":
                self.reply(self.engine.take_events())
            elif self.path == "/tokenize":
                tokens = self.engine.prompt_of(body, "messages" in body)
                self.reply({"tokens": list(tokens), "count": len(tokens), "max_model_len": self.options.context})
            elif self.path in ("/v1/chat/completions", "/v1/completions"):
                self.complete(body, self.path == "/v1/chat/completions")
            else:
                self.refuse(404, "no such path")
        except (Refusal, json.JSONDecodeError, KeyError, TypeError, ValueError) as error:
            self.refuse(400, str(error))

    def complete(self, body, is_chat):
        prompt_tokens, outputs, abort = self.engine.generate(body, is_chat)
        kind = "chat.completion" if is_chat else "text_completion"
        request = body.get("request_id") or uuid.uuid4().hex
        head = {
            "id": ("chatcmpl-" if is_chat else "cmpl-") + str(request),
            "created": int(time.time()),
            "model": self.options.served_name,
        }
        first = outputs.get()
        if isinstance(first, Exception):
            self.refuse(400, str(first))
            return
        if body.get("stream"):
            self.stream(body, is_chat, {**head, "object": kind + ".chunk" if is_chat else kind}, prompt_tokens, first, outputs, abort)
        else:
            self.whole(is_chat, {**head, "object": kind}, prompt_tokens, first, outputs)

    def stream(self, body, is_chat, head, prompt_tokens, first, outputs, abort):
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        self.close_connection = True
        try:
            if is_chat:
                self.event({**head, "choices": [choice(True, {"role": "assistant", "content": ""}, None)]})
            last = None
            for output in following(first, outputs):
                last = output
                if isinstance(output, Exception):
                    self.event({"error": {"message": str(output), "type": "server_error", "code": 500}})
                    break
                piece = output.outputs[0]
                delta = {"content": piece.text_diff} if is_chat else piece.text_diff
                self.event({**head, "choices": [choice(is_chat, delta, piece.finish_reason)]})
            if (body.get("stream_options") or {}).get("include_usage") and not isinstance(last, Exception):
                self.event({**head, "choices": [], "usage": usage(prompt_tokens, last)})
            self.wfile.write(b"data: [DONE]\n\n")
        except (BrokenPipeError, ConnectionResetError):
            abort()

    def whole(self, is_chat, head, prompt_tokens, first, outputs):
        last = first
        for output in following(first, outputs):
            last = output
        if isinstance(last, Exception):
            self.refuse(500, str(last))
            return
        piece = last.outputs[0]
        message = {"role": "assistant", "content": piece.text}
        body = {"index": 0, "finish_reason": piece.finish_reason, **({"message": message} if is_chat else {"text": piece.text})}
        self.reply({**head, "choices": [body], "usage": usage(prompt_tokens, last)})

    def event(self, value):
        self.wfile.write(b"data: " + json.dumps(value).encode() + b"\n\n")
        self.wfile.flush()

    def refuse(self, status, message):
        self.reply({"error": {"message": message, "type": "invalid_request_error", "code": status}}, status)

    def reply(self, value, status=200):
        self.send(json.dumps(value).encode(), "application/json", status)

    def reply_text(self, text):
        self.send(text.encode(), "text/plain; version=0.0.4", 200)

    def send(self, content, kind, status):
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def following(first, outputs):
    """Outputs up to the None that ends them."""
    output = first
    while output is not None:
        yield output
        output = outputs.get()


def choice(is_chat, piece, finish):
    return {"index": 0, "finish_reason": finish, ("delta" if is_chat else "text"): piece}


def usage(prompt_tokens, output):
    answer = 0 if output is None else len(output.outputs[0].token_ids)
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": answer,
        "total_tokens": prompt_tokens + answer,
        "prompt_tokens_details": {"cached_tokens": getattr(output, "cached_tokens", 0) or 0},
    }


def watch_stdin():
    """The stack holds our stdin open while it lives."""
    sys.stdin.buffer.read()
    import os

    os._exit(0)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--served-name", required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--context", type=int, required=True)
    parser.add_argument("--block-tokens", type=int, default=32)
    parser.add_argument("--tp", type=int, default=1)
    parser.add_argument("--host-cache-bytes", type=int, default=0)
    options = parser.parse_args()
    print("phase weights", flush=True)
    Handler.options = options
    Handler.engine = Engine(options)
    server = http.server.ThreadingHTTPServer((options.host, options.port), Handler)
    server.daemon_threads = True
    threading.Thread(target=watch_stdin, daemon=True).start()
    print(f"phase ready http://{options.host}:{server.server_address[1]}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
