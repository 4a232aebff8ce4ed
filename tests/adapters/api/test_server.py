"""The server as a process: it starts, delivers, tells how it is, and ends as it should; and no key is ever logged."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from adapters.api.serving import REQUEST, Api, Receiver
from mainspring.adapters.api import ApiSettings
from mainspring.app import Mainspring
from mainspring.app.access import first_key, is_loopback
from mainspring.app.serving import listen
from mainspring.core.errors import InvalidInput
from mainspring.core.instants import parse_duration
from mainspring.webhooks import verify

KEY = re.compile(r"ms_[0-9a-f]{16}_[A-Za-z0-9_-]{43}")


def command(*args: str, store: Path) -> list[str]:
    """The command line, on a store."""
    return [sys.executable, "-m", "mainspring.cli", "--store", f"sqlite:///{store}", *args]


@contextmanager
def serving(store: Path, *args: str) -> Iterator[tuple[subprocess.Popen[str], str, str | None]]:
    """``mainspring serve``: the process, its address, and the key that it printed."""
    line = command("serve", "--port", "0", *args, store=store)
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            first = process.stdout.readline()
            found = KEY.search(first)
            said = first if found is None else process.stdout.readline()
            assert said.startswith("listening on http://"), said
            yield process, said.split()[-1], None if found is None else found[0]
        finally:
            process.kill()


def asked(url: str, method: str, path: str, key: str | None = None, body: object = None) -> tuple[int, bytes]:
    """Make a request."""
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=20)
    headers = {"Content-Type": "application/json"} if body is not None else {}
    if key is not None:
        headers["Authorization"] = f"Bearer {key}"
    connection.request(method, path, None if body is None else json.dumps(body), headers)
    response = connection.getresponse()
    answer = response.status, response.read()
    connection.close()
    return answer


def test_a_first_start_prints_a_key_once_and_sigterm_ends_it_well(tmp_path: Path) -> None:
    """The second start on the store prints none; the exit code is 0 both times."""
    store = tmp_path / "s.db"
    for number in range(2):
        with serving(store) as (process, url, key):
            assert (key is not None) == (number == 0)
            assert asked(url, "GET", "/healthz")[0] == 200
            if key is not None:
                assert asked(url, "GET", "/v2/tasks", key)[0] == 200
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0


def test_a_task_is_delivered_signed_and_shown_with_its_run(tmp_path: Path) -> None:
    """From a request to the receiver and back, over sockets; the signature is the project's."""
    with Receiver() as receiver, serving(tmp_path / "s.db", "--allow-loopback") as (process, url, key):
        status, secret = asked(url, "POST", "/v2/projects/default/rotate-secret", key)
        assert status == 200
        body = {"request": {"url": receiver.url("/hook"), "body": {"a": 1}}}
        task = json.loads(asked(url, "POST", "/v2/tasks", key, body)[1])
        until = time.monotonic() + 20
        while json.loads(asked(url, "GET", f"/v2/tasks/{task['id']}", key)[1])["status"] != "success":
            assert time.monotonic() < until
            time.sleep(0.02)
        (run,) = json.loads(asked(url, "GET", f"/v2/tasks/{task['id']}/runs", key)[1])
        assert (run["run"], run["attempt"], run["outcome"]) == (1, 1, "success")
        (got,) = receiver.requests
        assert got.body == b'{"a":1}'
        assert verify(got.body, got.headers, json.loads(secret)["webhook_secret"]).id == task["id"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def test_what_is_asked_when_it_is_told_to_stop_is_still_answered(tmp_path: Path) -> None:
    """Nothing that was acknowledged is lost, and what was not is not half done."""
    store = tmp_path / "s.db"
    with serving(store, "--rate-limit", "0", "--no-worker") as (process, url, key):
        acknowledged: list[str] = []

        def ask() -> None:
            while True:
                try:
                    status, body = asked(url, "POST", "/v2/tasks", key, {"request": REQUEST, "delay": "1h"})
                except (OSError, http.client.HTTPException):
                    return
                if status == 201:
                    acknowledged.append(json.loads(body)["id"])

        askers = [threading.Thread(target=ask) for _ in range(4)]
        for asker in askers:
            asker.start()
        until = time.monotonic() + 20
        while len(acknowledged) < 30:
            assert time.monotonic() < until
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        for asker in askers:
            asker.join(20)
    with Mainspring(f"sqlite:///{store}") as app:
        for task_id in acknowledged:
            assert app.sync.get_task(task_id).id == task_id


def children_of(pid: int) -> list[int]:
    """The processes that a process has started."""
    return [int(part) for part in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def answers_within(url: str, seconds: float) -> bool:
    """Whether somebody answers, soon."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            return asked(url, "GET", "/healthz")[0] == 200
        except (OSError, http.client.HTTPException):
            time.sleep(0.05)
    return False


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs Linux's list of children")
def test_several_processes_answer_on_one_address(tmp_path: Path) -> None:
    """One that is killed is replaced; all end with the first, whether it is told to or killed."""
    for end in (signal.SIGTERM, signal.SIGKILL):
        with serving(tmp_path / "s.db", "--workers", "2") as (process, url, _):
            assert answers_within(url, 20)
            until = time.monotonic() + 20
            while len(children_of(process.pid)) < 2:
                assert time.monotonic() < until
                time.sleep(0.02)
            victim = children_of(process.pid)[0]
            os.kill(victim, signal.SIGKILL)
            while len(set(children_of(process.pid)) - {victim}) < 2:
                assert time.monotonic() < until
                time.sleep(0.02)
            assert answers_within(url, 20)
            left = children_of(process.pid)
            process.send_signal(end)
            assert process.wait(40) == (0 if end == signal.SIGTERM else -signal.SIGKILL)
            until = time.monotonic() + 40
            while any(Path(f"/proc/{pid}").exists() for pid in left):
                assert time.monotonic() < until
                time.sleep(0.05)


def test_a_public_address_is_refused_as_long_as_there_is_no_key(tmp_path: Path) -> None:
    """One line, exit code 2, and no store is left in a state of half a start."""
    store = tmp_path / "s.db"
    line = command("serve", "--host", "0.0.0.0", "--port", "0", store=store)  # noqa: S104  that is the point
    refused = subprocess.run(line, capture_output=True, text=True, timeout=60)
    assert refused.returncode == 2
    assert refused.stderr.startswith("error: host: 0.0.0.0 can be reached by others, and there is no key yet; make one")
    made = subprocess.run(command("key", "create", store=store), capture_output=True, text=True, timeout=60)
    assert KEY.fullmatch(made.stdout.strip())
    with serving(store, "--host", "0.0.0.0") as (_, url, key):  # noqa: S104
        assert key is None
        port = urlsplit(url).port
        assert asked(f"http://127.0.0.1:{port}", "GET", "/v2/tasks", made.stdout.strip())[0] == 200
        assert asked(f"http://127.0.0.1:{port}", "GET", "/metrics")[0] == 401
        assert asked(f"http://127.0.0.1:{port}", "GET", "/metrics", made.stdout.strip())[0] == 403


def test_an_address_that_is_taken_is_said_in_one_line(tmp_path: Path) -> None:
    """Exit code 2, and no store was made."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        line = command("serve", "--port", str(taken.getsockname()[1]), store=tmp_path / "s.db")
        refused = subprocess.run(line, capture_output=True, text=True, timeout=60)
    assert refused.returncode == 2
    assert re.fullmatch(r"error: port: 127\.0\.0\.1:\d+ cannot be listened on \(.*\); use another\n", refused.stderr)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("--rate-limit", "-1"), "rate_limit"),
        (("--ready-lag", "soon"), "ready-lag"),
        (("--allow-networks", "10.0.0.0/99"), "10.0.0.0/99"),
        (("--lease", "0s"), "lease"),
        (("--port", "70000"), "port"),
    ],
)
def test_a_wrong_setting_is_refused_before_anything_is_opened(tmp_path: Path, args: tuple[str, str], told: str) -> None:
    """One line that names it; no store is made."""
    refused = subprocess.run(
        command("serve", *args, store=tmp_path / "s.db"), capture_output=True, text=True, timeout=60
    )
    assert refused.returncode == 2
    assert told in refused.stderr
    assert list(tmp_path.iterdir()) == []


