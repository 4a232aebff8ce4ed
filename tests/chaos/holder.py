"""Takes tasks as so many workers, holds them for as long as nobody closes its input, then reports each one done.

``python holder.py STORE COUNT``: prints ``held COUNT`` once it holds them, and ``refused N`` at the end. The lease is
short, so whoever stops this process meanwhile finds its reports stale.
"""

from __future__ import annotations

import sys
from datetime import datetime, timedelta
from itertools import count

from mainspring.app.wiring import open_store
from mainspring.core.commands import DropReport, Start, Succeed
from mainspring.core.errors import StaleRun
from mainspring.core.machine import Decision, handle
from mainspring.core.ports import Refused, Storage
from mainspring.core.queue import admit, queue_ref
from mainspring.core.states import Running
from mainspring.core.task import Task

LEASE = timedelta(seconds=1)


def main(url: str, wanted: int) -> None:
    """Take, wait, report."""
    store = open_store(url)
    storage = store.sync
    names = (f"worker {number}" for number in count(1))

    def start(task: Task, at: datetime) -> Decision:
        return handle(task, Start(at=at, worker=next(names), lease=LEASE))

    taken = storage.take({queue_ref("default", "default"): wanted}, start, admit).decisions
    print("held", len(taken), flush=True)
    sys.stdin.read()
    refused = sum(_report(storage, decision.task) for decision in taken)
    print("refused", refused, flush=True)
    store.close()


def _report(storage: Storage, task: Task) -> bool:
    """Report a run as a worker does: on what it knows, then on what the storage says, then as dropped."""
    assert isinstance(task.state, Running)
    run, worker = task.state.run, task.state.worker
    if storage.save([handle(task, Succeed(at=storage.now(), run=run))]) == (True,):
        return False
    (answer,) = storage.update([task.id], lambda now, at: handle(now, Succeed(at=at, run=run)))
    if not isinstance(answer, Refused) or not isinstance(answer.error, StaleRun):
        return False
    storage.update(
        [task.id],
        lambda now, at: handle(now, DropReport(at=at, run=run, worker=worker, report="succeeded")),
    )
    return True


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
