"""Does the installed vLLM take these `vllm serve` arguments? Needs no GPU, no model and no network.

Standard input: a JSON list of lists of arguments. Standard output: one JSON line for each: {"errors": [...]}, then
the names of its parsers: {"tools": [...], "reasoning": [...]}.
Checked: vLLM's own parser and serve checks, parser names against its registries, and JSON options against its config
classes. Not checked: what depends on a model's config (speculative methods, memory).
"""
import json
import os
import sys

os.environ["VLLM_LOGGING_LEVEL"] = "ERROR"
os.environ.pop("HF_HUB_OFFLINE", None)  # Offline, it would look for the model on the disk.

from typing import Annotated  # noqa: E402

from pydantic import TypeAdapter, ValidationError  # noqa: E402
from vllm.config import CacheConfig, ParallelConfig, SchedulerConfig, SpeculativeConfig  # noqa: E402
from vllm.distributed.kv_transfer.kv_connector.factory import KVConnectorFactory  # noqa: E402
from vllm.engine.arg_utils import AsyncEngineArgs  # noqa: E402
from vllm.entrypoints.launchers.cli_args import make_arg_parser, validate_parsed_serve_args  # noqa: E402
from vllm.reasoning import ReasoningParserManager  # noqa: E402
from vllm.tool_parsers import ToolParserManager  # noqa: E402
from vllm.utils.argparse_utils import FlexibleArgumentParser  # noqa: E402


class Refused(Exception):
    pass


class Parser(FlexibleArgumentParser):
    def error(self, message):
        raise Refused(message)


def wrong_value(config, name, value):
    """Why the value does not fit the field of a config class, or None."""
    field = config.__pydantic_fields__[name]
    try:
        TypeAdapter(Annotated[(field.annotation, None, *field.metadata)]).validate_python(value)
    except ValidationError as error:
        return error.errors()[0]["msg"]
    return None


def check(argv):
    try:
        args = make_arg_parser(Parser(prog="vllm serve")).parse_args(argv)
        validate_parsed_serve_args(args)
        AsyncEngineArgs.from_cli_args(args)
    except Exception as error:  # Whatever vLLM raises is the answer.
        return [f"{type(error).__name__}: {error}"]
    return [*unknown_names(args), *wrong_fields(args)]


def unknown_names(args):
    transfer = args.kv_transfer_config
    connector = transfer and not transfer.kv_connector_module_path and transfer.kv_connector
    for flag, name, known in [
        ("--tool-call-parser", args.tool_call_parser, ToolParserManager.list_registered()),
        ("--reasoning-parser", args.reasoning_parser, ReasoningParserManager.list_registered()),
        ("--kv-transfer-config", connector, list(KVConnectorFactory._registry)),
    ]:
        if name and name not in known and name != "hf":
            yield f"{flag}: {name} is not registered"


def wrong_fields(args):
    for key, value in (args.speculative_config or {}).items():
        name = key.replace("-", "_")
        known = name in SpeculativeConfig.__pydantic_fields__
        why = wrong_value(SpeculativeConfig, name, value) if known else "no such field"
        if why:
            yield f"--speculative-config.{key}: {why}"
    for config in (CacheConfig, ParallelConfig, SchedulerConfig):
        for name in config.__pydantic_fields__.keys() & vars(args).keys():
            value = getattr(args, name)
            why = None if value is None else wrong_value(config, name, value)
            if why:
                yield f"--{name.replace('_', '-')}: {why}"


for argv in json.load(sys.stdin):
    print(json.dumps({"errors": check(argv)}))

tools, reasoning = ToolParserManager.list_registered(), ReasoningParserManager.list_registered()
print(json.dumps({"tools": sorted(tools), "reasoning": sorted(reasoning)}))
