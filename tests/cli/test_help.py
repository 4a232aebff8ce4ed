"""The help: there at once, complete, and the same as the reference."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import get_args

import click
import pytest

from docs.blocks import ROOT
from mainspring.cli.changes import OVERLAPS
from mainspring.cli.commands.task import CLASHES, STATUSES
from mainspring.cli.main import COMMANDS, cli
from mainspring.core.creation import ClashPolicy
from mainspring.core.schedule import Overlap
from mainspring.core.states import STATES
from support.commands import complaint, environment, leaves, run, well

LEAVES = dict(leaves())
READS = [
    "mainspring task ls",
    "mainspring task show",
    "mainspring schedule ls",
    "mainspring schedule show",
    "mainspring queue ls",
    "mainspring queue show",
    "mainspring dead ls",
    "mainspring retry table",
    "mainspring lint",
    "mainspring next",
    "mainspring explain",
    "mainspring doctor",
]
PAGE = ROOT / "docs" / "reference" / "cli.md"

IMPORTED = """
import json, sys
before = set(sys.modules)
from mainspring.cli.main import cli
try:
    cli.main(sys.argv[1:])
except SystemExit as end:
    print(json.dumps([end.code, sorted(set(sys.modules) - before)]))
"""


@pytest.mark.parametrize("args", [["--help"], ["task", "--help"], ["worker", "--help"], ["task", "add", "--help"]])
def test_a_help_imports_nothing_but_click_and_the_table_of_commands(args: list[str]) -> None:
    """``--help`` is under 300 ms because nothing heavy is imported for it, which is what is looked at here."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED, *args], env=environment(), capture_output=True, text=True, timeout=30
    )
    code, modules = json.loads(done.stdout.splitlines()[-1])
    assert code == 0
    roots = {name.partition(".")[0] for name in modules}
    assert not roots & {"aiohttp", "asyncio", "attr", "attrs", "cattrs", "croniter", "dateutil", "rich", "sqlite3"}
    ours = {name for name in modules if name.startswith("mainspring.") and not name.startswith("mainspring.cli")}
    assert ours == {"mainspring.core", "mainspring.core.errors"}
    if args == ["--help"]:
        assert not any(name.startswith("mainspring.cli.commands") for name in modules)
        assert len(modules) < 200


def test_the_table_of_commands_says_what_the_commands_say() -> None:
    """The names and short helps of the table are those of the commands themselves."""
    context = click.Context(cli)
    for name, entry in COMMANDS.items():
        command = cli.get_command(context, name)
        assert command is not None
        assert command.name == name
        assert command.get_short_help_str(200) == entry.help


def test_the_help_names_every_command() -> None:
    """What is not in the help does not exist for a user."""
    shown = well("--help")
    assert all(name in shown and entry.help in shown for name, entry in COMMANDS.items())


def test_statuses_and_overlaps_are_those_of_the_core() -> None:
    """The choices are written out, so that a help needs no import; here they are compared."""
    assert tuple(state.status for state in STATES) == STATUSES
    assert set(get_args(Overlap)) == set(OVERLAPS)
    assert set(get_args(ClashPolicy)) == set(CLASHES)


@pytest.mark.parametrize("name", LEAVES)
def test_every_command_and_option_has_a_help(name: str) -> None:
    """A command says what it does, and so does each of its options."""
    command = LEAVES[name]
    assert command.help
    assert command.get_short_help_str(60).endswith((".", "function."))
    for parameter in command.params:
        if isinstance(parameter, click.Option) and not isinstance(parameter.type, click.Choice):
            assert parameter.help, f"{name} {parameter.opts}"


@pytest.mark.parametrize("name", READS)
def test_every_read_prints_json_when_asked(name: str) -> None:
    """Programs read JSON, from each command that reads."""
    assert any("--json" in parameter.opts for parameter in LEAVES[name].params)


@pytest.mark.skipif(not PAGE.is_file(), reason="the documentation is not here: wheel run")
@pytest.mark.parametrize("name", LEAVES)
def test_every_command_is_in_the_reference_with_an_example(name: str) -> None:
    """A heading, the generated list of options, and an example that is run (test_reference)."""
    _, heading, rest = PAGE.read_text().partition(f"\n## {name}\n")
    section = rest.partition("\n## ")[0]
    assert heading
    assert f":prog: {name}\n" in section
    assert f"$ {name} " in section or f"| {name} " in section or section.count(f"$ {name}\n")


def test_an_unknown_command_is_answered_with_the_nearest() -> None:
    """A slip of the finger costs one look."""
    assert (
        complaint(run("tsk", "ls"), 2) == "usage: no such command 'tsk', did you mean 'task'?; see 'mainspring --help'"
    )
    assert "no such command 'xyzzy';" in complaint(run("xyzzy"), 2)


def test_without_a_command_the_help_is_shown() -> None:
    """``mainspring`` alone helps, and ends as a usage error does."""
    result = run()
    assert result.exit_code == 2
    assert "Commands:" in result.stderr


def test_the_version_is_that_of_the_distribution() -> None:
    """``mainspring --version`` names it."""
    from importlib.metadata import version

    assert well("--version") == f"mainspring {version('mainspring')}"


def test_the_module_runs_as_the_command_does() -> None:
    """``python -m mainspring.cli`` is the command."""
    done = subprocess.run(
        [sys.executable, "-m", "mainspring.cli", "--version"], capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 0
    assert done.stdout.startswith("mainspring ")
