"""What one test has open: entered in order, left in the reverse order on the loop it was entered on.

Knows: pytest's items, and when they end. Must not know: what is entered, beyond that it is an async
context manager. What is opened in the body of a test is closed at the end of the body, within the same run
of the loop and so in the same time, virtual or not. What is opened in a fixture stays for that fixture's own
teardown, and is closed after it, before the loop is.
"""

import asyncio
import functools
import inspect
import traceback
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, contextmanager
from typing import Any, TypeVar

import pytest

from deribit_ws.errors import UsageError

T = TypeVar("T")
Test = Callable[..., Awaitable[Any]]

CLIENT_TASK = "deribit_ws client"  # how a client that is open calls its task
SHOWN = 3  # of what callbacks raised; one that fails at each message says the same again and again


class Stage:
    """The open things of one test.

    Args:
        item: the test.

    Attributes:
        errors: what was told to `on_error` of the clients made here.
        expected: the kinds of it that the test means to provoke.
        stories: what to tell of a test that failed, for each exchange that it has; each gives lines.
        told: what they told when the test's body failed last.
    """

    def __init__(self, item: pytest.Item) -> None:
        self._item = item
        self._loop: asyncio.AbstractEventLoop | None = None
        self._exits: AsyncExitStack | None = None  # of the body, while it runs
        self._lasting: AsyncExitStack | None = None  # of the fixtures
        self.errors: list[Exception] = []
        self.expected: tuple[type[Exception], ...] = ()
        self.stories: list[Callable[[], list[str]]] = []
        self.told = ""

    @property
    def name(self) -> str:
        """The test's id without its folders, which depend on where pytest was started."""
        return self._item.nodeid.rpartition("/")[2]

    @contextmanager
    def around_the_test(self) -> Iterator[None]:
        """Stand around the test's function, where it is a coroutine function."""
        owner, name = self._item, "obj"
        test = getattr(owner, name)
        if hasattr(test, "hypothesis"):  # there each example is a run of its own
            owner, name = test.hypothesis, "inner_test"
            test = getattr(owner, name)
        if inspect.iscoroutinefunction(test):
            setattr(owner, name, self._around(test))
        yield
        setattr(owner, name, test)

    async def enter(self, thing: AbstractAsyncContextManager[T]) -> T:
        """Enter a thing, to be left when the test, or the fixture, ends.

        Raises:
            UsageError: the test has things open on another loop, or is to run in another time than this.
        """
        self._settle(asyncio.get_running_loop())
        if self._exits is not None:
            return await self._exits.enter_async_context(thing)
        if self._lasting is None:
            self._lasting = AsyncExitStack()
            # Finalizers of an item run newest first. The loop is older than this one, so it is open still;
            # the fixture that is being set up adds its own after this one, so it has ended by then.
            self._item.addfinalizer(self._finish)
        return await self._lasting.enter_async_context(thing)

    def _settle(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._loop not in (None, loop):
            raise UsageError(
                "the exchange and its clients need one loop: give test and fixtures one loop_scope"
            )
        marker = self._item.get_closest_marker("looptime")
        if marker and marker.args != (False,) and getattr(loop, "looptime_on", None) is False:
            raise UsageError(
                "only the body of a test is in virtual time: make the exchange and clients there"
            )
        self._loop = loop

    def _around(self, test: Test) -> Test:
        @functools.wraps(test)
        async def on_stage(*args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            others, before = asyncio.all_tasks(), len(self.stories)
            self._exits = exits = AsyncExitStack()
            try:
                async with exits:
                    result = await test(*args, **kwargs)
                self._judge()
                self._look_for_clients(others)
            except BaseException:
                self.told = self._story()
                raise
            finally:
                self._exits = None
                del self.stories[before:]  # the next example of hypothesis begins as this one did
            return result

        return on_stage

    def _finish(self) -> None:
        lasting, self._lasting = self._lasting, None
        assert lasting is not None and self._loop is not None
        if self._loop.is_closed():
            pytest.fail("an exchange or client was left open on a loop that is closed", pytrace=False)
        self._loop.run_until_complete(lasting.aclose())
        self._judge()

    def _judge(self) -> None:
        """Fail the test for what its callbacks raised: a client goes on after it, a test must not."""
        if said := self._raised():
            pytest.fail(f"callbacks raised what the test did not expect:\n\n{said}", pytrace=False)

    def _raised(self) -> str:
        """Give what callbacks raised, as it is shown, and forget it."""
        unexpected = (error for error in self.errors if not isinstance(error, self.expected))
        raised = [error for error in unexpected if _in_callback(error)]
        self.errors.clear()
        said = ["".join(traceback.format_exception(error)) for error in raised[:SHOWN]]
        return "\n".join([*said, f"and {len(raised) - SHOWN} more"] if len(raised) > SHOWN else said)

    def _look_for_clients(self, others: set[asyncio.Task[Any]]) -> None:
        """Warn of clients that the test made itself and left open: the test may be true all the same."""
        left = [task for task in asyncio.all_tasks() - others if task.get_name() == CLIENT_TASK]
        if left:
            what = f"{len(left)} clients are" if len(left) > 1 else "a client is"
            said = f"{what} still open at the end of the test: use `async with`, or deribit_client"
            self._item.warn(pytest.PytestWarning(said))

    def _story(self) -> str:
        stories = ["\n".join(story()) for story in self.stories]
        if said := self._raised():
            stories.append(f"and its callbacks raised:\n{said}")
        return "\n\n".join(stories)


def _in_callback(error: Exception) -> bool:
    return any(note.startswith("in callback ") for note in getattr(error, "__notes__", ()))
