# SPDX-License-Identifier: Apache-2.0
"""The HTTP toolkit: how every API of the house receives, refuses and answers."""

from .api import Api, Call, Handler, Reply
from .errors import (
    BadRequest,
    Conflict,
    Fault,
    Forbidden,
    NotFound,
    NotSupported,
    ServiceUnavailable,
    TooLarge,
    Unauthorized,
)
from .health import METRICS, Check, health_routes, metrics_route
from .paging import FirstPage, Page, page_limit, paginate, sort_keys
from .prefixes import Prefixes
from .versions import versions_document
from .waiting import Waiting

__all__ = [
    "METRICS",
    "Api",
    "BadRequest",
    "Call",
    "Check",
    "Conflict",
    "Fault",
    "FirstPage",
    "Forbidden",
    "Handler",
    "NotFound",
    "NotSupported",
    "Page",
    "Prefixes",
    "Reply",
    "ServiceUnavailable",
    "TooLarge",
    "Unauthorized",
    "Waiting",
    "health_routes",
    "metrics_route",
    "page_limit",
    "paginate",
    "sort_keys",
    "versions_document",
]
