# SPDX-License-Identifier: Apache-2.0
"""Every figure that a process tells Prometheus, in one table.

Names follow Prometheus: seconds, totals of what only grows. Labels come from small sets (a route is its
pattern, never a path), so that the number of series is bounded.
"""

from __future__ import annotations

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
REGISTRY = CollectorRegistry()
QUICK = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
LONG = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 3600)

disable_created_metrics()  # type: ignore[no-untyped-call]  # when a series began: of no use, and many
ProcessCollector(registry=REGISTRY)

PROGRAM = Info("samovar", "The program and its services", registry=REGISTRY)

REQUESTS = Counter(
    "samovar_requests", "Requests answered", ["api", "route", "method", "status"], registry=REGISTRY
)
REQUEST_SECONDS = Histogram(
    "samovar_request_seconds",
    "Time from a request's arrival to its answer",
    ["api", "route", "method"],
    buckets=QUICK,
    registry=REGISTRY,
)
REQUESTS_RUNNING = Gauge(
    "samovar_requests_running", "Requests being answered now", ["api"], registry=REGISTRY
)

OPERATIONS_RUNNING = Gauge(
    "samovar_operations_running", "Operations under this process's lease", ["service"], registry=REGISTRY
)
OPERATIONS = Counter(
    "samovar_operations",
    "Operations that ended here: done, failed, superseded, left (to another engine)",
    ["service", "action", "outcome"],
    registry=REGISTRY,
)
OPERATION_SECONDS = Histogram(
    "samovar_operation_seconds",
    "Time that this process worked on an operation",
    ["service", "action"],
    buckets=LONG,
    registry=REGISTRY,
)
OPERATION_WAITED_SECONDS = Histogram(
    "samovar_operation_waited_seconds",
    "Time from the request of an operation to its first claim",
    ["service"],
    buckets=QUICK,
    registry=REGISTRY,
)
TAKEOVERS = Counter(
    "samovar_lease_takeovers",
    "Operations claimed that another process had begun and not given back",
    ["service"],
    registry=REGISTRY,
)
LEASES_LOST = Counter(
    "samovar_leases_lost",
    "Operations that another process took over from this one",
    ["service"],
    registry=REGISTRY,
)
SWEPT = Counter(
    "samovar_sweeper_finds",
    "Operations that were found by looking, not by the bell",
    ["service"],
    registry=REGISTRY,
)

COMMIT_SECONDS = Histogram(
    "samovar_journal_commit_seconds",
    "Time of one transaction of the journal, tries included",
    buckets=QUICK,
    registry=REGISTRY,
)
COMMIT_CHANGES = Histogram(
    "samovar_journal_commit_changes",
    "Changes written in one transaction",
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512),
    registry=REGISTRY,
)
WRITES_REFUSED = Counter(
    "samovar_journal_refused", "Changes that the database did not take", registry=REGISTRY
)
WRITES_WAITING = Gauge("samovar_journal_waiting", "Changes that wait to be written", registry=REGISTRY)

BUS_SENT = Counter("samovar_bus_sent", "Messages given to the bus", ["topic"], registry=REGISTRY)
BUS_WAITING = Gauge("samovar_bus_waiting", "Messages that wait for a broker or a listener", registry=REGISTRY)

CLOUD_RUNNING = Gauge(
    "samovar_cloud_requests_running",
    "Requests under way at a cloud's service",
    ["service"],
    registry=REGISTRY,
)
CLOUD_WAITING = Gauge(
    "samovar_cloud_requests_waiting",
    "Requests to a cloud's service that wait for this engine's share of its limit",
    ["service"],
    registry=REGISTRY,
)
CLOUD_LIMIT = Gauge(
    "samovar_cloud_requests_limit",
    "This engine's share of what a cloud's service is asked at once",
    ["service"],
    registry=REGISTRY,
)

HEARTBEATS = Counter("samovar_heartbeats", "Heartbeats of amphorae", ["believed"], registry=REGISTRY)
HEARTBEAT_GAP_SECONDS = Histogram(
    "samovar_heartbeat_gap_seconds",
    "Time between two heartbeats of one amphora",
    buckets=(0.5, 0.9, 1.1, 1.5, 2, 3, 4, 6, 10, 30, 60),
    registry=REGISTRY,
)
HEARTBEAT_WRITE_SECONDS = Histogram(
    "samovar_heartbeat_write_seconds",
    "Time from the oldest heartbeat of a batch to its commit",
    buckets=QUICK,
    registry=REGISTRY,
)
AMPHORAE_SILENT = Gauge(
    "samovar_amphorae_silent", "Amphorae whose heartbeat is overdue", ["held"], registry=REGISTRY
)


LOOP_LAG_SECONDS = Histogram(
    "samovar_loop_lag_seconds",
    "How late the event loop comes to what is due",
    buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5),
    registry=REGISTRY,
)


def total(gauge: Gauge) -> int:
    """The sum of a gauge over its labels."""
    return int(sum(sample.value for metric in gauge.collect() for sample in metric.samples))


def by_label(gauge: Gauge) -> dict[str, int]:
    """The values of a gauge with one label, by that label."""
    samples = [sample for metric in gauge.collect() for sample in metric.samples]
    return {next(iter(sample.labels.values())): int(sample.value) for sample in samples}


def exposition() -> bytes:
    """All figures in Prometheus' text format."""
    return generate_latest(REGISTRY)
