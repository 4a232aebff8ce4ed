"""``/v2/schedules`` as Mergent's clients know it, and what is more than that; queues beside them."""

from __future__ import annotations

import pytest

from adapters.api.serving import REQUEST, Api

YEARLY = "0 0 1 1 *"


def test_a_schedule_by_cron_comes_back_with_mergents_fields(api: Api) -> None:
    """201; ``scheduled_for`` is the next run."""
    body = {"name": "new-year", "description": "d", "queue": "mail", "request": REQUEST, "cron": YEARLY}
    made = api("POST", "/v2/schedules", body)
    assert made.status == 201
    schedule = made.json
    assert {name: schedule[name] for name in body if name != "request"} == {
        n: v for n, v in body.items() if n != "request"
    }
    assert schedule["request"] == {"url": REQUEST["url"], "headers": None, "body": None}
    assert (schedule["rrule"], schedule["paused"]) == (None, False)
    assert schedule["scheduled_for"].endswith("-01-01T00:00:00Z")
    assert api("GET", f"/v2/schedules/{schedule['id']}").json == schedule
    assert api("GET", "/v2/schedules").json == [schedule]
    assert api("GET", "/v2/schedules?name=new-year").json == [schedule]
    assert api("GET", "/v2/schedules?name=other").json == []


def test_an_rrule_without_a_start_starts_now_with_an_occurrence_at_once(api: Api) -> None:
    """Mergent's rule; the text comes back as it was sent, without a prefix."""
    schedule = api("POST", "/v2/schedules", {"request": REQUEST, "rrule": "FREQ=HOURLY"}).json
    assert schedule["rrule"] == "FREQ=HOURLY"
    assert schedule["scheduled_for"] == schedule["dtstart"]
    assert schedule["dtstart"][:19] == schedule["created_at"][:19]


def test_an_rrule_with_a_start_goes_by_it(api: Api) -> None:
    """``dtstart`` is an instant, or stands in the text."""
    body = {"request": REQUEST, "rrule": "FREQ=DAILY;COUNT=3", "dtstart": "2050-01-01T09:00:00Z"}
    schedule = api("POST", "/v2/schedules", body).json
    assert schedule["scheduled_for"] == schedule["dtstart"] == "2050-01-01T09:00:00Z"
    text = "DTSTART:20500101T090000Z\nRRULE:FREQ=DAILY;COUNT=3\nEXDATE:20500102T090000Z"
    schedule = api("POST", "/v2/schedules", {"request": REQUEST, "rrule": text}).json
    assert schedule["rrule"] == "RRULE:FREQ=DAILY;COUNT=3\nEXDATE:20500102T090000Z"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({}, None),
        ({"cron": YEARLY, "rrule": "FREQ=DAILY"}, None),
        ({"cron": YEARLY, "dtstart": "2030-01-01T00:00:00Z"}, "dtstart"),
        ({"cron": "* * * *"}, "cron"),
        ({"rrule": "FREQ=SOMETIMES"}, "rrule"),
        ({"cron": YEARLY, "timezone": "Mars/Base"}, "timezone"),
        ({"cron": YEARLY, "max_runs": 0}, "max_runs"),
        ({"cron": YEARLY, "catch_up": {"mode": "some"}}, "catch_up.mode"),
    ],
)
def test_a_schedule_that_makes_no_sense_is_refused(api: Api, fields: dict[str, object], param: str | None) -> None:
    """422 names the field."""
    refused = api("POST", "/v2/schedules", {"request": REQUEST, **fields})
    assert refused.status == 422
    assert refused.json.get("param") == param


def test_a_schedule_is_changed_paused_and_deleted(api: Api) -> None:
    """What is left out stays; ``paused`` goes both ways."""
    path = f"/v2/schedules/{api('POST', '/v2/schedules', {'request': REQUEST, 'cron': YEARLY}).json['id']}"
    changed = api("PATCH", path, {"cron": "0 12 1 1 *", "timezone": "Europe/Berlin", "queue": "mail"}).json
    assert (changed["cron"], changed["timezone"], changed["queue"]) == ("0 12 1 1 *", "Europe/Berlin", "mail")
    assert changed["scheduled_for"].endswith("-01-01T11:00:00Z")
    assert api("PATCH", path, {"paused": True}).json["paused"] is True
    assert api("PATCH", path, {"paused": False, "description": None}).json["paused"] is False
    ruled = api("PATCH", path, {"rrule": "FREQ=DAILY", "dtstart": "2050-01-01T00:00:00Z", "cron": None}).json
    assert (ruled["cron"], ruled["rrule"], ruled["scheduled_for"]) == (None, "FREQ=DAILY", "2050-01-01T00:00:00Z")
    assert api("PATCH", path, {}).json == ruled
    assert api("DELETE", path).status == 204
    assert api("GET", path).json == {"message": "there is no such schedule"}


