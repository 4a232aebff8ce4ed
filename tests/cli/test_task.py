"""``mainspring task``: what it stores, what it prints."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mainspring.adapters.codec import EVENT, TASK
from support.commands import complaint, read, run, well

URL = "https://example.com/hook"


def test_a_task_is_stored_as_it_was_asked_for(folder: Path) -> None:
    """Every option reaches the task; what is printed is its id."""
    id_ = well(
        "task", "add", URL, "--body", '{"id": 7}', "-H", "X-Shop: 1", "--header", "X-Shop:2", "--delay", "1h",
        "--at", "2030-01-02T03:04:05Z", "--start-by", "2031-01-01T00:00:00Z", "--name", "order-7", "--queue", "mail",
        "--retry", "never", "--timeout", "30s", "--priority", "-5",
    )  # fmt: skip
    task = read("task", "show", id_)["task"]
    assert task["id"] == id_
    assert task["call"] == {
        "kind": "http",
        "url": URL,
        "headers": [["X-Shop", "1"], ["X-Shop", "2"]],
        "body": '{"id": 7}',
    }
    assert task["state"]["kind"] == "pending"
    assert task["state"]["due"] == task["scheduled_for"] == "2030-01-02T04:04:05Z"
    assert (task["start_by"], task["name"], task["queue"]) == ("2031-01-01T00:00:00Z", "order-7", "mail")
    assert (task["retry"]["kind"], task["timeout"], task["priority"]) == ("never", "30s", -5)
    assert Path("mainspring.db").is_file()


def test_add_prints_the_whole_task_as_json() -> None:
    """With ``--json`` the answer is the task, as ``show`` gives it."""
    made = read("task", "add", URL)
    assert made == read("task", "show", made["id"])["task"]
    assert TASK.of(made, "task").id == made["id"]


@pytest.mark.parametrize("source", ["-", "@body.txt"])
def test_a_body_is_sent_byte_for_byte(folder: Path, source: str) -> None:
    """From a file or from standard input: nothing is added, trimmed or translated."""
    body = "\r\n ünïcode \n\n"
    (folder / "body.txt").write_bytes(body.encode())
    id_ = well("task", "add", URL, "--body", source, stdin=body.encode())
    assert read("task", "show", id_)["task"]["call"]["body"] == body


def test_tasks_are_listed_newest_first_and_filtered() -> None:
    """Each filter alone, and the pages by cursor."""
    first = well("task", "add", URL, "--name", "a")
    second = well("task", "add", URL, "--queue", "mail")
    third = well("task", "add", URL)
    well("task", "cancel", third)

    def ids(*args: str) -> list[str]:
        return [task["id"] for task in read("task", "ls", *args)["tasks"]]

    assert ids() == [third, second, first]
    assert ids("--status", "pending") == [second, first]
    assert ids("--status", "pending", "--status", "cancelled") == [third, second, first]
    assert ids("--queue", "mail") == [second]
    assert ids("--name", "a") == [first]
    assert ids("--schedule", "nothing") == []
    page = read("task", "ls", "--limit", "2")
    assert [task["id"] for task in page["tasks"]] == [third, second]
    assert ids("--limit", "2", "--after", page["cursor"]) == [first]
    assert read("task", "ls", "--limit", "3")["cursor"] is None


def test_a_list_for_people_has_a_line_for_each_task_and_names_the_next_page() -> None:
    """Columns with a head; what does not fit is said on stderr, so that a pipe gets tasks only."""
    for number in range(3):
        well("task", "add", URL, "--name", f"n{number}")
    result = run("task", "ls", "--limit", "2")
    head, *rows = result.stdout.splitlines()
    assert head.split() == ["ID", "STATUS", "AT", "RUNS", "QUEUE", "NAME", "CALL"]
    assert [row.split()[5] for row in rows] == ["n2", "n1"]
    assert result.stderr.startswith("more: --after ")
    cursor = result.stderr.split()[-1]
    assert "n0" in well("task", "ls", "--limit", "2", "--after", cursor)


def test_an_empty_list_is_well_and_empty() -> None:
    """Nothing on stdout, a word on stderr."""
    well("task", "rm", well("task", "add", URL))
    result = run("task", "ls")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "no tasks\n")
    assert read("task", "ls") == {"tasks": [], "cursor": None}


def test_a_task_is_cancelled_queued_again_brought_forward_and_removed() -> None:
    """Each command says what the task is afterwards, and leaves its line in the history."""
    id_ = well("task", "add", URL, "--delay", "1h")
    assert well("task", "cancel", id_, "--reason", "wrong") == f"{id_}  {_state(id_)}"
    assert well("task", "retry", id_).startswith(f"{id_}  pending, due ")
    assert well("task", "run", id_).startswith(f"{id_}  pending, due ")
    history = read("task", "show", id_)["history"]
    assert [event["kind"] for event in history] == ["task_cancelled", "task_requeued", "task_forwarded"]
    assert (history[0]["reason"], history[1]["reset"]) == ("wrong", True)
    assert [EVENT.of(event, "event") for event in history]
    shown = well("task", "show", id_)
    assert "cancelled (wrong)" in shown
    assert "queued again (it was cancelled), attempts start over" in shown
    assert well("task", "rm", id_) == f"{id_}  removed"
    assert complaint(run("task", "show", id_), 3).startswith(f"task: there is no '{id_}'")


def _state(id_: str) -> str:
    return next(line for line in well("task", "show", id_).splitlines() if "state" in line).split(maxsplit=1)[1]


def test_attempts_can_be_kept_when_a_task_is_queued_again() -> None:
    """``--keep-attempts`` is written into the history."""
    id_ = well("task", "add", URL)
    well("task", "cancel", id_)
    well("task", "retry", "--keep-attempts", id_)
    assert read("task", "show", id_)["history"][-1]["reset"] is False


def test_show_tells_what_is_sent_without_showing_secrets() -> None:
    """Names of headers and the size of the body; values of headers may be secrets."""
    shown = well("task", "show", well("task", "add", URL, "-H", "Authorization: Bearer s3cret", "--body", "ü"))
    assert "headers        Authorization\n" in shown
    assert "body           2 bytes\n" in shown
    assert "s3cret" not in shown


def test_what_a_state_does_not_allow_is_a_conflict() -> None:
    """Exit code 4: an ended task cannot be brought forward, a waiting one not queued again, a name not used twice."""
    id_ = well("task", "add", URL, "--name", "only")
    assert complaint(run("task", "retry", id_), 4).startswith(f"task {id_} is pending: cannot requeue;")
    assert "only" in complaint(run("task", "add", URL, "--name", "only"), 4)
    well("task", "cancel", id_)
    assert complaint(run("task", "run", id_), 4).startswith(f"task {id_} is cancelled: cannot ")


def test_the_store_can_be_named_in_three_ways() -> None:
    """Before the command, behind it, and by the environment; the nearest one wins."""
    first = well("--store", "sqlite:///a.db", "task", "add", URL)
    second = well("task", "add", URL, "--store", "sqlite:///b.db")
    assert well("task", "ls", env={"MAINSPRING_STORE": "sqlite:///a.db"}).splitlines()[1].startswith(first)
    both = well("--store", "sqlite:///a.db", "task", "ls", "--store", "sqlite:///b.db")
    assert both.splitlines()[1].startswith(second)
    assert not Path("mainspring.db").exists()


@pytest.mark.parametrize(
    "args",
    [
        ["task", "ls"], ["task", "show", "x"], ["task", "cancel", "x"], ["task", "run", "x"], ["task", "retry", "x"],
        ["task", "rm", "x"], ["schedule", "ls"], ["schedule", "show", "x"], ["schedule", "pause", "x"],
        ["schedule", "resume", "x"], ["schedule", "run", "x"], ["schedule", "rm", "x"],
    ],
)  # fmt: skip
def test_only_what_adds_creates_a_store(args: list[str], folder: Path) -> None:
    """Every other command says that there is none yet, and leaves none behind."""
    assert complaint(run(*args), 3).startswith("store: sqlite:///mainspring.db does not exist yet; create it with ")
    assert list(folder.iterdir()) == []


def test_a_project_has_a_retry_policy_in_the_environment() -> None:
    """It holds where neither the task nor its queue names one; a bad one is refused by the name of its variable."""
    env = {"MAINSPRING_RETRY": "fixed(5s, attempts=3)"}
    id_ = well("task", "add", URL, env=env)
    assert read("task", "show", id_)["task"]["retry"]["delay"] == "5s"
    assert (
        read("task", "show", well("task", "add", URL, "--retry", "never", env=env))["task"]["retry"]["kind"] == "never"
    )
    line = complaint(run("task", "add", URL, env={"MAINSPRING_RETRY": "sometimes"}), 2)
    assert line.startswith("MAINSPRING_RETRY: 'sometimes' is no policy")


def test_a_waiting_task_is_edited_field_by_field() -> None:
    """What is named changes, the rest stays; what is refused is refused by its field."""
    id_ = well(
        "task", "add", URL, "--delay", "1h", "--name", "first", "--key", "a", "--start-by", "2090-01-01T00:00:00Z"
    )
    before = read("task", "show", id_)["task"]
    said = well("task", "edit", id_, "--at", "2080-01-01T00:00:00Z", "--priority", "3")
    assert said == f"{id_}  pending, due 2080-01-01T00:00:00Z"
    after = read("task", "show", id_)["task"]
    assert {name for name in after if after[name] != before[name]} == {"state", "version", "priority", "scheduled_for"}
    edited = read(
        "task", "edit", id_, "https://example.com/other", "--name", "", "--key", "", "--start-by", "none",
        "--queue", "slow", "--retry", "never", "--timeout", "1m", "--delay", "5m",
    )  # fmt: skip
    assert edited == read("task", "show", id_)["task"]
    assert (edited["name"], edited["key"], edited["start_by"], edited["queue"]) == (None, None, None, "slow")
    assert edited["call"]["url"] == "https://example.com/other"
    for options, field in (
        ((), "change"),
        (("--at", "2080-01-01T00:00:00Z", "--delay", "1h"), "delay"),
        (("--at", "soon"), "at"),
        (("--delay", "soon"), "delay"),
        (("--start-by", "soon"), "start_by"),
        (("--body", "x"), "body"),
        (("--retry", "x"), "retry"),
        (("--queue", "a b"), "queue"),
    ):
        assert complaint(run("task", "edit", id_, *options), 2).startswith(f"{field}: "), options
    well("task", "cancel", id_)
    assert "only a pending task can be edited" in complaint(run("task", "edit", id_, "--priority", "1"), 4)


def _add_some() -> dict[str, str]:
    """Three tasks that wait, by name: two in ``mail``."""
    made = {}
    for name, queue in (("a", "mail"), ("b", "mail"), ("c", "other")):
        made[name] = well("task", "add", URL, "--name", name, "--queue", queue, "--delay", "1h")
    return made


def _kinds() -> dict[str, str]:
    return {one["name"]: one["state"]["kind"] for one in read("task", "ls")["tasks"]}


def test_tasks_that_match_are_cancelled_queued_again_and_removed() -> None:
    """A filter says which; a dry run only counts; what has ended is not cancelled again."""
    _add_some()
    assert well("task", "cancel", "--queue", "mail", "--dry-run") == "tasks  2 tasks would be cancelled"
    assert set(_kinds().values()) == {"pending"}
    assert well("task", "cancel", "--queue", "mail", "--reason", "moved") == "tasks  2 tasks cancelled"
    assert _kinds() == {"a": "cancelled", "b": "cancelled", "c": "pending"}
    assert well("task", "cancel", "--all") == "tasks  1 task cancelled"
    assert well("task", "retry", "--name", "a") == "tasks  1 task queued again"
    assert _kinds() == {"a": "pending", "b": "cancelled", "c": "cancelled"}
    assert well("task", "rm", "--status", "cancelled", "--older-than", "1h") == "tasks  0 tasks removed"
    assert well("task", "rm", "--status", "cancelled") == "tasks  2 tasks removed"
    assert _kinds() == {"a": "pending"}
    assert well("task", "rm", "--all") == "tasks  1 task removed"


@pytest.mark.parametrize("command", ["cancel", "retry", "rm"])
@pytest.mark.parametrize(
    ("args", "what"),
    [
        ([], "tasks: no tasks were named; give IDs, a filter such as --queue, or --all"),
        (
            ["--all", "--queue", "mail"],
            "tasks: a filter and --all were given; give IDs, a filter such as --queue, or --all",
        ),
        (
            ["x", "--status", "failed"],
            "tasks: IDs and a filter were given; give IDs, a filter such as --queue, or --all",
        ),
        (
            ["x", "--dry-run"],
            "dry-run: it was given with IDs; use it with a filter, or look with 'mainspring task show'",
        ),
        (["--older-than", "soon"], None),
    ],
)
def test_a_bulk_change_says_in_one_way_which_tasks_it_means(command: str, args: list[str], what: str | None) -> None:
    """Else it is refused, and nothing changes."""
    _add_some()
    said = complaint(run("task", command, *args), 2)
    assert said == what or (what is None and said.startswith("older-than: "))
    assert set(_kinds().values()) == {"pending"}


def test_tasks_are_loaded_from_a_file_all_or_none(folder: Path) -> None:
    """A JSON object a line, in one transaction; the ids come in order."""
    lines = [
        {"url": URL, "name": "first", "body": {"é": 1}, "headers": {"X-A": "b"}, "delay": "1h", "priority": 3},
        {
            "url": URL,
            "name": "second",
            "at": "2030-01-02T03:04:05Z",
            "queue": "mail",
            "retry": "never",
            "timeout": "5s",
        },
    ]
    (folder / "tasks.jsonl").write_text("\n\n".join(json.dumps(line) for line in lines) + "\n")
    assert well("task", "load", "tasks.jsonl", "--dry-run") == "tasks.jsonl  2 tasks would be added"
    assert not (folder / "mainspring.db").exists()
    first, second = well("task", "load", "tasks.jsonl").splitlines()
    shown = read("task", "show", first)["task"]
    assert shown["call"]["body"] == '{"é":1}'
    assert shown["priority"] == 3
    assert read("task", "show", second)["task"]["queue"] == "mail"
    said = complaint(run("task", "load", "-", stdin=json.dumps({"url": URL}) + "\n" + json.dumps(lines[0])), 4)
    assert "first" in said
    assert len(_kinds()) == 2


def test_of_tasks_that_are_loaded_each_may_stand_by_itself() -> None:
    """A refused one is named by its place, and holds up no other."""
    lines = [
        {"url": URL, "name": "a"},
        {"url": URL, "name": "a"},
        {"url": URL, "name": "b", "delay": "soon"},
        {"url": URL},
    ]
    result = run("task", "load", "--each", "-", stdin="\n".join(json.dumps(line) for line in lines))
    assert result.exit_code == 4
    assert len(result.stdout.splitlines()) == 2
    assert [line.split(":")[1].strip() for line in result.stderr.splitlines()] == ["task 2", "task 3"]
    assert len(read("task", "ls")["tasks"]) == 2


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("nonsense", "line 2: it is no JSON ("),
        ("[]", "line 2: it is no JSON object; "),
        ('{"url": "https://example.com", "colour": "red"}', "line 2: colour: there is no such field; use url, "),
        ('{"url": 7}', "line 2: url: 7 is no text; "),
        ('{"url": "nowhere"}', "line 2: url: "),
        ('{"url": "https://example.com", "call": "f"}', "line 2: url: there are url and call; "),
        ("{}", "line 2: url: there is nothing to call; "),
        ('{"url": "https://example.com", "args": {}}', "line 2: args: a URL takes none; "),
        ('{"call": "f", "body": "x"}', "line 2: body: a function takes none; "),
        ('{"call": "f"}', "line 2: import: 'f' cannot be checked"),
        ('{"url": "https://example.com", "priority": "3"}', "line 2: priority: '3' is no whole number; "),
        ('{"url": "https://example.com", "headers": {"A": 1}}', "line 2: headers.A: 1 is no text; "),
        ('{"url": "https://example.com", "headers": 1}', "line 2: headers: they are no JSON object; "),
        ('{"url": "https://example.com", "delay": 5}', "line 2: delay: 5 is no text; "),
    ],
)
def test_a_line_that_cannot_be_loaded_is_named_with_its_field(line: str, what: str, folder: Path) -> None:
    """Nothing of the file is added, and no store is made."""
    said = complaint(run("task", "load", "-", stdin=json.dumps({"url": URL}) + "\n" + line), 2)
    assert said.startswith(what), said
    assert not (folder / "mainspring.db").exists()


def test_a_file_that_cannot_be_read_is_refused(folder: Path) -> None:
    """Missing, or no text."""
    assert "cannot be read" in complaint(run("task", "load", "missing.jsonl"), 2)
    (folder / "octets").write_bytes(b"\xff\xfe")
    assert "is not UTF-8" in complaint(run("task", "load", "octets"), 2)
