"""Opening a file: whole or not at all, and only what is ours, sound and known."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from adapters.storages.making import new_task, query
from mainspring.adapters.storages.migrations import parse_migration
from mainspring.adapters.storages.parts import STATE_ONLY
from mainspring.adapters.storages.sqlite import SqliteStorage, connections, opening, place, wal_is_safe
from mainspring.adapters.storages.sqlite.migrations import APPLICATION_ID, known, latest
from mainspring.core.errors import InvalidInput, Unavailable
from mainspring.core.machine import TRANSITIONS
from mainspring.core.states import LIVE, STATES, TERMINAL
from mainspring.testing.conformance.port import creations


def refused(path: Path | str) -> InvalidInput | Unavailable:
    """The error that opening ``path`` raises: of a kind that callers expect, in one line, with the field and a cure."""
    with pytest.raises((InvalidInput, Unavailable)) as caught:
        SqliteStorage(path)
    error = caught.value
    assert isinstance(error, InvalidInput | Unavailable)
    assert str(error).startswith("store: ")
    assert "\n" not in str(error)
    assert error.cure
    return error


def left(folder: Path) -> dict[str, bytes]:
    """The files of a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_a_new_store_is_one_file_marked_as_ours(tmp_path: Path) -> None:
    """With the application's id and the schema's version; no draft and no journal is left."""
    path = tmp_path / "a store.db"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        storage = SqliteStorage("a store.db")
    storage.add(creations([new_task()]))
    storage.close()
    assert query(path, "PRAGMA application_id") == [(APPLICATION_ID,)]
    assert query(path, "PRAGMA user_version") == [(latest(),)]
    assert storage.path == path
    assert {name for name, content in left(tmp_path).items() if content} == {"a store.db"}


def test_a_store_is_opened_again(tmp_path: Path) -> None:
    """What was acknowledged is there."""
    task = new_task()
    for _ in range(2):
        storage = SqliteStorage(tmp_path / "s.db")
        if not storage.count("default"):
            storage.add(creations([task]))
        assert storage.get(task.id) == task
        storage.close()


def test_odd_file_names_are_file_names(tmp_path: Path) -> None:
    """What has a meaning in a URI is taken literally."""
    for name in ("a?mode=memory", "b#c", "d%20e", "ü ñ", "file:x"):
        SqliteStorage(tmp_path / name).close()
        assert (tmp_path / name).is_file()


@pytest.mark.parametrize("name", ["", ":memory:", "a\0b"])
def test_a_name_that_is_no_file_is_invalid_input(name: str) -> None:
    """In particular no store in memory by surprise."""
    assert isinstance(refused(name), InvalidInput)


def test_paths_that_cannot_hold_a_store_are_invalid_input(tmp_path: Path) -> None:
    """A directory, a missing one, a file as directory, a device; nothing is made."""
    (tmp_path / "file").write_text("x")
    for path in (tmp_path, tmp_path / "no" / "s.db", tmp_path / "file" / "s.db", Path("/dev/null")):
        assert isinstance(refused(path), InvalidInput), path
    assert left(tmp_path) == {"file": b"x"}


def test_a_network_file_system_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the mounts tell; the longest mount point counts; what cannot be told is not refused."""
    mounts = tmp_path / "mounts"
    shared = tmp_path / "my share"
    shared.mkdir()
    mounts.write_text(
        f"/dev/root / ext4 rw 0 0\nhost:/x {str(shared).replace(' ', chr(92) + '040')} nfs4 rw 0 0\nodd\n"
    )
    monkeypatch.setattr(place, "_MOUNTS", mounts)
    assert "nfs4" in str(refused(shared / "s.db"))
    SqliteStorage(tmp_path / "s.db").close()
    monkeypatch.setattr(place, "_MOUNTS", tmp_path / "nothing")
    assert place.file_system(tmp_path) == ""


@pytest.mark.parametrize(
    "content", [b"", b"x", b"hello, world\n" * 1000, b"\0" * 8192, b"SQLite format 3\0" + b"\xff" * 5000]
)
def test_a_foreign_file_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    """Never a silent new store over something else: also not over an empty file, which may be what is left of one."""
    path = tmp_path / "s.db"
    path.write_bytes(content)
    assert isinstance(refused(path), Unavailable)
    assert left(tmp_path) == {"s.db": content}


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    """It is SQLite, but not ours."""
    path = tmp_path / "s.db"
    query(path, "CREATE TABLE tasks (id TEXT)")
    before = left(tmp_path)
    assert "another program" in str(refused(path))
    assert left(tmp_path) == before


def test_a_newer_store_is_refused(tmp_path: Path) -> None:
    """By its schema version; an impossible one as well."""
    path = tmp_path / "s.db"
    SqliteStorage(path).close()
    query(path, f"PRAGMA user_version = {latest() + 1}")
    assert "upgrade" in str(refused(path))
    query(path, "PRAGMA user_version = 0")
    assert "never was" in str(refused(path))


def test_a_changed_schema_is_refused(tmp_path: Path) -> None:
    """What is missing is named; an index that somebody added does not hurt."""
    path = tmp_path / "s.db"
    SqliteStorage(path).close()
    query(path, "CREATE INDEX mine ON tasks (name)")
    SqliteStorage(path).close()
    query(path, "DROP INDEX tasks_live_name")
    assert "tasks_live_name" in str(refused(path))


def test_an_old_store_is_migrated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Step by step, in one transaction; it keeps its tasks."""
    path, task = tmp_path / "s.db", new_task()
    storage = SqliteStorage(path)
    storage.add(creations([task]))
    storage.close()
    second = parse_migration(
        len(known()) + 1, "-- oldest: 1\nCREATE TABLE extra (a);\nCREATE INDEX extra_a ON extra (a);\n"
    )
    more = (*known(), second)
    for module in ("migrations", "opening"):
        monkeypatch.setattr(f"mainspring.adapters.storages.sqlite.{module}.known", lambda: more)
    storage = SqliteStorage(path)
    assert storage.get(task.id) == task
    storage.close()
    assert query(path, "PRAGMA user_version") == [(len(more),)]
    assert query(path, "SELECT * FROM extra") == []


