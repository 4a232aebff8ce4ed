"""The codec: the one way in which values of the core become JSON text, to be stored or shown, and come back."""

from mainspring.adapters.codec.forms import (
    CALL,
    EDIT,
    EVENT,
    ORIGIN,
    QUEUE,
    RECURRENCE,
    RETRY,
    SCHEDULE,
    SCHEDULE_EDIT,
    SCHEDULE_EVENT,
    SLOT,
    STATE,
    TASK,
    TEMPLATE,
    Form,
    TaskForm,
)

__all__ = [
    "CALL",
    "EDIT",
    "EVENT",
    "ORIGIN",
    "QUEUE",
    "RECURRENCE",
    "RETRY",
    "SCHEDULE",
    "SCHEDULE_EDIT",
    "SCHEDULE_EVENT",
    "SLOT",
    "STATE",
    "TASK",
    "TEMPLATE",
    "Form",
    "TaskForm",
]
