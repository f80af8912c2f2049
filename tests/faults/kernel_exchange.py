"""The exchange's end of a scene, as a process of its own: `python -m tests.faults.kernel_exchange`.

Knows the simulated exchange and the referee. Must not know the client, nor what befalls the link. A scene
starts it with `kernel_lines.Process` and asks for its methods.
"""

import asyncio
import time
from typing import Any

from deribit_ws.testing import Drop, IgnoreRequest, SimulatedExchange
from tests.faults.kernel_lines import serve
from tests.faults.kernel_referee import facts, faults, lacking_channels
from tests.faults.kernel_witness import NOISE

STEP_SECONDS = 0.05


class FarEnd:
    """An exchange, disturbed and judged on request."""

    def __init__(self) -> None:
        self._exchange: SimulatedExchange

    def ready(self) -> None:
        """Say that the process is there."""

    async def start(self, host: str, port: int, seed: int) -> str:
        """Let it begin; give its URL."""
        self._exchange = SimulatedExchange(host=host, port=port, seed=seed, step_seconds=STEP_SECONDS)
        await self._exchange.start()
        return self._exchange.url

    def drop(self) -> None:
        """Reset every connection."""
        self._exchange.inject(Drop.rst())

    def ignore(self, method: str) -> None:
        """Never answer the next call of a method."""
        self._exchange.inject(IgnoreRequest(method))

    def say(self, nbytes: int) -> None:
        """Say something long."""
        self._exchange.publish(NOISE, {"text": "x" * nbytes})

    def still(self) -> None:
        """Let all trading stop."""
        for name in self._exchange.instruments:
            self._exchange.set_state(name, "locked")

    def facts(self) -> dict[str, Any]:
        """Give how far it is."""
        return facts(self._exchange)

    def dials(self) -> int:
        """Give how often it was dialled."""
        return len(self._exchange.ledger.handshakes)

    def refusals(self) -> list[tuple[int | None, str | None, int]]:
        """Give what it has refused: connection, method, code."""
        return [(one.connection, one.method, one.code) for one in self._exchange.ledger.refusals]

    def refused_logins(self) -> int:
        """Give how many logins it has refused: a signature by another time of day is one."""
        return sum(refused.method == "public/auth" for refused in self._exchange.ledger.refusals)

    def valid_for(self) -> list[float]:
        """Give for how many seconds orders were valid when they arrived, by a clock that does not step."""
        epoch = time.time() - asyncio.get_running_loop().time()
        sells = self._exchange.ledger.requests_of("private/sell")
        return [sell.params["valid_until"] / 1000 - (epoch + sell.time) for sell in sells]

    def faults(self, account: dict[str, Any], drops: int) -> list[str]:
        """Say what is wrong with an account."""
        return faults(account, self._exchange, drops=drops)

    def lacking_channels(self) -> list[str]:
        """Say what the one connection is not subscribed to and should be."""
        return lacking_channels(self._exchange)

    async def stop(self) -> None:
        """Let it end."""
        await self._exchange.stop()


if __name__ == "__main__":
    asyncio.run(serve(FarEnd()))
