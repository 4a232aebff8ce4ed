"""Starting, sharing, restarting and ending a throw-away PostgreSQL server.

Rules:

* It listens on a Unix socket in a folder of its own and nowhere else, so ``trust`` trusts only whoever may enter it.
* It is kept by a process of its own (``keeper``), which ends it when nobody who started or joined it is left.
* Without ``durable`` nothing is synced to the disk: such a server is fast, and its data survive a crash of its own,
  but no power cut.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal
from urllib.parse import quote

from mainspring.adapters.throwaway_postgres import keeper
from mainspring.adapters.throwaway_postgres.binaries import Binaries, find_binaries, open_to_all
from mainspring.core.errors import Unavailable

Shutdown = Literal["fast", "immediate"]

_PATIENCE_SECONDS: Final = 60.0
_PAUSE_SECONDS: Final = 0.005
_LONGEST_FOLDER: Final = 80  # the path of a Unix socket has 107 bytes at most
_SWIFT: Final = MappingProxyType({"fsync": "off", "full_page_writes": "off"})
_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


class ThrowawayPostgres:
    """A running server; made by ``start`` or ``join``, and to be closed."""

    def __init__(self, folder: Path, lifeline: int) -> None:
        self.folder: Final = folder
        self._lifeline: int | None = lifeline

    @classmethod
    def start(
        cls, *, binaries: Binaries | None = None, durable: bool = False, settings: Mapping[str, str] = _NOTHING
    ) -> ThrowawayPostgres:
        """Make an empty cluster and start a server on it; 0.5 to 1 s.

        ``durable``: sync to the disk as a real server does. ``settings`` are those of ``postgresql.conf``.
        Raises ``Unavailable`` where there are no binaries, or the server does not start: with what it said.
        """
        found = binaries or find_binaries()
        folder = _make_folder(found.user)
        try:
            _initdb(found, folder)
            os.mkfifo(folder / "lifeline", 0o600)
            (folder / "door").touch(0o600)
            lifeline = os.open(folder / "lifeline", os.O_RDWR | os.O_CLOEXEC)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        server = cls(folder, lifeline)
        try:
            _hire_keeper(folder, _command(found, folder, durable=durable, settings=settings), found.user)
            server._order("start")
            server._wait_until_it_answers()
        except BaseException:
            server.close()
            raise
        return server

    @classmethod
    def join(cls, folder: Path) -> ThrowawayPostgres:
        """Use a server that another process started; ``Unavailable`` if it is gone, or about to go."""
        gone = Unavailable("postgres", f"the server in {folder} is gone", "start another one")
        try:
            with (folder / "door").open("r+b") as door:
                fcntl.flock(door, fcntl.LOCK_EX)
                lifeline = os.open(folder / "lifeline", os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            raise gone from None
        return cls(folder, lifeline)

    @property
    def socket(self) -> Path:
        """The Unix socket that it listens on."""
        return self.folder / ".s.PGSQL.5432"

    def url(self, database: str = "postgres") -> str:
        """Give the URL of one of its databases."""
        return f"postgresql://postgres@/{quote(database, safe='')}?host={quote(str(self.folder), safe='')}"

    def stop(self, how: Shutdown = "fast") -> None:
        """Stop the server; ``immediate``: as in a crash, so that it recovers from its log when it is started again."""
        self._order(f"stop {how}")

    def resume(self) -> None:
        """Start it again after ``stop`` and wait until it answers."""
        self._order("start")
        self._wait_until_it_answers()

    def restart(self, how: Shutdown = "fast") -> None:
        """Stop it and start it again."""
        self.stop(how)
        self.resume()

    def close(self) -> None:
        """Let go of it: with the last one who does, it ends and its folder is removed. Repeating it does nothing."""
        if self._lifeline is not None:
            os.close(self._lifeline)
            self._lifeline = None

    def wait_until_gone(self) -> None:
        """Wait until the keeper has ended the server and removed its folder."""
        self._wait(lambda: not self.folder.exists(), "its folder is still there")

    def __enter__(self) -> ThrowawayPostgres:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    # --- the keeper --------------------------------------------------------------------------------------------------

    def _order(self, order: str) -> None:
        if self._lifeline is None:
            raise Unavailable("postgres", "this server was closed", "start another one")
        self._wait((self.folder / "state").exists, "its keeper did not start")
        done = self._carried_out()
        os.write(self._lifeline, f"{order}\n".encode())
        self._wait(lambda: self._carried_out() > done, f"its keeper did not {order} it")

    def _carried_out(self) -> int:
        return int((self.folder / "state").read_text().split()[1])

    def _wait_until_it_answers(self) -> None:
        self._wait(self._answers, "it did not come up")

    def _answers(self) -> bool:
        """Tell whether the server takes connections, by the status that it keeps in ``postmaster.pid``."""
        if (self.folder / "state").read_text().startswith("down"):
            raise Unavailable("postgres", f"the server ended at once: {_last_words(self.folder)}", "see what it says")
        with contextlib.suppress(OSError):
            lines = (self.folder / "data" / "postmaster.pid").read_text().splitlines()
            return len(lines) >= 8 and lines[7].strip() == "ready"
        return False

    def _wait(self, done: Callable[[], bool], otherwise: str) -> None:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not done():
            if time.monotonic() > deadline:
                raise Unavailable("postgres", f"{otherwise}: {_last_words(self.folder)}", "try again")
            time.sleep(_PAUSE_SECONDS)


def _make_folder(user: str | None) -> Path:
    """Make the folder of a server, with a short name, where its user reaches it."""
    usual = Path(tempfile.gettempdir())
    fits = len(os.fsencode(usual)) < _LONGEST_FOLDER and (user is None or open_to_all(usual))
    folder = Path(tempfile.mkdtemp(prefix="mainspring-pg-", dir=usual if fits else "/tmp"))  # noqa: S108  mkdtemp is safe
    if user is not None:
        shutil.chown(folder, user)
    return folder


def _initdb(binaries: Binaries, folder: Path) -> None:
    command = [binaries.program("initdb"), "--no-sync", "-A", "trust", "-U", "postgres", "-E", "UTF8"]
    try:
        subprocess.run(  # noqa: S603  a path that was found, no shell
            [*command, "--locale=C.UTF-8", "-D", str(folder / "data")],
            check=True,
            capture_output=True,
            text=True,
            cwd="/",
            timeout=_PATIENCE_SECONDS,
            user=binaries.user,
            group=None if binaries.user is None else pwd.getpwnam(binaries.user).pw_gid,
            extra_groups=None if binaries.user is None else [],
        )
    except subprocess.CalledProcessError as error:
        said = " ".join((error.stderr or error.stdout or "").split())[-300:]
        raise Unavailable("postgres", f"no cluster could be made: {said}", "see what initdb says") from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable("postgres", f"no cluster could be made: {error}", "check the binaries and the disk") from None


def _command(binaries: Binaries, folder: Path, *, durable: bool, settings: Mapping[str, str]) -> list[str]:
    chosen = ({} if durable else dict(_SWIFT)) | dict(settings)
    command = [binaries.program("postgres"), "-D", str(folder / "data"), "-h", "", "-k", str(folder), "-p", "5432"]
    return [*command, *(part for name, value in chosen.items() for part in ("-c", f"{name}={value}"))]


def _hire_keeper(folder: Path, command: list[str], user: str | None) -> None:
    script = [sys.executable, "-I", str(Path(keeper.__file__)), str(folder), json.dumps([command, user])]
    subprocess.run(script, check=True, cwd="/", stdin=subprocess.DEVNULL)  # noqa: S603  ours, no shell


def _last_words(folder: Path) -> str:
    try:
        return " ".join((folder / "log").read_text(errors="replace").splitlines()[-3:]) or "it said nothing"
    except OSError:
        return "it left no log"
