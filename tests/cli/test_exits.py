"""Every ending is one line and an exit code."""

from __future__ import annotations

import subprocess
from pathlib import Path

import click
import pytest

from mainspring.cli.exits import PipeClosed, StoreMissing, code_of, guarded, line_of
from mainspring.core.errors import (
    Conflict,
    CorruptHistory,
    IllegalTransition,
    InvalidInput,
    MainspringError,
    NotFound,
    StaleRun,
    Unavailable,
)
from support.commands import command, complaint, environment, run, shell, well

ERRORS = [
    (InvalidInput("url", "it is wrong", "mend it"), 2, "url: it is wrong; mend it"),
    (NotFound("task", "7"), 3, "task: there is no '7'; list them with 'mainspring task ls'"),
    (NotFound("thing", "7"), 3, "thing: there is no '7'; check what you named"),
    (IllegalTransition("task 7", "failed", "cancel", "requeue it"), 4, "task 7 is failed: cannot cancel; requeue it"),
    (StaleRun("task 7", 1, "run 2"), 4, "task 7: run 1 is no longer current (run 2); its report is dropped"),
    (Conflict("task", "the name is taken", "choose another"), 4, "task: the name is taken; choose another"),
    (CorruptHistory("task 7 is odd"), 70, "store: task 7 is odd; keep a copy of it and report this"),
    (Unavailable("store", "it is away", "try again"), 75, "store: it is away; try again"),
    (MainspringError("hm"), 1, "hm"),
]


@pytest.mark.parametrize(("error", "code", "line"), ERRORS, ids=lambda value: type(value).__name__)
def test_each_error_has_its_exit_code_and_its_line(
    error: MainspringError, code: int, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The code says what to do about it, the line says what, where, and the cure."""

    def fail() -> None:
        raise error

    assert code_of(error) == code
    assert line_of(error) == line
    assert guarded(fail) == code
    assert capsys.readouterr().err == f"error: {line}\n"


def test_a_missing_store_is_not_found_and_says_how_to_make_one() -> None:
    """A store that does not exist yet is told apart from one that cannot be reached."""
    assert code_of(StoreMissing("sqlite:///x.db")) == 3
    assert "create it with 'mainspring task add'" in line_of(StoreMissing("sqlite:///x.db"))


def test_an_error_is_one_line_whatever_it_holds(capsys: pytest.CaptureFixture[str]) -> None:
    """Line ends and escape sequences of a text from outside neither break the line nor reach the terminal."""

    def fail() -> None:
        raise InvalidInput("body", "two\nlines \x1b[31m", "one")

    guarded(fail)
    assert capsys.readouterr().err == "error: body: two lines \\x1b[31m; one\n"


def test_an_unexpected_error_is_a_line_too(capsys: pytest.CaptureFixture[str]) -> None:
    """A bug of ours shows no traceback unless it is asked for, and exits with 1."""
    assert guarded(lambda: 1 // 0) == 1
    line = capsys.readouterr().err
    assert line.startswith("error: internal: ZeroDivisionError: ")
    assert "MAINSPRING_TRACEBACK=1" in line


def test_a_traceback_is_shown_when_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """``MAINSPRING_TRACEBACK`` lets the error itself through."""
    monkeypatch.setenv("MAINSPRING_TRACEBACK", "1")
    with pytest.raises(ZeroDivisionError):
        guarded(lambda: 1 // 0)


@pytest.mark.parametrize(("error", "code"), [(KeyboardInterrupt(), 130), (click.Abort(), 130), (PipeClosed(), 141)])
def test_an_interrupt_and_a_closed_pipe_say_nothing(
    error: BaseException, code: int, capfd: pytest.CaptureFixture[str]
) -> None:
    """Whoever pressed Ctrl-C or went away knows."""

    def fail() -> None:
        raise error

    assert guarded(fail) == code
    assert capfd.readouterr().err == ""


def test_a_reader_that_goes_away_is_no_error_on_the_screen(folder: Path) -> None:
    """``mainspring … | head -1`` shows no traceback: exit code 141, as of SIGPIPE."""
    shown = command("next", "* * * * *")
    with subprocess.Popen(shown, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.close()  # before it has written anything
        assert child.stderr.read() == b""
        assert child.wait(30) == 141


def test_usage_errors_are_lines_with_where_to_look() -> None:
    """A wrong option, a missing argument, a value of the wrong type: one line each, exit code 2."""
    see = "; see 'mainspring task ls --help'"
    assert complaint(run("task", "ls", "--limit", "x"), 2) == f"--limit: 'x' is not a valid integer{see}"
    assert complaint(run("task", "ls", "--limits", "3"), 2).startswith("--limits: there is no such option")
    assert complaint(run("task", "ls", "--limit"), 2).startswith("--limit: Option '--limit' requires an argument;")
    assert complaint(run("task", "show"), 2) == "ID: it is missing; see 'mainspring task show --help'"
    assert complaint(run("task", "ls", "--status", "done"), 2).startswith("--status: 'done' is not one of 'pending',")
    assert complaint(run("task", "ls", "more"), 2) == f"usage: Got unexpected extra argument (more){see}"


def test_of_several_each_is_treated_by_itself(folder: Path) -> None:
    """A refusal holds up nobody else, is told in its line, and gives the exit code."""
    first, second = well("task", "add", "http://example.com"), well("task", "add", "http://example.com")
    done = shell("task", "cancel", first, "nothing", second, cwd=folder)
    assert done.returncode == 3
    assert [line.split()[0] for line in done.stdout.splitlines()] == [first, second]
    assert done.stderr == "error: task: there is no 'nothing'; list them with 'mainspring task ls'\n"
