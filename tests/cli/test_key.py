"""``mainspring key`` and ``mainspring project``: made, listed, revoked; a text is shown once."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mainspring.app import Mainspring
from mainspring.cli.main import cli
from mainspring.core.access import key_id, opens
from support.commands import complaint

OLD = "0123456789abcdef0123456789"


@pytest.fixture
def store(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'main.db'}"


def run(store: str, *arguments: str, given: str | None = None) -> Result:
    return CliRunner().invoke(cli, ["--store", store, *arguments], input=given)


def made(store: str, *arguments: str) -> str:
    """The text of a new key."""
    done = run(store, "key", "create", *arguments)
    assert done.exit_code == 0, done.output
    return done.output.strip()


def test_a_key_is_shown_once_listed_without_its_text_and_revoked(store: str) -> None:
    """The first one makes the default project, with a signing secret."""
    text = made(store, "--label", "shop", "--scope", "read", "--expires", "90d")
    assert re.fullmatch(r"ms_[0-9a-f]{16}_[A-Za-z0-9_-]{43}", text)
    shown = run(store, "key", "ls", "--json").output
    (key,) = json.loads(shown)["keys"]
    assert (key["id"], key["project"], key["scope"], key["label"]) == (key_id(text), "default", "read", "shop")
    assert "digest" not in key
    table = run(store, "key", "ls").output
    assert text not in shown + table
    assert re.search(rf"{key_id(text)}  default  read   live   never +shop", table)
    assert run(store, "key", "revoke", key_id(text)).output == f"{key_id(text)}  revoked\n"
    assert "revoked" in run(store, "key", "ls").output
    with Mainspring(store) as app:
        (project,) = app.directory.projects()
        assert len(project.webhook_secrets) == 1
        assert project.webhook_secrets[0] not in run(store, "project", "ls", "--json").output


def test_a_key_from_elsewhere_is_taken_over_and_signs(store: str) -> None:
    """Its text comes from standard input, not from the command line; receivers check Mergent's header with it."""
    done = run(store, "key", "create", "--take-over", "-", given=f"{OLD}\n")
    assert done.output == f"{key_id(OLD)}  taken over\n"
    with Mainspring(store) as app:
        (key,) = app.directory.keys("default")
        assert opens(key, OLD, key.created_at)
        assert app.directory.get_project("default").mergent_secret == OLD
    refused = run(store, "key", "create", "--take-over", "-", given="short\n")
    assert complaint(refused, 2).startswith("key: it cannot be taken over; use 20 to 200 visible ASCII characters")


def test_projects_have_keys_of_their_own(store: str) -> None:
    """A project other than the default one is made first."""
    assert complaint(run(store, "key", "create", "--project", "shop"), 3) == (
        "project: there is no 'shop'; make it with 'mainspring project create'"
    )
    assert run(store, "project", "create", "shop").output == "shop  created\n"
    assert complaint(run(store, "project", "create", "shop"), 4).startswith("project shop: it exists already")
    made(store, "--project", "shop")
    made(store)
    assert [one["keys"] for one in json.loads(run(store, "project", "ls", "--json").output)["projects"]] == [1, 1]
    assert len(json.loads(run(store, "key", "ls", "--project", "shop", "--json").output)["keys"]) == 1


def test_what_cannot_be_made_leaves_nothing_behind(store: str, tmp_path: Path) -> None:
    """A wrong name or duration is refused before a store is created."""
    assert complaint(run(store, "project", "create", "a b"), 2).startswith("name: 'a b' contains invalid characters")
    assert complaint(run(store, "key", "create", "--expires", "soon"), 2).startswith(
        "expires: 'soon' is not a duration"
    )
    assert complaint(run(store, "key", "create", "--label", "a\nb"), 2).startswith("label: ")
    assert list(tmp_path.iterdir()) == []
    for command in (["key", "ls"], ["key", "revoke", "x"], ["project", "ls"]):
        assert "does not exist yet" in complaint(run(store, *command), 3)


def test_an_empty_list_says_so(store: str) -> None:
    """On standard error; there is nothing for a pipe."""
    with Mainspring(store):
        pass
    for command, said in (("key", "no keys\n"), ("project", "no projects\n")):
        empty = run(store, command, "ls")
        assert (empty.exit_code, empty.stdout, empty.stderr) == (0, "", said)
