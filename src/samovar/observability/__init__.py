# SPDX-License-Identifier: Apache-2.0
"""What operators see of a process: figures, traces, logs.

`from samovar.observability import figures` loads Prometheus' library; the rest does not.
"""

from .logs import about, begin_logging, task_is_about
from .tracing import begin_tracing, end_tracing, span, traced

__all__ = [
    "about",
    "begin_logging",
    "begin_tracing",
    "end_tracing",
    "span",
    "task_is_about",
    "traced",
]
