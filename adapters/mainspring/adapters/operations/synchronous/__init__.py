"""The operations, without an event loop (made by tests/house/colours.py)."""

from mainspring.adapters.operations.synchronous.insights import InsightOperations
from mainspring.adapters.operations.synchronous.queues import QueueOperations
from mainspring.adapters.operations.synchronous.schedules import ScheduleOperations
from mainspring.adapters.operations.synchronous.tasks import TaskOperations


class SyncOperations(TaskOperations, ScheduleOperations, QueueOperations, InsightOperations):
    """Every operation on tasks, schedules and queues."""
