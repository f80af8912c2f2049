"""Whether the link lives: a call that goes unanswered may be history's fault, or the link's.

Knows: one question that the exchange always answers. Must not know: flows. `room` makes one for each
link. However many want to know, one question at a time goes out: on a dead link each costs credits that
the next one will need.
"""

import asyncio
import logging
from typing import Any

from deribit_ws.errors import CallError, RpcError
from deribit_ws.methods.calls import TypedCall

logger = logging.getLogger("deribit_ws.trades")

_ANSWER_SECONDS = 2.0  # for the answer; without any in 20 s the connection itself ends the link
_PAUSE_SECONDS = 0.5  # before asking again: what failed at once was short of credits, most likely


class Life:
    """Asks the exchange for signs of life.

    Args:
        ask: makes a call.
    """

    def __init__(self, ask: TypedCall) -> None:
        self._ask = ask
        self._asking = asyncio.Lock()
        self._asked_at = -1.0  # the last question that was answered, in loop time

    async def shown(self) -> None:
        """Wait for a sign of life that was asked for after now; on a dead link, until it ends."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        async with self._asking:
            while self._asked_at < now:
                asked_at = loop.time()
                if await self._is_answered():
                    self._asked_at = asked_at
                else:
                    await asyncio.sleep(_PAUSE_SECONDS)

    async def _is_answered(self) -> bool:
        try:
            await self._ask("public/test", {}, Any, _ANSWER_SECONDS)
        except RpcError:
            return True
        except CallError as error:
            logger.debug("no sign of life: %s", error)
            return False
        return True
