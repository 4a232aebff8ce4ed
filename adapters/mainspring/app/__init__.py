"""The front door for library users: ``from mainspring.app import Mainspring``."""

from mainspring.adapters.engine import EngineSettings
from mainspring.adapters.executors.context import Context
from mainspring.adapters.operations import ScheduleChange, ScheduleRequest, TaskRequest
from mainspring.app.delivery import Delivery
from mainspring.app.mainspring import Mainspring, SyncMainspring
from mainspring.app.options import ScheduleChanges, ScheduleOptions, TaskOptions
from mainspring.core.queue import QueueEdit, Rate
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
from mainspring.core.schedule import AtMost, CatchUp
from mainspring.core.task import FollowUp, FunctionCall, HttpCall

__all__ = [
    "MERGENT",
    "MERGENT_SCHEDULE",
    "AtMost",
    "CatchUp",
    "Context",
    "Delivery",
    "DoublingThenLinear",
    "EngineSettings",
    "Exponential",
    "Fixed",
    "FollowUp",
    "FunctionCall",
    "HttpCall",
    "Ladder",
    "Linear",
    "Mainspring",
    "Never",
    "Polynomial",
    "QueueEdit",
    "Rate",
    "ScheduleChange",
    "ScheduleChanges",
    "ScheduleOptions",
    "ScheduleRequest",
    "SyncMainspring",
    "TaskOptions",
    "TaskRequest",
]
