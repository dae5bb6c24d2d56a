# SPDX-License-Identifier: Apache-2.0
"""``python3 agent.py [AGENT.JSON]``: run until told to stop."""

from __future__ import annotations

import gc
import os
import resource
import signal
import sys
import threading

from samovar_amphora.agent import Agent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def main() -> int:
    os.umask(0o077)
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    path = sys.argv[1] if len(sys.argv) > 1 else "/etc/samovar-amphora/agent.json"
    agent = Agent(path)

    def stop(_number: int, _frame: Any) -> None:
        threading.Thread(target=agent.end).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    agent.begin()
    gc.collect()
    agent.serve()
    return 0


if __name__ == "__main__":
    sys.exit(main())
