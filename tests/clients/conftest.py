"""What the clients' tests stand on: Node from PyPI, the real packages from npm, a served store, a TLS front."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from attrs import define, field, frozen

HERE = Path(__file__).parent
JS = HERE / "mergent_js"
NAME = "api.mergent.co"
KEY = "mergent-key-of-old-0123456789abcdef"
PACKAGES = ("mergent-1.7.0", "mergent-1.4.0")
PATIENCE = 60.0


def _node(name: str) -> str | None:
    beside = Path(sys.executable).with_name(name)
    return str(beside) if beside.exists() else shutil.which(name)


@pytest.fixture(scope="session")
def judges() -> Path:
    """A folder with the packages as npm gives them; made once a machine and kept for other runs."""
    npm = _node("npm")
    if npm is None or _node("node") is None:
        if os.environ.get("CI"):
            pytest.fail("Node is missing: install the extra 'test'")
        pytest.skip("Node is missing")
    wanted = (JS / "package.json").read_bytes()
    kept = Path(tempfile.gettempdir()) / f"mainspring-judges-{os.getuid()}"
    if not _complete(kept, wanted):
        with tempfile.TemporaryDirectory(prefix="mainspring-judges-") as made:
            fresh = Path(made) / "judges"
            fresh.mkdir()
            (fresh / "package.json").write_bytes(wanted)
            options = ("--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
            subprocess.run(
                [npm, "install", *options],
                cwd=fresh,
                env={**os.environ, "NODE_USE_SYSTEM_CA": "1"},  # whom this machine trusts, Node trusts too
                check=True,
                timeout=300,
                stdin=subprocess.DEVNULL,
            )
            shutil.rmtree(kept, ignore_errors=True)
            with contextlib.suppress(OSError):  # another run was quicker
                fresh.rename(kept)
    assert _complete(kept, wanted)
    return kept


def _complete(folder: Path, wanted: bytes) -> bool:
    """A folder is moved to its place when all is in it."""
    found = folder / "package.json"
    mine = folder.exists() and folder.stat().st_uid == os.getuid()
    return mine and found.exists() and found.read_bytes() == wanted


@define
class Front:
    """TLS in front of a server, as a reverse proxy has it; in a thread of its own."""

    to_port: int
    context: ssl.SSLContext
    port: int = 0
    _ready: threading.Event = field(factory=threading.Event)
    _stopped: asyncio.Event = field(factory=asyncio.Event)
    _loop: asyncio.AbstractEventLoop | None = None
    _thread: threading.Thread | None = None

    def __enter__(self) -> Front:
        self._thread = threading.Thread(target=asyncio.run, args=(self._serve(),))
        self._thread.start()
        assert self._ready.wait(20)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._loop is not None
        assert self._thread is not None
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join(20)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        server = await asyncio.start_server(self._pass_on, "127.0.0.1", 0, ssl=self.context)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stopped.wait()
        server.close()
        await server.wait_closed()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self.to_port)
            await asyncio.gather(_pipe(reader, back), _pipe(there, writer))
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            writer.close()


async def _pipe(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    try:
        while octets := await source.read(65_536):
            target.write(octets)
            await target.drain()
    finally:
        target.close()


@frozen
class Served:
    """A server of the command line in a process of its own, with Mergent's old key taken over."""

    port: int
    tls_port: int
    ca: Path
    folder: Path

    @property
    def url(self) -> str:
        """Where the server answers without TLS."""
        return f"http://127.0.0.1:{self.port}"


def mainspring(folder: Path, *words: str, **more: Any) -> subprocess.CompletedProcess[str]:
    """Run the command line in a folder."""
    command = [sys.executable, "-m", "mainspring.cli", *words]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=PATIENCE, **more)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """``mainspring serve`` on a new store, and TLS of a private CA in front of it."""
    store = f"sqlite:///{tmp_path}/served.db"
    (tmp_path / "old-key").write_text(KEY)
    mainspring(tmp_path, "key", "create", "--scope", "admin", "--take-over", "old-key", "--store", store)
    command = [sys.executable, "-m", "mainspring.cli", "--store", store, "serve", "--port", "0"]
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            [*command, "--allow-loopback", "--rate-limit", "0"], cwd=tmp_path, stdout=log, stderr=subprocess.STDOUT
        )
    authority = trustme.CA()
    ca = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(NAME).configure_cert(context)
    try:
        port = _port_of(process, tmp_path / "log")
        with Front(to_port=port, context=context) as front:
            yield Served(port=port, tls_port=front.port, ca=ca, folder=tmp_path)
    finally:
        process.terminate()
        assert process.wait(PATIENCE) == 0, (tmp_path / "log").read_text()
    assert KEY not in (tmp_path / "log").read_text()


def _port_of(process: subprocess.Popen[bytes], log: Path) -> int:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        for word in log.read_text().split():
            if word.startswith("http://127.0.0.1:"):
                return int(word.rstrip("/.,").rsplit(":", 1)[1])
        time.sleep(0.02)
    raise AssertionError(f"it does not serve: {log.read_text()}")


@define
class Receiver:
    """A receiver written with a package: its port, and what it has seen."""

    process: subprocess.Popen[str]
    port: int
    seen: list[dict[str, Any]] = field(factory=list)

    @property
    def url(self) -> str:
        """Where it receives."""
        return f"http://127.0.0.1:{self.port}/hook"

    def wait_for(self, enough: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
        """Wait until what was seen is enough."""
        end = time.monotonic() + PATIENCE
        while not enough(self.seen):
            assert time.monotonic() < end, self.seen
            time.sleep(0.02)
        return self.seen


@pytest.fixture(params=PACKAGES)
def package(request: pytest.FixtureRequest, judges: Path) -> str:
    """The name of a package, as ``require`` takes it."""
    assert (judges / "node_modules" / request.param).is_dir()
    return str(request.param)


@pytest.fixture
def receiver(package: str, judges: Path) -> Iterator[Receiver]:
    """A receiver that believes what the package's ``requestValidator`` believes."""
    process = subprocess.Popen(
        node_command(JS / "receiver.cjs", package),
        env=node_environment(judges),
        cwd=judges,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    made = Receiver(process, int(process.stdout.readline()))

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            made.seen.append(json.loads(line))

    reading = threading.Thread(target=read)
    reading.start()
    yield made
    process.stdin.close()
    assert process.wait(PATIENCE) == 0
    reading.join(PATIENCE)
    process.stdout.close()


def node_command(script: Path, *words: str) -> list[str]:
    """A command that runs a script of ours with Node."""
    return [_node("node") or "node", str(script), *words]


def node_environment(judges: Path, **more: str) -> dict[str, str]:
    """An environment in which ``require`` finds the packages."""
    modules = str(judges / "node_modules")
    return {**os.environ, "NODE_PATH": modules, "MERGENT_API_KEY": KEY, "NODE_NO_WARNINGS": "1", **more}
