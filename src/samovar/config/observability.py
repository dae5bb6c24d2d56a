# SPDX-License-Identifier: Apache-2.0
"""The options of logs and traces; those of logs have oslo.log's names."""

from __future__ import annotations

from dataclasses import dataclass

from .options import option


@dataclass(frozen=True, slots=True)
class ObservabilitySettings:
    debug: bool = option(False, section="DEFAULT", help="Log what only developers want to know")
    use_json: bool = option(False, section="DEFAULT", help="Log one JSON object for each line")
    log_file: str | None = option(None, section="DEFAULT", help="File that is logged to; empty: stderr")
    default_log_levels: list[str] = option(
        [], section="DEFAULT", help="Levels of single loggers: samovar.web=DEBUG, sqlalchemy=WARNING"
    )
    metrics_port: int = option(
        0,
        section="samovar",
        help="Port at which each process tells its figures (/metrics) and health, even one without an API; "
        "of several processes on a machine each takes the next free one; 0: none",
    )
    trace_exporter: str = option(
        "none", section="samovar", help="Where traces go: none, otlp (HTTP), or console (stderr)"
    )
    trace_endpoint: str | None = option(
        None,
        section="samovar",
        help="URL of the OpenTelemetry collector, http://host:4318/v1/traces; empty: OTEL_* variables",
    )
