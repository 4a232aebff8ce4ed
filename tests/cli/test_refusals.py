"""What is refused: one line with the field and the cure, the documented exit code, no traceback, nothing changed."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from support.commands import complaint, environment, run, shell, well

URL = "https://example.com/hook"
MODULE = """
from mainspring.app import Mainspring

app = Mainspring("memory:")

@app.task("welcome")
def welcome(user: int) -> None: ...
"""

BAD_TASKS: list[tuple[list[str], str, str]] = [
    ([], "url", "give either a URL or --call"),
    (["ftp://example.com"], "url", "use http:// or https://"),
    (["https://user:secret@example.com"], "url", "send credentials in a header"),
    (["https://example.com:99999"], "url", "use http:// or https://"),
    ([URL, "--call", "f"], "url", "give either a URL or --call"),
    ([URL, "--args", "{}"], "args", "send them with --body"),
    ([URL, "-H", "no colon"], "header", "write it as 'Name: value'"),
    ([URL, "-H", "Host: other"], "headers", "leave it out"),
    ([URL, "-H", "A: b\nC: d"], "headers", "use one line of text"),
    ([URL, "--body", "@nothing"], "body", "name a readable file"),
    ([URL, "--body", "@."], "body", "name a readable file"),
    ([URL, "--delay", "soon"], "delay", "write it as '90s'"),
    ([URL, "--delay", "-5m"], "delay", "write it as '90s'"),
    ([URL, "--at", "tomorrow"], "at", "write it in ISO 8601"),
    ([URL, "--at", "2030-01-02T03:04:05"], "at", "with an offset"),
    ([URL, "--start-by", "2001-01-01T00:00:00Z"], "start_by", "use a later instant"),
    ([URL, "--name", "two words"], "name", "use only A-Z a-z 0-9 _ -"),
    ([URL, "--queue", ""], "queue", "use only A-Z a-z 0-9 _ -"),
    ([URL, "--retry", "often"], "retry", "use one of doubling_then_linear"),
    ([URL, "--timeout", "25h"], "timeout", "use 1ms to 24h"),
    ([URL, "--priority", "40000"], "priority", "higher runs first"),
    (["--call", "welcome"], "import", "add --import MODULE"),
    (["--call", "welcome", "--import", "nothing"], "import", "name a module that holds a Mainspring"),
    (["--call", "welcom", "--import", "shop"], "function", "did you mean welcome?"),
    (["--call", "no name", "--import", "shop"], "function", "use the name it was registered with"),
    (["--call", "welcome", "--import", "shop"], "arguments.user", "welcome takes user"),
    (["--call", "welcome", "--import", "shop", "--args", "[1]"], "arguments", "use an object"),
    (["--call", "welcome", "--import", "shop", "--args", "{"], "arguments", "use an object"),
    (["--call", "welcome", "--import", "shop", "--body", "x"], "body", "use --args"),
    (["--call", "welcome", "--import", "shop", "-H", "A: b"], "header", "use --args"),
]

BAD_SCHEDULES: list[tuple[list[str], str, str]] = [
    ([URL], "cron, rrule or every", "give exactly one of them"),
    ([URL, "--cron", "@daily", "--every", "5m"], "cron, rrule or every", "give exactly one of them"),
    ([URL, "--cron", "* * *"], "cron", "write 5 fields"),
    ([URL, "--cron", "61 * * * *"], "cron", "use 0 to 59"),
    ([URL, "--cron", "0 0 30 2 *"], "cron, rrule or every", "check the rule"),
    ([URL, "--cron", "@daily", "--dtstart", "2030-01-01T00:00:00Z"], "dtstart", "leave it out"),
    ([URL, "--cron", "@daily", "--tz", "Mars/Base"], "timezone", "use an IANA time zone name"),
    ([URL, "--rrule", "FREQ=OFTEN"], "FREQ", "give one of SECONDLY"),
    ([URL, "--rrule", "FREQ=DAILY;INTERVAL=0"], "INTERVAL", "give 1 or more"),
    ([URL, "--rrule", "FREQ=DAILY", "--seconds"], "seconds", "leave it out"),
    ([URL, "--rrule", "FREQ=DAILY;UNTIL=20010101T000000Z"], "cron, rrule or every", "check the rule"),
    ([URL, "--every", "0s"], "every", "use more than zero"),
    ([URL, "--every", "sometimes"], "every", "write it as '90s'"),
    ([URL, "--every", "1h", "--description", "x" * 501], "description", "use at most 500"),
    (["--every", "1h", "--call", "welcom", "--import", "shop"], "function", "did you mean welcome?"),
]


@pytest.fixture
def stored(folder: Path) -> bytes:
    """A store with a task in it, and a module to import; its bytes."""
    (folder / "shop.py").write_text(MODULE)
    well("task", "add", URL)
    return (folder / "mainspring.db").read_bytes()


@pytest.mark.parametrize(
    ("kind", "args", "field", "cure"),
    [*(("task", *bad) for bad in BAD_TASKS), *(("schedule", *bad) for bad in BAD_SCHEDULES)],
)
def test_a_bad_input_is_named_and_changes_nothing(
    kind: str, args: list[str], field: str, cure: str, folder: Path, stored: bytes
) -> None:
    """Whatever is wrong with a task or a schedule: the field, the cure, exit code 2, and the store as it was."""
    line = complaint(run(kind, "add", *args), 2)
    assert line.startswith(f"{field}: "), line
    assert cure in line.partition("; ")[2], line
    assert (folder / "mainspring.db").read_bytes() == stored


def test_what_is_refused_does_not_even_create_a_store(folder: Path) -> None:
    """A slip in the first command of all leaves an empty folder."""
    for args in (
        ["task", "add", "nonsense"],
        ["schedule", "add", URL, "--cron", "nonsense"],
        ["worker", "--lease", "1"],
    ):
        complaint(run(*args), 2)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("source", ["-", "@large", "text"])
def test_a_body_over_a_mebibyte_is_refused(folder: Path, stored: bytes, source: str) -> None:
    """By whatever way it comes: exit code 2, nothing stored. A body of exactly 1 MiB is taken."""
    if source == "text":
        line = complaint(run("task", "add", URL, "--body", "x" * 1_048_577), 2)
        assert line == "body: 1048577 bytes; use at most 1048576 bytes (1 MiB)"
    else:
        (folder / "large").write_bytes(b"x" * 1_048_577)
        done = shell("task", "add", URL, "--body", source, cwd=folder, stdin=b"x" * 1_048_577)
        name = "standard input" if source == "-" else "large"
        assert done.returncode == 2
        assert done.stderr == f"error: body: {name} holds more than 1 MiB; send at most 1048576 bytes\n"
    assert (folder / "mainspring.db").read_bytes() == stored
    (folder / "large").write_bytes(b"x" * 1_048_576)
    well("task", "add", URL, "--body", "@large")


def test_a_body_that_is_no_text_is_refused(folder: Path, stored: bytes) -> None:
    """A body is UTF-8; what is not is refused with the place."""
    assert complaint(run("task", "add", URL, "--body", "-", stdin=b"ab\xff"), 2) == (
        "body: standard input is not UTF-8 (at byte 2); send text, e.g. as base64"
    )
    assert (folder / "mainspring.db").read_bytes() == stored


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("mysql://localhost/x", "'mysql://localhost/x' is no storage URL"),
        ("sqlite:///", "'sqlite:///' is no storage URL"),
        ("mainspring.db", "'mainspring.db' is no storage URL"),
        ("postgresql://localhost/x?wakeups=maybe", "'maybe' is not known"),
        ("memory:", "memory: ends with this command"),
        ("sqlite:////no/such/folder/x.db", "there is no directory /no/such/folder"),
    ],
)
def test_a_bad_store_url_is_an_input_error(url: str, what: str, folder: Path) -> None:
    """Exit code 2, with what would be right."""
    line = complaint(run("task", "add", URL, "--store", url), 2)
    assert line.startswith((f"store: {what}", f"wakeups: {what}")), line
    assert "; " in line
    assert list(folder.iterdir()) == []


FOREIGN = {
    "text": b"this is a text, and no database of any kind\n" * 100,
    "empty": b"",
}


@pytest.mark.parametrize("command", [["task", "ls"], ["task", "add", URL], ["worker"], ["doctor"]])
@pytest.mark.parametrize("kind", ["text", "empty", "other", "damaged"])
def test_a_foreign_or_damaged_file_is_refused_and_left_alone(kind: str, command: list[str], folder: Path) -> None:
    """A text, an empty file, another program's database, a damaged store: exit code 75, not a byte changed."""
    path = folder / "store.db"
    if kind in FOREIGN:
        path.write_bytes(FOREIGN[kind])
    elif kind == "other":
        with sqlite3.connect(path) as other:
            other.execute("CREATE TABLE recipes (name TEXT)")
        other.close()
    else:
        for _ in range(20):
            well("task", "add", URL, "--body", "x" * 2000, "--store", "sqlite:///store.db")
        whole = bytearray(path.read_bytes())
        whole[4096 * 2 : 4096 * 6] = b"\xa5" * (4096 * 4)
        path.write_bytes(whole)
    before = {found.name: found.read_bytes() for found in folder.iterdir()}
    result = run(*command, "--store", "sqlite:///store.db")
    assert result.exit_code == 75, result.output
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: store: ")
    assert "store.db" in line
    assert "; " in line
    assert {found.name: found.read_bytes() for found in folder.iterdir()} == before


