"""Creating tasks: what follows when a name is taken, or when a request comes again.

Rules:

* A *name* belongs to at most one live task of a project. A creation that meets one says what it wants by its policy:
  ``reject`` refuses (the default), ``keep`` answers with the task that is there, ``replace`` gives that task all
  that the new request asks for or leaves open (call, instants, queue, priority, key, retry policy, time-out,
  follow-ups), ``debounce`` only moves its instants (due and ``start_by``) to the new ones. These two need it to be
  pending; its id, when it was created, its history and the attempts that it has used stay. ``repeat`` refuses too, but
  for the same request within ``REPEAT_WINDOW`` of the first: its sender never saw the answer and asks again, so it is
  told of the task that is there.
* The nearest setting wins: what a request leaves open (retry policy, time-out) is taken from the task's queue if that
  has it, else the policy from its project if that has one, else from mainspring's defaults. The project's is what the
  task of a creation comes with; only the queue's is filled in here, since the storage reads it with the task.
* An *idempotency key* makes a repeated request return the task of the first one, for ``KEEP_KEYS`` from then,
  whatever has become of that task. The same key with another request is refused.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias, assert_never

from attrs import Attribute, field, frozen
from attrs import evolve as changed

from mainspring.core.commands import Edit
from mainspring.core.errors import Conflict, InvalidInput
from mainspring.core.machine import REPEAT_WINDOW, Decision, handle
from mainspring.core.queue import Queue
from mainspring.core.states import Pending
from mainspring.core.task import Task

KEEP_KEYS: Final = timedelta(hours=24)
MAX_KEY: Final = 255

ClashPolicy: TypeAlias = Literal["reject", "keep", "replace", "debounce", "repeat"]
Inherited: TypeAlias = Literal["retry", "timeout"]
How: TypeAlias = Literal["created", "kept", "replaced", "debounced", "repeated"]


def _check_key(instance: object, attribute: Attribute[str], value: str) -> None:
    if not 1 <= len(value) <= MAX_KEY or not value.isascii() or not value.isprintable():
        raise InvalidInput("idempotency_key", f"{value[:40]!r} is no key", f"use 1 to {MAX_KEY} ASCII characters")


@frozen(kw_only=True)
class IdempotencyKey:
    """What a client calls a request, and a fingerprint of the request itself."""

    key: str = field(validator=_check_key)
    fingerprint: str


@frozen(kw_only=True)
class Creation:
    """A task to be created, and what is wanted if its name is taken or its request was made before.

    ``inherits`` names the settings that the request left open: the queue's own, if it has them, replace the task's.
    """

    task: Task
    on_clash: ClashPolicy = "reject"
    idempotency: IdempotencyKey | None = None
    inherits: frozenset[Inherited] = frozenset()


@frozen(kw_only=True)
class Accepted:
    """What a creation came to: the task that is there now, and how it came about."""

    task: Task
    how: How


def settled(creation: Creation, queue: Queue | None) -> Creation:
    """Fill in what the request left open from the queue that the task goes to: the nearest setting wins.

    ``Conflict`` if that queue is draining.
    """
    if queue is None:
        return creation
    if queue.draining is not None:
        raise Conflict(str(queue), "it is draining: no new task is accepted", "use another queue, or resume it")
    task = creation.task
    if "retry" in creation.inherits and queue.retry is not None:
        task = changed(task, retry=queue.retry)
    if "timeout" in creation.inherits and queue.timeout is not None:
        task = changed(task, timeout=queue.timeout)
    return changed(creation, task=task, inherits=frozenset())


def clash(existing: Task, creation: Creation) -> tuple[Decision, How]:
    """Decide what becomes of the live task ``existing``, whose name the creation asks for.

    Raises ``Conflict`` where the policy, or the state of the task, allows nothing.
    """
    new = creation.task
    policy = creation.on_clash
    match policy:
        case "reject":
            raise _taken(existing, "wait for its end, use another name, or ask to keep, replace or debounce it")
        case "repeat":
            if not _same_request(existing, new):
                raise _taken(existing, "wait for its end, use another name, or ask to keep, replace or debounce it")
            return _untouched(existing), "repeated"
        case "keep":
            return _untouched(existing), "kept"
        case "replace":
            edit = Edit(
                at=new.created_at,
                due=_due(new),
                call=new.call,
                queue=new.queue,
                priority=new.priority,
                retry=new.retry,
                timeout=new.timeout,
                key=new.key,
                start_by=new.start_by,
                on_success=new.on_success,
                on_failure=new.on_failure,
            )
            return _edited(existing, edit), "replaced"
        case "debounce":
            return _edited(existing, Edit(at=new.created_at, due=_due(new), start_by=new.start_by)), "debounced"
        case _:
            assert_never(policy)


def repeated(existing: Task, known: IdempotencyKey, asked: IdempotencyKey) -> Accepted:
    """Answer a request whose idempotency key is known; ``Conflict`` if it asks for something else this time."""
    if known.fingerprint != asked.fingerprint:
        what = f"key {asked.key!r} was used for another request ({existing})"
        raise Conflict("idempotency_key", what, "use a new key for a new request")
    return Accepted(task=existing, how="repeated")


def _untouched(existing: Task) -> Decision:
    return Decision(task=existing, read_version=existing.version, events=(), effects=())


def _same_request(existing: Task, new: Task) -> bool:
    """Tell whether the same was asked a moment ago: everything is equal but id and instants, and the wait is too."""
    if not timedelta(0) <= new.created_at - existing.created_at <= REPEAT_WINDOW:
        return False
    moved = new.scheduled_for - new.created_at == existing.scheduled_for - existing.created_at
    if not moved and new.scheduled_for != existing.scheduled_for:
        return False
    return new == changed(
        existing,
        id=new.id,
        state=new.state,
        version=new.version,
        created_at=new.created_at,
        scheduled_for=new.scheduled_for,
        forwarded_at=new.forwarded_at,
    )


def _due(task: Task) -> datetime:
    return task.state.due if isinstance(task.state, Pending) else task.scheduled_for


def _edited(existing: Task, edit: Edit) -> Decision:
    if not isinstance(existing.state, Pending):
        raise _taken(existing, f"it is {existing.state.status} and cannot be changed any more; wait for its end")
    return handle(existing, edit)


def _taken(existing: Task, cure: str) -> Conflict:
    return Conflict(f"name {existing.name!r}", f"{existing} has it", cure)
