"""The first key of a store, and what has to be there before anybody is let in."""

from __future__ import annotations

from datetime import UTC, datetime
from ipaddress import ip_address

from mainspring.adapters.chance import SystemEntropy
from mainspring.core.access import KEY_ENTROPY, Project, is_live, new_key, rotated
from mainspring.core.directory import Directory
from mainspring.core.errors import Conflict, InvalidInput
from mainspring.core.task import DEFAULT_PROJECT
from mainspring.webhooks import new_secret


def is_loopback(host: str) -> bool:
    """Tell whether only this machine reaches ``host``."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def make_project(directory: Directory, name: str) -> Project:
    """Make a project with a signing secret of its own. ``Conflict`` if there is one of that name."""
    project = Project(name=name, created_at=datetime.now(UTC))
    signed = rotated(project, new_secret())
    directory.add_project(signed)
    return signed


def first_key(directory: Directory, host: str) -> str | None:
    """Make the default project and its first key, an admin's, in a store that never had any; give the key's text.

    ``InvalidInput`` if no key is live and ``host`` is no loopback address: a door to the world needs a lock first.
    """
    at = datetime.now(UTC)
    keys = directory.keys()
    if not any(is_live(key, at) for key in keys) and not is_loopback(host):
        cure = "make one with 'mainspring key create', or listen on 127.0.0.1"
        raise InvalidInput("host", f"{host} can be reached by others, and there is no key yet", cure)
    if keys:
        return None
    try:
        make_project(directory, DEFAULT_PROJECT)
    except Conflict:
        if directory.keys():
            return None  # another process was first
    text, key = new_key(
        project=DEFAULT_PROJECT,
        scope="admin",
        at=at,
        entropy=SystemEntropy().octets(KEY_ENTROPY),
        label="made at the first start",
    )
    directory.add_key(key)
    return text
