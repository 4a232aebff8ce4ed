"""Mergent's official JavaScript client, unmodified, over TLS, under the name that is written into it."""

from __future__ import annotations

import json
import re
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from clients.conftest import JS, KEY, PATIENCE, Receiver, Served, node_command, node_environment

CONFLICT = "The request could not be processed due to a conflict."
WITH_SCHEDULES = "mergent-1.7.0"

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def answers(package: str, judges: Path, served: Served, receiver: Receiver) -> dict[str, Any]:
    """What the client got, call by call."""
    environment = node_environment(
        judges,
        NODE_EXTRA_CA_CERTS=str(served.ca),
        NODE_OPTIONS=f"--require {JS / 'elsewhere.cjs'}",
        MAINSPRING_TLS_PORT=str(served.tls_port),
        HOOK=receiver.url,
    )
    done = subprocess.run(
        node_command(JS / "journey.cjs", package),
        env=environment,
        cwd=judges,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def value(answers: dict[str, Any], name: str) -> Any:
    """What a call gave; it did not throw."""
    assert "value" in answers[name], answers[name]
    return answers[name]["value"]


def error(answers: dict[str, Any], name: str) -> dict[str, Any]:
    """What a call threw: an error of the API, made of a JSON body."""
    thrown = answers[name]
    assert "error" in thrown, thrown
    assert not re.search("Invalid JSON|Unexpected status", thrown["error"]), thrown
    assert thrown["error"]
    return dict(thrown)


def test_the_client_does_its_whole_work_and_its_receiver_believes_each_delivery(
    answers: dict[str, Any], package: str, receiver: Receiver
) -> None:
    """Each call of its surface, then each delivery: Mergent's users change a host name and are back."""
    _tasks_are_made(answers, receiver.url)
    _mistakes_are_told(answers)
    _tasks_are_changed(answers)
    _schedules_are_kept(answers, package)
    _deliveries_are_believed(answers, receiver)


def _tasks_are_made(answers: dict[str, Any], url: str) -> None:
    now = value(answers, "create")
    assert re.fullmatch(r"[0-9a-f-]{36}", now["id"])
    assert now["name"] == "now"
    assert now["queue"] == "default"
    assert now["request"] == {"url": url, "headers": None, "body": "héllo"} or now["request"]["body"] == "héllo"
    assert value(answers, "create_scheduled")["scheduled_for"].startswith("2027-01-02T03:04:05.678")
    assert value(answers, "create_delay_object")["status"] == "queued"
    assert value(answers, "create_delay_iso")["status"] == "queued"
    assert value(answers, "create_in_queue")["queue"] == "mail"
    stored = value(answers, "create_object_body")["request"]
    assert json.loads(stored["body"]) == {"hello": ["wörld", 1]}
    assert value(answers, "retrieve")["id"] == now["id"]
    assert {task["id"] for task in value(answers, "list")} >= {now["id"], value(answers, "create_scheduled")["id"]}


def _mistakes_are_told(answers: dict[str, Any]) -> None:
    assert error(answers, "create_twice")["error"] == CONFLICT
    wrong = {
        "create_wrong_url": "Request url is not a valid URL",
        "create_wrong_name": "Name contains invalid characters",
        "create_wrong_delay": "Delay is not a valid ISO 8601 duration",
    }
    for name, text in wrong.items():
        thrown = error(answers, name)
        assert text in " ".join([thrown["error"], *thrown["errors"]]), name
    assert error(answers, "retrieve_nothing")["error"]
    assert error(answers, "schedule_wrong")["error"]


def _tasks_are_changed(answers: dict[str, Any]) -> None:
    assert value(answers, "update")["request"]["body"] == "changed"
    assert value(answers, "run")["id"] == value(answers, "run_again")["id"]
    assert value(answers, "delete") is None
    assert error(answers, "retrieve_deleted")["error"]


def _schedules_are_kept(answers: dict[str, Any], package: str) -> None:
    rule = value(answers, "schedule_rrule")
    assert rule["rrule"] == "FREQ=MONTHLY;BYDAY=3TU"
    assert rule["name"] == "third-tuesday"
    assert value(answers, "schedule_cron")["cron"] == "0 9 * * 1-5"
    if package != WITH_SCHEDULES:
        assert "schedule_retrieve" not in answers
        return
    assert value(answers, "schedule_retrieve") == rule
    assert value(answers, "schedule_update")["cron"] == "*/5 * * * *"
    assert rule["id"] in {one["id"] for one in value(answers, "schedule_list")}
    assert value(answers, "schedule_delete") is None
    assert error(answers, "schedule_deleted")["error"]


def _deliveries_are_believed(answers: dict[str, Any], receiver: Receiver) -> None:
    expected = {
        value(answers, "create")["id"]: "héllo",
        value(answers, "create_object_body")["id"]: value(answers, "create_object_body")["request"]["body"],
        value(answers, "create_scheduled")["id"]: "changed",
    }
    seen = receiver.wait_for(lambda found: len(found) >= len(expected))
    assert {one["headers"]["x-mergent-task"]: one["body"] for one in seen} == expected
    assert set(Counter(one["headers"]["x-mergent-task"] for one in seen).values()) == {1}
    for one in seen:
        assert one["valid"]
        assert not one["forged"]
        assert one["method"] == "POST"
        assert KEY not in json.dumps(one)
    by_body = {one["body"]: one["headers"] for one in seen}
    assert by_body[value(answers, "create_object_body")["request"]["body"]]["x-of-the-user"] == "yes"


def test_the_quick_start_of_old_works_with_curl(served: Served) -> None:
    """The lines of Mergent's quick start: a form with nested names, the key as the user of HTTP Basic."""
    command = ["curl", "-sS", "-u", f"{KEY}:", "-d", "request[url]=https://example.com/", "-d", "delay=PT5M"]
    done = subprocess.run([*command, f"{served.url}/v2/tasks"], capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    assert made["request"]["url"] == "https://example.com/"
    assert made["status"] == "queued"
    listed = subprocess.run(
        ["curl", "-sS", "-u", f"{KEY}:", f"{served.url}/v2/tasks/{made['id']}"],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert json.loads(listed.stdout) == made
