# SPDX-License-Identifier: Apache-2.0
"""The declarations, one module per family; the registry reads them when needed."""