def test_no_key_and_no_secret_is_ever_logged(tmp_path: Path) -> None:
    """Canaries in every place that a secret can stand in; the most talkative logs show none of them."""
    with Receiver() as receiver:
        store = tmp_path / "s.db"
        with serving(store, "--allow-loopback", "--log-level", "debug") as (process, url, key):
            assert key is not None
            asked(url, "PATCH", "/v2/projects/default", key, {"mergent_secret": "canary-mergent"})
            made = json.loads(asked(url, "POST", "/v2/keys", key, {"scope": "admin"})[1])["key"]
            secret = json.loads(asked(url, "POST", "/v2/projects/default/rotate-secret", made)[1])["webhook_secret"]
            headers = {"Authorization": "Bearer canary-header", "X-Api-Key": "canary-api"}
            for path in ("/hook", "/fails"):
                body = {
                    "request": {"url": receiver.url(path), "headers": headers, "body": "canary-body"},
                    "retry": "never",
                }
                asked(url, "POST", "/v2/tasks", key, body)
            asked(url, "POST", "/v2/tasks", key, {"request": {"url": "canary-url", "headers": {"A": "canary\n"}}})
            asked(url, "GET", "/v2/tasks?key=canary-query", "ms_canary-key")
            asked(url, "GET", "/v2/tasks?nonsense=canary-query", key)
            until = time.monotonic() + 20
            while len(receiver.requests) < 2:
                assert time.monotonic() < until
                time.sleep(0.02)
            process.send_signal(signal.SIGTERM)
            out, logged = process.communicate(timeout=30)
    assert "DEBUG" in logged or "INFO" in logged
    for canary in (key, made, secret, "canary"):
        assert canary not in logged
        assert canary not in out


