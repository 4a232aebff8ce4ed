"""The house: where things stand, how large they may grow, and that what is public says what it is."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOTS = ("core", "adapters", "cli")
PORTIONS = {
    "core": {"core"},
    "adapters": {"adapters", "app", "client", "simulation", "testing", "webhooks"},
    "cli": {"cli"},
}
MAX_FUNCTION_LINES = 70
MAX_MODULE_LINES = 500
VAGUE = {"utils", "util", "helpers", "helper", "common", "manager", "base", "misc", "tools"}

pytestmark = pytest.mark.skipif(not (ROOT / "core").is_dir(), reason="the sources are not here: wheel run")

MODULES = sorted(path for root in ROOTS for path in (ROOT / root).rglob("*.py"))
CORE = [path for path in MODULES if path.is_relative_to(ROOT / "core")]


def named(path: Path) -> str:
    """A path as its reader knows it."""
    return str(path.relative_to(ROOT))


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function of a module, methods and inner ones included."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


@pytest.mark.parametrize("root", ROOTS)
def test_the_namespace_has_no_init(root: str) -> None:
    """PEP 420: with a ``mainspring/__init__.py`` in one root, the others could not be found behind it."""
    assert not list((ROOT / root / "mainspring").glob("__init__.py*"))
    assert not (ROOT / root / "__init__.py").exists()


def portions(root: str) -> list[Path]:
    """The parts of the namespace that a root holds."""
    return [path for path in (ROOT / root / "mainspring").iterdir() if any(path.rglob("*.py"))]


@pytest.mark.parametrize("root", ROOTS)
def test_every_portion_is_typed(root: str) -> None:
    """PEP 561: each portion of the namespace is a package and carries its own ``py.typed``."""
    for portion in portions(root):
        assert (portion / "__init__.py").is_file(), portion
        assert (portion / "py.typed").is_file(), portion


@pytest.mark.parametrize("root", ROOTS)
def test_a_root_holds_its_portions_and_nothing_else(root: str) -> None:
    """What is imported as ``mainspring.X`` is found under its root, and no other package is shipped by accident."""
    assert {root} <= {portion.name for portion in portions(root)} <= PORTIONS[root]
    assert {path.name for path in (ROOT / root).iterdir()} - {"__pycache__"} == {"mainspring"}


@pytest.mark.parametrize("name", ["pyproject.toml", "README.md", "core", "adapters", "cli", "tests", "docs", "LICENSE"])
def test_the_top_level_is_as_designed(name: str) -> None:
    """Whoever knows the design finds everything at its place."""
    assert (ROOT / name).exists()


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_no_function_is_too_long_to_be_read_at_once(path: Path) -> None:
    """TigerBeetle's limit: a function fits on one screen, 70 lines."""
    long = {
        function.name: function.end_lineno - function.lineno + 1
        for function in functions(path)
        if function.end_lineno is not None and function.end_lineno - function.lineno >= MAX_FUNCTION_LINES
    }
    assert not long


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_no_module_is_too_long_to_be_known(path: Path) -> None:
    """A module that outgrows its bound holds two subjects."""
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_MODULE_LINES


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_no_module_has_a_name_that_says_nothing(path: Path) -> None:
    """A module is named by its subject: whatever could be called "utils" belongs somewhere else."""
    assert not VAGUE & {path.stem.strip("_"), path.parent.name}


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_every_module_says_what_it_is(path: Path) -> None:
    """The first line of a module is its purpose."""
    source = path.read_text(encoding="utf-8")
    assert not source.strip() or ast.get_docstring(ast.parse(source))


def undocumented(body: list[ast.stmt], prefix: str = "") -> Iterator[str]:
    """Public functions and classes without a docstring, methods included."""
    for node in body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) or node.name.startswith("_"):
            continue
        if not ast.get_docstring(node) and not _overload(node):
            yield prefix + node.name
        if isinstance(node, ast.ClassDef):
            yield from undocumented(node.body, f"{prefix}{node.name}.")


def _overload(node: ast.stmt) -> bool:
    names = {ast.unparse(decorator) for decorator in getattr(node, "decorator_list", [])}
    return "overload" in names


@pytest.mark.parametrize("path", CORE, ids=named)
def test_everything_public_in_the_core_has_a_docstring(path: Path) -> None:
    """A public docstring gives meaning, shapes and errors; without one nothing is promised."""
    assert not list(undocumented(ast.parse(path.read_text(encoding="utf-8")).body))


def test_no_test_file_shadows_a_package_of_ours() -> None:
    """``tests`` is on the path of the tests: a package ``mainspring`` there would hide the real one."""
    assert not (ROOT / "tests" / "mainspring").exists()
