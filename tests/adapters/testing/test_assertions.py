"""What a test can ask, and what it is told: the nearest tasks, and what is different about each."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from mainspring.app import HttpCall, Mainspring, TaskRequest
from mainspring.core.errors import InvalidInput
from mainspring.testing import Testing
from mainspring.testing.clock import START

app = Mainspring("memory:")


@app.task("send_welcome")
def send_welcome(address: str, greeting: str = "Welcome") -> None:
    if not address:
        raise ValueError("nobody there")


@app.task("bill")
def bill(amount: float) -> None:
    pass


@pytest.fixture
def t() -> Iterator[Testing]:
    with Testing(app) as stage:
        yield stage


def test_a_task_is_found_by_what_it_calls_and_how(t: Testing) -> None:
    """By function, name or URL; named arguments have to be equal, others may be there."""
    task = app.sync.enqueue(
        send_welcome,
        arguments={"address": "ada", "greeting": "Hi"},
        queue="mail",
        name="w",
        key="k",
        priority=3,
        delay="1h",
    )
    app.sync.enqueue("https://example.com/a", body="{}")
    for target in (send_welcome, "send_welcome", None):
        assert t.assert_enqueued(target, arguments={"address": "ada"}) == task
    t.assert_enqueued(send_welcome, queue="mail", name="w", key="k", priority=3)
    for due in ("1h", timedelta(hours=1), START + timedelta(hours=1), "2030-01-01T01:00:00Z"):
        t.assert_enqueued(send_welcome, due=due)
    t.assert_enqueued("https://example.com/a", body="{}", due="0s", name=None)
    t.assert_enqueued(HttpCall(url="https://example.com/a"), count=1)
    assert len(t.enqueued()) == 2
    assert t.enqueued(bill) == []
    t.refute_enqueued(bill)


@pytest.mark.parametrize(
    ("wanted", "difference"),
    [
        ({"arguments": {"address": "bob"}}, "<- address is 'ada'"),
        ({"arguments": {"greeting": "Hi"}}, "<- has no argument greeting"),
        ({"queue": "mail"}, "<- queue is 'default'"),
        ({"name": "w"}, "<- name is None"),
        ({"key": "k"}, "<- key is None"),
        ({"priority": 1}, "<- priority is 0"),
        ({"due": "2h"}, "<- due in 1h"),
        ({"body": "x"}, "<- its body is None"),
    ],
)
def test_a_failure_says_what_is_different(t: Testing, wanted: dict[str, object], difference: str) -> None:
    """Beside each task that comes near, in one line."""
    app.sync.enqueue(send_welcome, arguments={"address": "ada"}, delay="1h")
    with pytest.raises(AssertionError) as failure:
        t.assert_enqueued(send_welcome, **wanted)  # type: ignore[arg-type]
    assert "no send_welcome with " in str(failure.value)
    line = str(failure.value).splitlines()[1]
    assert line.startswith("  send_welcome(address='ada'), pending, due in 1h (2030-01-01T01:00:00Z)")
    assert line.endswith(difference)


def test_the_nearest_tasks_come_first_and_not_all_of_many(t: Testing) -> None:
    """A failure is read by a person."""
    app.sync.create_tasks(TaskRequest(call=HttpCall(url=f"https://example.com/{n}")) for n in range(40))
    app.sync.enqueue(bill, arguments={"amount": 5})
    app.sync.enqueue(send_welcome, arguments={"address": "ada"}, queue="mail")
    app.sync.enqueue(send_welcome, arguments={"address": "bob"})
    with pytest.raises(AssertionError) as failure:
        t.assert_enqueued(send_welcome, arguments={"address": "cyd"})
    lines = str(failure.value).splitlines()
    assert lines[0] == "no send_welcome with arguments={'address': 'cyd'} is enqueued; the tasks:"
    assert [line.split(",")[0] for line in lines[1:3]] == [
        "  send_welcome(address='ada')",
        "  send_welcome(address='bob')",
    ]
    assert len(lines) == 12
    assert lines[-1] == "  … and 33 more"


def test_a_count_is_exact(t: Testing) -> None:
    """Neither fewer nor more."""
    for address in ("ada", "bob"):
        app.sync.enqueue(send_welcome, arguments={"address": address})
    t.assert_enqueued(send_welcome, count=2)
    for count in (1, 3):
        with pytest.raises(AssertionError, match=rf"2 send_welcome are enqueued, not {count}"):
            t.assert_enqueued(send_welcome, count=count)
    with pytest.raises(AssertionError, match=r"send_welcome with queue='default' is enqueued, and should not be"):
        t.refute_enqueued(send_welcome, queue="default")


def test_nothing_at_all_is_said_as_well(t: Testing) -> None:
    """An empty store, and no runs."""
    with pytest.raises(AssertionError, match=r"no any call is enqueued; the tasks:\n  \(there are no tasks\)"):
        t.assert_enqueued()
    with pytest.raises(AssertionError, match=r"bill was run never:\n  \(there were no runs\)"):
        t.assert_ran(bill)


def test_what_ran_and_how_it_ended(t: Testing) -> None:
    """Succeeded and failed tasks by their states, runs by their number."""
    app.sync.enqueue(bill, arguments={"amount": 5})
    app.sync.enqueue(send_welcome, arguments={"address": ""}, retry="never")
    app.sync.enqueue(send_welcome, arguments={"address": ""}, name="again")
    assert t.drain().failed == 3, "the first retry of the ladder is immediate"
    t.assert_succeeded(bill, arguments={"amount": 5}, count=1)
    t.assert_failed(send_welcome, error="nobody there")
    t.refute_ran(bill, arguments={"amount": 6})
    assert [run.outcome for run in t.assert_ran(send_welcome, times=3)] == ["failed"] * 3
    assert "after nobody there" in t.describe()
    assert "exhausted" in t.describe()
    with pytest.raises(AssertionError, match=r"none failed with 'offline':\n  send_welcome"):
        t.assert_failed(send_welcome, error="offline")
    with pytest.raises(AssertionError, match=r"no bill is among those that have failed for good"):
        t.assert_failed(bill)
    with pytest.raises(
        AssertionError, match=r"bill was run 1 times, not 2 times:\n  2030.* bill, attempt 1: succeeded"
    ):
        t.assert_ran(bill, times=2)
    with pytest.raises(AssertionError, match=r"(?s)bill was run, and should not.* attempt 1: failed \(nobody there\)"):
        t.refute_ran(bill)


def test_a_misspelt_criterion_is_no_criterion(t: Testing) -> None:
    """It would match everything."""
    with pytest.raises(TypeError, match="unknown criterion 'que': use arguments, body"):
        t.assert_enqueued(que="mail")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="did you mean 'inline'"):
        Testing(app, inlin=True)  # type: ignore[call-arg]
    with pytest.raises(InvalidInput, match=r"errors: 'ignore' is neither; use \"record\" or \"raise\""):
        Testing(app, errors="ignore")  # type: ignore[typeddict-item]
    with pytest.raises(InvalidInput, match="is not registered"):
        t.assert_enqueued(lambda: None)
