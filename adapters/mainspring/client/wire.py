"""Requests as bytes and answers as values: the part of the client that does no I/O, the same for both colours.

The models are the API's own. What has its default is not sent; what is *unset* in a change is not sent either. A field
of an answer that this client does not know is ignored: servers may be newer.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Generic, Literal, TypeVar, cast, get_args, get_origin
from urllib.parse import quote, urlencode, urlsplit

import attrs
from attrs import field, frozen
from cattrs import Converter

from mainspring.adapters.api.models import HttpRequest
from mainspring.adapters.api.reading import BodyText
from mainspring.client.errors import error_of
from mainspring.core.commands import Unset
from mainspring.core.errors import InvalidInput, Unavailable
from mainspring.core.instants import format_duration, format_instant, parse_duration, parse_instant
from mainspring.core.retry import RetryPolicy
from mainspring.core.retry_text import format_retry

T = TypeVar("T")

PREFIX: Final = "/v2"
CURSOR: Final = "x-cursor-after"
OUTCOME: Final = "mainspring-outcome"
REFUSED: Final = "mainspring-refused"
IDEMPOTENCY_KEY: Final = "Idempotency-Key"
MAX_ANSWER: Final = 64 * 1_048_576
LONGEST_WAIT: Final = 30.0
_POLICIES: Final = get_args(RetryPolicy)
_AGAIN: Final = frozenset({429, 503})
_LOST: Final = frozenset({500, 502, 504})


@frozen(kw_only=True)
class Route(Generic[T]):
    """Where an operation is, and what it gives.

    ``repeatable``: asking twice comes to the same as asking once. ``keyed``: it does if an idempotency key is sent.
    """

    method: Literal["GET", "POST", "PATCH", "DELETE"]
    path: str
    gives: type[T]
    repeatable: bool
    keyed: bool = False


@frozen(kw_only=True)
class Call:
    """A request, ready to be sent as often as may be."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes | None
    repeatable: bool


@frozen(kw_only=True)
class Reply:
    """What came back; the names of ``headers`` are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@frozen(kw_only=True)
class Batch:
    """What of a batch was refused: how many tasks, and of the first of them ``index``, ``message`` and more."""

    count: int = 0
    tasks: Sequence[Mapping[str, Any]] = field(factory=tuple[Mapping[str, Any]])


@frozen(kw_only=True)
class Created(Generic[T]):
    """What a batch came to: the tasks that were created, newest first, and what was refused."""

    tasks: list[T]
    refused: Batch


@frozen(kw_only=True)
class Listed(Generic[T]):
    """A page of a list. ``cursor``: send it as ``after`` for the next one; None on the last."""

    items: list[T]
    cursor: str | None


def http_request(url: str, *, headers: Mapping[str, str] | None = None, body: object = None) -> HttpRequest:
    """Say what to deliver: ``body`` is a text, or anything else that JSON can carry, which is sent as JSON."""
    try:
        text = body if body is None or isinstance(body, str) else _json(body)
    except (TypeError, ValueError) as error:
        raise InvalidInput("body", f"it cannot be written as JSON ({error})", "give a text, or plain data") from None
    return HttpRequest(
        url=url, headers=None if headers is None else dict(headers), body=None if text is None else BodyText(text)
    )


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def encode(value: object) -> Any:
    """Write a model as plain data, without what is unset or has its default."""
    if isinstance(value, datetime):
        return format_instant(value)
    if isinstance(value, timedelta):
        return format_duration(value)
    if isinstance(value, _POLICIES):
        return format_retry(cast("RetryPolicy", value))
    if isinstance(value, Mapping):
        return {name: encode(item) for name, item in cast("Mapping[str, object]", value).items()}
    if isinstance(value, list | tuple):
        return [encode(item) for item in cast("Sequence[object]", value)]
    kind: type[Any] = type(value)
    if not attrs.has(kind):
        return value
    found = {one: getattr(value, one.name) for one in attrs.fields(kind)}
    return {one.name: encode(held) for one, held in found.items() if not _has_default(one, held)}


def _has_default(attribute: attrs.Attribute[Any], value: object) -> bool:
    default: Any = attribute.default
    if isinstance(value, Unset):
        return True
    if isinstance(default, attrs.Factory):  # type: ignore[arg-type]  # a class at run time
        default = default.factory()
    return default is not attrs.NOTHING and type(default) is type(value) and default == value


def encode_query(query: object) -> str:
    """Write a model as a query string, with its question mark; nothing if it has its defaults."""
    plain = cast("dict[str, Any]", encode(query)) if query is not None else {}
    return "?" + urlencode({name: _text(value) for name, value in plain.items()}) if plain else ""


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return ",".join(str(one) for one in cast("Sequence[object]", value))
    return str(value)


def call_for(
    route: Route[Any],
    parts: Iterable[str],
    *,
    body: object = None,
    query: object = None,
    headers: Mapping[str, str] | None = None,
) -> Call:
    """Make the request of an operation; ``parts`` fill the path's places in their order."""
    path = route.path
    for part in parts:
        if part in ("", ".", ".."):
            raise InvalidInput("id", f"{part!r} is no id", "give the id, or the name, of what is meant")
        start, end = path.index("{"), path.index("}")
        path = path[:start] + quote(part, safe="") + path[end + 1 :]
    given = {"Accept": "application/json", **(headers or {})}
    data = None
    if body is not None:
        given["Content-Type"] = "application/json"
        data = _json(encode(body)).encode()
    repeatable = route.repeatable or (route.keyed and IDEMPOTENCY_KEY in given)
    return Call(
        method=route.method,
        target=PREFIX + path + encode_query(query),
        headers=given,
        body=data,
        repeatable=repeatable,
    )


