"""``mainspring queue``: look at queues, limit, pause, drain and purge them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, TypedDict, TypeVar, Unpack

import click

from mainspring.cli.invocation import Invocation, json_option, pass_invocation, store_option
from mainspring.cli.lazy import OrderedGroup

if TYPE_CHECKING:
    from mainspring.core.commands import Change
    from mainspring.core.ports import QueueStatus
    from mainspring.core.queue import Limits, Queue, QueueEdit, Rate

T = TypeVar("T")

NONE = "none"
"""What takes a limit or a default away."""


@click.group(cls=OrderedGroup)
def queue() -> None:
    """Look at queues, limit, pause, drain and purge them."""


@queue.command("ls")
@json_option
@store_option
@pass_invocation
def list_(invocation: Invocation, as_json: bool) -> None:
    """List the queues that are configured or hold tasks."""
    from mainspring.cli.output import print_json, print_table
    from mainspring.cli.wiring import existing

    with existing(invocation) as operations:
        found = operations.find_queues()
    if as_json:
        print_json({"queues": [_document(status) for status in found]})
        return
    if not found:
        click.echo("no queues", err=True)
        return
    rows = [(s.queue.ref.name, _state(s.queue), str(s.pending), str(s.held), _limits(s.queue)) for s in found]
    print_table(("QUEUE", "STATE", "PENDING", "RUNNING", "LIMITS"), rows)


@queue.command()
@click.argument("name")
@json_option
@store_option
@pass_invocation
def show(invocation: Invocation, name: str, as_json: bool) -> None:
    """Show the settings of a queue, and what is in it."""
    from mainspring.cli.output import print_fields, print_json
    from mainspring.cli.wiring import existing
    from mainspring.core.ports import QueueStatus

    with existing(invocation) as operations:
        settings = operations.get_queue(name)
        counted = [status for status in operations.find_queues() if status.queue.ref == settings.ref]
    status = counted[0] if counted else QueueStatus(queue=settings, pending=0, held=0)
    if as_json:
        print_json(_document(status))
        return
    click.echo(f"queue {name}")
    print_fields([*_fields(status)])


class _SetOptions(TypedDict):
    concurrency: str | None
    rate: str | None
    key_concurrency: str | None
    key_rate: str | None
    weight: int | None
    retry: str | None
    timeout: str | None


@queue.command("set")
@click.argument("name")
@click.option("--concurrency", metavar="N", help="How many runs at once, over all workers; 'none' takes it away.")
@click.option("--rate", metavar="N/DURATION", help="How many starts in every window, e.g. 50/1s; or 'none'.")
@click.option("--key-concurrency", metavar="N", help="The same for each key.")
@click.option("--key-rate", metavar="N/DURATION", help="The same for each key.")
@click.option("--weight", type=int, help="Its share of a worker beside other queues, 1 to 1000.")
@click.option("--retry", metavar="POLICY", help="The retry policy of tasks that name none; or 'none'.")
@click.option("--timeout", metavar="DURATION", help="The time-out of tasks that name none; or 'none'.")
@store_option
@pass_invocation
def set_(invocation: Invocation, name: str, **options: Unpack[_SetOptions]) -> None:
    """Change the settings of a queue; what is not named stays as it is."""
    from mainspring.cli.wiring import creating
    from mainspring.core.errors import InvalidInput
    from mainspring.core.queue import QueueEdit, edit_queue

    edit = _edit(options)
    if edit == QueueEdit():
        raise InvalidInput("settings", "nothing to change was given", "give an option, e.g. --concurrency 5")
    edit_queue(_default(name), edit)  # refused before a store is opened, let alone created
    with creating(invocation) as operations:
        changed = operations.edit_queue(name, edit)
    click.echo(f"{name}  {_limits(changed)}")


def _edit(options: _SetOptions) -> QueueEdit:
    from mainspring.core.commands import UNSET
    from mainspring.core.instants import parse_duration
    from mainspring.core.queue import QueueEdit
    from mainspring.core.retry_text import parse_retry

    weight = options["weight"]
    return QueueEdit(
        concurrency=_given(options["concurrency"], partial(_count, "concurrency")),
        rate=_given(options["rate"], partial(_rate, "rate")),
        key_concurrency=_given(options["key_concurrency"], partial(_count, "key-concurrency")),
        key_rate=_given(options["key_rate"], partial(_rate, "key-rate")),
        weight=UNSET if weight is None else weight,
        retry=_given(options["retry"], parse_retry),
        timeout=_given(options["timeout"], partial(parse_duration, "timeout")),
    )


def _given(text: str | None, read: Callable[[str], T]) -> Change[T | None]:
    """What an option asks for: to leave a setting alone, to take it away, or a value."""
    from mainspring.core.commands import UNSET

    if text is None:
        return UNSET
    return None if text == NONE else read(text)


@queue.command()
@click.argument("name")
@click.option("--note", default="", help="Why, for those who look.")
@store_option
@pass_invocation
def pause(invocation: Invocation, name: str, note: str) -> None:
    """Let nothing of a queue start; what runs goes on."""
    from mainspring.cli.wiring import creating

    _default(name)
    with creating(invocation) as operations:
        _say_state(operations.pause_queue(name, note))


@queue.command()
@click.argument("name")
@click.option("--note", default="", help="Why, for those who look.")
@store_option
@pass_invocation
def drain(invocation: Invocation, name: str, note: str) -> None:
    """Refuse new tasks for a queue; those in it run out."""
    from mainspring.cli.wiring import creating

    _default(name)
    with creating(invocation) as operations:
        _say_state(operations.drain_queue(name, note))


@queue.command()
@click.argument("name")
@store_option
@pass_invocation
def resume(invocation: Invocation, name: str) -> None:
    """Let a paused or draining queue go on."""
    from mainspring.cli.wiring import existing

    with existing(invocation) as operations:
        _say_state(operations.resume_queue(name))


@queue.command()
@click.argument("name")
@click.option("--dry-run", is_flag=True, help="Say what would be cancelled, and cancel nothing.")
@store_option
@pass_invocation
def purge(invocation: Invocation, name: str, dry_run: bool) -> None:
    """Cancel every pending task of a queue; their records stay."""
    from mainspring.cli.bulk import say_bulk
    from mainspring.cli.wiring import existing

    _default(name)
    with existing(invocation) as operations:
        result = operations.purge_queue(name, dry_run=dry_run)
    say_bulk(name, result, "cancelled", dry_run)


@queue.command()
@click.argument("name")
@store_option
@pass_invocation
def rm(invocation: Invocation, name: str) -> None:
    """Forget a queue's settings; its tasks stay, and it is open from now on."""
    from mainspring.cli.wiring import existing

    with existing(invocation) as operations:
        operations.forget_queue(name)
    click.echo(f"{name}  settings removed")


