"""The pytest plug-in, in a pytest of its own; and what it costs those who do not use it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

APP = """
from mainspring.app import Mainspring

app = Mainspring("sqlite:///never.db" if False else "memory:")

@app.task("greet")
def greet(name):
    return f"Hello, {name}"
"""

TESTS = """
import asyncio
from datetime import UTC, datetime

import pytest
from myapp import app

def test_one(mainspring_testing):
    app.sync.enqueue("greet", arguments={"name": "Ada"})
    assert mainspring_testing.drain().succeeded == 1

def test_two_begins_anew(mainspring_testing):
    mainspring_testing.refute_ran("greet")
    assert mainspring_testing.tasks() == []

@pytest.mark.mainspring(inline=True, start=datetime(2027, 1, 1, tzinfo=UTC))
def test_marker(mainspring_testing):
    assert app.sync.enqueue("greet", arguments={"name": "Ada"}).state.status == "succeeded"
    assert mainspring_testing.now.year == 2027

def test_async(mainspring_testing_async):
    async def test():
        await app.enqueue("greet", arguments={"name": "Ada"})
        assert (await mainspring_testing_async.drain()).succeeded == 1
    asyncio.run(test())
"""

FAILING = """
from myapp import app

def test_it(mainspring_testing):
    app.sync.enqueue("greet", arguments={"name": "Ada"}, delay="1h")
    mainspring_testing.advance("30m")
    mainspring_testing.assert_enqueued("greet", arguments={"name": "Bob"})
"""


def pytest_in(folder: Path, *arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--strict-markers", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=100,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "myapp.py").write_text(APP)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmainspring_app = myapp:app\npythonpath = .\n")
    return tmp_path


def test_the_fixtures_give_each_test_an_app_of_its_own(project: Path) -> None:
    """Named once in the settings; a marker sets a test up."""
    (project / "test_app.py").write_text(TESTS)
    code, said = pytest_in(project, "-q", "-W", "error")
    assert code == 0, said
    assert "4 passed" in said


def test_a_failure_shows_the_tasks_and_not_the_kit(project: Path) -> None:
    """The clock and the tasks stand beside it; the traceback ends in the test."""
    (project / "test_app.py").write_text(FAILING)
    code, said = pytest_in(project)
    assert code == 1
    assert "no greet with arguments={'name': 'Bob'} is enqueued; the tasks:" in said
    assert "it is 2030-01-01T00:30:00Z; the tasks:" in said
    assert "greet(name='Ada'), pending, due in 30m" in said
    assert "assertions.py" not in said


@pytest.mark.parametrize(
    ("setting", "complaint"),
    [
        ("", "names no app; set mainspring_app"),
        ("mainspring_app = myapp", "'myapp' names no app"),
        ("mainspring_app = myapp:nothing", "myapp:nothing cannot be had"),
        ("mainspring_app = nowhere:app", "No module named 'nowhere'"),
    ],
)
def test_an_app_that_cannot_be_found_is_said_in_one_line(project: Path, setting: str, complaint: str) -> None:
    """With what is to be done."""
    (project / "test_app.py").write_text(TESTS)
    (project / "pytest.ini").write_text(f"[pytest]\n{setting}\npythonpath = .\n")
    code, said = pytest_in(project, "-q", "-k", "test_one")
    assert code == 1
    assert complaint in said


def test_a_fixture_may_give_the_app(project: Path) -> None:
    """Where there is more than one."""
    (project / "pytest.ini").write_text("[pytest]\npythonpath = .\n")
    fixture = "import pytest\nfrom myapp import app\n\n@pytest.fixture\ndef mainspring_app():\n    return app\n"
    (project / "conftest.py").write_text(fixture)
    (project / "test_app.py").write_text(TESTS)
    code, said = pytest_in(project, "-q")
    assert code == 0, said


def _loaded_by(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint(*sys.modules)"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return set(done.stdout.split())


def test_the_plug_in_costs_nothing_where_it_is_not_used() -> None:
    """pytest loads it in every project that has mainspring installed: it brings neither the core nor the app."""
    loaded = _loaded_by("import pytest; import mainspring.testing.plugin")
    assert not {
        name for name in loaded if name.startswith(("mainspring.core", "mainspring.app", "mainspring.adapters"))
    }


def test_the_kit_needs_neither_pytest_nor_hypothesis() -> None:
    """It works in any test runner."""
    loaded = _loaded_by("from mainspring.testing import Testing, AsyncTesting, Answer, ManualClock")
    assert not {"pytest", "_pytest", "hypothesis"} & loaded


def test_every_name_of_the_kit_is_there() -> None:
    """The lazy imports lead somewhere, and a wrong name is an attribute error."""
    import mainspring.testing as kit

    for name in kit.__all__:
        assert getattr(kit, name).__name__ == name
    with pytest.raises(AttributeError, match="nothing"):
        kit.nothing  # noqa: B018
