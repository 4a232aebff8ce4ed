"""The two colours of the operations are one text."""

from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(
    not (Path(__file__).resolve().parents[2] / "adapters").is_dir(), reason="the sources are not here: wheel run"
)


def test_the_synchronous_operations_are_the_asynchronous_ones_without_awaits() -> None:
    """Each operation is written once: the synchronous module is made from the asynchronous one."""
    import importlib.util

    spec = importlib.util.spec_from_file_location("colours", Path(__file__).with_name("colours.py"))
    assert spec is not None
    assert spec.loader is not None
    colours = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(colours)
    expected = {
        path.name: colours.meaning(colours.synchronous(path.read_text())) for path in colours.SOURCE.glob("*.py")
    }
    made = {path.name: colours.meaning(path.read_text()) for path in colours.TARGET.glob("*.py")}
    assert made == expected
