"""The log: JSON lines in production, readable ones in development. Never a secret in either."""

from __future__ import annotations

import json
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime

request_id: ContextVar[str] = ContextVar("request_id", default="")

_STANDARD = set(vars(logging.makeLogRecord({}))) | {
    "message",
    "asctime",
    "taskName",
    "color_message",
}


_encode = json.JSONEncoder(default=str).encode


class JsonLines(logging.Formatter):
    """One line an event: time in UTC, level, event, request id, and its named values."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            "request": request_id.get(),
            **_extra(record),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        # JSON escapes line breaks: nobody can forge a line of the log (ASVS 16.4.1).
        return _encode({name: value for name, value in line.items() if value != ""})


class ReadableLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        values = " ".join(f"{name}={value!r}" for name, value in _extra(record).items())
        line = f"{record.levelname.lower():7} {record.getMessage()} {values}".rstrip()
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def set_up(*, development: bool) -> None:
    """Log to standard output, uvicorn's own lines too."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(ReadableLines() if development else JsonLines())
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    for name in ("uvicorn", "uvicorn.error"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    # Paths hold tokens: our own request line names the page instead.
    logging.getLogger("uvicorn.access").disabled = True
    # httpx2 has a line for each request of ours; the client writes its own.
    for name in ("tortoise", "aiosqlite", "asyncio", "httpx2"):
        logging.getLogger(name).setLevel(logging.WARNING)


def _extra(record: logging.LogRecord) -> dict[str, object]:
    return {name: value for name, value in vars(record).items() if name not in _STANDARD}
