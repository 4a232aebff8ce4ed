"""The JavaScript of the how-to guides: each way to point Mergent's client here, and a receiver with Express."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from clients.conftest import JS, PATIENCE, Receiver, Served, node_command, node_environment
from docs.blocks import ROOT, blocks
from mainspring.app import Delivery, Mainspring
from mainspring.webhooks import new_secret

HOW_TO = ROOT / "docs" / "how-to"
pytestmark = [
    pytest.mark.timeout(240),
    pytest.mark.skipif(not HOW_TO.is_dir(), reason="the documentation is not here: wheel run"),
]


def written(folder: Path, page: str, name: str) -> Path:
    """The block of a page that is the file ``name``, as that file."""
    text = (HOW_TO / page).read_text(encoding="utf-8")
    (block,) = [one for one in blocks(text) if one.mark == f"file: {name}"]
    (folder / name).write_text(block.text)
    return folder / name


@pytest.mark.parametrize("way", ["wrapped", "replaced"])
def test_the_client_is_pointed_here_as_the_guide_says(
    way: str, package: str, judges: Path, served: Served, receiver: Receiver, tmp_path: Path
) -> None:
    """Its requests come here, without TLS, and the receiver believes the delivery."""
    file = written(tmp_path, "move-from-mergent.md", f"{way}.cjs")
    done = subprocess.run(
        node_command(JS / "ways.cjs", package, way, str(file)),
        env=node_environment(judges, MAINSPRING_URL=served.url, HOOK=receiver.url),
        cwd=judges,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    assert made["request"]["body"] == "moved"
    receiver.wait_for(lambda seen: len(seen) == 1)


def test_express_takes_what_is_signed_with_its_secret_and_nothing_else(judges: Path, tmp_path: Path) -> None:
    """As the guide's receivers in Python."""
    secret = new_secret()
    file = written(tmp_path, "receive-a-task.md", "express.cjs")
    process = subprocess.Popen(
        node_command(file),
        env=node_environment(judges, SECRET=secret, PORT="0"),
        cwd=judges,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # `node` may be a script that starts Node: both are ended
    )
    assert process.stdout is not None
    try:
        port = int(process.stdout.readline().split()[1])
        for used, expected in ((secret, "succeeded"), (new_secret(), "failed")):
            with Mainspring("memory:", delivery=Delivery(secrets=(used,))) as app:
                made = app.sync.enqueue(f"http://127.0.0.1:{port}/orders", body='{"order": 46}', retry="never")
                asyncio.run(app.run_until_idle())
                assert app.sync.get_task(made.id).state.status == expected
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        printed, _ = process.communicate(timeout=PATIENCE)
    assert printed == "order 46\n"
