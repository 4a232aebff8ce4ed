"""Which tasks a command means, when it is not told their ids: the options of a filter, and the query that they make."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar

import click

if TYPE_CHECKING:
    from mainspring.app import SyncMainspring
    from mainspring.core.ports import TaskQuery

F = TypeVar("F", bound=Callable[..., Any])


class Filters(TypedDict):
    """The values of the options of ``filters_of``."""

    queue: str | None
    name: str | None
    key: str | None
    schedule: str | None
    older_than: str | None


def filters_of(ended: str) -> Callable[[F], F]:
    """Give a command the options of a filter; ``ended`` says what they did whose age is asked for."""
    options = (
        click.option("--queue", metavar="NAME", help="Only of this queue."),
        click.option("--name", help="Only of this name."),
        click.option("--key", help="Only of this key."),
        click.option("--schedule", metavar="ID", help="Only those that this schedule made."),
        click.option("--older-than", metavar="DURATION", help=f"Only those that {ended} longer ago, e.g. 30d."),
    )

    def give(command: F) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return give


def query_of(filters: Filters, statuses: Iterable[str]) -> TaskQuery:
    """Make the query of a filter, without what goes by the store's clock: input is refused before it is opened."""
    from mainspring.core.ids import ScheduleId
    from mainspring.core.instants import parse_duration
    from mainspring.core.ports import TaskQuery
    from mainspring.core.task import check_name

    queue, name, schedule = filters["queue"], filters["name"], filters["schedule"]
    if filters["older_than"] is not None:
        parse_duration("older-than", filters["older_than"])
    for field, value in (("queue", queue), ("name", name)):
        if value is not None:
            check_name(field, value)
    return TaskQuery(
        statuses=frozenset(statuses),
        queue=queue,
        name=name,
        key=filters["key"],
        schedule_id=None if schedule is None else ScheduleId(schedule),
    )


def by_the_clock(query: TaskQuery, filters: Filters, operations: SyncMainspring) -> TaskQuery:
    """Add what has to be judged by the store's clock."""
    from attrs import evolve

    from mainspring.core.instants import parse_duration

    older_than = filters["older_than"]
    if older_than is None:
        return query
    return evolve(query, ended_before=operations.now() - parse_duration("older-than", older_than))


def require_one_way(
    filters: Filters, everything: bool, ids: tuple[str, ...] | None = None, narrowed: bool = False
) -> None:
    """Refuse a bulk change that does not say, in exactly one way, which tasks it means.

    ``ids``: those that were named; None if the command takes none. ``narrowed``: there is another filter beside these.
    """
    from mainspring.core.errors import InvalidInput

    values = (filters["queue"], filters["name"], filters["key"], filters["schedule"], filters["older_than"])
    narrowed = narrowed or any(value is not None for value in values)
    ways = [way for way, given in (("IDs", bool(ids)), ("a filter", narrowed), ("--all", everything)) if given]
    if len(ways) != 1:
        what = f"{' and '.join(ways)} were given" if ways else "no tasks were named"
        raise InvalidInput("tasks", what, f"give {'' if ids is None else 'IDs, '}a filter such as --queue, or --all")
