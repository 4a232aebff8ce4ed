"""Who is let in, how far, and that nobody sees another's: every operation of the table is tried crosswise."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from adapters.api.serving import REQUEST, Api
from mainspring.adapters.api import ApiSettings
from mainspring.adapters.api.operation import Operation
from mainspring.adapters.api.table import OPERATIONS, PREFIX
from mainspring.core.access import SCOPES, key_id, revoked, taken_over

NOBODY = "01890a5d-ac96-774b-bcce-b302099a8057"
BODIES = {
    "changeTask": {"queue": "q"},
    "cancelTask": {"reason": "r"},
    "changeSchedule": {"queue": "q"},
    "backfillSchedule": {"start": "2020-01-01T00:00:00Z", "end": "2020-01-02T00:00:00Z"},
    "changeProject": {"strict": True},
}


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer x", "Basic x", "Basic OnB3", "Digest a", "Bearer ms_\xff"]
)
def test_without_a_key_nothing_is_said(api: Api, header: str | None) -> None:
    """401 says nothing more, whatever was wrong."""
    headers = {} if header is None else {"Authorization": header}
    refused = api("GET", "/v2/tasks", key="", headers=headers)
    assert (refused.status, refused.json) == (401, {"message": "Unauthorized"})
    assert refused.headers["www-authenticate"].startswith("Bearer")


def test_a_password_is_not_ignored(api: Api) -> None:
    """HTTP Basic takes the key as the user; a password beside it is somebody's mistake."""
    login = base64.b64encode(f"{api.key}:secret".encode()).decode()
    assert api("GET", "/v2/tasks", headers={"Authorization": f"Basic {login}"}).status == 401


def test_a_key_that_was_revoked_or_has_expired_opens_nothing(api: Api) -> None:
    """At once, where it was revoked; elsewhere a second later."""
    text = api.make_key()
    assert api("GET", "/v2/tasks", key=text).status == 200
    assert api("DELETE", f"/v2/keys/{key_id(text)}").status == 204
    assert api("GET", "/v2/tasks", key=text).status == 401
    soon = (datetime.now(UTC) + timedelta(milliseconds=50)).isoformat()
    made = api("POST", "/v2/keys", {"expires_at": soon}).json["key"]
    import time

    time.sleep(0.06)
    assert api("GET", "/v2/tasks", key=made).status == 401


def test_a_key_from_elsewhere_opens_as_it_is(api: Api) -> None:
    """So that Mergent's users change a host name and nothing else."""
    old = "0123456789abcdef0123456789"
    api.app.directory.add_key(taken_over(old, project="default", scope="write", at=datetime.now(UTC)))
    assert api("POST", "/v2/tasks", {"request": REQUEST}, key=old).status == 201


def test_the_use_of_a_key_is_noted(api: Api) -> None:
    """Whoever revokes keys wants to know which are used."""
    text = api.make_key()
    api("GET", "/v2/tasks", key=text)
    api.stop()
    assert api.app.directory.get_key(key_id(text)).last_used_at is not None


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.id)
def test_a_key_of_a_smaller_scope_is_refused(api: Api, operation: Operation) -> None:
    """403 names both scopes; one of the scope that is needed is let in."""
    smaller = SCOPES[: SCOPES.index(operation.scope)]
    path = PREFIX + operation.path.replace("{id}", NOBODY).replace("{name}", "nobody")
    for scope in smaller:
        refused = api(operation.method, path, key=api.make_key(scope))
        assert refused.status == 403
        assert refused.json["message"] == f"this key's scope is {scope}; {operation.scope} is needed"
    if not operation.events:
        assert api(operation.method, path, key=api.make_key(operation.scope)).status not in (401, 403)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Api, str, str]]:
    """A server with two projects, each with an admin's key; the first one has a task, a schedule and a queue."""
    folder: Path = tmp_path_factory.mktemp("two")
    with Api(f"sqlite:///{folder}/two.db") as api:
        yield api, api.make_key("admin", "ours"), api.make_key("admin", "theirs")


def own_things(api: Api, ours: str) -> dict[str, str]:
    """The ids of a task, a schedule, a key and a queue of one's own."""
    rule = {"request": REQUEST, "cron": "0 0 1 1 *"}
    return {
        "tasks": api("POST", "/v2/tasks", {"request": REQUEST, "delay": "1h"}, key=ours).json["id"],
        "schedules": api("POST", "/v2/schedules", rule, key=ours).json["id"],
        "keys": api("POST", "/v2/keys", {}, key=ours).json["id"],
        "projects": "ours",
    }


CROSSWISE = [one for one in OPERATIONS if "{" in one.path and not one.path.startswith("/queues")]


@pytest.mark.parametrize("operation", CROSSWISE, ids=lambda operation: operation.id)
def test_what_belongs_to_another_project_is_not_there(two: tuple[Api, str, str], operation: Operation) -> None:
    """The answer to a foreign id is that to an unknown one, byte for byte, and changes nothing."""
    api, ours, theirs = two
    mine = own_things(api, ours)
    kind = operation.path.split("/")[1]
    before = api("GET", f"/v2/{kind}", key=ours).body
    body = BODIES.get(operation.id, {}) if operation.takes is not None else None
    answers = []
    for thing in (mine[kind], NOBODY if kind in ("tasks", "schedules") else "nobody"):
        path = PREFIX + operation.path.replace("{id}", thing).replace("{name}", thing)
        answers.append(api(operation.method, path, body, key=theirs))
    foreign, unknown = answers
    assert (foreign.status, foreign.body) == (unknown.status, unknown.body)
    assert foreign.status == 404
    assert api("GET", f"/v2/{kind}", key=ours).body == before


