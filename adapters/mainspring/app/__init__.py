"""The front door for library users: ``from mainspring.app import Mainspring``."""

from mainspring.adapters.engine import EngineSettings
from mainspring.adapters.executors.context import Context
from mainspring.adapters.operations import ScheduleRequest, TaskRequest
from mainspring.app.delivery import Delivery
from mainspring.app.mainspring import Mainspring, SyncMainspring
from mainspring.app.options import ScheduleOptions, TaskOptions
from mainspring.core.retry import (
    MERGENT,
    MERGENT_SCHEDULE,
    DoublingThenLinear,
    Exponential,
    Fixed,
    Ladder,
    Linear,
    Never,
    Polynomial,
)

__all__ = [
    "MERGENT",
    "MERGENT_SCHEDULE",
    "Context",
    "Delivery",
    "DoublingThenLinear",
    "EngineSettings",
    "Exponential",
    "Fixed",
    "Ladder",
    "Linear",
    "Mainspring",
    "Never",
    "Polynomial",
    "ScheduleOptions",
    "ScheduleRequest",
    "SyncMainspring",
    "TaskOptions",
    "TaskRequest",
]
