"""Carrying operations out: on one connection, in either colour, and again if others got in the way."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable
from typing import Final, TypeAlias, TypeVar

import psycopg

from mainspring.adapters.storages.postgres.faults import ATTEMPTS, may_try_again, unavailable
from mainspring.adapters.storages.postgres.texts import Operation, Row, Statement
from mainspring.adapters.storages.postgres.work import Overtaken, Work
from mainspring.core.errors import MainspringError, Unavailable

T = TypeVar("T")

Job: TypeAlias = Callable[[Work], Operation[T]]
"""What is done in one transaction; made anew for each attempt."""

COMMIT: Final = b"COMMIT"
ROLLBACK: Final = b"ROLLBACK"
_PAUSE_SECONDS: Final = 0.002


def written(work: Work, job: Job[T]) -> Operation[T]:
    """Do a job and make its writes, in a transaction that is there already."""
    try:
        result = yield from job(work)
    except MainspringError:
        if work.trusting:  # an earlier refusal may be hidden: look at everything, so that the first one is raised
            raise Overtaken from None
        raise
    yield from work.flush()
    return result


def transacted(work: Work, job: Job[T], begin: bytes) -> Operation[T]:
    """Do a job in a transaction of its own. ``begin`` opens it; whoever carries this out undoes it on an error."""
    yield begin, None
    result = yield from written(work, job)
    yield COMMIT, None
    return result


def carry_out(cursor: psycopg.Cursor[Row], operation: Operation[T]) -> T:
    """Carry an operation out on a connection."""
    try:
        statement = next(operation)
        while True:
            try:
                rows = _execute(cursor, statement)
            except psycopg.Error as error:
                statement = operation.throw(error)
            else:
                statement = operation.send(rows)
    except StopIteration as stop:
        result: T = stop.value
        return result
    finally:
        operation.close()


def _execute(cursor: psycopg.Cursor[Row], statement: Statement) -> list[Row]:
    text, values = statement
    if values is None:
        cursor.execute(text, prepare=False)
    else:
        cursor.execute(text, values)
    return cursor.fetchall() if cursor.description is not None else []


async def carry_out_async(cursor: psycopg.AsyncCursor[Row], operation: Operation[T]) -> T:
    """Carry an operation out on an asynchronous connection."""
    try:
        statement = next(operation)
        while True:
            try:
                rows = await _execute_async(cursor, statement)
            except psycopg.Error as error:
                statement = operation.throw(error)
            else:
                statement = operation.send(rows)
    except StopIteration as stop:
        result: T = stop.value
        return result
    finally:
        operation.close()


async def _execute_async(cursor: psycopg.AsyncCursor[Row], statement: Statement) -> list[Row]:
    text, values = statement
    if values is None:
        await cursor.execute(text, prepare=False)
    else:
        await cursor.execute(text, values)
    return await cursor.fetchall() if cursor.description is not None else []


def undo(connection: psycopg.Connection[Row]) -> None:
    """Roll a transaction back that was not committed; a connection that cannot is not used again."""
    if _is_open(connection):
        with contextlib.suppress(psycopg.Error):
            connection.execute(ROLLBACK, prepare=False)


async def undo_async(connection: psycopg.AsyncConnection[Row]) -> None:
    """Roll a transaction back that was not committed; a connection that cannot is not used again."""
    if _is_open(connection):
        with contextlib.suppress(psycopg.Error):
            await connection.execute(ROLLBACK, prepare=False)


def _is_open(connection: psycopg.Connection[Row] | psycopg.AsyncConnection[Row]) -> bool:
    status = psycopg.pq.TransactionStatus
    return connection.pgconn.transaction_status in (status.INTRANS, status.INERROR)


def pause_before(attempt: int, error: Exception, name: str) -> float:
    """Say how long to wait before making a transaction again, or raise what cannot be helped by that."""
    if isinstance(error, psycopg.Error) and not may_try_again(error):
        raise unavailable(name, error) from error
    if attempt + 1 >= ATTEMPTS:
        what = f"others got in the way of a transaction {ATTEMPTS} times"
        raise Unavailable("store", what, "try again") from error
    return random.uniform(0, _PAUSE_SECONDS * 2**attempt)  # noqa: S311  spreading load, not a secret