AS_NOBODY = """
import os, sys
import mainspring.cli.commands.schedule, mainspring.cli.commands.task, mainspring.cli.commands.worker
import mainspring.cli.logs, mainspring.cli.several, mainspring.cli.working
from mainspring.cli.main import cli
cli.main(["task", "add", "http://example.com", "--store", "sqlite:///open.db"], standalone_mode=False)
os.setgroups([]), os.setgid(65534), os.setuid(65534)
cli.main(sys.argv[1:])
"""
"""As root, whom no right stops: import what is needed (it may lie where nobody else can read), then become nobody."""


@pytest.mark.parametrize("command", [["task", "add", URL], ["schedule", "add", URL, "--every", "1h"], ["worker"]])
def test_a_folder_without_rights_is_named(command: list[str], folder: Path, open_folder: Path) -> None:
    """Exit code 75 and the cure."""
    closed = open_folder / "closed"
    closed.mkdir()
    closed.chmod(0o500)
    root = os.geteuid() == 0
    if root:
        for parent in (closed, *closed.parents):
            parent.chmod(parent.stat().st_mode | 0o011)
    start = [sys.executable, "-c", AS_NOBODY] if root else [sys.executable, "-m", "mainspring.cli"]
    done = subprocess.run(
        [*start, *command, "--store", f"sqlite:///{closed}/store.db"],
        env=environment(), cwd=folder, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 75, done.stderr
    assert done.stdout.count("\n") == root  # the id that root was given, before
    assert done.stderr.startswith("error: store: the directory ")
    assert done.stderr.count("\n") == 1
    assert list(closed.iterdir()) == []


def test_a_locked_store_is_unavailable_and_says_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process holds the file: exit code 75 after a bounded wait, and the cure."""
    well("task", "add", URL)
    from mainspring.adapters.storages.sqlite import connections, opening, storage

    for module in (connections, opening, storage):
        if hasattr(module, "BUSY_SECONDS"):
            monkeypatch.setattr(module, "BUSY_SECONDS", 0.1)
    holder = sqlite3.connect(folder / "mainspring.db", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    try:
        line = complaint(run("task", "ls"), 75)
    finally:
        holder.close()
    assert "is locked by another process" in line


def test_an_environment_without_settings_is_used() -> None:
    """The tests themselves see no setting of the user's."""
    assert not any(name.startswith("MAINSPRING_") for name in environment())
