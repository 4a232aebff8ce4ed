"""The synchronous colours (of the operations, and of the client) are the asynchronous ones with their awaits taken out.

Run this file to write them anew after a change of an asynchronous one; ``test_colours`` fails while one is stale.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

ADAPTERS = Path(__file__).resolve().parents[2] / "adapters" / "mainspring"

AWAITS = {
    "async def ": "def ",
    "async for ": "for ",
    "await ": "",
}


@dataclass(frozen=True)
class Pair:
    """A package in two colours. ``by_hand``: the modules that are written twice, since they act."""

    home: Path
    words: dict[str, str]
    by_hand: frozenset[str] = field(default_factory=frozenset)

    @property
    def sources(self) -> list[Path]:
        """The modules that the others are made from."""
        return [path for path in (self.home / "asynchronous").glob("*.py") if path.name not in self.by_hand]

    @property
    def targets(self) -> list[Path]:
        """The modules that are made."""
        return [path for path in (self.home / "synchronous").glob("*.py") if path.name not in self.by_hand]

    def synchronous(self, text: str) -> str:
        """Turn the text of an asynchronous module into that of the synchronous one, but for its layout."""
        for old, new in (self.words | AWAITS).items():
            text = text.replace(old, new)
        return text


PAIRS = {
    "operations": Pair(
        ADAPTERS / "adapters" / "operations",
        {
            ", awaited": ", without an event loop (made by tests/house/colours.py)",
            "operations.asynchronous": "operations.synchronous",
            "AsyncStorage": "Storage",
            "class Operations": "class SyncOperations",
        },
    ),
    "client": Pair(
        ADAPTERS / "client",
        {
            ", awaited": ", blocking (by tests/house/colours.py)",
            "client.asynchronous": "client.synchronous",
            "for item in page.items:\n                yield item\n": "yield from page.items\n",
            "AsyncIterator": "Iterator",
            "AsyncCalls": "Calls",
            "AsyncClient": "Client",
            "AsyncTransport": "Transport",
            "__aenter__": "__enter__",
            "__aexit__": "__exit__",
        },
        frozenset({"transport.py"}),
    ),
}


def meaning(text: str) -> tuple[set[str], list[str]]:
    """What a module says, whatever its layout: what it imports, and its statements."""
    body = ast.parse(text).body
    imports = {
        f"{statement.module}.{name.name}"
        for statement in body
        if isinstance(statement, ast.ImportFrom)
        for name in statement.names
    }
    return imports, [ast.dump(statement) for statement in body if not isinstance(statement, ast.ImportFrom)]


if __name__ == "__main__":
    for pair in PAIRS.values():
        target = pair.home / "synchronous"
        for source in pair.sources:
            (target / source.name).write_text(pair.synchronous(source.read_text()))
        for command in (["check", "-q", "--fix"], ["format", "-q"]):
            subprocess.run([sys.executable, "-m", "ruff", *command, str(target)], check=True)
