"""``/v2/tasks`` as Mergent's clients know it, and what is more than that."""

from __future__ import annotations

import json
from urllib.parse import quote, urlencode

import pytest

from adapters.api.serving import REQUEST, URL, Api

CONFLICT = "The request could not be processed due to a conflict."
NOT_QUEUED = "is not queued; must be queued for a task to be modified"


def test_a_task_comes_back_with_mergents_fields(api: Api) -> None:
    """201, and each of the documented fields."""
    made = api("POST", "/v2/tasks", {"request": {**REQUEST, "body": "é", "headers": {"X-A": "b"}}, "queue": "default"})
    assert made.status == 201
    task = made.json
    assert task["request"] == {"url": URL, "headers": {"X-A": "b"}, "body": "é"}
    assert (task["name"], task["queue"], task["status"]) == (None, "default", "queued")
    assert task["scheduled_for"] == task["created_at"]
    assert api("GET", f"/v2/tasks/{task['id']}").json == task
    assert api("GET", f"/v2/tasks/{task['id'].upper()}").json == task


def test_the_quick_start_with_curl_creates_a_task(api: Api) -> None:
    """HTTP Basic with the key as the user, and a form with nested names."""
    import base64

    login = base64.b64encode(f"{api.key}:".encode()).decode()
    form = urlencode({"request[url]": URL, "request[headers][X-A]": "b", "delay": "5m", "priority": "3"})
    made = api(
        "POST",
        "/v2/tasks",
        raw=form.encode(),
        headers={"Authorization": f"Basic {login}", "Content-Type": "application/x-www-form-urlencoded"},
    )
    assert made.status == 201
    assert made.json["request"] == {"url": URL, "headers": {"X-A": "b"}, "body": None}
    assert made.json["priority"] == 3


@pytest.mark.parametrize(
    ("given", "seconds"),
    [("PT5M", 300), ("5s", 5), ("1.5h", 5400), ("2h45m", 9900), ("1.5h2m60s", 5580), ("P1D", 86_400)],
)
def test_both_forms_of_a_delay_are_read(api: Api, given: str, seconds: int) -> None:
    """ISO 8601, and units as Go writes them; added to ``scheduled_for`` if there is one."""
    at = "2030-01-02 03:04:05 UTC"
    made = api("POST", "/v2/tasks", {"request": REQUEST, "delay": given, "scheduled_for": at}).json
    from datetime import datetime, timedelta

    assert datetime.fromisoformat(made["scheduled_for"]) == datetime.fromisoformat("2030-01-02T03:04:05Z") + timedelta(
        seconds=seconds
    )


@pytest.mark.parametrize("at", ["2030-01-02 03:04:05 UTC", "2030-01-02T03:04:05.000Z", "2030-01-02T04:04:05+01:00"])
def test_timestamps_of_every_client_are_read(api: Api, at: str) -> None:
    """Ruby's, JavaScript's, and any other with an offset."""
    assert api("POST", "/v2/tasks", {"request": REQUEST, "scheduled_for": at}).json["scheduled_for"] == (
        "2030-01-02T03:04:05Z"
    )


@pytest.mark.parametrize(
    ("body", "kept"), [({"a": [1, "é"]}, '{"a":[1,"é"]}'), ([1, 2], "[1,2]"), (7, "7"), (True, "true"), ("x", "x")]
)
def test_a_body_that_is_no_text_is_kept_as_its_json_text(api: Api, body: object, kept: str) -> None:
    """Mergent's JavaScript client sends objects as they are."""
    assert api("POST", "/v2/tasks", {"request": {**REQUEST, "body": body}}).json["request"]["body"] == kept


