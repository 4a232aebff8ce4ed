"""The HTTP API: Mergent's ``/v2`` and its superset, over the operations and the ports.

Nothing here knows a concrete storage or executor: ``mainspring.app.serving`` wires them.
"""

from mainspring.adapters.api.application import make_application
from mainspring.adapters.api.document import openapi_document
from mainspring.adapters.api.service import ApiSettings, Service

__all__ = ["ApiSettings", "Service", "make_application", "openapi_document"]