def test_a_schedule_may_start_paused(api: Api) -> None:
    """Not even its first occurrence makes a task."""
    schedule = api("POST", "/v2/schedules", {"request": REQUEST, "rrule": "FREQ=DAILY", "paused": True}).json
    assert schedule["paused"] is True
    assert schedule["pause"]["at"] == schedule["created_at"]


def test_what_is_more_than_mergents(api: Api) -> None:
    """Run now, pause with a note, resume, skip, backfill, slots, preview, history."""
    body = {"request": REQUEST, "every": "1h", "dtstart": "2020-01-01T00:00:00Z", "overlap": "allow_all"}
    schedule = api("POST", "/v2/schedules", body).json
    path = f"/v2/schedules/{schedule['id']}"
    (task,) = api("POST", f"{path}/run").json["tasks"]
    assert task["schedule_id"] == schedule["id"]
    assert task["retry"] == "mergent_schedule"
    paused = api("POST", f"{path}/pause", {"note": "holidays"}).json
    assert paused["pause"]["note"] == "holidays"
    assert api("POST", f"{path}/resume").json["pause"] is None
    skipped = api("POST", f"{path}/skip").json
    assert skipped["scheduled_for"] > schedule["scheduled_for"]
    past = {"start": "2020-01-01T00:00:00Z", "end": "2020-01-01T02:00:00Z"}
    assert len(api("POST", f"{path}/backfill", past).json["tasks"]) == 3
    slots = api("GET", f"{path}/slots").json
    assert [slot["outcome"] for slot in slots] == ["skipped", "created", "created", "created", "created"]
    assert len(api("GET", f"{path}/slots?limit=2").json) == 2
    rows = api("GET", f"{path}/preview?limit=3&duration=10m").json
    assert len(rows["rows"]) == 3
    assert rows["cut"] > 0
    assert [one["event"] for one in api("GET", f"{path}/history").json] == [
        "created", "ran", "paused", "resumed", "skipped", "backfilled",
    ]  # fmt: skip


def test_queues_are_configured_paused_drained_and_purged(api: Api) -> None:
    """Limits as they are set, null takes one away; a draining queue refuses."""
    limits = {"concurrency": 5, "rate": {"count": 10, "per": "1s"}, "retry": "never", "weight": 3}
    queue = api("PATCH", "/v2/queues/mail", limits).json
    assert {name: queue[name] for name in limits} == limits
    assert api("PATCH", "/v2/queues/mail", {"rate": None}).json["rate"] is None
    task = api("POST", "/v2/tasks", {"request": REQUEST, "queue": "mail"}).json
    assert task["retry"] == "never"
    assert api("POST", "/v2/queues/mail/pause", {"note": "n"}).json["paused"]["note"] == "n"
    assert api("GET", "/v2/queues/mail").json["pending"] == 1
    assert api("POST", "/v2/queues/mail/resume").json["paused"] is None
    api("POST", "/v2/queues/mail/drain")
    assert api("POST", "/v2/tasks", {"request": REQUEST, "queue": "mail"}).status == 409
    assert api("POST", "/v2/queues/mail/purge", {"dry_run": True}).json["done"] == 1
    assert api("POST", "/v2/queues/mail/purge").json["done"] == 1
    assert api("DELETE", "/v2/queues/mail").status == 204
    assert api("DELETE", "/v2/queues/mail").status == 404
    assert [one["name"] for one in api("GET", "/v2/queues").json] == []
    for wrong in ({"concurrency": 0}, {"rate": {"count": 1, "per": "0s"}}, {"weight": 0}, {}):
        assert api("PATCH", "/v2/queues/mail", wrong).status == 422
    assert api("GET", "/v2/queues/a%20b").status == 422
