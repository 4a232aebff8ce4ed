"""Each operation of the API by the client, of both colours, against a real server."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapters.api.serving import URL, Api
from mainspring.adapters.api.table import OPERATIONS
from mainspring.client import (
    Backfill,
    Bulk,
    BulkFilter,
    Cancellation,
    HowMany,
    NewKey,
    NewProject,
    NewSchedule,
    NewTask,
    NotAllowed,
    Note,
    PreviewFilter,
    ProjectChange,
    Purge,
    QueueChange,
    RateBound,
    Requeueing,
    ScheduleChange,
    ScheduleFilter,
    TaskChange,
    TaskFilter,
    http_request,
)
from mainspring.core.errors import Conflict, IllegalTransition, InvalidInput, NotFound
from mainspring.core.retry_text import parse_retry

LATER = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
CALL = http_request(URL, headers={"x-one": "1"}, body={"a": [1, 2]})


def task(**given: Any) -> NewTask:
    """A task that waits."""
    return NewTask(**({"request": CALL, "scheduled_for": LATER} | given))


def test_a_task_is_created_read_changed_and_deleted(client: Any) -> None:
    """What was sent is what is read: texts, instants, durations and policies come back as values."""
    made = client.create_task(
        task(name="one", queue="mail", retry=parse_retry("fixed(5s)"), timeout=timedelta(hours=3))
    )
    assert (made.name, made.queue, made.status, made.scheduled_for) == ("one", "mail", "queued", LATER)
    assert (made.request.url, made.request.headers, made.request.body) == (URL, {"x-one": "1"}, '{"a":[1,2]}')
    assert (made.timeout, made.retry) == (timedelta(hours=3), "fixed(delay=5s)")
    assert client.get_task(made.id) == made
    changed = client.change_task(made.id, TaskChange(name=None, priority=7))
    assert (changed.name, changed.priority, changed.queue) == (None, 7, "mail")
    client.delete_task(made.id)
    with pytest.raises(NotFound) as told:
        client.get_task(made.id)
    assert (told.value.kind, told.value.key) == ("task", made.id)


def test_a_task_is_run_cancelled_and_requeued(client: Any) -> None:
    """Each command has a method, and what the state forbids is the core's own error."""
    made = client.create_task(task())
    assert client.run_task(made.id).due < datetime.now(UTC) + timedelta(minutes=1)
    assert client.cancel_task(made.id, Cancellation(reason="no more")).reason == "no more"
    with pytest.raises(IllegalTransition):
        client.change_task(made.id, TaskChange(priority=1))
    assert client.requeue_task(made.id, Requeueing(reset=False)).status == "queued"
    assert [one.event for one in client.get_task_history(made.id)] == [
        "task_forwarded",
        "task_cancelled",
        "task_requeued",
    ]
    assert client.list_runs(made.id) == []


def test_a_list_is_read_in_pages_or_item_by_item(client: Any) -> None:
    """An iterator over a list asks for page after page, and each item comes once."""
    made = [client.create_task(task(queue="mail" if n % 2 else "other")).id for n in range(7)]
    page = client.list_tasks(TaskFilter(limit=3))
    assert [one.id for one in page.items] == made[:3:-1]
    rest = client.list_tasks(TaskFilter(limit=3, after=page.cursor))
    assert [one.id for one in rest.items] == made[3:0:-1]
    assert [one.id for one in client.each_task(TaskFilter(limit=2))] == made[::-1]
    mail = TaskFilter(queue="mail", limit=1, status=["queued", "working"])
    assert [one.id for one in client.each_task(mail)] == made[1::2][::-1]
    assert list(client.each_task(TaskFilter(queue="none"))) == []


def test_a_batch_says_what_was_refused(client: Any) -> None:
    """Those that can be are created; the others are told with their places."""
    done = client.create_tasks([task(name="a"), task(name="b"), task(name="a", priority=3)])
    assert [one.name for one in done.tasks] == ["b", "a"]
    assert (done.refused.count, done.refused.tasks[0]["index"]) == (1, 2)
    whole = client.create_tasks([task(), task()])
    assert (len(whole.tasks), whole.refused.count, list(whole.refused.tasks)) == (2, 0, [])


def test_bulk_operations_meet_what_matches(client: Any) -> None:
    """A dry run counts, and changes nothing."""
    client.create_tasks([task(queue="mail"), task(queue="mail"), task()])
    mail = BulkFilter(queue="mail")
    assert client.cancel_tasks(Bulk(filter=mail, dry_run=True)).matched == 2
    assert client.cancel_tasks(Bulk(filter=mail, reason="closed")).done == 2
    assert client.requeue_tasks(Bulk(filter=mail)).done == 2
    assert client.delete_tasks(Bulk(filter=mail)).done == 2
    assert [one.queue for one in client.each_task()] == ["default"]


