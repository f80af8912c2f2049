"""One call on its way through the methods, and what the methods may reach.

Knows: the parts of the exchange a method needs, and what it needs of its caller. Must not know:
sockets, envelopes, the methods themselves. `service` and `http` make calls, `methods` runs them.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, Protocol, TypeAlias

from deribit_ws.testing.clock import Clock
from deribit_ws.testing.credits import Credits, Holder
from deribit_ws.testing.engine import Engine
from deribit_ws.testing.envelope import UNAUTHORIZED, Refusal
from deribit_ws.testing.faults import Standing
from deribit_ws.testing.hub import Hub
from deribit_ws.testing.ledger import Ledger
from deribit_ws.testing.logins import Login, Logins
from deribit_ws.testing.market import Market
from deribit_ws.testing.matching import MatchingQueue, Place
from deribit_ws.testing.params import Params
from deribit_ws.testing.proofs import Proofs


@dataclass(frozen=True, slots=True)
class Venue:
    """What all connections share."""

    market: Market
    hub: Hub
    engine: Engine
    ledger: Ledger
    logins: Logins
    proofs: Proofs
    credits: Credits
    standing: Standing  # faults that concern every connection
    rng: Random
    clock: Clock
    queue: MatchingQueue = field(default_factory=MatchingQueue)
    cancelling_users: set[int] = field(default_factory=set)  # with cancel-on-disconnect for the account
    answers: Mapping[str, "Method"] = field(default_factory=dict)  # in place of the usual ones


class Caller(Protocol):
    """The websocket connection a call came by."""

    number: int
    login: Login | None
    cancel_on_disconnect: bool

    @property
    def dropped_channels(self) -> set[str]:
        """What a fault leaves out of its subscriptions."""

    @property
    def channels(self) -> Collection[str]:
        """What it is subscribed to."""

    def beat(self, interval: float | None) -> None:
        """Start heartbeats of so many seconds, or stop them."""

    def tested(self) -> None:
        """Note that public/test was called."""

    def subscribe(self, channel: str) -> None:
        """Begin to receive a channel."""

    def unsubscribe(self, channel: str) -> None:
        """Receive it no more."""

    def leave(self) -> None:
        """End the connection politely."""


@dataclass(slots=True)
class Call:
    """A call and its circumstances; `connection` None for plain HTTP, `address` that of the client.

    A method may put what must follow its answer into `after`, and forbid the answer (`silent`).
    """

    venue: Venue
    params: Params
    connection: Caller | None
    address: str
    after: list[Callable[[], None]] = field(default_factory=list)
    silent: bool = False
    place: Place | None = None  # in the matching engine's queue
    arrived_as: Login | None = None  # who called, of a call that has waited since

    @property
    def caller(self) -> Caller:
        """The connection of a method that exists only on websockets."""
        assert self.connection is not None, "websocket-only methods are refused on HTTP before they run"
        return self.connection

    @property
    def number(self) -> int | None:
        """The number of its connection."""
        return self.connection.number if self.connection else None

    def login(self) -> Login | None:
        """Who calls: by the token in the parameters, else as the connection is logged in."""
        if self.arrived_as is not None:
            return self.arrived_as
        if "access_token" in self.params:
            return self.venue.logins.check(self.params.text("access_token"), self.number)
        login = self.connection.login if self.connection else None
        return login if login and self.venue.logins.valid(login) else None

    def required_login(self) -> Login:
        """Who calls; refuses with 13009 what only an account may do."""
        login = self.login()
        if login is None:
            raise Refusal(UNAUTHORIZED, {"reason": "invalid_token"})
        return login

    def holder(self) -> Holder:
        """Whose credits it uses: the user's, or the address's where nobody is logged in."""
        try:
            login = self.login()
        except Refusal:
            login = None
        return login.user_id if login else self.address


Method: TypeAlias = Callable[[Call], Any]
