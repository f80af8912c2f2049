"""What lives on a connection: rebuilt in order on each new one, and kept up while it lives.

Knows: the order (liveness first, so that a stalled login is found), and which refusals the rest of a
link can live with. Must not know: how links are dialled or lost. `lifecycle` owns one, and gives each
new connection's `call`.
"""

import asyncio
import logging
from collections.abc import Coroutine, Mapping
from typing import Any, Protocol

from deribit_ws.client.logins import NOT_LOGGED_IN, LoginKeeper
from deribit_ws.errors import AuthError, CallError, RpcError
from deribit_ws.handlers.registry import Registry
from deribit_ws.limits import Limits
from deribit_ws.universe import Universe
from deribit_ws.wire.channels import is_private
from deribit_ws.wire.errors import is_passing
from deribit_ws.wire.methods import Call

logger = logging.getLogger("deribit_ws.client")

_LEARN_AGAIN_SECONDS = 30.0  # where the answer did not come, or was a passing refusal
_LEARN_SECONDS = 3600.0  # Deribit sets the matching engine's rates anew every hour
# What a login gave may end with it, and no word is said on private channels: so something private is asked.
_CHECK_SECONDS = 20.0  # about as long as a silent link is trusted
_CHECKS = {
    "account:read": "private/get_account_summary",
    "trade:read": "private/get_open_orders_by_currency",
}  # by what the login must cover


class Recovery(Protocol):
    """A room that makes good what a drop cost it: books, trades, the account's own orders."""

    async def prepare(self, call: Call) -> None:
        """Take what must be known before channels are subscribed; raise what makes the link useless."""

    async def keep(self, call: Call) -> None:
        """Recover, once the link is live, and go on while it lives; raise what makes it useless."""

    def disconnected(self) -> None:
        """The link is gone, and all it brought was handed out."""

    def doubt(self, channel: str | None) -> None:
        """A message came that nobody can read: of this channel; None where it may have been of any."""

    def end(self, error: Exception) -> None:
        """No other link will come, because of `error`."""


