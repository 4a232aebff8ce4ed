"""The shell that turns due schedules and tasks into runs; it knows ports only."""

from mainspring.adapters.engine.settings import EngineSettings
from mainspring.adapters.engine.upkeep import Retention
from mainspring.adapters.engine.worker import Worker

__all__ = ["EngineSettings", "Retention", "Worker"]
