"""``mainspring dead``: the failed tasks, run again and removed, with what is refused."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from mainspring.adapters.codec import TASK
from mainspring.adapters.engine import EngineSettings
from mainspring.app import Mainspring
from support.commands import complaint, read, run, well

URL = "https://example.com/hook"
STORE = "sqlite:///mainspring.db"


@pytest.fixture
def failed(folder: Path) -> dict[str, str]:
    """Three tasks that failed, by name: two in ``billing``, one in ``mail``; and one that waits. Gives their ids."""
    with Mainspring(STORE) as app:

        @app.task("break")
        def break_(number: int) -> None:
            raise LookupError(f"order {number}\n\x1b[31mis unknown")

        made = [
            app.sync.enqueue("break", arguments={"number": number}, name=name, queue=queue, key=key, retry="never")
            for number, (name, queue, key) in enumerate(
                [("a", "billing", "x"), ("b", "billing", None), ("c", "mail", None)]
            )
        ]
        asyncio.run(app.run_until_idle(EngineSettings()))
        made.append(app.sync.enqueue(URL, name="waiting", delay="1h"))
        return {task.name or "": task.id for task in made}


def statuses() -> dict[str, str]:
    return {task["name"]: task["state"]["kind"] for task in read("task", "ls")["tasks"]}


def test_failed_tasks_are_listed_with_the_reason(failed: dict[str, str]) -> None:
    """Newest first, each in one line that a terminal need not fear; a page names the next."""
    result = run("dead", "ls", "--limit", "2")
    head, *rows = result.stdout.splitlines()
    assert head.split() == ["ID", "FAILED", "RUNS", "QUEUE", "NAME", "WHY", "CALL"]
    assert [row.split()[0] for row in rows] == [failed["c"], failed["b"]]
    assert "exception: order 2 " in rows[0]
    assert "\x1b" not in result.stdout
    assert rows[0].endswith('break({"number":2})')
    cursor = result.stderr.removeprefix("more: --after ").strip()
    assert [task["id"] for task in read("dead", "ls", "--limit", "2", "--after", cursor)["tasks"]] == [failed["a"]]


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ([], "cba"), (["--queue", "billing"], "ba"), (["--name", "b"], "b"), (["--key", "x"], "a"),
        (["--older-than", "30d"], ""), (["--older-than", "0s"], "cba"), (["--schedule", "nothing"], ""),
        (["--queue", "billing", "--name", "c"], ""),
    ],
)  # fmt: skip
def test_each_filter_narrows_what_is_listed_and_what_is_done(
    failed: dict[str, str], filters: list[str], names: str
) -> None:
    """The same tasks for ``ls``, for ``retry`` and for ``purge``; a dry run leaves them as they are."""
    page = read("dead", "ls", *filters)
    assert [task["name"] for task in page["tasks"]] == list(names)
    assert page["cursor"] is None
    assert [TASK.of(task, "task").id for task in page["tasks"]] == [failed[name] for name in names]
    tasks = "1 task" if len(names) == 1 else f"{len(names)} tasks"
    before = statuses()
    chosen = filters or ["--all"]
    assert well("dead", "retry", *chosen, "--dry-run") == f"dead  {tasks} would be queued again"
    assert well("dead", "purge", *chosen, "--dry-run") == f"dead  {tasks} would be removed"
    assert statuses() == before
    assert well("dead", "retry", *chosen) == f"dead  {tasks} queued again"
    assert statuses() == {name: "pending" if name in names else status for name, status in before.items()}


def test_an_empty_list_is_well_and_empty(failed: dict[str, str]) -> None:
    """Nothing on stdout, a word on stderr."""
    result = run("dead", "ls", "--name", "nobody")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "no failed tasks\n")
    assert read("dead", "ls", "--name", "nobody") == {"tasks": [], "cursor": None}


def test_what_is_purged_is_gone_and_nothing_else(failed: dict[str, str]) -> None:
    """Tasks in other states stay, whatever the filter says of them."""
    assert well("dead", "purge", "--queue", "billing") == "dead  2 tasks removed"
    assert statuses() == {"c": "failed", "waiting": "pending"}
    assert well("dead", "purge", "--all") == "dead  1 task removed"
    assert statuses() == {"waiting": "pending"}
    assert well("dead", "purge", "--all") == "dead  0 tasks removed"


def test_named_tasks_are_run_again_each_by_itself(failed: dict[str, str]) -> None:
    """One that has not failed is refused, and does not hold up the others."""
    dry = run("dead", "retry", failed["a"], failed["waiting"], "--dry-run")
    assert (dry.exit_code, dry.stdout) == (4, f"{failed['a']}  would be queued again\n")
    result = run("dead", "retry", failed["waiting"], "nothing", failed["a"])
    assert result.exit_code == 4
    assert result.stdout.startswith(f"{failed['a']}  pending, due ")
    first, second = result.stderr.splitlines()
    assert first.startswith(f"error: task {failed['waiting']}: it is pending, not failed; ")
    assert second.startswith("error: task: there is no 'nothing'")
    assert statuses() == {"a": "pending", "b": "failed", "c": "failed", "waiting": "pending"}


@pytest.mark.parametrize("options", [["--name", "a"], ["ID"]])
@pytest.mark.parametrize("keep", [True, False])
def test_attempts_start_over_unless_they_are_kept(failed: dict[str, str], options: list[str], keep: bool) -> None:
    """By name as by filter; the history says which."""
    chosen = [failed["a"] if option == "ID" else option for option in options]
    well("dead", "retry", *chosen, *(["--keep-attempts"] if keep else []))
    shown = read("task", "show", failed["a"])
    assert (shown["history"][-1]["kind"], shown["history"][-1]["reset"]) == ("task_requeued", not keep)


def test_refusals_are_counted_and_end_as_a_conflict(failed: dict[str, str]) -> None:
    """A name that a live task has taken meanwhile: the others go on."""
    well("task", "add", URL, "--name", "a", "--delay", "1h")
    result = run("dead", "retry", "--queue", "billing")
    assert (result.exit_code, result.stdout) == (4, "dead  1 task queued again\n")
    assert result.stderr == "error: dead: 1 of 2 refused (1 by Conflict); look at them one by one\n"


@pytest.mark.parametrize(
    ("args", "refusal"),
    [
        (["retry"], "tasks: no tasks were named; give IDs, a filter such as --queue, or --all"),
        (["retry", "x", "--all"], "tasks: IDs and --all were given; give IDs, "),
        (["retry", "x", "--queue", "mail"], "tasks: IDs and a filter were given; give IDs, "),
        (["retry", "--all", "--key", "x"], "tasks: a filter and --all were given; "),
        (["purge"], "tasks: no tasks were named; give a filter such as --queue, or --all"),
        (["purge", "--all", "--older-than", "1d"], "tasks: a filter and --all were given; "),
        (["purge", "--older-than", "soon"], "older-than: 'soon' is not a duration; "),
        (["purge", "--older-than", "-1d"], "older-than: '-1d' is not a duration; "),
        (["purge", "--queue", "two words"], "queue: "),
        (["ls", "--name", "two words"], "name: "),
        (["ls", "--limit", "0"], "limit: "),
        (["ls", "--after", "nonsense"], "after: "),
    ],
)
def test_what_is_not_clear_is_refused_and_changes_nothing(
    failed: dict[str, str], args: list[str], refusal: str
) -> None:
    """Nobody removes everything by leaving out an option."""
    before = statuses()
    assert complaint(run("dead", *args), 2).startswith(refusal)
    assert statuses() == before


@pytest.mark.parametrize("args", [["ls"], ["retry", "x"], ["retry", "--all"], ["purge", "--all"]])
def test_no_store_is_created(args: list[str], folder: Path) -> None:
    """There is nothing dead in a store that does not exist."""
    assert complaint(run("dead", *args), 3).startswith("store: ")
    assert list(folder.iterdir()) == []
