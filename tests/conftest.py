"""What every test is held to: it leaves no task, no socket and no unheard error behind, and blocks no loop.

Knows pytest and asyncio. Must not know the package, beyond the names blockbuster watches.
"""

import asyncio
import gc
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from blockbuster import BlockBuster, blockbuster_ctx
from pytest_asyncio import is_async_test

ROOT = Path(__file__).resolve().parent.parent
OPEN_FILES = Path("/proc/self/fd")  # where there is none (macOS, Windows), sockets go unwatched


def open_sockets() -> set[str]:
    """The sockets this process holds, each by a name the kernel does not soon give again."""
    names = set()
    for entry in OPEN_FILES.iterdir() if OPEN_FILES.is_dir() else ():
        with suppress(FileNotFoundError):  # the descriptor that lists the folder is gone by now
            names.add(str(entry.readlink()))
    return {name for name in names if name.startswith("socket:")}


@pytest.fixture
def loop_errors(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """What any event loop complained of; a test that provokes a complaint asserts it, then clears it."""
    errors: list[dict[str, Any]] = []

    def record(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        errors.append(context)

    monkeypatch.setattr(asyncio.BaseEventLoop, "default_exception_handler", record)
    yield errors
    gc.collect()  # an exception that nobody fetched is reported when its task is collected
    if errors:
        said = "\n".join(f"{error.get('message')}: {error.get('exception')!r}" for error in errors)
        pytest.fail(f"an event loop reported errors that nobody handled:\n{said}", pytrace=False)


@pytest.fixture
async def _loop_left_clean() -> AsyncIterator[None]:
    sockets = open_sockets()
    yield
    for _ in range(5):  # what was closed or cancelled in the test's last breath may finish
        await asyncio.sleep(0)
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for _ in range(50):  # the peer of a closed socket hears of it a few rounds later
        if not open_sockets() - sockets:
            break
        await asyncio.sleep(0.01)
    else:
        pytest.fail(f"left open: {open_sockets() - sockets}", pytrace=False)
    if tasks:
        pytest.fail(f"left running: {', '.join(map(repr, tasks))}", pytrace=False)


@pytest.fixture(autouse=True)
def _leaves_nothing_behind(
    request: pytest.FixtureRequest, loop_errors: list[dict[str, Any]]
) -> Iterator[None]:
    if is_async_test(request.node):
        request.getfixturevalue("_loop_left_clean")
        yield
        return
    asyncio.set_event_loop(None)  # else looptime asks for the current loop, which makes one and leaves it
    sockets = open_sockets()
    yield
    left = open_sockets() - sockets
    if left:
        pytest.fail(f"left open: {left}", pytrace=False)


@pytest.fixture(autouse=True)
def blockbuster() -> Iterator[BlockBuster]:
    """Fails what blocks the loop below a frame of the package; a test that means to block deactivates it.

    The command line and the simulated exchange may touch files: they are no part of a user's loop.
    """
    excluded = ["deribit_ws.cli", "deribit_ws.testing"]
    with blockbuster_ctx("deribit_ws", excluded_modules=excluded) as watch:
        # Coverage's own, which it takes in the midst of a function of the package that a thread runs first.
        watch.functions["threading.Lock.acquire"].can_block_in("coverage/collector.py", "lock_data")
        yield watch


@pytest.fixture(scope="session")
def captures() -> Path:
    """The folder of recorded sessions: $DERIBIT_CAPTURES, or the one beside the repository; skips without."""
    folder = Path(os.environ.get("DERIBIT_CAPTURES", ROOT.parent / "shared" / "captures"))
    if not folder.is_dir():
        pytest.skip("no recorded sessions here: set DERIBIT_CAPTURES to their folder")
    return folder


def pytest_configure() -> None:
    # A shell starts background jobs with SIGINT ignored, which every process a test starts would inherit.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    gc.freeze()  # what importing made is never garbage: the collection after each test stays quick


@pytest.fixture(autouse=True, scope="module")
def _kept_is_not_searched_again() -> Iterator[None]:
    """Keeps the collection after each test as quick for the last module as for the first.

    What a module leaves for the whole run (reports, caches, sources that hypothesis parsed: half a million
    objects) cost each later test 0.4 s, most of the suite, and halted the loop of tests on real time.
    """
    yield
    gc.collect()
    gc.freeze()