def test_mergents_messages_are_word_for_word(api: Api) -> None:
    """Those that its clients' fixtures show; all that is wrong is said at once, with its path."""
    refused = api("POST", "/v2/tasks", {"request": {"url": "foo"}, "name": "a b", "delay": "soon"})
    assert refused.status == 422
    assert [(one["message"], one["param"]) for one in refused.json["errors"]] == [
        ("Request url is not a valid URL", "request.url"),
        ("Name contains invalid characters", "name"),
        ("Delay is not a valid ISO 8601 duration", "delay"),
    ]
    assert refused.json["message"] == "Request url is not a valid URL (and 2 more)"
    alone = api("POST", "/v2/tasks", {"request": REQUEST, "name": "a b"}).json
    assert (alone["message"], alone["param"]) == ("Name contains invalid characters", "name")


def test_an_unknown_field_is_refused_with_the_nearest(api: Api) -> None:
    """A typing error must not be silent."""
    refused = api("POST", "/v2/tasks", {"request": {**REQUEST, "heders": {}}, "delai": "5s"}).json
    assert [(one["param"], one["hint"]) for one in refused["errors"]] == [
        ("delai", "did you mean delay?"),
        ("request.heders", "did you mean headers?"),
    ]


def test_a_taken_name_is_a_conflict(api: Api) -> None:
    """Of another request; the same one within ten seconds is a repetition, and is answered as the first time."""
    first = api("POST", "/v2/tasks", {"request": REQUEST, "name": "n", "delay": "1h"})
    again = api("POST", "/v2/tasks", {"request": REQUEST, "name": "n", "delay": "1h"})
    assert (again.status, again.headers["mainspring-outcome"]) == (201, "repeated")
    assert again.json == first.json
    other = api("POST", "/v2/tasks", {"request": REQUEST, "name": "n", "delay": "2h"})
    assert other.status == 409
    assert other.json["message"] == CONFLICT
    assert other.json["errors"][0]["message"] == "is already taken by a queued or working task"
    strict = api("POST", "/v2/tasks", {"request": REQUEST, "name": "n", "delay": "1h", "on_clash": "reject"})
    assert strict.status == 409


def test_two_equal_creations_without_a_name_are_two_tasks(api: Api) -> None:
    """They may well be meant."""
    ids = {api("POST", "/v2/tasks", {"request": REQUEST}).json["id"] for _ in range(3)}
    assert len(ids) == 3


def test_an_idempotency_key_makes_a_creation_exact(api: Api) -> None:
    """The same request gives the same task; another one with the key is refused."""
    headers = {"Idempotency-Key": "order-7"}
    first, again = [api("POST", "/v2/tasks", {"request": REQUEST}, headers=headers) for _ in range(2)]
    assert first.json["id"] == again.json["id"]
    assert again.status == 201
    other = api("POST", "/v2/tasks", {"request": REQUEST, "delay": "5s"}, headers=headers)
    assert other.status == 409


def test_a_list_is_newest_first_and_paged(api: Api) -> None:
    """A bare array; the header names the next page, and is absent on the last."""
    ids = [api("POST", "/v2/tasks", {"request": REQUEST}).json["id"] for _ in range(5)]
    seen: list[str] = []
    path = "/v2/tasks?limit=2"
    pages = 0
    while True:
        page = api("GET", path)
        seen += [task["id"] for task in page.json]
        pages += 1
        cursor = page.headers.get("x-cursor-after")
        if cursor is None:
            break
        path = f"/v2/tasks?limit=2&after={quote(cursor)}"
    assert seen == ids[::-1]
    assert pages == 3


def test_a_list_is_narrowed(api: Api) -> None:
    """By Mergent's words for the status, by queue, by id or name; an unknown condition is refused."""
    named = api("POST", "/v2/tasks", {"request": REQUEST, "name": "n", "queue": "mail", "delay": "1h"}).json
    other = api("POST", "/v2/tasks", {"request": REQUEST}).json
    api("POST", f"/v2/tasks/{other['id']}/cancel")
    for query, found in {
        "queue=mail": [named],
        "status=queued": [named],
        "status=queued&status=cancelled&queue=mail": [named],
        "status=working,failure": [],
        "name=n": [named],
        f"id={named['id']}": [named],
        f"id={named['id']}&queue=default": [],
        "id=n": [named],
        "id=nobody": [],
    }.items():
        assert api("GET", f"/v2/tasks?{query}").json == found, query
    assert api("GET", "/v2/tasks?que=mail").json["errors"][0]["hint"] == "did you mean queue?"
    assert api("GET", "/v2/tasks?limit=0").status == 422
    assert api("GET", "/v2/tasks?after=nonsense").status == 422


