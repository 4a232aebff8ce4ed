"""``mainspring queue`` and ``mainspring retry table``: settings, counts, refusals."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mainspring.app import Mainspring
from mainspring.cli.main import cli
from support.commands import complaint


@pytest.fixture
def store(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'main.db'}"


def run(store: str, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["--store", store, *arguments])


def test_a_queue_is_set_shown_and_forgotten(store: str) -> None:
    """What was set is shown, in words and as JSON; 'none' takes it away."""
    everything = ["--concurrency", "3", "--rate", "50/1s", "--key-concurrency", "1", "--key-rate", "2/1m"]
    done = run(store, "queue", "set", "mail", *everything, "--weight", "2", "--retry", "fixed(5s)", "--timeout", "9s")
    assert done.output == "mail  3 at once, 50 in 1s, 1 at once a key, 2 in 1m a key, weight 2\n"
    shown = json.loads(run(store, "queue", "show", "mail", "--json").output)
    assert (shown["limits"], shown["key_limits"]) == (
        {"concurrency": 3, "rate": {"count": 50, "per": "1s"}},
        {"concurrency": 1, "rate": {"count": 2, "per": "1m"}},
    )
    assert (shown["weight"], shown["retry"]["kind"], shown["timeout"], shown["pending"]) == (2, "fixed", "9s", 0)
    run(store, "queue", "set", "mail", "--rate", "none", "--retry", "none", "--timeout", "none")
    shown = json.loads(run(store, "queue", "ls", "--json").output)["queues"][0]
    assert (shown["limits"], shown["retry"], shown["timeout"]) == ({"concurrency": 3, "rate": None}, None, None)
    assert "as mainspring's" in run(store, "queue", "show", "mail").output
    assert run(store, "queue", "rm", "mail").output == "mail  settings removed\n"
    assert (
        complaint(run(store, "queue", "rm", "mail"), 3)
        == "queue: there is no 'mail'; list them with 'mainspring queue ls'"
    )
    assert json.loads(run(store, "queue", "ls", "--json").output) == {"queues": []}
    empty = run(store, "queue", "ls")
    assert (empty.exit_code, empty.stdout, empty.stderr) == (0, "", "no queues\n")


def test_a_queue_is_paused_drained_and_resumed(store: str) -> None:
    """Both at once, each with its note."""
    assert run(store, "queue", "pause", "mail", "--note", "deploy").output == "mail  paused (deploy)\n"
    assert run(store, "queue", "drain", "mail").output == "mail  paused (deploy), draining\n"
    assert run(store, "queue", "resume", "mail").output == "mail  open\n"


def test_a_note_cannot_drive_the_terminal(store: str) -> None:
    """It is shown written out, whoever wrote it."""
    run(store, "queue", "pause", "mail", "--note", "\x1b[31mred")
    for args in (["resume", "other"], ["drain", "mail"], ["ls"], ["show", "mail"]):
        assert "\x1b" not in run(store, "queue", *args).output


def test_purging_counts_what_it_cancels(store: str) -> None:
    """A dry run says the same, and cancels nothing."""
    with Mainspring(store) as app:
        for _ in range(3):
            app.sync.enqueue("https://example.com", queue="mail", delay="1h")
    assert run(store, "queue", "purge", "mail", "--dry-run").output == "mail  3 tasks would be cancelled\n"
    assert run(store, "queue", "purge", "mail").output == "mail  3 tasks cancelled\n"
    assert run(store, "queue", "purge", "mail").output == "mail  0 tasks cancelled\n"


@pytest.mark.parametrize(
    ("options", "refusal"),
    [
        ([], "settings: nothing to change was given; give an option"),
        (["--concurrency", "0"], "concurrency: 0 is out of range"),
        (["--concurrency", "many"], "concurrency: 'many' is no number"),
        (["--rate", "50"], "rate: '50' is no rate; write --rate 50/1s"),
        (["--rate", "50/1ms"], "rate: a window of 1ms is out of range"),
        (["--key-rate", "x/1s"], "key-rate: 'x' is no number"),
        (["--weight", "0"], "weight: 0 is out of range"),
        (["--retry", "fixed"], "retry: fixed lacks delay"),
        (["--timeout", "soon"], "timeout: 'soon' is not a duration"),
    ],
)
def test_a_wrong_setting_is_refused_and_nothing_is_made(
    store: str, options: list[str], refusal: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line that names the field and the cure; no file comes of it."""
    with pytest.raises(SystemExit) as ended:
        cli.main(["--store", store, "queue", "set", "mail", *options])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith(f"error: {refusal}")
    assert said.count("\n") == 1
    assert not Path(store.removeprefix("sqlite:///")).exists()


@pytest.mark.parametrize("command", ["set", "pause", "drain"])
def test_a_wrong_name_is_refused_and_nothing_is_made(store: str, command: str) -> None:
    """Before a file is opened."""
    with pytest.raises(SystemExit) as ended:
        cli.main(["--store", store, "queue", command, "my queue"])
    assert ended.value.code == 2
    assert not Path(store.removeprefix("sqlite:///")).exists()


def test_the_table_of_a_policy() -> None:
    """As text and as JSON."""
    shown = CliRunner().invoke(cli, ["retry", "table", "ladder(0s, 5s, 5m)", "--json"])
    assert json.loads(shown.output) == {
        "policy": "ladder(0s, 5s, 5m)",
        "attempts": [
            {"attempt": 1, "delay": "0s", "earliest": "0s", "latest": "0s"},
            {"attempt": 2, "delay": "0s", "earliest": "0s", "latest": "0s"},
            {"attempt": 3, "delay": "5s", "earliest": "5s", "latest": "5s"},
            {"attempt": 4, "delay": "5m", "earliest": "5m5s", "latest": "5m5s"},
        ],
    }
    lines = CliRunner().invoke(cli, ["retry", "table", "mergent", "--attempts", "2"]).output.splitlines()
    assert len(lines) == 3
