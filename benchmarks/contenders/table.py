"""Who takes part: the name, the words for tables, where its code is, and what must be installed for it.

Must not import any of them: each runs in a process that has only its own.
"""

import asyncio
import importlib
import importlib.metadata
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from benchmarks.counting import Count
from benchmarks.job import Job

Run = Callable[[Job], Coroutine[Any, Any, Count]]


@dataclass(frozen=True, slots=True)
class Contender:
    """One of them.

    Attributes:
        label: what tables call it.
        code: module below `benchmarks.contenders`, a colon, and the function.
        speed: about how many messages it takes in a second, so that a run lasts as long as others'.
        needs: distributions that must be installed.
        interval: of the channels it listens to.
        uvloop: run it on uvloop.
    """

    label: str
    code: str
    speed: int
    needs: tuple[str, ...] = ()
    interval: str = "100ms"
    uvloop: bool = False

    def load(self) -> Run:
        """Import it."""
        module, _, function = self.code.partition(":")
        found: Run = getattr(importlib.import_module(f"benchmarks.contenders.{module}"), function)
        return found

    def loop_factory(self) -> Callable[[], asyncio.AbstractEventLoop] | None:
        """Give what makes its loop; None for asyncio's own."""
        if not self.uvloop:
            return None
        found: Callable[[], asyncio.AbstractEventLoop] = importlib.import_module("uvloop").new_event_loop
        return found

    def missing(self) -> list[str]:
        """Give what it needs and is not installed."""
        return [name for name in self.needs if not _is_installed(name)]


def _is_installed(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


CONTENDERS = {
    "aiohttp-json": Contender("aiohttp + json, dict", "by_hand:aiohttp_json", 120_000),
    "aiohttp-orjson": Contender("aiohttp + orjson, dict", "by_hand:aiohttp_orjson", 250_000, ("orjson",)),
    "aiohttp-orjson-bytes": Contender(
        "aiohttp (decode_text=False) + orjson, dict", "by_hand:aiohttp_orjson_bytes", 250_000, ("orjson",)
    ),
    "aiohttp-msgspec": Contender(
        "aiohttp + msgspec in two passes, typed", "by_hand:aiohttp_msgspec", 250_000
    ),
    "websockets-json": Contender(
        "websockets + json, dict", "by_hand:websockets_json", 60_000, ("websockets",)
    ),
    "websockets-orjson": Contender(
        "websockets + orjson, dict", "by_hand:websockets_orjson", 100_000, ("websockets", "orjson")
    ),
    "picows-msgspec": Contender(
        "picows + msgspec in two passes, typed", "by_hand:picows_msgspec", 300_000, ("picows",)
    ),
    "ccxt": Contender("ccxt.pro", "via_ccxt:watching", 20_000, ("ccxt",)),
    "cryptofeed": Contender("cryptofeed", "via_cryptofeed:feed", 30_000, ("cryptofeed",), "raw"),
    "typed": Contender("ours: function, typed", "ours:typed", 250_000),
    "dict": Contender("ours: function, dict", "ours:plain", 250_000),
    "bytes": Contender("ours: function, bytes", "ours:raw", 400_000),
    "coroutine": Contender("ours: coroutine, typed", "ours:coroutine", 150_000),
    "stream": Contender("ours: stream, typed", "ours:stream", 120_000),
    "order-book": Contender("ours: order_book", "ours:order_book", 150_000),
    "trades": Contender("ours: trades", "ours:trades", 120_000),
    "restored": Contender("ours, through a drop", "restored:restored", 0),
    "typed-uvloop": Contender(
        "ours: function, typed, uvloop", "ours:typed", 250_000, ("uvloop",), uvloop=True
    ),
    "bytes-uvloop": Contender("ours: function, bytes, uvloop", "ours:raw", 400_000, ("uvloop",), uvloop=True),
}
