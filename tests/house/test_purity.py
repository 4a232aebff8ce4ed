"""The core is pure: it stands alone, imports nothing that acts, and takes time and chance as arguments."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CORE = ROOT / "core"

pytestmark = pytest.mark.skipif(not CORE.is_dir(), reason="the sources are not here: wheel run")

MODULES = sorted(CORE.rglob("*.py"))
FORBIDDEN = {
    "aiohttp", "asyncio", "cattrs", "click", "concurrent", "ctypes", "glob", "http", "logging", "multiprocessing",
    "os", "pathlib", "psycopg", "random", "requests", "rich", "secrets", "select", "selectors", "shutil", "signal",
    "socket", "sqlite3", "ssl", "subprocess", "tempfile", "threading", "time", "urllib", "uuid",
}  # fmt: skip
PURE_STDLIB = {
    "__future__", "base64", "bisect", "calendar", "collections", "contextlib", "dataclasses", "datetime", "decimal",
    "enum", "fractions", "functools", "hashlib", "heapq", "itertools", "json", "math", "operator", "re", "string",
    "struct", "textwrap", "types", "typing", "unicodedata", "zoneinfo", "hmac", "importlib",
}  # fmt: skip
ALLOWED_DEPENDENCIES = {"attrs", "croniter", "dateutil", "tzdata", "mainspring"}
ONLY_IN = {"croniter": "recurrence/cron.py", "dateutil": "recurrence/rrule.py"}
CLOCKS_AND_DICE = {"now", "utcnow", "today", "monotonic", "perf_counter", "time_ns", "urandom", "uuid4", "getenv"}


def named(path: Path) -> str:
    """A path as its reader knows it."""
    return str(path.relative_to(CORE / "mainspring" / "core"))


def imported(path: Path) -> Iterator[str]:
    """The full names of what a module imports, wherever the import stands."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            assert node.module is not None
            yield node.module


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_the_core_imports_pure_things_only(path: Path) -> None:
    """attrs, croniter, python-dateutil, tzdata and the pure part of the standard library; nothing else."""
    tops = {name.partition(".")[0] for name in imported(path)}
    assert not tops & FORBIDDEN
    assert tops <= PURE_STDLIB | ALLOWED_DEPENDENCIES
    assert not {
        name for name in imported(path) if name.startswith("mainspring.") and not name.startswith("mainspring.core")
    }


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_croniter_and_dateutil_have_one_importer_each(path: Path) -> None:
    """Whoever replaces one of them touches one module."""
    tops = {name.partition(".")[0] for name in imported(path)}
    for dependency, module in ONLY_IN.items():
        assert dependency not in tops or named(path) == module


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_the_core_reads_no_clock_and_throws_no_dice(path: Path) -> None:
    """Time and chance are arguments: no call of ``now()``, ``today()`` or their like stands in the core."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            assert node.func.attr not in CLOCKS_AND_DICE, f"line {node.lineno}"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in {"open", "input", "print", "eval", "exec", "__import__"}, f"line {node.lineno}"


ALONE = """
import importlib, json, pkgutil, sys
import attrs, dateutil.easter, dateutil.rrule, dateutil.tz, zoneinfo, hashlib, decimal, fractions
before = set(sys.modules)
import mainspring.core
names = [found.name for found in pkgutil.walk_packages(mainspring.core.__path__, "mainspring.core.")]
for name in names:
    importlib.import_module(name)
missing = []
for other in ("mainspring.adapters", "mainspring.app", "mainspring.cli"):
    try:
        importlib.import_module(other)
    except ModuleNotFoundError:
        missing.append(other)
print(json.dumps({"names": names, "missing": missing, "new": sorted(set(sys.modules) - before)}))
"""


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What happens when the core is imported with no other root on the path."""
    bare = tmp_path_factory.mktemp("bare")
    dependencies = {"attr", "attrs", "croniter", "dateutil", "six.py", "tzdata", "pytz"}
    for site in map(Path, sys.path):  # links to the core's dependencies only: no editable install comes along
        for name in dependencies:
            if (site / name).exists() and not (bare / name).exists():
                (bare / name).symlink_to(site / name)
    environment = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": os.pathsep.join([str(CORE), str(bare)])}
    done = subprocess.run(
        [sys.executable, "-S", "-W", "error", "-c", ALONE],
        env=environment,
        cwd=bare,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_core_stands_alone(alone: dict[str, list[str]]) -> None:
    """With its own dependencies and its own root only, every module of the core can be imported, and no adapter."""
    files = {path.relative_to(CORE).with_suffix("") for path in MODULES}
    modules = {".".join(path.parent.parts if path.name == "__init__" else path.parts) for path in files}
    assert {"mainspring.core", *alone["names"]} == modules
    assert alone["missing"] == ["mainspring.adapters", "mainspring.app", "mainspring.cli"]


def test_importing_the_core_brings_nothing_that_acts(alone: dict[str, list[str]]) -> None:
    """No event loop, socket, thread pool, database or HTTP client is loaded by the core itself."""
    tops = {name.partition(".")[0] for name in alone["new"]}
    assert not tops & FORBIDDEN
    assert "croniter" not in tops, "it is slow to import and only compared with"
