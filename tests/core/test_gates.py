"""Gates before private channels, and signs of life."""

from typing import Any

import msgspec
import pytest

from deribit_ws.router import Entry, Form, Router
from deribit_ws.wire.channels import Family, Pattern

FILLS, ORDERS = "user.trades.any.any.raw", "user.orders.any.any.raw"


class Ear:
    """Remembers what it is given, and whether that was recovered."""

    form = Form.PLAIN

    def __init__(self) -> None:
        self.heard: list[tuple[Any, bool]] = []

    def bind(self, channel: str, values: Any, family: Family, *, recovered: bool = False) -> Any:
        return lambda payload, size: self.heard.append((payload, recovered))


def routed(pattern: str) -> tuple[Router, Ear, Entry]:
    router, ear = Router(lambda channel: None), Ear()
    entry = Entry(Pattern(pattern), {}, ear, {}, routes_only=True)
    router.add(entry)
    return router, ear, entry


def test_a_gate_stands_in_the_consumers_place() -> None:
    """What a gated channel says reaches its gate alone, until the gate hands it on."""
    router, ear, _ = routed("user.>")
    held: list[bytes] = []
    router.gate_of = lambda channel, family: held.append if channel == FILLS else None
    router.notify(FILLS.encode(), b"[1]")
    router.notify(ORDERS.encode(), b"[2]")

    assert (held, ear.heard) == ([b"[1]"], [([2], False)])

    router.hand_on(FILLS, b"[0]", recovered=True)
    router.hand_on(FILLS, held[0])

    assert ear.heard[1:] == [([0], True), ([1], False)]


def test_handing_on_reaches_who_listens_now() -> None:
    """Who came or left since a gate last handed something on gets what is handed on, or does not."""
    router, early, entry = routed("user.>")
    router.hand_on(FILLS, b"1", recovered=True)
    late = Ear()
    router.add(Entry(Pattern(FILLS), {}, late, {FILLS: {}}))
    router.hand_on(FILLS, b"2", recovered=True)
    router.remove(entry)
    router.hand_on(FILLS, b"3", recovered=True)

    assert early.heard == [(1, True), (2, True)]
    assert late.heard == [(2, True), (3, True)]


def test_handing_on_what_nobody_can_read() -> None:
    """A gate that hands on garbage hears of it, as whoever feeds the router does."""
    router, _, _ = routed("user.>")

    with pytest.raises(msgspec.DecodeError):
        router.hand_on(FILLS, b"{", recovered=False)


def test_a_channel_heard() -> None:
    """Who asks for the signs of life of a channel gets one with each message, readable or not."""
    router, ear, _ = routed("ticker.>")
    heard: list[str] = []
    router.heard_of = lambda channel: (lambda: heard.append(channel)) if channel.endswith("raw") else None
    router.notify(b"ticker.X.raw", b"1")
    router.notify(b"ticker.X.100ms", b"2")
    with pytest.raises(msgspec.DecodeError):
        router.notify(b"ticker.X.raw", b"{")

    assert (heard, len(ear.heard)) == (["ticker.X.raw"] * 2, 2)
