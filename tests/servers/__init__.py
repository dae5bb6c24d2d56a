# SPDX-License-Identifier: Apache-2.0
"""Servers of the tests' own: databases, caches, brokers, started from Debian's packages on demand.

Each has a private directory, a free port of loopback and no care for power cuts; it is stopped when
the tests end. Nothing of Debian's own instances is used or touched.
"""
