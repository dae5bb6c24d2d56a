# SPDX-License-Identifier: Apache-2.0
"""The agent inside an amphora: a REST API with mutual TLS, HAProxy and keepalived under its care, heartbeats.

Only the standard library, and nothing of `samovar`: it is carried into the amphora as one file and runs with
the Python that the image has.
"""

__all__ = ["VERSION"]

VERSION = "1"
