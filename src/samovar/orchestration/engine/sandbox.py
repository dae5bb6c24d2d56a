# SPDX-License-Identifier: Apache-2.0
"""Users' expressions (yaql, regular expressions) in a process of their own, with bounds on time and memory.

Calls block for as long as the expression runs, at most about `cpu_seconds`: from an event loop, resolve
templates that use the sandbox in a thread (`uses_sandbox` says which do). The process starts with the first
call; when it dies, the next call starts another. An expression that used up its time is refused at once from
then on.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import select
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from samovar.orchestration.templates.constraints import AllowedPattern, match_quickly
from samovar.orchestration.templates.functions.expressions import Yaql
from samovar.orchestration.templates.nodes import Sandbox, functions_taken
from samovar.orchestration.templates.template import Template
from samovar.orchestration.templates.values import Value

T = TypeVar("T")
_WORKER = Path(__file__).with_name("sandbox_worker.py")
_LENGTH = 4
_REMEMBERED = 1024


class ProcessSandbox:
    """Implements `templates.nodes.Sandbox`. One may be shared by threads; close it when done.

    cpu_seconds: processor time of one expression; wall_seconds: how long to wait at most on a busy machine;
    memory: bytes of address space of the process; iterators, memory_quota: yaql's own limits, as in heat.conf
    (`[yaql] limit_iterators`, `memory_quota`).
    """

    def __init__(
        self,
        *,
        cpu_seconds: float = 0.3,
        wall_seconds: float = 10.0,
        memory: int = 512 * 1024 * 1024,
        iterators: int = 200,
        memory_quota: int = 10_000,
    ) -> None:
        self._arguments = [str(value) for value in (cpu_seconds, memory, iterators, memory_quota)]
        self._wall_seconds = wall_seconds
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._finalizer: weakref.finalize[..., ProcessSandbox] | None = None
        self._deadly: OrderedDict[bytes, str] = OrderedDict()
        self._checked: OrderedDict[str, str] = OrderedDict()

    def evaluate_yaql(self, expression: str, data: Value) -> Value:
        """Raises ValueError with a sentence."""
        return self._ask("The yaql expression", ["yaql", expression, data])

    def check_yaql(self, expression: str) -> None:
        """Whether the expression can be parsed. Raises ValueError with a sentence."""
        problem = self._checked.get(expression)
        if problem is None:
            try:
                self._ask("", ["check", expression])
                problem = ""
            except ValueError as error:
                problem = str(error)
            self._remember(self._checked, expression, problem)
        if problem:
            raise ValueError(problem)

    def match(self, pattern: str, text: str) -> bool:
        """Whether the pattern matches the whole text. Raises ValueError with a sentence."""
        quick = match_quickly(pattern, text)
        if quick is not None:
            return quick
        return bool(self._ask("The pattern", ["match", pattern, text]))

    def close(self) -> None:
        with self._lock:
            self._end()

    def __enter__(self) -> ProcessSandbox:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _ask(self, what: str, request: list[Any]) -> Any:
        try:
            body = msgspec.msgpack.encode(request)
        except (OverflowError, TypeError, ValueError, RecursionError) as error:
            raise ValueError(f"{what or 'The expression'} has data it can't work on: {error}") from None
        key = hashlib.sha256(body).digest()
        with self._lock:
            problem = self._deadly.get(key)
            if problem is None:
                answer = self._exchange(body)
                if answer is not None:
                    good, value = answer
                    if good:
                        return value
                    raise ValueError(f"{what} fails: {value}" if what else str(value))
                problem = f"{what or 'The expression'} takes too long or needs too much memory"
                self._remember(self._deadly, key, problem)
        raise ValueError(problem)

    @staticmethod
    def _remember(where: OrderedDict[Any, str], key: Any, value: str) -> None:
        where[key] = value
        if len(where) > _REMEMBERED:
            where.popitem(last=False)

    def _exchange(self, body: bytes) -> tuple[bool, Any] | None:
        """The worker's answer, or None when the request used up its time. Raises ValueError without one."""
        for _ in range(2):
            process = self._started()
            assert process.stdin is not None and process.stdout is not None
            try:
                process.stdin.write(len(body).to_bytes(_LENGTH, "big") + body)
                process.stdin.flush()
                deadline = time.monotonic() + self._wall_seconds
                head = _read(process.stdout.fileno(), _LENGTH, deadline)
                reply = _read(process.stdout.fileno(), int.from_bytes(head, "big"), deadline)
            except TimeoutError:
                self._end()
                break
            except (OSError, EOFError):
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=1)
                self._end()
                if process.returncode == -signal.SIGPROF:
                    return None
                continue
            good, value = msgspec.msgpack.decode(reply)
            return bool(good), value
        raise ValueError("The process for expressions gives no answer; try again")

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is not None:
            self._end()
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-P", str(_WORKER), *self._arguments],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                start_new_session=True,
            )  # fmt: skip
            self._finalizer = weakref.finalize(self, _end_process, self._process)
        return self._process

    def _end(self) -> None:
        if self._finalizer is not None:
            self._finalizer()
        self._finalizer = None
        self._process = None


class Budget:
    """A sandbox for one request: once its expressions have wasted `seconds`, it refuses all further ones.

    Only failures count, so that an honest template may have as many expressions as it likes.
    """

    def __init__(self, sandbox: Sandbox, seconds: float = 0.5) -> None:
        self._sandbox, self._left = sandbox, seconds

    def evaluate_yaql(self, expression: str, data: Value) -> Value:
        return self._spend(lambda: self._sandbox.evaluate_yaql(expression, data))

    def check_yaql(self, expression: str) -> None:
        self._spend(lambda: self._sandbox.check_yaql(expression))

    def match(self, pattern: str, text: str) -> bool:
        return self._spend(lambda: self._sandbox.match(pattern, text))

    def _spend(self, ask: Callable[[], T]) -> T:
        if self._left <= 0:
            raise ValueError("It was not tried: the expressions before it took too long")
        began = time.monotonic()
        try:
            return ask()
        except ValueError:
            self._left -= time.monotonic() - began
            raise


def _end_process(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()


def _read(descriptor: int, length: int, deadline: float) -> bytes:
    """Exactly that many bytes. Raises EOFError, TimeoutError."""
    poller = select.poll()
    poller.register(descriptor, select.POLLIN | select.POLLHUP)
    pieces: list[bytes] = []
    while length:
        remaining = deadline - time.monotonic()
        if remaining <= 0 or not poller.poll(remaining * 1000):
            raise TimeoutError
        piece = os.read(descriptor, min(length, 1 << 20))
        if not piece:
            raise EOFError
        pieces.append(piece)
        length -= len(piece)
    return b"".join(pieces)


def uses_sandbox(template: Template) -> bool:
    """Whether resolving the template may run an expression, so that it belongs into a thread."""
    if any(
        isinstance(constraint, AllowedPattern)
        for schema in template.parameters.values()
        for constraint in schema.constraints
    ):
        return True
    nodes = [node for definition in template.resources.values() for node in definition.nodes()]
    nodes += [output.value for output in template.outputs.values()]
    nodes += list(template.conditions.values())
    return any(isinstance(function, Yaql) for node in nodes for function in functions_taken(node))
