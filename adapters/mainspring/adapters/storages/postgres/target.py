"""Which database a URL names, and what is asked of every connection to it.

Beside what libpq itself understands, a URL takes ``schema`` (default ``mainspring``), ``pool_size`` (how many
connections a process opens at once for each of its event loops and for its threads; default 4) and ``wakeups``
(``on`` or ``off``). With ``wakeups=off`` nothing is used that a pooler in transaction mode (PgBouncer) cannot carry.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from attrs import frozen
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from mainspring.core.errors import InvalidInput

DEFAULT_SCHEMA: Final = "mainspring"
DEFAULT_POOL_SIZE: Final = 4
MAX_POOL_SIZE: Final = 100

_SCHEMA: Final = re.compile(r"[a-z_][a-z0-9_]{0,47}", re.ASCII)
_CONNECTING: Final[Mapping[str, str | int]] = {
    "application_name": "mainspring",
    "client_encoding": "utf8",
    "connect_timeout": 5,
    "keepalives": 1,
    "keepalives_idle": 4,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""A server that is cut off in silence is noticed after ten seconds."""

SETTINGS: Final[Mapping[str, str]] = {
    "statement_timeout": "30s",
    "lock_timeout": "10s",
    "idle_in_transaction_session_timeout": "30s",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_seqscan": "off",
    "jit": "off",
    "plan_cache_mode": "force_generic_plan",
}
"""Bounds of every transaction; and every statement here goes by an index, whatever the statistics say just now."""


def check_schema(name: str) -> str:
    """Return the name of a schema, or raise ``InvalidInput``."""
    if not _SCHEMA.fullmatch(name) or name.startswith("pg_"):
        cure = "use 1 to 48 of a-z 0-9 _, not a digit first, and not pg_"
        raise InvalidInput("schema", f"{name[:80]!r} is no schema name", cure)
    return name


@frozen(kw_only=True)
class Target:
    """A database, how to reach it, and how it is used."""

    conninfo: str
    schema: str
    pool_size: int
    wakeups: bool
    name: str
    """What to call it in messages: without secrets."""

    @property
    def channel(self) -> str:
        """The channel of the wake-ups of this schema."""
        return f"mainspring:{self.schema}"


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= MAX_POOL_SIZE:
        raise InvalidInput("pool_size", f"{text[:20]!r} is out of range", f"use 1 to {MAX_POOL_SIZE}")
    return int(text)


def _switch(text: str) -> bool:
    if text not in ("on", "off"):
        raise InvalidInput("wakeups", f"{text[:20]!r} is not known", "use on or off")
    return text == "on"


def read_target(url: str) -> Target:
    """Read a URL, or raise ``InvalidInput``; nothing is connected to."""
    cure = "write it as postgresql://USER@HOST:PORT/DATABASE?schema=NAME"
    base, _, query = url.partition("?")
    pairs = parse_qsl(query, keep_blank_values=True)
    ours = {key: value for key, value in pairs if key in ("schema", "pool_size", "wakeups")}
    rest = urlencode([(key, value) for key, value in pairs if key not in ours], quote_via=quote)
    try:
        urlsplit(base)
        known = conninfo_to_dict(f"{base}?{rest}" if rest else base)
    except (ProgrammingError, ValueError) as error:
        said = " ".join(str(error).split())[:200]
        raise InvalidInput("store", f"it is no Postgres URL: {said}", cure) from None
    wakeups = _switch(ours.get("wakeups", "on"))
    options = " ".join(f"-c {key}={value}" for key, value in SETTINGS.items()) if wakeups else ""
    asked = {**_CONNECTING, **known}
    if options:
        asked["options"] = f"{options} {known.get('options') or ''}".strip()  # the last one holds
    host = known.get("host") or known.get("hostaddr") or "this machine"
    return Target(
        conninfo=make_conninfo("", **asked),
        schema=check_schema(ours.get("schema", DEFAULT_SCHEMA)),
        pool_size=_number(ours.get("pool_size", str(DEFAULT_POOL_SIZE))),
        wakeups=wakeups,
        name=f"the database {known.get('dbname') or 'of its user'} on {host}",
    )
