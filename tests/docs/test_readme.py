"""The README's first screen holds what it promises: the two commands, and code with its real output."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from docs.blocks import ROOT, SCRIPTS, Page, blocks

README = ROOT / "README.md"
pytestmark = pytest.mark.skipif(not README.is_file(), reason="the README is not here: wheel run")


def test_the_code_of_the_readme_prints_what_it_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The twelve lines run as they stand."""
    monkeypatch.chdir(tmp_path)
    assert Page(README).run() >= 2


def test_the_readme_shows_about_twelve_lines_of_code() -> None:
    """The first example is short enough for the first screen."""
    first = next(block for block in blocks(README.read_text(encoding="utf-8")) if block.language == "python")
    assert len([line for line in first.text.splitlines() if line.strip()]) <= 13


def test_three_commands_lead_from_a_clone_to_a_delivered_task(tmp_path: Path) -> None:
    """As they stand: only the installation is this one's, the port a free one, and the receiver a real one here."""
    (block,) = [one for one in blocks(README.read_text(encoding="utf-8")) if one.mark == "three commands"]
    install, serve, create = block.text.splitlines()
    assert install == "python3 -m venv .venv && .venv/bin/pip install -q '.[server]'"
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "bin").symlink_to(SCRIPTS)
    arrived = threading.Event()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()
            arrived.set()

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    here = f"http://127.0.0.1:{server.server_port}/hook"
    script = "\n".join(
        [
            serve.replace("8000 &", f"{port} --allow-loopback &"),
            create.replace(":8000", f":{port}").replace("https://example.com/hook", here),
            "echo",
            "read -r; kill $!; wait $!",
        ]
    )
    assert here in script
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MAINSPRING_")}
    process = subprocess.Popen(
        ["bash", "-c", script], cwd=tmp_path, env=kept, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    delivered = arrived.wait(60)
    printed, _ = process.communicate("\n", timeout=60)
    server.shutdown()
    thread.join(10)
    server.server_close()
    assert delivered, printed
    assert '"status":"queued"' in printed
    assert process.returncode == 0


def test_the_two_commands_stand_on_the_first_screen() -> None:
    """One line each, from a fresh clone with Python and its venv module only."""
    head = README.read_text(encoding="utf-8").splitlines()[:40]
    prepare = "python3 -m venv .venv && .venv/bin/pip install -q nox && .venv/bin/nox -s"
    assert f"{prepare} demo" in head
    assert f"{prepare} tests" in head
