# SPDX-License-Identifier: Apache-2.0
"""What an engine's figures, traces and logs say of its operations."""

from __future__ import annotations

import time

from samovar.database import utcnow
from samovar.observability import figures, span, task_is_about

from .execution import Execution
from .rows import Operation

SERVICE = "engine"


def claimed(operation: Operation, *, swept: bool) -> None:
    """An operation, as it was before it was claimed here; `swept`: no bell told of it."""
    if swept:
        figures.SWEPT.labels(SERVICE).inc()
    if operation.lease_owner is not None:
        figures.TAKEOVERS.labels(SERVICE).inc()
    if operation.started_at is None:
        waited = (utcnow() - operation.created_at).total_seconds()
        figures.OPERATION_WAITED_SECONDS.labels(SERVICE).observe(max(waited, 0.0))


async def measured(execution: Execution, operation: Operation) -> None:
    """Run the execution; its lines say what they are about, and its spans belong to the operation."""
    action, began = operation.action, time.perf_counter()
    running = figures.OPERATIONS_RUNNING.labels(SERVICE)
    running.inc()
    try:
        task_is_about(request_id=operation.request_id, operation_id=operation.id, stack_id=operation.stack_id)
        with span(
            f"{action} stack",
            operation_id=operation.id,
            stack_id=operation.stack_id,
            request_id=operation.request_id,
            epoch=execution.epoch,
        ):
            await execution.run()
    finally:
        running.dec()
        figures.OPERATIONS.labels(SERVICE, action, execution.outcome).inc()
        figures.OPERATION_SECONDS.labels(SERVICE, action).observe(time.perf_counter() - began)
