"""The rules of schema migrations, the same for every storage that has a schema.

Rules:

* A migration is a file ``schema/NNNN.sql`` in the wheel, numbered from 0001 without a gap. Once released it is never
  changed: the table ``migrations`` of a store holds the SHA-256 of each one that was applied.
* Each is one transaction, its row of ``migrations`` included. Killed anywhere in it, nothing has happened, and it is
  run again. Whoever applies one holds a lock that the others wait for, and looks again once he has it.
* There is no way back: a step that was wrong is mended by the next one.
* Expand, then contract. The first line of a file says ``-- oldest: N``: the oldest schema version whose code works with
  the store afterwards. A step that only adds (expands) keeps N behind its own number, so that processes of the release
  before go on and may be started anew; what takes something away (contracts) comes at least a release later.
* Code that is older than N is refused when it opens the store, in one line.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from datetime import datetime
from importlib.resources.abc import Traversable
from typing import Final, Protocol

from attrs import frozen

from mainspring.core.errors import CorruptHistory, InvalidInput, Unavailable

_HEADER: Final = re.compile(r"-- oldest: ([0-9]+)\n")


@frozen(kw_only=True)
class Migration:
    """One step of a schema: its SQL, and the oldest schema version whose code works with the store after it."""

    number: int
    script: str
    oldest: int

    @property
    def checksum(self) -> str:
        """SHA-256 of the script, in hexadecimal digits."""
        return hashlib.sha256(self.script.encode()).hexdigest()


@frozen(kw_only=True)
class Applied:
    """A step that a store has taken; ``at``: when, by the clock of the store."""

    number: int
    checksum: str
    oldest: int
    at: datetime


class Schema(Protocol):
    """The schema of one store; what ``mainspring db`` works on. Nothing here changes the store but ``migrate``."""

    @property
    def known(self) -> tuple[Migration, ...]:
        """The steps that this mainspring knows, in order."""
        ...

    def applied(self) -> tuple[Applied, ...]:
        """Read the steps that the store has taken, in order; none for a store that does not exist yet."""
        ...

    def migrate(self, to: int | None = None, *, dry_run: bool = False) -> tuple[Migration, ...]:
        """Take the steps that are missing, up to ``to``; give those that were taken.

        ``dry_run`` takes them in a transaction that is rolled back. Raises as ``missing`` does, and ``Unavailable``.
        """
        ...

    def sql(self, to: int | None = None) -> str:
        """Write the steps that are missing as SQL that can be run by hand."""
        ...

    def faults(self) -> tuple[str, ...]:
        """Compare the store with what its steps should have made of it."""
        ...


def read_migrations(folder: Traversable) -> tuple[Migration, ...]:
    """Read the SQL files of a folder, in order."""
    names = sorted(item.name for item in folder.iterdir() if item.name.endswith(".sql"))
    assert names == [f"{number:04}.sql" for number in range(1, len(names) + 1)], names  # noqa: S101  files of ours
    return tuple(
        parse_migration(number, (folder / name).read_text(encoding="utf-8")) for number, name in enumerate(names, 1)
    )


def parse_migration(number: int, script: str) -> Migration:
    """Make a migration of its text, which begins with ``-- oldest: N``."""
    header = _HEADER.match(script)
    assert header is not None, f"{number:04}.sql does not begin with '-- oldest: N'"  # noqa: S101  a file of ours
    return Migration(number=number, script=script, oldest=int(header[1]))


def version_of(applied: Sequence[Applied]) -> int:
    """Give the schema version of a store; 0: it has none yet."""
    return max((step.number for step in applied), default=0)


def refuse_newer(known: Sequence[Migration], applied: Sequence[Applied], store: str) -> None:
    """Raise ``Unavailable`` for a store that has moved on too far for this code."""
    latest = len(known)
    if max((step.oldest for step in applied if step.number > latest), default=0) > latest:
        raise newer(store, version_of(applied), latest)


def newer(store: str, version: int, latest: int) -> Unavailable:
    """Make the refusal of a store that is too new."""
    what = f"{store} has schema version {version}, this mainspring knows {latest}"
    return Unavailable("store", what, "upgrade mainspring")


def missing(
    known: Sequence[Migration], applied: Sequence[Applied], to: int | None, store: str
) -> tuple[Migration, ...]:
    """Give the steps that a store has yet to take, up to ``to``.

    Raises ``InvalidInput`` for a ``to`` that does not exist or lies behind, ``Unavailable`` for a store that is too
    new, ``CorruptHistory`` where a step was applied with another text.
    """
    refuse_newer(known, applied, store)
    version, latest = version_of(applied), len(known)
    if to is not None and not 1 <= to <= latest:
        raise InvalidInput("to", f"there is no schema version {to}", f"use 1 to {latest}")
    if to is not None and to < version:
        cure = "there is no way back; restore a backup that was made before"
        raise InvalidInput("to", f"{store} has schema version {version}, which is later than {to}", cure)
    changed = changes(known, applied)
    if changed:
        raise CorruptHistory(changed[0])
    return tuple(step for step in known if version < step.number <= (latest if to is None else to))


def changes(known: Sequence[Migration], applied: Sequence[Applied]) -> tuple[str, ...]:
    """Name the steps that were applied with another text, or left out."""
    texts = {step.number: step.checksum for step in known}
    found = {step.number for step in applied}
    return (
        *(f"migration {n:04} was left out" for n in range(1, version_of(applied)) if n not in found),
        *(
            f"migration {step.number:04} was applied with another text than this mainspring has"
            for step in applied
            if step.number in texts and texts[step.number] != step.checksum
        ),
    )
