"""The retry policy of a whole project: where it comes from, and that the nearest wins."""

from __future__ import annotations

import pytest

from mainspring.app import MERGENT, MERGENT_SCHEDULE, Fixed, FunctionCall, Mainspring, Never, QueueEdit, TaskRequest
from mainspring.app.defaults import project_retry
from mainspring.core.errors import InvalidInput
from mainspring.core.recurrence import Interval
from support.builders import HOUR, SECOND

FIVE = Fixed(delay=5 * SECOND, attempts=3)
TEXT = "fixed(5s, attempts=3)"


def test_a_project_has_the_policy_that_it_is_given_else_the_environments() -> None:
    """As a policy or as a text; none at all leaves it to mainspring."""
    assert project_retry(FIVE, {"MAINSPRING_RETRY": "never"}) == FIVE
    assert project_retry(TEXT, {"MAINSPRING_RETRY": "never"}) == FIVE
    assert project_retry(None, {"MAINSPRING_RETRY": TEXT}) == FIVE
    assert project_retry(None, {"MAINSPRING_RETRY": ""}) is None
    assert project_retry(None, {}) is None


def test_a_bad_policy_is_refused_by_where_it_came_from() -> None:
    """Whoever set the variable finds its name."""
    with pytest.raises(InvalidInput) as refused:
        project_retry(None, {"MAINSPRING_RETRY": "sometimes"})
    assert refused.value.field == "MAINSPRING_RETRY"
    with pytest.raises(InvalidInput) as refused:
        Mainspring("memory:", retry="sometimes")
    assert refused.value.field == "retry"


def test_the_nearest_policy_wins() -> None:
    """The task's or the schedule's own, then the queue's, then the project's, then mainspring's."""
    with Mainspring("memory:", retry=TEXT) as app, Mainspring("memory:") as bare:
        for one in (app, bare):
            one.task("work")(lambda: None)
            one.sync.edit_queue("set", QueueEdit(retry=Fixed(delay=SECOND)))
        assert app.sync.enqueue("work", queue="set", retry="never").retry == Never()
        assert app.sync.enqueue("work", queue="set").retry == Fixed(delay=SECOND)
        assert app.sync.enqueue("work").retry == FIVE
        assert bare.sync.enqueue("work").retry == MERGENT
        assert app.sync.schedule("work", every="1h", queue="set", retry="never").template.retry == Never()
        assert app.sync.schedule("work", every="1h", queue="set").template.retry == Fixed(delay=SECOND)
        assert app.sync.schedule("work", every="1h").template.retry == FIVE
        assert bare.sync.schedule("work", every="1h").template.retry == MERGENT_SCHEDULE


def test_a_project_policy_holds_for_every_way_to_create(monkeypatch: pytest.MonkeyPatch) -> None:
    """One by one, many at once, and in a preview; another store of the same app keeps it."""
    monkeypatch.setenv("MAINSPRING_RETRY", TEXT)
    request = TaskRequest(call=FunctionCall(function="work"))
    with Mainspring("memory:") as first, first.on("memory:") as app:
        app.task("work")(lambda: None)
        monkeypatch.delenv("MAINSPRING_RETRY")
        made = [app.sync.create_task(request), *app.sync.create_tasks([request])]
        (answer,) = app.sync.submit_tasks([request])
        assert {task.retry for task in made} == {FIVE}
        assert answer.task.retry == FIVE  # type: ignore[union-attr]  # it was accepted
        schedule = app.sync.schedule("work", every="1h")
        assert schedule.recurrence == Interval(every=HOUR, anchor=schedule.created_at)
        assert app.sync.preview(schedule.id, limit=1).schedule.template.retry == FIVE
