"""What is sent: the headers of a delivery, its signatures, and what of it must never be shown again.

* The caller's headers are sent as given; those that identify and sign the delivery are ours, whatever the caller wrote.
* ``Content-Type: application/json`` is added if the body parses as JSON and the caller named no type.
* ``User-Agent`` and ``Accept-Encoding`` are the caller's if given.
"""

from __future__ import annotations

import json
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from attrs import field, frozen
from multidict import CIMultiDict

from mainspring.adapters.executors.excerpts import CUT
from mainspring.core.errors import InvalidInput
from mainspring.core.instants import format_instant
from mainspring.core.ports import Run
from mainspring.core.task import HttpCall, Task, is_secret_header
from mainspring.webhooks import sign_mergent, sign_standard

MAX_LIVE_SECRETS: Final = 2
REDACTED: Final = "[redacted]"
_MIN_SECRET: Final = 4  # shorter values would blot out ordinary words


def _version() -> str:
    try:
        return version("mainspring")
    except PackageNotFoundError:  # run from a source folder that was never installed
        return "0"


USER_AGENT: Final = f"mainspring/{_version()}"


@frozen(kw_only=True)
class Signing:
    """The secrets that deliveries are signed with; never shown in a ``repr``.

    ``secrets``: none, one or (while one replaces the other) two for Standard Webhooks, the new one first.
    ``mergent_secret``: for ``X-Mergent-Signature``; None sends none. ``InvalidInput`` for what cannot be a secret.
    """

    secrets: tuple[str, ...] = field(default=(), repr=False)
    mergent_secret: str | None = field(default=None, repr=False)

    def __attrs_post_init__(self) -> None:
        if len(self.secrets) > MAX_LIVE_SECRETS:
            raise InvalidInput("secrets", f"{len(self.secrets)} live secrets", f"use at most {MAX_LIVE_SECRETS}")
        for secret in self.secrets:
            sign_standard(secret, "", 0, b"")
        if self.mergent_secret is not None:
            sign_mergent(self.mergent_secret, b"")


def headers_of(task: Task, call: HttpCall, body: bytes, run: Run, signing: Signing, at: datetime) -> CIMultiDict[str]:
    """Give all headers of the delivery of ``call`` at ``at``, but those of the connection itself."""
    headers = CIMultiDict(call.headers)
    headers.setdefault("User-Agent", USER_AGENT)
    headers.setdefault("Accept-Encoding", "identity")
    if "Content-Type" not in headers and _is_json(call.body):
        headers["Content-Type"] = "application/json"
    timestamp = int(at.timestamp())
    headers["webhook-id"] = task.id
    headers["webhook-timestamp"] = str(timestamp)
    if signing.secrets:
        signatures = (sign_standard(secret, task.id, timestamp, body) for secret in signing.secrets)
        headers["webhook-signature"] = " ".join(signatures)
    headers["X-Mergent-Task"] = task.id
    if signing.mergent_secret is not None:
        headers["X-Mergent-Signature"] = sign_mergent(signing.mergent_secret, body)
    headers["Mainspring-Attempt"] = str(run.attempt)
    headers["Mainspring-Scheduled-For"] = format_instant(task.scheduled_for)
    return headers


def redacted(text: str, call: HttpCall) -> str:
    """Blot out in ``text`` (an answer may repeat the question) the values of the caller's sensitive headers.

    If ``text`` was cut, what its end shows of such a value goes too.
    """
    secrets = sorted(_secrets(call), key=len, reverse=True)
    for secret in secrets:
        text = text.replace(secret, REDACTED)
    if text.endswith(CUT):
        text = min((_without_beginning(text, secret) for secret in secrets), key=len, default=text)
    return text


def _without_beginning(text: str, secret: str) -> str:
    """Take from the cut end of ``text`` the longest beginning of ``secret`` that stands there."""
    shown = text.removesuffix(CUT)
    size = next((size for size in range(len(secret) - 1, 0, -1) if shown.endswith(secret[:size])), 0)
    return shown[: len(shown) - size] + CUT


def _secrets(call: HttpCall) -> set[str]:
    """The values of headers with a telling name; of ``Bearer xyz`` also ``xyz`` by itself."""
    values = [value for name, value in call.headers if is_secret_header(name)]
    parts = {part for value in values for part in (value, value.partition(" ")[2])}
    return {part for part in parts if len(part) >= _MIN_SECRET}


def _is_json(body: str | None) -> bool:
    if body is None:
        return False
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return False
    return True
