"""What a channel holds in memory, by the allocator's own count: no resident bytes, which vary."""

import gc
import tracemalloc
from collections.abc import Iterator

import pytest

from benchmarks.traffic import Traffic
from deribit_ws.handlers import Registry
from deribit_ws.wire.channels import Pattern

CHANNELS = 1_000
MOST = (
    1_536  # bytes; the goal is 2 KiB resident, and an allocator's own share comes on top of what is counted
)
TICKER = b'{"timestamp":1,"instrument_name":"X","mark_price":1.0}'


def ignored(data: object) -> None:
    """Take a message."""


async def confirm(method: str, params: dict[str, list[str]], *_: object) -> list[str]:
    """Answer as the exchange does, with names of its own."""
    return [name.encode().decode() for name in params["channels"]]


async def listen(channels: int) -> Registry:
    """Have a callback on so many channels, all confirmed, each of which has spoken."""
    registry = Registry()
    names = Traffic("ticker", 0, channels).names()
    values = {"instrument": [name.split(".")[1] for name in names]}
    registry.register(Pattern("ticker.{instrument}.100ms"), ignored, values, None, None)
    await registry.subscriptions.settle(confirm)  # type: ignore[arg-type]  # a call of one method
    for name in names:
        registry.router.notify(name.encode(), TICKER)
    assert len(registry.subscriptions.confirmed) == channels
    return registry


@pytest.fixture
def traced() -> Iterator[None]:
    """Count what is allocated."""
    tracemalloc.start()
    yield
    tracemalloc.stop()


async def test_a_channel_holds_little(traced: None) -> None:
    """A channel that has a callback, is subscribed and has spoken holds no more than 1.5 KiB."""
    await listen(10)  # what is made once
    gc.collect()
    before = tracemalloc.get_traced_memory()[0]

    registry = await listen(CHANNELS)
    gc.collect()
    held = (tracemalloc.get_traced_memory()[0] - before) / CHANNELS

    assert registry.router.routes
    assert held < MOST
