"""The application: routes, and what holds for every request.

In this order: the way (404, 405), the key (401), its traffic (429), its scope (403), the query string (422), the body
(413, 415, 400, 422), the operation. Every answer but 204 is JSON that is not empty, whatever went wrong.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from mainspring.adapters.api.bodies import FORM_TYPE, JSON_TYPE, check_text, read_form, read_json
from mainspring.adapters.api.operation import Answer, Asked, Operation
from mainspring.adapters.api.reading import JSON_READER, TEXT_READER, read
from mainspring.adapters.api.records import RECORD
from mainspring.adapters.api.refusals import Problem, Refusal, refusal_of, refuse
from mainspring.adapters.api.repeats import Repeats
from mainspring.adapters.api.service import Service
from mainspring.adapters.api.show import plain
from mainspring.adapters.api.system import system_routes
from mainspring.adapters.api.table import OPERATIONS, PREFIX
from mainspring.adapters.api.tasks import IDEMPOTENCY_KEY
from mainspring.core.access import allows
from mainspring.core.errors import CorruptHistory, MainspringError

_log = logging.getLogger("mainspring.api")

MAX_QUERY: Final = 16_384
MAX_PARAMETERS: Final = 100
_STEADY: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def make_application(service: Service) -> Starlette:
    """Make the ASGI application."""
    by_path: dict[str, dict[str, Operation]] = {}
    for operation in OPERATIONS:
        by_path.setdefault(PREFIX + operation.path, {})[operation.method] = operation
    routes = [Route(path, endpoint=_Endpoint(service, found)) for path, found in by_path.items()]
    application = Starlette(
        routes=[*routes, *system_routes(service)],
        exception_handlers={HTTPException: _not_found, Exception: _unforeseen},
    )
    application.router.redirect_slashes = False
    return application


async def _not_found(request: Request, error: Exception) -> Response:
    """Starlette's own refusals (no such path, wrong method), in our form."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    headers = error.headers if isinstance(error, HTTPException) else None
    message = "there is nothing at this path" if status == 404 else HTTPStatus(status).phrase
    return refused(refuse(status, message, headers))


async def _unforeseen(request: Request, error: Exception) -> Response:
    return refused(refuse(500, "internal error; see the server's log"))


def refused(refusal: Refusal) -> Response:
    """Answer a refusal."""
    return _json(refusal.status, refusal.document(), refusal.headers)


def _json(status: int, document: Any, headers: Mapping[str, str]) -> Response:
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    return Response(text, status, {**_STEADY, **headers}, media_type=JSON_TYPE)


