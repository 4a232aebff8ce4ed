"""Requests whose answers are lost: what is sent again, and that nothing is done twice."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from adapters.api.serving import URL, Api
from mainspring.client import NewSchedule, NewTask, NotSent, OutcomeUnknown, http_request
from mainspring.core.errors import InvalidInput, NotFound, Unavailable

CALL = http_request(URL)


class Wire:
    """A wire to the server that swallows the answers to the first ``lose`` requests, after these were carried out."""

    def __init__(self, url: str, lose: int, *, hang: bool = False) -> None:
        place = urlsplit(url)
        self._there = (place.hostname, place.port)
        self._lose, self._hang = lose, hang
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self.requests = 0
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Cut the wire."""
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for one in self._open:
            one.close()
        self._thread.join(10)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                here, _ = self._listening.accept()
                self._open.append(here)
                here.settimeout(20)
                self._one(here)

    def _one(self, here: socket.socket) -> None:
        """One connection, one request: it is passed on whole, and its answer read whole."""
        request = self._message(here)
        if not request:
            return
        self.requests += 1
        head, _, body = request.partition(b"\r\n\r\n")
        with socket.create_connection(self._there, timeout=20) as there:
            there.sendall(head + b"\r\nConnection: close\r\n\r\n" + body)
            answer = b""
            while part := there.recv(65_536):
                answer += part
        if self.requests <= self._lose:
            if not self._hang:
                here.close()
            return
        here.sendall(answer)
        here.close()

    def _message(self, here: socket.socket) -> bytes:
        data = b""
        while b"\r\n\r\n" not in data:
            part = here.recv(65_536)
            if not part:
                return b""
            data += part
        head, _, body = data.partition(b"\r\n\r\n")
        lengths = [line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")]
        while len(body) < int(lengths[0] if lengths else 0):
            body += here.recv(65_536)
        return head + b"\r\n\r\n" + body


@pytest.fixture
def wires(api: Api) -> Iterator[Any]:
    """Make wires, cut at the end."""
    made: list[Wire] = []

    def one(lose: int, **options: Any) -> Wire:
        made.append(Wire(api.url, lose, **options))
        return made[-1]

    yield one
    for wire in made:
        wire.close()


def test_a_creation_whose_answers_are_lost_makes_one_task(client: Any, api: Api, make: Any, wires: Any) -> None:
    """It is sent again with the same idempotency key, so the server answers with the task that there is."""
    wire = wires(2)
    made = make(wire.url, api.key).create_task(NewTask(request=CALL))
    assert wire.requests == 3
    assert [one.id for one in client.each_task()] == [made.id]


def test_a_batch_whose_answer_is_lost_makes_each_task_once(client: Any, api: Api, make: Any, wires: Any) -> None:
    """The same holds for each element of a batch."""
    made = make(wires(1).url, api.key).create_tasks([NewTask(request=CALL), NewTask(request=CALL)])
    assert {one.id for one in made.tasks} == {one.id for one in client.each_task()}


def test_an_answer_that_does_not_come_in_time_is_a_lost_one(client: Any, api: Api, make: Any, wires: Any) -> None:
    """The time-out bounds an attempt as a whole."""
    wire = wires(1, hang=True)
    made = make(wire.url, api.key, timeout=1.0).create_task(NewTask(request=CALL))
    assert [one.id for one in client.each_task()] == [made.id]


def test_what_may_not_be_done_twice_is_not_sent_twice(client: Any, api: Api, make: Any, wires: Any) -> None:
    """A second schedule would double every task: the caller is told that the outcome is unknown."""
    wire = wires(1)
    with pytest.raises(OutcomeUnknown, match="look before you ask again"):
        make(wire.url, api.key).create_schedule(NewSchedule(request=CALL, cron="0 9 * * *"))
    assert wire.requests == 1
    assert len(list(client.each_schedule())) == 1


def test_a_deletion_whose_answer_is_lost_is_done(client: Any, api: Api, make: Any, wires: Any) -> None:
    """The second request finds nothing: the first one was carried out. A first request that finds nothing is told."""
    made = client.create_task(NewTask(request=CALL))
    through = make(wires(1).url, api.key)
    through.delete_task(made.id)
    with pytest.raises(NotFound):
        through.delete_task(made.id)


def test_the_attempts_are_bounded(api: Api, make: Any, wires: Any) -> None:
    """When all answers are lost, the last error is raised."""
    wire = wires(9)
    with pytest.raises(Unavailable, match="the connection was lost"):
        make(wire.url, api.key, attempts=3).list_tasks()
    assert wire.requests == 3


def test_where_nobody_listens_nothing_was_sent(make: Any) -> None:
    """The error says so, and where it was tried."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(NotSent, match=f"127.0.0.1:{port}.*no connection"):
        make(f"http://127.0.0.1:{port}", "key", attempts=2).list_tasks()


@pytest.mark.parametrize(
    "url", ["ftp://x", "http://", "http://user:key@x", "http://x?a=1", "localhost:8080", "http://x:99999"]
)
def test_an_address_that_is_none_is_refused(make: Any, url: str) -> None:
    """Before anything is sent; a key does not belong in a URL."""
    with pytest.raises(InvalidInput, match="url:"):
        make(url)


@pytest.mark.parametrize("id_", ["..", "a/b", "a?b=c", "", "%2e%2e", "x\r\ny", "ä"])
def test_an_id_cannot_lead_to_another_path(client: Any, id_: str) -> None:
    """What stands in a path is quoted; what cannot be quoted away is refused."""
    with pytest.raises((NotFound, InvalidInput)):
        client.delete_task(id_)


def test_a_server_of_another_kind_is_told_from_ours(make: Any) -> None:
    """An answer that cannot be read is no crash, and not taken for one."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            here, _ = listening.accept()
            with here:
                here.recv(65_536)
                here.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\n<html")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(Unavailable, match="cannot be read"):
            make(f"http://127.0.0.1:{listening.getsockname()[1]}").list_tasks()
        thread.join(10)
