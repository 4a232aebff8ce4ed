"""The command ``mainspring``. Keep this module light: it is all that ``mainspring --help`` imports."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

import click

from mainspring.cli.exits import PipeClosed, guarded
from mainspring.cli.invocation import Invocation
from mainspring.cli.lazy import Lazy, LazyGroup

COMMANDS: Final[Mapping[str, Lazy]] = {
    "demo": Lazy(
        "mainspring.cli.commands.demo:demo", "Watch it work: tasks, schedules, retries and a crash, in seconds."
    ),
    "task": Lazy("mainspring.cli.commands.task:task", "Add, look at and change tasks."),
    "schedule": Lazy("mainspring.cli.commands.schedule:schedule", "Add, look at and change schedules."),
    "queue": Lazy("mainspring.cli.commands.queue:queue", "Look at queues, limit, pause, drain and purge them."),
    "dead": Lazy(
        "mainspring.cli.commands.dead:dead", "Look at tasks that failed for good, run them again or remove them."
    ),
    "why": Lazy(
        "mainspring.cli.commands.why:why", "Tell why a task or a schedule is as it is, from what is on record."
    ),
    "worker": Lazy("mainspring.cli.commands.worker:worker", "Run a worker until it is told to stop."),
    "serve": Lazy(
        "mainspring.cli.commands.serve:serve", "Serve the HTTP API, and carry tasks out, until told to stop."
    ),
    "key": Lazy("mainspring.cli.commands.key:key", "Make, list and revoke the keys of the HTTP API."),
    "project": Lazy(
        "mainspring.cli.commands.project:project", "Make and list projects: each has keys, tasks and queues of its own."
    ),
    "next": Lazy("mainspring.cli.commands.next:next_", "Show when a rule fires next."),
    "explain": Lazy("mainspring.cli.commands.explain:explain_", "Say in plain English when a rule fires."),
    "retry": Lazy("mainspring.cli.commands.retry:retry", "Show what a retry policy comes to."),
    "lint": Lazy(
        "mainspring.cli.commands.lint:lint", "Say what schedules from elsewhere mean here, and what would change."
    ),
    "db": Lazy("mainspring.cli.commands.db:db", "Look at the schema of the store, bring it up to date, verify it."),
    "doctor": Lazy("mainspring.cli.commands.doctor:doctor", "Check this installation and the store."),
}


class Root(LazyGroup):
    """The top of the command line: every error ends here, as one line and an exit code."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Run and exit; with ``standalone_mode=False`` errors are raised instead."""

        def run() -> object:
            extra["windows_expand_args"] = windows_expand_args
            return super(Root, self).main(args, prog_name or "mainspring", complete_var, standalone_mode=False, **extra)

        if not standalone_mode:
            return run()
        sys.exit(guarded(run))

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a reader of the output that went away is told apart from other errors of the system."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise PipeClosed from None


@click.group(
    "mainspring",
    cls=Root,
    lazy=COMMANDS,
    context_settings={"auto_envvar_prefix": "MAINSPRING", "help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 well, 2 bad input, 3 not found, 4 conflict, 75 store away, 70 store damaged, else 1.",
)
@click.option(
    "--store",
    metavar="URL",
    show_envvar=True,
    help="Where tasks are kept: sqlite:///FILE (default: sqlite:///mainspring.db, in this folder).",
)
@click.version_option(package_name="mainspring", message="%(prog)s %(version)s")
@click.pass_context
def cli(ctx: click.Context, store: str | None) -> None:
    """A scheduler you can prove: HTTP calls and Python functions, once or by cron and RRULE, from a file on disk."""
    ctx.obj = Invocation(store)


def main() -> None:
    """Run the command line; never returns."""
    cli.main()
