# SPDX-License-Identifier: Apache-2.0
"""169.254.169.254: what servers learn of themselves, and their way to the APIs without a router."""
