"""Projects and their keys: who may do what, as values and pure functions.

Rules:

* A *project* is the tenant: it owns its tasks, schedules, queues, keys and signing secrets. Nobody sees another's.
* A *key* lets its bearer act for one project, as far as its scope goes: ``read`` < ``write`` < ``admin``.
* The text of a key is ``ms_`` + public id + ``_`` + 32 random bytes. It is shown once and kept as its SHA-256 only.
  Texts are compared in constant time. A key that came from elsewhere (Mergent's) may be taken over: its public id is
  then computed from its text.
* A key counts until it expires or is revoked. Several may be live at once, so that one can replace another.
* Signing secrets are the project's own and have nothing to do with its keys: at most ``MAX_SECRETS`` are live, the new
  one first.
* Who administers ``DEFAULT_PROJECT`` administers the others too.
"""

from __future__ import annotations

import base64
import hmac
import re
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final, Literal, TypeAlias, get_args

from attrs import Attribute, field, frozen
from attrs import evolve as changed

from mainspring.core.errors import InvalidInput
from mainspring.core.retry import RetryPolicy
from mainspring.core.task import DEFAULT_PROJECT, validate_name

Scope: TypeAlias = Literal["read", "write", "admin"]
SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)

ID_BYTES: Final = 8
SECRET_BYTES: Final = 32
KEY_ENTROPY: Final = ID_BYTES + SECRET_BYTES
"""How many random bytes a new key takes."""
MAX_SECRETS: Final = 2
MAX_LABEL: Final = 200
MAX_TEXT: Final = 200
MIN_FOREIGN: Final = 20
"""How long a key from elsewhere has to be: a shorter one could be guessed."""
SEEN_EVERY: Final = timedelta(minutes=1)
"""How exact ``last_used_at`` is: a write at every request would cost more than the request."""

_OURS: Final = re.compile(r"ms_([0-9a-f]{16})_[A-Za-z0-9_-]{43}", re.ASCII)
_FOREIGN: Final = re.compile(r"[\x21-\x39\x3b-\x7e]+", re.ASCII)  # visible ASCII; ':' ends the user of HTTP Basic


def _check_label(instance: object, attribute: Attribute[str], value: str) -> None:
    if len(value) > MAX_LABEL or not (value.isprintable() or not value):
        raise InvalidInput("label", "it is too long or not printable", f"use at most {MAX_LABEL} printable characters")


def _check_secrets(instance: object, attribute: Attribute[tuple[str, ...]], value: tuple[str, ...]) -> None:
    if len(value) > MAX_SECRETS:
        raise InvalidInput("webhook_secrets", f"{len(value)} live secrets", f"use at most {MAX_SECRETS}")


@frozen(kw_only=True)
class Project:
    """A tenant and its settings.

    ``webhook_secrets`` sign its deliveries by Standard Webhooks, ``mergent_secret`` by Mergent's header; without one
    the server's own are used. ``strict``: only 200 and 201 are success. ``retry``: the policy of tasks whose request
    and queue name none.
    """

    name: str = field(validator=validate_name)
    created_at: datetime
    version: int = 1
    webhook_secrets: tuple[str, ...] = field(default=(), repr=False, validator=_check_secrets)
    mergent_secret: str | None = field(default=None, repr=False)
    strict: bool = False
    retry: RetryPolicy | None = None

    def __str__(self) -> str:
        return f"project {self.name}"


@frozen(kw_only=True)
class ApiKey:
    """A key as it is kept: ``digest`` is the SHA-256 of its text, in hexadecimal."""

    id: str
    project: str = field(validator=validate_name)
    digest: str = field(repr=False)
    scope: Scope
    created_at: datetime
    version: int = 1
    label: str = field(default="", validator=_check_label)
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None

    def __str__(self) -> str:
        return f"key {self.id}"


def new_key(
    *, project: str, scope: Scope, at: datetime, entropy: bytes, expires_at: datetime | None = None, label: str = ""
) -> tuple[str, ApiKey]:
    """Make a key of ``KEY_ENTROPY`` random bytes: its text, to be shown once, and what is kept of it."""
    if len(entropy) != KEY_ENTROPY:
        raise InvalidInput("entropy", f"{len(entropy)} bytes", f"give {KEY_ENTROPY} bytes")
    secret = base64.urlsafe_b64encode(entropy[ID_BYTES:]).decode().rstrip("=")
    text = f"ms_{entropy[:ID_BYTES].hex()}_{secret}"
    return text, _kept(text, project, scope, at, expires_at, label)


def taken_over(
    text: str, *, project: str, scope: Scope, at: datetime, expires_at: datetime | None = None, label: str = ""
) -> ApiKey:
    """Make what is kept of a key from elsewhere, so that its users need not change it."""
    if not MIN_FOREIGN <= len(text) <= MAX_TEXT or not _FOREIGN.fullmatch(text):
        cure = f"use {MIN_FOREIGN} to {MAX_TEXT} visible ASCII characters, none of them ':'"
        raise InvalidInput("key", "it cannot be taken over", cure)
    return _kept(text, project, scope, at, expires_at, label)


def _kept(text: str, project: str, scope: Scope, at: datetime, expires_at: datetime | None, label: str) -> ApiKey:
    if expires_at is not None and expires_at <= at:
        raise InvalidInput("expires_at", "it is not in the future", "use a later instant, or leave it out")
    return ApiKey(
        id=key_id(text),
        project=project,
        digest=digest_of(text),
        scope=scope,
        created_at=at,
        expires_at=expires_at,
        label=label,
    )


def digest_of(text: str) -> str:
    """Compute what is kept of a key's text."""
    return sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def key_id(text: str) -> str:
    """Give the public id of the key with this text: the part behind ``ms_``, else one computed from the text."""
    ours = _OURS.fullmatch(text)
    return ours[1] if ours is not None else f"x{digest_of(text)[:20]}"


def opens(key: ApiKey, text: str, at: datetime) -> bool:
    """Tell whether ``text`` is this key's, and the key counts at instant ``at``."""
    same = hmac.compare_digest(key.digest, digest_of(text))
    return same and is_live(key, at)


def is_live(key: ApiKey, at: datetime) -> bool:
    """Tell whether a key is neither revoked nor expired at instant ``at``."""
    return key.revoked_at is None and (key.expires_at is None or at < key.expires_at)


def allows(key: ApiKey, needed: Scope) -> bool:
    """Tell whether the scope of a key includes ``needed``."""
    return SCOPES.index(key.scope) >= SCOPES.index(needed)


def governs(key: ApiKey, project: str) -> bool:
    """Tell whether a key may administer ``project``."""
    return allows(key, "admin") and key.project in (project, DEFAULT_PROJECT)


def revoked(key: ApiKey, at: datetime) -> ApiKey:
    """End a key; one that was revoked stays as it is."""
    return key if key.revoked_at is not None else changed(key, revoked_at=at, version=key.version + 1)


def seen(key: ApiKey, at: datetime) -> ApiKey:
    """Note that a key was used; the same value if that was noted less than ``SEEN_EVERY`` ago."""
    if key.last_used_at is not None and at - key.last_used_at < SEEN_EVERY:
        return key
    return changed(key, last_used_at=at, version=key.version + 1)


def rotated(project: Project, secret: str) -> Project:
    """Give a project a new signing secret; the one before stays live beside it, older ones do not."""
    secrets = (secret, *project.webhook_secrets)[:MAX_SECRETS]
    return changed(project, webhook_secrets=secrets, version=project.version + 1)
