"""Statements: what an operation yields to a driver, and how many values travel as one parameter.

An operation is a generator: it yields statements and receives their rows. So it is written once, and a synchronous
driver, an asynchronous one, and the caller's own open connection can carry it out alike.

A column of many values is one text parameter that the server takes apart: that costs the client far less than a list.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import Any, Final, TypeAlias, TypeVar

T = TypeVar("T")

Statement: TypeAlias = tuple[bytes, tuple[object, ...] | None]
"""A text and its values; None: a text without parameters, that may hold several statements."""
Row: TypeAlias = tuple[Any, ...]
Operation: TypeAlias = Generator[Statement, list[Row], T]

_BETWEEN: Final = "\x1f"
_NOTHING: Final = "\x1e"
"""Neither occurs in a text that travels this way: names and keys are printable, JSON escapes control characters."""

TEXTS: Final = "string_to_array(%s, E'\\x1f')"
"""What stands in a statement for a parameter made by ``texts``."""
OPTIONAL: Final = "string_to_array(%s, E'\\x1f', E'\\x1e')"
"""What stands in a statement for a parameter made by ``optional``."""
NUMBERS: Final = "%s::bigint[]"
UUIDS: Final = "%s::uuid[]"
"""What stands in a statement for a parameter made by ``plain``."""
NOW: Final = "coalesce(%s::bigint, (extract(epoch from clock_timestamp()) * 1000000)::bigint)"
"""The instant now, in microseconds: the parameter, or, if that is null, what the server's clock shows."""


def texts(values: Iterable[str]) -> str:
    """Put texts, none of them empty, into one parameter."""
    return _BETWEEN.join(values)


def optional(values: Iterable[str | None]) -> str:
    """Put texts, none of them empty, and nulls into one parameter."""
    return _BETWEEN.join([_NOTHING if value is None else value for value in values])


def plain(values: Iterable[object]) -> str:
    """Put numbers, UUIDs or nulls into one parameter."""
    return "{" + ",".join(["NULL" if value is None else str(value) for value in values]) + "}"


class Texts:
    """The texts of statements for one schema, as the driver wants them: ``{s}`` stands for its quoted name."""

    def __init__(self, schema: str) -> None:
        self.schema: Final = schema
        self.quoted: Final = f'"{schema}"'
        self._known: dict[str, bytes] = {}

    def __call__(self, text: str) -> bytes:
        """Give the text of a statement for this schema."""
        known = self._known.get(text)
        if known is None:
            known = self._known[text] = text.replace("{s}", self.quoted).encode()
        return known
