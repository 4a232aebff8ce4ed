"""The OpenAPI 3.1 document, made from the table of operations and the models: validators become bounds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import cache
from http import HTTPStatus
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final, Literal, cast, get_args, get_origin

import attrs

from mainspring.adapters.api import models
from mainspring.adapters.api.bodies import FORM_TYPE, JSON_TYPE
from mainspring.adapters.api.operation import MAX_BATCH, Operation
from mainspring.adapters.api.reading import MAX_INTEGER, BodyText, wire_type
from mainspring.adapters.api.table import OPERATIONS, PREFIX
from mainspring.adapters.api.views import ErrorView
from mainspring.core.access import MAX_TEXT, MIN_FOREIGN
from mainspring.core.commands import Unset
from mainspring.core.retry import RetryPolicy
from mainspring.core.schedule import AtMost, CatchUp, Schedule
from mainspring.core.task import (
    MAX_HEADERS,
    MAX_KEY,
    MAX_NAME,
    MAX_URL,
    HttpCall,
    validate_key,
    validate_name,
    validate_optional_name,
    validate_priority,
    validate_timeout,
)

_NAME: Final = {"minLength": 1, "maxLength": MAX_NAME, "pattern": "^[A-Za-z0-9_-]+$"}
_BOUNDS: Final[Mapping[Any, Mapping[str, Any]]] = {
    validate_name: _NAME,
    validate_optional_name: _NAME,
    models.check_name_or_none: _NAME,
    validate_key: {"minLength": 1, "maxLength": MAX_KEY},
    validate_priority: {"minimum": -32_768, "maximum": 32_767},
    validate_timeout: {"description": "From 1ms to 24h."},
    models.check_note: {"maxLength": models.MAX_NOTE},
    models.check_cron: {"maxLength": models.MAX_RULE, "format": "cron", "examples": ["0 9 * * 1-5", "@daily"]},
    models.check_rrule: {"maxLength": models.MAX_RULE, "format": "rrule", "examples": ["FREQ=MONTHLY;BYDAY=3TU"]},
    models.check_zone: {"maxLength": models.MAX_ZONE, "format": "time-zone", "examples": ["Europe/Berlin"]},
    models.check_foreign: {"minLength": MIN_FOREIGN, "maxLength": MAX_TEXT},
    models.check_secret: {"minLength": 1, "maxLength": MAX_TEXT},
    models.check_headers: {"maxProperties": MAX_HEADERS},
    models.check_statuses: {"maxItems": 10},
    attrs.fields(HttpCall).url.validator: {"maxLength": MAX_URL, "format": "http-url"},
    attrs.fields(Schedule).description.validator: {"maxLength": 500},
    attrs.fields(Schedule).max_runs.validator: {"minimum": 1},
    attrs.fields(AtMost).count.validator: {"minimum": 1, "maximum": 1_000},
    attrs.fields(CatchUp).window.validator: {"description": "From 0s to 366d."},
}
"""What a validator of a model means in the document."""

_DURATION: Final = {
    "type": "string",
    "format": "duration-text",
    "description": "In units (`90s`, `1h30m`, `1.5h`) or ISO 8601 from weeks to seconds (`PT5M`).",
    "examples": ["5s", "1h30m", "PT5M"],
}
_RETRY: Final = {
    "type": "string",
    "format": "retry-text",
    "maxLength": 2_000,
    "description": "A policy: `mergent`, `never`, `fixed(5s)`, `exponential(initial=1s, factor=2, attempts=10)`.",
    "examples": ["mergent", "exponential(initial=1s, factor=2, max=1h, attempts=10)"],
}
_SIMPLE: Final[Mapping[Any, Mapping[str, Any]]] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer", "minimum": -MAX_INTEGER, "maximum": MAX_INTEGER},
    float: {"type": "number"},
    datetime: {"type": "string", "format": "date-time"},
    timedelta: {"$ref": "#/components/schemas/Duration"},
    BodyText: {"description": "A text is delivered byte for byte; any other JSON value is kept as its JSON text."},
    Any: {},
}
_EVERYWHERE: Final = (400, 401, 403, 422, 429, 503)
_WITH_BODY: Final = (413, 415)


@cache
def openapi_document() -> Mapping[str, Any]:
    """Make the document."""
    schemas = _Schemas()
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(PREFIX + operation.path, {})[operation.method.lower()] = _operation(operation, schemas)
    paths |= _SYSTEM
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "mainspring",
            "version": _version(),
            "summary": "Tasks and schedules over HTTP: Mergent's API, and more.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}, {"basic": []}],
        "tags": [{"name": tag} for tag in dict.fromkeys(operation.tag for operation in OPERATIONS)]
        + [{"name": "Server"}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "An API key."},
                "basic": {
                    "type": "http",
                    "scheme": "basic",
                    "description": "An API key as the user, with an empty password.",
                },
            },
            "responses": {
                _error_name(status): _error(status, schemas) for status in (*_EVERYWHERE, 404, 409, 413, 415)
            },
            "schemas": dict(sorted(schemas.made.items())),
        },
    }


def _version() -> str:
    try:
        return version("mainspring")
    except PackageNotFoundError:  # run from a source folder that was never installed
        return "0"


class _Schemas:
    """The schemas of the models, each made once."""

    def __init__(self) -> None:
        self.made: dict[str, Any] = {"Duration": dict(_DURATION), "RetryPolicy": dict(_RETRY)}

    def of(self, kind: Any, bounds: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Give the schema of a type, with the bounds of a validator."""
        inner, nullable = wire_type(kind) if kind != RetryPolicy else (kind, False)
        made = {**self._plain(inner), **(bounds or {})}
        if not nullable or inner is BodyText:
            return made
        if isinstance(made.get("type"), str):
            made["type"] = [made["type"], "null"]
            if "enum" in made:
                made["enum"] = [*made["enum"], None]
            return made
        return {"anyOf": [made, {"type": "null"}]}

    def _plain(self, kind: Any) -> dict[str, Any]:
        if kind == RetryPolicy:
            return {"$ref": "#/components/schemas/RetryPolicy"}
        if attrs.has(kind):
            return {"$ref": f"#/components/schemas/{self._model(kind)}"}
        origin = get_origin(kind)
        if origin is Literal:
            return {"type": "string", "enum": list(get_args(kind))}
        if origin is list:
            return {"type": "array", "items": self.of(get_args(kind)[0])}
        if origin is dict:
            return {"type": "object", "additionalProperties": self.of(get_args(kind)[1])}
        return dict(_SIMPLE[kind])

    def _model(self, kind: Any) -> str:
        name: str = kind.__name__
        if name not in self.made:
            self.made[name] = {}  # a model may hold itself
            attrs.resolve_types(kind)
            known = attrs.fields(kind)
            self.made[name] = {
                "type": "object",
                "description": _first_line(kind),
                "properties": {one.name: self.field(one) for one in known},
                "required": [one.name for one in known if one.default is attrs.NOTHING],
                "additionalProperties": False,
            }
            if not self.made[name]["required"]:
                del self.made[name]["required"]
        return name

    def field(self, one: attrs.Attribute[Any]) -> dict[str, Any]:
        """Give the schema of an attribute, with its default."""
        validator: Callable[..., None] | None = getattr(one.validator, "of", one.validator)
        made = self.of(one.type, _BOUNDS.get(validator) if validator is not None else None)
        if isinstance(one.default, str | int | bool) and not isinstance(one.default, Unset):
            made["default"] = one.default
        return made