def test_a_queued_task_is_changed(api: Api) -> None:
    """What is left out stays; ``scheduled_for`` null is now, ``delay`` counts from it."""
    task = api("POST", "/v2/tasks", {"request": REQUEST, "delay": "1h", "name": "n"}).json
    path = f"/v2/tasks/{task['id']}"
    later = api("PATCH", path, {"scheduled_for": "2030-01-01T00:00:00Z", "delay": "PT1M"}).json
    assert later["scheduled_for"] == "2030-01-01T00:01:00Z"
    assert (later["name"], later["request"]) == ("n", task["request"])
    changed = api("PATCH", path, {"name": None, "queue": "mail", "request": {"url": f"{URL}/2"}}).json
    assert (changed["name"], changed["queue"], changed["request"]["url"]) == (None, "mail", f"{URL}/2")
    assert api("PATCH", path, {"scheduled_for": None}).json["scheduled_for"] < "2030"
    assert api("PATCH", path, {}).status == 200


def test_run_brings_a_task_forward_and_may_be_repeated(api: Api) -> None:
    """A lost answer must not become a conflict; a task that has ended is one, in Mergent's words."""
    task = api("POST", "/v2/tasks", {"request": REQUEST, "delay": "1h"}).json
    path = f"/v2/tasks/{task['id']}"
    first = api("POST", f"{path}/run")
    again = api("POST", f"{path}/run")
    assert (first.status, again.status) == (200, 200)
    assert first.json == again.json
    assert first.json["due"] < task["scheduled_for"]
    ended = api("POST", "/v2/tasks", {"request": REQUEST}).json["id"]
    api("POST", f"/v2/tasks/{ended}/cancel", {"reason": "not needed"})
    refused = api("POST", f"/v2/tasks/{ended}/run")
    assert (refused.status, refused.json["message"]) == (409, CONFLICT)
    assert refused.json["errors"][0]["message"] == NOT_QUEUED
    assert api("PATCH", f"/v2/tasks/{ended}", {"queue": "q"}).json["errors"][0]["message"] == NOT_QUEUED


def test_a_task_is_deleted_in_any_state(api: Api) -> None:
    """204 without a body, also if a body is sent (Ruby's client does); then it is not there."""
    task = api("POST", "/v2/tasks", {"request": REQUEST}).json["id"]
    gone = api("DELETE", f"/v2/tasks/{task}", {})
    assert (gone.status, gone.body) == (204, b"")
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/run"), ("POST", "/cancel"), ("GET", "/runs")):
        missing = api(method, f"/v2/tasks/{task}{path}")
        assert (missing.status, missing.json) == (404, {"message": "there is no such task"})


def test_a_cancelled_task_is_requeued(api: Api) -> None:
    """And its history tells of both."""
    task = api("POST", "/v2/tasks", {"request": REQUEST}).json["id"]
    cancelled = api("POST", f"/v2/tasks/{task}/cancel", {"reason": "wrong one"}).json
    assert (cancelled["status"], cancelled["reason"]) == ("cancelled", "wrong one")
    assert api("POST", f"/v2/tasks/{task}/requeue").json["status"] == "queued"
    assert [one["event"] for one in api("GET", f"/v2/tasks/{task}/history").json] == [
        "task_cancelled",
        "task_requeued",
    ]
    assert api("GET", f"/v2/tasks/{task}/runs").json == []


