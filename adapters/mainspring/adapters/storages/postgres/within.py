"""Creating tasks inside the caller's own transaction, on the connection that the caller has open.

The tasks are there if and when that transaction commits. Nobody is told of them then: a worker finds them at its next
look. What goes wrong undoes nothing of the caller's (a savepoint sees to that), and is raised: psycopg's own errors as
they are, since the connection is the caller's.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Final, cast

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import tuple_row

from mainspring.adapters.storages.postgres import creating, finding
from mainspring.adapters.storages.postgres.access import Access
from mainspring.adapters.storages.postgres.drivers import carry_out, carry_out_async, written
from mainspring.adapters.storages.postgres.faults import ATTEMPTS, code_of
from mainspring.adapters.storages.postgres.texts import Row
from mainspring.adapters.storages.postgres.work import Overtaken
from mainspring.core.creation import Accepted, Creation
from mainspring.core.errors import Conflict, InvalidInput
from mainspring.core.instants import from_micros
from mainspring.core.ports import AsyncStorage, Refused, Storage

_BENEATH: Final = "SQLAlchemy's is found as driver_connection, Django's as connection.connection"
_SHOWS_ANOTHER: Final = frozenset({"23505", "21000"})


def _may_try_again(error: Exception) -> bool:
    """Tell whether the savepoint alone may be tried again: a deadlock or the like ends the caller's transaction."""
    return isinstance(error, Overtaken) or code_of(error) in _SHOWS_ANOTHER


def _given_up() -> Conflict:
    what = f"others got in the way {ATTEMPTS} times, or this transaction cannot see them"
    return Conflict("store", what, "make the transaction again, at READ COMMITTED")


def _opens_by_itself(connection: psycopg.Connection[Row] | psycopg.AsyncConnection[Row]) -> bool:
    """Tell whether the connection will open a transaction at its first statement, for the caller to end."""
    return not connection.autocommit and connection.pgconn.transaction_status == TransactionStatus.IDLE


def add_on(
    access: Access, connection: psycopg.Connection[Row], creations: Sequence[Creation], *, atomic: bool = True
) -> tuple[Accepted | Refused, ...]:
    """Create tasks as ``Storage.add`` does, in the transaction of ``connection``, or in one of its own."""
    if _opens_by_itself(connection):
        connection.execute(b"SELECT 1")
    alone = connection.pgconn.transaction_status == TransactionStatus.IDLE
    for attempt in range(ATTEMPTS):
        work = access.work(attempt)
        job = partial(creating.add, creations=creations, atomic=atomic)
        try:
            with connection.transaction(), connection.cursor(row_factory=tuple_row) as cursor:
                answers = carry_out(cursor, written(work, job))
        except (psycopg.Error, Overtaken) as error:
            if not _may_try_again(error):
                raise
        else:
            if alone:
                access.committed(work.hint)
            return answers
    raise _given_up()


async def add_on_async(
    access: Access, connection: psycopg.AsyncConnection[Row], creations: Sequence[Creation], *, atomic: bool = True
) -> tuple[Accepted | Refused, ...]:
    """As ``add_on``, on an asynchronous connection."""
    if _opens_by_itself(connection):
        await connection.execute(b"SELECT 1")
    alone = connection.pgconn.transaction_status == TransactionStatus.IDLE
    for attempt in range(ATTEMPTS):
        work = access.work(attempt)
        job = partial(creating.add, creations=creations, atomic=atomic)
        try:
            async with connection.transaction(), connection.cursor(row_factory=tuple_row) as cursor:
                answers = await carry_out_async(cursor, written(work, job))
        except (psycopg.Error, Overtaken) as error:
            if not _may_try_again(error):
                raise
        else:
            if alone:
                access.committed(work.hint)
            return answers
    raise _given_up()


class _Within:
    """The part of ``Storage`` that creating needs, on a connection of the caller's."""

    def __init__(self, access: Access, connection: psycopg.Connection[Row]) -> None:
        self._access = access
        self._connection = connection

    def now(self) -> datetime:
        """As ``Storage.now``."""
        with self._connection.cursor(row_factory=tuple_row) as cursor:
            return from_micros(carry_out(cursor, finding.now(self._access.sql, self._access.instant)))

    def add(self, creations: Sequence[Creation], *, atomic: bool = True) -> tuple[Accepted | Refused, ...]:
        """As ``Storage.add``."""
        return add_on(self._access, self._connection, creations, atomic=atomic)


class _AsyncWithin:
    """As ``_Within``, on an asynchronous connection."""

    def __init__(self, access: Access, connection: psycopg.AsyncConnection[Row]) -> None:
        self._access = access
        self._connection = connection

    async def now(self) -> datetime:
        """As ``Storage.now``."""
        async with self._connection.cursor(row_factory=tuple_row) as cursor:
            return from_micros(await carry_out_async(cursor, finding.now(self._access.sql, self._access.instant)))

    async def add(self, creations: Sequence[Creation], *, atomic: bool = True) -> tuple[Accepted | Refused, ...]:
        """As ``Storage.add``."""
        return await add_on_async(self._access, self._connection, creations, atomic=atomic)


def within(access: Access, connection: object) -> Storage:
    """Give what creates tasks on ``connection``; ``InvalidInput`` if it is no connection for that."""
    if isinstance(connection, psycopg.Connection):
        return cast("Storage", _Within(access, cast("psycopg.Connection[Row]", connection)))
    if isinstance(connection, psycopg.AsyncConnection):
        raise _no_connection("psycopg.AsyncConnection", "await app.enqueue(…), or give a psycopg.Connection")
    raise _no_connection(type(connection).__qualname__, f"give a psycopg.Connection; {_BENEATH}")


def within_async(access: Access, connection: object) -> AsyncStorage:
    """As ``within``, for an asynchronous connection."""
    if isinstance(connection, psycopg.AsyncConnection):
        return cast("AsyncStorage", _AsyncWithin(access, cast("psycopg.AsyncConnection[Row]", connection)))
    if isinstance(connection, psycopg.Connection):
        raise _no_connection("psycopg.Connection", "call app.sync.enqueue(…), or give a psycopg.AsyncConnection")
    raise _no_connection(type(connection).__qualname__, f"give a psycopg.AsyncConnection; {_BENEATH}")


def _no_connection(kind: str, cure: str) -> InvalidInput:
    return InvalidInput("connection", f"a {kind} is of no use here", cure)
