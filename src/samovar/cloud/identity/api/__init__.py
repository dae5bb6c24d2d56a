# SPDX-License-Identifier: Apache-2.0
"""Identity's HTTP door: one file per family of objects; each adds its routes to the Api."""
