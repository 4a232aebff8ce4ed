"""Settings of the whole suite: how hard hypothesis looks, chosen by ``HYPOTHESIS_PROFILE`` (dev, ci or long)."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from support.postgres import _own_database, bare_postgres_url, postgres_server, postgres_url

__all__ = ["_own_database", "bare_postgres_url", "open_folder", "postgres_server", "postgres_url"]

for name, max_examples in {"dev": 50, "ci": 200, "long": 5_000}.items():
    settings.register_profile(
        name,
        max_examples=max_examples,
        deadline=None,  # a busy machine is no failure
        print_blob=True,
        derandomize=False,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody may enter; pytest's own are closed again whenever another run of it begins."""
    with tempfile.TemporaryDirectory(prefix="mainspring-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder
