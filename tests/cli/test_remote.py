"""The same commands on a store and on a server that has one: what they print is the same."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.api.serving import Api
from support.commands import run

URL = "https://example.com/hook"
AT = ("--at", "2030-01-02T03:04:05Z")
_MASKS = (
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "ID"),
    (re.compile(r"20(?!30)\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"), "NOW"),
    (re.compile(r"\d+\.ID"), "CURSOR"),
    (re.compile(r" {2,}"), "  "),
)
Both = Callable[..., str]


@pytest.fixture
def both(tmp_path: Path) -> Iterator[Both]:
    """Run a command on a store and on a server with another one; ``{0}``, ``{1}``: the ids that were printed so far."""
    ids: dict[str, list[str]] = {"local": [], "remote": []}
    with Api(f"sqlite:///{tmp_path}/remote.db") as api:
        stores = {"local": (f"sqlite:///{tmp_path}/local.db", {}), "remote": (api.url, {"MAINSPRING_KEY": api.key})}

        def command(*words: str) -> str:
            said: dict[str, Any] = {}
            for side, (store, env) in stores.items():
                given = [re.sub(r"\{(\d)\}", lambda found, side=side: ids[side][int(found[1])], one) for one in words]
                result = run("--store", store, *given, env=env)
                ids[side] += [one for one in re.findall(_MASKS[0][0], result.output) if one not in ids[side]]
                text = result.output
                for mask, word in _MASKS:
                    text = mask.sub(word, text)
                said[side] = (result.exit_code, text)
            assert said["remote"] == said["local"], words
            return str(said["local"][1])

        yield command


def test_tasks_are_the_same_over_http(both: Both) -> None:
    """Add, list, show, run, cancel, retry and remove, as text and as JSON."""
    assert (
        both("task", "add", URL, *AT, "--name", "one", "--key", "k", "--retry", "fixed(5s)", "--timeout", "30s")
        == "ID\n"
    )
    both("task", "add", URL, *AT, "--body", '{"a": 1}', "-H", "X-One: 1", "--queue", "mail", "--priority", "3")
    assert "mail" in both("task", "ls")
    both("task", "ls", "--status", "pending", "--limit", "1", "--json")
    both("task", "show", "{0}")
    shown = both("task", "show", "{1}", "--json")
    assert json.loads(shown)
    assert "pending" in both("task", "run", "{0}")
    assert "cancelled" in both("task", "cancel", "{0}", "{1}", "--reason", "no more")
    both("task", "ls", "--status", "cancelled")
    assert "no more" in both("task", "show", "{0}")
    assert "pending" in both("task", "retry", "{0}")
    assert "removed" in both("task", "rm", "{0}")
    assert "there is no" in both("task", "show", "{0}")


def test_schedules_are_the_same_over_http(both: Both) -> None:
    """Add, list, show, pause, resume, skip, run and remove."""
    rule = ("--cron", "0 9 2 1 *", "--tz", "Europe/Berlin", "--starts-at", "2030-01-01T00:00:00Z")
    assert (
        both("schedule", "add", URL, *rule, "--name", "daily", "--overlap", "skip", "--catch-up", "at most 3") == "ID\n"
    )
    both("schedule", "ls")
    both("schedule", "show", "{0}")
    assert "holiday" in both("schedule", "pause", "{0}", "--note", "holiday")
    assert "active" in both("schedule", "resume", "{0}")
    assert "created task" in both("schedule", "run", "{0}")
    both("schedule", "skip", "{0}")
    both("schedule", "show", "{0}", "--json")
    both("task", "ls", "--schedule", "{0}")
    assert "removed" in both("schedule", "rm", "{0}")
    both("schedule", "ls")


def test_queues_are_the_same_over_http(both: Both) -> None:
    """Limits, pauses and purges."""
    both("task", "add", URL, *AT, "--queue", "mail")
    both("queue", "set", "mail", "--concurrency", "3", "--rate", "50/1s", "--weight", "2", "--retry", "never")
    both("queue", "set", "mail", "--rate", "none")
    assert "3 at once" in both("queue", "ls")
    both("queue", "show", "mail", "--json")
    assert "paused (why)" in both("queue", "pause", "mail", "--note", "why")
    assert "open" in both("queue", "resume", "mail")
    assert "1 task cancelled" in both("queue", "purge", "mail")
    both("queue", "rm", "mail")
    both("queue", "ls")


def test_what_a_read_may_not_show_is_not_shown_whole_either(tmp_path: Path) -> None:
    """A header that holds a secret is blotted out for the command line as for any other client."""
    with Api(f"sqlite:///{tmp_path}/remote.db") as api:
        env = {"MAINSPRING_KEY": api.key}
        made = run("--store", api.url, "task", "add", URL, *AT, "-H", "Authorization: canary-1", env=env).output.strip()
        shown = run("--store", api.url, "task", "show", made, "--json", env=env).output
    assert "canary" not in shown
    assert "[redacted]" in shown


def test_what_is_not_done_over_http_is_refused_in_one_line(tmp_path: Path) -> None:
    """No traceback, and a word on what to do instead; a missing key is told as well."""
    with Api(f"sqlite:///{tmp_path}/remote.db") as api:
        refused = run("--store", api.url, "why", "x", env={"MAINSPRING_KEY": api.key})
        assert "is not done over HTTP" in refused.output
        assert "MAINSPRING_KEY" in run("--store", api.url, "task", "ls").output
