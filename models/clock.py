"""The one place that knows what time it is. Tests replace `now`."""

from datetime import UTC, datetime


def now() -> datetime:
    """This moment in UTC; no other time zone ever reaches the database."""
    return datetime.now(UTC)


def seconds() -> int:
    """This moment as whole Unix seconds."""
    return int(now().timestamp())
