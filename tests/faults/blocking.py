"""Blocking the event loop, really or as it looks in virtual time.

Knows the loop's clock. Must not know what is played.
"""

import asyncio
import time
from typing import Any

from tests.faults.stage import Layer, Stage


def block(stage: Stage, seconds: float) -> None:
    """Let time pass without anything else running."""
    if stage.layer is Layer.MEMORY:
        loop: Any = asyncio.get_running_loop()
        loop.setup_looptime(start=loop.time() + seconds)
    else:
        time.sleep(seconds)