class Restorer:
    """Rebuilds what lived on the last connection.

    Args:
        registry: told of errors; its subscriptions are kept.
        logins: keeps connections logged in; None stays public.
        limits: learns the account's real rates.
        universe: the live sets of instruments, read again on each connection.
        recoveries: by name, the rooms that make good what a drop cost them.
        heartbeat: seconds, as Deribit's set_heartbeat; None arms none.
        cancel_on_disconnect: True arms it on each connection, False disarms it there; None leaves the
            account as it is.
    """

    def __init__(
        self,
        registry: Registry,
        logins: LoginKeeper | None,
        limits: Limits,
        universe: Universe,
        recoveries: Mapping[str, Recovery],
        *,
        heartbeat: int | None,
        cancel_on_disconnect: bool | None,
    ) -> None:
        self._registry = registry
        self._logins = logins
        self._limits = limits
        self._universe = universe
        self._recoveries = recoveries
        self.heartbeat = heartbeat
        self.cancel_on_disconnect = cancel_on_disconnect
        self._learn_at = 0.0  # on the loop's clock
        self.unarmed: RpcError | None = None  # no cancel-on-disconnect on this link: what acts raises it

    @property
    def login_refused(self) -> AuthError | None:
        """Why private calls can't be made, None when they can."""
        return self._logins.refused if self._logins is not None else None

    @property
    def logins(self) -> LoginKeeper | None:
        """Who keeps the client logged in; None where it is public."""
        return self._logins

    async def restore(self, call: Call, *, is_first: bool) -> None:
        """Rebuild, in order; raise what makes the connection useless, on the first also what is refused."""
        if self.heartbeat is not None:
            await self._arm_heartbeat(call)
        if self._logins is not None:
            await self._logins.restore(call, is_first=is_first)
        if self.login_refused is None:
            await self._set_cancel(call, is_first=is_first)
        subscriptions = self._registry.subscriptions
        await self._universe.restore(call)  # first: what has expired meanwhile is then not asked for
        for recovery in self._recoveries.values():
            await recovery.prepare(call)
        await subscriptions.settle(call)

    async def keep(self, call: Call) -> None:
        """Keep up what was rebuilt; ends with the connection, or raises what makes it useless."""
        keepers: dict[str, Coroutine[Any, Any, None]] = {
            "subscriptions": self._registry.subscriptions.keep(self._renewing(call)),
            "instruments": self._universe.keep(call),
            "freshness": self._registry.freshness.keep(),
            **{name: recovery.keep(self._renewing(call)) for name, recovery in self._recoveries.items()},
        }
        if self._logins is not None:
            keepers |= {
                "login": self._logins.keep(call, self._after_lapse),
                "login check": self._check_login(self._renewing(call)),
                "limits": self._learn(call),
            }
        try:
            async with asyncio.TaskGroup() as group:
                for name, work in keepers.items():
                    group.create_task(work, name=f"deribit_ws {name}")
        except BaseExceptionGroup as several:
            raise several.exceptions[0] from None  # one fault is enough to make the link useless

    def _renewing(self, call: Call) -> Call:
        """Make a call that has the login renewed when it meets the end of one."""
        logins = self._logins
        if logins is None:
            return call

        async def renewing(method: str, params: Mapping[str, Any]) -> Any:
            number = logins.number
            try:
                return await call(method, params)
            except AuthError as error:
                if error.code != NOT_LOGGED_IN or not await logins.renewal(method, number):
                    raise
            return await call(method, params)

        return renewing

    def disconnected(self) -> None:
        """Forget what was the connection's alone."""
        if self._logins is not None:
            self._logins.disconnected()
        for recovery in self._recoveries.values():
            recovery.disconnected()

    def doubt(self, channel: str | None) -> None:
        """Let who may have lost something know that a message can't be read, of a channel or of any."""
        for recovery in self._recoveries.values():
            recovery.doubt(channel)

    def end(self, error: Exception) -> None:
        """Let nobody wait for what only another connection would bring."""
        self._universe.end(error)
        for recovery in self._recoveries.values():
            recovery.end(error)

    async def _after_lapse(self, call: Call) -> None:
        """Rebuild what a time without a login may have cost: what becomes of it is not documented."""
        await self._set_cancel(call, is_first=False)
        self._registry.subscriptions.resync_private()

    async def _arm_heartbeat(self, call: Call) -> None:
        try:
            await call("public/set_heartbeat", {"interval": self.heartbeat})
        except RpcError as error:
            if is_passing(error.code):
                raise
            self._registry.events.report(error)  # our own watch over silence goes on without it

    async def _set_cancel(self, call: Call, *, is_first: bool) -> None:
        """Set cancel-on-disconnect; refused on a later connection, go on without what could act."""
        if self.cancel_on_disconnect is None:
            return
        verb = "enable" if self.cancel_on_disconnect else "disable"
        try:
            await call(f"private/{verb}_cancel_on_disconnect", {"scope": "connection"})
            self.unarmed = None
        except RpcError as error:
            if is_first or is_passing(error.code):
                raise
            if self.unarmed is None:
                self._registry.events.report(error)
            self.unarmed = error

    async def _check_login(self, renewing: Call) -> None:
        """Ask for something private while such channels are wanted: a login that has ended is renewed."""
        assert self._logins is not None
        while True:
            await asyncio.sleep(_CHECK_SECONDS)
            method = next((method for scope, method in _CHECKS.items() if self._logins.may(scope)), None)
            if method is not None and any(map(is_private, self._registry.subscriptions.wanted)):
                try:
                    await renewing(method, {"currency": "BTC"})
                except CallError as error:  # only that it was no 13009 matters
                    logger.debug("the login's check: %s", error)
                    if isinstance(error, AuthError) and error.code == NOT_LOGGED_IN:
                        self._logins.blame(method)  # on a new login too

    async def _learn(self, call: Call) -> None:
        """Read the account's own rates once an hour, where the key may."""
        assert self._logins is not None
        loop = asyncio.get_running_loop()
        while self._logins.may("account:read"):
            await asyncio.sleep(max(0.0, self._learn_at - loop.time()))
            self._learn_at = loop.time() + _LEARN_SECONDS
            try:
                summary = await call("private/get_account_summary", {"currency": "BTC"})
            except CallError as error:  # the rates for everyone are used on
                logger.debug("the account's limits: %s", error)
                if not isinstance(error, RpcError) or is_passing(error.code):
                    self._learn_at = loop.time() + _LEARN_AGAIN_SECONDS
            else:
                limits = summary.get("limits") if isinstance(summary, dict) else None
                if isinstance(limits, dict):
                    self._limits.learn(limits)
