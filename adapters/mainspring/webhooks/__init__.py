"""Sign and verify deliveries: for whoever receives mainspring's calls, and for the executor that makes them.

Two schemes:

* ``standard``: Standard Webhooks 1.0.0 (standardwebhooks.com). Headers ``webhook-id``, ``webhook-timestamp`` and
  ``webhook-signature``; the signature covers id, timestamp and body, and is good for five minutes either way.
* ``mergent``: ``X-Mergent-Signature``, base64(HMAC-SHA1(key, body)), as Mergent's clients check it. It covers the body
  only, so a delivery that was overheard can be sent again for ever: use it for receivers that exist already.

Both compare in constant time. While a secret is changed, verify with the old and the new one.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets as entropy
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, TypeAlias

from attrs import frozen

from mainspring.core.errors import InvalidInput, MainspringError

__all__ = ["Delivery", "NotVerified", "Scheme", "new_secret", "secret_of", "sign_mergent", "sign_standard", "verify"]

Scheme: TypeAlias = Literal["standard", "mergent"]

TOLERANCE: Final = timedelta(minutes=5)
MAX_SIGNATURES: Final = 16
"""How many signatures of one delivery are looked at."""

_PREFIX: Final = "whsec_"
_SECRET_BYTES: Final = range(24, 65)  # Standard Webhooks 1.0.0, "Signature scheme": 24 to 64 bytes
_TIMESTAMP: Final = re.compile(r"[0-9]{1,11}", re.ASCII)


class NotVerified(MainspringError, ValueError):
    """The delivery is not to be trusted: answer 401 and do nothing. The message says why, without any secret."""


@frozen(kw_only=True)
class Delivery:
    """A delivery that was verified.

    ``id`` is the task's id, the same over all attempts: do the work of an id once. ``sent_at`` (UTC) is when this
    attempt was signed; None under ``mergent``, which does not sign it. ``attempt`` counts from 1; None if not told
    (it is not signed: do not rely on it).
    """

    id: str | None
    sent_at: datetime | None
    attempt: int | None


def new_secret() -> str:
    """Make a signing secret for the ``standard`` scheme: ``whsec_`` and 32 random bytes as base64."""
    return secret_of(entropy.token_bytes(32))


def secret_of(key: bytes) -> str:
    """Write a key of 24 to 64 random bytes as a secret of the ``standard`` scheme."""
    secret = _PREFIX + base64.b64encode(key).decode()
    _key(secret)
    return secret


def sign_standard(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """Give the ``v1,…`` signature of a delivery; ``timestamp`` in seconds since 1970.

    ``secret`` is ``whsec_`` (or nothing) and base64 of 24 to 64 bytes; ``InvalidInput`` otherwise.
    """
    content = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(_key(secret), content, hashlib.sha256).digest()).decode()


def sign_mergent(secret: str, body: bytes) -> str:
    """Give Mergent's signature: base64(HMAC-SHA1(secret, body)); ``secret`` was the project's API key."""
    if not secret:
        raise InvalidInput("secret", "it is empty", "use the signing secret of the project")
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha1).digest()).decode()


def verify(
    body: bytes,
    headers: Mapping[str, str],
    secrets: str | Sequence[str],
    *,
    scheme: Scheme = "standard",
    tolerance: timedelta = TOLERANCE,
    now: Callable[[], datetime] | None = None,
) -> Delivery:
    """Check that ``body`` (the raw bytes, before any parsing) was sent by whoever holds one of ``secrets``.

    ``headers`` may be in any case. Give all live secrets while one is being replaced. ``now`` is for tests.
    Raises ``NotVerified`` if the delivery is not to be trusted, ``InvalidInput`` for a secret that cannot be one.
    """
    lowered = {name.lower(): value for name, value in headers.items()}
    live = (secrets,) if isinstance(secrets, str) else tuple(secrets)
    if not live:
        raise InvalidInput("secrets", "there is none", "give the signing secret")
    if scheme == "mergent":
        expected = [sign_mergent(secret, body) for secret in live]
        _compare(expected, [_header(lowered, "x-mergent-signature")])
        return Delivery(id=lowered.get("x-mergent-task"), sent_at=None, attempt=_attempt(lowered))
    message_id = _header(lowered, "webhook-id")
    sent_at = _sent_at(_header(lowered, "webhook-timestamp"), tolerance, _utc_now() if now is None else now())
    expected = [sign_standard(secret, message_id, int(sent_at.timestamp()), body) for secret in live]
    _compare(expected, _header(lowered, "webhook-signature").split(" ")[:MAX_SIGNATURES])
    return Delivery(id=message_id, sent_at=sent_at, attempt=_attempt(lowered))


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _key(secret: str) -> bytes:
    cure = "use whsec_ and the base64 of 24 to 64 bytes"
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise InvalidInput("secret", "it is no base64", cure) from None
    if len(key) not in _SECRET_BYTES:
        raise InvalidInput("secret", f"it has {len(key)} bytes", cure)
    return key


def _header(headers: Mapping[str, str], name: str) -> str:
    value = headers.get(name, "").strip()
    if not value:
        raise NotVerified(f"the header {name} is missing")
    return value


def _sent_at(text: str, tolerance: timedelta, now: datetime) -> datetime:
    if not _TIMESTAMP.fullmatch(text):
        raise NotVerified("webhook-timestamp is no number of seconds")
    sent_at = datetime.fromtimestamp(int(text), UTC)
    if now - sent_at > tolerance:
        raise NotVerified("webhook-timestamp is too old: the delivery was held up, or is sent again by somebody else")
    if sent_at - now > tolerance:
        raise NotVerified("webhook-timestamp is in the future: one of the two clocks is wrong")
    return sent_at


def _compare(expected: Sequence[str], given: Sequence[str]) -> None:
    """Compare every pair, whatever the earlier ones gave, each in constant time."""
    pairs = [(one.encode(), other.encode("utf-8", "replace")) for one in expected for other in given]
    equal = [hmac.compare_digest(one, other) for one, other in pairs]
    if not any(equal):
        raise NotVerified("no signature matches: the body was changed, or the secret is another one")


def _attempt(headers: Mapping[str, str]) -> int | None:
    text = headers.get("mainspring-attempt", "")
    return int(text) if re.fullmatch(r"[0-9]{1,6}", text, re.ASCII) else None
