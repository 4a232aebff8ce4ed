"""A server for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.api.serving import Api


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    """A server on a new SQLite file, without a worker and without a limit of requests."""
    with Api(f"sqlite:///{tmp_path}/api.db") as running:
        yield running
