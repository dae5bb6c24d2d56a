# SPDX-License-Identifier: Apache-2.0
"""The process in which users' expressions run. It is started by file name and imports nothing of the program.

Requests and answers are MessagePack with four bytes of length before, on standard input and output.
A request is `["yaql", expression, data]`, `["check", expression]` or `["match", pattern, text]`; the answer
`[true, value]` or `[false, sentence]`. The kernel ends the process when a request uses more processor time or
memory than it may: timers with their default action need nothing of the interpreter.
"""

from __future__ import annotations

import datetime
import functools
import re
import resource
import signal
import sys
from typing import Any

import msgspec

_LENGTH = 4


class Worker:
    def __init__(self, cpu_seconds: float, iterators: int, memory_quota: int) -> None:
        self.cpu_seconds, self.iterators, self.memory_quota = cpu_seconds, iterators, memory_quota
        self.parse = functools.lru_cache(maxsize=512)(self._parse)

    @functools.cached_property
    def engine(self) -> tuple[Any, Any]:
        import yaql

        options = {
            "yaql.limitIterators": self.iterators,
            "yaql.memoryQuota": self.memory_quota,
            "yaql.convertSetsToLists": True,
            "yaql.convertTuplesToLists": True,
        }
        return yaql.YaqlFactory().create(options), yaql.create_context()

    def _parse(self, expression: str) -> Any:
        return self.engine[0](expression)

    def prepare(self, kind: str) -> None:
        """What must not count as the request's own time."""
        if kind in ("yaql", "check"):
            _ = self.engine

    def answer(self, request: list[Any]) -> Any:
        kind = request[0]
        if kind == "match":
            found = re.compile(request[1]).match(request[2])
            return found is not None and found.end() == len(request[2])
        parsed = self.parse(request[1])
        if kind == "check":
            return None
        context = self.engine[1].create_child_context()
        return plain(parsed.evaluate(data={"data": request[2]}, context=context))

    def run(self) -> None:
        source, target = sys.stdin.buffer, sys.stdout.buffer
        while True:
            head = source.read(_LENGTH)
            if len(head) < _LENGTH:
                return
            request = msgspec.msgpack.decode(source.read(int.from_bytes(head, "big")))
            try:
                self.prepare(request[0])
                signal.setitimer(signal.ITIMER_PROF, self.cpu_seconds)
                answer = [True, self.answer(request)]
                body = msgspec.msgpack.encode(answer)
            except (MemoryError, RecursionError):
                body = msgspec.msgpack.encode([False, "it needs too much memory"])
            except Exception as error:
                body = msgspec.msgpack.encode([False, sentence(error)])
            signal.setitimer(signal.ITIMER_PROF, 0)
            target.write(len(body).to_bytes(_LENGTH, "big") + body)
            target.flush()


def plain(value: Any) -> Any:
    """The result as plain data: sets and generators become lists, times become text."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if hasattr(value, "items"):
        return {
            key if isinstance(key, (str, int, float)) else str(key): plain(item)
            for key, item in value.items()
        }
    if isinstance(value, (datetime.datetime, datetime.date)):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return str(value)
    if hasattr(value, "__iter__"):
        return [plain(item) for item in value]
    raise ValueError(f"the result is no plain data but {type(value).__name__}")


def sentence(error: Exception) -> str:
    text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    if isinstance(error, KeyError):
        text = f'there is no key "{text}"'
    return (text or type(error).__name__)[:300]


def main() -> None:
    cpu_seconds, memory, iterators, quota = sys.argv[1:5]
    resource.setrlimit(resource.RLIMIT_AS, (int(memory), int(memory)))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    Worker(float(cpu_seconds), int(iterators), int(quota)).run()


if __name__ == "__main__":
    main()
