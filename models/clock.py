"""The one place that knows what time it is. Tests replace `now`."""

from datetime import UTC, datetime, timedelta

_ahead = timedelta()


def now() -> datetime:
    """This moment in UTC; no other time zone ever reaches the database."""
    return datetime.now(UTC) + _ahead


def seconds() -> int:
    """This moment as whole Unix seconds."""
    return int(now().timestamp())


def ahead() -> timedelta:
    """How far this process is ahead of the real time. Never at all in production."""
    return _ahead


def move(ahead: timedelta) -> None:
    """Be this far ahead of the real time from now on, for `/_dev/klocka`."""
    global _ahead
    _ahead = ahead
