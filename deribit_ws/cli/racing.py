"""Several things that run side by side until the first of them ends.

Knows: tasks. Must not know: what they do. `tail` and the demo end this way.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any


async def until_first_ends(*parts: Coroutine[Any, Any, Any], name: str) -> None:
    """Run `parts` as tasks of this name until one ends, cancel the others, and raise what it raised."""
    tasks = [asyncio.create_task(part, name=name) for part in parts]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
