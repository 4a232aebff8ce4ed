"""The fenced blocks of a Markdown page, and a small runner for those that are examples.

* A block is marked by an HTML comment on the line before it (readers do not see it).
* ``python`` blocks run in order, all of a page in one namespace and one empty folder. What they print is compared
  with the next block marked ``output``.
* ``console`` blocks run each line that starts with ``$``, in the same folder; what the line prints is compared with
  the lines below it. ``mainspring`` is the installed command line.
* In an expected text ``…`` stands for anything within a line, and a line of its own for any lines.

Marks: ``output``, ``not run: REASON``, ``file: NAME`` (the block is written to that file, not run), and
``background`` (the commands of the block go on until the page ends; then they are stopped by SIGTERM).
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = Path(sys.executable).parent
_FENCE = re.compile(r"^(?P<fence>`{3,}|~{3,}|:{3,})(?P<language>[^`]*)$")
_MARK = re.compile(r"^<!-- (?P<mark>.+?) -->$")
PATIENCE = 60.0


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its mark ("" if none), its text, and the line where that starts."""

    language: str
    mark: str
    text: str
    line: int


def blocks(page: str) -> Iterator[Block]:
    """Give the fenced blocks of a page in order."""
    lines = page.splitlines()
    number, mark = 0, ""
    while number < len(lines):
        opening = _FENCE.match(lines[number])
        if opening is None:
            found = _MARK.match(lines[number])
            mark = found["mark"] if found else mark if not lines[number].strip() else ""
            number += 1
            continue
        end = next(i for i in range(number + 1, len(lines)) if lines[i] == opening["fence"])
        text = "\n".join(lines[number + 1 : end]) + "\n"
        yield Block(opening["language"].strip(), mark, text, number + 2)
        number, mark = end + 1, ""


def matches(expected: str, printed: str) -> bool:
    """Tell whether ``printed`` is what ``expected`` says, ``…`` standing for anything."""
    wanted = [line.rstrip() for line in expected.strip().splitlines()]
    pattern = "\n".join(r"(?:.*\n?)*?.*" if line == "…" else _line_pattern(line) for line in wanted)
    given = "\n".join(line.rstrip() for line in printed.strip().splitlines())
    return re.fullmatch(pattern, given) is not None


def _line_pattern(line: str) -> str:
    return ".*".join(re.escape(part) for part in line.split("…"))


class Page:
    """One page being run in the current folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.namespace: dict[str, object] = {"__name__": "__main__"}
        self.printed = ""
        self.background: list[subprocess.Popen[str]] = []

    def run(self) -> int:
        """Run all blocks; returns how many there were to run."""
        count = 0
        try:
            for block in blocks(self.path.read_text(encoding="utf-8")):
                count += self._run(block)
        finally:
            self._stop()
        return count

    def _run(self, block: Block) -> int:
        kind, _, argument = block.mark.partition(": ")
        if kind == "not run":
            return 0
        if kind == "file":
            Path(argument).write_text(block.text, encoding="utf-8")
            return 1
        if kind == "output":
            self._compare(block.text, self.printed, block.line)
            self.printed = ""
        elif block.language == "python":
            self._python(block)
        elif block.language == "console":
            self._console(block, background=kind == "background")
        else:
            return 0
        return 1

    def _python(self, block: Block) -> None:
        code = compile("\n" * (block.line - 1) + block.text, str(self.path), "exec")
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(code, self.namespace)  # noqa: S102  that is the point
        self.printed += out.getvalue()

    def _console(self, block: Block, *, background: bool) -> None:
        lines = block.text.splitlines()
        starts = [number for number, line in enumerate(lines) if line.startswith("$ ")]
        for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
            if background:
                self._start(lines[start][2:])
                continue
            expected = "\n".join(lines[start + 1 : end])
            self._compare(expected, self._shell(lines[start][2:]), block.line + start)

    def _shell(self, command: str) -> str:
        done = subprocess.run(
            ["bash", "-c", command], env=_environment(), text=True, timeout=PATIENCE,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        return done.stdout

    def _start(self, command: str) -> None:
        quiet = subprocess.DEVNULL
        shell = ["bash", "-c", f"exec {command}"]
        process = subprocess.Popen(shell, env=_environment(), text=True, stdin=quiet, stdout=quiet, stderr=quiet)
        self.background.append(process)

    def _stop(self) -> None:
        for process in self.background:
            process.send_signal(signal.SIGTERM)
        for process in self.background:
            process.wait(PATIENCE)

    def _compare(self, expected: str, printed: str, line: int) -> None:
        where = f"{self.path.name}:{line}"
        assert matches(expected, printed), f"{where}: the page shows\n{expected}\nbut this came:\n{printed}"


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MAINSPRING_")}
    path = f"{SCRIPTS}{os.pathsep}{kept.get('PATH', '')}"
    fixed = {"COLUMNS": "100", "NO_COLOR": "1", "TZ": "UTC", "MAINSPRING_STORE": "sqlite:///tasks.db"}
    return {**kept, **fixed, "PATH": path}
