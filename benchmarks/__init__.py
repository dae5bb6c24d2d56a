# SPDX-License-Identifier: Apache-2.0
"""Benchmarks: programs that print figures; none of them asserts a time."""
