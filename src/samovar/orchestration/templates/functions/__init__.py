# SPDX-License-Identifier: Apache-2.0
"""The functions of the template language; which version has which stands in `templates.versions`."""
