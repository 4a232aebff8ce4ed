"""The one place of the command line that opens a store, or loads the module of an app.

Rules:

* The store is ``--store``, else ``MAINSPRING_STORE``, else that of the imported app, else ``mainspring.db`` here.
* Only what writes something new (``add``, ``worker``, ``serve``, the settings of a queue, a key, a project) creates a
  SQLite file; all else says that there is none yet.
* An imported app's own store is opened only when it is used.
* ``http://…`` is a server's: the commands work through its API, with the key of ``MAINSPRING_KEY``.
* ``memory:`` ends with the process: it is refused where nothing could ever come of it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Final, cast

from mainspring.adapters.storages.migrations import Schema
from mainspring.app import Delivery, Mainspring, SyncMainspring
from mainspring.app.wiring import DEFAULT_STORE, Store, open_schema, open_store, unopened
from mainspring.cli.exits import StoreMissing
from mainspring.cli.invocation import Invocation
from mainspring.core.directory import Directory
from mainspring.core.errors import InvalidInput

_FILE: Final = "sqlite:///"
_IMPORT_CURE: Final = "name a module that holds a Mainspring, e.g. --import shop.tasks or --import shop.tasks:app"


def store_of(invocation: Invocation) -> str:
    """Name the store of this invocation."""
    return invocation.store or DEFAULT_STORE


def file_of(url: str) -> Path | None:
    """Give the file that a storage URL names, if it names one."""
    return Path(url.removeprefix(_FILE)) if url.startswith(_FILE) and len(url) > len(_FILE) else None


def is_postgres(url: str) -> bool:
    """Tell whether a storage URL names a Postgres database."""
    return url.startswith(("postgresql://", "postgres://"))


def is_server(url: str) -> bool:
    """Tell whether a store is named by the address of a server that has it."""
    return url.startswith(("http://", "https://"))


@contextmanager
def _remote(invocation: Invocation) -> Generator[SyncMainspring]:
    from mainspring.client.remote import RemoteOperations

    with RemoteOperations(store_of(invocation), os.environ.get("MAINSPRING_KEY")) as operations:
        yield cast("SyncMainspring", operations)  # those that commands use; any other one is refused


@contextmanager
def existing(invocation: Invocation, app: Mainspring | None = None) -> Generator[SyncMainspring]:
    """Open the store, which has to exist, for the operations; of ``app``, if no other was named."""
    if is_server(store_of(invocation)):
        with _remote(invocation) as operations:
            yield operations
        return
    if app is None or invocation.store is not None:
        _existing(invocation)
    else:
        _require_file(app.url)
    with on_store(invocation, app) as opened:
        yield opened.sync


@contextmanager
def open_existing(invocation: Invocation) -> Generator[Store]:
    """Open the store, which has to exist, as it is."""
    store = open_store(_existing(invocation))
    try:
        yield store
    finally:
        store.close()


def schema_of(invocation: Invocation, *, missing_ok: bool = False) -> Schema:
    """Give the schema of the store, which has to exist unless ``missing_ok``."""
    url = store_of(invocation)
    _refuse_memory(url)
    return open_schema(url if missing_ok else _existing(invocation))


def _existing(invocation: Invocation) -> str:
    url = store_of(invocation)
    _refuse_memory(url)
    _require_file(url)
    return url


def _require_file(url: str) -> None:
    path = file_of(url)
    if path is not None and _is_missing(path):
        raise StoreMissing(url)


def _is_missing(path: Path) -> bool:
    try:
        return not path.exists()
    except OSError:
        return False  # it cannot even be looked at: the storage says why


@contextmanager
def creating(invocation: Invocation, app: Mainspring | None = None) -> Generator[SyncMainspring]:
    """Open the store, of ``app`` if no other was named, and create it if it does not exist yet."""
    if is_server(store_of(invocation)):
        with _remote(invocation) as operations:
            yield operations
        return
    if app is None or invocation.store is not None:
        _refuse_memory(store_of(invocation))
    with on_store(invocation, app) as opened:
        yield opened.sync


def on_store(invocation: Invocation, app: Mainspring | None, delivery: Delivery | None = None) -> Mainspring:
    """Give ``app`` on its own store, or its functions on the one that was named; without an app, a bare one.

    ``delivery`` replaces how it delivers.
    """
    if app is None:
        return Mainspring(store_of(invocation), delivery=delivery)
    if invocation.store is None and delivery is None:
        return app
    return app.on(invocation.store, delivery=delivery)


@contextmanager
def existing_directory(invocation: Invocation) -> Generator[Directory]:
    """Open the projects and keys of the store, which has to exist."""
    with open_existing(invocation) as store:
        yield store.directory


@contextmanager
def creating_directory(invocation: Invocation) -> Generator[Directory]:
    """Open the projects and keys of the store, and create it if it does not exist yet."""
    url = store_of(invocation)
    _refuse_memory(url)
    store = open_store(url)
    try:
        yield store.directory
    finally:
        store.close()


def load_app(spec: str | None) -> Mainspring | None:
    """Import ``MODULE`` or ``MODULE:NAME`` (also from the current folder) and find the app in it."""
    if spec is None:
        return None
    module, _, name = spec.partition(":")
    found = vars(_import(module))
    if name:
        app = found.get(name)
        if not isinstance(app, Mainspring):
            raise InvalidInput("import", f"{module} holds no Mainspring of the name {name!r}", _IMPORT_CURE)
        return app
    apps = {id(value): value for value in found.values() if isinstance(value, Mainspring)}
    if len(apps) != 1:
        what = f"{module} holds {len(apps)} apps" if apps else f"{module} holds no Mainspring"
        raise InvalidInput("import", what, _IMPORT_CURE)
    return next(iter(apps.values()))


def _import(module: str) -> object:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        with unopened():  # its own store is not created for a command that is refused, or that names another
            return import_module(module)
    except Exception as error:  # whatever a user's module raises while it is imported
        what = f"{module!r} cannot be imported ({type(error).__name__}: {error})"
        raise InvalidInput("import", what, _IMPORT_CURE) from error


def _refuse_memory(url: str) -> None:
    if url.startswith("memory:"):
        raise InvalidInput("store", "memory: ends with this command", "use sqlite:///FILE")
