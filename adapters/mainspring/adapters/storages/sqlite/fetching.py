"""Reading rows of a file that may be damaged."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any


def fetch_all(connection: sqlite3.Connection, statement: str, values: Sequence[object]) -> list[Any]:
    """Execute a query; a text that is no UTF-8 (only damage makes one) comes with its odd bytes escaped.

    So one damaged row is seen for what it is, by its checksum, and does not hide the others.
    """
    try:
        return connection.execute(statement, values).fetchall()
    except sqlite3.OperationalError as error:
        if "decode to UTF-8" not in str(error):
            raise
    connection.text_factory = _leniently
    try:
        return connection.execute(statement, values).fetchall()
    finally:
        connection.text_factory = str


def _leniently(octets: bytes) -> str:
    return octets.decode("utf-8", "surrogateescape")