class _Endpoint:
    """The operations of one path; an ASGI application."""

    def __init__(self, service: Service, operations: Mapping[str, Operation]) -> None:
        self._service: Final = service
        self._operations: Final = dict(operations)
        if "GET" in operations:
            self._operations["HEAD"] = operations["GET"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        operation = self._operations.get(request.method)
        if operation is None:
            allow = ", ".join(sorted(self._operations))
            await refused(refuse(405, f"use one of {allow}", {"Allow": allow}))(scope, receive, send)
            return
        began = time.perf_counter()
        try:
            response = await self._answered(operation, request)
        except ClientDisconnect:
            return
        self._service.metrics.answered(operation.id, response.status_code, time.perf_counter() - began)
        await response(scope, receive, send)

    async def _answered(self, operation: Operation, request: Request) -> Response:
        traffic: Mapping[str, str] = {}
        try:
            key = await self._service.keys.admit(request.headers.get("authorization"))
            traffic = self._service.traffic.admit(key.id)
            if not allows(key, operation.scope):
                raise refuse(403, f"this key's scope is {key.scope}; {operation.scope} is needed")
            query = None if operation.query is None else _query(request, operation.query)
            raw = await _raw_body(request, operation)
            asked = Asked(
                service=self._service,
                key=key,
                path=request.path_params,
                headers=request.headers,
                query=query,
                body=_body(raw, request, operation),
            )
            return await self._done(operation, request, asked, raw, traffic)
        except Refusal as refusal:
            refusal.headers.update({name: value for name, value in traffic.items() if name not in refusal.headers})
            return refused(refusal)
        except MainspringError as error:
            if isinstance(error, CorruptHistory):
                _log.error("%s cannot be answered: %s", operation.id, error)
            told = refusal_of(error)
            return _json(told.status, told.document(), {**traffic, **told.headers})
        except ClientDisconnect:
            raise
        except Exception:
            _log.exception("%s failed", operation.id)
            return _json(500, {"message": "internal error; see the server's log"}, traffic)

    async def _done(
        self, operation: Operation, request: Request, asked: Asked, raw: bytes, traffic: Mapping[str, str]
    ) -> Response:
        mark = None
        if operation.id == "createTask" and asked.body.name is None and IDEMPOTENCY_KEY not in request.headers:
            mark = Repeats.mark(asked.project, operation.path, raw)
            missed = self._service.repeats.found(mark)
            if missed is not None:
                return _json(operation.status, missed, traffic)
        answer = await operation.handler(asked)
        if answer.stream is not None:
            headers = {**_STEADY, **traffic, "X-Accel-Buffering": "no"}
            return StreamingResponse(answer.stream, media_type="text/event-stream", headers=headers)
        if operation.gives is None:
            return Response(status_code=operation.status, headers={**_STEADY, **traffic})
        whole = answer.record if request.headers.get("accept") == RECORD else None
        document = plain(answer.value) if whole is None else whole()
        if mark is not None and await request.is_disconnected():
            self._service.repeats.lost(mark, document)
        return _json(operation.status, document, {**traffic, **_sendable(answer)})


def _sendable(answer: Answer) -> Mapping[str, str]:
    return {name: value for name, value in answer.headers.items() if value.isascii()}


def _query(request: Request, model: type) -> Any:
    raw: bytes = request.scope.get("query_string", b"")
    if len(raw) > MAX_QUERY:
        raise refuse(422, f"the query string has {len(raw)} bytes; use at most {MAX_QUERY}")
    try:
        pairs = parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_PARAMETERS)
    except ValueError:
        raise refuse(422, f"the query string is not name=value&… in UTF-8, at most {MAX_PARAMETERS} of them") from None
    found: dict[str, Any] = {}
    for given, value in pairs:
        check_text(given)
        check_text(value)
        name = given.removesuffix("[]")
        if name in found and name == "status":
            found[name] += f",{value}"
        elif name in found:
            raise Refusal(422, [Problem(message=f"{name[:80]} is given twice", param=name[:80])])
        else:
            found[name] = value
    return read(TEXT_READER, found, model)


async def _raw_body(request: Request, operation: Operation) -> bytes:
    """Read the body, up to what the operation takes; one that it has no use for is read too, and dropped."""
    most = operation.max_body
    told = request.headers.get("content-length", "")
    if told.isascii() and told.isdigit() and int(told) > most:
        raise _too_large(most)
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            raise _too_large(most)
        parts.append(part)
    return b"".join(parts)


def _too_large(most: int) -> Refusal:
    return refuse(413, f"the body is too large; use at most {most} bytes")


def _body(raw: bytes, request: Request, operation: Operation) -> Any:
    if operation.takes is None:
        return None
    if not raw and not operation.needs_body:
        return operation.takes()
    kind, charset = _content_type(request.headers.get("content-type", ""))
    if charset not in ("", "utf-8", "utf8"):
        raise refuse(415, "the body has to be in UTF-8")
    if kind == FORM_TYPE and operation.form:
        return read(TEXT_READER, read_form(raw), operation.takes)
    if kind not in ("", JSON_TYPE) and not kind.endswith("+json"):
        raise refuse(415, f"send the body as {' or '.join(_accepted(operation))}")
    if not raw:
        raise refuse(400, "the body is missing; send it as JSON")
    value = read_json(raw)
    if operation.batch:
        return value  # each element is read by itself
    return read(JSON_READER, value, operation.takes)


def _accepted(operation: Operation) -> Sequence[str]:
    return (JSON_TYPE, FORM_TYPE) if operation.form else (JSON_TYPE,)


def _content_type(header: str) -> tuple[str, str]:
    kind, *parameters = header.split(";")
    charset = ""
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            charset = value.strip().strip('"').lower()
    return kind.strip().lower(), charset
