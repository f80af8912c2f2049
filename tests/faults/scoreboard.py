"""All rows of the scoreboard, each from the room that plays it.

Knows which rooms there are, and which rows are played by programs of their own. Must not know what any does.
"""

import functools
import importlib

from tests.faults import autobahn, kernel
from tests.faults.row import ROWS, alone
from tests.faults.stage import HALF_OPEN_SECONDS, HARD_SECONDS, Layer
from tests.lifetime.rows import cancelled_everywhere, left_anyhow, signalled
from tests.security.rows import refused_certificates
from tests.soak.rows import thousand_drops

# Rooms that enter their rows by being imported.
ROOMS = (
    "connect",
    "disconnect",
    "names",
    "staying",
    "bad_bytes",
    "oddities",
    "sizes",
    "integrity",
    "load",
    "burst",
    "backfill",
    "session",
    "account",
    "blocking",
    "own_side",
)
STRIDE = 20  # of the points at which row 45 cancels; each seed begins at another, so that 20 have them all
SLOW_SEEDS = 5  # of what takes tens of seconds of real time each
KERNEL_TITLES = {
    11: "half-open: no data, no FIN",
    12: "half-open one way",
    13: "server stopped for 5 s or 60 s, then continued",
    43: "the wall clock steps by an hour, to and fro",
    48: "no descriptors, no memory; callbacks that raise; 8 clients in one loop",
}


def enter_all() -> None:
    """Have every row known; may be called again."""
    if ROWS:
        return
    for room in ROOMS:
        importlib.import_module(f"tests.faults.{room}")
    alone(3, "TLS: bad, expired certificate, wrong host", Layer.SOCKETS, refused_certificates)
    alone(18, "1,000 drops in a row, of any kind", Layer.MEMORY, thousand_drops, bound=HARD_SECONDS)
    alone(26, "Autobahn's cases", Layer.SOCKETS, autobahn.autobahn, why_not=autobahn.why_not, most_seeds=1)
    everywhere = functools.partial(cancelled_everywhere, stride=STRIDE)
    alone(45, "cancelled at every await", Layer.MEMORY, everywhere)
    alone(46, "break, aclose, dropped, in each phase", Layer.MEMORY, left_anyhow)
    alone(47, "SIGINT and SIGTERM in each phase; fork", Layer.SOCKETS, signalled, most_seeds=SLOW_SEEDS)
    for number, play in kernel.KERNEL_ROWS.items():
        bound = HALF_OPEN_SECONDS if number in (11, 12, 13) else None
        why_not = functools.partial(kernel.why_not, number)
        title = KERNEL_TITLES[number]
        alone(number, title, Layer.KERNEL, play, bound=bound, why_not=why_not, most_seeds=SLOW_SEEDS)
