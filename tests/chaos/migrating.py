"""Migrations by real processes: many at once, and one that kills itself after so many statements.

``python -m chaos.migrating URL [N]`` brings the schema up to date and prints the steps that it took.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import psycopg

from chaos.processes import TESTS
from mainspring.adapters.throwaway_postgres import ThrowawayPostgres
from mainspring.app.wiring import open_schema
from support.postgres import run_sql


def _start(url: str, *more: str) -> subprocess.Popen[str]:
    path = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", "chaos.migrating", url, *more]
    return subprocess.Popen(
        command, env=os.environ | {"PYTHONPATH": path}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def ten_at_once(server: ThrowawayPostgres, database: str) -> tuple[int, int, int]:
    """Ten processes on an empty database: how many ended well, how often the first step was taken, and the faults."""
    run_sql(server.url(), f"CREATE DATABASE {database}")
    processes = [_start(server.url(database)) for _ in range(10)]
    told = [process.communicate(timeout=120)[0] for process in processes]
    taken = [number for out in told for number in out.split()]
    faults = open_schema(server.url(database)).faults()
    run_sql(server.url(), f"DROP DATABASE {database}")
    return sum(process.returncode == 0 for process in processes), taken.count("1"), len(faults)


def killed_everywhere(server: ThrowawayPostgres, database: str, *, every: int) -> tuple[int, int]:
    """Kill a migration after each (or so many) statements, run it again: how many places, and how often all is well."""
    places = well = 0
    for number in range(1, 500, every):
        run_sql(server.url(), f"CREATE DATABASE {database}")
        process = _start(server.url(database), str(number))
        process.communicate(timeout=120)
        schema = open_schema(server.url(database))
        taken = schema.migrate()
        sound = not schema.faults() and len(schema.applied()) == len(schema.known) and (taken or process.returncode)
        places += 1
        well += bool(sound) or process.returncode == 0
        run_sql(server.url(), f"DROP DATABASE {database}")
        if process.returncode == 0:
            break
    return places, well


def _doom(left: int) -> None:
    """Let this process kill itself after so many statements."""
    execute = psycopg.Connection.execute
    count = [left]

    def counted(connection: psycopg.Connection, *args: object, **options: object) -> object:
        done = execute(connection, *args, **options)  # type: ignore[arg-type]
        count[0] -= 1
        if not count[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        return done

    psycopg.Connection.execute = counted  # type: ignore[assignment,method-assign]


if __name__ == "__main__":
    if len(sys.argv) > 2:
        _doom(int(sys.argv[2]))
    print(*(step.number for step in open_schema(sys.argv[1]).migrate()))
