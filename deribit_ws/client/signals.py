"""Ending in order when the system asks for it.

Knows: SIGINT and SIGTERM. Must not know: what runs. `client.run()` uses it; the command has its own.
"""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

_STOP = (signal.SIGINT, signal.SIGTERM)


def forget(stuck: Iterable[asyncio.Task[Any]]) -> None:
    """Let the loop end without tasks that heed no cancellation: `asyncio.run` would wait on."""
    for task in stuck:
        if not task.done():
            task._log_destroy_pending = False  # type: ignore[attr-defined]  # asyncio's own; it was told of
            asyncio._unregister_task(task)


async def until_stopped(work: Coroutine[Any, Any, None], told: Callable[[], object]) -> None:
    """Run `work` to its end, or have it `told` and cancelled at SIGINT or SIGTERM; raise what it raises.

    Where signals can't be handled (another thread, another system) they do what they always do.
    """
    loop = asyncio.get_running_loop()
    task = loop.create_task(work, name="deribit_ws until stopped")
    stopped = False

    def stop() -> None:
        nonlocal stopped
        stopped = True
        told()
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
