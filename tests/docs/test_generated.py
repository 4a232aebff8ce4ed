"""Pages and pictures that follow from the code are not stale."""

from __future__ import annotations

import importlib.util
from types import ModuleType
from xml.etree import ElementTree

import pytest

from docs.blocks import ROOT

SOURCE = ROOT / "docs" / "generate.py"
pytestmark = pytest.mark.skipif(not SOURCE.is_file(), reason="the documentation is not here: wheel run")


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    """The module ``docs/generate.py``."""
    spec = importlib.util.spec_from_file_location("docs_generate", SOURCE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_generated_files_are_as_the_code_has_them(generate: ModuleType) -> None:
    """After a change of the task machine ``python docs/generate.py`` has to be run."""
    for path, text in generate.files().items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name} is stale: run python docs/generate.py"


def test_the_picture_names_every_state_and_every_event(generate: ModuleType) -> None:
    """Nothing of the table is left out of the picture."""
    from mainspring.core.events import EVENTS
    from mainspring.core.states import STATES

    root = ElementTree.fromstring(generate.picture())  # noqa: S314  our own text
    texts = {element.text for element in root.iter("{http://www.w3.org/2000/svg}text")}
    assert len(EVENTS) == len({event for edges in generate.TRANSITIONS.values() for event in edges})
    assert {state.__name__ for state in STATES} | {event.__name__ for event in EVENTS} <= texts


def test_every_list_of_statuses_follows_from_the_table(generate: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new state makes the checks of both schemas, the API's enumeration and the command line's choices stale."""
    from mainspring.core.events import RunStarted
    from mainspring.core.states import Running

    class Parked:
        status = "parked"

    monkeypatch.setattr(generate, "TRANSITIONS", {**generate.TRANSITIONS, Parked: {RunStarted: Running}})
    monkeypatch.setattr(generate, "API_STATUS", {**generate.API_STATUS, "parked": "stored"})
    for path in generate.lines():
        before, after = path.read_text(encoding="utf-8"), generate.relined(path)
        new = set(after.splitlines()) - set(before.splitlines())
        assert new, path
        assert all("parked" in line or '"stored"' in line for line in new)


def test_a_line_that_is_not_there_is_missed(generate: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody who writes it otherwise hears of it: it would not follow from the table any more."""
    for path, found in generate.lines().items():
        monkeypatch.setattr(
            generate, "lines", lambda path=path, found=found: {path: [("    NOTHING (", ("",), ")"), *found]}
        )
        with pytest.raises(SystemExit, match="has 0 lines"):
            generate.relined(path)


def test_a_new_arrow_without_a_route_is_refused(generate: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """The picture cannot silently omit a transition."""
    from mainspring.core.events import TaskFailed
    from mainspring.core.states import Failed, Pending

    wider = {**generate.TRANSITIONS, Pending: {**generate.TRANSITIONS[Pending], TaskFailed: Failed}}
    monkeypatch.setattr(generate, "TRANSITIONS", wider)
    with pytest.raises(SystemExit, match="Pending → Failed"):
        generate.picture()
