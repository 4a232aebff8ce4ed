"""The two colours of the operations, and of the client, are one text."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

pytestmark = pytest.mark.skipif(
    not (Path(__file__).resolve().parents[2] / "adapters").is_dir(), reason="the sources are not here: wheel run"
)


def loaded(name: str) -> ModuleType:
    """A module of this folder."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    sys.modules[name] = made
    spec.loader.exec_module(made)
    return made


@pytest.mark.parametrize("name", ["operations", "client"])
def test_the_synchronous_colour_is_the_asynchronous_one_without_awaits(name: str) -> None:
    """Each operation is written once: the synchronous module is made from the asynchronous one."""
    colours = loaded("colours")
    pair = colours.PAIRS[name]
    expected = {path.name: colours.meaning(pair.synchronous(path.read_text())) for path in pair.sources}
    made = {path.name: colours.meaning(path.read_text()) for path in pair.targets}
    assert made == expected


def test_the_methods_of_the_client_are_those_of_the_table_of_operations() -> None:
    """Each operation of the API has a method: the client is made from the table that is routed and documented."""
    colours, methods = loaded("colours"), loaded("client_methods")
    for path, text in ((methods.ROUTES, methods.routes()), (methods.CALLS, methods.calls())):
        assert colours.meaning(path.read_text()) == colours.meaning(text), f"run tests/house/client_methods.py: {path}"
