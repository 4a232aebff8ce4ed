"""Several serving processes on one socket: forked, started again when one dies, and stopped together.

The children end when their parent does, however that came about: each holds the reading end of a pipe that nobody but
the parent can write to.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import Final

_log: Final = logging.getLogger("mainspring.server")

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
PAUSE: Final = 0.5
"""How many seconds pass before a process that died is started again."""


class Crew:
    """``count`` processes that do ``work``; it is given the pipe whose end says that the parent has gone."""

    def __init__(self, count: int, work: Callable[[int], None]) -> None:
        self._count: Final = count
        self._work: Final = work
        self._children: Final[set[int]] = set()
        self._stopping = False
        self._gone, self._held = os.pipe()

    def run(self) -> None:
        """Start the processes, and return when they have been told to stop and have ended."""
        for number in _SIGNALS:
            signal.signal(number, self._pass_on)
        for _ in range(self._count):
            self._start()
        while self._children:
            pid, status = os.wait()
            self._children.discard(pid)
            if not self._stopping:
                _log.warning("process %d ended with %d: another is started", pid, os.waitstatus_to_exitcode(status))
                time.sleep(PAUSE)
            self._start()

    def _pass_on(self, number: int, frame: FrameType | None) -> None:
        self._stopping = True
        for pid in self._children:
            os.kill(pid, number)

    def _start(self) -> None:
        """Fork, unless told to stop; signals wait meanwhile, so that none misses a child that is just being born."""
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            if self._stopping:
                return
            pid = os.fork()
            if pid:
                self._children.add(pid)
                return
            for number in _SIGNALS:
                signal.signal(number, signal.SIG_DFL)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        self._be_a_child()

    def _be_a_child(self) -> None:
        code = 1
        try:
            os.setpgid(0, 0)  # Ctrl-C goes to the parent, which passes it on once
            os.close(self._held)
            self._work(self._gone)
            code = 0
        except Exception:
            _log.exception("a serving process failed")
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
