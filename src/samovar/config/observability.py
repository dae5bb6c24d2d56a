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
    trace_exporter: str = option(
        "none", section="samovar", help="Where traces go: none, otlp (HTTP), or console (stderr)"
    )
    trace_endpoint: str | None = option(
        None,
        section="samovar",
        help="URL of the OpenTelemetry collector, http://host:4318/v1/traces; empty: OTEL_* variables",
    )
