"""A live set of instruments: those of one kind and currency that its owner chose.

Knows: which instruments it has, and who watches it. Must not know: how they are read or told, channels,
patterns. Users hold one, `handlers` lets it stand for a placeholder, `universe` feeds it.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Literal, get_args

from deribit_ws.errors import UsageError
from deribit_ws.universe.listing import Change
from deribit_ws.wire.channels import Pattern
from deribit_ws.wire.instruments import Instrument

Kind = Literal["future", "option", "spot", "future_combo", "option_combo", "any"]
Where = Callable[[Instrument], object]
Watcher = Callable[[Sequence[str], Sequence[str]], None]
Report = Callable[[Exception], None]

_CURRENCY = Pattern("{currency}")


class Instruments:
    """The instruments of a kind and currency that exist now. Made by `Client.instruments`.

    It is filled when the client connects, and read again on every later connection; meanwhile it follows
    what the exchange tells. While the link is down it stays as it was. Iterating gives names, and goes
    over those of its beginning when the set changes under it.

    Args:
        kind: "option", "future", …, or "any".
        currency: "BTC", "USDC", …, or "any".
        where: chooses among them, by truth; asked at each read, when one is new or changes its state, and
            by `review()`: a choice that reads the clock needs that from time to time.

    Raises:
        UsageError: there is no such kind, `currency` can't be one, or `where` can't be called.
    """

    def __init__(self, kind: Kind, currency: str, *, where: Where | None = None) -> None:
        if kind not in get_args(Kind):
            raise UsageError(f"kind {kind!r}: one of {', '.join(get_args(Kind))}")
        _check_currency(currency)
        if where is not None and not callable(where):
            raise UsageError(f"where: {where!r} can't be called")
        self.kind = kind
        self.currency = currency
        self._where = where
        self._members: dict[str, Instrument] = {}
        self._watchers: list[Watcher] = []
        self._settled = asyncio.Event()  # it is ready, or `_error` says why not
        self._error: Exception | None = None
        self._ask_again: Callable[[], None] | None = None  # set by the universe that feeds it
        self.ready = False  # it has been filled at some time

    def __repr__(self) -> str:
        return f"<Instruments {self.kind} {self.currency}: {len(self)}>"

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __len__(self) -> int:
        return len(self._members)

    def __contains__(self, name: object) -> bool:
        return name in self._members

    def __getitem__(self, name: str) -> Instrument:
        return self._members[name]

    @property
    def instruments(self) -> Mapping[str, Instrument]:
        """Each by its name, as last told; a view, which changes with the set."""
        return MappingProxyType(self._members)

    def names(self) -> tuple[str, ...]:
        """Give the names it has now."""
        return tuple(self._members)

    async def wait_ready(self) -> None:
        """Wait until it has been filled.

        Raises:
            RpcError: the exchange refused to list it, for a reason that does not pass, e.g. of a currency
                that there is not; each later connection asks again.
            UsageError: the client was closed first.
            DeribitError: something else ended the client first.
        """
        await self._settled.wait()
        if not self.ready and self._error is not None:
            raise self._error.with_traceback(None)  # raised to many: its traceback must not grow

    def watch(self, watcher: Watcher) -> Callable[[], None]:
        """Call `watcher` with the names added and removed, just after each change; give what ends that."""
        self._watchers.append(watcher)

        def end() -> None:
            if watcher in self._watchers:
                self._watchers.remove(watcher)

        return end

    def review(self) -> None:
        """Ask `where` again of every instrument there is, and tell at once what that adds and removes.

        For a choice that changes by itself. What `where` raises goes to `on_error`, and leaves the
        instrument as it was. Costs one call of `where` for each listed instrument of the kind and currency.
        """
        if self._ask_again is not None:
            self._ask_again()

    # --- for the universe alone

    def _take(self, change: Change, report: Report) -> tuple[list[str], dict[str, str]]:
        """Follow a change; give the names added, and those removed with the state that each had.

        `report` is told of what fails in `where` and in watchers.
        """
        added: list[str] = []
        removed = {name: state for name, state in change.gone.items() if self._members.pop(name, None)}
        for name, instrument in self._judged(change.news, report):
            if instrument is None:
                removed[name] = change.news[name].state or ""
                del self._members[name]
            else:
                if name not in self._members:
                    added.append(name)
                self._members[name] = instrument
        if added or removed:
            self._tell(added, tuple(removed), report)
        return added, removed

    def _settle(self, error: Exception | None = None) -> None:
        """It is filled; or, with an error, will not be unless something changes."""
        self.ready = self.ready or error is None
        self._error = error
        self._settled.set()

    def _judged(
        self, news: Mapping[str, Instrument], report: Report
    ) -> Iterator[tuple[str, Instrument | None]]:
        """Give each instrument that is in the set now, and None for each that is no longer."""
        failure: Exception | None = None
        for name, instrument in news.items():
            try:
                chosen = self._where is None or bool(self._where(instrument))
            except Exception as error:  # one that can't be judged stays as it was
                failure, chosen = failure or error, name in self._members
            if chosen or name in self._members:
                yield name, instrument if chosen else None
        if failure is not None:  # once, though it may have failed on thousands
            report(failure)

    def _tell(self, added: Sequence[str], removed: Sequence[str], report: Report) -> None:
        for watcher in tuple(self._watchers):
            if watcher in self._watchers:  # not ended by one before it
                try:
                    watcher(added, removed)
                except Exception as error:  # one watcher's touches nothing else
                    report(error)


def _check_currency(currency: str) -> None:
    if not isinstance(currency, str):
        raise UsageError(f"currency {currency!r}: not a string")
    _CURRENCY.checked({"currency": currency})
    # Which coins there are is the exchange's to say; how they are written is known.
    written = "any" if currency.lower() == "any" else currency.upper()
    if currency != written:
        raise UsageError(f"currency {currency!r}: it is written {written!r}")
