"""The pytest plug-in: fixtures ``mainspring_testing`` and ``mainspring_testing_async``, and the marker ``mainspring``.

Say which app is yours: ``mainspring_app = "package.module:name"`` in pytest's settings, or a fixture of that name.
"""

from __future__ import annotations

from collections.abc import Generator
from importlib import import_module
from typing import TYPE_CHECKING, cast

import pytest

if TYPE_CHECKING:
    from mainspring.app import Mainspring
    from mainspring.testing.kit import AsyncTesting, Options, Testing

_STAGE = pytest.StashKey["Testing | AsyncTesting"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the setting that names the app."""
    parser.addini("mainspring_app", "the Mainspring of the fixtures mainspring_testing…, as package.module:name")


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known, and the failures of the conformance kit readable."""
    config.addinivalue_line(
        "markers",
        "mainspring(start, inline, errors, settings, seed, patience, max_runs): how mainspring_testing is set up",
    )
    pytest.register_assert_rewrite("mainspring.testing.conformance")


@pytest.fixture
def mainspring_app(request: pytest.FixtureRequest) -> Mainspring:
    """The app under test: what the setting ``mainspring_app`` names. Override it to give another one."""
    named = str(request.config.getini("mainspring_app"))
    module, _, attribute = named.partition(":")
    if not module or not attribute:
        cure = 'set mainspring_app = "package.module:name" in pytest\'s settings, or define a fixture mainspring_app'
        raise pytest.UsageError(f"mainspring_app: {named!r} names no app; {cure}")
    try:
        app: Mainspring = getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise pytest.UsageError(f"mainspring_app: {named} cannot be had: {error}") from None
    return app


@pytest.fixture
def mainspring_testing(mainspring_app: Mainspring, request: pytest.FixtureRequest) -> Generator[Testing]:
    """A ``Testing`` of the app, for one test."""
    from mainspring.testing.kit import Testing

    with Testing(mainspring_app, **_options(request)) as stage:
        request.node.stash[_STAGE] = stage
        yield stage


@pytest.fixture
def mainspring_testing_async(mainspring_app: Mainspring, request: pytest.FixtureRequest) -> Generator[AsyncTesting]:
    """An ``AsyncTesting`` of the app, for one test."""
    from mainspring.testing.kit import AsyncTesting

    with AsyncTesting(mainspring_app, **_options(request)) as stage:
        request.node.stash[_STAGE] = stage
        yield stage


def _options(request: pytest.FixtureRequest) -> Options:
    marker = request.node.get_closest_marker("mainspring")
    return cast("Options", {} if marker is None else marker.kwargs)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the clock and the tasks beside a failure."""
    report = yield
    stage = item.stash.get(_STAGE, None)
    if report.when == "call" and report.failed and stage is not None:
        report.sections.append(("mainspring", stage.describe()))
    return report
