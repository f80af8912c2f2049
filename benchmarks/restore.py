"""From a drop to the first message in the callback: how long with 1, 500 and 5,000 channels, and on what.

Knows what the sender tells of its side, and the bound of the scoreboard. Must not know the client's inside:
all is seen from the far end, and from the callbacks. `command` calls it.
"""

import json
from itertools import pairwise
from statistics import median
from typing import Any

from benchmarks.race import Arena
from benchmarks.report import Section, Table
from benchmarks.traffic import CHUNK, Traffic

CHANNELS = (1, 500, 5_000)
STEPS = (
    "back-off and dial",
    "heartbeat",
    "login",
    "other calls",
    "subscribe",
    "first message",
    "all channels",
    "book",
)
WORDS = """The sender resets the link once all is subscribed, and notes when each call of the next link
arrives; the client logs in, has a callback on each channel, and one live book. Milliseconds, medians of the
rounds. The first wait of the back-off is chance, up to 250 ms, and most of the whole. The scoreboard's bound
on loopback is 600 ms, and what the exchange's credits add: nine calls of 500 channels at once, then one each
300 ms."""


def measure(arena: Arena, rounds: int, channels: tuple[int, ...] = CHANNELS) -> Section:
    """Drop and come back."""
    rows = []
    for count in channels:
        found = [_one(arena, count) for _ in range(rounds)]
        columns = [median(column) for column in zip(*found, strict=True)]
        without_wait = median(sum(steps[1:6]) for steps in found)
        whole = median(sum(steps[:6]) for steps in found)
        rows.append(
            [f"{count:,}", f"{whole:.0f}", f"{without_wait:.1f}", *(f"{part:.1f}" for part in columns)]
        )
    head = ["channels", "drop to first message", "of it after the dial", *STEPS]
    caption = "The steps follow each other; the last two begin with the first message."
    return Section("Coming back", WORDS, [(caption, Table(head, rows))])


def _one(arena: Arena, count: int) -> list[float]:
    channels = count + 1
    traffic = Traffic("restore", -(-channels // CHUNK) * CHUNK, channels)
    with arena.sender() as (port, told):
        outcome = arena.run(port, "restored", traffic, cut=1)
        events: list[dict[str, Any]] = []
        while not events or (events[-1]["link"], events[-1]["what"]) != (2, "data"):
            events.append(json.loads(told.readline()))
    return _steps(events, outcome.figures)


def _steps(events: list[dict[str, Any]], figures: list[float]) -> list[float]:
    """Give what each step took, in ms."""
    _, first, last, valid = figures
    cut = next(event["at"] for event in events if event["what"] == "cut")
    second = {event["what"]: event["at"] for event in reversed(events) if event["link"] == 2}
    dialled = second["dialled"]
    heartbeat = second.get("public/set_heartbeat", dialled)
    login = second.get("public/auth", heartbeat)
    subscribe = min(at for what, at in second.items() if what.endswith("/subscribe"))
    ended = second["data"]
    times = [cut, dialled, heartbeat, login, subscribe, ended, first]
    return [(later - earlier) / 1e6 for earlier, later in pairwise(times)] + [
        (last - first) / 1e6,
        (valid - first) / 1e6,
    ]
