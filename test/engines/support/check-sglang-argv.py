"""Does this SGLang take these `sglang serve` arguments? Needs no GPU, no model and no network.

Argument: the folder of the unpacked package. Standard input: a JSON list of lists of arguments. Standard output: one
JSON line for each: {"errors": [...]}, then the names of its parsers: {"tools": [...], "reasoning": [...]}.
Checked: SGLang's own parser (parser names are choices there), its record of server arguments, and the options of KV
events against their class. Not checked: what depends on a model's config or a GPU.

Of the packages SGLang imports only those that its arguments need are there: whatever SGLang imports and is missing is
replaced by a module of empty classes.
"""
import argparse
import importlib.abc
import importlib.machinery
import json
import os
import sys
import types

os.environ["HF_HUB_OFFLINE"] = "1"


class Empty(types.ModuleType):
    __path__ = []

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        value = type(name, (), {"__init__": lambda *a, **k: None, "__class_getitem__": classmethod(lambda c, k: c)})
        setattr(self, name, value)
        return value


class Missing(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Only for imports that stand in SGLang's own files: others handle what is not there themselves."""

    empty = set()

    def find_spec(self, name, path, target=None):
        top = name.split(".")[0]
        frame = sys._getframe(1)
        while "importlib" in frame.f_code.co_filename:
            frame = frame.f_back
        is_sglangs = f"{os.sep}sglang{os.sep}" in frame.f_code.co_filename or top in self.empty
        if top == "sglang" or not is_sglangs or importlib.machinery.PathFinder.find_spec(top) is not None:
            return None
        self.empty.add(top)
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec):
        return Empty(spec.name)

    def exec_module(self, module):
        pass


sys.meta_path.append(Missing())
sys.path.insert(0, sys.argv[1])

from sglang.srt.disaggregation.kv_events import KVEventsConfig  # noqa: E402
from sglang.srt.function_call.parser_names import TOOL_CALL_PARSER_NAMES  # noqa: E402
from sglang.srt.parser.reasoning_parser_names import REASONING_PARSER_NAMES  # noqa: E402
from sglang.srt.server_args import ServerArgs  # noqa: E402


class Refused(Exception):
    pass


class Parser(argparse.ArgumentParser):
    def error(self, message):
        raise Refused(message)


PARSER = Parser(prog="sglang serve", allow_abbrev=False)
ServerArgs.add_cli_args(PARSER)


def check(argv):
    try:
        args = PARSER.parse_args(argv)
        ServerArgs.from_cli_args(args)
    except Exception as error:  # Whatever SGLang raises is the answer.
        return [f"{type(error).__name__}: {error}"]
    return list(wrong_events(args.kv_events_config))


def wrong_events(text):
    unknown = json.loads(text).keys() - KVEventsConfig.model_fields.keys()
    yield from (f"--kv-events-config: no field {name}" for name in sorted(unknown))
    config = KVEventsConfig.from_cli(text)
    if config.publisher != "zmq" or not config.replay_endpoint:
        yield "--kv-events-config: no publisher, or no replay"


for argv in json.load(sys.stdin):
    print(json.dumps({"errors": check(argv)}), flush=True)

print(json.dumps({"tools": TOOL_CALL_PARSER_NAMES, "reasoning": REASONING_PARSER_NAMES}))