def _first_line(kind: type) -> str:
    return (kind.__doc__ or "").strip().partition("\n\n")[0].replace("\n", " ").replace("``", "`").replace("    ", " ")


def _operation(operation: Operation, schemas: _Schemas) -> dict[str, Any]:
    statuses = [*_EVERYWHERE, *(_WITH_BODY if operation.takes is not None else (413,)), *operation.errors]
    made: dict[str, Any] = {
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": f"Needs a key with the scope `{operation.scope}`.",
        "responses": {
            str(operation.status): _success(operation, schemas),
            **{str(status): {"$ref": f"#/components/responses/{_error_name(status)}"} for status in sorted(statuses)},
        },
    }
    parameters = [*_path_parameters(operation), *_query_parameters(operation, schemas), *_headers(operation)]
    if parameters:
        made["parameters"] = parameters
    if operation.takes is not None:
        schema = schemas.of(operation.takes)
        if operation.batch:
            schema["maxItems"] = MAX_BATCH
        kinds = (JSON_TYPE, FORM_TYPE) if operation.form else (JSON_TYPE,)
        made["requestBody"] = {
            "required": operation.needs_body,
            "content": {kind: {"schema": schema} for kind in kinds},
        }
    return made


def _success(operation: Operation, schemas: _Schemas) -> dict[str, Any]:
    made: dict[str, Any] = {"description": HTTPStatus(operation.status).phrase}
    if operation.events:
        made["content"] = {"text/event-stream": {"schema": {"type": "string"}}}
    elif operation.gives is not None:
        made["content"] = {JSON_TYPE: {"schema": schemas.of(operation.gives)}}
    links = _links(operation)
    if links:
        made["links"] = links
    if operation.sends:
        made["headers"] = {
            name: {"description": text, "schema": {"type": "string"}} for name, text in operation.sends.items()
        }
    return made


