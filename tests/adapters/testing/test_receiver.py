"""The receiver of a test takes what production would send, and its answers mean what they mean in production."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import timedelta

import pytest

from mainspring.app import Delivery, Fixed, Mainspring
from mainspring.core.errors import InvalidInput
from mainspring.core.states import Failed, Pending
from mainspring.testing import Answer, Request, Testing, Unanswered
from mainspring.testing.clock import START
from mainspring.webhooks import verify

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
URL = "https://example.com/hook"
app = Mainspring("memory:", delivery=Delivery(secrets=(SECRET,)))


@pytest.fixture
def t() -> Iterator[Testing]:
    with Testing(app) as stage:
        yield stage


def test_a_request_is_what_production_sends(t: Testing) -> None:
    """Body, headers and a signature that a receiver's own check accepts."""
    t.http.answer(URL)
    task = app.sync.enqueue(URL, body='{"id": 7}', headers={"X-Tenant": "a"})
    t.drain()
    (request,) = t.http.to(URL)
    assert request.json() == {"id": 7}
    assert (request.task_id, request.attempt, request.at) == (task.id, 1, START)
    assert request.headers["x-tenant"] == "a"
    assert request.headers["Content-Type"] == "application/json"
    verify(request.body.encode(), request.headers, [SECRET], now=lambda: START)


def test_answers_come_one_after_the_other_and_the_last_one_stays(t: Testing) -> None:
    """A status, or an answer with a body, which is the result that is kept."""
    t.http.answer(URL, 500, 503, Answer(status=200, body="done"))
    app.sync.enqueue(URL, retry=Fixed(delay=timedelta(minutes=1), attempts=5))
    t.advance("5m")
    assert [request.at - START for request in t.http.to(URL)] == [timedelta(minutes=n) for n in range(3)]
    assert "done" in str(t.assert_succeeded(URL).state)
    app.sync.enqueue(URL)
    assert t.drain().succeeded == 1


def test_retry_after_is_obeyed(t: Testing) -> None:
    """As the production code does, also a date by the test's clock."""
    t.http.answer(URL, Answer(status=503, headers={"retry-after": "Tue, 01 Jan 2030 02:00:00 GMT"}), 200)
    app.sync.enqueue(URL, retry=Fixed(delay=timedelta(minutes=1), attempts=5))
    t.drain()
    t.assert_enqueued(URL, due="2h")


def test_a_function_may_answer(t: Testing) -> None:
    """It is given the request."""

    def answered(request: Request) -> int:
        return 200 if request.attempt > 1 else 429

    t.http.answer(URL, answered)
    app.sync.enqueue(URL, retry=Fixed(delay=timedelta(minutes=1), attempts=5))
    t.advance("1m")
    assert len(t.http.requests) == 2


def test_the_longest_address_that_fits_answers(t: Testing) -> None:
    """A star stands for any end."""
    t.http.answer("https://example.com/*", 500)
    t.http.answer("https://example.com/good/*", 200)
    app.sync.enqueue("https://example.com/good/1", retry="never")
    app.sync.enqueue("https://example.com/bad", retry="never")
    t.drain()
    t.assert_succeeded("https://example.com/good/1")
    t.assert_failed("https://example.com/bad", error="500 Internal Server Error")


def test_no_connection_and_no_answer(t: Testing) -> None:
    """A refused connection fails at once, silence at the time-out of the run."""
    t.http.answer("https://example.com/refused", "refused")
    t.http.answer("https://example.com/silence", "silence")
    app.sync.enqueue("https://example.com/refused", retry="never")
    t.drain()
    state = t.assert_failed("https://example.com/refused").state
    assert isinstance(state, Failed)
    assert state.failure.kind == "connect"
    app.sync.enqueue("https://example.com/silence", retry="never", timeout="20s")
    t.drain()
    t.assert_failed("https://example.com/silence", error="not done within 20s")
    assert t.now == START + timedelta(seconds=20)


def test_a_slow_answer_takes_its_time(t: Testing) -> None:
    """Of the test's clock."""
    t.http.answer(URL, Answer(after=timedelta(seconds=7)))
    app.sync.enqueue(URL)
    t.advance("5s")
    assert not isinstance(app.sync.get_task(t.tasks(URL)[0].id).state, Pending)
    assert t.advance("5s").succeeded == 1
    (run,) = t.runs(URL)
    assert run.ended_at - run.started_at == timedelta(seconds=7)


def test_a_call_that_the_test_does_not_expect_fails_it(t: Testing) -> None:
    """Whatever is done with errors: the test has forgotten something."""
    app.sync.enqueue(URL, retry="never")
    with pytest.raises(Unanswered, match=r"no answer to POST https://example\.com/hook .* t\.http\.answer\('https"):
        t.drain()


def test_answers_that_cannot_be(t: Testing) -> None:
    """Refused when they are made."""
    with pytest.raises(InvalidInput, match="status: 42 is no status"):
        Answer(status=42)
    with pytest.raises(InvalidInput, match="after"):
        Answer(after=timedelta(seconds=-1))
