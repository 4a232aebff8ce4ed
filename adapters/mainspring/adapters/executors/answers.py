"""What an answer, or the lack of one, means. Kinds of failure, each a plain name:

=============  ======================================================================================
``status``     an answer that is no success; ``failure.status`` has it. 3xx too: redirects are not followed
``url``        the URL cannot be called at all (permanent)
``blocked``    the guard refuses the address (permanent)
``dns``        the host has no address, or cannot be looked up now
``connect``    no connection: refused, unreachable, reset while connecting
``tls``        no trust: wrong or expired certificate, failed handshake
``disconnect`` the connection was closed or reset before the answer was complete
``protocol``   what came is no HTTP, or its headers are too long or too many
``internal``   none of these: a fault of ours, or of the client library
=============  ======================================================================================

* Success is any 2xx; in *strict* mode 200 and 201 only (Mergent's rule).
* 410 and 501 are permanent. 429 and 503 may say when to come again: ``Retry-After`` (RFC 9110 §10.2.3) in seconds, or
  as a date, which is taken relative to the answer's own ``Date``, if it has one.
* A message is one line; it names host and port, never the path, the query or a header of the request.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
import ssl
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final

import aiohttp
from attrs import frozen
from yarl import URL

from mainspring.adapters.executors import excerpts
from mainspring.adapters.executors.connections import BlockedAddress, Calling
from mainspring.core.ports import Broken, Done, Outcome
from mainspring.core.retry import MAX_DELAY, Failure

MAX_KEPT: Final = excerpts.MAX_RESULT_BYTES
"""How many bytes of an answer are kept, before and after decompression."""

MAX_READ: Final = 1_048_576
"""How many bytes of an answer are read; past them the status decides and the connection is closed."""

MAX_QUOTED: Final = 500
"""How many characters of an answer a failure quotes."""

PERMANENT: Final = frozenset({410, 501})
WAITING: Final = frozenset({429, 503})
STRICT: Final = frozenset({200, 201})

_CHARSETS: Final = frozenset(
    {"utf-8", "us-ascii", "iso-8859-1", "iso-8859-2", "iso-8859-15", "windows-1250", "windows-1251", "windows-1252"}
    | {"utf-16", "shift_jis", "euc-jp", "euc-kr", "gb18030", "big5"}
)  # no codec that is no charset, and none that is slow on purpose-made input
_DIGITS: Final = re.compile(r"[0-9]{1,20}", re.ASCII)


LOOK_SECONDS: Final = 0.5


class MalformedBody(Exception):
    """The body of an answer is not what its headers promise."""


@frozen(kw_only=True)
class Answer:
    """An answer as far as it was kept: ``text`` is decoded and bounded."""

    status: int
    headers: Mapping[str, str]
    text: str


async def read(response: aiohttp.ClientResponse) -> str:
    """Read the body of ``response``, keep its beginning, and let go of the connection if there is too much.

    The text is not yet bounded to the byte; if some of the body is missing it ends with ``…``.
    """
    kept = bytearray()
    size = 0
    while chunk := await _next(response):
        size += len(chunk)
        if len(kept) < MAX_KEPT:
            kept += chunk[: MAX_KEPT - len(kept)]
        if size > MAX_READ:
            response.close()
            break
    text = decoded(bytes(kept), response.headers.get("Content-Encoding", ""), response.charset or "utf-8")
    return text if size <= MAX_KEPT else text + excerpts.CUT


async def _next(response: aiohttp.ClientResponse) -> bytes:
    """Wait for more of the body; nothing at its end.

    aiohttp closes a connection on which a malformed chunk comes, but wakes nobody who reads from it: look at times.
    """
    while True:
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                return await response.content.readany()
        except TimeoutError:
            connection = response.connection
            if connection is None or connection.protocol is None or connection.protocol.transport is None:
                raise MalformedBody from None


def decoded(octets: bytes, coding: str, charset: str) -> str:
    """Decompress (gzip and deflate, bounded) and decode the kept bytes; what is wrong in them becomes ``\ufffd``."""
    coding = coding.strip().lower()
    if coding in ("gzip", "x-gzip", "deflate"):
        octets = _decompressed(octets, 15 if coding == "deflate" else 31)
    elif octets and coding not in ("", "identity"):
        return f"({len(octets)} bytes or more in the coding {excerpts.message(coding)[:40]})"
    text = octets.decode(charset if charset.lower() in _CHARSETS else "utf-8", "replace")
    return text.replace("\x00", "\ufffd")


def _decompressed(octets: bytes, window: int) -> bytes:
    try:
        return zlib.decompressobj(window).decompress(octets, MAX_KEPT)
    except zlib.error:
        return octets


def judged(answer: Answer, where: str, *, strict: bool, at: datetime) -> Outcome:
    """Say what ``answer`` of ``where`` (host:port), received at ``at``, means for the run."""
    if answer.status in STRICT or (200 <= answer.status < 300 and not strict):
        return Done(result=answer.text)
    quoted = " ".join(answer.text[:MAX_QUOTED].split())
    note = "; redirects are not followed" if 300 <= answer.status < 400 else ""
    message = f"{where} answered {_phrase(answer.status)}{note}" + (f": {quoted}" if quoted else "")
    return Broken(
        failure=Failure(
            kind="status",
            message=excerpts.message(message),
            status=answer.status,
            retry_after=retry_after(answer.headers, at) if answer.status in WAITING else None,
            permanent=answer.status in PERMANENT,
        )
    )


def place_of(url: URL) -> str:
    """Name what is called as ``host:port``."""
    host = url.host or ""
    return f"[{host}]:{url.port}" if ":" in host else f"{host}:{url.port}"


def _phrase(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def retry_after(headers: Mapping[str, str], at: datetime) -> timedelta | None:
    """Read ``Retry-After``: how long to wait, 0 s to 365 days; None if there is none that can be read."""
    text = headers.get("Retry-After", "").strip()
    if _DIGITS.fullmatch(text):
        return timedelta(seconds=min(int(text), int(MAX_DELAY.total_seconds())))
    until = _date(text)
    if until is None:
        return None
    base = _date(headers.get("Date", "")) or at
    return min(max(until - base, timedelta(0)), MAX_DELAY)


def _date(text: str) -> datetime | None:
    """Read an HTTP date (RFC 9110 §5.6.7)."""
    try:
        date = parsedate_to_datetime(text[:64])
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return date.replace(tzinfo=UTC) if date.tzinfo is None else date


def broken(kind: str, where: str, reason: str, *, permanent: bool = False) -> Broken:
    """Give the failure ``kind`` of a call to ``where``; ``reason`` goes on after *host:port*."""
    line = " ".join(f"{where} {reason}".split())
    return Broken(failure=Failure(kind=kind, message=excerpts.message(line), permanent=permanent))


def without_answer(error: Exception, calling: Calling, where: str) -> Broken:
    """Say why there was no complete answer."""
    objection = calling.objection
    cause = getattr(error, "os_error", None)
    if isinstance(cause, BlockedAddress):
        objection = cause.reason
    if objection is not None:
        return broken("blocked", where, f"is not called: {objection}; allow it if that is meant", permanent=True)
    match error:
        case aiohttp.InvalidURL():
            return broken("url", where, "is no address that can be called", permanent=True)
        case aiohttp.ClientConnectorDNSError():
            return broken("dns", where, f"cannot be resolved: {_cause(error)}")
        case aiohttp.ClientConnectorCertificateError():
            return broken("tls", where, f"is not trusted: {_cause(error)}")
        case aiohttp.ClientConnectorSSLError():
            return broken("tls", where, f"failed the TLS handshake: {_cause(error)}")
        case aiohttp.ClientConnectorError():
            return broken("connect", where, f"cannot be reached: {_cause(error)}")
        case aiohttp.ServerDisconnectedError() | aiohttp.ClientPayloadError() | aiohttp.ClientOSError():
            return broken("disconnect", where, "closed the connection before its answer was complete")
        case MalformedBody():
            return broken("protocol", where, "did not answer in HTTP: the body is malformed")
        case aiohttp.ClientResponseError():
            return broken("protocol", where, f"did not answer in HTTP: {error.message}")
        case _:
            return broken("internal", where, f"could not be called: {type(error).__name__}")


def _cause(error: Exception) -> str:
    """The system's own words for an error, without what Python and aiohttp put around them."""
    cause = getattr(error, "certificate_error", None) or getattr(error, "os_error", error)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return cause.verify_message
    if isinstance(cause, ssl.SSLError):
        return (cause.reason or "handshake failed").replace("_", " ").lower()
    if isinstance(cause, OSError) and cause.errno and not isinstance(cause, socket.gaierror):
        return os.strerror(cause.errno)
    if isinstance(cause, ConnectionError):
        return "the connection was reset"
    return getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
