"""What the server's workers have in common: they look every so often, until stopped."""

from __future__ import annotations

import asyncio
import logging

_log = logging.getLogger("minasidor.worker")


class Worker:
    """A loop in the server's own process. What one round raises is logged; the next one comes."""

    every: float  # seconds between rounds

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None

    @property
    def is_running(self) -> bool:
        return self._task is not None and not self._task.done()

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name=type(self).__name__)

    async def stop(self) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def work(self) -> bool:
        """One round; True when there is more to do at once."""
        raise NotImplementedError

    async def _run(self) -> None:
        while True:
            try:
                if await self.work():
                    continue
            except Exception:
                # The database may be away for a while; the work goes on when it is back.
                _log.exception("worker failed", extra={"worker": type(self).__name__})
            await asyncio.sleep(self.every)
