"""Schedules of the two services: Mergent's and QStash's lists."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from adapters.dialects.reading import carried, compared, read, refused
from mainspring.core.recurrence import Cron, RRule

REQUEST = {"url": "https://example.com/hook", "headers": None, "body": None}


def _mergent(**entry: object) -> list[dict[str, object]]:
    return [{"id": "5f3d", "name": "report", "queue": "default", "request": REQUEST, **entry}]


def _qstash(cron: object, **entry: object) -> list[dict[str, object]]:
    return [{"scheduleId": "scd_1", "cron": cron, "destination": "https://example.com", "createdAt": 1, **entry}]


def test_mergents_cron_is_in_utc() -> None:
    """Whatever ``--tz`` says; nothing changes."""
    entry = _mergent(cron="0 9 * * 1-5", rrule=None, created_at="2025-01-02T03:04:05.000Z")
    assert carried(entry).recurrence == Cron.parse("0 9 * * 1-5")
    assert (compared(entry).before, compared(entry).changes) == (261, 0)
    assert read(entry).schedules[0].name == "report"


def test_what_mergent_does_not_document_is_told() -> None:
    """How two day fields are joined, and forms beyond the five fields."""
    assert "does not document how day of month" in carried(_mergent(cron="0 9 13 * 5")).differs[0]
    beyond = carried(_mergent(cron="0 9 L * *"))
    assert beyond.clock is None
    assert "does not document this form" in beyond.differs[0]


def test_mergents_rrule_started_when_it_was_created() -> None:
    """Without dtstart, with a first run at once; with one, or in the text, from there."""
    created = _mergent(rrule="FREQ=MONTHLY;BYDAY=3TU", created_at="2025-01-02T03:04:05Z", paused=True)
    found = carried(created)
    assert isinstance(found.recurrence, RRule)
    assert found.recurrence.dtstart == datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert "started it when it was created (2025-01-02T03:04:05Z)" in found.differs[0]
    assert found.differs[1] == "it is paused there: pause it here too"
    assert (compared(created).before, compared(created).changes) == (12, 0)
    given = carried(_mergent(rrule="FREQ=DAILY", dtstart="2025-02-03T09:00:00Z"))
    assert isinstance(given.recurrence, RRule)
    assert given.recurrence.dtstart == datetime(2025, 2, 3, 9, tzinfo=UTC)
    assert given.differs == ()


@pytest.mark.parametrize(
    ("entry", "what"),
    [
        ({}, "it has both cron and rrule, or neither"),
        ({"cron": "0 9 * * *", "rrule": "FREQ=DAILY"}, "it has both cron and rrule, or neither"),
        ({"rrule": "FREQ=DAILY"}, "neither dtstart nor created_at is given"),
        ({"rrule": "FREQ=OFTEN", "created_at": "2025-01-02T03:04:05Z"}, "FREQ: "),
        ({"cron": "every day"}, "cron: "),
        ({"cron": 5}, "cron is a number, not a text"),
        ({"rrule": "FREQ=DAILY", "dtstart": "soon"}, "dtstart 'soon' is not a time"),
    ],
)
def test_what_of_mergents_cannot_be_carried_over_says_why(entry: dict[str, object], what: str) -> None:
    """The reason and the cure."""
    assert refused(_mergent(**entry)).startswith(what)


def test_qstashs_cron_may_name_its_zone() -> None:
    """``CRON_TZ=…`` before the fields, else UTC."""
    entry = _qstash("CRON_TZ=Europe/Berlin 0 9 * * *")
    assert carried(entry, "UTC").recurrence == Cron.parse("0 9 * * *", "Europe/Berlin")
    assert carried(entry).differs == ()
    assert (compared(entry).before, compared(entry).changes) == (365, 0)
    assert carried(_qstash("0 9 * * *")).recurrence == Cron.parse("0 9 * * *")


def test_what_qstash_does_not_document_is_told() -> None:
    """Shifts, where they matter; two day fields; forms beyond the five fields."""
    found = carried(_qstash("CRON_TZ=Europe/Berlin 30 2 13 3-10 0"))
    assert "how day of month and day of week are joined" in found.differs[0]
    assert "what it does when the clocks change" in found.differs[1]
    assert "02:30 fires at 03:00" in found.differs[1]
    assert carried(_qstash("0 9 L * *")).clock is None


def test_pauses_and_delays_of_qstash_are_told() -> None:
    """Neither is part of the rule."""
    found = carried(_qstash("0 9 * * *", isPaused=True, delay=30))
    assert found.differs == (
        "it is paused there: pause it here too",
        "a delay (30) is added to each message: it is not part of the rule",
    )


@pytest.mark.parametrize(
    ("cron", "what"),
    [
        (None, "it has no cron"),
        ("", "it has no cron"),
        ("CRON_TZ=Mars/Base 0 9 * * *", "timezone: there is no zone"),
        ("CRON_TZ=Europe/Berlin", "cron: "),
        ("0 9 * *", "cron: "),
        (["0 9 * * *"], "cron is a list, not a text"),
    ],
)
def test_what_of_qstashs_cannot_be_carried_over_says_why(cron: object, what: str) -> None:
    """The reason and the cure."""
    assert refused(_qstash(cron)).startswith(what)
