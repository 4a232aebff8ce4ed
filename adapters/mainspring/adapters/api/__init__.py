"""The HTTP API: Mergent's ``/v2`` and its superset, over the operations and the ports.

Nothing here knows a concrete storage or executor: ``mainspring.app.serving`` wires them. The names below are imported
when they are first used: the models and views are the client's, too, which needs nothing that a server needs.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from mainspring.adapters.api.application import make_application
    from mainspring.adapters.api.document import openapi_document
    from mainspring.adapters.api.service import ApiSettings, Service

__all__ = ["ApiSettings", "Service", "make_application", "openapi_document"]

_HOMES: Final = {
    "ApiSettings": "service",
    "Service": "service",
    "make_application": "application",
    "openapi_document": "document",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
