"""Errors of Postgres, said as ours: what to try again, what cannot be used now, and what to do about it."""

from __future__ import annotations

from typing import Final

import psycopg

from mainspring.core.errors import Unavailable

ATTEMPTS: Final = 10
"""How often a transaction that others got in the way of is made before it is given up."""

_AGAIN: Final = frozenset({"40001", "40P01", "23505", "21000"})
"""Serialization failure, deadlock, unique violation, and two writes of one key in one statement."""
_STALE_PLAN: Final = "cached plan must not change result type"
_SAID: Final = {
    "57014": ("took too long for a statement", "try again; look for what slows the server down"),
    "55P03": ("held a lock for too long", "try again; look for a transaction that does not end"),
    "53100": ("cannot grow: its disk is full", "make room on the disk, then try again"),
    "53300": ("has no connection left", "raise max_connections, or lower pool_size"),
    "3D000": ("does not exist", "create it, or name another one in the URL"),
    "28000": ("does not let this user in", "check the user in the URL and pg_hba.conf"),
    "28P01": ("does not accept this password", "check the password in the URL"),
    "42501": ("does not let this user do that", "grant it the rights on the schema"),
    "42P01": ("does not hold mainspring's tables", "run 'mainspring db migrate'"),
    "25006": ("is read-only", "name the primary, not a replica"),
}


def code_of(error: BaseException) -> str:
    """Give the SQLSTATE of an error; empty if it has none."""
    return (getattr(error, "sqlstate", None) or "") if isinstance(error, psycopg.Error) else ""


def may_try_again(error: BaseException) -> bool:
    """Tell whether making the whole transaction again may help: others got in its way, and nothing of it stays."""
    return code_of(error) in _AGAIN or (code_of(error) == "0A000" and _STALE_PLAN in str(error))


def unavailable(name: str, error: BaseException) -> Unavailable:
    """Say an error of Postgres about the database called ``name`` as ours."""
    code = code_of(error)
    said = " ".join(str(error).split())[:300]
    if code in _SAID:
        what, cure = _SAID[code]
        return Unavailable("store", f"{name} {what}", cure)
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        cure = "check that the server runs and can be reached; it is tried again"
        return Unavailable("store", f"{name} cannot be reached: {said}", cure)
    return Unavailable("store", f"{name} refuses a statement ({code}): {said}", "report this as a bug")