def test_ready_turns_red_when_what_is_due_is_not_taken_up(tmp_path: Path) -> None:
    """A green light while nothing runs would be a lie; a queue that was paused on purpose does not count."""
    settings = ApiSettings(rate_limit=0, ready_lag=parse_duration("lag", "1ms"), open_metrics=True)
    with Api(f"sqlite:///{tmp_path}/s.db", settings=settings) as api:
        assert api("GET", "/readyz", key="").status == 200
        api("POST", "/v2/tasks", {"request": REQUEST, "queue": "mail"})
        time.sleep(0.01)
        red = api("GET", "/readyz", key="")
        assert red.status == 503
        assert "no worker takes it up" in red.json["message"]
        figures = api("GET", "/metrics", key="").body.decode()
        lag = re.search(r"^mainspring_lag_seconds ([0-9.e-]+)$", figures, re.MULTILINE)
        assert lag is not None
        assert float(lag[1]) > 0
        assert 'mainspring_tasks{queue="mail",state="pending"} 1.0' in figures
        assert 'mainspring_api_requests_total{operation="createTask",status="201"} 1.0' in figures
        api("POST", "/v2/queues/mail/pause")
        assert api("GET", "/readyz", key="").status == 200


def test_a_storage_that_is_away_is_a_503_and_not_ready(tmp_path: Path) -> None:
    """In JSON, with ``Retry-After``; when it is back, so is the server."""
    with Api(f"sqlite:///{tmp_path}/s.db") as api:
        assert api("GET", "/v2/tasks").status == 200
        (tmp_path / "s.db").rename(tmp_path / "away.db")
        for method, path, body in (("GET", "/v2/stats", None), ("POST", "/v2/tasks", {"request": REQUEST})):
            away = api(method, path, body)
            assert away.status == 503
            assert away.headers["retry-after"] == "1"
            assert "storage" in away.json["message"]
        assert api("GET", "/readyz").status == 503
        assert api("GET", "/healthz").status == 200
        (tmp_path / "away.db").rename(tmp_path / "s.db")
        assert api("GET", "/readyz").status == 200
        assert api("POST", "/v2/tasks", {"request": REQUEST}).status == 201


