"""The synchronous colour of the operations is the asynchronous one with its awaits taken out.

Run this file to write it anew after a change of the asynchronous one; ``test_colours`` fails while it is stale.
"""

from __future__ import annotations

from pathlib import Path

HERE = Path(__file__).resolve().parents[2] / "adapters" / "mainspring" / "adapters" / "operations"
SOURCE = HERE / "asynchronous.py"
TARGET = HERE / "synchronous.py"

REPLACED = {
    '"""The operations, awaited."""': '"""The operations, without an event loop; made from ``asynchronous.py`` (tests/house/colours.py)."""',
    "import AsyncStorage, Entropy, Page, ScheduleQuery, TaskQuery": "import Entropy, Page, ScheduleQuery, Storage, TaskQuery",
    "AsyncStorage": "Storage",
    "class Operations": "class SyncOperations",
    "async def ": "def ",
    "await ": "",
}


def synchronous(text: str) -> str:
    """Turn the text of the asynchronous module into that of the synchronous one."""
    for old, new in REPLACED.items():
        text = text.replace(old, new)
    return text


if __name__ == "__main__":
    TARGET.write_text(synchronous(SOURCE.read_text()))