def test_many_may_create_a_store_at_once(tmp_path: Path) -> None:
    """One wins, all use the same file."""
    path = tmp_path / "s.db"

    def work(_: int) -> None:
        storage = SqliteStorage(path)
        storage.add(creations([new_task()]))
        storage.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    storage = SqliteStorage(path)
    assert storage.count("default") == {"pending": 8}
    storage.close()
    assert [name for name, content in left(tmp_path).items() if content] == ["s.db"]


@pytest.mark.parametrize(
    ("version", "safe"),
    [
        ("3.7.0", False), ("3.40.1", False), ("3.44.5", False), ("3.44.6", True), ("3.44.9", True), ("3.45.0", False),
        ("3.50.6", False), ("3.50.7", True), ("3.51.0", False), ("3.51.2", False), ("3.51.3", True), ("3.52.0", True),
        ("4.0.0", True),
    ],
)  # fmt: skip
def test_wal_is_used_only_where_it_cannot_lose_a_commit(version: str, safe: bool) -> None:
    """SQLite 3.7.0 to 3.51.2 have the WAL-reset bug, but for two repaired branches."""
    major, minor, patch = map(int, version.split("."))
    assert wal_is_safe((major, minor, patch)) is safe


@pytest.mark.parametrize("safe", [True, False])
def test_the_journal_mode_follows_the_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, safe: bool) -> None:
    """A new file gets WAL where that is safe and TRUNCATE elsewhere; a file in WAL mode is taken out of it there."""
    path = tmp_path / "s.db"
    monkeypatch.setattr(opening, "wal_is_safe", lambda: safe)
    storage = SqliteStorage(path)
    assert storage.journal_mode == ("wal" if safe else "truncate")
    storage.add(creations([new_task()]))
    assert storage.doctor().journal_mode == storage.journal_mode
    storage.close()
    assert query(path, "PRAGMA journal_mode") == [("wal",) if safe else ("delete",)]
    monkeypatch.setattr(opening, "wal_is_safe", lambda: not safe)
    storage = SqliteStorage(path)
    assert storage.journal_mode == "truncate"
    assert storage.count("default") == {"pending": 1}
    storage.close()
    assert query(path, "PRAGMA journal_mode") == [("delete",)]


def test_a_journal_mode_can_be_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """But not WAL where it is not safe."""
    monkeypatch.setattr(opening, "wal_is_safe", lambda: False)
    with pytest.raises(InvalidInput, match="journal_mode"):
        SqliteStorage(tmp_path / "s.db", journal_mode="wal")
    monkeypatch.setattr(opening, "wal_is_safe", lambda: True)
    for mode in ("truncate", "wal", "truncate"):
        storage = SqliteStorage(tmp_path / "s.db", journal_mode=mode)
        assert storage.journal_mode == mode
        storage.close()


