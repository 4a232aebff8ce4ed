"""The keeper: the parent of a throw-away server, a process of its own. Runs as a script, on the standard library alone.

Rules:

* The server lives as long as anybody holds the FIFO ``lifeline`` open for writing: however its users end, kill -9
  included, the kernel closes it, the keeper reads the end of it, stops the server and removes the folder.
* What is written into the lifeline are orders, a line each: ``start``, ``stop fast``, ``stop immediate``. The file
  ``state`` tells what has been done: ``up`` or ``down``, and the number of orders carried out.
* Whoever wants to join opens the lifeline under a lock on the file ``door``. The keeper takes the same lock before it
  leaves and looks once more whether somebody came.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pwd
import select
import shutil
import signal
import subprocess
import sys
from pathlib import Path

SIGNALS = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT}
PATIENCE_SECONDS = 20.0
LOOK_SECONDS = 0.1


class Keeper:
    """Starts and stops one server as it is told."""

    def __init__(self, folder: Path, command: list[str], user: str | None) -> None:
        self._folder = folder
        self._command = command
        self._user = user
        self._server: subprocess.Popen[bytes] | None = None
        self._orders = 0

    def obey(self, order: str) -> None:
        """Carry out one order and write down that it was."""
        what, _, how = order.partition(" ")
        if what == "start":
            self.start()
        elif what == "stop":
            self.stop(SIGNALS[how])
        self._orders += 1
        self.tell()

    def start(self) -> None:
        """Start the server, in a session of its own: a Ctrl-C in the terminal is not meant for it."""
        with (self._folder / "log").open("ab") as log:
            self._server = subprocess.Popen(  # noqa: S603  made by the launcher, no shell
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,
                user=self._user,
                group=None if self._user is None else pwd.getpwnam(self._user).pw_gid,
                extra_groups=None if self._user is None else [],
            )

    def look(self) -> None:
        """Notice a server that ended by itself."""
        if self._server is not None and self._server.poll() is not None:
            self._server = None
            self.tell()

    def stop(self, number: signal.Signals) -> None:
        """Send the server a signal and wait for its end; one that does not end is killed."""
        if self._server is None:
            return
        for attempt in (number, signal.SIGQUIT, signal.SIGKILL):
            self._server.send_signal(attempt)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._server.wait(PATIENCE_SECONDS)
                break
        self._server = None

    def tell(self) -> None:
        """Write down how things are, whole or not at all."""
        draft = self._folder / "state.new"
        draft.write_text(f"{'down' if self._server is None else 'up'} {self._orders}")
        draft.rename(self._folder / "state")


def _orders(lifeline: int, door: int) -> list[str] | None:
    """Wait a little for orders; None: nobody is left."""
    if not select.select([lifeline], [], [], LOOK_SECONDS)[0]:
        return []
    text = _read(lifeline)
    if text == b"":
        fcntl.flock(door, fcntl.LOCK_EX)
        text = _read(lifeline)
        if text == b"":
            return None  # the lock is kept: who comes now finds the folder gone
        fcntl.flock(door, fcntl.LOCK_UN)
    return (text or b"").decode().splitlines()


def _read(lifeline: int) -> bytes | None:
    try:
        return os.read(lifeline, 4096)
    except BlockingIOError:
        return None


def main(folder: Path, command: list[str], user: str | None) -> None:
    """Keep a server until nobody is left who needs it."""
    lifeline = os.open(folder / "lifeline", os.O_RDONLY | os.O_NONBLOCK)
    door = os.open(folder / "door", os.O_RDWR)
    keeper = Keeper(folder, command, user)
    try:
        keeper.tell()
        while (orders := _orders(lifeline, door)) is not None:
            keeper.look()
            for order in orders:
                keeper.obey(order)
    finally:
        keeper.stop(signal.SIGINT)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    if os.fork():
        os._exit(0)
    os.setsid()
    for ignored in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(ignored, signal.SIG_IGN)
    main(Path(sys.argv[1]), *json.loads(sys.argv[2]))