def _links(operation: Operation) -> dict[str, Any]:
    """What can be done with what was created."""
    if operation.status != 201 or operation.batch:
        return {}
    return {
        one.id: {"operationId": one.id, "parameters": {name: f"$response.body#/{name}"}}
        for one in OPERATIONS
        for name in ("id", "name")
        if one.path.startswith(f"{operation.path}/{{{name}}}") and not one.events
    }


def _path_parameters(operation: Operation) -> list[dict[str, Any]]:
    named = [part[1:-1] for part in operation.path.split("/") if part.startswith("{")]
    return [{"name": name, "in": "path", "required": True, "schema": _path_schema(name)} for name in named]


def _path_schema(name: str) -> dict[str, Any]:
    return {"type": "string", **_NAME} if name == "name" else {"type": "string", "minLength": 1, "maxLength": 64}


def _query_parameters(operation: Operation, schemas: _Schemas) -> list[dict[str, Any]]:
    if operation.query is None:
        return []
    attrs.resolve_types(operation.query)
    return [
        {"name": one.name, "in": "query", "required": False, "schema": _not_null(schemas.field(one)), "explode": False}
        for one in attrs.fields(operation.query)
    ]


def _not_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A query string has no null: a parameter is there or not."""
    kinds = schema.get("type")
    if isinstance(kinds, list):
        schema["type"] = next(kind for kind in cast("list[str]", kinds) if kind != "null")
        if "enum" in schema:
            schema["enum"] = [one for one in schema["enum"] if one is not None]
    return dict(schema["anyOf"][0]) if "anyOf" in schema else schema


def _headers(operation: Operation) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "header",
            "required": False,
            "description": text,
            "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
        }
        for name, text in operation.hears.items()
    ]


def _error_name(status: int) -> str:
    return HTTPStatus(status).phrase.title().replace(" ", "").replace("-", "")


def _error(status: int, schemas: _Schemas) -> dict[str, Any]:
    return {"description": HTTPStatus(status).phrase, "content": {JSON_TYPE: {"schema": schemas.of(ErrorView)}}}


def _system(summary: str, statuses: Mapping[int, str], kind: str = JSON_TYPE, *, keyed: bool = False) -> dict[str, Any]:
    made: dict[str, Any] = {
        "tags": ["Server"],
        "summary": summary,
        "responses": {
            str(status): {"description": text, "content": {kind if status == 200 else JSON_TYPE: {}}}
            for status, text in statuses.items()
        },
    }
    return {**made, "security": [{}, {"bearer": []}, {"basic": []}] if keyed else []}


_SYSTEM: Final[Mapping[str, Any]] = {
    "/healthz": {"get": _system("Whether the process lives", {200: "It does"})},
    "/readyz": {
        "get": _system(
            "Whether the storage can be used and what is due is taken up", {200: "Ready", 503: "Not ready, and why"}
        )
    },
    "/metrics": {
        "get": _system(
            "Figures for Prometheus; open on a loopback address, else for admin keys",
            {200: "OK", 401: "No key", 403: "The scope is too small", 503: "The storage is away"},
            "text/plain",
            keyed=True,
        )
    },
    "/openapi.json": {"get": _system("This document", {200: "OK"})},
    "/docs": {"get": _system("This document for people", {200: "OK"}, "text/html")},
}
