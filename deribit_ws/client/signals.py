"""Ending in order when the system asks for it.

Knows: SIGINT and SIGTERM. Must not know: what runs. `client.run()` and the command use it.
"""

import asyncio
import contextlib
import signal
from collections.abc import Coroutine
from typing import Any

_STOP = (signal.SIGINT, signal.SIGTERM)


async def until_stopped(work: Coroutine[Any, Any, None]) -> None:
    """Run `work` to its end, or cancel it at the first SIGINT or SIGTERM; raise what it raises.

    Where signals can't be handled (another thread, another system) they do what they always do.
    """
    loop = asyncio.get_running_loop()
    task = loop.create_task(work, name="deribit_ws until stopped")
    stopped = False

    def stop() -> None:
        nonlocal stopped
        stopped = True
        task.cancel()

    handled = []
    for number in _STOP:
        with contextlib.suppress(NotImplementedError, ValueError, RuntimeError):
            loop.add_signal_handler(number, stop)
            handled.append(number)
    try:
        await task
    except asyncio.CancelledError:
        if not stopped:
            raise
    finally:
        for number in handled:
            loop.remove_signal_handler(number)
