"""All rows of the scoreboard, each from the room that plays it.

Knows which rooms there are, and which rows are played by programs of their own. Must not know what any does.
"""

import importlib
import importlib.util

from tests.faults.row import ROWS

# Rooms that enter their rows by being imported.
ROOMS = ("connect", "disconnect", "bad_bytes", "integrity", "load", "session", "own_side")


def enter_all() -> None:
    """Have every row known; may be called again."""
    if ROWS:
        return
    for room in ROOMS:
        if importlib.util.find_spec(f"tests.faults.{room}"):
            importlib.import_module(f"tests.faults.{room}")
