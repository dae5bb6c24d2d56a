# SPDX-License-Identifier: Apache-2.0
"""The agent as one file that Python runs: a few lines of program, and the package behind them in a comment.

At the first start a child compiles the package into one file beside it; from then on nothing but that is
read. (One file, because making forty costs a new amphora more than compiling them; a child, because a Python
that has just compiled keeps megabytes of what it needed for that.)
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import zlib
from pathlib import Path

__all__ = ["agent_program"]

MARK = "\n# the package: "
# Any Python from 3.8 on. The library's own way to a package in a zip takes as long as the rest of the start.
# A module's source is not kept, so that tracebacks name lines without showing them.
PROGRAM = """\
# SPDX-License-Identifier: Apache-2.0
import _frozen_importlib, marshal, os, sys

HERE = os.path.abspath(sys.argv[0])
COMPILED = os.path.dirname(HERE) + "/agent-{digest}." + sys.implementation.cache_tag


def compiled():
    import base64, json, zlib

    with open(HERE) as file:
        packed = file.read().rpartition({mark!r})[2]
    sources = json.loads(zlib.decompress(base64.b64decode(packed)))
    return marshal.dumps({{
        name: compile(source, HERE + "/" + name.replace(".", "/") + ".py", "exec", dont_inherit=True)
        for name, source in sources.items()
    }})


def keep():
    try:
        fresh = COMPILED + "." + str(os.getpid())
        with open(fresh, "wb") as file:
            file.write(compiled())
        os.rename(fresh, COMPILED)
    finally:
        os._exit(0)


def codes():
    if not os.path.exists(COMPILED):
        child = os.fork()
        if not child:
            keep()
        os.waitpid(child, 0)
    try:
        with open(COMPILED, "rb") as file:
            return marshal.load(file)
    except Exception:  # no room, or half of it
        return marshal.loads(compiled())


class Package:
    def __init__(self, modules):
        self.modules = modules

    def find_spec(self, name, path=None, target=None):
        if name in self.modules:
            return _frozen_importlib.ModuleSpec(name, self, is_package="." not in name)

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        exec(self.modules.pop(module.__name__), module.__dict__)


sys.meta_path.insert(0, Package(codes()))
from samovar_amphora.__main__ import main

raise SystemExit(main())
"""


@functools.cache
def agent_program() -> bytes:
    """The program with the package samovar_amphora; the same bytes for the same source."""
    folder = Path(__file__).resolve().parents[3] / "samovar_amphora"
    sources = {_module(path.stem): path.read_text() for path in sorted(folder.glob("*.py"))}
    packed = json.dumps(sources, sort_keys=True).encode()
    program = PROGRAM.format(digest=hashlib.sha256(packed).hexdigest()[:16], mark=MARK)
    return (program + MARK + base64.b64encode(zlib.compress(packed, 9)).decode()).encode()


def _module(stem: str) -> str:
    return "samovar_amphora" if stem == "__init__" else f"samovar_amphora.{stem}"
