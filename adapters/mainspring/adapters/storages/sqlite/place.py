"""Where the file is: what can be said about its path before SQLite is asked.

The file itself is never opened here: closing any descriptor of it would drop the locks that SQLite holds on it in this
process (POSIX advisory locks belong to the process and the file, not to the descriptor).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from mainspring.core.errors import InvalidInput, Unavailable

_NETWORK: Final = frozenset(
    {
        "afs", "beegfs", "ceph", "cifs", "davfs", "fuse.ceph", "fuse.davfs", "fuse.glusterfs", "fuse.rclone",
        "fuse.s3fs", "fuse.sshfs", "glusterfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "smb3", "smbfs",
    }
)  # fmt: skip
_MOUNTS: Final = Path("/proc/mounts")


def check_place(text: str | Path) -> Path:
    """Give the absolute path of a store that can be there, or raise ``InvalidInput`` or ``Unavailable``."""
    name = os.fspath(text)
    if not name or name == ":memory:" or "\0" in name:
        raise InvalidInput("store", f"{name!r} is no file name", "use sqlite:///FILE, or memory: for one in memory")
    path = Path(name).absolute()
    try:
        _check_path(path)
    except OSError as error:
        cure = "name a file in a directory that exists and can be written"
        raise Unavailable("store", f"{path} cannot be looked at: {error.strerror}", cure) from None
    return path


def _check_path(path: Path) -> None:
    if path.is_dir():
        raise InvalidInput("store", f"{path} is a directory", "name a file in it")
    folder = path.parent
    if folder.exists() and not folder.is_dir():
        raise InvalidInput("store", f"{folder} is not a directory", "name a file in a directory")
    if not folder.exists():
        raise InvalidInput("store", f"there is no directory {folder}", "create it first, or name another file")
    if path.exists() and not path.is_file():
        raise InvalidInput("store", f"{path} is not a regular file", "name another file")
    kind = file_system(folder)
    if kind in _NETWORK:
        what = f"{path} is on a network file system ({kind}), where locks cannot be relied on"
        raise InvalidInput("store", what, "keep the file on a local disk, or use Postgres")
    if not os.access(folder, os.W_OK | os.X_OK):
        cure = "give this user the right to write there: the journal is kept beside the file"
        raise Unavailable("store", f"the directory {folder} cannot be written", cure)
    if path.exists() and not os.access(path, os.R_OK | os.W_OK):
        raise Unavailable("store", f"{path} cannot be read and written", "give this user the right to do both")


def file_system(folder: Path) -> str:
    """Name the type of the file system that ``folder`` is on; empty where that cannot be found out."""
    try:
        lines = _MOUNTS.read_text(errors="replace").splitlines()
    except OSError:
        return ""  # not Linux, or no /proc: nothing is known, and nothing is claimed
    wanted = folder.resolve()
    best, kind = -1, ""
    for line in lines:
        parts = line.split()
        if len(parts) < 3:
            continue
        point = Path(parts[1].replace("\\040", " "))
        if (point == wanted or point in wanted.parents) and len(point.parts) >= best:
            best, kind = len(point.parts), parts[2]
    return kind


def identity(path: Path) -> tuple[int, int] | None:
    """Tell which file ``path`` names (device and inode), or None if it names none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
