# SPDX-License-Identifier: Apache-2.0
"""Traces by OpenTelemetry, where it is installed and wanted; else nothing, at the cost of one test.

An operation's id is its trace's id: whoever works on it, in whichever process, before and after a
crash, adds to the same trace, and an operator finds it by the id that the logs and events show.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
import uuid
from collections.abc import Coroutine, Iterator
from typing import Any, TypeVar

from samovar.config import ObservabilitySettings, OptionsError

T = TypeVar("T")
_tracer: Any = None
_provider: Any = None
_NOTHING = contextlib.nullcontext()
LACKING = (
    "[samovar] trace_exporter needs OpenTelemetry; install it with: "
    f"{sys.executable} -m pip install opentelemetry-sdk opentelemetry-exporter-otlp-proto-http"
)


def begin_tracing(settings: ObservabilitySettings, services: str, version: str) -> None:
    """Begin to export spans, when the settings want it. Raises OptionsError."""
    global _tracer, _provider
    kind = settings.trace_exporter
    if kind == "none":
        return
    if kind not in ("otlp", "console"):
        raise OptionsError(f"[samovar] trace_exporter: {kind!r} is not one of none, otlp, console.")
    try:
        resources = importlib.import_module("opentelemetry.sdk.resources")
        trace = importlib.import_module("opentelemetry.sdk.trace")
        export = importlib.import_module("opentelemetry.sdk.trace.export")
        exporter = _exporter(kind, settings.trace_endpoint, export)
    except ImportError as error:
        raise OptionsError(f"{LACKING} ({error.name} is missing)") from error
    named = resources.Resource.create({"service.name": services, "service.version": version})
    _provider = trace.TracerProvider(resource=named)
    _provider.add_span_processor(export.BatchSpanProcessor(exporter))
    _tracer = _provider.get_tracer("samovar", version)


def _exporter(kind: str, endpoint: str | None, export: Any) -> Any:
    if kind == "console":
        import sys

        return export.ConsoleSpanExporter(out=sys.stderr)
    otlp = importlib.import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
    return otlp.OTLPSpanExporter(endpoint=endpoint) if endpoint else otlp.OTLPSpanExporter()


def end_tracing() -> None:
    """Send what is left."""
    global _tracer, _provider
    if _provider is not None:
        _provider.shutdown()
    _tracer = _provider = None


def span(name: str, *, operation_id: str = "", **attributes: str | int) -> Any:
    """A context manager around a piece of work.

    With `operation_id` the span belongs to the operation's trace; else to the one that is open here.
    """
    if _tracer is None:
        return _NOTHING
    return _span(name, operation_id, attributes)


def traced(work: Coroutine[Any, Any, T], named: object) -> Coroutine[Any, Any, T]:
    """The same work in a span; `named` is a string, or a tuple of words."""
    if _tracer is None:
        return work
    return _traced(work, " ".join(map(str, named)) if isinstance(named, tuple) else str(named))


async def _traced(work: Coroutine[Any, Any, T], name: str) -> T:
    with _span(name, "", {}):
        return await work


@contextlib.contextmanager
def _span(name: str, operation_id: str, attributes: dict[str, str | int]) -> Iterator[Any]:
    parent = _operation(operation_id) if operation_id else None
    named = {f"samovar.{key}": value for key, value in attributes.items()}
    if operation_id:
        named["samovar.operation_id"] = operation_id
    with _tracer.start_as_current_span(name, context=parent, attributes=named) as opened:
        yield opened


def _operation(operation_id: str) -> Any:
    """A context in which a span belongs to the trace of this operation."""
    api = importlib.import_module("opentelemetry.trace")
    number = uuid.UUID(operation_id).int
    origin = api.SpanContext(
        trace_id=number,
        span_id=(number & 0xFFFF_FFFF_FFFF_FFFF) or 1,
        is_remote=True,
        trace_flags=api.TraceFlags(api.TraceFlags.SAMPLED),
    )
    return api.set_span_in_context(api.NonRecordingSpan(origin))