def test_a_batch_creates_what_can_be_created(api: Api) -> None:
    """Those that were created are answered newest first; a header names the others by their place and reason."""
    api("POST", "/v2/tasks", {"request": REQUEST, "name": "taken", "delay": "1h"})
    batch = [
        {"request": REQUEST, "name": "a"},
        {"request": {"url": "foo"}},
        {"request": REQUEST, "name": "taken"},
        "nonsense",
        {"request": REQUEST, "name": "b"},
    ]
    made = api("POST", "/v2/tasks/batch-create", batch)
    assert made.status == 201
    assert [task["name"] for task in made.json] == ["b", "a"]
    told = json.loads(made.headers["mainspring-refused"])
    assert told["count"] == 3
    assert [(one["index"], one["message"]) for one in told["tasks"]] == [
        (1, "Request url is not a valid URL"),
        (2, "is already taken by a queued or working task"),
        (3, 'The body: "nonsense" is not an object'),
    ]


def test_a_batch_of_which_nothing_can_be_created_is_refused(api: Api) -> None:
    """With all reasons, each with its place; so are a body that is no list, and more than a thousand."""
    refused = api("POST", "/v2/tasks/batch-create", [{"request": {"url": "foo"}}, {}])
    assert refused.status == 422
    assert [one["param"] for one in refused.json["errors"]] == ["0.request.url", "1.request"]
    assert api("POST", "/v2/tasks/batch-create", {"request": REQUEST}).status == 422
    assert api("POST", "/v2/tasks/batch-create", [{"request": REQUEST}] * 1001).status == 422
    empty = api("POST", "/v2/tasks/batch-create", [])
    assert (empty.status, empty.json) == (201, [])


def test_a_batch_with_an_idempotency_key_is_made_once(api: Api) -> None:
    """Sent again it answers with the same tasks; a key that is none is refused."""
    batch = [{"request": REQUEST}, {"request": REQUEST}]
    first, again = [api("POST", "/v2/tasks/batch-create", batch, headers={"Idempotency-Key": "b"}) for _ in range(2)]
    assert [task["id"] for task in first.json] == [task["id"] for task in again.json]
    assert len({task["id"] for task in first.json}) == 2
    long = api("POST", "/v2/tasks/batch-create", batch, headers={"Idempotency-Key": "x" * 256})
    assert (long.status, long.json["param"]) == (422, "idempotency_key")


def test_bulk_operations_count_and_can_be_tried(api: Api) -> None:
    """A dry run says what would be done, and does nothing."""
    for queue in ("mail", "mail", "other"):
        api("POST", "/v2/tasks", {"request": REQUEST, "queue": queue, "delay": "1h"})
    body = {"filter": {"queue": "mail"}, "dry_run": True}
    tried = api("POST", "/v2/tasks/bulk-cancel", body).json
    assert tried == {"matched": 2, "done": 2, "refused": {}, "dry_run": True}
    assert len(api("GET", "/v2/tasks?status=queued").json) == 3
    assert api("POST", "/v2/tasks/bulk-cancel", {"filter": {"queue": "mail"}}).json["done"] == 2
    assert api("POST", "/v2/tasks/bulk-requeue", {"filter": {"status": ["cancelled"]}}).json["done"] == 2
    assert api("POST", "/v2/tasks/bulk-delete", {"filter": {}}).json["done"] == 3
    assert api("GET", "/v2/tasks").json == []


def test_secrets_in_headers_are_never_read_back(api: Api) -> None:
    """And what is read back is not taken for one."""
    headers = {"Authorization": "Bearer canary-1", "X-Api-Key": "canary-2", "X-Shop": "seen"}
    task = api("POST", "/v2/tasks", {"request": {**REQUEST, "headers": headers}}).json
    shown = {"Authorization": "[redacted]", "X-Api-Key": "[redacted]", "X-Shop": "seen"}
    assert task["request"]["headers"] == shown
    refused = api("PATCH", f"/v2/tasks/{task['id']}", {"request": {**REQUEST, "headers": shown}})
    assert refused.status == 422
    assert refused.json["param"] == "request.headers"
