"""What every front door offers (library, CLI, API): the operations on tasks and schedules, over the storage port.

``intake`` and ``changes`` turn what a caller wrote into core values, ``steps`` are the pure steps, and the two colours
``Operations`` and ``SyncOperations`` run them.
"""

from mainspring.adapters.operations.asynchronous import Operations
from mainspring.adapters.operations.changes import ScheduleChange
from mainspring.adapters.operations.intake import ScheduleRequest, TaskRequest, call_of, recurrence_of
from mainspring.adapters.operations.synchronous import SyncOperations

__all__ = [
    "Operations",
    "ScheduleChange",
    "ScheduleRequest",
    "SyncOperations",
    "TaskRequest",
    "call_of",
    "recurrence_of",
]
