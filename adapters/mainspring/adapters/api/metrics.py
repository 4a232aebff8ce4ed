"""Figures for Prometheus; every label has a bounded set of values."""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from mainspring.core.ports import QueueStatus

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
MAX_QUEUES: Final = 100
"""How many queues have figures of their own; those of the others are added up as ``other``."""
_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Metrics:
    """The figures of one process."""

    def __init__(self) -> None:
        self.registry: Final = CollectorRegistry()
        self._requests: Final = Counter(
            "mainspring_api_requests", "Requests answered.", ("operation", "status"), registry=self.registry
        )
        self._seconds: Final = Histogram(
            "mainspring_api_seconds", "Time to an answer.", ("operation",), buckets=_BUCKETS, registry=self.registry
        )
        self._tasks: Final = Gauge(
            "mainspring_tasks", "Live tasks by queue and state.", ("queue", "state"), registry=self.registry
        )
        self._lag: Final = Gauge("mainspring_lag_seconds", "How late the oldest due task is.", registry=self.registry)

    def answered(self, operation: str, status: int, seconds: float) -> None:
        """Count an answer; ``operation`` is the id of an operation."""
        self._requests.labels(operation, str(status)).inc()
        self._seconds.labels(operation).observe(seconds)

    def text(self, queues: tuple[QueueStatus, ...], lag: float) -> bytes:
        """Write all figures, with those of the storage as they are now."""
        self._tasks.clear()
        for number, status in enumerate(queues):
            name = str(status.queue.ref.name) if number < MAX_QUEUES else "other"
            self._tasks.labels(name, "pending").inc(status.pending)
            self._tasks.labels(name, "running").inc(status.held)
        self._lag.set(lag)
        return generate_latest(self.registry)