def _say_state(settings: Queue) -> None:
    from mainspring.cli.output import printable

    click.echo(printable(f"{settings.ref.name}  {_state(settings)}"))


def _default(name: str) -> Queue:
    """A queue of that name that nobody configured; refuses what is no name."""
    from mainspring.core.queue import Queue, queue_ref
    from mainspring.core.task import DEFAULT_PROJECT

    return Queue(ref=queue_ref(DEFAULT_PROJECT, name))


def _count(option: str, text: str) -> int:
    from mainspring.core.errors import InvalidInput

    if not (text.isascii() and text.isdigit() and len(text) < 8):
        raise InvalidInput(option, f"{text!r} is no number", f"write --{option} 5, or --{option} none")
    return int(text)


def _rate(option: str, text: str) -> Rate:
    from mainspring.core.errors import InvalidInput
    from mainspring.core.instants import parse_duration
    from mainspring.core.queue import Rate

    count, slash, window = text.partition("/")
    if not slash:
        raise InvalidInput(option, f"{text!r} is no rate", f"write --{option} 50/1s, or --{option} none")
    return Rate(count=_count(option, count), per=parse_duration(option, window))


def _state(settings: Queue) -> str:
    closed = (("paused", settings.paused), ("draining", settings.draining))
    said = [word + (f" ({pause.note})" if pause.note else "") for word, pause in closed if pause is not None]
    return ", ".join(said) or "open"


def _limits(settings: Queue) -> str:
    said = [*_said(settings.limits, ""), *_said(settings.key_limits, " a key")]
    if settings.weight != 1:
        said.append(f"weight {settings.weight}")
    return ", ".join(said) or "none"


def _said(limits: Limits, of_what: str) -> list[str]:
    from mainspring.core.instants import format_duration

    said = [] if limits.concurrency is None else [f"{limits.concurrency} at once{of_what}"]
    if limits.rate is not None:
        said.append(f"{limits.rate.count} in {format_duration(limits.rate.per)}{of_what}")
    return said


def _fields(status: QueueStatus) -> list[tuple[str, str]]:
    from mainspring.core.instants import format_duration
    from mainspring.core.retry_text import format_retry

    settings = status.queue
    return [
        ("state", _state(settings)),
        ("pending", str(status.pending)),
        ("running", str(status.held)),
        ("limits", _limits(settings)),
        ("retry", "as mainspring's" if settings.retry is None else format_retry(settings.retry)),
        ("timeout", "as mainspring's" if settings.timeout is None else format_duration(settings.timeout)),
    ]


def _document(status: QueueStatus) -> dict[str, object]:
    from mainspring.adapters.codec import QUEUE

    return {**QUEUE.plain(status.queue), "pending": status.pending, "running": status.held}
