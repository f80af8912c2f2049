"""The desk of an exchange in memory where logins are made, and what tests of logins share.

Knows the parameters and answers of `public/auth`. Must not know how the client logs in.
"""

import asyncio
import itertools
from typing import Any

from deribit_ws import Credentials
from tests.client.far_end import MUTE, MemoryExchange, Message, Refused, Wire

KEY = Credentials("key", "hidden")
ORDERS = "user.orders.BTC-PERPETUAL.raw"
BOOK = "book.BTC-PERPETUAL.100ms"
POSITIONS = "private/get_positions"


class Desk:
    """Gives tokens of so many seconds, each replaced by the next, and holds private calls to them."""

    def __init__(self, memory: MemoryExchange, seconds: float, scope: str = "connection") -> None:
        self.seconds = seconds
        self.scope = scope
        self.numbers = itertools.count(1)
        self.asked: list[tuple[float, int, Message]] = []
        self.refused: dict[str, Any] = {}  # grant type → code, or MUTE
        self.until = 0.0
        memory.answers["public/auth"] = self.auth
        for method in (POSITIONS, "private/buy"):
            memory.answers[method] = self.private

    @property
    def grants(self) -> list[str]:
        return [params["grant_type"] for _, _, params in self.asked]

    def auth(self, wire: Wire, request: Message) -> Any:
        now = asyncio.get_running_loop().time()
        params = request["params"]
        self.asked.append((now, wire.number, params))
        refusal = self.refused.get(params["grant_type"])
        if refusal is MUTE:
            return MUTE
        if refusal is not None:
            raise Refused(refusal)
        self.until = now + self.seconds
        number = next(self.numbers)
        return {
            "access_token": f"a{number}",
            "refresh_token": f"r{number}",
            "expires_in": self.seconds,
            "scope": self.scope,
        }

    def private(self, _: Wire, __: Message) -> Any:
        if asyncio.get_running_loop().time() >= self.until:
            raise Refused(13009, {"reason": "invalid_token"})
        return []
