# SPDX-License-Identifier: Apache-2.0
"""The image service's HTTP door: one file per family of routes."""
