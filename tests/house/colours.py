"""The synchronous colour of the operations is the asynchronous one with its awaits taken out.

Run this file to write it anew after a change of the asynchronous one; ``test_colours`` fails while it is stale.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parents[2] / "adapters" / "mainspring" / "adapters" / "operations"
SOURCE = HERE / "asynchronous"
TARGET = HERE / "synchronous"

REPLACED = {
    ", awaited": ", without an event loop (made by tests/house/colours.py)",
    "operations.asynchronous": "operations.synchronous",
    "AsyncStorage": "Storage",
    "class Operations": "class SyncOperations",
    "async def ": "def ",
    "await ": "",
}


def synchronous(text: str) -> str:
    """Turn the text of an asynchronous module into that of the synchronous one, but for its layout."""
    for old, new in REPLACED.items():
        text = text.replace(old, new)
    return text


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
    for source in SOURCE.glob("*.py"):
        (TARGET / source.name).write_text(synchronous(source.read_text()))
    for command in (["check", "-q", "--fix"], ["format", "-q"]):
        subprocess.run([sys.executable, "-m", "ruff", *command, str(TARGET)], check=True)
