"""Whose file it is, and its reader.

Rules: JSON is told by its first character, ``[`` or ``{``; what is in it by the members that only one system has. All
else is a crontab. A file that could be two things is what the first rule says; ``--format`` decides otherwise.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

from mainspring.adapters.dialects.apscheduler import read_apscheduler
from mainspring.adapters.dialects.celery_beat import read_celery
from mainspring.adapters.dialects.crontab import read_crontab
from mainspring.adapters.dialects.documents import MAX_BYTES, kind, read_json
from mainspring.adapters.dialects.imported import ImportedFile
from mainspring.adapters.dialects.mergent import read_mergent
from mainspring.adapters.dialects.qstash import read_qstash
from mainspring.core.errors import InvalidInput

FORMATS: Final = ("crontab", "system-crontab", "celery", "apscheduler", "mergent", "qstash")

_MEMBERS: Final = (
    ("qstash", ("scheduleId", "isPaused", "callerIP", "destination")),
    ("apscheduler", ("__apscheduler_class__", "__apscheduler_state__", "trigger", "next_run_time")),
    (
        "celery",
        ("beat_schedule", "CELERY_BEAT_SCHEDULE", "schedule", "day_of_month", "month_of_year", "run_every", "model"),
    ),
    ("mergent", ("rrule", "request", "dtstart", "cron")),
)
_TEXTS: Final = (
    ("qstash", re.compile(r'"(?:CRON_TZ|TZ)=')),
    ("apscheduler", re.compile(r'"(?:<(?:Cron|Interval|Date)Trigger |(?:cron|interval|date)\[)')),
    ("celery", re.compile(r'"<(?:crontab|freq):|"period"\s*:')),
)
_NAME: Final = re.compile(r'"(\w{1,40})"\s*:', re.ASCII)
_CURE: Final = f"name it with --format: {', '.join(FORMATS)}"


def read_file(
    data: bytes, zone: str, now: datetime, *, format: str | None = None, system: bool = False
) -> ImportedFile:
    """Read the schedules of a file that ran in ``zone``.

    ``format`` is one of ``FORMATS``, None looks for it; ``system`` says that the file lies where system crontabs do.
    Raises ``InvalidInput`` for ``file`` when it cannot be read as a whole.
    """
    text = _text(data)
    form = format or _detect(text)
    if form in ("crontab", "system-crontab"):
        with_user = True if form == "system-crontab" or (format is None and system) else False if format else None
        return _some(read_crontab(text, zone, system=with_user))
    value = read_json(text)
    match form:
        case "celery":
            return _some(read_celery(value, zone, now))
        case "apscheduler":
            return _some(read_apscheduler(value, zone, now))
        case "mergent":
            return _some(read_mergent(value))
        case _:
            return _some(read_qstash(value, now))


def _text(data: bytes) -> str:
    if len(data) > MAX_BYTES:
        raise InvalidInput("file", f"holds more than {MAX_BYTES} bytes", "lint it in parts of at most 1 MiB")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput("file", f"is not UTF-8 (at byte {error.start})", "give a crontab or a JSON dump") from None
    if "\0" in text:
        raise InvalidInput(
            "file", f"is not a text (it has a NUL at {text.index(chr(0))})", "give a crontab or a JSON dump"
        )
    return text


def _detect(text: str) -> str:
    if not text.lstrip().startswith(("[", "{")):
        return "crontab"
    value = read_json(text)
    named = set(_NAME.findall(text))
    found = next((form for form, pattern in _TEXTS if pattern.search(text)), None)
    found = found or next((form for form, names in _MEMBERS if not named.isdisjoint(names)), None)
    if found is None:
        what = "holds nothing" if value in ([], {}) else f"is JSON ({kind(value)}) of no format that is known"
        raise InvalidInput("file", what, _CURE)
    return found


def _some(found: ImportedFile) -> ImportedFile:
    if not found.schedules:
        raise InvalidInput("file", "has no schedule in it", "check that it is the right file")
    return found
