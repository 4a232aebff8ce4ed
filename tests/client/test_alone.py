"""What the client needs: the standard library, or aiohttp where it is awaited; no part of a server."""

from __future__ import annotations

import subprocess
import sys

ALONE = """
import sys
for name in ("starlette", "uvicorn", "prometheus_client"):
    sys.modules[name] = None
{more}
from mainspring.client import {client}, NotSent
{use}
"""


def run(more: str, client: str, use: str) -> str:
    """Run it in a process of its own."""
    text = ALONE.format(more=more, client=client, use=use)
    return subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True, timeout=60).stdout


def test_the_blocking_client_needs_no_extra_at_all() -> None:
    """Neither aiohttp nor what a server stands on is imported."""
    use = "try: Client('http://127.0.0.1:1', attempts=1).list_tasks()\nexcept NotSent: print('no server')"
    assert run("sys.modules['aiohttp'] = None", "Client", use).startswith("no server")


def test_the_awaited_client_needs_the_extra_http_only() -> None:
    """Starlette and its company are the server's."""
    use = (
        "import asyncio\n"
        "async def main():\n"
        "    async with AsyncClient('http://127.0.0.1:1', attempts=1) as client: await client.list_tasks()\n"
        "try: asyncio.run(main())\nexcept NotSent: print('no server')"
    )
    assert run("", "AsyncClient", use).startswith("no server")
