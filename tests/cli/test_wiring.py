"""Finding the app that ``--import`` names, and the store that is meant."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mainspring.app import Mainspring
from mainspring.cli.invocation import Invocation
from mainspring.cli.wiring import file_of, load_app, on_store, store_of
from mainspring.core.errors import InvalidInput
from support.commands import complaint, read, run, well

ONE = """
from mainspring.app import Mainspring

app = same = Mainspring("sqlite:///own.db")

@app.task("welcome")
def welcome(user: int) -> None: ...
"""


@pytest.fixture(autouse=True)
def _modules() -> Iterator[None]:
    """Modules of this test's folder are forgotten afterwards."""
    before, path = set(sys.modules), list(sys.path)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - before:
        if name.startswith("wired"):
            del sys.modules[name]


def write(folder: Path, name: str, text: str) -> str:
    """Write a module of its own name."""
    (folder / f"{name}.py").write_text(text)
    return name


def test_a_module_with_one_app_needs_no_name(folder: Path) -> None:
    """Two names for one app are one app."""
    app = load_app(write(folder, "wired_one", ONE))
    assert isinstance(app, Mainspring)
    assert app.functions.names() == ("welcome",)
    assert load_app("wired_one:same") is app
    app.close()


def test_no_import_is_no_app() -> None:
    """Without ``--import`` there are no functions."""
    assert load_app(None) is None


@pytest.mark.parametrize(
    ("name", "text", "spec", "what"),
    [
        ("wired_none", "x = 1", "wired_none", "wired_none holds no Mainspring"),
        ("wired_named", "x = 1", "wired_named:x", "wired_named holds no Mainspring of the name 'x'"),
        (
            "wired_two",
            "from mainspring.app import Mainspring\na, b = Mainspring('memory:'), Mainspring('memory:')",
            "wired_two",
            "wired_two holds 2 apps",
        ),
        ("wired_broken", "1 / 0", "wired_broken", "'wired_broken' cannot be imported (ZeroDivisionError: "),
        ("wired_x", "", "wired_missing", "'wired_missing' cannot be imported (ModuleNotFoundError: "),
        ("wired_y", "", "", "'' cannot be imported"),
    ],
)
def test_a_module_without_an_app_is_named(folder: Path, name: str, text: str, spec: str, what: str) -> None:
    """What is wrong with ``--import``, and how it is written."""
    write(folder, name, text)
    with pytest.raises(InvalidInput) as caught:
        load_app(spec)
    assert str(caught.value).startswith(f"import: {what}")
    assert caught.value.cure.startswith("name a module that holds a Mainspring, e.g. --import shop.tasks")


def test_the_store_is_that_which_was_named_or_the_apps_own(folder: Path) -> None:
    """``--store`` goes before the app's own store, and that before the default."""
    app = load_app(write(folder, "wired_store", ONE))
    assert app is not None
    assert on_store(Invocation(None), app) is app
    other = on_store(Invocation("memory:"), app)
    assert other is not app
    assert other.functions is app.functions
    other.close()
    app.close()
    assert store_of(Invocation(None)) == "sqlite:///mainspring.db"
    assert store_of(Invocation("x:")) == "x:"


def test_a_call_goes_to_the_store_of_the_imported_app(folder: Path) -> None:
    """So that the app's own workers find it; ``--store`` overrides."""
    write(folder, "wired_call", ONE)
    args = ["task", "add", "--call", "welcome", "--args", '{"user": 7}', "--import", "wired_call"]
    own = well(*args)
    assert read("task", "show", own, "--store", "sqlite:///own.db")["task"]["call"] == {
        "kind": "function",
        "function": "welcome",
        "arguments": '{"user": 7}',
    }
    write(folder, "wired_again", ONE)  # a module is imported once in a process, and its store was closed
    named = well(*args[:-1], "wired_again", "--store", "sqlite:///named.db")
    assert [task["id"] for task in read("task", "ls", "--store", "sqlite:///named.db")["tasks"]] == [named]
    write(folder, "wired_third", ONE)
    every = well("schedule", "add", "--every", "1h", *args[2:-2], env={"MAINSPRING_IMPORT": "wired_third"})
    assert read("schedule", "show", every, "--store", "sqlite:///own.db")["schedule"]["id"] == every


def test_a_url_is_a_file_only_if_it_names_one() -> None:
    """Relative with three slashes, absolute with four."""
    assert file_of("sqlite:///a/b.db") == Path("a/b.db")
    assert file_of("sqlite:////a/b.db") == Path("/a/b.db")
    assert file_of("sqlite:///") is None
    assert file_of("memory:") is None


def test_an_imported_app_makes_no_file_for_a_command_that_is_refused(folder: Path) -> None:
    """Nor for one that names another store, or that only reads; one that writes makes it."""
    write(folder, "wired_late", ONE)
    call = ("--call", "welcome", "--import", "wired_late")
    own, other = folder / "own.db", folder / "other.db"
    assert complaint(run("task", "add", *call, "--args", '{"user": 1, "nobody": 2}'), 2).startswith("arguments")
    assert complaint(run("schedule", "edit", "nothing", *call, "--args", '{"user": 1}'), 3).startswith("store: ")
    assert not own.exists()
    well("task", "add", *call, "--args", '{"user": 1}', "--store", "sqlite:///other.db")
    assert (own.exists(), other.exists()) == (False, True)
    id_ = well("task", "add", *call, "--args", '{"user": 1}')
    assert own.exists()
    assert read("task", "show", id_, "--store", "sqlite:///own.db")["task"]["id"] == id_


def test_a_bad_store_of_an_imported_app_is_still_refused(folder: Path) -> None:
    """A URL of no kind at once; a file that cannot be a store when it is used."""
    write(folder, "wired_bad", ONE.replace("sqlite:///own.db", "nothing:"))
    assert "is no storage URL" in complaint(run("task", "add", "--call", "welcome", "--import", "wired_bad"), 2)
    (folder / "own.db").write_text("something else")
    write(folder, "wired_spoilt", ONE)
    call = ("--call", "welcome", "--import", "wired_spoilt", "--args", '{"user": 1}')
    complaint(run("task", "add", *call), 75)
    assert (folder / "own.db").read_text() == "something else"
