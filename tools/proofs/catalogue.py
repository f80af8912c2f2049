"""Which proofs there are: what each promises, and how to run it, at full size and quickly.

Knows: the programs of the tests, and their options. Must not know: how they are run or told (`command`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

NO_CACHE = ("-q", "-p", "no:cacheprovider")
KILLS = "buy, edit, cancel x 5 moments"
ANY_LOST = r"lost [1-9]"  # the scenario judges only that what is lost was declared


@dataclass(frozen=True, slots=True)
class Run:
    """One way to run a proof.

    Args:
        what: seeds and counts, in words.
        words: what follows the interpreter on the command line.
        seconds: about what it takes on two slow cores.
        environ: variables it is given.
    """

    what: str
    words: tuple[str, ...]
    seconds: float
    environ: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Proof:
    """Something that must hold.

    Args:
        denies: a regular expression; where it is in the output the proof has failed, whatever its status.
    """

    name: str
    promise: str
    full: Run
    quick: Run
    denies: str = ""


def _module(what: str, line: str, seconds: float) -> Run:
    return Run(what, ("-m", *line.split()), seconds)


def _tests(what: str, node: str, seconds: float, limit: int = 60, **environ: str) -> Run:
    return Run(what, ("-m", "pytest", *NO_CACHE, "--timeout", str(limit), node), seconds, environ)


def _books(sequences: int, seconds: float) -> Run:
    node, limit = "tests/books/test_random_sequences.py", 3600
    environ = {"DERIBIT_BOOK_SEQUENCES": str(sequences), "DERIBIT_BOOK_SEED": "0"}
    return _tests(f"{sequences:,} sequences from seed 0", node, seconds, limit, **environ)


ONE_GAP = _tests(
    "a gap on 1 of 100",
    "tests/books/test_live_books.py::test_one_gap_of_a_hundred",
    3,
)

PROOFS = (
    Proof(
        "trades",
        "trades delivered + lost = made, each once, in order; lost 0",
        _module(
            "20 seeds x 100,000 trades x 20 instruments x 50 cuts", "tests.trades.scenario --seeds 20", 240
        ),
        _module(
            "2 seeds x 5,000 trades x 10 cuts", "tests.trades.scenario --seeds 2 --trades 5000 --cuts 10", 5
        ),
        denies=ANY_LOST,
    ),
    Proof(
        "trades-sockets",
        "the same over sockets, retry_seconds=0.05",
        _module(
            "20 seeds x 100,000 trades x 20 instruments x 50 cuts",
            "tests.trades.scenario --seeds 20 --sockets",
            1150,
        ),
        _module(
            "1 seed x 3,000 trades x 8 cuts",
            "tests.trades.scenario --seeds 1 --trades 3000 --cuts 8 --disturbances 10 --sockets",
            10,
        ),
        denies=ANY_LOST,
    ),
    Proof(
        "books",
        "whatever comes, a valid book is the exchange's at its change_id",
        _books(10_000, 5),
        _books(500, 2),
    ),
    Proof("one-gap", "a gap on one book costs the others nothing", ONE_GAP, ONE_GAP),
    Proof(
        "kills",
        "a call killed at any moment ends right, and acts once",
        _module(f"{KILLS} x 200, seed 1", "tests.orders.kills --times 200", 50),
        _module(f"{KILLS} x 5, seed 1", "tests.orders.kills --times 5", 5),
    ),
    Proof(
        "kills-sockets",
        "the same over sockets",
        _module(f"{KILLS} x 200, seed 1", "tests.orders.kills --times 200 --sockets", 600),
        _module(f"{KILLS} x 2, seed 1", "tests.orders.kills --times 2 --sockets", 15),
    ),
    Proof(
        "own-orders",
        "own fills and the states of orders are the ledger's",
        _module("20 seeds x 20 cuts", "tests.orders.recovery_game --seeds 20 --cuts 20", 100),
        _module("3 seeds x 5 cuts", "tests.orders.recovery_game --seeds 3 --cuts 5", 10),
    ),
    Proof(
        "orders-stairway",
        "cut after every N bytes of an order's life",
        _module(
            "every 13th byte, each way, by RST, FIN and silence", "tests.orders.stairway --stride 13", 300
        ),
        _module("every 500th byte", "tests.orders.stairway --stride 500", 10),
    ),
    Proof(
        "stairway",
        "cut after every N bytes of everything at once",
        _module(
            "seed 0, every 13th byte and around each frame's end",
            "tests.recovery.stairway --stride 13 --edges --jobs 2",
            600,
        ),
        _module("seed 0, every 2,000th byte", "tests.recovery.stairway --stride 2000", 10),
    ),
    Proof(
        "stairway-sockets",
        "the same over sockets",
        _module("seed 0, every 197th byte", "tests.recovery.stairway --stride 197 --sockets", 95),
        _module("seed 0, every 5,000th byte", "tests.recovery.stairway --stride 5000 --sockets", 10),
    ),
    Proof(
        "demo",
        "the demo adds up",
        _module("as `make demo` runs it", "deribit_ws demo", 22),
        _module("6 seconds of it", "deribit_ws demo --seconds 6", 8),
    ),
)
