"""What tests of the monitor share: exchanges, and a monitor that runs beside the test."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

from deribit_ws import Client
from deribit_ws.monitor import Health, Monitor, Row
from tests.client.conftest import build, ears, exchange, make, memory, until

__all__ = ["Watched", "build", "ears", "exchange", "make", "memory", "until", "watching"]


class Watched:
    """A monitor that runs, and what it told."""

    def __init__(self, monitor: Monitor, told: list[tuple[str, dict[str, Any]]]) -> None:
        self.monitor = monitor
        self.told = told

    @property
    def events(self) -> list[str]:
        """The names of what it told, in order."""
        return [event for event, _ in self.told]

    @property
    def rows(self) -> dict[str, Row]:
        """The channels, by name, as last seen."""
        return {row.channel: row for row in self.monitor.latest.rows}

    def having(self, health: Health) -> Iterator[str]:
        """The channels that are doing so."""
        return (row.channel for row in self.monitor.latest.rows if row.health is health)


@asynccontextmanager
async def watching(client: Client, *channels: str) -> AsyncIterator[Watched]:
    """Run a monitor; what one of its parts raises ends the context."""
    told: list[tuple[str, dict[str, Any]]] = []
    loop = asyncio.get_running_loop()
    monitor = Monitor(client, channels, lambda *what: told.append(what), clock=loop.time)
    tasks = [asyncio.create_task(part, name="monitor") for part in monitor.parts()]
    try:
        yield Watched(monitor, told)
        assert not any(task.done() for task in tasks), "a part has ended, and so would the command"
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
