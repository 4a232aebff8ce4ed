"""Everything that this project can be asked to do, each session installing what it needs.

``python3 -m venv .venv && .venv/bin/pip install nox`` is all that has to be there before.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import nox

nox.options.sessions = ["lint", "tests", "core_alone", "docs", "wheel"]
nox.options.reuse_existing_virtualenvs = True
nox.options.error_on_missing_interpreters = True
nox.needs_version = ">=2025.5"

ROOT = Path(__file__).parent
WORKERS = os.environ.get("MAINSPRING_TEST_WORKERS", "2" if (os.cpu_count() or 1) < 4 else "auto")
SIMULATED = ("--seeds", "1000", "--seconds", "150")
CORE_ALONE = ("attrs>=25.3", "croniter>=7,<8", "python-dateutil>=4,<5", "tzdata>=2025.2")
TEST_TOOLS = ("pytest>=8.4", "pytest-timeout>=2.3", "pytest-xdist>=3.6", "hypothesis>=6.130", "cronsim>=2.6")


@nox.session
def tests(session: nox.Session) -> None:
    """Run all tests, in parallel."""
    session.install("-q", "-e", ".[test]")
    session.run("pytest", "-q", "-n", WORKERS, "--dist", "worksteal", *session.posargs)


@nox.session
def core_alone(session: nox.Session) -> None:
    """Show that the core is pure: it passes its tests with nothing else on the path, every branch of it run."""
    session.install("-q", *CORE_ALONE, *TEST_TOOLS, "coverage[toml]>=7.6")
    env = {"PYTHONPATH": str(ROOT / "core"), "COVERAGE_FILE": str(Path(session.create_tmp()) / "coverage")}
    session.run("python", "-c", "import mainspring.core", env=env)
    session.run("python", "-c", "import mainspring.adapters", env=env, success_codes=[1], silent=True)
    session.run("coverage", "run", "-m", "pytest", "-q", "tests/core", *session.posargs, env=env)
    session.run("coverage", "report", "--fail-under=100", env=env)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, imports and types."""
    session.install("-q", "-e", ".[dev]", "pyright[nodejs]>=1.1.400")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports", "--cache-dir", str(Path(session.create_tmp()) / "imports"))
    session.run("mypy", "--cache-dir", str(Path(session.create_tmp()) / "mypy"))
    session.run("pyright", "--pythonpath", shutil.which("python", path=session.bin) or "python")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation; a warning is an error. Its examples are run by ``tests``."""
    session.install("-q", "-e", ".[docs]")
    session.run("sphinx-build", "-q", "-W", "--keep-going", "-n", "-b", "html", "docs", "docs/_build/html")
    session.log("open docs/_build/html/index.html")


@nox.session
def wheel(session: nox.Session) -> None:
    """Build the wheel, install it in an empty environment, run the command line and the tests against it."""
    built = Path(session.create_tmp()) / "wheel"
    shutil.rmtree(built, ignore_errors=True)
    session.run("pip", "wheel", "-q", "--no-deps", "--wheel-dir", str(built / "dist"), ".")
    (found,) = (built / "dist").glob("mainspring-*.whl")
    _base_install_works(session, found)
    session.install("-q", "--force-reinstall", "--no-deps", str(found))
    session.install("-q", f"{found}[test]")
    shutil.copytree(ROOT / "tests", built / "tests", ignore=shutil.ignore_patterns("__pycache__", ".hypothesis"))
    shutil.copy(ROOT / "pyproject.toml", built / "pyproject.toml")
    session.chdir(str(built))
    session.run("mainspring", "--version")
    session.run("mainspring", "next", "FREQ=MONTHLY;BYDAY=3TU", "--dtstart", "2026-01-01T09:00:00Z", "-n", "3")
    session.run("pytest", "-q", "-n", WORKERS, "-p", "no:cacheprovider", *(session.posargs or ["tests"]))


def _base_install_works(session: nox.Session, found: Path) -> None:
    """Show that ``pip install mainspring``, with no extra, gives a working command line, memory and SQLite."""
    bare = Path(session.create_tmp()) / "bare"
    shutil.rmtree(bare, ignore_errors=True)
    session.run("python", "-m", "venv", str(bare))
    python = str(bare / "bin" / "python")
    session.run(python, "-m", "pip", "install", "-q", str(found), external=True)
    session.run(str(bare / "bin" / "mainspring"), "--help", external=True, silent=True)
    code = "from mainspring.app import Mainspring; Mainspring('memory:').close()"
    session.run(python, "-c", code, external=True)


@nox.session
def chaos(session: nox.Session) -> None:
    """Kill real processes under load and count at the receiver; ``-- --full`` for the published size."""
    session.install("-q", "-e", ".[test]")
    session.run("python", "tests/chaos/run.py", *session.posargs)


@nox.session
def simulation(session: nox.Session) -> None:
    """Play the whole system in virtual time under every fault; ``-- --seeds 200000`` for as many seeds as wanted."""
    session.install("-q", "-e", ".")
    session.run("python", "-m", "mainspring.simulation", *(session.posargs or SIMULATED))


@nox.session
def bench(session: nox.Session) -> None:
    """Measure speed as ratios to named peers in the same run; ``-- time`` for the recurrences only."""
    session.install("-q", "-e", ".[test]")
    session.run("python", "tests/bench/run.py", *session.posargs)


@nox.session
def demo(session: nox.Session) -> None:
    """Install and show the main job: tasks and schedules delivered over HTTP, with a worker killed on the way."""
    session.install("-q", "-e", ".[cli,http]")
    session.run("mainspring", "demo", *session.posargs)