def test_events_tell_of_a_task_until_its_end(tmp_path: Path) -> None:
    """Each record once; who comes back says what was seen."""
    with Api(f"sqlite:///{tmp_path}/s.db") as api:
        task = api("POST", "/v2/tasks", {"request": REQUEST, "delay": "1h"}).json["id"]
        api("POST", f"/v2/tasks/{task}/run")
        api("POST", f"/v2/tasks/{task}/cancel")
        whole = api("GET", f"/v2/tasks/{task}/events")
        assert whole.headers["content-type"].startswith("text/event-stream")
        names = re.findall(r"^event: (.*)$", whole.body.decode(), re.MULTILINE)
        assert names == ["task_forwarded", "task_cancelled", "ended"]
        rest = api("GET", f"/v2/tasks/{task}/events", headers={"Last-Event-ID": "1"}).body.decode()
        assert re.findall(r"^event: (.*)$", rest, re.MULTILINE) == ["task_cancelled", "ended"]


def test_a_stream_does_not_hold_up_the_end_of_the_server(tmp_path: Path) -> None:
    """It gets the figures at once; when the server stops, it ends."""
    with Api(f"sqlite:///{tmp_path}/s.db") as api:
        place = urlsplit(api.url)
        connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=20)
        connection.request("GET", "/v2/events", headers={"Authorization": f"Bearer {api.key}"})
        response = connection.getresponse()
        lines = [response.readline() for _ in range(5)]
        assert b"event: stats\n" in lines
        api.stop()
        response.read()
        connection.close()


def test_an_answer_that_never_left_is_given_to_the_repetition(tmp_path: Path) -> None:
    """The caller hung up before the answer was sent: its next equal request is told of the same task, once."""
    with Api(f"sqlite:///{tmp_path}/s.db") as api:
        body = json.dumps({"request": REQUEST}).encode()
        head = (
            f"POST /v2/tasks HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {api.key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        place = urlsplit(api.url)
        held = api.app.directory  # the store is held up, so that the answer takes its time
        assert held.projects()
        import sqlite3

        blocker = sqlite3.connect(tmp_path / "s.db", isolation_level=None)
        blocker.execute("BEGIN IMMEDIATE")
        with socket.create_connection((place.hostname or "", place.port or 0)) as raw:
            raw.sendall(head.encode() + body)
            time.sleep(0.3)
        time.sleep(0.2)
        blocker.execute("ROLLBACK")
        blocker.close()
        until = time.monotonic() + 20
        while not api("GET", "/v2/tasks").json:
            assert time.monotonic() < until
            time.sleep(0.02)
        (task,) = api("GET", "/v2/tasks").json
        time.sleep(0.1)
        again = api("POST", "/v2/tasks", raw=body, headers={"Content-Type": "application/json"})
        assert (again.status, again.json["id"]) == (201, task["id"])
        third = api("POST", "/v2/tasks", raw=body, headers={"Content-Type": "application/json"})
        assert third.json["id"] != task["id"]


def test_the_document_and_its_page_are_served_without_a_key(tmp_path: Path) -> None:
    """The page has no script, and loads nothing from elsewhere."""
    with Api(f"sqlite:///{tmp_path}/s.db") as api:
        document = api("GET", "/openapi.json", key="").json
        assert document["openapi"] == "3.1.0"
        page = api("GET", "/docs", key="")
        assert page.headers["content-type"].startswith("text/html")
        assert "default-src 'none'" in page.headers["content-security-policy"]
        text = page.body.decode()
        assert "<script" not in text
        assert not re.search(r"(?:src|href)=['\"]?https?:", text)
        for path in document["paths"]:
            assert path in text


def test_loopback_addresses_are_told_from_others() -> None:
    """A name that may mean anything counts as public."""
    assert all(map(is_loopback, ("127.0.0.1", "127.9.9.9", "::1", "localhost")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "10.0.0.1", "example.com", "")))  # noqa: S104


def test_a_host_that_is_none_is_refused() -> None:
    """Before anything is bound."""
    with pytest.raises(InvalidInput, match=r"host: no-such-host\.invalid:0 cannot be listened on"):
        listen("no-such-host.invalid", 0)


def test_a_first_key_is_made_once() -> None:
    """Also by two processes that start at once: the second finds that of the first."""
    with Mainspring("memory:") as app:
        text = first_key(app.directory, "127.0.0.1")
        assert text is not None
        assert first_key(app.directory, "127.0.0.1") is None
        assert [key.scope for key in app.directory.keys("default")] == ["admin"]
