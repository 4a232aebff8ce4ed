"""Who asks: keys are looked up by their public id, compared in constant time, and remembered for a moment."""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from mainspring.adapters.api.refusals import Refusal, refuse
from mainspring.core.access import MAX_TEXT, SEEN_EVERY, ApiKey, key_id, opens, seen
from mainspring.core.directory import AsyncDirectory
from mainspring.core.errors import MainspringError, NotFound

_log = logging.getLogger("mainspring.api")

FRESH: Final = timedelta(seconds=1)
"""How long a key that was read is trusted: a key that another process revokes is refused that much later."""
MAX_REMEMBERED: Final = 10_000


class KeyRing:
    """The keys that were used lately."""

    def __init__(self, directory: AsyncDirectory, now: Callable[[], datetime]) -> None:
        self._directory: Final = directory
        self._now: Final = now
        self._known: Final[dict[str, tuple[ApiKey, datetime]]] = {}
        self._noting: Final[set[asyncio.Task[None]]] = set()

    async def admit(self, authorization: str | None) -> ApiKey:
        """Give the key that a header ``Authorization`` presents; ``Refusal`` (401) says nothing more."""
        text = _presented(authorization)
        if text is None:
            raise _unauthorized()
        at = self._now()
        key = await self._look_up(key_id(text), at)
        if key is None or not opens(key, text, at):
            raise _unauthorized()
        if key.last_used_at is None or at - key.last_used_at >= SEEN_EVERY:
            self._note(key, at)
        return key

    def forget(self, id: str) -> None:
        """Read a key again when it is used next."""
        self._known.pop(id, None)

    async def _look_up(self, id: str, at: datetime) -> ApiKey | None:
        known = self._known.get(id)
        if known is not None and timedelta(0) <= at - known[1] < FRESH:
            return known[0]
        try:
            key = await self._directory.get_key(id)
        except NotFound:
            self._known.pop(id, None)
            return None
        if len(self._known) >= MAX_REMEMBERED:
            self._known.clear()
        self._known[id] = (key, at)
        return key

    def _note(self, key: ApiKey, at: datetime) -> None:
        """Write down that the key was used; nobody waits for it, and nothing depends on it."""
        self._known[key.id] = (seen(key, at), at)
        job = asyncio.ensure_future(self._write(key.id))
        self._noting.add(job)
        job.add_done_callback(self._noting.discard)

    async def _write(self, id: str) -> None:
        try:
            await self._directory.update_key(id, seen)
        except MainspringError as error:
            _log.warning("the use of key %s could not be noted: %s", id, error)

    async def close(self) -> None:
        """Wait for what is being noted."""
        await asyncio.gather(*self._noting, return_exceptions=True)


def _presented(authorization: str | None) -> str | None:
    """The key in ``Bearer KEY``, or in HTTP Basic with the key as user and an empty password."""
    scheme, _, rest = (authorization or "").partition(" ")
    rest = rest.strip()
    if scheme.lower() == "bearer":
        text = rest
    elif scheme.lower() == "basic":
        try:
            user, colon, password = base64.b64decode(rest, validate=True).decode().partition(":")
        except (binascii.Error, ValueError):
            return None
        if not colon or password:
            return None
        text = user
    else:
        return None
    return text if 0 < len(text) <= MAX_TEXT else None


def _unauthorized() -> Refusal:
    return refuse(401, "Unauthorized", {"WWW-Authenticate": 'Bearer realm="mainspring"'})