def test_lists_figures_and_bulk_operations_stay_in_the_project(two: tuple[Api, str, str]) -> None:
    """None shows, counts or changes what is another's."""
    api, ours, theirs = two
    mine = own_things(api, ours)
    for path in ("/v2/tasks", "/v2/schedules", "/v2/queues"):
        assert api("GET", path, key=theirs).json == [], path
    for query in (f"id={mine['tasks']}", "status=queued", "queue=default"):
        assert api("GET", f"/v2/tasks?{query}", key=theirs).json == []
    assert [one["name"] for one in api("GET", "/v2/projects", key=theirs).json] == ["theirs"]
    assert {one["project"] for one in api("GET", "/v2/keys", key=theirs).json} == {"theirs"}
    assert api("GET", "/v2/stats", key=theirs).json["tasks"]["queued"] == 0
    for bulk in ("cancel", "requeue", "delete"):
        assert api("POST", f"/v2/tasks/bulk-{bulk}", {"filter": {}}, key=theirs).json["matched"] == 0
    assert api("POST", "/v2/queues/default/purge", key=theirs).json["matched"] == 0
    assert api("GET", f"/v2/tasks/{mine['tasks']}", key=ours).json["status"] == "queued"


def test_queues_of_the_same_name_are_two(two: tuple[Api, str, str]) -> None:
    """What one project sets does not hold for the other."""
    api, ours, theirs = two
    api("PATCH", "/v2/queues/mail", {"concurrency": 3}, key=ours)
    assert api("GET", "/v2/queues/mail", key=theirs).json["concurrency"] is None
    assert api("DELETE", "/v2/queues/mail", key=theirs).status == 404


def test_an_idempotency_key_and_a_name_belong_to_their_project(two: tuple[Api, str, str]) -> None:
    """The same ones of another project meet nothing."""
    api, ours, theirs = two
    body = {"request": REQUEST, "name": "same", "delay": "1h"}
    first = api("POST", "/v2/tasks", body, key=ours, headers={"Idempotency-Key": "k"})
    second = api("POST", "/v2/tasks", body, key=theirs, headers={"Idempotency-Key": "k"})
    assert (first.status, second.status) == (201, 201)
    assert first.json["id"] != second.json["id"]
    api("DELETE", f"/v2/tasks/{second.json['id']}", key=theirs)


def test_only_the_default_project_makes_projects(two: tuple[Api, str, str]) -> None:
    """And keys for the others; an admin of another project makes keys of its own only."""
    api, ours, _ = two
    assert api("POST", "/v2/projects", {"name": "more"}, key=ours).status == 403
    assert api("POST", "/v2/keys", {"project": "theirs"}, key=ours).status == 404
    assert api("POST", "/v2/projects", {"name": "more"}).status == 201
    assert api("POST", "/v2/projects", {"name": "more"}).status == 409
    made = api("POST", "/v2/keys", {"project": "more", "scope": "read"})
    assert made.status == 201
    assert api("GET", "/v2/tasks", key=made.json["key"]).status == 200


def test_secrets_of_a_project_are_shown_once(two: tuple[Api, str, str]) -> None:
    """A new one beside the last; reads tell only how many there are."""
    api, ours, _ = two
    before = api("GET", "/v2/projects/ours", key=ours).json["webhook_secrets"]
    secret = api("POST", "/v2/projects/ours/rotate-secret", key=ours).json["webhook_secret"]
    assert secret.startswith("whsec_")
    after = api("GET", "/v2/projects/ours", key=ours)
    assert after.json["webhook_secrets"] == min(2, before + 1)
    assert secret not in after.body.decode()
    changed = api("PATCH", "/v2/projects/ours", {"mergent_secret": "old-key", "retry": "never"}, key=ours)
    assert changed.json["mergent_secret"] is True
    assert "old-key" not in changed.body.decode()
    assert api("POST", "/v2/tasks", {"request": REQUEST}, key=ours).json["retry"] == "never"
    api("PATCH", "/v2/projects/ours", {"mergent_secret": None, "retry": None}, key=ours)


def test_a_key_may_ask_so_often_in_a_second(tmp_path: Path) -> None:
    """Over the limit 429, with Mergent's headers; another key is not held up."""
    with Api(f"sqlite:///{tmp_path}/limit.db", settings=ApiSettings(rate_limit=3)) as api:
        other = api.make_key()
        answers = [api("GET", "/v2/tasks") for _ in range(40)]
        refused = [one for one in answers if one.status == 429]
        assert refused
        assert {one.status for one in answers} == {200, 429}
        told = refused[0]
        assert told.headers["x-ratelimit-limit"] == "3"
        assert told.headers["x-ratelimit-remaining"] == "0"
        assert int(told.headers["x-ratelimit-reset"]) > 1_700_000_000
        assert told.headers["retry-after"] == "1"
        assert told.json["message"]
        assert api("GET", "/v2/tasks", key=other).status == 200


def test_the_directory_keeps_digests_only(api: Api, tmp_path: Path) -> None:
    """Whoever reads the file cannot call the API."""
    text = api.make_key()
    api("GET", "/v2/tasks", key=text)
    stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert key_id(text).encode() in stored
    assert text.encode() not in stored
    assert text.rpartition("_")[2].encode() not in stored


def test_a_revocation_of_another_process_counts_within_a_second(api: Api) -> None:
    """A key that is remembered is read again."""
    text = api.make_key()
    assert api("GET", "/v2/tasks", key=text).status == 200
    api.app.directory.update_key(key_id(text), revoked)
    import time

    until = time.monotonic() + 5
    while api("GET", "/v2/tasks", key=text).status != 401:
        assert time.monotonic() < until
        time.sleep(0.05)
