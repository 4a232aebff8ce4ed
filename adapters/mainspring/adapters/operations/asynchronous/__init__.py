"""The operations, awaited."""

from mainspring.adapters.operations.asynchronous.insights import InsightOperations
from mainspring.adapters.operations.asynchronous.queues import QueueOperations
from mainspring.adapters.operations.asynchronous.schedules import ScheduleOperations
from mainspring.adapters.operations.asynchronous.tasks import TaskOperations


class Operations(TaskOperations, ScheduleOperations, QueueOperations, InsightOperations):
    """Every operation on tasks, schedules and queues."""
