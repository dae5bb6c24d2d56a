# SPDX-License-Identifier: Apache-2.0
"""Runs the real `openstack` command many times without importing it anew each time.

Started with the clients' Python. Each line of input is a JSON object with arguments, environment, and files
for the two outputs; a fork that has the client imported already runs the command; each line of
output is its exit status.
"""

import json
import os
import sys
import traceback


def run(order):
    for number, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(order[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.environ.clear()
    os.environ.update(order["environment"])
    try:
        status = shell.main(order["arguments"])
    except SystemExit as error:
        status = error.code
    except BaseException:
        traceback.print_exc()
        status = 70
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status if isinstance(status, int) else int(bool(status)))


import heatclient.osc.plugin  # noqa: E402, F401
import openstack  # noqa: E402, F401
from heatclient.v1 import client  # noqa: E402, F401
from keystoneauth1.identity import v3  # noqa: E402, F401
from openstackclient import shell  # noqa: E402
from osc_lib.command import command  # noqa: E402, F401

print("ready", flush=True)
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        run(json.loads(line))
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