def test_a_schedule_has_all_its_operations(client: Any) -> None:
    """Create, read, change, pause, skip, run, preview, slots, history, delete."""
    made = client.create_schedule(NewSchedule(request=CALL, cron="0 9 * * *", name="daily", timezone="Europe/Berlin"))
    assert (made.cron, made.timezone, made.overlap) == ("0 9 * * *", "Europe/Berlin", "serial")
    assert client.get_schedule(made.id) == made
    changed = client.change_schedule(made.id, ScheduleChange(description="each morning", overlap="allow_all"))
    assert (changed.description, changed.overlap, changed.name) == ("each morning", "allow_all", "daily")
    assert client.pause_schedule(made.id, Note(note="holiday")).pause.note == "holiday"
    assert client.resume_schedule(made.id).paused is False
    following = client.preview_schedule(made.id, PreviewFilter(limit=2, duration=timedelta(minutes=1))).rows
    assert following[0].occurrence == made.scheduled_for
    assert client.skip_schedule(made.id).scheduled_for == following[1].occurrence
    ran = client.run_schedule(made.id)
    assert [one.schedule_id for one in ran.tasks] == [made.id]
    yesterday = datetime.now(UTC) - timedelta(days=1)
    back = client.backfill_schedule(made.id, Backfill(start=yesterday, end=datetime.now(UTC), overlap="allow_all"))
    assert [one.outcome for one in back.slots] == ["created"]
    assert [one.outcome for one in client.list_slots(made.id, HowMany(limit=1))] == ["skipped"]
    assert client.get_schedule_history(made.id)
    assert [one.id for one in client.each_schedule(ScheduleFilter(name="daily"))] == [made.id]
    assert client.list_schedules().cursor is None
    client.delete_schedule(made.id)
    assert list(client.each_schedule()) == []


def test_a_queue_has_all_its_operations(client: Any) -> None:
    """Settings, pauses and purges; a rate is a value."""
    rate = RateBound(count=5, per=timedelta(seconds=2))
    assert client.change_queue("mail", QueueChange(concurrency=3, rate=rate)).rate == rate
    assert client.change_queue("mail", QueueChange(concurrency=None)).concurrency is None
    assert client.pause_queue("mail", Note(note="why")).paused.note == "why"
    assert client.resume_queue("mail").paused is None
    assert client.drain_queue("mail").draining is not None
    client.resume_queue("mail")
    client.create_task(task(queue="mail"))
    assert client.purge_queue("mail", Purge(dry_run=True)).matched == 1
    assert client.purge_queue("mail").done == 1
    assert [one.name for one in client.list_queues()] == ["mail"]
    assert client.get_queue("mail").pending == 0
    assert client.get_stats().tasks["cancelled"] == 1
    client.forget_queue("mail")
    assert client.list_queues() == []


def test_projects_and_keys_are_administered(client: Any, api: Api, make: Any) -> None:
    """A key that was made opens its own project, within its scope, until it is revoked."""
    assert client.create_project(NewProject(name="shop")).name == "shop"
    assert {one.name for one in client.list_projects()} == {"default", "shop"}
    assert client.change_project("shop", ProjectChange(strict=True, mergent_secret="s" * 20)).strict
    assert client.rotate_secret("shop").webhook_secret.startswith("whsec_")
    assert client.get_project("shop").webhook_secrets == 1
    key = client.create_key(NewKey(project="shop", scope="read", label="reader"))
    assert key.id in {one.id for one in client.list_keys()}
    reader = make(api.url, key.key)
    assert reader.list_tasks().items == []
    with pytest.raises(NotAllowed, match="write is needed"):
        reader.create_task(task())
    client.revoke_key(key.id)
    with pytest.raises(NotAllowed):
        reader.list_tasks()


def test_a_task_is_followed_to_its_end(client: Any) -> None:
    """Server-sent events become messages; the stream ends with the task."""
    made = client.create_task(task())
    client.cancel_task(made.id)
    seen = list(client.follow_task(made.id))
    assert [one.event for one in seen] == ["task_cancelled", "ended"]
    assert seen[-1].data["status"] == "cancelled"
    assert [one.event for one in client.follow_task(made.id, after=seen[0].id)] == ["ended"]
    with pytest.raises(NotFound):
        list(client.follow_task("00000000-0000-7000-8000-000000000000"))


def test_the_figures_of_a_project_are_followed(client: Any) -> None:
    """The first message is the figures as they are."""
    client.create_task(task())
    first = next(iter(client.follow_project()))
    assert (first.event, first.data["tasks"]["queued"]) == ("stats", 1)


def test_what_the_server_refuses_names_the_field(client: Any) -> None:
    """The errors of the API are the core's: by what the caller should do."""
    with pytest.raises(InvalidInput) as told:
        client.create_schedule(NewSchedule(request=CALL, cron="61 * * * *"))
    assert told.value.field == "cron"
    client.create_task(task(name="taken"))
    with pytest.raises(Conflict) as clash:
        client.create_task(task(name="taken", priority=3))
    assert clash.value.subject == "name"


def test_every_operation_of_the_api_is_tried_here() -> None:
    """A new operation needs a line in a test of this file, too."""
    from pathlib import Path
    from re import findall, sub

    text = Path(__file__).read_text(encoding="utf-8")
    wanted = {sub(r"(?<=[a-z])([A-Z])", r"_\1", one.id).lower() for one in OPERATIONS}
    assert wanted <= set(findall(r"(?:client|reader)\.(\w+)\(", text))
