"""What is not the API itself: health, figures for Prometheus, the OpenAPI document and its page."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from mainspring.adapters.api.document import openapi_document
from mainspring.adapters.api.metrics import CONTENT_TYPE
from mainspring.adapters.api.page import docs_page
from mainspring.adapters.api.refusals import Refusal
from mainspring.adapters.api.service import Service
from mainspring.core.access import allows
from mainspring.core.errors import MainspringError
from mainspring.core.instants import format_duration

_STEADY: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_PAGE_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"


def system_routes(service: Service) -> list[Route]:
    """Make the routes beside ``/v2``."""
    document = json.dumps(openapi_document(), ensure_ascii=False).encode()
    page = docs_page(openapi_document())

    async def alive(request: Request) -> Response:
        return _json(200, {"status": "ok"})

    async def ready(request: Request) -> Response:
        problem = await _not_ready(service)
        if problem is None:
            return _json(200, {"status": "ready"})
        return _json(503, {"status": "not ready", "message": problem})

    async def described(request: Request) -> Response:
        return Response(document, media_type="application/json", headers={"X-Content-Type-Options": "nosniff"})

    async def documented(request: Request) -> Response:
        return HTMLResponse(page, headers={"Content-Security-Policy": _PAGE_POLICY, **_STEADY})

    async def measured(request: Request) -> Response:
        return await _metrics(service, request)

    found: list[tuple[str, Callable[[Request], Awaitable[Response]]]] = [
        ("/healthz", alive),
        ("/readyz", ready),
        ("/openapi.json", described),
        ("/docs", documented),
        ("/metrics", measured),
    ]
    return [Route(path, endpoint, methods=["GET"]) for path, endpoint in found]


async def _not_ready(service: Service) -> str | None:
    """Say why the server is not ready: its storage is away, or what is due is not taken up."""
    try:
        late = await lag(service)
    except MainspringError:
        return "the storage cannot be used"
    if late > service.settings.ready_lag:
        bound = format_duration(service.settings.ready_lag)
        return f"the oldest due task waits for longer than {bound}: no worker takes it up"
    return None


async def lag(service: Service) -> timedelta:
    """Tell how late the oldest due task is; those of paused queues do not count."""
    now = await service.storage.now()
    coming = await service.storage.upcoming(())
    paused = {queue.ref for queue in await service.storage.configured() if queue.paused is not None}
    dues = [due for ref, due in coming.tasks.items() if ref not in paused]
    return max((now - due for due in dues), default=timedelta(0))


async def _metrics(service: Service, request: Request) -> Response:
    if not service.settings.open_metrics:
        try:
            key = await service.keys.admit(request.headers.get("authorization"))
        except Refusal as refusal:
            return Response(
                json.dumps(refusal.document()), refusal.status, refusal.headers, media_type="application/json"
            )
        if not allows(key, "admin"):
            return _json(403, {"message": f"this key's scope is {key.scope}; admin is needed"})
    try:
        queues = await service.storage.queues()
        late = await lag(service)
    except MainspringError:
        return _json(503, {"message": "the storage cannot be used now; try again"})
    text = service.metrics.text(queues, max(0.0, late.total_seconds()))
    return Response(text, media_type=CONTENT_TYPE, headers=_STEADY)


def _json(status: int, document: dict[str, str]) -> Response:
    return Response(json.dumps(document), status, _STEADY, media_type="application/json")
