"""Logs on stderr: as text for people, or one JSON object a line for programs."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

from mainspring.cli.output import printable
from mainspring.core.instants import format_instant


def log_to_stderr(form: str, level: str) -> None:
    """Send the logs of this process to stderr: ``form`` is ``text`` or ``json``."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


def _at(record: logging.LogRecord) -> str:
    return format_instant(datetime.fromtimestamp(record.created, UTC))


class TextFormatter(logging.Formatter):
    """``2030-01-02T03:04:05.678900Z INFO mainspring.engine: worker … starts``."""

    def format(self, record: logging.LogRecord) -> str:
        """Write a record as one line, with a traceback below it if there is one."""
        line = f"{_at(record)} {record.levelname} {record.name}: {printable(record.getMessage())}"
        return line if record.exc_info is None else f"{line}\n{self.formatException(record.exc_info)}"


class JsonFormatter(logging.Formatter):
    """One object a line: ``at``, ``level``, ``logger``, ``message``, and ``traceback`` if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """Write a record as one line of JSON."""
        fields = {"at": _at(record), "level": record.levelname.lower(), "logger": record.name}
        fields["message"] = record.getMessage()
        if record.exc_info is not None:
            fields["traceback"] = self.formatException(record.exc_info)
        return json.dumps(fields, ensure_ascii=False)