def test_a_file_held_in_wal_mode_by_others_is_refused_where_wal_is_not_safe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It cannot be taken out of it while they use it."""
    path = tmp_path / "s.db"
    monkeypatch.setattr(opening, "wal_is_safe", lambda: True)
    other = SqliteStorage(path)
    other.add(creations([new_task()]))
    monkeypatch.setattr(opening, "wal_is_safe", lambda: False)
    monkeypatch.setattr(opening, "BUSY_SECONDS", 0.05)
    refused(path)
    other.close()


def test_every_connection_is_durable_and_strict(tmp_path: Path) -> None:
    """synchronous=FULL and foreign keys, also on the connections that come later."""
    storage = SqliteStorage(tmp_path / "s.db")
    pool = storage._connections
    with pool.writing() as writer, pool.reading() as reader:
        for connection in (writer, reader):
            assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
            assert connection.execute("PRAGMA foreign_keys").fetchone() == (1,)
            assert connection.execute("PRAGMA journal_mode").fetchone() == (storage.journal_mode,)
    storage.close()


def test_the_schema_knows_the_machines_states() -> None:
    """The CHECK constraints name every state, and tell live from ended ones."""
    script = known()[0].script
    for state in STATES:
        assert f"'{state.status}'" in script
    ended = ", ".join(f"'{state.status}'" for state in TERMINAL)
    every = ", ".join(f"'{state.status}'" for state in STATES)
    assert f"CHECK (status IN ({every}))" in script
    assert f"(ended_at IS NOT NULL) = (status IN ({ended}))" in script
    assert {state.status for state in LIVE} == {"pending", "running", "cancelling"}


def test_events_that_change_only_the_state_are_events_of_the_machine() -> None:
    """An event unknown here rewrites the whole task; none that ended a task leads back to a live one unchecked."""
    for state in TERMINAL:
        for event, after in TRANSITIONS[state].items():
            assert after is state or event not in STATE_ONLY


def as_nobody(script: str, *arguments: str) -> str:
    """What a script prints that runs as a user without rights (skips where that cannot be)."""
    if os.getuid() != 0:
        pytest.skip("only root can become nobody")
    code = (
        "import os, sys\nfrom mainspring.adapters.storages.sqlite import SqliteStorage\n"
        "os.setgid(65534)\nos.setuid(65534)\n"
    ) + textwrap.dedent(script)
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=60)
    assert "Traceback" not in done.stderr, done.stderr
    return done.stdout


OPEN = """
from mainspring.core.errors import MainspringError
try:
    SqliteStorage(sys.argv[1])
except MainspringError as error:
    print(type(error).__name__, error)
"""


def test_a_directory_without_rights_is_refused(open_folder: Path) -> None:
    """The journal is kept beside the file: the directory has to be writable, and the file too."""
    tmp_path = open_folder
    SqliteStorage(tmp_path / "s.db").close()
    assert "directory" in as_nobody(OPEN, str(tmp_path / "new.db"))
    assert as_nobody(OPEN, str(tmp_path / "s.db")).startswith("Unavailable")
    tmp_path.chmod(0o777)
    assert "cannot be read and written" in as_nobody(OPEN, str(tmp_path / "s.db"))
    tmp_path.chmod(0o600)
    assert as_nobody(OPEN, str(tmp_path / "s.db")).startswith("Unavailable")


FILL = """
import resource, signal
from datetime import UTC, datetime
from adapters.storages.making import new_task
from mainspring.core.errors import Unavailable
from mainspring.core.task import FunctionCall
storage = SqliteStorage(sys.argv[1])
storage.add(creations([new_task()]))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
added = 1
try:
    while True:
        storage.add(creations([new_task(call=FunctionCall(function="f", arguments="x" * 10_000))]))
        added += 1
except Unavailable as error:
    print(added, error)
assert storage.count("default") == {"pending": added}
"""


def test_a_full_disk_is_unavailable_and_loses_nothing(tmp_path: Path) -> None:
    """What was acknowledged is there; the file is sound and can be used again."""
    code = (
        "import sys\nfrom mainspring.adapters.storages.sqlite import SqliteStorage\n"
        "from mainspring.testing.conformance.port import creations\n" + FILL
    )
    path = tmp_path / "s.db"
    tests = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(tests)},
    )
    assert done.returncode == 0, done.stderr
    added, _, said = done.stdout.partition(" ")
    assert said.startswith("store: ")
    storage = SqliteStorage(path)
    assert storage.count("default") == {"pending": int(added)}
    storage.add(creations([new_task()]))
    assert storage.doctor().faults == ()
    storage.close()


def test_a_directory_that_cannot_be_synced_or_linked_is_said_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error of the operating system is ours, and no draft is left."""

    def broken(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", broken)
    assert "Operation not permitted" in str(refused(tmp_path / "s.db"))
    assert left(tmp_path) == {}


def test_readers_wait_and_writers_wait(tmp_path: Path) -> None:
    """The built-in waiting of SQLite is set for readers; writers wait in our own way."""
    assert connections.MAX_IDLE_READERS > 0
    storage = SqliteStorage(tmp_path / "s.db", busy_seconds=3)
    with storage._connections.reading() as reader:
        assert reader.execute("PRAGMA busy_timeout").fetchone() == (3000,)
    storage.close()
    assert sqlite3.sqlite_version_info >= (3, 24)