# --- answers ----------------------------------------------------------------------------------------------------------


def _is_literal(kind: Any) -> bool:
    return get_origin(kind) is Literal


def _make_reader() -> Converter:
    converter = Converter(detailed_validation=False)
    converter.register_structure_hook(datetime, lambda value, _: parse_instant("answer", value))
    converter.register_structure_hook(timedelta, lambda value, _: parse_duration("answer", value))
    converter.register_structure_hook_func(_is_literal, lambda value, _: value)
    return converter


_READER: Final = _make_reader()


def decode(reply: Reply, kind: type[T]) -> T:
    """Read a body as what the operation gives."""
    try:
        return _READER.structure(json.loads(reply.body), kind)
    except Exception as error:  # whatever a body that is not ours makes a reader raise
        cure = "is this a mainspring server, of a version near this client's?"
        raise Unavailable("server", f"its answer cannot be read ({type(error).__name__})", cure) from error


def refused_of(reply: Reply) -> Batch:
    """Read which elements of a batch were refused."""
    text = reply.headers.get(REFUSED)
    return Batch() if text is None else Batch(**json.loads(text))


def created_of(reply: Reply, kind: type[list[T]]) -> Created[T]:
    """Read what a batch came to."""
    return Created(tasks=decode(reply, kind), refused=refused_of(reply))


def page_of(reply: Reply, kind: type[list[T]]) -> Listed[T]:
    """Read a page of a list."""
    return Listed(items=decode(reply, kind), cursor=reply.headers.get(CURSOR))


# --- again, or not ----------------------------------------------------------------------------------------------------


def settled(call: Call, reply: Reply, earlier: int) -> Reply | None:
    """Give an answer that counts, raise what it says, or None: the request may be made again.

    ``earlier`` is how often it was sent before. A deletion that is repeated finds nothing: it was done the first time.
    """
    if reply.status < 300 or (call.method == "DELETE" and reply.status == 404 and earlier):
        return reply
    if reply.status in _AGAIN and (call.repeatable or reply.status == 429):
        return None
    if reply.status in _LOST and call.repeatable:
        return None
    raise error_of(reply.status, reply.body, call.target.partition("?")[0])


def wait_before(attempt: int, chance: float, told: str | None) -> float:
    """Seconds before attempt ``attempt`` (2, 3, …): doubling, with jitter, or what ``Retry-After`` says."""
    own = 0.1 * 2.0 ** (attempt - 2) * (0.5 + chance)
    asked = float(told) if told is not None and told.isascii() and told.isdigit() and len(told) < 6 else 0.0
    return min(LONGEST_WAIT, max(own, asked))


@frozen(kw_only=True)
class Address:
    """Where a server is."""

    secure: bool
    host: str
    port: int
    path: str

    @classmethod
    def of(cls, url: str) -> Address:
        """Read the URL of a server, such as ``http://127.0.0.1:8080``."""
        cure = "write http://HOST:PORT or https://HOST"
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise InvalidInput("url", f"{url[:200]!r} is no URL ({error})", cure) from None
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise InvalidInput("url", f"{url[:200]!r} is not the address of a server", cure)
        if parts.username is not None:
            raise InvalidInput("url", "it holds a user or a key", "give the key as `key`, or in MAINSPRING_KEY")
        secure = parts.scheme == "https"
        path = parts.path.rstrip("/").removesuffix(PREFIX)
        return cls(secure=secure, host=parts.hostname, port=port or (443 if secure else 80), path=path)

    @property
    def origin(self) -> str:
        """The address, as the beginning of a URL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.secure else 'http'}://{host}:{self.port}{self.path}"
